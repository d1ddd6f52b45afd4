import asyncio

import pytest

from triggerx.http.messages import MESSAGES_WAITING_MAX, Waiting
from triggerx.ports.fetch import FetchRefused


async def test_messages_when_more_wait_than_may_then_the_oldest_are_gone() -> None:
    waiting = Waiting()
    for number in range(MESSAGES_WAITING_MAX + 3):
        waiting.put(bytes([number]))
    waiting.end()
    assert [message[0] async for message in waiting] == list(range(3, MESSAGES_WAITING_MAX + 3))


async def test_refusal_when_messages_wait_then_it_comes_after_them_and_stays() -> None:
    waiting = Waiting()
    waiting.put(b"a")
    waiting.end(FetchRefused("too_fast", "stop"))
    waiting.end()
    assert await anext(waiting) == b"a"
    for _ in range(2):
        with pytest.raises(FetchRefused):
            await anext(waiting)


async def test_reader_when_nothing_is_there_then_it_waits_for_the_next() -> None:
    waiting = Waiting()
    reader = asyncio.ensure_future(anext(waiting))
    await asyncio.sleep(0)
    assert not reader.done()
    waiting.put(b"a")
    assert await reader == b"a"
