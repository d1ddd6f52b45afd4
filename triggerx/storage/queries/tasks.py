"""Tasks and assignments between rows and nouns; attesters are rows of their own, a performer is a keeper's row."""

import json
from collections import Counter
from collections.abc import Sequence

from triggerx.core.assignment_json import dump_assignment, parse_assignment
from triggerx.core.canonical import canonical_json
from triggerx.core.errors import NotFound
from triggerx.core.evidence import evidence_json
from triggerx.core.job import JobId, TaskDefinition
from triggerx.core.ledger import NewEntry
from triggerx.core.task import FINAL, SignedAssignment, Task, TaskId, TaskStatus
from triggerx.evm.hub import Firing
from triggerx.evm.types import Address, ChainId, Hash32, Wei, to_hex
from triggerx.ports.store.tasks import AssignmentRow, AssignmentStatus, PerformerLoad, Place, WorkableTask
from triggerx.storage.session import Row, Session, Value


class TaskQueries:
    """The task table over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert_fired(self, entries: Sequence[NewEntry]) -> None:
        """Make the tasks of these occurrences; see `ports.store.Tasks`."""
        firings = [entry.task_key.hex() + evidence_json(entry.evidence) for entry in entries]
        await self._session.execute("add_fired_tasks", firings=canonical_json(firings).decode())

    async def save(self, task: Task) -> None:
        """Write what may change of a task that exists."""
        async with self._session.atomic() as session:
            columns = _columns(task)
            row = await session.fetch_one("save_task", **columns)
            if row is None:
                raise NotFound(f"there is no task {task.task_id} in the store")
            if task.task_performer is not None and row.integer_or_none("task_performer_id") is None:
                await session.fetch_one("ensure_keeper", address=task.task_performer)
                await session.fetch_one("save_task", **columns)
            stored = await session.fetch_all("task_attesters", task_id=task.task_id)
            if tuple(attester.integer("operator_id") for attester in stored) == task.task_attester_ids:
                return
            await session.execute("forget_task_attesters", task_id=task.task_id)
            for place, operator_id in enumerate(task.task_attester_ids):
                await session.execute(
                    "insert_task_attester", task_id=task.task_id, place=place, operator_id=operator_id
                )

    async def save_many(self, tasks: Sequence[Task]) -> None:
        """Write tasks that exist, without their attesters."""
        performers = dict.fromkeys(task.task_performer for task in tasks if task.task_performer is not None)
        async with self._session.atomic() as session:
            await session.execute_many("note_keeper", [{"address": address} for address in performers])
            await session.execute_many("save_tasks", [_columns(task) for task in tasks])

    async def get(self, task_id: TaskId) -> Task | None:
        """Return a task by its number."""
        return _task_or_none(await self._session.fetch_one("get_task", task_id=task_id))

    async def by_key(self, task_key: Hash32) -> Task | None:
        """Return a task by its key."""
        return _task_or_none(await self._session.fetch_one("task_by_key", task_key=task_key))

    async def by_keys(self, task_keys: Sequence[Hash32]) -> Sequence[Task]:
        """Return the tasks of these keys that there are."""
        listed = canonical_json([each.hex() for each in task_keys]).decode()
        return _tasks(await self._session.fetch_all("tasks_by_key", task_keys=listed))

    async def by_cid(self, cid: str) -> Task | None:
        """Return the task whose document has this CID."""
        return _task_or_none(await self._session.fetch_one("task_by_cid", cid=cid))

    async def list_by_job(self, job_id: JobId) -> Sequence[Task]:
        """Return a job's tasks."""
        return _tasks(await self._session.fetch_all("tasks_of_job", job_id=str(job_id)))

    async def count_by_status(self, job_id: JobId) -> dict[TaskStatus, int]:
        """Return how many tasks of a job have each status."""
        rows = await self._session.fetch_all("count_tasks_of_job", job_id=str(job_id))
        return {TaskStatus(row.text("status")): row.integer("tasks") for row in rows}

    async def last_dead(self, job_id: JobId) -> Task | None:
        """Return a job's newest task that did not succeed."""
        return _task_or_none(await self._session.fetch_one("last_dead_task_of_job", job_id=str(job_id)))

    async def list_by_owner(self, owner: Address, *, limit: int) -> Sequence[Task]:
        """Return the tasks of an owner's jobs."""
        return _tasks(await self._session.fetch_all("tasks_of_owner", owner=owner, limit=limit))

    async def list_recent(self, *, limit: int) -> Sequence[Task]:
        """Return the newest tasks."""
        return _tasks(await self._session.fetch_all("recent_tasks", limit=limit))

    async def list_open(self) -> Sequence[Task]:
        """Return the tasks without a final status."""
        return tuple(sorted(_tasks(await self._session.fetch_all("open_tasks")), key=lambda task: task.task_id))

    async def list_workable(self, now: int, *, after: Place | None, limit: int) -> Sequence[WorkableTask]:
        """Return the tasks that wait for the engine."""
        priority, task_id = (0, 0) if after is None else (after.priority, after.task_id)
        rows = await self._session.fetch_all("workable_tasks", now=now, priority=priority, task_id=task_id, limit=limit)
        return tuple(
            WorkableTask(
                task_key=Hash32(row.octets("task_key")),
                place=Place(priority=row.integer("priority"), task_id=TaskId(row.integer("task_id"))),
            )
            for row in rows
        )

    async def list_dead(self, owner: Address | None, *, limit: int) -> Sequence[Task]:
        """Return the tasks that did not succeed."""
        if owner is None:
            return _tasks(await self._session.fetch_all("dead_tasks", limit=limit))
        return _tasks(await self._session.fetch_all("dead_tasks_of_owner", owner=owner, limit=limit))

    async def loads(self) -> Sequence[PerformerLoad]:
        """Return each performer's record, by address."""
        tasks: Counter[tuple[bytes, str]] = Counter()
        for row in await self._session.fetch_all("count_tasks_of_performers"):
            tasks[row.octets("performer"), row.text("status")] += row.integer("tasks")
        replaced = {
            row.octets("performer"): row.integer("assignments")
            for row in await self._session.fetch_all("count_replaced_assignments")
        }
        return tuple(
            PerformerLoad(
                performer=Address(performer),
                open=sum(tasks[performer, status] for status in TaskStatus if status not in FINAL),
                attested=tasks[performer, TaskStatus.ATTESTED],
                rejected=tasks[performer, TaskStatus.REJECTED],
                failed=tasks[performer, TaskStatus.FAILED] + tasks[performer, TaskStatus.UNKNOWN],
                replaced=replaced.get(performer, 0),
            )
            for performer in sorted({performer for performer, _ in tasks} | replaced.keys())
        )


