"""Anti-entropy: what gossip lost, or what was said while a node was away, is pulled from one peer after another.

A new peer is asked at once, then one random peer every few seconds. Two pulls without an answer end the connection:
the peer is gone without having said so, and dialling it anew is the only way to know.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.messages import Announcements, Heard, PullAnnouncements, Reply, Request
from triggerx.p2p.services import PeersServices
from triggerx.ports.peers import PeerRefusedError, PeerSilentError
from triggerx.wire import limits
from triggerx.wire.envelope import decode_envelope

_EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 10.0
_OVERLAP_S: Final = 60  # a peer may hear late what was issued earlier
_ALL_EVERY: Final = 12  # every twelfth pull asks a peer for all, whatever was issued when
_SILENT_MAX: Final = 2
_REFUSED_S: Final = 20.0  # who refuses us does not see our registration yet; asking sooner would only annoy it


class Network(Protocol):
    """What pulling needs of the nexus."""

    async def ask(self, peer_id: str, request: Request, *, timeout_s: float) -> Reply:
        """Send one request."""
        ...

    def connected(self) -> frozenset[str]:
        """Return the connected peers."""
        ...

    async def disconnect(self, peer_id: str) -> None:
        """End a connection that seems dead."""
        ...


@dataclass(slots=True)
class _Course:
    """How pulling from one peer goes. `pulled_at` is when the last began, `refused_at` is on the monotonic clock."""

    pulls: int = 0
    pulled_at: int = 0
    silent: int = 0
    refused_at: float = -_REFUSED_S


Take = Callable[[bytes, str], Awaitable[bool]]


class Pulls:
    """Pulls from peers and gives what is kept to those who pull; `take(envelope, peer id)` judges what comes."""

    def __init__(self, services: PeersServices, network: Network, take: Take) -> None:
        self._services = services
        self._network = network
        self._take = take
        self._courses: dict[str, _Course] = {}

    async def run(self) -> None:
        """Pull from a random connected peer every few seconds, for ever."""
        services = self._services
        while True:
            await services.clock.sleep(services.chance.uniform(0.7, 1.3) * _EVERY_S)
            peer_ids = sorted(self._network.connected())
            if peer_ids:
                chosen = min(int(services.chance.uniform(0, len(peer_ids))), len(peer_ids) - 1)
                await self.pull(peer_ids[chosen])

    def forget(self, peer_id: str) -> None:
        """Begin anew with this peer when it comes back."""
        self._courses.pop(peer_id, None)

    async def pull(self, peer_id: str) -> None:
        """Ask one peer for what it holds; that it does not answer is noted, and no error."""
        if self._services.signer is None:
            return
        course = self._courses.setdefault(peer_id, _Course())
        clock = self._services.clock
        if clock.monotonic() - course.refused_at < _REFUSED_S:
            return
        now = clock.now()
        since = 0 if course.pulls % _ALL_EVERY == 0 else max(0, course.pulled_at - _OVERLAP_S)
        try:
            reply = await self._network.ask(peer_id, PullAnnouncements(issued_since=since), timeout_s=_TIMEOUT_S)
        except PeerRefusedError as error:
            course.refused_at = clock.monotonic()
            self._services.log.debug("pull refused", peer_id=peer_id, reason=str(error))
            return
        except PeerSilentError:
            course.silent += 1
            if course.silent >= _SILENT_MAX:
                self._services.log.info("peer does not answer and is dialled anew", peer_id=peer_id)
                self._courses.pop(peer_id, None)
                await self._network.disconnect(peer_id)
            return
        except RecoverableError as error:
            self._services.log.debug("pull failed", peer_id=peer_id, reason=str(error))
            return
        course.pulls += 1
        course.pulled_at = now
        course.silent = 0
        if isinstance(reply, Announcements):
            # Oldest first: who hears a task's history in its order decides less twice.
            for count, envelope in enumerate(reversed(reply.envelopes)):
                if count % 64 == 0:
                    await asyncio.sleep(0)  # opening takes 60 µs each: others go on in between
                await self._take(envelope, peer_id)

    async def give(self, heard: Heard[PullAnnouncements]) -> Reply:
        """Answer a pull: the newest kept announcements that fit one reply."""
        now = self._services.clock.now()
        kept = await self._services.store.messages.kept(now=now, limit=limits.ENVELOPES_MAX)
        since = heard.message.issued_since
        chosen: list[bytes] = []
        size = 0
        for stored in kept:
            if since and _issued_at(stored.envelope) < since:
                continue
            size += len(stored.envelope)
            if size > limits.ENVELOPES_BYTES_MAX:
                break
            chosen.append(stored.envelope)
            if len(chosen) % 64 == 0:
                await asyncio.sleep(0)  # others go on while a long reply is made
        return Announcements(envelopes=tuple(chosen))


def _issued_at(envelope: bytes) -> int:
    try:
        return decode_envelope(envelope).issued_at
    except InvalidInput:
        return 0  # of an older protocol version: nobody wants it now
