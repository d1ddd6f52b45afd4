"""The agenda: what is urgent comes first, nothing is starved, and neither events nor a flood make it read for ever."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, open_scene
from tests.unit.core.sample import DUE
from triggerx.core.admission import FIRES
from triggerx.core.evidence import TimeEvidence
from triggerx.core.ledger import new_entry
from triggerx.core.task import TaskStatus
from triggerx.evm.types import Hash32
from triggerx.ports.store.tasks import Place, WorkableTask
from triggerx_engine.agenda import READ_PAUSE_S, TASKS_PER_READ, Agenda

BODIES = {priority: replace(another(priority), priority=priority) for priority in (1, 2, 3)}
REST_S = 1.0
FLOOD = 20_000


@dataclass
class Reads:
    """What was asked of the store, in rows."""

    pages: list[int] = field(default_factory=list)


@dataclass
class Table:
    """A store with a job of each priority, whose tasks are made by their due second."""

    node: Node
    agenda: Agenda
    reads: Reads

    async def add(self, numbers: Sequence[int], *, priority: int = 2) -> list[Hash32]:
        terms = await self.node.store.jobs.terms_of(BODIES[priority].job_id)
        assert terms is not None
        dues = (DUE + 10 * number for number in numbers)
        new = [new_entry(terms, TimeEvidence(due=due), FIRES, now_ms=due * 1000) for due in dues]
        await self.node.store.ledger.add_many(new)
        await self.node.store.tasks.insert_fired(new)
        return [each.task_key for each in new]

    async def done(self, keys: Sequence[Hash32]) -> None:
        """Have these tasks attested, and their workers gone."""
        for key in keys:
            task = await self.node.store.tasks.by_key(key)
            assert task is not None
            await self.node.store.tasks.save(replace(task, status=TaskStatus.ATTESTED))
            self.agenda.leave(key)


@asynccontextmanager
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        for body in BODIES.values():
            await scene.store_job(node, body)
        reads = Reads()
        read = node.store.tasks.list_workable

        async def counted(now: int, *, after: Place | None, limit: int) -> Sequence[WorkableTask]:
            page = await read(now, after=after, limit=limit)
            reads.pages.append(len(page))
            return page

        node.store.tasks.list_workable = counted  # type: ignore[method-assign]  # counts, and asks the true one
        yield Table(node, Agenda(node.services, rest_s=REST_S), reads)


async def pass_pause(it: Table) -> None:
    clock = it.node.services.clock
    await clock.advance(READ_PAUSE_S)  # type: ignore[attr-defined]  # the scene's clock stands still but for this


async def test_take_when_tasks_wait_then_the_urgent_come_first_and_of_these_the_oldest(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        (low,) = await it.add([1], priority=3)
        middle = await it.add([2, 3])
        high = await it.add([4, 5], priority=1)
        assert await it.agenda.take(2) == high
        assert await it.agenda.take(9) == [*middle, low]
        assert await it.agenda.take(9) == []


async def test_take_when_something_urgent_is_made_then_it_comes_before_what_was_read_already(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        waiting = await it.add(range(10))
        assert await it.agenda.take(1) == waiting[:1]
        (urgent,) = await it.add([99], priority=1)
        it.agenda.stir()
        await pass_pause(it)
        assert await it.agenda.take(2) == [urgent, waiting[1]]


async def test_take_when_events_come_in_a_burst_then_the_store_is_read_once_a_pause(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        for number in range(1_000):
            it.agenda.stir()
            await it.agenda.take(1)
            if number % 100 == 99:
                await pass_pause(it)
        assert len(it.reads.pages) <= 10


async def test_take_when_nothing_happened_then_the_store_is_not_read_again(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        keys = await it.add(range(TASKS_PER_READ - 1))
        taken: list[Hash32] = []
        while found := await it.agenda.take(8):
            taken += found
            await pass_pause(it)
        assert taken == keys
        assert it.reads.pages == [TASKS_PER_READ - 1]


async def test_take_when_every_worker_is_busy_then_the_store_is_not_read(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        await it.add([1])
        assert await it.agenda.take(0) == []
        assert it.reads.pages == []


async def test_take_when_a_flood_waits_for_something_then_all_of_it_gets_its_turn_and_a_read_stays_small(
    tmp_path: Path,
) -> None:
    async with table(tmp_path) as it:
        await it.add(range(FLOOD))
        tried: set[Hash32] = set()
        reads_max = 0
        for _ in range(3 * FLOOD // TASKS_PER_READ):
            before = len(it.reads.pages)
            while found := await it.agenda.take(64):
                tried |= set(found)
                for key in found:
                    it.agenda.rest(key)
            reads_max = max(reads_max, len(it.reads.pages) - before)
            await pass_pause(it)
            it.agenda.stir()
        assert len(tried) == FLOOD
        assert reads_max <= 2
        assert max(it.reads.pages) <= TASKS_PER_READ


async def test_take_when_urgent_tasks_keep_coming_below_capacity_then_the_others_run_too(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        low = set(await it.add(range(100), priority=3))
        for second in range(60):
            await it.add([1_000 + 10 * second + place for place in range(8)], priority=1)
            it.agenda.stir()
            await pass_pause(it)
            await it.done(await it.agenda.take(10))
        left = {each.task_key for each in await it.node.store.tasks.list_workable(DUE, after=None, limit=999)}
        assert low & left == set()


async def test_take_when_everything_waits_then_nothing_is_handed_out_for_a_rest(tmp_path: Path) -> None:
    async with table(tmp_path) as it:
        keys = await it.add(range(3))
        assert await it.agenda.take(1) == keys[:1]
        it.agenda.rest(keys[0])
        it.agenda.rest_all()
        assert await it.agenda.take(9) == []
        assert it.agenda.idle_s(9) == REST_S
        await it.node.services.clock.advance(REST_S)  # type: ignore[attr-defined]  # the scene's clock
        it.agenda.stir()
        assert await it.agenda.take(9) == keys
