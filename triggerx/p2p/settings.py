"""How a node joins the peer network, and the limits it holds its peers to; knows neither trio nor libp2p."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError, InvalidInput
from triggerx.core.network import Network
from triggerx.wire.peer_id import peer_id_bytes

REQUEST_PROTOCOL: Final = "/triggerx/1/request"
GOSSIP_PROTOCOLS: Final = ("/meshsub/1.1.0", "/meshsub/1.0.0")
"""GossipSub 1.2 is left out: its IDONTWANT messages saturate five hosts at 20 messages a second (measured)."""

KNOWN_PEERS_MAX: Final = 256
"""Peers in the book; the ones that were silent longest make room."""

_EXAMPLE: Final = "/ip4/127.0.0.1/tcp/9000/p2p/12D3Koo…"

REFUSAL_CHARACTERS_MAX: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersSettings:
    """A node's place in the peer network.

    `identity` is the 32-byte seed of its Ed25519 key (p2p/identity.py). `listen` and `announce` are multiaddresses;
    what is announced defaults to what is listened on. `bootstrap` ones end in `/p2p/<peer id>`; our own is left out.
    `book_path` is where known peers are kept over restarts.
    """

    identity: bytes
    listen: tuple[str, ...] = ("/ip4/127.0.0.1/tcp/0",)
    announce: tuple[str, ...] = ()
    bootstrap: tuple[str, ...] = ()
    book_path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What one host is made from; `known` maps peer ids to the addresses they can be dialled at."""

    identity: bytes
    listen: tuple[str, ...]
    topic: str
    known: Mapping[str, tuple[str, ...]]


def split_address(address: str) -> tuple[str, str]:
    """Split `/ip4/…/tcp/…/p2p/<peer id>` into peer id and address; raises `ConfigurationError`."""
    transport, _, peer_id = address.rpartition("/p2p/")
    try:
        peer_id_bytes(peer_id)
    except InvalidInput as error:
        raise ConfigurationError(
            f"the peer address {address!r} must end in /p2p/<peer id>, for example {_EXAMPLE}; "
            f"the other node prints its own when it starts ({error})"
        ) from error
    if not transport.startswith("/"):
        raise ConfigurationError(
            f"the peer address {address!r} has no transport in front of /p2p/, for example /ip4/…/tcp/…"
        )
    return peer_id, transport


def topic_of(network: Network) -> str:
    """Name the GossipSub topic: one a network, so that foreign announcements do not even arrive."""
    return f"triggerx/1/{network.l2_chain_id}/{network.attestation_center.hex()}"
