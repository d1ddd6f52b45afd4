"""The operator set as the contracts know it: powers from the Attestation Center, BLS keys from the registrations on L1.

Nothing is believed from peers here: what a keeper counts comes from the chains alone.
"""

import asyncio
from collections.abc import Mapping
from typing import cast

from triggerx.core.election import Operator
from triggerx.core.errors import RecoverableError
from triggerx.core.network import Network
from triggerx.evm.contracts import AttestationCenter, AvsGovernance, TaskExecutionHub
from triggerx.evm.types import Address, ChainId
from triggerx.ports.chain import Chain, LogFilter
from triggerx.ports.clock import Clock

REFRESH_S = 1.0  # a roster may be this old: about one block of the fastest chain
LOG_RANGE_BLOCKS = 5_000  # what public endpoints answer in one query


class ChainOperators:
    """The `Operators` port over the network's two chains; one refresh at a time, shared by everybody who asks."""

    def __init__(self, chains: Mapping[ChainId, Chain], network: Network, clock: Clock) -> None:
        self._chains = chains
        self._l1 = chains[network.l1_chain_id]
        self._l2 = chains[network.l2_chain_id]
        self._network = network
        self._clock = clock
        self._lock = asyncio.Lock()
        self._operators: tuple[Operator, ...] = ()
        self._read_at: float | None = None
        self._bls_keys: dict[Address, tuple[int, int, int, int]] = {}
        self._next_block = network.l1_start_block
        self._engines: dict[Address, tuple[bool, float]] = {}

    async def active(self) -> tuple[Operator, ...]:
        """Return the active operators ascending by id; an operator whose L1 registration is unseen is left out."""
        async with self._lock:
            if self._read_at is None or self._clock.monotonic() - self._read_at >= REFRESH_S:
                read_at = self._clock.monotonic()
                self._operators = await self._read()
                self._read_at = read_at
            return self._operators

    async def is_active(self, address: Address) -> bool:
        """Tell whether this address is an active operator."""
        return any(operator.address == address for operator in await self.active())

    async def is_engine(self, address: Address) -> bool:
        """Tell whether the network's file names this engine, or a guarded hub of the network accepts it."""
        if address in self._network.engines:
            return True
        known = self._engines.get(address)
        if known is None or self._clock.monotonic() - known[1] >= REFRESH_S:
            known = (await self._asked_hubs(address), self._clock.monotonic())
            if len(self._engines) >= 1024:  # addresses come from strangers: they must not fill the memory
                self._engines.clear()
            self._engines[address] = known
        return known[0]

    async def _asked_hubs(self, address: Address) -> bool:
        for action_chain in self._network.action_chains.values():
            if not action_chain.is_guarded:
                continue
            answer = await self._chains[action_chain.chain_id].call(
                action_chain.task_execution_hub, TaskExecutionHub.isEngine.encode(address)
            )
            if TaskExecutionHub.isEngine.decode_output(answer)[0]:
                return True
        return False

    async def _read(self) -> tuple[Operator, ...]:
        await self._read_bls_keys()
        answer = await self._l2.call(
            self._network.attestation_center, AttestationCenter.getActiveOperatorsDetails.encode()
        )
        (rows,) = cast(
            "tuple[list[tuple[Address, int, int]]]", AttestationCenter.getActiveOperatorsDetails.decode_output(answer)
        )
        found = (
            Operator(operator_id=row[1], address=row[0], voting_power=row[2], bls_key=self._bls_keys[row[0]])
            for row in rows
            if row[0] in self._bls_keys
        )
        return tuple(sorted(found, key=lambda operator: operator.operator_id))

    async def _read_bls_keys(self) -> None:
        head = await self._l1.head()
        registered = AvsGovernance.OperatorRegistered
        wanted = LogFilter(addresses=(self._network.avs_governance,), topics=((registered.topic,),))
        while self._next_block <= head.number:
            last = min(head.number, self._next_block + LOG_RANGE_BLOCKS - 1)
            for log in await self._l1.logs(wanted, from_block=self._next_block, to_block=last):
                values = registered.decode(log.topics, log.data)
                key = cast("tuple[int, ...]", values["blsKey"])
                if len(key) != 4:
                    raise RecoverableError(f"OperatorRegistered of block {log.block_number} has no G2 key")
                self._bls_keys[cast("Address", values["operator"])] = (key[0], key[1], key[2], key[3])
            self._next_block = last + 1
