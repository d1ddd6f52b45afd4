"""The head-lag alarm: says when a chain's newest block has grown old, and when it is young again.

An endpoint that has fallen behind answers as readily as ever, with blocks that follow on each other: only their age
tells. What the sentinel stores is late by as much, and so is everything that waits for it.
"""

from typing import Final, NoReturn

from triggerx.core.errors import RecoverableError
from triggerx.ports.chain import Block, Chain
from triggerx.role import Services

LOOK_EVERY_S: Final = 1.0  # the alarm is that late at most; one small request a chain each time
BLOCKS_MAX: Final = 3  # on a chain with slow blocks: one may be missing without anything being wrong


class HeadLag:
    """Watches the newest block of one chain; `block_time_s` is the usual distance of two blocks, where it is known."""

    def __init__(self, services: Services, chain: Chain, *, lag_s_max: float, block_time_s: float) -> None:
        self._services = services
        self._chain = chain
        self._age_s_max = max(lag_s_max, BLOCKS_MAX * block_time_s)
        self._log = services.log.bind(loop="sentinel.lag", chain_id=chain.chain_id)

    async def run(self) -> NoReturn:
        """Look for ever."""
        head: Block | None = None
        is_behind = False
        while True:
            head = await self._newest(head)
            if head is not None:
                age_s = self._services.clock.now() - head.timestamp
                if (age_s >= self._age_s_max) is not is_behind:
                    is_behind = not is_behind
                    self._report(head, age_s, is_behind=is_behind)
            await self._services.clock.sleep(LOOK_EVERY_S)

    async def _newest(self, known: Block | None) -> Block | None:
        """The newest block; the one that is known grows older while no endpoint answers."""
        try:
            return await self._chain.head()
        except RecoverableError as error:
            self._log.debug("head is not known", reason=str(error))
            return known

    def _report(self, head: Block, age_s: int, *, is_behind: bool) -> None:
        if is_behind:
            advice = "look whether its endpoints are in step with the chain; [sentinel] lag_s_max sets the limit"
            self._log.warning("chain lags", block=head.number, age_s=age_s, age_s_max=self._age_s_max, advice=advice)
        else:
            self._log.info("chain lags no more", block=head.number, age_s=age_s)
