"""Standing: says at the start, and whenever it changes, whether the network takes this engine's orders.

Keepers refuse the orders of a key that is neither in the hub nor in the network's file, so every task would fail.
"""

from typing import NoReturn

from triggerx.core.errors import RecoverableError
from triggerx.evm.types import checksum
from triggerx.role import Services

LOOK_EVERY_S = 30.0  # somebody enters the key by hand, and may wait for the answer; one call each time


class Standing:
    """Only tells: a key may be entered, or rotated, while the engine runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._log = services.log.bind(loop="engine.standing")

    async def run(self) -> NoReturn:
        """Look for ever."""
        was_accepted: bool | None = None
        while True:
            try:
                is_accepted = await self._is_accepted()
            except RecoverableError as error:
                self._log.debug("standing is not known", reason=str(error))
            else:
                if is_accepted is not was_accepted:
                    self._report(is_accepted=is_accepted)
                    was_accepted = is_accepted
            await self._services.clock.sleep(LOOK_EVERY_S)

    async def _is_accepted(self) -> bool:
        signer = self._services.engine_signer
        return signer is not None and await self._services.operators.is_engine(signer.address)

    def _report(self, *, is_accepted: bool) -> None:
        signer = self._services.engine_signer
        engine = "" if signer is None else checksum(signer.address)
        if is_accepted:
            self._log.info("engine is accepted", engine=engine)
        else:
            self._log.warning(
                "engine is not accepted: keepers refuse its orders",
                engine=engine,
                advice="let the hub's owner enter this address (setEngine), or name an entered key in keys.engine_file",
            )
