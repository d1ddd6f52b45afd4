"""Both development chains keep the same contract, as far as our client and web3.py use it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.fakes import emitter
from triggerx.chains import answers
from triggerx.chains.accounts import DevelopmentAccount
from triggerx.chains.development import DevelopmentChain, Kind, development_chain, find_anvil
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import NodeRefusal, RpcClient
from triggerx.evm.abi import encode
from triggerx.evm.types import Address, ChainId, Hash32, Wei, to_hex
from triggerx.node.clock import SystemClock
from triggerx.ports.chain import CallReverted, LogFilter

GWEI = 10**9
ANY = msgspec.json.Decoder()
REFUSED = bytes.fromhex("08c379a0") + encode(["string"], ["not today"])
KINDS: list[Kind] = ["embedded", "anvil"] if find_anvil() else ["embedded"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


class ChainUnderTest:
    """What the tests do to a chain."""

    def __init__(self, chain: DevelopmentChain, client: RpcClient) -> None:
        self.chain = chain
        self.client = client
        self.reads = Reads(client, SystemClock(), poll_interval_s=0.01)

    async def ask(self, method: str, *params: Any) -> Any:
        return await self.client.call(method, params, ANY)

    def signed(
        self, nonce: int, *, to: Address | None, data: bytes = b"", account: int = 0, tip: int = GWEI, **more: Any
    ) -> tuple[Hash32, bytes]:
        unsigned = Unsigned(
            chain_id=ChainId(self.chain.chain_id),
            nonce=nonce,
            to=to,
            data=data,
            value=Wei(more.get("value", 0)),
            gas=more.get("gas", 200_000),
            fees=Fees(max_wei=5 * tip, priority_wei=None if more.get("legacy") else tip),
        )
        return sign(self.chain.accounts[account], unsigned)

    async def send(self, raw: bytes) -> None:
        await self.ask("eth_sendRawTransaction", to_hex(raw))

    async def deploy(self) -> Address:
        tx_hash, raw = self.signed(0, to=None, data=emitter.INIT_CODE)
        await self.send(raw)
        shown = await self.mined(tx_hash)
        return Address(bytes.fromhex(shown["contractAddress"][2:]))

    async def mined(self, tx_hash: Hash32) -> Any:
        while (found := await self.ask("eth_getTransactionReceipt", to_hex(tx_hash))) is None:
            pass
        return found


@asynccontextmanager
async def chain_under_test(kind: Kind, *, block_time_s: int = 0) -> AsyncIterator[ChainUnderTest]:
    async with (
        asyncio.timeout(60),
        development_chain(kind, accounts=3, block_time_s=block_time_s) as chain,
        RpcClient([chain.rpc_url], chain_id=chain.chain_id) as client,
    ):
        yield ChainUnderTest(chain, client)


async def test_chain_when_asked_who_it_is_then_answers_alike(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        assert await on.ask("eth_chainId") == "0x7a69"
        assert await on.ask("net_version") == "31337"
        assert await on.ask("eth_blockNumber") == "0x0"
        assert await on.ask("eth_getBalance", to_hex(on.chain.accounts[2].address), "latest") == hex(10**22)
        with pytest.raises(NodeRefusal) as refused:
            await on.ask("eth_nothing")
        assert refused.value.code == -32601


async def test_contract_when_deployed_and_called_then_logs_are_found_by_every_filter(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        tx_hash, raw = on.signed(1, to=contract, data=emitter.emit(7, b"seven"))
        await on.send(raw)
        await on.mined(tx_hash)
        tx_hash, raw = on.signed(2, to=contract, data=emitter.emit(8, b"eight"), legacy=True)
        await on.send(raw)
        receipt = await on.mined(tx_hash)

        eight = (8).to_bytes(32, "big")
        head = await on.reads.head()
        by_topic = await on.reads.logs(LogFilter(topics=((eight,),)), from_block=0, to_block=head.number)
        by_address = await on.reads.logs(LogFilter(addresses=(contract,)), from_block=0, to_block=head.number)
        elsewhere = await on.reads.logs(LogFilter(addresses=(Address(bytes(20)),)), from_block=0, to_block=head.number)
        by_hash = await on.ask("eth_getLogs", {"blockHash": receipt["blockHash"]})

        assert [log.data for log in by_address] == [b"seven", b"eight"]
        assert [(log.data, log.tx_hash, log.topics) for log in by_topic] == [(b"eight", tx_hash, (eight,))]
        assert elsewhere == ()
        assert by_hash == receipt["logs"] and len(by_hash) == 1
        assert await on.ask("eth_getBlockReceipts", receipt["blockNumber"]) == [receipt]
        assert head.logs_bloom != bytes(256)


async def test_call_when_it_reverts_then_code_3_carries_the_data(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        message = {"to": to_hex(contract), "data": to_hex(emitter.revert(REFUSED))}
        for method in ("eth_call", "eth_estimateGas"):
            with pytest.raises(NodeRefusal) as refused:
                await on.ask(method, message)
            assert refused.value.code == 3
            assert refused.value.data_bytes == REFUSED
        with pytest.raises(CallReverted) as reverted:
            await on.reads.call(contract, emitter.revert(REFUSED))
        assert reverted.value.reason == "not today"
        assert reverted.value.data == REFUSED


async def test_transaction_when_it_fails_then_it_is_mined_with_status_0(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        tx_hash, raw = on.signed(1, to=contract, data=emitter.revert())
        await on.send(raw)
        await on.mined(tx_hash)
        receipt = await on.reads.receipt(tx_hash)
        assert receipt is not None
        assert (receipt.is_success, receipt.logs, receipt.sender) == (False, (), on.chain.accounts[0].address)
        assert receipt.gas_used * receipt.effective_gas_price > 0


async def test_estimate_when_sent_with_it_then_the_transaction_succeeds(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        sender = to_hex(on.chain.accounts[0].address)
        message = {"from": sender, "to": to_hex(contract), "data": to_hex(emitter.emit(1, bytes(500)))}
        gas = int(await on.ask("eth_estimateGas", message), 16)
        tx_hash, raw = on.signed(1, to=contract, data=emitter.emit(1, bytes(500)), gas=gas)
        await on.send(raw)
        receipt = await on.mined(tx_hash)
        assert receipt["status"] == "0x1"
        assert int(receipt["gasUsed"], 16) <= gas <= int(receipt["gasUsed"], 16) * 1.2


async def test_pending_view_when_transactions_wait_then_shows_their_effects(kind: Kind) -> None:
    async with chain_under_test(kind, block_time_s=60) as on:
        sender, receiver = on.chain.accounts[0].address, Address(bytes.fromhex("22" * 20))
        _, first = on.signed(0, to=receiver, value=5)
        _, third = on.signed(2, to=receiver, value=7)
        await on.send(first)
        await on.send(third)
        assert await on.ask("eth_getTransactionCount", to_hex(sender), "pending") == "0x1"
        assert await on.ask("eth_getTransactionCount", to_hex(sender), "latest") == "0x0"
        assert await on.ask("eth_getBalance", to_hex(receiver), "pending") == "0x5"
        second_hash, second = on.signed(1, to=receiver, value=6)
        await on.send(second)
        assert await on.ask("eth_getTransactionCount", to_hex(sender), "pending") == "0x3"
        await on.ask("evm_mine")
        assert await on.reads.balance(receiver) == 18
        mined = await on.reads.transaction(second_hash)
        assert mined is not None
        assert (mined.block_number, mined.value, mined.nonce) == (1, 6, 1)


async def test_transaction_when_replaced_then_only_a_tenth_more_is_taken(kind: Kind) -> None:
    async with chain_under_test(kind, block_time_s=60) as on:
        receiver = Address(bytes.fromhex("33" * 20))
        _, cheap = on.signed(0, to=receiver, value=1)
        _, same = on.signed(0, to=receiver, value=2)
        dear_hash, dear = on.signed(0, to=receiver, value=3, tip=2 * GWEI)
        await on.send(cheap)
        with pytest.raises(NodeRefusal, match="underpriced"):
            await on.send(same)
        await on.send(dear)
        await on.ask("evm_mine")
        assert await on.reads.balance(receiver) == 3
        assert (await on.reads.receipt(dear_hash)) is not None
        with pytest.raises(NodeRefusal, match="nonce too low"):
            await on.send(same)


async def test_transaction_when_dropped_then_it_is_forgotten(kind: Kind) -> None:
    async with chain_under_test(kind, block_time_s=60) as on:
        tx_hash, raw = on.signed(0, to=Address(bytes.fromhex("44" * 20)), value=1)
        await on.send(raw)
        assert (await on.reads.transaction(tx_hash)) is not None
        await on.ask("anvil_dropTransaction", to_hex(tx_hash))
        assert (await on.reads.transaction(tx_hash)) is None
        await on.ask("evm_mine")
        assert (await on.reads.receipt(tx_hash)) is None


async def test_clock_when_moved_then_the_next_block_has_the_time(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        await on.ask("evm_mine")
        before = await on.reads.head()
        await on.ask("evm_setNextBlockTimestamp", before.timestamp + 1000)
        await on.ask("evm_mine")
        assert (await on.reads.head()).timestamp == before.timestamp + 1000
        await on.ask("evm_increaseTime", 500)
        await on.ask("evm_mine")
        after = await on.reads.head()
        assert 1500 <= after.timestamp - before.timestamp <= 1510
        assert (await on.reads.block_at(before.timestamp + 1001)).number == before.number + 1  # type: ignore[union-attr]  # there is one


async def test_blocks_when_made_by_the_clock_then_rise_in_number_and_time(kind: Kind) -> None:
    async with chain_under_test(kind, block_time_s=1) as on:
        seen = []
        async for head in on.reads.heads():
            seen.append(head)
            if len(seen) == 3:
                break
        assert seen[0].number < seen[1].number < seen[2].number
        assert seen[0].timestamp < seen[1].timestamp < seen[2].timestamp
        before_last = await on.reads.block(seen[2].number - 1)
        assert before_last is not None and before_last.hash == seen[2].parent_hash


async def test_chain_when_reorganised_then_blocks_have_other_hashes(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        tx_hash, raw = on.signed(1, to=contract, data=emitter.emit(7))
        await on.send(raw)
        await on.mined(tx_hash)
        before = await on.reads.head()
        await on.ask("anvil_reorg", 1, [])
        after = await on.reads.head()
        assert (after.number, after.parent_hash) == (before.number, before.parent_hash)
        assert after.hash != before.hash
        assert await on.reads.logs(LogFilter(), from_block=0, to_block=after.number) == ()


async def test_fee_history_when_asked_then_ends_with_the_next_base_fee(kind: Kind) -> None:
    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        tx_hash, raw = on.signed(1, to=contract, data=emitter.emit(7), tip=3 * GWEI)
        await on.send(raw)
        await on.mined(tx_hash)
        history = await on.client.call("eth_feeHistory", ["0x2", "latest", [50]], answers.fee_history)
        assert len(history.base_fee_per_gas) == 3
        assert [len(row) for row in history.reward] == [1, 1]
        if kind == "embedded":  # anvil states the tip less the base fee
            assert [row[0] for row in history.reward] == [GWEI, 3 * GWEI]
        await on.ask("evm_mine")
        head = await on.ask("eth_getBlockByNumber", "latest", False)
        assert int(head["baseFeePerGas"], 16) == history.base_fee_per_gas[-1]


async def test_web3_when_pointed_at_it_then_reads_blocks_and_receipts(kind: Kind) -> None:
    from web3 import AsyncHTTPProvider, AsyncWeb3

    async with chain_under_test(kind) as on:
        contract = await on.deploy()
        w3 = AsyncWeb3(AsyncHTTPProvider(on.chain.rpc_url))
        try:
            block = await w3.eth.get_block("latest", full_transactions=True)
            (transaction,) = block["transactions"]
            assert not isinstance(transaction, bytes)
            receipt = await w3.eth.get_transaction_receipt(transaction["hash"])
            assert str(receipt["contractAddress"]).lower() == to_hex(contract)
            assert (await w3.eth.fee_history(1, "latest", [10]))["oldestBlock"] == 1
        finally:
            await w3.provider.disconnect()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_process_when_its_parent_ends_then_ends_too(kind: Kind, ending: signal.Signals) -> None:
    program = (
        "import asyncio\n"
        "from triggerx.chains.development import development_chain\n"
        "async def main():\n"
        f"    async with development_chain({kind!r}, block_time_s=0) as chain:\n"
        "        print(chain.process_id, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    pidfd = os.pidfd_open(child)
    parent.send_signal(ending)
    await parent.wait()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def test_accounts_when_derived_then_are_the_known_ones() -> None:
    from triggerx.chains.accounts import derive_accounts

    first, second = derive_accounts(2)
    assert isinstance(first, DevelopmentAccount)
    assert to_hex(first.address) == "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert first.private_key_hex == "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    assert to_hex(second.address) == "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
