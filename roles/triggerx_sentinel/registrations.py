"""Registrations: operators that come and go on L1 (AvsGovernance) and L2 (AttestationCenter), into the keeper table.

A keeper counts (`status`) only when both layers know it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from triggerx.core.keeper import Keeper
from triggerx.events import Event, KeeperRegistered
from triggerx.evm.contracts import AttestationCenter, AvsGovernance
from triggerx.evm.types import Address, Hash32, checksum, to_hex
from triggerx.ports.chain import Log, LogFilter
from triggerx.ports.store import Queries
from triggerx.role import Services
from triggerx_sentinel.follower import LogReader


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperChange:
    """One change of one keeper row; None leaves a column as it is, `is_gone` takes it off its layer."""

    operator: Address
    kind: str
    now_ms: int
    tx_hash: Hash32
    bls_key: tuple[int, int, int, int] | None = None
    rewards_address: Address | None = None
    operator_id: int | None = None
    voting_power: int | None = None
    is_gone: bool = False

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Write the keeper row and an entry of the event log."""
        keeper = await queries.keepers.ensure(self.operator)
        changed = self._applied(keeper)
        await queries.keepers.save(changed)
        details = {"operator": checksum(self.operator), "tx_hash": to_hex(self.tx_hash)}
        await queries.events.append(self.kind, f"keeper:{checksum(self.operator)}", details, now_ms=self.now_ms)
        return (KeeperRegistered(self.operator),)

    def _applied(self, keeper: Keeper) -> Keeper:
        changed = replace(
            keeper,
            bls_key=self.bls_key or keeper.bls_key,
            rewards_address=self.rewards_address or keeper.rewards_address,
            operator_id=self.operator_id if self.operator_id is not None else keeper.operator_id,
            voting_power=self.voting_power if self.voting_power is not None else keeper.voting_power,
            registered_tx=self.tx_hash if self.kind == "operator_registered" else keeper.registered_tx,
        )
        if self.is_gone:
            if self.kind == "operator_unregistered":
                changed = replace(changed, bls_key=None)
            else:
                changed = replace(changed, voting_power=0)
        return replace(changed, status=changed.bls_key is not None and changed.voting_power > 0)


class GovernanceLogs(LogReader):
    """Reads AvsGovernance on L1: registration with the BLS key, rewards receiver, unregistration."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def wanted(self) -> LogFilter:
        """The three events of CHAIN.md §3."""
        events = (
            AvsGovernance.OperatorRegistered,
            AvsGovernance.OperatorUnregistered,
            AvsGovernance.SetRewardsReceiver,
        )
        return LogFilter(
            addresses=(self._services.network.avs_governance,), topics=(tuple(event.topic for event in events),)
        )

    async def prepare(self, log: Log) -> KeeperChange | None:
        """Turn one log into a change of a keeper row."""
        now_ms = self._services.clock.now_ms()
        topic = log.topics[0]
        if topic == AvsGovernance.OperatorRegistered.topic:
            values = AvsGovernance.OperatorRegistered.decode(log.topics, log.data)
            x_re, x_im, y_re, y_im = cast("tuple[int, int, int, int]", values["blsKey"])
            return KeeperChange(
                operator=cast("Address", values["operator"]),
                kind="operator_registered",
                now_ms=now_ms,
                tx_hash=log.tx_hash,
                bls_key=(x_re, x_im, y_re, y_im),
            )
        if topic == AvsGovernance.SetRewardsReceiver.topic:
            values = AvsGovernance.SetRewardsReceiver.decode(log.topics, log.data)
            return KeeperChange(
                operator=cast("Address", values["operator"]),
                kind="rewards_receiver_set",
                now_ms=now_ms,
                tx_hash=log.tx_hash,
                rewards_address=cast("Address", values["receiver"]),
            )
        values = AvsGovernance.OperatorUnregistered.decode(log.topics, log.data)
        return KeeperChange(
            operator=cast("Address", values["operator"]),
            kind="operator_unregistered",
            now_ms=now_ms,
            tx_hash=log.tx_hash,
            is_gone=True,
        )


async def operator_joined(services: Services, log: Log) -> KeeperChange:
    """Read `OperatorRegisteredToNetwork` and the id the Attestation Center gave the operator."""
    values = AttestationCenter.OperatorRegisteredToNetwork.decode(log.topics, log.data)
    operator = cast("Address", values["operator"])
    answer = await services.chain(services.network.l2_chain_id).call(
        services.network.attestation_center, AttestationCenter.operatorsIdsByAddress.encode(operator)
    )
    return KeeperChange(
        operator=operator,
        kind="operator_joined_network",
        now_ms=services.clock.now_ms(),
        tx_hash=log.tx_hash,
        operator_id=cast("int", AttestationCenter.operatorsIdsByAddress.decode_output(answer)[0]),
        voting_power=cast("int", values["votingPower"]),
    )


def power_updated(services: Services, log: Log) -> KeeperChange:
    """Read `VotingPowerUpdated`; an operator without power counts nothing."""
    values = AttestationCenter.VotingPowerUpdated.decode(log.topics, log.data)
    return KeeperChange(
        operator=cast("Address", values["operator"]),
        kind="voting_power_updated",
        now_ms=services.clock.now_ms(),
        tx_hash=log.tx_hash,
        voting_power=cast("int", values["votingPower"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLeft:
    """`OperatorUnregisteredFromNetwork`, which names the id alone; an id that the store never saw changes nothing."""

    operator_id: int
    now_ms: int
    tx_hash: Hash32

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Take the keeper off L2; looked up here, since it may have joined in the same range of blocks."""
        keeper = await queries.keepers.by_operator_id(self.operator_id)
        if keeper is None:
            return ()
        change = KeeperChange(
            operator=keeper.keeper_address,
            kind="operator_left_network",
            now_ms=self.now_ms,
            tx_hash=self.tx_hash,
            is_gone=True,
        )
        return await change.store(queries)


def operator_left(services: Services, log: Log) -> OperatorLeft:
    """Read `OperatorUnregisteredFromNetwork`."""
    values = AttestationCenter.OperatorUnregisteredFromNetwork.decode(log.topics, log.data)
    return OperatorLeft(
        operator_id=cast("int", values["operatorId"]), now_ms=services.clock.now_ms(), tx_hash=log.tx_hash
    )
