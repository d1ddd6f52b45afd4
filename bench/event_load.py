"""A thousand event jobs on a development network, made as customers make them, and blocks that hold logs for fifty.

Every job waits for another number of the emitter's event. What is counted is read from the chain and from the recorder
before it; nothing is taken from the nodes.
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

from bench.emitter import INIT_CODE, SIGNATURE, Emitter
from bench.rpc_recorder import Moment, Records
from triggerx.chains.deploy import created_address
from triggerx.chains.envelope import decode
from triggerx.chains.wallet import Wallet
from triggerx.client.api import Api
from triggerx.client.owner import Owner
from triggerx.client.signing import MandateTerms, sign_mandate
from triggerx.core.canonical import Json
from triggerx.core.job_body import parse_body
from triggerx.core.mandate import dump_mandate
from triggerx.evm.contracts import AttestationCenter, TaskExecutionHub
from triggerx.evm.keccak import keccak256
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, Wei, checksum
from triggerx.node.devnet.ground import EXAMPLE_FUNCTION, Ground
from triggerx.node.keys import KeySigner
from triggerx.ports.chain import LogFilter

EVENT_STATIC: Final = 3
TIME_FRAME_S: Final = 86_400
DEPOSIT_WEI: Final = Wei(10**20)
CREATE_GAS: Final = 600_000  # a createJob takes about a third of a million
POSTED_AT_ONCE: Final = 50
POSTED_EVERY_S: Final = 0.6  # the development key may ask a hundred times a second
WATCHED_S: Final = 5.0  # after the last job is posted, by when the engine's watcher has all
DRAINED_WITHIN_S: Final = 30.0
SENT_WITHIN_S: Final = 20.0
LOOK_S: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """One trigger's way: seconds from its block's head to its transaction's sending, and blocks between the two mined.

    `chain_cpu_s` is what the chain worked meanwhile. What was not sent, or not mined, in time is late for ever.
    """

    late_s: float = math.inf
    chain_cpu_s: float = 0.0
    blocks: int | None = None

    @property
    def ours_s(self) -> float:
        """The seconds without the chain's own work."""
        return self.late_s - self.chain_cpu_s


