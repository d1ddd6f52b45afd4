"""Check-ins: tells the network three times an epoch that this keeper is alive."""

from typing import NoReturn

from triggerx import __version__
from triggerx.core.errors import RecoverableError
from triggerx.core.messages import CheckedIn
from triggerx.evm.types import checksum
from triggerx.role import Services
from triggerx_keeper.identity import Identity

PER_EPOCH = 3  # two may be lost before the keeper falls off the roster
REGISTRATION_POLL_S = 2.0


class CheckIns:
    """Announces `CheckedIn` while the operator is active on chain; says what to do while it is not."""

    def __init__(self, services: Services, identity: Identity) -> None:
        self._services = services
        self._identity = identity
        self._log = services.log.bind(loop="keeper.check-ins")

    async def run(self) -> NoReturn:
        """Check in, for ever."""
        clock, epoch_s = self._services.clock, self._services.network.timing.epoch_s
        was_active: bool | None = None
        while True:
            is_active = await self._check_in()
            if is_active is not None and is_active is not was_active:
                self._report(is_active=is_active)
                was_active = is_active
            await clock.sleep(epoch_s / PER_EPOCH if is_active else REGISTRATION_POLL_S)

    async def _check_in(self) -> bool | None:
        """Check in when the operator is active, and say whether it is; None when that could not be found out."""
        services = self._services
        try:
            if await self._identity.operator() is None:
                return False
            message = CheckedIn(addresses=services.peers.addresses, version=__version__)
            await services.peers.announce(message, lifetime_s=services.network.timing.epoch_s)
        except RecoverableError as error:
            self._log.warning("check-in failed", reason=str(error))
            return None
        return True

    def _report(self, *, is_active: bool) -> None:
        operator = checksum(self._identity.address)
        if is_active:
            self._log.info("keeper checked in", operator=operator)
        else:
            self._log.warning(
                "operator is not active on chain",
                operator=operator,
                advice="register it with AvsGovernance on L1 with this key's BLS key, and wait for L2 to hear of it",
            )
