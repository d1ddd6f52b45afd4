"""The agenda: which tasks the dispatcher works on next, high priority first, with bounded memory and reading.

Rule: the store says what waits, in pages of keys. What is here are the next few, those in work, and those that rest
because they wait for something. Reads are a pause apart, however many events call for one. Where those in front all
rest, every further read looks one page further behind them, round and round, so that nothing is starved by what waits.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from triggerx.evm.types import Hash32
from triggerx.ports.store.tasks import Place, WorkableTask
from triggerx.role import Services

TASKS_PER_READ: Final = 512  # keys: some milliseconds, and more than is begun between two reads
READ_PAUSE_S: Final = 0.05  # a burst of events is one read; at most so late comes a task that is more urgent


class Agenda:
    """Keys of tasks, each handed out to one worker at a time; used by one loop."""

    def __init__(self, services: Services, *, rest_s: float) -> None:
        """Pass over a task for `rest_s` when it waits for something."""
        self._services = services
        self._rest_s = rest_s
        self._next: deque[Hash32] = deque()
        self._busy: set[Hash32] = set()
        self._resting: dict[Hash32, float] = {}
        self._is_stirred = True
        self._has_more = False
        self._round: Place | None = None
        self._read_at = float("-inf")
        self._begins_at = float("-inf")

    def stir(self) -> None:
        """Note that there may be something new in the store."""
        self._is_stirred = True

    async def take(self, count: int) -> list[Hash32]:
        """Return at most `count` tasks to work on now; each is to be given back by `leave` or `rest`."""
        if count <= 0 or self._services.clock.monotonic() < self._begins_at:
            return []
        if self._wants_to_read(count) and self._pause_s() == 0:
            await self._read(count)
        taken = [self._next.popleft() for _ in range(min(count, len(self._next)))]
        self._busy.update(taken)
        return taken

    def leave(self, task_key: Hash32) -> None:
        """Take a task back whose step is done."""
        self._busy.discard(task_key)

    def rest(self, task_key: Hash32) -> None:
        """Take a task back that waits for something."""
        self._busy.discard(task_key)
        self._resting[task_key] = self._services.clock.monotonic() + self._rest_s

    def rest_all(self) -> None:
        """Hand nothing out for a rest: what is missing, every task waits for."""
        self._begins_at = self._services.clock.monotonic() + self._rest_s

    def idle_s(self, count: int) -> float:
        """For how long `take` has nothing for `count` more workers, unless it is stirred before."""
        pause_s = self._pause_s() if count > 0 and self._wants_to_read(count) else self._rest_s
        return max(pause_s, self._begins_at - self._services.clock.monotonic())

    def _wants_to_read(self, count: int) -> bool:
        return self._is_stirred or (self._has_more and len(self._next) < count)

    def _pause_s(self) -> float:
        return max(0.0, self._read_at + READ_PAUSE_S - self._services.clock.monotonic())

    async def _read(self, count: int) -> None:
        """Read the front, and where it has too little to do, the next page behind it."""
        now_s = self._services.clock.monotonic()
        self._is_stirred, self._read_at = False, now_s
        self._resting = {key: until for key, until in self._resting.items() if until > now_s}
        front = await self._page(None)
        found = self._awake(front)
        self._has_more = len(front) == TASKS_PER_READ
        if self._has_more and len(found) < count:
            behind = await self._page(max(front[-1].place, self._round or front[-1].place))
            found += self._awake(behind)
            self._has_more = len(behind) == TASKS_PER_READ
            self._round = behind[-1].place if self._has_more else None
        self._next = deque(found)

    async def _page(self, after: Place | None) -> Sequence[WorkableTask]:
        now = self._services.clock.now()
        return await self._services.store.tasks.list_workable(now, after=after, limit=TASKS_PER_READ)

    def _awake(self, page: Sequence[WorkableTask]) -> list[Hash32]:
        return [
            each.task_key for each in page if each.task_key not in self._busy and each.task_key not in self._resting
        ]
