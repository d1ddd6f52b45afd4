"""Announcements are heard once by every node, also where nodes share a store."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.clock import SeededChance, VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.operators import FixedOperators
from tests.fakes.store import temporary_store
from triggerx.core.messages import CheckedIn
from triggerx.core.network import Network
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_ADDRESS, Address, ChainId
from triggerx.p2p.recorder import Recorded, Recorder
from triggerx.p2p.services import PeersServices
from triggerx.ports.store import Store
from triggerx.wire.seal import Opened

CHAIN = ChainId(31337)
NETWORK = Network(
    name="test",
    l1_chain_id=CHAIN,
    l2_chain_id=CHAIN,
    avs_governance=ZERO_ADDRESS,
    attestation_center=ZERO_ADDRESS,
    engines=(),
)


def services_over(store: Store) -> PeersServices:
    return PeersServices(
        network=NETWORK,
        signer=None,
        operators=FixedOperators([], []),
        store=store,
        clock=VirtualClock(),
        chance=SeededChance(),
        log=RecordingLog(),
    )


def check_in(number: int) -> Recorded:
    envelope = b"envelope %d" % number
    opened = Opened(
        message=CheckedIn(addresses=(), version="1"),
        sender=Address(bytes(19) + b"\x07"),
        peer_id="sender",
        nonce=b"nonce %d" % number,
        issued_at=1,
        expires_at=2_000_000_000,
    )
    done = asyncio.get_running_loop().create_future()
    return Recorded(envelope=envelope, digest=keccak256(envelope), opened=opened, done=done)


async def recorded(store: Store, peer_id: str, *numbers: int) -> list[bytes]:
    """Record check-ins at the node of this peer id, and return the envelopes that it delivers."""
    delivered: list[bytes] = []
    recorder = Recorder(services_over(store), peer_id, lambda one: delivered.append(one.envelope))
    running = asyncio.ensure_future(recorder.run())
    for number in numbers:
        one = check_in(number)
        await recorder.put(one)
        assert one.done is not None
        await one.done
    running.cancel()
    await asyncio.wait({running})
    return delivered


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_announcement_when_it_comes_again_then_its_node_delivers_it_once(
    tmp_path: Path, is_restarted: bool
) -> None:
    async with temporary_store(tmp_path) as store:
        runs = [(1,), (1, 2)] if is_restarted else [(1, 1, 2)]
        delivered = [each for numbers in runs for each in await recorded(store, "here", *numbers)]
    assert delivered == [b"envelope 1", b"envelope 2"]


async def test_announcement_when_two_nodes_share_a_store_then_each_delivers_it(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        assert await recorded(store, "here", 1) == await recorded(store, "there", 1) == [b"envelope 1"]
        assert len(await store.messages.kept(now=0, limit=9)) == 1
