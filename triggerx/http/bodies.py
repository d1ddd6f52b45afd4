"""The body of an answer, read within a bound that holds before and after decompression.

The client asks for gzip alone and takes nothing else compressed: what an answer may do to us then does not depend on
which decoders happen to be installed.
"""

import zlib
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.ports.fetch import FetchRefused

ACCEPT_ENCODING: Final = "gzip"
_PLAIN: Final = frozenset({"", "identity"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header and trailer


class Body:
    """Gathers a body of at most `bytes_max` bytes, compressed and not. `name` is the host's, for messages.

    Raises `FetchRefused` with `encoding` or `too_large`, and `RecoverableError` for what is no gzip.
    """

    def __init__(self, name: str, encoding: str, bytes_max: int) -> None:
        coding = encoding.strip().lower()
        if coding not in _PLAIN and coding not in _GZIP:
            raise FetchRefused("encoding", f"{name} answers in the encoding {encoding[:20]!r}, which was not asked for")
        self._name = name
        self._bytes_max = bytes_max
        self._unzip = zlib.decompressobj(_GZIP_WINDOW) if coding in _GZIP else None
        self._received = 0
        self._size = 0
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes as they came."""
        self._received += len(chunk)
        self._check(self._received)
        if self._unzip is not None:
            if self._unzip.eof:
                raise RecoverableError(f"{self._name} answers with more after the end of its gzip")
            try:
                # One byte more than may be: it shows that there is more, and the rest is never unpacked.
                chunk = self._unzip.decompress(chunk, self._bytes_max - self._size + 1)
            except zlib.error as error:
                raise RecoverableError(f"{self._name} answers with what is no gzip") from error
            if self._unzip.unused_data:
                raise RecoverableError(f"{self._name} answers with more after the end of its gzip")
        self._size += len(chunk)
        self._check(self._size)
        self._parts.append(chunk)

    def whole(self) -> bytes:
        """Return the body, once everything was fed."""
        if self._unzip is not None and self._received and not self._unzip.eof:
            raise RecoverableError(f"{self._name} answers with half a gzip")
        return b"".join(self._parts)

    def _check(self, size: int) -> None:
        if size > self._bytes_max:
            raise too_large(self._name, self._bytes_max)


def too_large(name: str, bytes_max: int) -> FetchRefused:
    """The refusal of what is larger than it may be."""
    return FetchRefused("too_large", f"{name} answers with more than {bytes_max} bytes")
