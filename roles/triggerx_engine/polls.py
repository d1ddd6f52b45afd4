"""Off-chain values: one request a source however many jobs share it, each asked again a while after it has answered.

What was observed is handed on in groups, so that a thousand sources that change at once are a few transactions. A
source that fails is asked ever less often, and says why; it holds up no other.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.events import JobChanged, JobCreated
from triggerx.ports.fetch import Fetched
from triggerx.ports.scripts import LANGUAGE_DEFAULT, USUAL_LIMITS, LanguageUnavailable, ScriptCall, ScriptFailed
from triggerx.ports.store.ledger import Observation
from triggerx.role import Services, WakeUp
from triggerx.triggers.json_route import BODY_BYTES_MAX, Unreadable
from triggerx.triggers.readings import Reading, value_from_body, value_from_script, value_from_static
from triggerx.triggers.sources import HttpSource, ScriptSource, Source, StaticSource, WebSocketSource
from triggerx_engine.streams import Streams
from triggerx_engine.values import ConditionJobs

FETCHES_AT_ONCE: Final = 64  # bounds connections and memory: at 100 ms an answer, 640 sources a second
SCRIPTS_AT_ONCE: Final = 4  # each is a process; the others wait their turn
ANSWER_S: Final = 2.0  # what keepers give a source too, who have to answer an order: a slower one nobody confirms
LIMITS: Final = replace(USUAL_LIMITS, time_s=ANSWER_S)
PAUSE_S_MAX: Final = 60.0  # between two attempts at a source that keeps failing
STATUS_OK: Final = range(200, 300)
Named = Sequence[tuple[str, Source]]
Observe = Callable[[Named], Awaitable[list[Observation]]]


@dataclass(slots=True)
class Turn:
    """When a request is made next (monotonic seconds), and how long the pause after a failure is."""

    due_at: float = 0.0
    pause_s: float = 0.0
    is_open: bool = False


class Polls:
    """Asks every off-chain source of `ConditionJobs`, for ever."""

    def __init__(self, services: Services, jobs: ConditionJobs, *, source_poll_s: float, script_poll_s: float) -> None:
        self._services = services
        self._jobs = jobs
        self._streams = Streams(services, self._hand_on)
        self._every_s: Mapping[type[Source], float] = {HttpSource: source_poll_s, ScriptSource: script_poll_s}
        self._slots = {
            HttpSource: asyncio.Semaphore(FETCHES_AT_ONCE),
            ScriptSource: asyncio.Semaphore(SCRIPTS_AT_ONCE),
        }
        self._observers: Mapping[type[Source], Observe] = {HttpSource: self._fetch, ScriptSource: self._run_script}
        self._turns: dict[tuple[type[Source], str], Turn] = {}
        self._ready: list[Observation] = []
        self._is_ready = asyncio.Event()
        self._log = services.log.bind(loop="engine.polls")

    async def run(self) -> NoReturn:
        """Keep the sources in mind and ask them when it is their turn."""
        wake_up = WakeUp(self._services, JobCreated, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.polls.listen")
            group.create_task(self._jobs.listen(), name="engine.polls.feed")
            group.create_task(self._hand_over(), name="engine.polls.values")
            while True:
                await self._jobs.refresh()
                sources = self._jobs.sources()
                self._streams.keep(group, sources)
                await self._take_static(sources)
                self._ask(group, sources)
                await wake_up.wait(min(self._every_s.values()))

    def _ask(self, group: asyncio.TaskGroup, sources: Mapping[str, Source]) -> None:
        now = self._services.clock.monotonic()
        wanted = _requests(sources)
        for key in self._turns.keys() - wanted.keys():
            if not self._turns[key].is_open:
                del self._turns[key]
        for key, named in wanted.items():
            turn = self._turns.setdefault(key, Turn())
            if not turn.is_open and turn.due_at <= now:
                turn.is_open = True
                turn.due_at = now + self._every_s[key[0]]
                group.create_task(self._take_turn(key, named, turn), name=f"engine.poll.{key[1]}"[:120])

    async def _take_turn(self, key: tuple[type[Source], str], named: Named, turn: Turn) -> None:
        """Ask once; the next turn is counted from when this one was due, so that waiting in line does not add up."""
        clock, kind = self._services.clock, key[0]
        async with self._slots[kind]:
            try:
                observations = await self._observers[kind](named)
                turn.pause_s = 0.0
            except (RecoverableError, InvalidInput, ScriptFailed, LanguageUnavailable) as error:
                observations = [_fault(name, str(error), clock.now_ms()) for name, _ in named]
                turn.pause_s = min(PAUSE_S_MAX, max(2 * turn.pause_s, self._every_s[kind]))
                self._log.warning("source failed", source=named[0][0], reason=str(error), again_in_s=turn.pause_s)
            self._hand_on(observations)
        turn.due_at += turn.pause_s
        turn.is_open = False

    async def _fetch(self, named: Named) -> list[Observation]:
        source = named[0][1]
        if not isinstance(source, HttpSource):
            raise TypeError(f"{named[0][0]} is no HTTP source")
        answer = await self._services.fetch.get(source.request, timeout_s=ANSWER_S, bytes_max=BODY_BYTES_MAX)
        _demand_success(answer)
        now_ms = self._services.clock.now_ms()
        return [_read(name, each, answer.body, now_ms) for name, each in named if isinstance(each, HttpSource)]

    async def _run_script(self, named: Named) -> list[Observation]:
        name, source = named[0]
        if not isinstance(source, ScriptSource):
            raise TypeError(f"{name} is no script")
        script = await self._services.script_sources.get(source.url)
        run = await self._services.scripts.run(
            script.content,
            ScriptCall(
                language=source.language or LANGUAGE_DEFAULT,
                function=source.function,
                now=self._services.clock.now(),
                limits=LIMITS,
            ),
        )
        now_ms = self._services.clock.now_ms()
        try:
            return [observation_of(name, value_from_script(run.value), now_ms)]
        except Unreadable as error:
            return [_fault(name, str(error), now_ms)]

    async def _take_static(self, sources: Mapping[str, Source]) -> None:
        now_ms = self._services.clock.now_ms()
        found = [
            observation_of(name, value_from_static(source), now_ms)
            for name, source in sources.items()
            if isinstance(source, StaticSource)
        ]
        if found:
            await self._jobs.take(found)

    def _hand_on(self, observations: Sequence[Observation]) -> None:
        self._ready += observations
        self._is_ready.set()

    async def _hand_over(self) -> NoReturn:
        """Take whatever has come in since the last time; what the store refuses for now is taken again, and no more."""
        while True:
            await self._is_ready.wait()
            self._is_ready.clear()
            waiting, self._ready = deque(_rounds(self._ready)), []
            try:
                while waiting:
                    await self._jobs.take(waiting[0])
                    waiting.popleft()
            except RecoverableError as error:
                refused = [observation for each in waiting for observation in each]
                self._log.warning("values wait", count=len(refused), reason=str(error))
                self._ready = refused + self._ready
                await self._services.clock.sleep(1.0)
                self._is_ready.set()


def _rounds(observations: Sequence[Observation]) -> list[list[Observation]]:
    """Split into rounds with at most one observation a source, each source's in their order."""
    rounds: list[list[Observation]] = []
    seen: Counter[str] = Counter()
    for observation in observations:
        place = seen[observation.source]
        seen[observation.source] += 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(observation)
    return rounds