class AssignmentQueries:
    """The signed orders over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, signed: SignedAssignment) -> None:
        """Add an order as SENT."""
        await self._session.execute("insert_assignment", **_assignment_columns(signed))

    async def insert_many(self, signed: Sequence[SignedAssignment]) -> None:
        """Add orders as SENT."""
        await self._session.execute_many("insert_assignment", [_assignment_columns(each) for each in signed])

    async def set_status(self, task_key: Hash32, attempt: int, status: AssignmentStatus, reason: str = "") -> None:
        """Note how it went."""
        written = await self._session.execute(
            "set_assignment_status", task_key=task_key, attempt=attempt, status=status.value, reason=reason
        )
        if written == 0:
            raise NotFound(f"there is no order for attempt {attempt} of the task {to_hex(task_key)} in the store")

    async def list_by_task(self, task_key: Hash32) -> Sequence[AssignmentRow]:
        """Return a task's orders."""
        rows = await self._session.fetch_all("assignments_of_task", task_key=task_key)
        return tuple(
            AssignmentRow(
                signed=parse_assignment(json.loads(row.text("signed"))),
                status=AssignmentStatus(row.text("status")),
                reason=row.text("reason"),
            )
            for row in rows
        )


def _assignment_columns(signed: SignedAssignment) -> dict[str, Value]:
    return {
        "task_key": signed.assignment.task_key,
        "attempt": signed.assignment.attempt,
        "performer": signed.assignment.performer,
        "signed": canonical_json(dump_assignment(signed)).decode(),
        "status": AssignmentStatus.SENT.value,
    }


