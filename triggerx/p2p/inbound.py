"""What comes in: announcements by gossip and by pull, and requests; each judged once, none able to stop the node."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.messages import AssignTasks, Heard, Reply
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Hash32, to_hex
from triggerx.p2p.conduct import Quiet
from triggerx.p2p.judge import Judge, Refused
from triggerx.p2p.recorder import Recorded, Recorder
from triggerx.p2p.sealer import Sealer
from triggerx.p2p.services import PeersServices
from triggerx.p2p.settings import REFUSAL_CHARACTERS_MAX
from triggerx.wire.seal import Opened

Handler = Callable[[Heard[Any]], Awaitable[Reply]]
KeyT = TypeVar("KeyT")

ANSWERED: Final = b"\x00"
REFUSED: Final = b"\x01"

_KNOWN_MAX: Final = 32_768  # envelopes recognised without opening them again: 3 MB
_NONCES_MAX: Final = 4096  # of requests that change nothing; those that do are remembered by the store
_HANDLE_S: Final = 30.0
_REPLY_LIFETIME_S: Final = 60


class Inbound:
    """Judges what comes in; the host's questions end here."""

    def __init__(self, services: PeersServices, judge: Judge, recorder: Recorder, sealer: Sealer) -> None:
        self._services = services
        self._log = services.log
        self._judge = judge
        self._recorder = recorder
        self._sealer = sealer
        self._quiet = Quiet(services.clock)
        self._verdicts: _Recent[Hash32] = _Recent(_KNOWN_MAX)
        self._nonces: _Recent[tuple[bytes, bytes]] = _Recent(_NONCES_MAX)
        self.handlers: dict[type[object], Handler] = {}

    def know(self, digest: Hash32) -> None:
        """Take an envelope for judged and good: our own, or one that is kept."""
        self._verdicts.put(digest, True)

    async def take(self, data: bytes, *, forwarder: str, origin: str | None) -> bool:
        """Judge an announcement and queue it for the store; True when it is good, also when it was known.

        `origin` is who gossiped it first, None for one that was pulled.
        """
        digest = keccak256(data)
        verdict = self._verdicts.get(digest)
        if verdict is not None:
            return verdict
        try:
            opened = await self._judge.announcement(data, forwarder=forwarder, origin=origin)
        except Refused as refusal:
            self._log.debug("announcement refused", peer_id=forwarder, reason=str(refusal))
            return False
        except RecoverableError as error:
            self._say_ours("announcement could not be judged", error)
            return False
        except UnrecoverableError:
            raise
        except Exception as error:  # noqa: BLE001 - the one catch per message: it is set aside, the node goes on
            await self._set_aside(data, forwarder, error)
            self._verdicts.put(digest, False)
            return False
        if self._verdicts.get(digest) is None:
            self._verdicts.put(digest, True)
            await self._recorder.put(Recorded(envelope=data, digest=digest, opened=opened))
        return True

    async def reply_to(self, data: bytes, *, peer_id: str) -> bytes | None:
        """Return the reply frame to a request, or None for silence: what was done is then unknown to the asker."""
        try:
            opened = await self._judge.request(data, peer_id=peer_id)
            await self._check_new(opened)
            handler = self._handler(type(opened.message))
            async with asyncio.timeout(_HANDLE_S):
                reply = await handler(_heard(opened))
        except Refused as refusal:
            return _refused(refusal)
        except InvalidInput as error:
            self._judge.blame(peer_id, str(error))
            return _refused(error)
        except UnrecoverableError:
            raise
        except (RecoverableError, TimeoutError) as error:
            self._say_ours("request could not be answered", error)
            return None
        except Exception as error:  # noqa: BLE001 - the one catch per message: it is set aside, the node goes on
            await self._set_aside(data, peer_id, error)
            return None
        return self._sealed(reply)

    def _sealed(self, reply: Reply) -> bytes | None:
        try:
            return ANSWERED + self._sealer.seal(reply, lifetime_s=_REPLY_LIFETIME_S)
        except InvalidInput as error:
            self._log.error("reply is out of bounds and not sent", kind=type(reply).__name__, error=str(error))
            return None

    async def _check_new(self, opened: Opened) -> None:
        """Refuse a repeated nonce: across restarts where it may change something, else as long as memory serves."""
        key = (opened.sender, opened.nonce)
        is_new = self._nonces.get(key) is None
        self._nonces.put(key, True)
        if is_new and isinstance(opened.message, AssignTasks):
            messages = self._services.store.messages
            is_new = await messages.remember(
                opened.sender, opened.nonce, node=self._sealer.peer_id, expires_at=opened.expires_at
            )
        if not is_new:
            raise Refused("this envelope was seen before: sign the request anew")

    def _handler(self, message_type: type[object]) -> Handler:
        if self._services.signer is None:
            raise Refused("this node has no key to sign replies with: ask another")
        handler = self.handlers.get(message_type)
        if handler is None:
            raise Refused(f"this node does not answer {message_type.__name__}")
        return handler

    async def _set_aside(self, data: bytes, peer_id: str, error: Exception) -> None:
        subject = f"envelope:{to_hex(keccak256(data))}"
        reason = f"from peer {peer_id}: {error!r}"
        self._log.error("peer message is set aside", subject=subject, reason=reason)
        try:
            await self._services.store.quarantine.add(
                kind="message", subject=subject, reason=reason, content=data, now=self._services.clock.now()
            )
        except RecoverableError as failure:
            self._say_ours("peer message could not be kept aside", failure)

    def _say_ours(self, event: str, error: Exception) -> None:
        if self._quiet.may_say(event):
            self._log.warning(event, error=str(error) or repr(error))


class _Recent(Generic[KeyT]):
    """A bounded memory of the latest keys."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[KeyT, bool] = OrderedDict()

    def get(self, key: KeyT) -> bool | None:
        return self._values.get(key)

    def put(self, key: KeyT, value: bool) -> None:
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)


def _refused(error: Exception) -> bytes:
    return REFUSED + str(error)[:REFUSAL_CHARACTERS_MAX].encode(errors="replace")


def _heard(opened: Opened) -> Heard[Any]:
    return Heard(message=opened.message, sender=opened.sender, peer_id=opened.peer_id, issued_at=opened.issued_at)
