"""The lane of transactions on both development chains, with a store on disk."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes import emitter
from tests.fakes.store import temporary_store
from triggerx.chains.development import DevelopmentChain, Kind, development_chain, find_anvil
from triggerx.chains.envelope import Fees, Unsigned, decode, sign
from triggerx.chains.line import GWEI, LaneSettings
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.chains.transactions import TransactionLane
from triggerx.core.errors import Conflict
from triggerx.evm.abi import encode
from triggerx.evm.types import Address, ChainId, Wei, to_hex
from triggerx.node.clock import SystemClock
from triggerx.ports.chain import CallReverted, TransactionIntent, TransactionOutcome, TransactionStatus
from triggerx.ports.store import Store

ANY = msgspec.json.Decoder()
REFUSED = bytes.fromhex("08c379a0") + encode(["string"], ["not today"])
RECEIVER = Address(bytes.fromhex("aa" * 20))
KINDS: list[Kind] = ["embedded", "anvil"] if find_anvil() else ["embedded"]
BLOCKS_BY_HAND_S = 600


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


class ShiftedClock(SystemClock):
    """The machine's clock, and as many seconds later as a test says."""

    shift_s = 0

    def now(self) -> int:
        return super().now() + self.shift_s


@dataclass
class Bench:
    chain: DevelopmentChain
    reads: Reads
    store: Store
    clock: ShiftedClock

    async def ask(self, method: str, *params: Any) -> Any:
        return await self.reads.client.call(method, params, ANY)

    async def mine(self) -> None:
        await self.ask("evm_mine")

    def lane(self, **settings: Any) -> TransactionLane:
        return TransactionLane(
            self.reads, self.chain.accounts[0], self.store.transactions, settings=LaneSettings(**settings)
        )

    async def deploy(self) -> Address:
        unsigned = Unsigned(
            chain_id=self.reads.chain_id,
            nonce=0,
            to=None,
            data=emitter.INIT_CODE,
            value=Wei(0),
            gas=200_000,
            fees=Fees(max_wei=5 * GWEI, priority_wei=GWEI),
        )
        tx_hash, raw = sign(self.chain.accounts[0], unsigned)
        await self.ask("eth_sendRawTransaction", to_hex(raw))
        await self.mine()
        shown = await self.ask("eth_getTransactionReceipt", to_hex(tx_hash))
        return Address(bytes.fromhex(shown["contractAddress"][2:]))

    async def waiting(self, count: int) -> None:
        """Wait until the account has so many transactions in pool and blocks."""
        async with asyncio.timeout(20):
            while True:
                found = await self.ask("eth_getTransactionCount", to_hex(self.chain.accounts[0].address), "pending")
                if int(found, 16) >= count:
                    return


@asynccontextmanager
async def bench(kind: Kind, tmp_path: Path, *, block_time_s: int = BLOCKS_BY_HAND_S) -> AsyncIterator[Bench]:
    async with (
        asyncio.timeout(60),
        development_chain(kind, accounts=2, block_time_s=block_time_s) as chain,
        RpcClient([chain.rpc_url], chain_id=chain.chain_id) as client,
        temporary_store(tmp_path) as store,
    ):
        clock = ShiftedClock()
        yield Bench(chain, Reads(client, clock, poll_interval_s=0.01), store, clock)


@asynccontextmanager
async def running(lane: TransactionLane) -> AsyncIterator[TransactionLane]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lane.run(), name="lane")
        yield lane
        task.cancel()


def intent(name: str, to: Address, data: bytes = b"", **more: Any) -> TransactionIntent:
    return TransactionIntent(intent_id=name, chain_id=ChainId(31337), to=to, data=data, **more)


async def outcome_of(task: "asyncio.Task[TransactionOutcome]", on: Bench) -> TransactionOutcome:
    async with asyncio.timeout(20):
        while not task.done():
            await on.mine()
            await asyncio.wait([task], timeout=0.02)
    return task.result()