def firing_of(row: Row) -> Firing:
    """Read them back."""
    return Firing(
        kind=row.integer("firing_kind"),
        index=row.number("firing_index"),
        chain_id=ChainId(row.integer("firing_chain_id")),
        tx_hash=Hash32(row.octets("firing_tx_hash")),
    )


def _columns(task: Task) -> dict[str, Value]:
    return {
        "task_id": task.task_id,
        "task_number": task.task_number,
        "task_cost": None if task.task_cost is None else str(task.task_cost),
        "execution_timestamp": task.execution_timestamp,
        "execution_tx_hash": task.execution_tx_hash,
        "task_performer": task.task_performer,
        "proof_of_task": task.proof_of_task,
        "action_data_cid": task.action_data_cid,
        "is_approved": task.is_approved,
        "tp_signature": task.tp_signature,
        "ta_signature": task.ta_signature,
        "task_submission_tx_hash": task.task_submission_tx_hash,
        "is_successful": task.is_successful,
        "evidence": canonical_json(task.evidence).decode(),
        "status": task.status.value,
        "attempt": task.attempt,
        "task_error": task.task_error,
        "deadline_at": task.deadline_at,
        "executed_at_ms": task.executed_at_ms,
        "attested_at_ms": task.attested_at_ms,
    }


def _tasks(rows: Sequence[Row]) -> Sequence[Task]:
    return tuple(_task(row) for row in rows)


def _task_or_none(row: Row | None) -> Task | None:
    return None if row is None else _task(row)


def _task(row: Row) -> Task:
    cost = row.number_or_none("task_cost")
    return Task(
        task_id=TaskId(row.integer("task_id")),
        task_key=Hash32(row.octets("task_key")),
        job_id=JobId(row.number("job_id")),
        task_definition_id=TaskDefinition(row.integer("task_definition_id")),
        created_at=row.integer("created_at"),
        firing=firing_of(row),
        is_guarded=row.boolean("is_guarded"),
        status=TaskStatus(row.text("status")),
        attempt=row.integer("attempt"),
        evidence=json.loads(row.text("evidence")),
        task_number=row.integer_or_none("task_number"),
        task_cost=None if cost is None else Wei(cost),
        execution_timestamp=row.integer_or_none("execution_timestamp"),
        execution_tx_hash=_hash(row, "execution_tx_hash"),
        task_performer=_address(row, "task_performer"),
        proof_of_task=row.text_or_none("proof_of_task"),
        action_data_cid=row.text_or_none("action_data_cid"),
        task_attester_ids=_attesters(row.text_or_none("task_attester_ids")),
        is_approved=row.boolean_or_none("is_approved"),
        tp_signature=row.octets_or_none("tp_signature"),
        ta_signature=row.octets_or_none("ta_signature"),
        task_submission_tx_hash=_hash(row, "task_submission_tx_hash"),
        is_successful=row.boolean_or_none("is_successful"),
        task_error=row.text("task_error"),
        deadline_at=row.integer_or_none("deadline_at"),
        fired_at_ms=row.integer("fired_at_ms"),
        executed_at_ms=row.integer_or_none("executed_at_ms"),
        attested_at_ms=row.integer_or_none("attested_at_ms"),
    )


def _attesters(text: str | None) -> tuple[int, ...]:
    """`place:operator id` items in any order, as neither engine promises one inside an aggregate."""
    if text is None:
        return ()
    pairs = sorted((int(place), int(operator)) for place, operator in (item.split(":") for item in text.split(",")))
    return tuple(operator for _, operator in pairs)


def _hash(row: Row, column: str) -> Hash32 | None:
    value = row.octets_or_none(column)
    return None if value is None else Hash32(value)


def _address(row: Row, column: str) -> Address | None:
    value = row.octets_or_none(column)
    return None if value is None else Address(value)
