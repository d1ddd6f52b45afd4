"""The order desk: checks an engine's assignments and takes them on, durably, before it says yes."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import cast

from triggerx.core.canonical import Json, canonical_json
from triggerx.core.computation import Computed
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.evidence import Evidence, parse_evidence
from triggerx.core.job import JobBody, TaskDefinition
from triggerx.core.job_body import STATIC_DEFINITIONS, decode_body, expected_job_hash, static_calldata
from triggerx.core.messages import DECLINED, AssignTasks, Heard, Order, TaskAnswer, TaskAnswers
from triggerx.core.task import SignedAssignment
from triggerx.core.validation import RegistryEntry, begins_early, check_draw, check_seed, signer_of
from triggerx.events import AssignmentReceived
from triggerx.evm.hub import assignment_digest, mandate_digest, task_key
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address, Hash32, checksum
from triggerx.ports.store.peering import Performance, PerformanceStatus
from triggerx.role import Services
from triggerx_keeper.claims import Claims
from triggerx_keeper.computing import Computing, NotComputed
from triggerx_keeper.facts import read_seed
from triggerx_keeper.identity import Identity
from triggerx_keeper.registry import read_entry


class Refusal(Exception):
    """This keeper does not take the task on; the code is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class OrderDesk:
    """Answers `AssignTasks`. The same order again gets the same yes; nothing is started twice."""

    def __init__(
        self, services: Services, identity: Identity, claims: Claims, computing: Computing, *, tasks_at_once: int
    ) -> None:
        self._services = services
        self._identity = identity
        self._claims = claims
        self._computing = computing
        self._tasks_at_once = tasks_at_once
        self._taking = asyncio.Lock()
        self._log = services.log.bind(desk="keeper.orders")

    def open(self) -> None:
        """Answer orders from now on."""
        self._services.peers.answer(AssignTasks, self._answer)

    async def _answer(self, heard: Heard[AssignTasks]) -> TaskAnswers:
        """Check all orders side by side, and take on those that pass as far as there is room."""
        orders = heard.message.orders
        keys = [order.assignment.assignment.task_key for order in orders]
        known = {
            (one.signed.assignment.task_key, one.signed.assignment.attempt): one.signed
            for one in await self._services.store.performances.of_tasks(keys)
        }
        checked = await asyncio.gather(*(self._checked(order, heard.sender, known) for order in orders))
        refusals = await self._take(checked)
        return TaskAnswers(answers=tuple(map(self._said, orders, refusals)))

    def _said(self, order: Order, refusal: Refusal | None) -> TaskAnswer:
        key, attempt = order.assignment.assignment.task_key, order.assignment.assignment.attempt
        if refusal is None:
            return TaskAnswer(task_key=key, attempt=attempt, is_accepted=True, code="ok", message="")
        code, message = refusal.code, refusal.message
        self._log.warning("assignment refused", task_key=key, code=code, reason=message)
        return TaskAnswer(task_key=key, attempt=attempt, is_accepted=False, code=code, message=message[:200])

    async def _checked(
        self, order: Order, sender: Address, known: Mapping[tuple[Hash32, int], SignedAssignment]
    ) -> Performance | Refusal | None:
        """Return what is to be taken on; None for what was before, and else why not."""
        try:
            return await self._check(order, sender, known)
        except Refusal as refusal:
            return refusal
        except InvalidInput as error:
            return Refusal("malformed", str(error))
        except RecoverableError as error:
            return Refusal("unavailable", str(error))

    async def _check(
        self, given: Order, sender: Address, known: Mapping[tuple[Hash32, int], SignedAssignment]
    ) -> Performance | None:
        signed = given.assignment
        order = signed.assignment
        if (order.task_key, order.attempt) in known:
            if known[order.task_key, order.attempt] != signed:
                raise _other_order(order.attempt)
            return None
        body, raw = decode_body(given.body), _object(given.evidence, "evidence")
        self._check_order(signed, body)
        evidence = parse_evidence(raw, signed.firing)
        if begins_early(order, evidence.moment):
            raise Refusal("too_early", "the assignment begins before the firing's moment")
        await self._check_engine(signed, sender, body)
        _, entry = await asyncio.gather(self._check_election(signed, evidence), self._check_job(body))
        await self._check_trigger(body, evidence, entry)
        computed = await self._compute(body, signed, raw, moment=evidence.moment)
        return Performance(
            signed=signed, body=given.body, evidence=raw, status=PerformanceStatus.ACCEPTED, computed=computed
        )

    async def _take(self, checked: Sequence[Performance | Refusal | None]) -> Sequence[Refusal | None]:
        """Store what passed, before anybody hears of it; what there is no room for is refused."""
        passed = [one for one in checked if isinstance(one, Performance)]
        refusals = iter(await self._store(passed) if passed else ())
        return [next(refusals) if isinstance(one, Performance) else one for one in checked]

    async def _store(self, passed: Sequence[Performance]) -> Sequence[Refusal | None]:
        performances = self._services.store.performances
        async with self._taking:
            room = max(0, self._tasks_at_once - len(await performances.list_open()))
            are_new = await asyncio.gather(*map(performances.insert, passed[:room]))
        refusals: list[Refusal | None] = []
        for performance, is_new in zip(passed, are_new, strict=False):
            order = performance.signed.assignment
            if is_new:
                self._log.info("assignment accepted", task_key=order.task_key, attempt=order.attempt)
                await self._services.bus.publish(AssignmentReceived(order.task_key))
            known = None if is_new else await performances.get(order.task_key, order.attempt)
            is_other = known is not None and known.signed != performance.signed
            refusals.append(_other_order(order.attempt) if is_other else None)
        busy = Refusal("busy", f"{self._tasks_at_once} tasks are being executed already")
        return [*refusals, *[busy] * (len(passed) - len(refusals))]

    def _check_order(self, signed: SignedAssignment, body: JobBody) -> None:
        order = signed.assignment
        if order.performer != self._identity.address:
            raise Refusal("not_mine", f"the assignment is for {checksum(order.performer)}")
        if body.job_id != signed.job_id or order.task_key != task_key(signed.job_id, signed.firing):
            raise Refusal("task_key", "the task key is not the digest of this job and firing")
        if order.not_after <= self._services.clock.now():
            raise Refusal("expired", f"the assignment was valid until {order.not_after}")
        if body.task_definition_id is TaskDefinition.CUSTOM_SCRIPT:
            raise Refusal("unsupported", f"a script says the action of task definition {body.task_definition_id}")

    async def _check_engine(self, signed: SignedAssignment, sender: Address, body: JobBody) -> None:
        services = self._services
        action_chain = services.network.action_chains.get(body.action.chain_id)
        if action_chain is None:
            raise Refusal("wrong_chain", f"chain {body.action.chain_id} is not part of network {services.network.name}")
        digest = assignment_digest(signed.assignment, action_chain.chain_id, action_chain.task_execution_hub)
        engine = signer_of(digest, signed.signature)
        if engine is None or engine != sender or not await services.operators.is_engine(engine):
            raise Refusal("assignment_forged", "the assignment is not signed by the engine that sent it")

    async def _check_election(self, signed: SignedAssignment, evidence: Evidence) -> None:
        services = self._services
        seed = await read_seed(services.chain(services.network.l2_chain_id), signed.seed_block)
        seed_at = evidence.moment - services.network.timing.seed_lag_s
        verdict = check_seed(signed, seed, seed_at) or check_draw(signed, await services.operators.active())
        if verdict is not None:
            raise Refusal(verdict.code, verdict.message)

    async def _check_job(self, body: JobBody) -> RegistryEntry:
        """Return the job's entry in the registry, with which its body was found to agree."""
        services = self._services
        action_chain = services.network.action_chains[body.action.chain_id]
        entry = await read_entry(services.chain(action_chain.chain_id), action_chain, body.job_id)
        if not entry.is_active or entry.owner != body.owner:
            raise Refusal("job_inactive", "the registry knows no such active job of this owner")
        if entry.job_hash != expected_job_hash(body):
            raise Refusal("job_hash", "the body is not the one that was registered on chain")
        if body.mandate is None:
            return entry
        digest = mandate_digest(body.mandate.mandate, action_chain.chain_id, action_chain.task_execution_hub)
        if signer_of(digest, body.mandate.signature) != entry.owner:
            raise Refusal("mandate_forged", "the mandate is not signed by the job's owner")
        if (body.mandate.mandate.job_hash, body.mandate.mandate.version) != (entry.job_hash, entry.version):
            raise Refusal("mandate_stale", "the mandate is for another version of the job")
        return entry

    async def _check_trigger(self, body: JobBody, evidence: Evidence, entry: RegistryEntry) -> None:
        """Last, because it may ask what lies off chain: nobody but a true engine makes a keeper do that."""
        verdict = await self._claims.check(body, evidence, entry, acted_at=self._services.clock.now())
        if verdict is not None:
            raise Refusal(verdict.code, verdict.message)

    async def _compute(
        self, body: JobBody, signed: SignedAssignment, evidence: Mapping[str, Json], *, moment: int
    ) -> Computed | None:
        """Run the job's script, of which the answer is kept with the order: what is acted on is what was accepted."""
        if body.task_definition_id in STATIC_DEFINITIONS:
            static_calldata(body)
            return None
        try:
            computed = await self._computing.compute(body, signed.assignment.task_key, evidence, moment=moment)
        except NotComputed as error:
            raise Refusal("not_computed", str(error)) from error
        if computed.calldata is None:
            raise Refusal(DECLINED, "the script declined")
        return computed


def _other_order(attempt: int) -> Refusal:
    return Refusal("other_order", f"attempt {attempt} was taken on with another order")


def _object(content: bytes, field: str) -> dict[str, Json]:
    try:
        value = json.loads(shallow_json(content))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(field, f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(field, "is not a JSON object")
    try:
        canonical = canonical_json(value)
    except ValueError as error:
        raise InvalidInput(field, str(error)) from error
    if canonical != content:
        raise InvalidInput(field, "is not in canonical form")
    return cast("dict[str, Json]", value)
