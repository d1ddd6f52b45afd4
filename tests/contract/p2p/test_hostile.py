"""What a hostile, broken or unlucky peer cannot do: over libp2p, because a fake would not notice."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.p2p.intruder import DOMAIN, intruding
from tests.contract.p2p.swarm import ENGINE, WAIT_S, Libp2pSwarm, eventually, key_of, libp2p_swarm
from tests.contract.p2p.test_peers import take
from tests.unit.wire.examples import ANSWER, ASSIGN, FETCH, ONE_VOTE, PERFORMED, VOTE
from triggerx.core.messages import (
    Announcements,
    AssignTasks,
    Document,
    FetchDocument,
    Heard,
    PullAnnouncements,
    Reply,
    VotesCast,
)
from triggerx.ports.peers import PeerRefusedError, PeerSilentError, PeerUnreachable
from triggerx.wire import limits
from triggerx.wire.seal import open_envelope

GARBAGE = [b"", b"\x00", b"\xff" * 300, b"\x99\x01" + b"\xc0" * 40, bytes(limits.ANNOUNCEMENT_BYTES_MAX)]


def coded(code: str) -> VotesCast:
    """A vote that is known by its code."""
    return VotesCast(votes=(replace(ONE_VOTE, code=code),))


async def is_alive(swarm: Libp2pSwarm) -> None:
    """Nodes 1 and 2 still talk in both ways."""
    one, two = swarm.nodes[1].nexus, swarm.nodes[2].nexus

    async def answer(heard: Heard[FetchDocument]) -> Reply:
        return Document(content=b"alive")

    one.answer(FetchDocument, answer)
    assert await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S) == Document(content=b"alive")
    async with one.announcements(VotesCast) as heard:
        await two.announce(coded("alive"), lifetime_s=60)
        while (await take(heard)).message.votes[0].code != "alive":
            pass


def faults(swarm: Libp2pSwarm, number: int) -> list[str]:
    records = swarm.nodes[number].log.records
    return [str(record.fields["reason"]) for record in records if record.event == "peer is at fault"]


async def test_gossip_when_it_is_garbage_then_costs_its_sender_and_nothing_else(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await swarm.join(2)
        async with intruding(3, one.addresses[0]) as intruder:
            for garbage in GARBAGE:
                await intruder.link.publish(garbage)
            await eventually(lambda: bool(faults(swarm, 1)))
            await is_alive(swarm)


async def test_gossip_when_above_the_limit_then_is_a_fault(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await swarm.join(2)
        async with intruding(3, one.addresses[0]) as intruder:
            await intruder.link.publish(bytes(limits.ANNOUNCEMENT_BYTES_MAX + 1))
            await eventually(lambda: any("gossip of 8193 bytes" in fault for fault in faults(swarm, 1)))
            await is_alive(swarm)


async def test_gossip_when_faults_are_many_then_the_peer_is_banned(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await swarm.join(2)
        async with intruding(3, one.addresses[0]) as intruder:
            for number in range(25):
                await intruder.link.publish(b"garbage" + bytes([number]))
            await eventually(lambda: intruder.peer_id not in one.connected())
            assert "peer is banned for a while" in swarm.nodes[1].log.events("warning")
            with pytest.raises((PeerUnreachable, PeerSilentError)):
                await intruder.ask(one.peer_id, intruder.seal(FETCH, signer=3))
            await is_alive(swarm)


async def test_gossip_when_the_envelope_is_another_peers_then_is_refused(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await swarm.join(2)
        async with intruding(3, one.addresses[0]) as intruder:
            await swarm.nodes[2].nexus.announce(VOTE, lifetime_s=60)
            await eventually(lambda: bool(intruder.heard))
            changed = bytearray(intruder.heard[0])
            changed[-1] ^= 1
            await intruder.link.publish(bytes(changed))
            await eventually(lambda: any("signature" in fault for fault in faults(swarm, 1)))
            kept = await swarm.nodes[1].store.messages.kept(now=0, limit=10)
            assert len(kept) == 1


async def test_gossip_when_signed_by_an_operator_for_another_peer_then_is_refused(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        async with intruding(3, one.addresses[0]) as first, intruding(4, one.addresses[0]) as second:
            await second.link.publish(first.seal(VOTE, signer=3))
            await eventually(lambda: any("of another peer as its own" in fault for fault in faults(swarm, 1)))
            assert not await swarm.nodes[1].store.messages.kept(now=0, limit=10)


async def test_gossip_when_expired_or_signed_by_a_stranger_then_is_not_kept(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        async with intruding(3, one.addresses[0]) as intruder:
            await intruder.link.publish(intruder.seal(VOTE, signer=3, issued_ago_s=120))
            await intruder.link.publish(intruder.seal(VOTE, signer=77))
            await eventually(lambda: "peer message refused" in swarm.nodes[1].log.events("warning"))
            assert not await swarm.nodes[1].store.messages.kept(now=0, limit=10)
            (refused,) = [r for r in swarm.nodes[1].log.records if r.event == "peer message refused"]
            assert "is not an active operator of the Attestation Center" in str(refused.fields["reason"])
            assert "register it there" in str(refused.fields["reason"])


async def test_request_when_repeated_then_is_refused_even_after_a_restart(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        handled: list[AssignTasks] = []

        async def accept(heard: Heard[AssignTasks]) -> Reply:
            handled.append(heard.message)
            return ANSWER

        one.answer(AssignTasks, accept)
        async with intruding(ENGINE, one.addresses[0]) as engine:
            order = engine.seal(ASSIGN, signer=ENGINE)
            assert (await engine.ask(one.peer_id, order))[:1] == b"\x00"
            assert b"seen before" in await engine.ask(one.peer_id, order)
        await swarm.leave(1)
        swarm.bootstrap = ()
        one = await swarm.join(1)
        one.answer(AssignTasks, accept)
        async with intruding(ENGINE, one.addresses[0]) as engine:
            assert b"seen before" in await engine.ask(one.peer_id, order)
        assert handled == [ASSIGN]


async def test_announcement_when_repeated_after_a_restart_then_counts_once(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        async with intruding(3, one.addresses[0]) as intruder:
            vote = intruder.seal(VOTE, signer=3)
            async with one.announcements(VotesCast) as heard:
                await intruder.link.publish(vote)
                await take(heard)
        await swarm.leave(1)
        swarm.bootstrap = ()
        one = await swarm.join(1)
        async with intruding(3, one.addresses[0]) as intruder, one.announcements(VotesCast) as heard:
            assert (await take(heard)).message == VOTE  # kept from before
            await intruder.link.publish(vote)
            await intruder.link.publish(intruder.seal(coded("next"), signer=3))
            assert (await take(heard)).message.votes[0].code == "next"


async def test_request_when_sent_with_anothers_envelope_then_is_refused(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        async with intruding(3, one.addresses[0]) as first, intruding(4, one.addresses[0]) as second:
            reply = await second.ask(one.peer_id, first.seal(FETCH, signer=3))
            assert reply == b"\x01the envelope is another peer's"
            assert b"no request" in await first.ask(one.peer_id, first.seal(VOTE, signer=3))


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff" * 12, b"\xff\xff\xff\x7f" + b"x", b"\x05abc", b"\x03abc", bytes(2000)],
    ids=["nothing", "no_length", "too_long", "cut_off", "no_envelope", "zeros"],
)
async def test_stream_when_it_carries_garbage_then_is_ended_and_the_node_lives(tmp_path: Path, data: bytes) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await swarm.join(2)
        async with intruding(3, one.addresses[0]) as intruder:
            await intruder.write_raw(one.peer_id, data)
            await is_alive(swarm)


async def test_handler_when_it_fails_in_an_unforeseen_way_then_the_message_is_set_aside(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)

        async def fail(heard: Heard[FetchDocument]) -> Reply:
            raise ZeroDivisionError("a bug")

        one.answer(FetchDocument, fail)
        with pytest.raises(PeerSilentError):
            await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S)
        (aside,) = await swarm.nodes[1].store.quarantine.list_all(limit=10)
        assert aside.kind == "message"
        assert "ZeroDivisionError" in aside.reason
        await is_alive(swarm)


async def test_peer_when_killed_in_the_middle_of_a_request_then_is_silent(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        started = asyncio.Event()

        async def hang(heard: Heard[FetchDocument]) -> Reply:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        one.answer(FetchDocument, hang)
        asked = asyncio.create_task(two.ask(one.peer_id, FETCH, timeout_s=WAIT_S))
        await started.wait()
        await swarm.leave(1)
        with pytest.raises(PeerSilentError):
            await asked
        await eventually(lambda: not two.connected())
        with pytest.raises(PeerUnreachable):
            await two.ask(one.peer_id, FETCH, timeout_s=1)


async def test_peer_when_it_comes_back_then_is_dialled_anew_and_catches_up(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        address = one.addresses[0].partition("/p2p/")[0]
        await swarm.leave(1)
        await eventually(lambda: not two.connected())
        await two.announce(PERFORMED, lifetime_s=60)
        back = await swarm.join(1, listen=address)
        async with back.announcements(type(PERFORMED)) as heard:
            assert (await take(heard)).message == PERFORMED


async def test_announce_when_nobody_is_connected_then_the_late_joiner_hears_it(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await one.announce(VOTE, lifetime_s=60)
        two = await swarm.join(2)
        async with two.announcements(VotesCast) as heard:
            assert (await take(heard)).sender == key_of(1).address


async def test_pull_when_there_is_more_than_one_reply_holds_then_the_newest_come(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        await asyncio.gather(*(one.announce(coded(f"old{n}"), lifetime_s=60) for n in range(8)))
        new = {f"new{number}" for number in range(limits.ENVELOPES_MAX)}
        await asyncio.gather(*(one.announce(coded(code), lifetime_s=60) for code in new))
        two = await swarm.join(2)
        reply = await two.ask(one.peer_id, PullAnnouncements(issued_since=0), timeout_s=WAIT_S)
        assert isinstance(reply, Announcements)
        opened = [open_envelope(each, domain=DOMAIN, now=int(time.time())) for each in reply.envelopes]
        assert {each.message.votes[0].code for each in opened if isinstance(each.message, VotesCast)} == new
        async with two.announcements(VotesCast) as heard:  # gossip of before it joined may bring older ones as well
            while new:
                new.discard((await take(heard)).message.votes[0].code)


async def test_refusal_when_the_peer_gives_a_reason_then_the_asker_repeats_it(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        with pytest.raises(PeerRefusedError, match="this node does not answer FetchDocument"):
            await two.ask(one.peer_id, FETCH, timeout_s=WAIT_S)
