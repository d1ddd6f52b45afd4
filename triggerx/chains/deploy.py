"""Deploys the whole system on one chain or on two, and wires it: for development networks and for tests.

Rule: addresses follow from the deployer and its nonce, so everything is sent at once and then awaited; nothing is
returned before every receipt says success.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from triggerx.chains.contracts import load
from triggerx.chains.envelope import Fees, Unsigned, rlp, sign
from triggerx.core.errors import RecoverableError, UnavailableError
from triggerx.evm.abi.codec import encode
from triggerx.evm.abi.interface import Function
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, ChainId, Wei, to_hex

Request = Callable[[str, Sequence[object]], Awaitable[object]]
"""One JSON-RPC question: method and parameters to the result as JSON has it; raises what its client raises."""

DEADLINE_S: Final = 120.0  # twenty-odd transactions on an embedded chain with blocks of a second take about ten
POLL_S: Final = 0.1
GAS_PER_BYTE: Final = 250  # storing a byte of code costs 200, sending one at most 40
GAS_OF_CALL: Final = 300_000  # of a constructor's work, and of a call that sets a few words
PRIORITY_WEI: Final = 1_000_000_000
TASK_DEFINITIONS: Final = range(1, 8)

_SET_OBLS_MANAGER: Final = Function.parse("setOblsManager(address manager)")
_SET_HUB: Final = Function.parse("setHub(address hub)")
_SET_TASK_DEFINITION: Final = Function.parse(
    "setTaskDefinition(uint16 taskDefinitionId,uint256 minimumVotingPower,"
    "(uint256 performerFee,uint256 attesterFee,uint256 aggregatorFee) fees)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the contracts are told at their birth.

    The first three are units of reward for one task, in the Attestation Center's books; the last two are the most wei
    that one call on the unguarded way, and all of one owner's in a day, may charge.
    """

    performer_fee: int = 100
    attester_fee: int = 10
    aggregator_fee: int = 20
    unguarded_fee_max_wei: Wei = Wei(5 * 10**15)
    unguarded_fee_per_day_max_wei: Wei = Wei(5 * 10**16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where everything is. Owner and governor are the deployer; the start blocks hold the first contract's creation.

    `obls` serves the Attestation Center; `avs_obls` checks registrations, and is the same where L1 is L2.
    """

    l1_chain_id: ChainId
    l2_chain_id: ChainId
    l1_start_block: int
    l2_start_block: int
    attestation_center: Address
    obls: Address
    avs_governance: Address
    avs_obls: Address
    job_registry: Address
    gas_registry: Address
    task_execution_hub: Address
    example_target: Address
    l1_multicall: Address
    l2_multicall: Address


async def deploy(
    request: Request,
    deployer_key: bytes,
    *,
    engine: Address,
    messenger: Address,
    l1_request: Request | None = None,
    terms: Terms | None = None,
) -> Deployment:
    """Deploy and wire everything with one funded key; `l1_request` None puts AVS Governance on the same chain.

    `engine` may sign assignments, `messenger` carries registrations to the Attestation Center. Raises RecoverableError
    when a transaction fails or is not mined within DEADLINE_S, UnavailableError when a node answers nonsense.
    """
    terms = terms or Terms()
    key = PrivateKey(deployer_key)
    owner = key.address
    l2 = await _Deployer.start(request, key)

    obls = await l2.create("Obls")
    center = await l2.create("AttestationCenter", ("address", "address", "address"), (obls, messenger, owner))
    registry = await l2.create("JobRegistry")
    gas_registry = await l2.create("GasRegistry", ("address",), (owner,))
    caps = (terms.unguarded_fee_max_wei, terms.unguarded_fee_per_day_max_wei)
    hub = await l2.create(
        "TaskExecutionHub",
        ("address", "address", "address", "address", "uint256", "uint256"),
        (center, registry, gas_registry, owner, *caps),
    )
    target = await l2.create("ExampleTarget")
    await l2.call(obls, _SET_OBLS_MANAGER.encode(center))
    await l2.call(gas_registry, _SET_HUB.encode(hub))
    await l2.call(hub, TaskExecutionHub.setEngine.encode(engine, True))
    fees = (terms.performer_fee, terms.attester_fee, terms.aggregator_fee)
    if any(fees):
        for definition in TASK_DEFINITIONS:
            await l2.call(center, _SET_TASK_DEFINITION.encode(definition, 0, fees))

    l1 = l2 if l1_request is None else await _Deployer.start(l1_request, key)
    avs_obls = obls if l1 is l2 else await l1.create("Obls")
    governance = await l1.create("AvsGovernance", ("address", "address"), (avs_obls, owner))
    l2_multicall = await l2.create("Multicall")
    l1_multicall = l2_multicall if l1 is l2 else await l1.create("Multicall")
    l2_start_block = await l2.finish()
    return Deployment(
        l1_chain_id=l1.chain_id,
        l2_chain_id=l2.chain_id,
        l1_start_block=l2_start_block if l1 is l2 else await l1.finish(),
        l2_start_block=l2_start_block,
        attestation_center=center,
        obls=obls,
        avs_governance=governance,
        avs_obls=avs_obls,
        job_registry=registry,
        gas_registry=gas_registry,
        task_execution_hub=hub,
        example_target=target,
        l1_multicall=l1_multicall,
        l2_multicall=l2_multicall,
    )


def created_address(sender: Address, nonce: int) -> Address:
    """The address of the contract that a transaction of this sender with this nonce creates (yellow paper, 7)."""
    return Address(keccak256(rlp([sender, nonce]))[12:])


class _Deployer:
    """One key's transactions on one chain: sent in order, awaited together."""

    def __init__(self, request: Request, key: PrivateKey, chain_id: ChainId, nonce: int, fees: Fees) -> None:
        self.chain_id = chain_id
        self._request = request
        self._key = key
        self._nonce = nonce
        self._fees = fees
        self._sent: list[tuple[str, str]] = []

    @classmethod
    async def start(cls, request: Request, key: PrivateKey) -> _Deployer:
        """Ask the chain for its id, the next nonce, and the price of gas."""
        chain_id = _number(await request("eth_chainId", []), "eth_chainId")
        nonce_params = [to_hex(key.address), "pending"]
        nonce = _number(await request("eth_getTransactionCount", nonce_params), "eth_getTransactionCount")
        price = _number(await request("eth_gasPrice", []), "eth_gasPrice")
        fees = Fees(max_wei=2 * price + PRIORITY_WEI, priority_wei=PRIORITY_WEI)
        return cls(request, key, ChainId(chain_id), nonce, fees)

    async def create(self, name: str, types: Sequence[str] = (), values: Sequence[object] = ()) -> Address:
        """Send a contract's creation and return the address it will have."""
        code = load(name).bytecode + encode(types, values)
        address = created_address(self._key.address, self._nonce)
        await self._send(f"creation of {name}", None, code, GAS_OF_CALL + GAS_PER_BYTE * len(code))
        return address

    async def call(self, to: Address, data: bytes) -> None:
        """Send a call."""
        await self._send(f"call of {to_hex(to)}", to, data, GAS_OF_CALL)

    async def _send(self, what: str, to: Address | None, data: bytes, gas: int) -> None:
        unsigned = Unsigned(
            chain_id=self.chain_id, nonce=self._nonce, to=to, data=data, value=Wei(0), gas=gas, fees=self._fees
        )
        tx_hash, raw = sign(self._key, unsigned)
        self._nonce += 1
        await self._request("eth_sendRawTransaction", [to_hex(raw)])
        self._sent.append((what, to_hex(tx_hash)))

    async def finish(self) -> int:
        """Wait until everything sent was mined; return the block of the first transaction."""
        blocks: list[int] = []
        try:
            async with asyncio.timeout(DEADLINE_S):
                for what, tx_hash in self._sent:
                    blocks.append(await self._mined(what, tx_hash))
        except TimeoutError as error:
            what, tx_hash = self._sent[len(blocks)]
            raise RecoverableError(
                f"the {what} ({tx_hash}) was not mined on chain {self.chain_id} within {DEADLINE_S:.0f} s: does the"
                f" chain make blocks?"
            ) from error
        return blocks[0]

    async def _mined(self, what: str, tx_hash: str) -> int:
        receipt = await self._request("eth_getTransactionReceipt", [tx_hash])
        while receipt is None:
            await asyncio.sleep(POLL_S)
            receipt = await self._request("eth_getTransactionReceipt", [tx_hash])
        if not isinstance(receipt, dict):
            raise UnavailableError(f"chain {self.chain_id} answered eth_getTransactionReceipt with {receipt!r:.100}")
        if _number(receipt.get("status"), "a receipt's status") != 1:
            raise RecoverableError(f"the {what} ({tx_hash}) failed on chain {self.chain_id}: has the deployer the gas?")
        return _number(receipt.get("blockNumber"), "a receipt's blockNumber")


def _number(value: object, what: str) -> int:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise UnavailableError(f"the node answered {what} with {value!r:.100}, which is no quantity")
    return int(value, 16)
