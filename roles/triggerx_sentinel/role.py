"""The sentinel role: its configuration, one follower a contract, and one look at the lag a chain."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NoReturn, cast

from triggerx.core.errors import UnrecoverableError
from triggerx.core.network import ActionChain
from triggerx.evm.types import Address, ChainId
from triggerx.role import RoleConfig, Services
from triggerx_sentinel.charges import ChargeLogs
from triggerx_sentinel.deposit_logs import DepositLogs
from triggerx_sentinel.follower import Follower, LogReader, Several
from triggerx_sentinel.lag import HeadLag
from triggerx_sentinel.registrations import GovernanceLogs
from triggerx_sentinel.registry_logs import RegistryLogs
from triggerx_sentinel.submissions import AttestationLogs


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelConfig(RoleConfig):
    """Table `[sentinel]`."""

    lag_s_max: float = 15.0
    """How old the newest block may grow before the log warns that an endpoint has fallen behind; 3 blocks at least."""


class SentinelRole:
    """Writes what the contracts said, block range after block range, each with its cursor in one transaction."""

    name: ClassVar[str] = "sentinel"
    config_type: ClassVar[type[RoleConfig]] = SentinelConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        self._services = services
        self._config = cast("SentinelConfig", config)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Follow every contract of the network until cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers():
                group.create_task(follower.run(), name=follower.name)
            for lag in self._lags():
                group.create_task(lag.run(), name="sentinel.lag")
            started()
        raise UnrecoverableError("the sentinel's loops ended: none of them may")

    def _followers(self) -> Iterator[Follower]:
        services, network = self._services, self._services.network
        yield Follower(
            services,
            name=_name("l1", network.l1_chain_id, network.avs_governance),
            chain=services.chain(network.l1_chain_id),
            reader=GovernanceLogs(services),
            start_block=network.l1_start_block,
            confirmations=network.l1_confirmations,
        )
        yield Follower(
            services,
            name=_name("l2", network.l2_chain_id, network.attestation_center),
            chain=services.chain(network.l2_chain_id),
            reader=AttestationLogs(services),
            start_block=network.l2_start_block,
            confirmations=network.l2_confirmations,
        )
        for chain in network.action_chains.values():
            yield self._on(chain, _name("jobs", chain.chain_id, chain.job_registry), RegistryLogs(services, chain))
            money = Several(DepositLogs(services, chain), ChargeLogs(services, chain))
            yield self._on(chain, _name("deposits", chain.chain_id, chain.gas_registry), money)

    def _on(self, action_chain: ActionChain, name: str, reader: LogReader) -> Follower:
        return Follower(
            self._services,
            name=name,
            chain=self._services.chain(action_chain.chain_id),
            reader=reader,
            start_block=action_chain.start_block,
            confirmations=action_chain.confirmations,
        )

    def _lags(self) -> Iterator[HeadLag]:
        network = self._services.network
        for chain_id in sorted(network.chain_ids()):
            yield HeadLag(
                self._services,
                self._services.chain(chain_id),
                lag_s_max=self._config.lag_s_max,
                block_time_s=network.block_time_s_on(chain_id) or 0.0,
            )


def _name(what: str, chain_id: ChainId, contract: Address) -> str:
    """A follower's name, under which its cursor is stored: another contract is followed from its own start."""
    return f"sentinel.{what}.{chain_id}.{contract.hex()}"
