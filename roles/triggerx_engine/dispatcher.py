"""The dispatcher: elects a performer for every open task, sends it the order, and replaces who does not deliver.

A new attempt is stored before it is sent. After a restart an order that may not have arrived is sent again as it was.
"""

import asyncio
from dataclasses import replace
from typing import NoReturn

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.job import Job
from triggerx.core.job_body import encode_body
from triggerx.core.messages import DECLINED, AssignTask, TaskAnswer
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
from triggerx.events import TaskChanged, TaskCreated
from triggerx.evm.hub import Assignment
from triggerx.evm.types import Address, Hash32, checksum, to_hex
from triggerx.moves import fail_task, move_task
from triggerx.ports.peers import PeerSilentError, PeerUnreachable
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.role import Services, WakeUp
from triggerx_engine.agenda import Agenda
from triggerx_engine.draft import EverythingWaits, draft_assignment
from triggerx_engine.footing import BLOCK_MOVED, Footing, entry_of, is_gone, is_moved

NOT_NOW = frozenset({"busy", "trigger_unknown"})
"""Refusals of a keeper that may become a yes: it has no room, or its endpoint is behind, or the trigger unconfirmed."""
TASKS_AT_ONCE = 64  # each waits on one peer at most for the acknowledge timeout; bounds open streams


class NotNow(RecoverableError):
    """The performer said that it does not take the order on at the moment."""


