"""The check-in book: every valid check-in into the store, and who checks in is online."""

from typing import NoReturn

from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.keeper import CheckIn
from triggerx.core.messages import CheckedIn, Heard
from triggerx.events import KeeperCheckedIn
from triggerx.evm.types import checksum
from triggerx.role import Services


class CheckInBook:
    """One loop over all check-ins; an operator's newest counts. Engines' check-ins tell addresses, not keepers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._log = services.log.bind(loop="pulse.check-ins")

    async def run(self) -> NoReturn:
        """Take check-ins in, for ever."""
        async with self._services.peers.announcements(CheckedIn) as heard:
            async for check_in in heard:
                try:
                    await self._take(check_in)
                except (RecoverableError, InvalidInput) as error:
                    self._log.warning("check-in ignored", sender=checksum(check_in.sender), reason=str(error))
        raise UnrecoverableError("the check-ins ended, which they may not")

    async def _take(self, heard: Heard[CheckedIn]) -> None:
        services = self._services
        if not await services.operators.is_active(heard.sender):
            return
        check_in = CheckIn(
            operator=heard.sender,
            peer_id=heard.peer_id,
            addresses=heard.message.addresses,
            version=heard.message.version,
            checked_in_at=heard.issued_at,
        )
        async with services.store.transaction() as queries:
            await queries.keepers.record_check_in(check_in)
            await queries.keepers.set_online(heard.sender, is_online=True)
        await services.bus.publish(KeeperCheckedIn(heard.sender))
