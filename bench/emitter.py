"""A contract of 68 bytes that emits so many logs, and a chain whose blocks are made when the measurement says so.

Calldata is two words, `start` and `count`; it emits `Pinged(n, n)` for each n from `start` on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tests.unit.core.sample import CHAIN
from triggerx.chains.deploy import created_address
from triggerx.chains.development import development_chain
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.head_bell import HeadBell
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.evm.abi import Event
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, Wei, to_hex
from triggerx.node.clock import SystemClock
from triggerx.node.keys import KeySigner

SIGNATURE: Final = "Pinged(uint256 indexed number, uint256 value)"
PINGED: Final = Event.parse(SIGNATURE)
_LOOP, _END = 0x09, 0x42
_RUNTIME: Final = (
    bytes.fromhex("6000358060203501905b")  # start; end = start + count; below: the stack is end, n
    + bytes.fromhex(f"818110 1560{_END:02x}57 80600052 80".replace(" ", ""))  # n < end, or leave; n to memory; a topic
    + b"\x7f"
    + PINGED.topic
    + bytes.fromhex(f"60206000a2 600101 60{_LOOP:02x}56 5b00".replace(" ", ""))  # LOG2; n + 1; again; stop
)
INIT_CODE: Final = bytes.fromhex(f"60{len(_RUNTIME):02x}80600b6000396000f3") + _RUNTIME
LOGS_PER_TRANSACTION: Final = 500
GAS_PER_LOG: Final = 2_000
CREATE_GAS: Final = 5_000_000
FEES: Final = Fees(max_wei=Wei(100 * 10**9), priority_wei=Wei(10**9))
_anything: Final = msgspec.json.Decoder(Any)


def ping_data(start: int, count: int) -> bytes:
    """Calldata that emits numbers `start` to `start` + `count` - 1."""
    return start.to_bytes(32, "big") + count.to_bytes(32, "big")


@dataclass(slots=True)
class Emitter:
    """The contract on a running anvil; one sender."""

    reads: Reads
    rpc_url: str
    signer: KeySigner
    address: Address
    nonce: int

    async def ping(self, start: int, count: int, *, at: Address | None = None) -> None:
        """Send transactions for so many numbers; they are mined at the next `mine`, or at once when that is on.

        `at` is another contract of the same code.
        """
        for first in range(start, start + count, LOGS_PER_TRANSACTION):
            some = min(LOGS_PER_TRANSACTION, start + count - first)
            await self._send(at or self.address, ping_data(first, some), 100_000 + GAS_PER_LOG * some)

    async def create(self, init_code: bytes) -> Address:
        """Make a contract, and a block that holds it: one that is mined at once may still come after the answer."""
        address = created_address(self.signer.address, self.nonce)
        await self._send(None, init_code, CREATE_GAS)
        await self.mine()
        return address

    async def mine(self) -> None:
        """Make a block of what waits."""
        await self.ask("evm_mine")

    async def ask(self, method: str, *params: object) -> Any:
        """Ask the node anything."""
        return await self.reads.client.call(method, params, _anything)

    async def _send(self, to: Address | None, data: bytes, gas: int) -> None:
        unsigned = Unsigned(chain_id=CHAIN, nonce=self.nonce, to=to, data=data, value=Wei(0), gas=gas, fees=FEES)
        _, raw = sign(self.signer, unsigned)
        await self.ask("eth_sendRawTransaction", to_hex(raw))
        self.nonce += 1


@asynccontextmanager
async def reads_of(rpc_url: str) -> AsyncIterator[Reads]:
    """Read anvil's chain as a node does whose configuration names its WebSocket, which has the same port."""
    clock = SystemClock()
    async with RpcClient([rpc_url], chain_id=CHAIN) as client:
        reads = Reads(client, clock)
        async with HeadBell(rpc_url.replace("http", "ws", 1), reads.wake, clock):
            yield reads


@asynccontextmanager
async def running_emitter(*, automine: bool = False) -> AsyncIterator[Emitter]:
    """Run anvil with the contract on it; blocks are made by `mine`, or with `automine` at each transaction."""
    async with (
        development_chain("anvil", chain_id=CHAIN, block_time_s=0) as chain,
        RpcClient([chain.rpc_url], chain_id=CHAIN) as client,
    ):
        signer = KeySigner(PrivateKey(chain.accounts[0].private_key))
        address = Address(bytes(20))
        emitter = Emitter(Reads(client, SystemClock()), chain.rpc_url, signer, address, 0)
        await emitter.ask("evm_setAutomine", False)
        emitter.address = await emitter.create(INIT_CODE)
        await emitter.ask("evm_setAutomine", automine)
        yield emitter
