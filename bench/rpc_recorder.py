"""A way to a chain on which what passes is noted: a proxy on loopback, `python -m bench.rpc_recorder PORT PROCESS_ID`.

It is a process of its own, so that no node's loop waits for it. Its standard output is JSON, a document a line: first
the port it listens at, then each request that handed a transaction in or asked for the newest block, with the moment.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from triggerx.chains.development import DevelopmentChain

HOST: Final = "127.0.0.1"
LINE_BYTES_MAX: Final = 2**22
CHUNK_BYTES: Final = 65_536
_RAW: Final = re.compile(rb'"eth_sendRawTransaction","params":\["(0x[0-9a-f]+)"\]')
_HEAD_ASKED: Final = b'"params":["latest",false]'
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_UPGRADE: Final = re.compile(rb"(?i)\r\nupgrade: *websocket\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A second of the machine's monotonic clock, and the CPU seconds that the chain had used by then."""

    at: float
    chain_cpu_s: float


@dataclass(slots=True)
class Records:
    """What a recorder has told so far."""

    url: str
    sent: dict[bytes, Moment] = field(default_factory=dict)
    """Signed bytes, and when they were first handed in."""
    heads: dict[int, Moment] = field(default_factory=dict)
    """By number: when anybody was first told of this newest block."""

    def take(self, line: dict[str, Any]) -> None:
        """Note one of its lines."""
        moment = Moment(at=line["at"], chain_cpu_s=line["chain_cpu_s"])
        for raw in line["sent"]:
            self.sent.setdefault(bytes.fromhex(raw[2:]), moment)
        if line["head"] is not None:
            self.heads.setdefault(line["head"], moment)


@asynccontextmanager
async def recording(chain: "DevelopmentChain") -> AsyncIterator[Records]:
    """Run a recorder before a chain while the context is open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.rpc_recorder", chain.rpc_url.rpartition(":")[2], str(chain.process_id)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    try:
        assert process.stdout is not None
        records = Records(url=f"http://{HOST}:{json.loads(await process.stdout.readline())}")
        reading = asyncio.create_task(_read(process.stdout, records), name="read the recorder")
        try:
            yield records
        finally:
            reading.cancel()
    finally:
        process.kill()
        await process.wait()


async def _read(lines: asyncio.StreamReader, records: Records) -> None:
    while line := await lines.readline():
        records.take(json.loads(line))


class _Recorder:
    """Carries connections, and writes what passes to standard output."""

    def __init__(self, port: int, process_id: int) -> None:
        self._port = port
        children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
        self._process_ids = [process_id, *map(int, children)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection: a request, then its answer, and so on; a WebSocket as it comes."""
        upstream, towards = await asyncio.open_connection(HOST, self._port, limit=LINE_BYTES_MAX)
        try:
            while request := await _message(reader):
                sent = [raw.decode() for raw in _RAW.findall(request)]
                if sent:
                    self._tell(sent=sent, head=None)
                towards.write(request)
                if _UPGRADE.search(request):
                    await asyncio.gather(_pump(reader, towards), _pump(upstream, writer))
                    return
                answer = await _message(upstream)
                writer.write(answer)
                if _HEAD_ASKED in request:
                    self._tell(sent=[], head=_head_told(request, answer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            towards.close()

    def _tell(self, *, sent: list[str], head: int | None) -> None:
        document = {"at": time.monotonic(), "chain_cpu_s": self._chain_cpu_s(), "sent": sent, "head": head}
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()

    def _chain_cpu_s(self) -> float:
        """CPU seconds of the chain's threads to the nanosecond (proc(5), schedstat)."""
        stats = [stat for each in self._process_ids for stat in Path(f"/proc/{each}/task").glob("*/schedstat")]
        return sum(int(stat.read_text().split()[0]) for stat in stats) / 1e9


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message; empty at the connection's end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = _LENGTH.search(head)
    return head if length is None else head + await reader.readexactly(int(length[1]))


def _head_told(request: bytes, answer: bytes) -> int | None:
    """The number of the newest block in an answer to who asked for it."""
    asked, told = (json.loads(message.partition(b"\r\n\r\n")[2]) for message in (request, answer))
    asked, told = ([each] if isinstance(each, dict) else each for each in (asked, told))
    heads = {one["id"] for one in asked if one["method"] == "eth_getBlockByNumber" and one["params"][0] == "latest"}
    found = [one["result"]["number"] for one in told if one["id"] in heads and one.get("result")]
    return int(found[0], 16) if found else None


async def main(port: int, process_id: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(_Recorder(port, process_id).serve, HOST, 0)
    print(json.dumps(server.sockets[0].getsockname()[1]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