@dataclass(slots=True)
class EventLoad:
    """A running network's event jobs, numbered from 0, and the contract that they wait for."""

    ground: Ground
    records: Records
    emitter: Emitter
    jobs: tuple[int, ...]
    """The registry's ids, by number."""

    async def fire(self, numbers: Sequence[int]) -> list[Acted]:
        """Emit one log for each of these jobs in one block, a transaction each; returns what came when all is over."""
        chain = self.emitter.reads
        attested = await self._attested()
        head = await self._new_head()
        for number in numbers:
            await self.emitter.ping(number, 1)
        ids = {self.jobs[number] for number in numbers}
        found = await self._sent(ids, within_s=SENT_WITHIN_S)
        await self._drained(attested + len(numbers))
        mined = await self._block_of(head)
        acted = []
        for job_id in ids:
            if job_id not in found:
                acted.append(Acted())
                continue
            raw, sent = found[job_id]
            receipt = await chain.receipt(keccak256(raw))
            seen = self.records.heads[mined]
            acted.append(
                Acted(
                    late_s=sent.at - seen.at,
                    chain_cpu_s=sent.chain_cpu_s - seen.chain_cpu_s,
                    blocks=None if receipt is None else receipt.block_number - mined,
                )
            )
        return acted

    async def _new_head(self) -> int:
        """Wait for a block, so that all that is sent now is in the next one."""
        head = await self.emitter.reads.head()
        async for newer in self.emitter.reads.heads():
            if newer.number > head.number:
                return newer.number
        raise AssertionError("the heads ended")

    async def _sent(self, ids: set[int], *, within_s: float) -> dict[int, tuple[bytes, Moment]]:
        """The first action of each job since this round began, once all are there or the time is over."""
        ends, known = time.monotonic() + within_s, time.monotonic()
        while True:
            found: dict[int, tuple[bytes, Moment]] = {}
            for raw, moment in self.records.sent.items():
                job_id = _acting_for(raw) if moment.at >= known else None
                if job_id in ids:
                    assert job_id not in found, f"job {job_id} had two transactions for one log"
                    found[job_id] = (raw, moment)
            if len(found) == len(ids) or time.monotonic() > ends:
                return found
            await asyncio.sleep(LOOK_S)

    async def _block_of(self, after: int) -> int:
        """The one block in which this round's logs are."""
        reads = self.emitter.reads
        wanted = LogFilter(addresses=(self.emitter.address,))
        logs = await reads.logs(wanted, from_block=after + 1, to_block=(await reads.head()).number)
        (number,) = {log.block_number for log in logs}
        return number

    async def _attested(self) -> int:
        answer = await self.emitter.reads.call(
            self.ground.network.attestation_center, AttestationCenter.taskNumber.encode()
        )
        return int(cast("int", AttestationCenter.taskNumber.decode_output(answer)[0]))

    async def _drained(self, count: int) -> None:
        ends = time.monotonic() + DRAINED_WITHIN_S
        while await self._attested() < count and time.monotonic() < ends:  # noqa: ASYNC110 - the chain has to be asked
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def event_load(
    ground: Ground, records: Records, api_url: str, api_key: str, *, jobs: int
) -> AsyncIterator[EventLoad]:
    """Make the contract and the jobs, and wait until they are watched."""
    reads = ground.reads[ground.network.l2_chain_id]
    signer = KeySigner(ground.engine)  # the engine itself sends no transaction
    await Wallet(reads, signer).send(None, INIT_CODE)
    emitter = Emitter(reads, records.url, signer, created_address(signer.address, 0), 1)
    contracts = ground.network.action_chains[ground.network.l2_chain_id]
    owner = Owner(reads, contracts, ground.user)
    await owner.deposit(DEPOSIT_WEI)
    drafts = [_fields(ground, emitter.address, number) for number in range(jobs)]
    created = await owner.create_all([parse_body(fields) for fields in drafts], gas=CREATE_GAS)
    posted: list[dict[str, Json]] = []
    for fields, registration in zip(drafts, created, strict=True):
        body = parse_body({**fields, "job_id": str(registration.job_id)})
        mandate = sign_mandate(
            body, registration.entry, MandateTerms(runs_max=1_000), contracts=contracts, signer=ground.user
        )
        posted.append({**fields, "job_id": str(registration.job_id), "mandate": dump_mandate(mandate)})
    async with Api.open(api_url, key=api_key, named_by="the measurement") as api:
        for start in range(0, jobs, POSTED_AT_ONCE):
            pace = asyncio.sleep(POSTED_EVERY_S)
            await asyncio.gather(pace, *map(api.post_job, posted[start : start + POSTED_AT_ONCE]))
    await asyncio.sleep(WATCHED_S)
    yield EventLoad(ground, records, emitter, tuple(registration.job_id for registration in created))


def _fields(ground: Ground, emitter: Address, number: int) -> dict[str, Json]:
    """One job's body, under an id that the registry replaces."""
    chain_id = str(ground.network.l2_chain_id)
    return {
        "job_id": str(pack_job_id(ground.network.l2_chain_id, 0, 1)),
        "user_address": checksum(ground.user.address),
        "job_title": f"load {number}",
        "task_definition_id": EVENT_STATIC,
        "custom": True,
        "time_frame": TIME_FRAME_S,
        "recurring": True,
        "timezone": "UTC",
        "created_chain_id": chain_id,
        "target_chain_id": chain_id,
        "target_contract_address": checksum(ground.example_target),
        "target_function": EXAMPLE_FUNCTION,
        "abi": json.dumps(ground.example_abi),
        "arg_type": 1,
        "arguments": ["7"],
        "trigger_chain_id": chain_id,
        "trigger_contract_address": checksum(emitter),
        "trigger_event": SIGNATURE,
        "event_filters": [{"name": "number", "value": str(number)}],
        "event_confirmations": 0,
    }


def _acting_for(raw: bytes) -> int | None:
    """The job whose guarded run this transaction is."""
    sent = decode(raw)
    if sent.data[:4] != TaskExecutionHub.executeTask.selector:
        return None
    mandate = cast("tuple[object, ...]", TaskExecutionHub.executeTask.decode_input(sent.data)[0])
    return cast("int", mandate[0])
