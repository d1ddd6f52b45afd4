"""Observed values: each goes to every condition that shares its source, and what it changes becomes entries and tasks.

A condition's state, its entry in the ledger, its task and the value that moved it are one transaction. The states in
memory are those of the store: where the transaction fails, they are put back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NoReturn

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.followers import CONDITION_WATCHED
from triggerx.core.job import ConditionTrigger, JobStatus
from triggerx.core.ledger import Outcome, Reason, Ruling
from triggerx.core.terms import JobTerms
from triggerx.events import Event
from triggerx.ports.store.jobs import TriggerKind
from triggerx.ports.store.ledger import ConditionRow, Observation
from triggerx.role import Services
from triggerx.triggers.condition import NEW, ConditionSpec, ConditionState, spec_of
from triggerx.triggers.condition_index import Change, ConditionIndex
from triggerx.triggers.occurrence import Frame, condition_evidence
from triggerx.triggers.sources import Source, name_of, source_of
from triggerx_engine.batch import Batch
from triggerx_engine.job_feed import PUTS_AT_ONCE, JobFeed
from triggerx_engine.prices import Prices
from triggerx_engine.shelf import set_aside

STATES_PER_READ: Final = 5_000
CHANGES_PER_TRANSACTION: Final = 200  # some ten ms; a source's first value changes all of its conditions
NOTE_EVERY_S: Final = 5.0  # the newest value of a source is for people to look at; every change of a condition is kept
COOLING: Final = Ruling(outcome=Outcome.SKIPPED, reason=Reason.COOLDOWN, detail="the job's cool-down was not over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One condition job as it is in the index."""

    spec: ConditionSpec
    source: str
    trigger: ConditionTrigger


