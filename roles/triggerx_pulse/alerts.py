"""Alerts: who fell silent is offline after an epoch; its operator is told after ten minutes, once, and when it is back.

The alert row is written before the notice is handed over, so a restart tells nobody twice; a kill between the two, or
a channel that fails then, loses that notice, and the row alone says so.
Silence is measured on the monotonic clock from when this process last heard: a clock jump raises no false alert, and a
restart gives every keeper the full time again.
"""

from typing import NoReturn

from triggerx.core.errors import RecoverableError
from triggerx.core.keeper import Keeper, is_online
from triggerx.evm.types import Address, checksum
from triggerx.ports.notifier import Notice
from triggerx.role import Services

KIND = "offline"


class Alerts:
    """Looks at every keeper that is registered or online, at every poll."""

    def __init__(self, services: Services, *, alert_after_s: int, poll_s: float) -> None:
        self._services = services
        self._alert_after_s = alert_after_s
        self._poll_s = poll_s
        self._heard: dict[Address, tuple[int | None, float]] = {}
        self._log = services.log.bind(loop="pulse.alerts")

    async def run(self) -> NoReturn:
        """Watch, for ever."""
        while True:
            await self.look()
            await self._services.clock.sleep(self._poll_s)

    async def look(self) -> None:
        """Look at every keeper once; of those that are registered the operator is told."""
        for keeper in await self._services.store.keepers.list_all():
            if keeper.status or keeper.online:
                await self._look_at(keeper)

    async def _look_at(self, keeper: Keeper) -> None:
        services, now = self._services, self._services.clock.monotonic()
        known = self._heard.get(keeper.keeper_address)
        if known is None or known[0] != keeper.last_check_in_at:
            known = (keeper.last_check_in_at, now)
            self._heard[keeper.keeper_address] = known
        silent_s = now - known[1]
        epoch_s = services.network.timing.epoch_s
        alive = is_online(keeper.last_check_in_at, now=services.clock.now(), epoch_s=epoch_s) or silent_s <= epoch_s
        if keeper.online and not alive:
            await services.store.keepers.set_online(keeper.keeper_address, is_online=False)
            self._log.warning("keeper offline", operator=checksum(keeper.keeper_address))
        if not keeper.status:
            return
        if silent_s > self._alert_after_s:
            await self._raise(keeper)
        elif keeper.online:
            await self._clear(keeper)

    async def _raise(self, keeper: Keeper) -> None:
        now = self._services.clock.now()
        if await self._services.store.keepers.open_alert(keeper.keeper_address, kind=KIND, raised_at=now):
            text = f"no check-in for more than {self._alert_after_s // 60} minutes: look at its process and its network"
            await self._tell(keeper, "offline", now, text)

    async def _clear(self, keeper: Keeper) -> None:
        now = self._services.clock.now()
        if await self._services.store.keepers.close_alert(keeper.keeper_address, kind=KIND, closed_at=now):
            await self._tell(keeper, "online", now, "it checks in again")

    async def _tell(self, keeper: Keeper, what: str, now: int, text: str) -> None:
        operator = checksum(keeper.keeper_address)
        notice = Notice(
            notice_id=f"{what}:{operator}:{now}",
            recipient=keeper.chat_id or keeper.email_id,
            subject=f"keeper {keeper.keeper_name or operator} is {what}",
            text=text,
        )
        for notifier in self._services.notifiers:
            try:
                await notifier.notify(notice)
            except RecoverableError as error:
                self._log.error("notice not handed over", notifier=notifier.name, reason=str(error))
