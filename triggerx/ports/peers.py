"""The peer network at the level of messages: signed, checked, and never assumed reliable."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from triggerx.core.errors import RecoverableError
from triggerx.core.messages import Announcement, Heard, Reply, Request
from triggerx.evm.types import Address

AnnouncementT = TypeVar("AnnouncementT", bound=Announcement)
RequestT = TypeVar("RequestT", bound=Request)


class PeerUnreachable(RecoverableError):
    """The peer could not be reached: it has certainly not seen the request."""


class PeerRefusedError(PeerUnreachable):
    """The peer refused the request before it did anything about it; the message repeats its reason."""


class PeerSilentError(RecoverableError):
    """The request went out and no reply came in time: the peer may have seen it."""


class Peers(Protocol):
    """Joins the peer network as this node. Only messages of active operators and engines come out of it."""

    peer_id: str
    addresses: tuple[str, ...]
    """The multiaddresses others can dial, each ending in `/p2p/<peer id>`."""

    async def announce(self, message: Announcement, *, lifetime_s: int) -> None:
        """Sign, keep for pulls until the lifetime is over, and gossip; the sender hears its own announcement too."""
        ...

    def announcements(
        self, *types: type[AnnouncementT]
    ) -> AbstractAsyncContextManager[AsyncIterator[Heard[AnnouncementT]]]:
        """Hear every checked announcement of these types, each envelope once, by gossip or by pull, in any order.

        What is kept and still valid is heard first, so that nothing is lost over a restart; it may have been heard
        before it. Ends with `RecoverableError` when the reader falls thousands behind: subscribe anew.
        """
        ...

    async def ask(self, peer_id: str, request: Request, *, timeout_s: float) -> Reply:
        """Send one request to one peer; raises `PeerUnreachable` (or its `PeerRefusedError`), or `PeerSilentError`."""
        ...

    def answer(self, request_type: type[RequestT], handler: Callable[[Heard[RequestT]], Awaitable[Reply]]) -> None:
        """Answer requests of this type from now on; one handler a type. `InvalidInput` costs the sender, not us."""
        ...

    async def locate(self, operator: Address) -> str | None:
        """Return the peer id of the operator's last valid check-in."""
        ...

    def connected(self) -> frozenset[str]:
        """Return the ids of the peers that are connected now."""
        ...
