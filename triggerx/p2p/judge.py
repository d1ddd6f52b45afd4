"""Whether an envelope may be believed: in form, in time, signed, from the right peer, and by somebody who may say it.

A peer's mistake is never our crash: it is logged with what to do about it, and counted against the peer whose it is.
"""

from typing import Final, Protocol

from triggerx.core.errors import InvalidInput
from triggerx.core.messages import (
    Announcement,
    AssignTasks,
    CheckedIn,
    FetchDocument,
    Message,
    PullAnnouncements,
    Reply,
    Request,
    TaskPerformed,
    VotesCast,
)
from triggerx.evm.types import checksum
from triggerx.p2p.conduct import UNREGISTERED, Quiet
from triggerx.p2p.services import PeersServices
from triggerx.wire.seal import Opened, OutOfTime, open_envelope

# Who may say what: operators, engines, or both (ARCHITECTURE, "Trust").
_BY_OPERATORS: Final = (CheckedIn, TaskPerformed, VotesCast, FetchDocument, PullAnnouncements)
_BY_ENGINES: Final = (CheckedIn, AssignTasks, FetchDocument, PullAnnouncements)
_REPLIES: Final = Reply.__args__


class Blame(Protocol):
    """Hears of a fault of a peer; its weight is 1 unless it is excusable."""

    def __call__(self, peer_id: str, reason: str, weight: float = 1.0) -> None:
        """Count it."""
        ...


class Refused(Exception):
    """The message is not taken; the text says why and what its sender can do."""


class Judge:
    """Opens envelopes and decides about them; `blame(peer id, reason)` hears of faults."""

    def __init__(self, services: PeersServices, blame: Blame) -> None:
        self._services = services
        self._domain = services.domain()
        self.blame = blame
        self._quiet = Quiet(services.clock)

    async def announcement(self, data: bytes, *, forwarder: str, origin: str | None) -> Opened:
        """Open an announcement; raises `Refused`.

        `origin` is who published it by gossip, and must be its author; None for one that was pulled.
        """
        opened = self._open(data, forwarder)
        if not isinstance(opened.message, Announcement):
            self.blame(forwarder, f"{type(opened.message).__name__} is no announcement")
            raise Refused("this message is not for everybody")
        if origin is not None and origin != opened.peer_id:
            self.blame(origin, "published the envelope of another peer as its own")
            raise Refused("the envelope is another peer's")
        await self._authorise(opened)
        return opened

    async def request(self, data: bytes, *, peer_id: str) -> Opened:
        """Open a request that this peer sent over a stream of its own; raises `Refused`."""
        opened = self._open(data, peer_id)
        if not isinstance(opened.message, Request):
            self.blame(peer_id, f"{type(opened.message).__name__} is no request")
            raise Refused("this message is no request")
        self._is_from(opened, peer_id)
        await self._authorise(opened)
        return opened

    async def reply(self, data: bytes, *, peer_id: str) -> Opened:
        """Open the reply of the peer that was asked; raises `Refused`."""
        opened = self._open(data, peer_id)
        if not isinstance(opened.message, _REPLIES):
            self.blame(peer_id, f"{type(opened.message).__name__} is no reply")
            raise Refused("this message is no reply")
        self._is_from(opened, peer_id)
        await self._authorise(opened)
        return opened

    def _open(self, data: bytes, peer_id: str) -> Opened:
        try:
            return open_envelope(data, domain=self._domain, now=self._services.clock.now())
        except OutOfTime as error:
            # Late or of a clock that is off: not a fault, unless somebody should look at the clock.
            if error.field == "issued_at" and self._quiet.may_say(f"clock {peer_id}"):
                self._services.log.warning("peer message is from the future", peer_id=peer_id, reason=str(error))
            raise Refused(str(error)) from error
        except InvalidInput as error:
            self.blame(peer_id, str(error))
            raise Refused(str(error)) from error

    def _is_from(self, opened: Opened, peer_id: str) -> None:
        if opened.peer_id != peer_id:
            self.blame(peer_id, "sent the envelope of another peer as its own")
            raise Refused("the envelope is another peer's")

    async def _authorise(self, opened: Opened) -> None:
        operators = self._services.operators
        message = opened.message
        if isinstance(message, _BY_OPERATORS + _REPLIES) and await operators.is_active(opened.sender):
            return
        if isinstance(message, _BY_ENGINES + _REPLIES) and await operators.is_engine(opened.sender):
            return
        reason = self._why_not(message, checksum(opened.sender))
        self.blame(opened.peer_id, reason, UNREGISTERED)
        if self._quiet.may_say(f"unregistered {opened.sender.hex()}"):
            self._services.log.warning(
                "peer message refused", reason=reason, peer_id=opened.peer_id, kind=type(message).__name__
            )
        raise Refused(reason)

    def _why_not(self, message: Message, sender: str) -> str:
        network = self._services.network
        center = f"the Attestation Center {checksum(network.attestation_center)} on chain {network.l2_chain_id}"
        if isinstance(message, AssignTasks):
            return (
                f"{sender} is not an engine: enter it in the hub (setEngine) or in the network file, or stop that node"
            )
        return f"{sender} is not an active operator of {center}: register it there, or stop that node"
