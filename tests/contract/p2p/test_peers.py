"""The contract of `ports.peers.Peers`, over libp2p and over the fake that role tests use."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.contract.p2p.swarm import ENGINE, STRANGER, WAIT_S, eventually, key_of, open_swarm
from tests.unit.wire.examples import ANSWER, ASSIGN, FETCH, ONE_VOTE, PERFORMED, VOTE
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.messages import (
    Announcement,
    AssignTasks,
    CheckedIn,
    Document,
    FetchDocument,
    Heard,
    Reply,
    TaskPerformed,
    VotesCast,
)
from triggerx.ports.peers import PeerRefusedError, PeerSilentError, PeerUnreachable

AnnouncementT = TypeVar("AnnouncementT", bound=Announcement)

pytestmark = pytest.mark.parametrize("kind", ["memory", "libp2p"])


async def take(heard: AsyncIterator[Heard[AnnouncementT]]) -> Heard[AnnouncementT]:
    async with asyncio.timeout(WAIT_S):
        return await anext(heard)


async def test_announce_when_others_listen_then_all_hear_it_once_and_the_sender_too(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        nodes = [await swarm.join(number) for number in (1, 2, 3)]
        for node in nodes:
            await node.announce(VOTE, lifetime_s=60)
        for node in nodes:
            async with node.announcements(VotesCast) as heard:
                found = [await take(heard) for _ in nodes]
            assert {one.message for one in found} == {VOTE}
            assert {(one.sender, one.peer_id) for one in found} == {
                (key_of(number).address, nodes[number - 1].peer_id) for number in (1, 2, 3)
            }


async def test_announcements_when_another_type_is_said_then_only_the_wanted_are_heard(
    kind: str, tmp_path: Path
) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        async with two.announcements(TaskPerformed) as performed, two.announcements(VotesCast, TaskPerformed) as both:
            await one.announce(VOTE, lifetime_s=60)
            await one.announce(PERFORMED, lifetime_s=60)
            assert (await take(performed)).message == PERFORMED
            assert {type((await take(both)).message) for _ in range(2)} == {VotesCast, TaskPerformed}


async def test_announcements_when_read_late_then_what_is_still_valid_is_heard(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        async with two.announcements(VotesCast) as heard:
            await one.announce(VOTE, lifetime_s=60)
            await take(heard)
        async with two.announcements(VotesCast) as again:
            assert (await take(again)).message == VOTE


async def test_join_when_others_spoke_before_then_it_catches_up(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one = await swarm.join(1)
        await one.announce(VOTE, lifetime_s=60)
        three = await swarm.join(3)
        async with three.announcements(VotesCast) as heard:
            assert (await take(heard)).sender == key_of(1).address


async def test_announce_when_the_message_is_out_of_bounds_then_is_refused_here(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one = await swarm.join(1)
        with pytest.raises(InvalidInput, match=r"^votes\[0\].code"):
            await one.announce(VotesCast(votes=(replace(ONE_VOTE, code="c" * 65),)), lifetime_s=60)


async def test_locate_when_an_operator_has_checked_in_then_returns_its_peer(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        assert await two.locate(key_of(1).address) is None
        async with two.announcements(CheckedIn) as heard:
            await one.announce(CheckedIn(addresses=one.addresses, version="1"), lifetime_s=60)
            await take(heard)
        assert await two.locate(key_of(1).address) == one.peer_id
        assert two.connected() == {one.peer_id}


async def test_ask_when_the_peer_answers_then_returns_the_reply(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        asked: list[Heard[FetchDocument]] = []

        async def answer(heard: Heard[FetchDocument]) -> Reply:
            asked.append(heard)
            return Document(content=b"content" * 30_000)

        one.answer(FetchDocument, answer)
        reply = await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S)
        assert reply == Document(content=b"content" * 30_000)
        assert [(heard.message, heard.sender, heard.peer_id) for heard in asked] == [
            (FETCH, key_of(2).address, two.peer_id)
        ]


async def test_ask_when_nobody_has_this_peer_id_then_is_unreachable(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one = await swarm.join(1)
        with pytest.raises(PeerUnreachable):
            await one.ask("12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf", FETCH, timeout_s=2)


async def test_ask_when_the_peer_has_gone_then_is_unreachable(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        await swarm.leave(2)
        await eventually(lambda: not one.connected())
        with pytest.raises(PeerUnreachable):
            await one.ask(two.peer_id, FETCH, timeout_s=2)


async def test_ask_when_nobody_handles_the_type_then_is_refused(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        with pytest.raises(PeerRefusedError, match="does not answer FetchDocument"):
            await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S)


async def test_ask_when_the_handler_finds_it_invalid_then_is_refused_with_the_field(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)

        async def answer(heard: Heard[FetchDocument]) -> Reply:
            raise InvalidInput("cid", "is not for you")

        one.answer(FetchDocument, answer)
        with pytest.raises(PeerRefusedError, match="cid: is not for you"):
            await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S)


async def test_ask_when_the_handler_fails_or_hangs_then_the_peer_is_silent(kind: str, tmp_path: Path) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)

        async def fail(heard: Heard[FetchDocument]) -> Reply:
            raise RecoverableError("the store is busy")

        async def hang(heard: Heard[FetchDocument]) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

        one.answer(FetchDocument, fail)
        with pytest.raises(PeerSilentError):
            await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S)
        one.answer(FetchDocument, hang)
        with pytest.raises(PeerSilentError):
            await two.ask(one.peer_id, FETCH, timeout_s=0.5)


async def test_stranger_when_it_speaks_then_nobody_hears_it_and_it_is_told_what_to_do(
    kind: str, tmp_path: Path
) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, stranger = await swarm.join(1), await swarm.join(STRANGER)
        one.answer(FetchDocument, _nothing)
        async with one.announcements(VotesCast) as heard:
            await stranger.announce(VOTE, lifetime_s=60)
            with pytest.raises(PeerRefusedError, match="register it"):
                await stranger.ask(one.peer_id, FETCH, timeout_s=WAIT_S)
            await one.announce(VOTE, lifetime_s=60)
            assert (await take(heard)).sender == key_of(1).address


async def test_engine_when_it_checks_in_and_assigns_then_it_is_believed_in_that_alone(
    kind: str, tmp_path: Path
) -> None:
    async with open_swarm(kind, tmp_path) as swarm:
        one, engine, two = await swarm.join(1), await swarm.join(ENGINE), await swarm.join(2)

        async def accept(heard: Heard[AssignTasks]) -> Reply:
            return ANSWER

        one.answer(AssignTasks, accept)
        assert await engine.ask(one.peer_id, ASSIGN, timeout_s=WAIT_S) == ANSWER
        with pytest.raises(PeerRefusedError):
            await two.ask(one.peer_id, ASSIGN, timeout_s=WAIT_S)
        async with one.announcements(CheckedIn, TaskPerformed) as heard:
            await engine.announce(PERFORMED, lifetime_s=60)
            await engine.announce(CheckedIn(addresses=engine.addresses, version="1"), lifetime_s=60)
            assert isinstance((await take(heard)).message, CheckedIn)


async def _nothing(heard: Heard[FetchDocument]) -> Reply:
    return Document(content=b"")