class Dispatcher:
    """One worker a task at a time; which tasks are open is always read from the store."""

    def __init__(self, services: Services, *, attempts_max: int, acknowledge_timeout_s: float, poll_s: float) -> None:
        self._services = services
        self._attempts_max = attempts_max
        self._acknowledge_timeout_s = acknowledge_timeout_s
        self._poll_s = poll_s
        self._agenda = Agenda(services, rest_s=poll_s)
        self._footing = Footing(services)
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
        services = self._services
        task = await services.store.tasks.by_key(task_key)
        if task is None or task.status in FINAL:
            return False
        job = await services.store.jobs.get(task.job_id)
        if job is None:
            raise InvalidInput("job_id", f"job {task.job_id} of task {task.task_id} is not in the store")
        match task.status:
            case TaskStatus.CREATED:
                self._check_connected()
                return await self._begin(task, job)
            case TaskStatus.ASSIGNED:
                return await self._go_on(task, job)
            case _:
                return await self._move(task_key, self._deadline(task))

    async def _begin(self, task: Task, job: Job) -> bool:
        """Have the next performer in the draw asked, over what the task rests on now."""
        standing = await self._footing.newest(task, job)
        if standing is None:
            return False
        signed = await self._assign(standing, job)
        return signed is not None and await self._send(standing, job, signed, is_first=True)

    async def _go_on(self, task: Task, job: Job) -> bool:
        """Ask again who has not said yes yet; or the next one, when its time is over or a reorg moved the log.

        Only a guarded task is taken from somebody who did not answer. Who was asked for another one says at the end
        of its time whether it had taken it on.
        """
        if task.is_guarded:
            standing = await self._footing.newest(task, job)
            if standing is None:
                return False
            if self._services.clock.now() >= (task.deadline_at or 0):
                return await self._move(task.task_key, self._deadline(task))
            if standing.evidence != task.evidence:
                return await self._move(task.task_key, PeerRefused(attempt=task.attempt, reason=BLOCK_MOVED))
        rows = await self._services.store.assignments.list_by_task(task.task_key)
        return await self._send(task, job, rows[-1].signed, is_first=False, said=rows[-1].reason)

    def _deadline(self, task: Task) -> ClockDeadlinePassed:
        return ClockDeadlinePassed(attempt=task.attempt, now=self._services.clock.now())

    async def _assign(self, task: Task, job: Job) -> SignedAssignment | None:
        """Draw, sign and store the next attempt with its evidence; None when task or log moved on meanwhile."""
        services = self._services
        signed = await draft_assignment(services, task, job)
        deadline_at = signed.assignment.not_after + services.network.timing.announce_grace_s
        event = EngineAssigned(performer=signed.assignment.performer, deadline_at=deadline_at)
        async with services.store.transaction() as queries:
            stored = await entry_of(queries, task)
            present = await queries.tasks.by_key(task.task_key)
            if present is None or present.status is not TaskStatus.CREATED or present.attempt != task.attempt:
                return None
            if is_gone(stored) or is_moved(stored, task):
                self._agenda.stir()
                return None
            present = replace(present, evidence=task.evidence)
            await move_task(queries, present, event, attempts_max=self._attempts_max, now_ms=services.clock.now_ms())
            await queries.assignments.insert(signed)
        self._log.info(
            "task assigned",
            task_id=task.task_id,
            performer=checksum(signed.assignment.performer),
            attempt=signed.assignment.attempt,
        )
        return signed

    async def _send(self, task: Task, job: Job, signed: SignedAssignment, *, is_first: bool, said: str = "") -> bool:
        """Send the order and note what came of it. Sending it again is harmless: the performer knows it by its key.

        `said` is what the performer answered last. Returns whether the task waits for its next performer.
        """
        order = signed.assignment
        self._services.crash_point("engine.dispatcher.before-send")
        try:
            status, reason, is_certain = await self._ask(task, job, signed)
        except NotNow as error:
            if str(error) != said:
                await self._services.store.assignments.set_status(
                    order.task_key, order.attempt, AssignmentStatus.SENT, str(error)
                )
            raise
        self._services.crash_point("engine.dispatcher.after-send")
        event: TaskInput
        if status is AssignmentStatus.ACKNOWLEDGED:
            event = PeerAcknowledged(attempt=order.attempt)
        elif status is AssignmentStatus.DECLINED:
            event = PeerDeclined(attempt=order.attempt, others=await self._other_declines(order), reason=reason)
        elif task.is_guarded or is_certain or (is_first and status is AssignmentStatus.UNREACHABLE):
            event = PeerRefused(attempt=order.attempt, reason=reason)
        else:  # it may have been taken on, now or before a restart, and no hub keeps a second performer from doing it
            event = PeerSilent(attempt=order.attempt)
        await self._services.store.assignments.set_status(order.task_key, order.attempt, status, reason)
        if reason:
            self._log.warning("assignment not taken", task_id=task.task_id, attempt=order.attempt, reason=reason)
        return await self._move(order.task_key, event)

    async def _ask(self, task: Task, job: Job, signed: SignedAssignment) -> tuple[AssignmentStatus, str, bool]:
        """Return the answer, its reason, and whether the performer itself said that it does not take the order.

        Raises `NotNow` when the same order is to be sent again later: a busy performer has its whole time to find room,
        so that a burst of tasks does not use the attempts up.
        """
        attempt, performer = signed.assignment.attempt, signed.assignment.performer
        request = AssignTask(assignment=signed, body=encode_body(job.body), evidence=canonical_json(task.evidence))
        self._check_connected()
        try:
            peer_id = await self._peer_id(performer)
            reply = await self._services.peers.ask(peer_id, request, timeout_s=self._acknowledge_timeout_s)
        except PeerUnreachable as error:
            return AssignmentStatus.UNREACHABLE, f"unreachable: {error}", False
        except PeerSilentError as error:
            return AssignmentStatus.SILENT, f"silent: {error}", False
        if not isinstance(reply, TaskAnswer) or (reply.task_key, reply.attempt) != (task.task_key, attempt):
            return AssignmentStatus.SILENT, f"keeper {checksum(performer)} answered something else", False
        if not reply.is_accepted and reply.code in NOT_NOW and not self._is_over(signed):
            raise NotNow(f"{reply.code}: {reply.message}")
        if not reply.is_accepted and reply.code == DECLINED:
            return AssignmentStatus.DECLINED, reply.message, True
        if not reply.is_accepted:
            return AssignmentStatus.REFUSED, f"{reply.code}: {reply.message}", True
        return AssignmentStatus.ACKNOWLEDGED, "", True

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

    async def _peer_id(self, performer: Address) -> str:
        peer_id = await self._services.peers.locate(performer)
        if peer_id is None:
            raise PeerUnreachable(f"keeper {checksum(performer)} has told no peer id")
        return peer_id

    async def _move(self, task_key: Hash32, event: TaskInput) -> bool:
        """Apply one input; returns whether the task waits for its next performer now."""
        services = self._services
        async with services.store.transaction() as queries:
            task = await queries.tasks.by_key(task_key)
            if task is None:
                return False
            events = await move_task(
                queries, task, event, attempts_max=self._attempts_max, now_ms=services.clock.now_ms()
            )
        for moved in events:
            await services.bus.publish(moved)
        return any(isinstance(moved, TaskChanged) and moved.status is TaskStatus.CREATED for moved in events)

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