class ConditionJobs:
    """Every condition job of the engine, by source. One instance, told of values by whoever observes them."""

    def __init__(self, services: Services, prices: Prices) -> None:
        self._services = services
        self._prices = prices
        self._feed = JobFeed(services, TriggerKind.CONDITION)
        self._index = ConditionIndex()
        self._watched: dict[int, Watched] = {}
        self._sources: dict[str, Source] = {}
        self._users: dict[str, int] = {}
        self._states: dict[int, ConditionState] | None = None
        self._early: dict[str, dict[int, int]] = {}
        self._newest: dict[str, Observation] = {}
        self._noted_at = services.clock.monotonic()
        self._log = services.log.bind(loop="engine.values")

    async def listen(self) -> NoReturn:
        """Hear which jobs change, for ever; runs beside the observers."""
        await self._feed.listen()

    def sources(self) -> Mapping[str, Source]:
        """What is to be observed, by name."""
        return self._sources

    async def refresh(self) -> None:
        """Watch new and changed jobs, and no longer those that are over."""
        if self._states is None:
            self._states = await self._stored_states()
        changes = await self._feed.changes()
        for number in changes.gone:
            self._remove(number)
        for place, terms in enumerate(changes.put):
            if place % PUTS_AT_ONCE == 0:
                await self._services.clock.sleep(0)  # others are waiting, and these may be a hundred thousand
            try:
                await self._put(terms)
            except InvalidInput as error:
                await self._set_aside(terms, error)

    async def take(self, observations: Sequence[Observation]) -> None:
        """Tell every condition of these sources, of each of which there is one observation.

        Where the store refuses, the same may be told again: what was stored already does not change a second time.
        """
        moved: list[tuple[Observation, Change]] = []
        for observation in observations:
            self._newest[observation.source] = observation
            if not observation.fault and observation.source in self._sources:
                moved += [(observation, change) for change in await self._observe(observation)]
        stored = 0
        try:
            while stored < len(moved):
                await self._store(moved[stored : stored + CHANGES_PER_TRANSACTION])
                stored += CHANGES_PER_TRANSACTION
        except BaseException:  # a cancellation too leaves the states in memory to be those of the store
            for _, change in reversed(moved[stored:]):
                watched = self._watched.get(change.number)
                if watched is not None:  # its job has not ended meanwhile
                    self._index.put(change.number, watched.spec, watched.source, change.before)
            raise
        await self._note_newest()

    async def _observe(self, observation: Observation) -> list[Change]:
        changes: list[Change] = []
        value = Decimal(observation.value)
        self._begin(observation)
        while True:
            observed = self._index.observe(observation.source, value, observation.observed_at_ms)
            changes += observed.changes
            if observed.is_complete:
                return changes
            await self._services.clock.sleep(0)  # others are waiting: a source may have a hundred thousand conditions

    def _begin(self, observation: Observation) -> None:
        """Let the new conditions see this value that were created by its time: what was before is not theirs."""
        early = self._early.get(observation.source, {})
        for number in [
            number for number, created_at in early.items() if created_at * 1000 <= observation.observed_at_ms
        ]:
            del early[number]
            watched = self._watched[number]
            self._index.put(number, watched.spec, watched.source, NEW)

    async def _store(self, moved: Sequence[tuple[Observation, Change]]) -> None:
        services = self._services
        events: list[Event] = []
        async with services.store.transaction() as queries:
            batch = Batch(self._prices.around(), now_ms=services.clock.now_ms())
            numbers = sorted({change.number for _, change in moved})
            terms = {each.number: each for each in await queries.jobs.terms(numbers)}
            for observation, change in moved:
                self._enter(batch, terms[change.number], observation, change)
            await queries.conditions.save_many(_rows(moved))
            await queries.conditions.record(_distinct(observation for observation, _ in moved))
            events += await batch.write(queries)
            services.crash_point("engine.values.before-commit")
        services.crash_point("engine.values.after-commit")
        for event in events:
            await services.bus.publish(event)
        self._log.info("conditions changed", changed=len(moved), fired=len(batch.fired_keys))

    def _enter(self, batch: Batch, terms: JobTerms, observation: Observation, change: Change) -> None:
        step = change.step
        if change.before.is_true is None:
            details: dict[str, Json] = {
                "observed_at_ms": observation.observed_at_ms,
                "block_number": observation.block_number,
                "edge": change.before.edge,
            }
            batch.report(CONDITION_WATCHED, terms.job_id, details)
        evidence = condition_evidence(observation, step.state.edge)
        frame = Frame(created_at=terms.created_at, expires_at=terms.expires_at)
        if not step.is_occurrence or not frame.holds(evidence.moment):
            return
        ruling = batch.rule(terms) if step.fires else COOLING
        if ruling.outcome is Outcome.FIRED:
            batch.fire(terms, evidence)
        else:
            batch.note(batch.entry(terms, evidence, ruling))

    async def _note_newest(self) -> None:
        now = self._services.clock.monotonic()
        if now - self._noted_at < NOTE_EVERY_S:
            return
        self._noted_at = now
        newest, self._newest = self._newest, {}
        await self._services.store.conditions.note_latest(list(newest.values()))

    async def _stored_states(self) -> dict[int, ConditionState]:
        states: dict[int, ConditionState] = {}
        after = 0
        while True:
            rows = await self._services.store.conditions.states(after=after, limit=STATES_PER_READ)
            for row in rows:
                states[row.job_number] = ConditionState(is_true=row.is_true, edge=row.edge, fired_at_ms=row.fired_at_ms)
            if len(rows) < STATES_PER_READ:
                return states
            after = rows[-1].job_number

    async def _put(self, terms: JobTerms) -> None:
        trigger = terms.trigger
        if not isinstance(trigger, ConditionTrigger):
            raise InvalidInput("trigger", "only condition jobs have values")
        known = self._watched.get(terms.number)
        if known is not None and known.trigger == trigger:
            return
        source = source_of(trigger)
        watched = Watched(spec=spec_of(trigger), source=name_of(source), trigger=trigger)
        state = await self._state_of(terms.number, is_new_trigger=known is not None)
        self._remove(terms.number)
        self._watched[terms.number] = watched
        if state == NEW:
            self._early.setdefault(watched.source, {})[terms.number] = terms.created_at
        else:
            self._index.put(terms.number, watched.spec, watched.source, state)
        self._sources[watched.source] = source
        self._users[watched.source] = self._users.get(watched.source, 0) + 1

    async def _state_of(self, number: int, *, is_new_trigger: bool) -> ConditionState:
        """A restarted engine goes on from the stored state; a job with a new trigger keeps its number of edges."""
        if not is_new_trigger:
            return NEW if self._states is None else self._states.pop(number, NEW)
        row = await self._services.store.conditions.state(number)
        return NEW if row is None else ConditionState(is_true=None, edge=row.edge, fired_at_ms=row.fired_at_ms)

    def _remove(self, number: int) -> None:
        watched = self._watched.pop(number, None)
        if watched is None:
            return
        self._index.remove(number)
        self._early.get(watched.source, {}).pop(number, None)
        self._users[watched.source] -= 1
        if self._users[watched.source] == 0:
            self._early.pop(watched.source, None)
            del self._users[watched.source], self._sources[watched.source]

    async def _set_aside(self, terms: JobTerms, error: InvalidInput) -> None:
        self._remove(terms.number)
        self._log.error("job quarantined", job_id=str(terms.job_id), reason=str(error))
        async with self._services.store.transaction() as queries:
            await queries.jobs.set_status(terms.job_id, JobStatus.FAILED, reason=str(error))
            await set_aside(queries, terms, error, now=self._services.clock.now())


def _rows(moved: Iterable[tuple[Observation, Change]]) -> list[ConditionRow]:
    """The last state of each condition."""
    rows: dict[int, ConditionRow] = {}
    for observation, change in moved:
        state = change.step.state
        rows[change.number] = ConditionRow(
            job_number=change.number,
            is_true=state.is_true,
            edge=state.edge,
            fired_at_ms=state.fired_at_ms,
            value=observation.value,
            observed_at_ms=observation.observed_at_ms,
        )
    return list(rows.values())


def _distinct(observations: Iterable[Observation]) -> list[Observation]:
    return list(dict.fromkeys(observations))
