"""The dispatcher: elects a performer for every open task, sends it the order, and replaces who does not deliver.

A new attempt is stored before it is sent. After a restart an order that may not have arrived is sent again as it was.
"""

import asyncio
from typing import NoReturn

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.job import Job
from triggerx.core.job_body import encode_body
from triggerx.core.messages import AssignTask, TaskAnswer
from triggerx.core.task import (
    ClockDeadlinePassed,
    EngineAssigned,
    PeerAcknowledged,
    PeerRefused,
    PeerSilent,
    SignedAssignment,
    Task,
    TaskInput,
    TaskStatus,
)
from triggerx.events import TaskChanged, TaskCreated
from triggerx.evm.types import Address, Hash32, checksum, to_hex
from triggerx.moves import fail_task, move_task
from triggerx.ports.peers import PeerSilentError, PeerUnreachable
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.role import Services, WakeUp
from triggerx_engine.draft import draft_assignment

NOT_NOW = frozenset({"busy", "trigger_unknown"})
"""Refusals of a keeper that may become a yes: it has no room, or its endpoint is behind, or the trigger unconfirmed."""
TASKS_AT_ONCE = 64  # each waits on one peer at most for the acknowledge timeout; bounds open streams
TASKS_PER_READ = 256  # of those that can be worked on now, the most urgent first


