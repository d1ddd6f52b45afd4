"""The sentinel role: its configuration, and one follower a chain."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NoReturn, cast

from triggerx.core.errors import UnrecoverableError
from triggerx.role import RoleConfig, Services
from triggerx_sentinel.follower import Follower
from triggerx_sentinel.registrations import GovernanceLogs
from triggerx_sentinel.submissions import AttestationLogs


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelConfig(RoleConfig):
    """Table `[sentinel]`."""

    lag_s_max: float = 15.0
    """How old the newest block may grow before the log warns that an endpoint has fallen behind."""


class SentinelRole:
    """Writes what the contracts said, block range after block range, each with its cursor in one transaction."""

    name: ClassVar[str] = "sentinel"
    config_type: ClassVar[type[RoleConfig]] = SentinelConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        self._services = services
        self._config = cast("SentinelConfig", config)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Follow both layers until cancelled."""
        services, network = self._services, self._services.network
        governance = Follower(
            services,
            name=f"sentinel.l1.{network.l1_chain_id}.{network.avs_governance.hex()}",
            chain=services.chain(network.l1_chain_id),
            reader=GovernanceLogs(services),
            start_block=network.l1_start_block,
            confirmations=network.l1_confirmations,
        )
        attestation = Follower(
            services,
            name=f"sentinel.l2.{network.l2_chain_id}.{network.attestation_center.hex()}",
            chain=services.chain(network.l2_chain_id),
            reader=AttestationLogs(services),
            start_block=network.l2_start_block,
            confirmations=network.l2_confirmations,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(governance.run(), name="sentinel.l1")
            group.create_task(attestation.run(), name="sentinel.l2")
            started()
        raise UnrecoverableError("the sentinel's followers ended: none of them may")
