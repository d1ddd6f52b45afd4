"""Opening, closing and surviving: what is particular to the nexus over libp2p."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.p2p.swarm import NETWORK, OPERATORS, Libp2pSwarm, eventually, identity_of, key_of, libp2p_swarm
from tests.contract.p2p.test_peers import take
from tests.fakes.clock import SeededChance
from tests.fakes.log import RecordingLog
from tests.fakes.store import temporary_store
from tests.unit.wire.examples import FETCH, VOTE
from triggerx.core.errors import ConfigurationError, RecoverableError, TriggerxError, UnavailableError
from triggerx.core.messages import CheckedIn, Document, FetchDocument, Heard, Reply, VotesCast
from triggerx.node.clock import SystemClock
from triggerx.p2p.nexus import open_peers
from triggerx.p2p.services import PeersServices
from triggerx.p2p.settings import PeersSettings
from triggerx.ports.peers import PeerRefusedError, PeerSilentError, PeerUnreachable
from triggerx.wire import limits


async def opening_fails(path: Path, settings: PeersSettings) -> TriggerxError:
    async with temporary_store(path, "failing") as store:
        services = PeersServices(
            network=NETWORK,
            signer=None,
            operators=OPERATORS,
            store=store,
            clock=SystemClock(),
            chance=SeededChance(),
            log=RecordingLog(),
        )
        with pytest.raises(TriggerxError) as caught:
            async with open_peers(settings, services):
                raise AssertionError("it opened")
        return caught.value


async def test_open_when_the_port_is_taken_then_says_which_and_what_to_do(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        address = one.addresses[0].partition("/p2p/")[0]
        error = await opening_fails(tmp_path, PeersSettings(identity=identity_of(2), listen=(address,)))
        assert isinstance(error, UnavailableError)
        assert error.exit_status == 69
        assert address in str(error)
        assert "another port" in str(error)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:9000", "/ip4/127.0.0.1", "/ip4/300.0.0.1/tcp/1", "/ip4/1.2.3.4/tcp/x", ""]
)
async def test_open_when_the_listen_address_is_wrong_then_is_a_configuration_error(
    tmp_path: Path, address: str
) -> None:
    error = await opening_fails(tmp_path, PeersSettings(identity=identity_of(1), listen=(address,)))
    assert isinstance(error, ConfigurationError)
    assert "/ip4/127.0.0.1/tcp/9000" in str(error)


@pytest.mark.parametrize("address", ["/ip4/127.0.0.1/tcp/9000", "/ip4/127.0.0.1/tcp/9000/p2p/me", "/p2p/" + "1" * 40])
async def test_open_when_a_bootstrap_address_is_wrong_then_is_a_configuration_error(
    tmp_path: Path, address: str
) -> None:
    error = await opening_fails(tmp_path, PeersSettings(identity=identity_of(1), bootstrap=(address,)))
    assert isinstance(error, ConfigurationError)
    assert "/p2p/" in str(error)


async def test_open_when_the_body_fails_then_the_error_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with libp2p_swarm(tmp_path) as swarm:
            await swarm.join(1)
            raise ZeroDivisionError


async def test_close_when_somebody_listens_then_the_reader_is_told(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        async with one.announcements(VotesCast) as heard:
            await swarm.leave(1)
            with pytest.raises(RecoverableError):
                await anext(heard)


async def test_host_when_it_crashes_then_it_is_restarted_and_peers_come_back(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        addresses = one.addresses
        await _crash(swarm, 1)
        await eventually(lambda: "libp2p failed and is restarted" in swarm.nodes[1].log.events("error"))
        await eventually(lambda: one.peer_id in two.connected() and two.peer_id in one.connected())
        assert one.addresses == addresses
        async with one.announcements(VotesCast) as heard:
            await two.announce(VOTE, lifetime_s=60)
            assert (await take(heard)).message == VOTE


async def _crash(swarm: Libp2pSwarm, number: int) -> None:
    link = swarm.nodes[number].nexus._link
    assert link is not None

    async def raising() -> None:
        raise ZeroDivisionError("a bug in libp2p")

    nursery = link._host._nursery
    assert nursery is not None
    link._to_trio(lambda: nursery.start_soon(raising))
    await asyncio.wait({link.ended}, timeout=10)


async def test_restart_when_there_is_no_bootstrap_peer_then_the_book_finds_the_others(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        async with two.announcements(CheckedIn) as heard:
            await one.announce(CheckedIn(addresses=one.addresses, version="1"), lifetime_s=1)
            await take(heard)
        await swarm.leave(2)
        swarm.bootstrap = ()
        two = await swarm.join(2)
        assert one.peer_id in two.connected()
        assert await two.locate(key_of(1).address) == one.peer_id


async def test_check_in_when_heard_then_the_book_is_written_before_the_node_leaves(tmp_path: Path) -> None:
    """Whoever is killed soon after its start finds its way back, also once the announcements have expired."""
    async with libp2p_swarm(tmp_path) as swarm:
        one, _ = await swarm.join(1), await swarm.join(2)
        await one.announce(CheckedIn(addresses=one.addresses, version="1"), lifetime_s=1)
        book = tmp_path / "peers2.json"
        await eventually(lambda: book.exists() and one.peer_id in book.read_text())


async def test_check_in_when_heard_through_others_then_its_peer_is_dialled(tmp_path: Path) -> None:
    """Two nodes that know only the first find each other by what is announced."""
    async with libp2p_swarm(tmp_path) as swarm:
        nodes = [await swarm.join(number) for number in (1, 2, 3)]
        for node in nodes:
            await node.announce(CheckedIn(addresses=node.addresses, version="1"), lifetime_s=60)
        await eventually(lambda: all(len(node.connected()) == 2 for node in nodes))


async def test_ask_when_cancelled_then_the_handler_is_cancelled_too_and_the_stream_freed(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)
        started = asyncio.Event()

        async def hang(heard: Heard[FetchDocument]) -> Reply:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def give(heard: Heard[FetchDocument]) -> Reply:
            return Document(content=b"here")

        one.answer(FetchDocument, hang)
        asked = asyncio.create_task(two.ask(one.peer_id, FETCH, timeout_s=10))
        await started.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        one.answer(FetchDocument, give)
        assert await two.ask(one.peer_id, FETCH, timeout_s=10) == Document(content=b"here")


async def test_node_when_it_has_no_key_then_it_listens_and_refuses_to_answer(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one = await swarm.join(1)
        reader = await swarm.join(2, signer=None)
        async with reader.announcements(VotesCast) as heard:
            await one.announce(VOTE, lifetime_s=60)
            assert (await take(heard)).message == VOTE
        with pytest.raises(PeerRefusedError, match="no key"):
            await one.ask(reader.peer_id, FETCH, timeout_s=10)
        with pytest.raises(PeerUnreachable, match="no key"):
            await reader.ask(one.peer_id, FETCH, timeout_s=10)
        with pytest.raises(ConfigurationError, match="configure the keeper's or the engine's key"):
            await reader.announce(VOTE, lifetime_s=60)


async def test_reply_when_it_is_out_of_bounds_then_the_asker_is_not_blamed(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        one, two = await swarm.join(1), await swarm.join(2)

        async def give_too_much(heard: Heard[FetchDocument]) -> Reply:
            return Document(content=bytes(limits.CONTENT_BYTES_MAX + 1))

        one.answer(FetchDocument, give_too_much)
        with pytest.raises(PeerSilentError):
            await two.ask(one.peer_id, FETCH, timeout_s=10)
        assert swarm.nodes[1].log.events("error") == ["reply is out of bounds and not sent"]
        assert "peer is at fault" not in swarm.nodes[1].log.events()


def test_import_when_the_nexus_is_not_opened_then_libp2p_stays_out() -> None:
    code = "import sys, triggerx.p2p.nexus; print([m for m in ('libp2p', 'trio', 'web3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
