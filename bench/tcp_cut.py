"""A way to a node that can be cut: a TCP proxy on loopback that drops its connections and takes none for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK_BYTES = 65_536


class Cut:
    """A proxy to one port; `url` leads through it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def open(self, port: int = 0) -> None:
        """Listen, at a given port again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self, duration_s: float) -> None:
        """Drop what is connected, refuse for so long, and listen again."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        self.close()
        await asyncio.sleep(duration_s)
        await self.open(port)

    def close(self) -> None:
        """Drop everything."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream, towards = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        self._open |= {writer, towards}
        try:
            await asyncio.gather(_pump(reader, towards), _pump(upstream, writer))
        finally:
            self._open -= {writer, towards}
            writer.close()
            towards.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def cuttable(port: int) -> AsyncIterator[Cut]:
    """Run a proxy to this port."""
    proxy = Cut(port)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
