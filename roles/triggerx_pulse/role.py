"""The pulse role: its configuration, and the loops it runs side by side."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NoReturn, cast

from triggerx.core.errors import UnrecoverableError
from triggerx.core.keeper import OFFLINE_ALERT_AFTER_S
from triggerx.role import RoleConfig, Services
from triggerx_pulse.alerts import Alerts
from triggerx_pulse.checkins import CheckInBook


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseConfig(RoleConfig):
    """Table `[pulse]`."""

    alert_after_s: int = OFFLINE_ALERT_AFTER_S
    """How long a keeper may be silent before its operator is told."""
    poll_s: float = 1.0
    """How often silence is looked for."""


class PulseRole:
    """Records check-ins, marks keepers online or offline, and raises alerts."""

    name: ClassVar[str] = "pulse"
    config_type: ClassVar[type[RoleConfig]] = PulseConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        self._services = services
        self._config = cast("PulseConfig", config)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Run both loops until cancelled."""
        config = self._config
        async with asyncio.TaskGroup() as group:
            group.create_task(CheckInBook(self._services).run(), name="pulse.check-ins")
            alerts = Alerts(self._services, alert_after_s=config.alert_after_s, poll_s=config.poll_s)
            group.create_task(alerts.run(), name="pulse.alerts")
            started()
        raise UnrecoverableError("pulse's loops ended: none of them may")
