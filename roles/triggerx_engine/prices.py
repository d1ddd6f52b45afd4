"""What is the same for every job of an action chain when an occurrence is decided about: time, gas price, caps."""

from collections.abc import Mapping
from typing import NoReturn

from triggerx.core.admission import Surroundings
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import ChainId, Wei
from triggerx.role import Services

LOOK_EVERY_S = 2.0  # about a block: a price that fell lets go within it; one call a chain
AGE_S_MAX = 60.0  # an older price says nothing; without one nothing is held for its cost


class Prices:
    """Asks each action chain for its gas price, beside the decisions, which never wait for it."""

    def __init__(self, services: Services, *, user_runs_per_day_max: int) -> None:
        self._services = services
        self._user_runs_per_day_max = user_runs_per_day_max
        self._read: dict[ChainId, tuple[Wei, float]] = {}
        self._log = services.log.bind(loop="engine.prices")

    async def run(self) -> NoReturn:
        """Look for ever."""
        while True:
            await self.look()
            await self._services.clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Ask every action chain once; one that does not answer keeps its last price until it is too old."""
        for chain_id in self._services.network.action_chains:
            try:
                price = await self._services.chain(chain_id).gas_price()
            except RecoverableError as error:
                self._log.debug("gas price is not known", chain_id=chain_id, reason=str(error))
            else:
                self._read[chain_id] = (price, self._services.clock.monotonic())

    def around(self, *, at: int = 0) -> Mapping[ChainId, Surroundings]:
        """Return the surroundings of each action chain now, or at a second that is about to come."""
        clock = self._services.clock
        oldest, now = clock.monotonic() - AGE_S_MAX, max(clock.now(), at)
        found: dict[ChainId, Surroundings] = {}
        for chain_id in self._services.network.action_chains:
            price, read_at = self._read.get(chain_id, (None, oldest))
            found[chain_id] = Surroundings(
                now=now,
                gas_price_wei=price if read_at > oldest else None,
                user_runs_per_day_max=self._user_runs_per_day_max,
            )
        return found
