"""The dispatcher: elects a performer for every open task, sends it the order, and replaces who does not deliver.

A new attempt is stored before it is sent. After a restart an order that may not have arrived is sent again as it was.
Tasks that come together are read, stored, sent and moved together; each has its own outcome.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.evidence import moment_of
from triggerx.core.job import Job
from triggerx.core.job_body import STATIC_DEFINITIONS, encode_body
from triggerx.core.ledger import LedgerEntry
from triggerx.core.messages import DECLINED, Order
from triggerx.core.task import FINAL, SignedAssignment, Task, TaskStatus
from triggerx.core.task_inputs import (
    ClockDeadlinePassed,
    EngineAssigned,
    PeerAcknowledged,
    PeerDeclined,
    PeerRefused,
    PeerSilent,
    TaskInput,
)
from triggerx.events import TaskChanged, TaskCreated, TaskEnded
from triggerx.evm.hub import Assignment, FiringKind
from triggerx.evm.types import Hash32, checksum, to_hex
from triggerx.moves import fail_task, move_tasks
from triggerx.ports.peers import PeerSilentError, PeerUnreachable
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.role import Services, WakeUp
from triggerx.together import Together
from triggerx_engine.agenda import Agenda
from triggerx_engine.draft import EverythingWaits, draft_assignments
from triggerx_engine.footing import BLOCK_MOVED, Footing, entries_of, is_gone, is_moved
from triggerx_engine.order_post import OrderPost

NOT_NOW = frozenset({"busy", "trigger_unknown"})
"""Refusals of a keeper that may become a yes: it has no room, or its endpoint is behind, or the trigger unconfirmed."""
TASKS_AT_ONCE = 64  # each waits on one peer at most for the acknowledge timeout; bounds open streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A task as the store has it, with its job, and the ledger's entry of an event's task."""

    task: Task
    job: Job | None
    entry: LedgerEntry | None