def _requests(sources: Mapping[str, Source]) -> dict[tuple[type[Source], str], list[tuple[str, Source]]]:
    """The sources by what is asked for: those that differ in their route alone share one request."""
    wanted: dict[tuple[type[Source], str], list[tuple[str, Source]]] = defaultdict(list)
    for name, source in sources.items():
        if isinstance(source, HttpSource):
            wanted[(HttpSource, source.request)].append((name, source))
        elif isinstance(source, ScriptSource):
            wanted[(ScriptSource, name)].append((name, source))
    return wanted


def _demand_success(answer: Fetched) -> None:
    if answer.status not in STATUS_OK:
        raise RecoverableError(f"expected a status of 200 to 299, got {answer.status}")


def _read(name: str, source: HttpSource | WebSocketSource, body: bytes, now_ms: int) -> Observation:
    try:
        return observation_of(name, value_from_body(source, body), now_ms)
    except Unreadable as error:
        return _fault(name, str(error), now_ms)


def observation_of(name: str, reading: Reading, now_ms: int) -> Observation:
    """Return what was read of a source off chain."""
    return Observation(source=name, value=reading.value, observed_at_ms=now_ms, response_hash=reading.response_hash)


def _fault(name: str, reason: str, now_ms: int) -> Observation:
    return Observation(source=name, value="0", observed_at_ms=now_ms, fault=reason[:500])
