"""Submissions: what the Attestation Center decided about tasks, into task, points and rewards in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from triggerx.core.canonical import Json
from triggerx.core.document import decode_document
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.job import JobId
from triggerx.core.quorum import security_of, shortfall
from triggerx.core.task import FINAL, Task, transition
from triggerx.core.task_inputs import ChainTaskDecided
from triggerx.events import Event, TaskChanged, TaskEnded
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.types import Address, Hash32, Wei, checksum, to_hex
from triggerx.moves import save_move
from triggerx.ports.chain import Log, LogFilter, Receipt
from triggerx.ports.store import Queries
from triggerx.role import Services
from triggerx_sentinel.charges import Charge
from triggerx_sentinel.follower import LogReader, Prepared
from triggerx_sentinel.registrations import operator_joined, operator_left, power_updated

INTERNAL_DEFINITIONS = range(10001, 10004)  # the Attestation Center's own tasks (CHAIN.md §1)
WORD_BYTES = 32
STATE_BLOCKS = 120  # behind the head: full nodes keep the states of the last 128 blocks, and time passes
NOTHING_MORE = 4
DEMANDED_HERE = frozenset({2, 3})
"""Levels of security that ask for more voting power than the contract does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One `TaskSubmitted` or `TaskRejected`, with the action's receipt where its document is known here.

    `charge` is what the hub took from the owner's deposit, fee and value: attesters hold what the document says of them
    against the hub's event. What the performer paid for its transaction, `Task.task_cost`, is another amount.
    """

    decision: ChainTaskDecided
    task_key: Hash32 | None
    now_s: int
    charge: Charge | None = None
    action: Receipt | None = None
    action_timestamp: int | None = None

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Move the task, and for an approval credit the performer and note the job's execution.

        All idempotent by the task's final state. What a rejected document says about its action is nobody's merit.
        """
        task = None if self.task_key is None else await queries.tasks.by_key(self.task_key)
        if task is None or await self._is_foreign(queries, task):
            unknown: dict[str, Json] = {"task_number": self.decision.task_number, "cid": self.decision.cid}
            subject = f"submission:{to_hex(self.decision.submission_tx_hash)}"
            await queries.events.append("task_unknown", subject, unknown, now_ms=self.decision.now_ms)
            return ()
        step = transition(task, self.decision, attempts_max=0)
        if step.state == task:
            return ()
        state = step.state
        if self.decision.is_approved and not task.is_approved:
            state = self._with_action(state)
            await queries.keepers.credit(self.decision.performer, points=state.task_cost or Wei(0), tasks=1)
            await self._note_job(queries, state)
        await save_move(queries, task, state)
        status = state.status
        details: dict[str, Json] = {
            "input": "ChainTaskDecided",
            "status": status.value,
            "task_number": self.decision.task_number,
        }
        subject = f"task:{to_hex(state.task_key)}"
        await queries.events.append("task_moved", subject, details, now_ms=self.decision.now_ms)
        events: list[Event] = [TaskChanged(state.task_key, status)]
        if status in FINAL:
            events.append(TaskEnded(state.task_key, status))
        return events

    async def _is_foreign(self, queries: Queries, task: Task) -> bool:
        """Whether this rejects the document of somebody who was never assigned the task, which goes on then.

        Any operator can announce a document that names any task; an approval says that it was assigned.
        """
        if self.decision.is_approved:
            return False
        rows = await queries.assignments.list_by_task(task.task_key)
        return all(row.signed.assignment.performer != self.decision.performer for row in rows)

    def _with_action(self, state: Task) -> Task:
        if self.action is None:
            return state
        return replace(
            state,
            execution_tx_hash=self.action.tx_hash,
            execution_timestamp=self.action_timestamp,
            task_cost=Wei(self.action.gas_used * self.action.effective_gas_price),
            executed_at_ms=state.executed_at_ms or (self.action_timestamp or 0) * 1000,
        )

    async def _note_job(self, queries: Queries, state: Task) -> None:
        job = await queries.jobs.get(state.job_id)
        if job is None:
            return
        executed_at = state.execution_timestamp or self.now_s
        gas = 0 if self.action is None else self.action.gas_used
        await queries.jobs.record_execution(state.job_id, executed_at=executed_at, gas=gas)
        if self.charge is not None:
            key = state.task_key if state.is_guarded else None
            await replace(self.charge, job_id=state.job_id, task_key=key).store(queries)
        await queries.users.add_points(job.body.owner, state.task_cost or Wei(0), now=self.now_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewarded:
    """One `RewardAccumulated`."""

    operator_id: int
    task_number: int
    fee_wei: Wei
    tx_hash: Hash32

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Write the reward row; once an operator and task number."""
        await queries.keepers.insert_reward(
            operator_id=self.operator_id, task_number=self.task_number, fee_wei=self.fee_wei, tx_hash=self.tx_hash
        )
        return ()


class AttestationLogs(LogReader):
    """Reads the Attestation Center on L2: decisions, rewards, operators joining and leaving."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._log = services.log.bind(reader="sentinel.submissions")

    @property
    def wanted(self) -> LogFilter:
        """The events of CHAIN.md §1 that change a row."""
        events = (
            AttestationCenter.TaskSubmitted,
            AttestationCenter.TaskRejected,
            AttestationCenter.RewardAccumulated,
            AttestationCenter.OperatorRegisteredToNetwork,
            AttestationCenter.OperatorUnregisteredFromNetwork,
            AttestationCenter.VotingPowerUpdated,
        )
        return LogFilter(
            addresses=(self._services.network.attestation_center,), topics=(tuple(event.topic for event in events),)
        )

    async def prepare(self, log: Log) -> Prepared | None:
        """Turn one log into what is to be stored."""
        topic = log.topics[0]
        if topic == AttestationCenter.RewardAccumulated.topic:
            values = AttestationCenter.RewardAccumulated.decode(log.topics, log.data)
            return Rewarded(
                operator_id=cast("int", values["operatorId"]),
                task_number=cast("int", values["taskNumber"]),
                fee_wei=Wei(cast("int", values["fee"])),
                tx_hash=log.tx_hash,
            )
        if topic == AttestationCenter.OperatorRegisteredToNetwork.topic:
            return await operator_joined(self._services, log)
        if topic == AttestationCenter.OperatorUnregisteredFromNetwork.topic:
            return operator_left(self._services, log)
        if topic == AttestationCenter.VotingPowerUpdated.topic:
            return power_updated(self._services, log)
        return await self._decided(log, is_approved=topic == AttestationCenter.TaskSubmitted.topic)

    async def _decided(self, log: Log, *, is_approved: bool) -> Decided | None:
        event = AttestationCenter.TaskSubmitted if is_approved else AttestationCenter.TaskRejected
        values = event.decode(log.topics, log.data)
        if cast("int", values["taskDefinitionId"]) in INTERNAL_DEFINITIONS:
            return None
        now_ms = self._services.clock.now_ms()
        performer = cast("Address", values["operator"])
        cid = _text(cast("bytes", values["data"]))
        tp_signature, ta_signature = await self._signatures(log.tx_hash, values)
        decision = ChainTaskDecided(
            is_approved=is_approved,
            task_number=cast("int", values["taskNumber"]),
            performer=performer,
            attester_ids=tuple(cast("Sequence[int]", values["attestersIds"])),
            submission_tx_hash=log.tx_hash,
            proof_of_task=cast("str", values["proofOfTask"]),
            cid=cid,
            tp_signature=tp_signature,
            ta_signature=ta_signature,
            now_ms=now_ms,
        )
        self._log.info("task decided", task_number=decision.task_number, performer=checksum(performer), cid=cid)
        return await self._with_action(decision, log.block_number)

    async def _with_action(self, decision: ChainTaskDecided, block_number: int) -> Decided:
        """Find the task and its action by the document that the CID names; the task's row alone when nobody has it."""
        services, now_s = self._services, decision.now_ms // 1000
        content = await services.content.get(decision.cid)
        if content is None:
            task = await services.store.tasks.by_cid(decision.cid)
            key = None if task is None else task.task_key
            if task is not None:
                decision = await self._held_to_security(decision, task.job_id, block_number)
            return Decided(decision=decision, task_key=key, now_s=now_s)
        document = decode_document(content)
        decision = await self._held_to_security(decision, document.assignment.job_id, block_number)
        chain = services.chains.get(document.action.chain_id)
        if chain is None:
            raise InvalidInput("action.chain_id", f"this node has no endpoint for chain {document.action.chain_id}")
        receipt = await chain.receipt(document.action.tx_hash)
        block = None if receipt is None else await chain.block(receipt.block_number)
        charge = Charge(
            job_id=document.assignment.job_id,
            chain_id=document.action.chain_id,
            tx_hash=document.action.tx_hash,
            task_key=document.assignment.assignment.task_key,
            wei=Wei(document.action.fee + document.action.value),
            charged_at=now_s if block is None else block.timestamp,
            now_ms=decision.now_ms,
        )
        return Decided(
            decision=decision,
            task_key=document.assignment.assignment.task_key,
            now_s=now_s,
            charge=charge,
            action=receipt,
            action_timestamp=None if block is None else block.timestamp,
        )

    async def _held_to_security(self, decision: ChainTaskDecided, job_id: JobId, block_number: int) -> ChainTaskDecided:
        """Say what an approval lacks for the security of its job, by the voting powers at its block."""
        job = await self._services.store.jobs.get(job_id)
        security = NOTHING_MORE if job is None else security_of(job.body)
        if not decision.is_approved or security not in DEMANDED_HERE:
            return decision
        powers = await self._powers(block_number)
        attesting = sum(powers.get(operator_id, 0) for operator_id in decision.attester_ids)
        missing = shortfall(attesting, sum(powers.values()), security)
        if missing:
            self._log.error("task attested below its security", job_id=str(job_id), reason=missing)
        return replace(decision, shortfall=missing)

    async def _powers(self, block_number: int) -> Mapping[int, int]:
        """Return each active operator's voting power at a block; the present one where no node knows that any more."""
        chain, center = self._services.chain(self._services.network.l2_chain_id), AttestationCenter
        head = await chain.head()
        answer = await chain.call(
            self._services.network.attestation_center,
            center.getActiveOperatorsDetails.encode(),
            block=block_number if head.number - block_number <= STATE_BLOCKS else "latest",
        )
        (rows,) = cast("tuple[list[tuple[Address, int, int]]]", center.getActiveOperatorsDetails.decode_output(answer))
        return {operator_id: power for _, operator_id, power in rows}

    async def _signatures(self, tx_hash: Hash32, values: Mapping[str, object]) -> tuple[bytes, bytes]:
        """Return tpSignature and taSignature (64 bytes) from the submission's calldata.

        Both are empty when the task was submitted through another contract, whose calldata is not submitTask's.
        """
        chain = self._services.chain(self._services.network.l2_chain_id)
        transaction = await chain.transaction(tx_hash)
        if transaction is None:
            raise RecoverableError(f"the node has the log of {to_hex(tx_hash)}, but not the transaction")
        center = self._services.network.attestation_center
        if transaction.to != center or transaction.data[:4] != AttestationCenter.submitTask.selector:
            return b"", b""
        task, details = cast(
            "tuple[tuple[str, bytes, bytes, int], tuple[bool, bytes, tuple[int, int], tuple[int, ...]]]",
            AttestationCenter.submitTask.decode_input(transaction.data),
        )
        if task[1] != values["data"]:
            return b"", b""
        return details[1], b"".join(word.to_bytes(WORD_BYTES, "big") for word in details[2])


def _text(data: bytes) -> str:
    """Return the CID in a submission's `data`; raises `InvalidInput` for what no triggerx keeper submits."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise InvalidInput("data", "is not the ASCII of a CID") from error
