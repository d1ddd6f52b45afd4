"""Messages between the node and a worker: a length of four bytes, big-endian, then that many bytes of JSON.

Rule: neither side reads more than its bound, and the node believes nothing of a worker: a frame that is too long, too
deep, or no JSON object of exact numbers is `BadFrame`.
"""

import json
import os
from collections.abc import Mapping
from typing import Final, NoReturn

from triggerx.core.canonical import Json
from triggerx.evm.nesting import shallow_json

LENGTH_BYTES: Final = 4
TO_WORKER_BYTES_MAX: Final = 8 * 1024 * 1024  # a script or a response of 512 kB in which every byte is escaped in JSON
FROM_WORKER_BYTES_MAX: Final = 2 * 1024 * 1024  # an answer and an output of 64 kB each, escaped, and room for more

Message = Mapping[str, Json]


class BadFrame(Exception):
    """The other side does not speak as agreed; it is of no use any more."""


def encode(message: Message, *, bytes_max: int) -> bytes:
    """Return the frame; raises `BadFrame` for one that is too long, `ValueError` for a number that is too large."""
    content = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    if len(content) > bytes_max:
        raise BadFrame(f"a message has {len(content)} bytes, more than {bytes_max}")
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def length_of(head: bytes, *, bytes_max: int) -> int:
    """Return the length that the first four bytes announce, checked."""
    length = int.from_bytes(head, "big")
    if not 0 < length <= bytes_max:
        raise BadFrame(f"a message announces {length} bytes, expected 1 to {bytes_max}")
    return length


def decode(content: bytes) -> dict[str, Json]:
    """Return the message of these bytes."""
    try:
        message = json.loads(shallow_json(content), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"a message is no JSON of ours: {error}") from error
    if not isinstance(message, dict):
        raise BadFrame("a message is no JSON object")
    return message


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no exact number")


class PipeEnds:
    """The worker's two ends, read and written in blocking calls."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing

    def read(self) -> dict[str, Json] | None:
        """Return the next message; None once the node has closed its end."""
        head = self._exactly(LENGTH_BYTES)
        if head is None:
            return None
        content = self._exactly(length_of(head, bytes_max=TO_WORKER_BYTES_MAX))
        return None if content is None else decode(content)

    def write(self, message: Message) -> None:
        """Send a message."""
        rest = memoryview(encode(message, bytes_max=FROM_WORKER_BYTES_MAX))
        while rest:
            rest = rest[os.write(self._writing, rest) :]

    def _exactly(self, length: int) -> bytes | None:
        parts = []
        while length:
            part = os.read(self._reading, length)
            if not part:
                return None
            parts.append(part)
            length -= len(part)
        return b"".join(parts)