async def test_intent_when_submitted_then_is_mined_once_however_often_it_is_submitted(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        contract = await on.deploy()
        lane = on.lane()
        wanted = intent("one", contract, emitter.emit(7, b"x"))
        async with running(lane):
            first, second = await asyncio.gather(lane.submit(wanted), lane.submit(wanted))
            third = await lane.submit(wanted)
            with pytest.raises(Conflict):
                await lane.submit(intent("one", contract, emitter.emit(8)))
        assert first.status is TransactionStatus.MINED
        assert first.receipt is not None and first.receipt.logs[0].data == b"x"
        assert first == second == third
        assert await lane.submitted("one") == (first.tx_hash,)
        assert await on.reads.transaction_count(lane.address) == 2


async def test_intent_when_its_simulation_reverts_then_is_refused_without_a_nonce(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        contract = await on.deploy()
        lane = on.lane()
        async with running(lane):
            refused = await lane.submit(intent("bad", contract, emitter.revert(REFUSED)))
            mined = await lane.submit(intent("good", contract, emitter.emit(1)))
        assert refused == TransactionOutcome(status=TransactionStatus.REFUSED, reason="not today")
        assert mined.status is TransactionStatus.MINED
        assert await lane.submitted("bad") == ()
        assert await on.reads.transaction_count(lane.address) == 2


async def test_intents_when_of_a_known_kind_then_are_called_and_estimated_where_that_fails(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        contract = await on.deploy()
        lane = on.lane()
        counts = on.reads.client.calls_by_method
        async with running(lane):
            assert (await lane.submit(intent("first", contract, emitter.emit(1, b"x")))).receipt is not None
            assert (counts["eth_call"], counts["eth_estimateGas"]) == (0, 1)
            mined = await lane.submit(intent("second", contract, emitter.emit(2, b"y")))
            assert mined.status is TransactionStatus.MINED
            assert (counts["eth_call"], counts["eth_estimateGas"]) == (1, 1)
            await lane.submit(intent("transfer", RECEIVER, value=Wei(1)))
            refused = await lane.submit(intent("too much", RECEIVER, value=Wei(10**30)))
            assert refused.status is TransactionStatus.REFUSED
            assert counts["eth_call"] == 2
            assert counts["eth_estimateGas"] > 2  # where there is no pending block, the latest is asked too
        sent = [await on.store.transactions.get(name) for name in ("first", "second")]
        gas = [decode(one.forms[0].raw).gas for one in sent if one is not None]
        assert gas[0] == gas[1]


async def test_burst_when_submitted_at_once_then_all_are_mined_without_a_gap(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, block_time_s=1) as on:
        lane = on.lane()
        async with running(lane), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(lane.submit(intent(f"burst-{number}", RECEIVER, value=Wei(1))))
                for number in range(50)
            ]
        assert {task.result().status for task in tasks} == {TransactionStatus.MINED}
        assert await on.reads.balance(RECEIVER) == 50
        assert await on.reads.transaction_count(lane.address) == 50


async def test_transaction_when_dropped_by_the_node_then_the_same_bytes_are_sent_again(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path) as on:
        lane = on.lane()
        async with running(lane), asyncio.TaskGroup() as group:
            task = group.create_task(lane.submit(intent("dropped", RECEIVER, value=Wei(3))))
            await on.waiting(1)
            (tx_hash,) = await lane.submitted("dropped")
            await on.ask("anvil_dropTransaction", to_hex(tx_hash))
            outcome = await outcome_of(task, on)
        assert (outcome.status, outcome.tx_hash) == (TransactionStatus.MINED, tx_hash)
        assert await on.reads.balance(RECEIVER) == 3


async def test_transaction_when_it_waits_too_long_then_is_replaced_by_one_that_pays_more(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path) as on:
        lane = on.lane(bump_after_s=0, fee_cap_wei=GWEI // 2)  # half of the base fee: it cannot be mined yet
        async with running(lane), asyncio.TaskGroup() as group:
            task = group.create_task(lane.submit(intent("slow", RECEIVER, value=Wei(4))))
            lane._lane.fees.cap_wei = 100 * GWEI
            outcome = await outcome_of(task, on)
        sent = await on.store.transactions.get("slow")
        assert outcome.status is TransactionStatus.MINED
        assert sent is not None and sent.mined_hash == outcome.tx_hash
        fees = [decode(form.raw).fees for form in sent.forms]
        assert all(later.max_wei * 10 >= earlier.max_wei * 11 for earlier, later in itertools.pairwise(fees))
        assert {decode(form.raw).nonce for form in sent.forms} == {0}
        assert await on.reads.balance(RECEIVER) == 4


async def test_lane_when_restarted_then_sends_the_same_bytes_again(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as on:
        lane = on.lane()
        async with running(lane):
            task = asyncio.create_task(lane.submit(intent("kept", RECEIVER, value=Wei(5))))
            await on.waiting(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        before = await on.store.transactions.get("kept")
        assert before is not None
        await on.ask("anvil_dropTransaction", to_hex(before.forms[0].tx_hash))
        again = on.lane()
        async with running(again), asyncio.TaskGroup() as group:
            retried = group.create_task(again.submit(intent("kept", RECEIVER, value=Wei(5))))
            outcome = await outcome_of(retried, on)
        after = await on.store.transactions.get("kept")
        assert after is not None and after.forms == before.forms
        assert (outcome.status, outcome.tx_hash) == (TransactionStatus.MINED, before.forms[0].tx_hash)
        assert await on.reads.balance(RECEIVER) == 5


async def test_transaction_when_its_deadline_passes_then_its_nonce_is_filled_and_it_has_no_effect(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path) as on:
        deadline = on.clock.now() + 1000
        lane = on.lane(bump_after_s=5000)
        async with running(lane), asyncio.TaskGroup() as group:
            task = group.create_task(lane.submit(intent("late", RECEIVER, value=Wei(6), deadline=deadline)))
            await on.waiting(1)
            (first,) = await lane.submitted("late")
            await on.ask("anvil_dropTransaction", to_hex(first))
            on.clock.shift_s = 2000
            outcome = await outcome_of(task, on)
        assert outcome.status is TransactionStatus.EXPIRED
        assert await on.reads.balance(RECEIVER) == 0
        assert await on.reads.transaction_count(lane.address) == 1


async def test_transaction_when_it_reverts_in_its_block_then_the_reason_is_told(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as on:
        contract = await on.deploy()
        doomed = intent("doomed", contract, emitter.revert(REFUSED))
        lane = on.lane()
        now = on.clock.now()
        await on.store.transactions.insert(doomed, sender=lane.address, now=now)
        sent = lane._signed(doomed, 100_000, 1, Fees(max_wei=5 * GWEI, priority_wei=GWEI))
        await on.store.transactions.add_form("doomed", nonce=1, form=sent.forms[0])
        async with running(lane), asyncio.TaskGroup() as group:
            task = group.create_task(lane.submit(doomed))
            outcome = await outcome_of(task, on)
        assert (outcome.status, outcome.reason) == (TransactionStatus.REVERTED, "not today")


async def test_transaction_when_a_lower_nonce_is_missing_then_the_gap_is_filled(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as on:
        wanted = intent("after-a-gap", RECEIVER, value=Wei(7))
        lane = on.lane(bump_after_s=5000)
        await on.store.transactions.insert(wanted, sender=lane.address, now=on.clock.now())
        sent = lane._signed(wanted, 21_000, 2, Fees(max_wei=5 * GWEI, priority_wei=GWEI))
        await on.store.transactions.add_form("after-a-gap", nonce=2, form=sent.forms[0])
        async with running(lane), asyncio.TaskGroup() as group:
            task = group.create_task(lane.submit(wanted))
            outcome = await outcome_of(task, on)
        assert (outcome.status, outcome.tx_hash) == (TransactionStatus.MINED, sent.forms[0].tx_hash)
        assert await on.reads.transaction_count(lane.address) == 3


async def test_intent_when_its_account_is_poor_then_is_refused_and_its_nonce_used_by_the_next(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        lane = on.lane()
        all_of_it = await on.reads.balance(lane.address)
        async with running(lane):
            refused = await lane.submit(intent("too-much", RECEIVER, value=all_of_it))
            mined = await lane.submit(intent("enough", RECEIVER, value=Wei(1)))
        assert (refused.status, mined.status) == (TransactionStatus.REFUSED, TransactionStatus.MINED)
        assert "insufficient funds" in refused.reason.lower()
        assert await on.reads.transaction_count(lane.address) == 1


async def test_intent_when_it_states_inner_gas_then_that_is_added_to_the_estimate(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        contract = await on.deploy()
        calldata = emitter.emit(7, b"x")
        estimate = await on.reads.estimate_gas(contract, calldata, sender=on.chain.accounts[0].address)
        async with running(on.lane(gas_margin_percent=10)) as lane:
            outcome = await lane.submit(intent("roomy", contract, calldata, inner_gas=100_000))
        shown = await on.ask("eth_getTransactionByHash", to_hex(outcome.tx_hash or b""))
        assert int(shown["gas"], 16) == (estimate + 100_000) * 110 // 100


async def test_estimate_when_a_contract_is_the_sender_then_the_gas_or_the_revert_is_told(
    kind: Kind, tmp_path: Path
) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        contract = await on.deploy()
        assert 21_000 < await on.reads.estimate_gas(contract, emitter.emit(7), sender=contract) < 60_000
        with pytest.raises(CallReverted):
            await on.reads.estimate_gas(contract, emitter.revert(REFUSED), sender=contract)


async def test_estimate_when_a_block_is_named_then_is_on_its_state(kind: Kind, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, block_time_s=0) as on:
        before = (await on.reads.head()).number
        contract = await on.deploy()
        calldata = emitter.emit(7)
        now = await on.reads.estimate_gas(contract, calldata, block=(await on.reads.head()).number)
        assert now == await on.reads.estimate_gas(contract, calldata)
        assert await on.reads.estimate_gas(contract, calldata, block=before) < now  # no code was there to run
