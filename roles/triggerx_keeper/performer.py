"""The performer: executes the tasks this keeper took on, and announces the task document of each.

What is stored comes first: a killed performer goes on after its restart with the same transaction, or with the same
announcement. Where the action was done by somebody before, it is announced once that one's time is over.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from triggerx.core.computation import agree
from triggerx.core.document import ActionTaken, TaskDocument, encode_document
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.evidence import parse_evidence
from triggerx.core.job import JobBody
from triggerx.core.job_body import decode_body, dump_body, static_calldata
from triggerx.core.messages import TaskPerformed
from triggerx.core.validation import Execution, Ruling
from triggerx.events import AssignmentReceived
from triggerx.evm.types import ChainId, Hash32, Wei, to_hex
from triggerx.ports.chain import TransactionIntent, TransactionStatus
from triggerx.ports.store.peering import Performance, PerformanceStatus
from triggerx.role import Services, WakeUp
from triggerx_keeper.announcements import document_hash
from triggerx_keeper.calls import build_call, measure_inner_call
from triggerx_keeper.claims import Claims
from triggerx_keeper.executions import find_execution, read_execution
from triggerx_keeper.identity import Identity

OPEN = frozenset({PerformanceStatus.ACCEPTED, PerformanceStatus.EXECUTED})
ADOPTION_MARGIN_S = 3  # an attester whose clock is so much behind must not take an adoption for too early
ANNOUNCED_FOR_S = 600  # how long others can pull an announcement: longer than any attestation takes


class Performer:
    """One worker a task; which tasks are open is always read from the store."""

    def __init__(
        self, services: Services, identity: Identity, claims: Claims, *, tasks_at_once: int, poll_s: float
    ) -> None:
        self._services = services
        self._identity = identity
        self._claims = claims
        self._poll_s = poll_s
        self._slots = asyncio.Semaphore(tasks_at_once)
        self._busy: set[tuple[Hash32, int]] = set()
        self._log = services.log.bind(loop="keeper.performer")

    async def run(self) -> NoReturn:
        """Work on every open task, for ever."""
        wake_up = WakeUp(self._services, AssignmentReceived)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="keeper.performer.listen")
            while True:
                for performance in await self._idle():
                    order = performance.signed.assignment
                    self._busy.add((order.task_key, order.attempt))
                    group.create_task(self._work(performance), name=f"keeper.task.{order.task_key.hex()[:8]}")
                await wake_up.wait(self._poll_s)

    async def _idle(self) -> Sequence[Performance]:
        """The open tasks that nobody works on."""
        performances = self._services.store.performances
        idle = set(await performances.list_open()) - self._busy
        found = await performances.of_tasks(sorted({task_key for task_key, _ in idle})) if idle else ()
        return [
            one
            for one in found
            if one.status in OPEN and (one.signed.assignment.task_key, one.signed.assignment.attempt) in idle
        ]

    async def _work(self, performance: Performance) -> None:
        """Bring one task to its announcement; what fails for now is tried again at the next poll."""
        order = performance.signed.assignment
        try:
            async with self._slots:
                await self._perform(performance)
        except RecoverableError as error:
            self._log.warning("task waits", task_key=order.task_key, reason=str(error))
        except InvalidInput as error:
            await self._abandon(performance, str(error))
        finally:
            self._busy.discard((order.task_key, order.attempt))

    async def _perform(self, performance: Performance) -> None:
        if performance.status is PerformanceStatus.ACCEPTED:
            tx_hash = await self._execute(performance)
            if tx_hash is None:
                return
            performance = replace(performance, status=PerformanceStatus.EXECUTED, execution_tx_hash=tx_hash)
            await self._services.store.performances.save(performance)
        await self._announce(performance)

    async def _execute(self, performance: Performance) -> Hash32 | None:
        """Send the action and return its transaction; None when the task was abandoned."""
        services, signed = self._services, performance.signed
        order, body = signed.assignment, decode_body(performance.body)
        action_chain = services.network.action_chains[body.action.chain_id]
        chain = services.chain(action_chain.chain_id)
        await services.clock.sleep_until(order.not_before * 1000)
        lane, intent_id = (
            services.transactions[action_chain.chain_id],
            f"execute:{to_hex(order.task_key)}:{order.attempt}",
        )
        outcome = await lane.resume(intent_id)
        if outcome is None:
            inner = calldata_of(performance, body)
            stands, gas_price, inner_gas = await asyncio.gather(
                self._still_stands(performance, body),
                chain.gas_price(),
                measure_inner_call(chain, action_chain.task_execution_hub, body, inner),
            )  # asked together, they are one request
            if not stands:
                return None
            services.crash_point("keeper.before-action")
            outcome = await lane.submit(
                TransactionIntent(
                    intent_id=intent_id,
                    chain_id=action_chain.chain_id,
                    to=action_chain.task_execution_hub,
                    data=build_call(body, signed, inner, gas_price=gas_price, inner_gas=inner_gas),
                    deadline=order.not_after,
                    priority=body.priority,
                    inner_gas=inner_gas,
                )
            )
        if outcome.status is TransactionStatus.MINED and outcome.tx_hash is not None:
            done = await read_execution(chain, action_chain, outcome.tx_hash)
            if done is None:
                raise RecoverableError(f"the action {to_hex(outcome.tx_hash)} is mined, but not readable yet")
            if done.is_success:
                self._log.info("action executed", task_key=order.task_key, tx_hash=outcome.tx_hash)
                return outcome.tx_hash
            await self._abandon(performance, "the call of the target reverted")
            return None
        if body.is_guarded:
            found = await find_execution(chain, action_chain, order.task_key)
            if found is not None:
                self._log.info("action found done", task_key=order.task_key, tx_hash=found.tx_hash)
                return found.tx_hash
        await self._abandon(performance, f"{outcome.status.value}: {outcome.reason}")
        return None

    async def _still_stands(self, performance: Performance, body: JobBody) -> bool:
        """Whether the trigger is still true, after a wait or a restart; if it is not, the task is abandoned.

        Raises `RecoverableError` while a reorganised chain may still bring it back in the assignment's time.
        """
        order = performance.signed.assignment
        evidence = parse_evidence(performance.evidence, performance.signed.firing)
        verdict = await self._claims.check_again(body, evidence)
        if verdict is None:
            return True
        if verdict.ruling is Ruling.WAIT and self._services.clock.now() <= order.not_after:
            raise RecoverableError(verdict.message)
        await self._abandon(performance, f"{verdict.code}: {verdict.message}")
        return False

    async def _announce(self, performance: Performance) -> None:
        """Write the document, sign its task hash, keep both, and tell everybody."""
        services, tx_hash = self._services, performance.execution_tx_hash
        if tx_hash is None:
            raise InvalidInput("execution_tx_hash", "is missing on an executed task")
        body = decode_body(performance.body)
        action_chain = services.network.action_chains[body.action.chain_id]
        done = await read_execution(services.chain(action_chain.chain_id), action_chain, tx_hash)
        if done is None:
            raise RecoverableError(f"the action {to_hex(tx_hash)} is not mined (any more)")
        if not done.is_success:
            await self._abandon(performance, "the chain was reorganised, and the call of the target reverted")
            return
        order = performance.signed.assignment
        if done.sender != self._identity.address and done.executor_order is not None:
            executor_until = done.executor_order.not_after + services.network.timing.announce_grace_s
            await services.clock.sleep_until((executor_until + ADOPTION_MARGIN_S) * 1000)
        if services.clock.now() > order.not_after + services.network.timing.announce_grace_s:
            await self._abandon(performance, "its time to announce is over; the next performer's announcement counts")
            return
        if not _is_own_call(performance, body, done.data):
            await self._abandon(performance, "the action found done has other arguments than the script computes here")
            return
        document = TaskDocument(
            attestation_chain_id=services.network.l2_chain_id,
            attestation_center=services.network.attestation_center,
            performer=self._identity.address,
            assignment=performance.signed,
            body=dump_body(body),
            evidence=performance.evidence,
            action=_action_taken(done, tx_hash, action_chain.chain_id),
            computation=None if performance.computed is None else performance.computed.computation,
        )
        cid = await services.content.put(encode_document(document))
        signature = self._identity.signer.sign_digest(document_hash(document, cid))
        await services.peers.announce(
            TaskPerformed(task_key=order.task_key, cid=cid, execution_tx_hash=tx_hash, tp_signature=signature),
            lifetime_s=ANNOUNCED_FOR_S,
        )
        await services.store.performances.save(replace(performance, status=PerformanceStatus.ANNOUNCED, cid=cid))
        self._log.info("task announced", task_key=order.task_key, cid=cid)

    async def _abandon(self, performance: Performance, reason: str) -> None:
        order = performance.signed.assignment
        await self._services.store.performances.save(
            replace(performance, status=PerformanceStatus.ABANDONED, reason=reason)
        )
        self._log.warning("task abandoned", task_key=order.task_key, attempt=order.attempt, reason=reason)


def calldata_of(performance: Performance, body: JobBody) -> bytes:
    """Return the target's calldata: what the script computed when the task was taken on, or the body's own."""
    if performance.computed is None:
        return static_calldata(body)
    if performance.computed.calldata is None:
        raise InvalidInput("computed", "the script declined")
    return performance.computed.calldata


def _is_own_call(performance: Performance, body: JobBody, done: bytes) -> bool:
    """Whether this keeper can stand for the calldata of an action, which may be another's; static ones are judged."""
    return performance.computed is None or agree(body, calldata_of(performance, body), done)


def _action_taken(done: Execution, tx_hash: Hash32, chain_id: int) -> ActionTaken:
    return ActionTaken(
        chain_id=ChainId(chain_id),
        hub=done.hub,
        tx_hash=tx_hash,
        sender=done.sender,
        target=done.target,
        data=done.data,
        value=Wei(done.value),
        fee=Wei(done.fee),
    )
