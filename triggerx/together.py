"""Work that many ask for at about the same time, done once for all of them: one statement, one request, one commit.

Rule: who asks sees nothing of the others. What a whole batch is refused for is done one by one, so that one bad item
costs the others time alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from triggerx.core.errors import InvalidInput, RecoverableError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def _one_tick() -> None:
    await asyncio.sleep(0)


class Together(Generic[ItemT, ResultT]):
    """Gathers the items of one loop tick, or of the time that `gather` takes.

    `work` returns a result for each item, in their order. Items whose `key` differs are worked on apart and side by
    side. The first to ask does the work within its own task; where that is cancelled, the others of its batch get a
    `RecoverableError`.
    """

    def __init__(
        self,
        work: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        *,
        key: Callable[[ItemT], Hashable] = lambda _: None,
        gather: Callable[[], Awaitable[None]] = _one_tick,
        items_max: int,
    ) -> None:
        """Hand at most `items_max` to `work` at once."""
        self._work = work
        self._key = key
        self._gather = gather
        self._items_max = items_max
        self._gathering: dict[Hashable, list[tuple[ItemT, asyncio.Future[ResultT]]]] = {}

    async def do(self, item: ItemT) -> ResultT:
        """Have one item done; raises what its work raises."""
        outcome: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        key = self._key(item)
        batch = self._gathering.get(key)
        if batch is not None and len(batch) < self._items_max:
            batch.append((item, outcome))
            return await outcome
        batch = self._gathering[key] = [(item, outcome)]
        try:
            await self._gather()  # whoever is ready meanwhile joins
            self._close(key, batch)
            await self._finish(batch)
        except BaseException:
            self._close(key, batch)
            for _, other in batch:
                _fail(other, RecoverableError("whoever did this for others too was stopped: try again"))
            raise
        return await outcome

    def _close(self, key: Hashable, batch: object) -> None:
        """Let nobody join any more."""
        if self._gathering.get(key) is batch:
            del self._gathering[key]

    async def _finish(self, batch: Sequence[tuple[ItemT, "asyncio.Future[ResultT]"]]) -> None:
        """Give every item of a batch its outcome."""
        try:
            results = await self._work([item for item, _ in batch])
        except InvalidInput as error:
            if len(batch) == 1:
                _fail(batch[0][1], error)
            for one in batch if len(batch) > 1 else ():
                await self._finish([one])
        except Exception as error:  # noqa: BLE001 - each who asked raises it
            for _, outcome in batch:
                _fail(outcome, error)
        else:
            for (_, outcome), result in zip(batch, results, strict=True):
                if not outcome.done():
                    outcome.set_result(result)


def _fail(outcome: "asyncio.Future[ResultT]", error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)
        outcome.exception()  # taken note of, should the asker be gone
