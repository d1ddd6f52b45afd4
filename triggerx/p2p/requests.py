"""One request and its reply on a libp2p stream of their own: frames with a length in front, each with a deadline.

A request frame is an envelope. A reply frame is a byte and what it says: 0 and an envelope, or 1 and why the request
was refused before anything was done about it. A stream that ends without a reply leaves open what was done.
"""

from typing import Final

import trio
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import ParseError
from libp2p.io.exceptions import IOException
from libp2p.peer.id import ID
from libp2p.utils.varint import encode_varint_prefixed, read_varint_prefixed_bytes_limited

from triggerx.p2p.settings import REQUEST_PROTOCOL
from triggerx.ports.peers import PeerSilentError, PeerUnreachable
from triggerx.wire import limits
from triggerx.wire.peer_id import peer_id_bytes

FRAME_BYTES_MAX: Final = limits.ENVELOPE_BYTES_MAX + 1
_CLOSE_S: Final = 2.0

PROTOCOL: Final = TProtocol(REQUEST_PROTOCOL)


async def read_frame(stream: INetStream) -> bytes:
    """Read one frame; raises `IOException`, `MessageTooLarge` or `ParseError` of libp2p for anything else."""
    return await read_varint_prefixed_bytes_limited(stream, FRAME_BYTES_MAX)


async def write_frame(stream: INetStream, body: bytes) -> None:
    """Write one frame."""
    await stream.write(encode_varint_prefixed(body))


async def ask(host: IHost, peer_id: str, body: bytes, timeout_s: float) -> bytes:
    """Send a request frame to a connected peer and return the reply frame.

    Raises `PeerUnreachable` while nothing was sent, `PeerSilentError` once something may have arrived.
    """
    sent = False
    stream: INetStream | None = None
    try:
        with trio.fail_after(timeout_s):
            stream = await host.new_stream(ID(peer_id_bytes(peer_id)), [PROTOCOL])
            sent = True
            await write_frame(stream, body)
            reply = await read_frame(stream)
    except Exception as error:
        # Each layer of libp2p below a stream raises errors of its own; what matters is how far we had come.
        await _reset(stream)
        cause = f"within {timeout_s:g} s" if isinstance(error, trio.TooSlowError) else f"({error!r})"
        if sent:
            raise PeerSilentError(f"peer {peer_id} gave no reply {cause}: it may have seen the request") from error
        raise PeerUnreachable(f"peer {peer_id} took no request {cause}") from error
    except trio.Cancelled:
        await _reset(stream)
        raise
    await _close(stream)
    return reply


async def finish(stream: INetStream, reply: bytes | None, timeout_s: float) -> None:
    """Write the reply and close, or reset when there is none or it is not taken in time."""
    with trio.move_on_after(timeout_s):
        try:
            if reply is not None:
                await write_frame(stream, reply)
                await stream.close()
                return
        except (IOException, ParseError):
            pass  # The asker is gone; it does not wait for this reply.
    await _reset(stream)


async def _close(stream: INetStream) -> None:
    with trio.move_on_after(_CLOSE_S):
        try:
            await stream.close()
        except IOException:
            await _reset(stream)


async def _reset(stream: INetStream | None) -> None:
    if stream is None:
        return
    with trio.move_on_after(_CLOSE_S) as scope:
        scope.shield = True  # bounded; otherwise a cancelled request leaves the other end waiting
        await stream.reset()