@dataclass(frozen=True, slots=True)
class Answered:
    """How an order went; `is_certain` says that the performer itself said whether it takes it."""

    status: AssignmentStatus
    reason: str
    is_certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What happened to a task; `noted` is how the attempt of this number went."""

    task_key: Hash32
    event: TaskInput
    noted: tuple[int, Answered] | None


class NotNow(RecoverableError):
    """The performer said that it does not take the order on at the moment."""


class Dispatcher:
    """One worker a task at a time; which tasks are open is always read from the store."""

    def __init__(self, services: Services, *, attempts_max: int, acknowledge_timeout_s: float, poll_s: float) -> None:
        self._services = services
        self._attempts_max = attempts_max
        self._poll_s = poll_s
        self._agenda = Agenda(services, rest_s=poll_s)
        self._footing = Footing(services)
        self._seen = Together(self._see, items_max=TASKS_AT_ONCE)
        self._drafts = Together(self._draft, key=_moment, items_max=TASKS_AT_ONCE)
        self._assigned = Together(self._assign, items_max=TASKS_AT_ONCE)
        self._orders = OrderPost(services.peers, timeout_s=acknowledge_timeout_s)
        self._moved = Together(self._move_all, items_max=TASKS_AT_ONCE)
        self._wake_up = WakeUp(services)
        self._at_work = 0
        self._log = services.log.bind(loop="engine.dispatcher")

    async def run(self) -> NoReturn:
        """Look at the open tasks when one was made or waits anew, and at every poll interval, for ever."""
        clock = self._services.clock
        look_at = clock.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="engine.dispatcher.listen")
            while True:
                if clock.monotonic() >= look_at:
                    self._agenda.stir()
                    look_at = clock.monotonic() + self._poll_s
                for task_key in await self._agenda.take(TASKS_AT_ONCE - self._at_work):
                    self._at_work += 1
                    group.create_task(self._work(task_key), name=f"engine.task.{task_key.hex()[:8]}")
                idle_s = self._agenda.idle_s(TASKS_AT_ONCE - self._at_work)
                await self._wake_up.wait(min(idle_s, max(0.0, look_at - clock.monotonic())))

    async def _listen(self) -> NoReturn:
        """Note that a task was made, or waits for a performer again."""
        async with self._services.bus.subscribe(TaskCreated, TaskChanged) as events:
            async for event in events:
                waits_anew = isinstance(event, TaskChanged) and event.status is TaskStatus.CREATED
                if waits_anew or isinstance(event, TaskCreated):
                    self._agenda.stir()
                    self._wake_up.call()
        raise UnrecoverableError("a subscription of the bus ended, which none may")

    async def _work(self, task_key: Hash32) -> None:
        """Move one task until others have to do something about it; what fails for now is tried again later."""
        try:
            while await self._step(task_key):
                pass
        except RecoverableError as error:
            self._log.warning("task waits", task_key=task_key, reason=str(error))
            self._agenda.rest(task_key)
            if isinstance(error, EverythingWaits):
                self._agenda.rest_all()
        except InvalidInput as error:
            await self._give_up(task_key, error)
            self._agenda.leave(task_key)
        else:
            self._agenda.leave(task_key)
        self._at_work -= 1
        self._wake_up.call()

    async def _step(self, task_key: Hash32) -> bool:
        """Move one task one step; returns whether it waits for its next performer already."""
        seen = await self._seen.do(task_key)
        if seen is None or seen.task.status in FINAL:
            return False
        if seen.job is None:
            raise InvalidInput("job_id", f"job {seen.task.job_id} of task {seen.task.task_id} is not in the store")
        match seen.task.status:
            case TaskStatus.CREATED:
                self._check_connected()
                return await self._begin(seen.task, seen.job, seen.entry)
            case TaskStatus.ASSIGNED:
                return await self._go_on(seen.task, seen.job, seen.entry)
            case _:
                return await self._move(seen.task, self._deadline(seen.task))

    async def _see(self, task_keys: Sequence[Hash32]) -> Sequence[Seen | None]:
        """Read what is decided on."""
        store = self._services.store
        tasks = {task.task_key: task for task in await store.tasks.by_keys(task_keys)}
        jobs = {job.job_id: job for job in await store.jobs.get_many([task.job_id for task in tasks.values()])}
        entries = await entries_of(store, list(tasks.values()))
        return [
            Seen(task=task, job=jobs.get(task.job_id), entry=entries.get(key)) if (task := tasks.get(key)) else None
            for key in task_keys
        ]

    async def _begin(self, task: Task, job: Job, entry: LedgerEntry | None) -> bool:
        """Have the next performer in the draw asked, over what the task rests on now."""
        standing = await self._footing.newest(task, job, entry)
        if standing is None:
            return False
        signed = await self._drafts.do((standing, job))
        if not await self._assigned.do((standing, signed)):
            return False
        order = signed.assignment
        self._log.info(
            "task assigned", task_id=task.task_id, performer=checksum(order.performer), attempt=order.attempt
        )
        return await self._send(standing, job, signed, is_first=True)

    async def _go_on(self, task: Task, job: Job, entry: LedgerEntry | None) -> bool:
        """Ask again who has not said yes yet; or the next one, when its time is over or a reorg moved the log.

        Only a guarded task is taken from somebody who did not answer. Who was asked for another one says at the end
        of its time whether it had taken it on.
        """
        if task.is_guarded:
            standing = await self._footing.newest(task, job, entry)
            if standing is None:
                return False
            if self._services.clock.now() >= (task.deadline_at or 0):
                return await self._move(task, self._deadline(task))
            if standing.evidence != task.evidence:
                return await self._move(task, PeerRefused(attempt=task.attempt, reason=BLOCK_MOVED))
        rows = await self._services.store.assignments.list_by_task(task.task_key)
        return await self._send(task, job, rows[-1].signed, is_first=False, said=rows[-1].reason)

    def _deadline(self, task: Task) -> ClockDeadlinePassed:
        return ClockDeadlinePassed(attempt=task.attempt, now=self._services.clock.now())

    async def _draft(self, drafts: Sequence[tuple[Task, Job]]) -> Sequence[SignedAssignment]:
        """Draw for tasks of one moment."""
        return await draft_assignments(self._services, _moment(drafts[0]), drafts)

    async def _assign(self, drafted: Sequence[tuple[Task, SignedAssignment]]) -> Sequence[bool]:
        """Store attempts with their evidence; False for a task that moved on meanwhile, or whose log did."""
        services = self._services
        tasks = [task for task, _ in drafted]
        moves: dict[Hash32, tuple[Task, EngineAssigned]] = {}
        async with services.store.transaction() as queries:
            entries = await entries_of(queries, tasks)
            present = {task.task_key: task for task in await queries.tasks.by_keys([task.task_key for task in tasks])}
            for task, signed in drafted:
                now = present.get(task.task_key)
                if now is None or now.status is not TaskStatus.CREATED or now.attempt != task.attempt:
                    continue
                entry = entries.get(task.task_key)
                if is_gone(entry) or is_moved(entry, task):
                    self._agenda.stir()
                    continue
                deadline_at = signed.assignment.not_after + services.network.timing.announce_grace_s
                event = EngineAssigned(performer=signed.assignment.performer, deadline_at=deadline_at)
                moves[task.task_key] = (replace(now, evidence=task.evidence), event)
            await move_tasks(
                queries, list(moves.values()), attempts_max=self._attempts_max, now_ms=services.clock.now_ms()
            )
            await queries.assignments.insert_many([signed for task, signed in drafted if task.task_key in moves])
        return [task.task_key in moves for task in tasks]

    async def _send(self, task: Task, job: Job, signed: SignedAssignment, *, is_first: bool, said: str = "") -> bool:
        """Send the order and note what came of it. Sending it again is harmless: the performer knows it by its key.

        `said` is what the performer answered last. Returns whether the task waits for its next performer.
        """
        order = signed.assignment
        self._services.crash_point("engine.dispatcher.before-send")
        try:
            reply = await self._ask(task, job, signed)
        except NotNow as error:
            if str(error) != said:
                await self._services.store.assignments.set_status(
                    order.task_key, order.attempt, AssignmentStatus.SENT, str(error)
                )
            raise
        self._services.crash_point("engine.dispatcher.after-send")
        event: TaskInput
        if reply.status is AssignmentStatus.ACKNOWLEDGED:
            event = PeerAcknowledged(attempt=order.attempt)
        elif reply.status is AssignmentStatus.DECLINED:
            event = PeerDeclined(attempt=order.attempt, others=await self._other_declines(order), reason=reply.reason)
        elif task.is_guarded or reply.is_certain or (is_first and reply.status is AssignmentStatus.UNREACHABLE):
            event = PeerRefused(attempt=order.attempt, reason=reply.reason)
        else:  # it may have been taken on, now or before a restart, and no hub keeps a second performer from doing it
            event = PeerSilent(attempt=order.attempt)
        if reply.reason:
            self._log.warning("assignment not taken", task_id=task.task_id, attempt=order.attempt, reason=reply.reason)
        return await self._move(task, event, noted=(order.attempt, reply))

    async def _ask(self, task: Task, job: Job, signed: SignedAssignment) -> Answered:
        """Return what the performer answered, or that it did not.

        Raises `NotNow` when the same order is to be sent again later: a busy performer has its whole time to find room,
        so that a burst of tasks does not use the attempts up.
        """
        order = Order(assignment=signed, body=encode_body(job.body), evidence=canonical_json(task.evidence))
        self._check_connected()
        try:
            reply = await self._orders.ask(order, may_take_time=_asks_outside(task))
        except PeerUnreachable as error:
            return Answered(AssignmentStatus.UNREACHABLE, f"unreachable: {error}")
        except PeerSilentError as error:
            return Answered(AssignmentStatus.SILENT, f"silent: {error}")
        if not reply.is_accepted and reply.code in NOT_NOW and not self._is_over(signed):
            raise NotNow(f"{reply.code}: {reply.message}")
        if not reply.is_accepted and reply.code == DECLINED:
            return Answered(AssignmentStatus.DECLINED, reply.message, is_certain=True)
        if not reply.is_accepted:
            return Answered(AssignmentStatus.REFUSED, f"{reply.code}: {reply.message}", is_certain=True)
        return Answered(AssignmentStatus.ACKNOWLEDGED, "", is_certain=True)

    async def _other_declines(self, order: Assignment) -> int:
        """How many other keepers have said that the task's script declines."""
        rows = await self._services.store.assignments.list_by_task(order.task_key)
        said_so = {row.signed.assignment.performer for row in rows if row.status is AssignmentStatus.DECLINED}
        return len(said_so - {order.performer})

    def _is_over(self, signed: SignedAssignment) -> bool:
        """Whether an order's deadline has passed, so that a "not now" is a no."""
        deadline_at = signed.assignment.not_after + self._services.network.timing.announce_grace_s
        return self._services.clock.now() >= deadline_at

    def _check_connected(self) -> None:
        """Raise `EverythingWaits` while this engine is cut off: it would use up attempts and learn about nobody."""
        if not self._services.peers.connected():
            raise EverythingWaits("this engine is connected to no peer")

    async def _move(self, task: Task, event: TaskInput, *, noted: tuple[int, Answered] | None = None) -> bool:
        """Apply one input, and note how its attempt went; returns whether the task waits for its next performer now."""
        events = await self._moved.do(Input(task_key=task.task_key, event=event, noted=noted))
        for moved in events:
            await self._services.bus.publish(moved)
        return any(isinstance(moved, TaskChanged) and moved.status is TaskStatus.CREATED for moved in events)

    async def _move_all(self, inputs: Sequence[Input]) -> Sequence[Sequence[TaskChanged | TaskEnded]]:
        """Apply an input to each of several tasks; one that is not there is left out."""
        services = self._services
        async with services.store.transaction() as queries:
            present = {task.task_key: task for task in await queries.tasks.by_keys([one.task_key for one in inputs])}
            for one in inputs:
                if one.noted is not None:
                    attempt, reply = one.noted
                    await queries.assignments.set_status(one.task_key, attempt, reply.status, reply.reason)
            moves = [(present[one.task_key], one.event) for one in inputs if one.task_key in present]
            events = iter(
                await move_tasks(queries, moves, attempts_max=self._attempts_max, now_ms=services.clock.now_ms())
            )
        return [next(events) if one.task_key in present else () for one in inputs]

    async def _give_up(self, task_key: Hash32, error: InvalidInput) -> None:
        """Set one poisonous task aside so that the others go on."""
        self._log.error("task quarantined", task_key=task_key, reason=str(error))
        services = self._services
        async with services.store.transaction() as queries:
            task = await queries.tasks.by_key(task_key)
            await queries.quarantine.add(
                kind="task",
                subject=f"task:{to_hex(task_key)}",
                reason=str(error),
                content=b"",
                now=services.clock.now(),
            )
            if task is None:
                return
            events = await fail_task(queries, task, str(error), now_ms=services.clock.now_ms())
        for event in events:
            await services.bus.publish(event)


def _moment(draft: tuple[Task, Job]) -> int:
    """The second on which the draw's seed hangs. Raises `InvalidInput` for evidence that is not that of the firing."""
    return moment_of(draft[0].firing, draft[0].evidence)


def _asks_outside(task: Task) -> bool:
    """Whether a keeper asks what lies off chain, or runs a script, before it takes the task on."""
    is_off_chain = task.firing.kind == FiringKind.CONDITION and task.evidence.get("block_hash") is None
    return is_off_chain or task.task_definition_id not in STATIC_DEFINITIONS
