"""Readers of announcements hear each once, and a slow one harms nobody but itself."""

import pytest

from tests.unit.wire.examples import CHECKED_IN, VOTE
from triggerx.core.errors import RecoverableError
from triggerx.core.messages import Announcement, CheckedIn, Heard, VotesCast
from triggerx.evm.types import Address, Hash32
from triggerx.p2p.subscriptions import QUEUE_MAX, Subscriptions


def heard(message: Announcement) -> Heard[Announcement]:
    return Heard(message=message, sender=Address(bytes(20)), peer_id="peer", issued_at=1)


def digest(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


async def test_give_when_it_was_given_while_catching_up_then_is_heard_once() -> None:
    subscriptions = Subscriptions()
    with subscriptions.open((VotesCast,)) as reader:
        subscriptions.give(digest(1), heard(VOTE))
        reader.give(digest(1), heard(VOTE))
        reader.is_caught_up()
        subscriptions.give(digest(2), heard(CHECKED_IN))
        subscriptions.give(digest(3), heard(VOTE))
        subscriptions.fail(RecoverableError("over"))
        assert [(await anext(reader)).message for _ in range(2)] == [VOTE, VOTE]
        with pytest.raises(RecoverableError, match="over"):
            await anext(reader)


async def test_give_when_a_reader_falls_behind_then_it_is_told_and_the_others_go_on() -> None:
    subscriptions = Subscriptions()
    with subscriptions.open((VotesCast,)) as slow, subscriptions.open((CheckedIn,)) as other:
        for number in range(QUEUE_MAX + 1):
            subscriptions.give(digest(number), heard(VOTE))
        subscriptions.give(digest(0), heard(CHECKED_IN))
        assert (await anext(other)).message == CHECKED_IN
        for _ in range(QUEUE_MAX):
            await anext(slow)
        with pytest.raises(RecoverableError, match="subscribe anew"):
            await anext(slow)


async def test_open_when_the_network_has_failed_then_the_reader_is_told_at_once() -> None:
    subscriptions = Subscriptions()
    subscriptions.fail(RecoverableError("over"))
    with subscriptions.open((VotesCast,)) as reader, pytest.raises(RecoverableError):
        await anext(reader)