class Dispatcher:
    """One worker a task at a time; which tasks are open is always read from the store."""

    def __init__(self, services: Services, *, attempts_max: int, acknowledge_timeout_s: float, poll_s: float) -> None:
        self._services = services
        self._attempts_max = attempts_max
        self._acknowledge_timeout_s = acknowledge_timeout_s
        self._poll_s = poll_s
        self._busy: set[Hash32] = set()
        self._resting: dict[Hash32, float] = {}
        self._slots = asyncio.Semaphore(TASKS_AT_ONCE)
        self._log = services.log.bind(loop="engine.dispatcher")

    async def run(self) -> NoReturn:
        """Look at all open tasks at every wake-up and every poll interval, for ever."""
        wake_up = WakeUp(self._services, TaskCreated, TaskChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.dispatcher.listen")
            while True:
                for task in await self._workable():
                    self._busy.add(task.task_key)
                    group.create_task(self._work(task.task_key, wake_up), name=f"engine.task.{task.task_id}")
                await wake_up.wait(self._poll_s)

    async def _workable(self) -> list[Task]:
        """Return what to work on now: those that wait for something rest for a poll, so that others get their turn."""
        clock = self._services.clock
        awake = clock.monotonic()
        self._resting = {key: until for key, until in self._resting.items() if until > awake}
        passed_over = self._busy | self._resting.keys()
        limit = TASKS_PER_READ + len(passed_over)
        found = await self._services.store.tasks.list_workable(clock.now(), limit=limit)
        free = TASKS_PER_READ - len(self._busy)
        return [task for task in found if task.task_key not in passed_over][: max(0, free)]

    async def _work(self, task_key: Hash32, wake_up: WakeUp) -> None:
        """Move one task one step; what fails for now is tried again at the next poll."""
        try:
            async with self._slots:
                await self._step(task_key)
        except RecoverableError as error:
            self._log.warning("task waits", task_key=task_key, reason=str(error))
            self._resting[task_key] = self._services.clock.monotonic() + self._poll_s
            self._busy.discard(task_key)
        except InvalidInput as error:
            await self._give_up(task_key, error)
            self._busy.discard(task_key)
        else:
            self._busy.discard(task_key)
            wake_up.call()

    async def _step(self, task_key: Hash32) -> None:
        services = self._services
        task = await services.store.tasks.by_key(task_key)
        if task is None:
            return
        job = await services.store.jobs.get(task.job_id)
        if job is None:
            raise InvalidInput("job_id", f"job {task.job_id} of task {task.task_id} is not in the store")
        match task.status:
            case TaskStatus.CREATED:
                self._check_connected()
                signed = await self._assign(task, job)
                if signed is not None:
                    await self._send(task, job, signed, is_first=True)
            case TaskStatus.ASSIGNED:
                rows = await services.store.assignments.list_by_task(task_key)
                if services.clock.now() >= (task.deadline_at or 0) or not rows:
                    await self._move(task_key, ClockDeadlinePassed(attempt=task.attempt, now=services.clock.now()))
                else:
                    await self._send(task, job, rows[-1].signed, is_first=False)
            case _:
                await self._move(task_key, ClockDeadlinePassed(attempt=task.attempt, now=services.clock.now()))

    async def _assign(self, task: Task, job: Job) -> SignedAssignment | None:
        """Draw, sign and store the next attempt; None when the task moved on meanwhile."""
        services = self._services
        signed = await draft_assignment(services, task, job)
        deadline_at = signed.assignment.not_after + services.network.timing.announce_grace_s
        event = EngineAssigned(performer=signed.assignment.performer, deadline_at=deadline_at)
        async with services.store.transaction() as queries:
            present = await queries.tasks.by_key(task.task_key)
            if present is None or present.status is not TaskStatus.CREATED or present.attempt != task.attempt:
                return None
            await move_task(queries, present, event, attempts_max=self._attempts_max, now_ms=services.clock.now_ms())
            await queries.assignments.insert(signed)
        self._log.info(
            "task assigned",
            task_id=task.task_id,
            performer=checksum(signed.assignment.performer),
            attempt=signed.assignment.attempt,
        )
        return signed

    async def _send(self, task: Task, job: Job, signed: SignedAssignment, *, is_first: bool) -> None:
        """Send the order and note what came of it. Sending it again is harmless: the performer knows it by its key."""
        order = signed.assignment
        self._services.crash_point("engine.dispatcher.before-send")
        status, reason, is_certain = await self._ask(task, job, signed)
        self._services.crash_point("engine.dispatcher.after-send")
        event: TaskInput
        if status is AssignmentStatus.ACKNOWLEDGED:
            event = PeerAcknowledged(attempt=order.attempt)
        elif job.body.is_guarded or is_certain or (is_first and status is AssignmentStatus.UNREACHABLE):
            event = PeerRefused(attempt=order.attempt, reason=reason)
        else:  # it may have been taken on, now or before a restart, and no hub keeps a second performer from doing it
            event = PeerSilent(attempt=order.attempt)
        await self._services.store.assignments.set_status(order.task_key, order.attempt, status, reason)
        if reason:
            self._log.warning("assignment not taken", task_id=task.task_id, attempt=order.attempt, reason=reason)
        await self._move(order.task_key, event)

    async def _ask(self, task: Task, job: Job, signed: SignedAssignment) -> tuple[AssignmentStatus, str, bool]:
        """Return the answer, its reason, and whether the performer itself said that it does not take the order.

        Raises `RecoverableError` when the same order is to be sent again later: a busy performer has its whole time to
        find room, so that a burst of tasks does not use the attempts up.
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
        if not reply.is_accepted and reply.code in NOT_NOW:
            raise RecoverableError(f"{reply.code}: {reply.message}")
        if not reply.is_accepted:
            return AssignmentStatus.REFUSED, f"{reply.code}: {reply.message}", True
        return AssignmentStatus.ACKNOWLEDGED, "", True

    def _check_connected(self) -> None:
        """Raise `RecoverableError` while this engine is cut off: it would use up attempts and learn about nobody."""
        if not self._services.peers.connected():
            raise RecoverableError("this engine is connected to no peer")

    async def _peer_id(self, performer: Address) -> str:
        peer_id = await self._services.peers.locate(performer)
        if peer_id is None:
            raise PeerUnreachable(f"keeper {checksum(performer)} has told no peer id")
        return peer_id

    async def _move(self, task_key: Hash32, event: TaskInput) -> None:
        services = self._services
        async with services.store.transaction() as queries:
            task = await queries.tasks.by_key(task_key)
            if task is None:
                return
            events = await move_task(
                queries, task, event, attempts_max=self._attempts_max, now_ms=services.clock.now_ms()
            )
        for moved in events:
            await services.bus.publish(moved)

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
