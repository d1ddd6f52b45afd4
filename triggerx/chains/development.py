"""Development chains as processes of their own: `anvil` where it is found, the embedded one everywhere.

Rule: a chain started here listens on loopback, is answered for before it is handed out, and ends with the block that
started it, or with the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import aiohttp

from triggerx.chains.accounts import MNEMONIC, DevelopmentAccount, derive_accounts
from triggerx.core.errors import RecoverableError, UnavailableError

Kind = Literal["anvil", "embedded"]

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 30.0  # a cold embedded chain takes 1.5 s, anvil 0.1 s; the rest is for a busy machine
STOP_TIMEOUT_S: Final = 5.0  # then it is killed: nothing of a development chain is worth waiting for
PROBE_INTERVAL_S: Final = 0.02
PROBE_TIMEOUT_S: Final = 1.0
LAST_WORDS_BYTES: Final = 2_000  # of a process that did not start, shown in the error


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentChain:
    """A running development chain; its accounts hold 10,000 ether each, and their keys are public knowledge."""

    rpc_url: str
    chain_id: int
    kind: Kind
    accounts: tuple[DevelopmentAccount, ...]
    process_id: int

    @property
    def ws_url(self) -> str:
        """Where it takes subscriptions; "" where it takes none."""
        return self.rpc_url.replace("http", "ws", 1) if self.kind == "anvil" else ""


def find_anvil() -> Path | None:
    """Find the anvil binary.

    Looked for in TRIGGERX_ANVIL, on PATH, in `.tools/node_modules` beside the working directory, the environment or
    this checkout (or above them), and where foundryup puts it. TRIGGERX_ANVIL set to an empty text means: none.
    """
    named = os.environ.get("TRIGGERX_ANVIL")
    if named is not None:
        return Path(named) if named and Path(named).is_file() else None
    on_path = shutil.which("anvil")
    if on_path:
        return Path(on_path)
    for tools in _tool_folders():
        for found in sorted(tools.glob("node_modules/@foundry-rs/*/bin/anvil")):
            if os.access(found, os.X_OK):
                return found
    beside_home = Path.home() / ".foundry" / "bin" / "anvil"
    return beside_home if os.access(beside_home, os.X_OK) else None


def _tool_folders() -> Iterator[Path]:
    for start in (Path.cwd(), Path(sys.prefix), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            yield folder / ".tools"


def default_kind() -> Kind:
    """Choose anvil when it can be found, otherwise the embedded chain."""
    return "embedded" if find_anvil() is None else "anvil"


@asynccontextmanager
async def development_chain(
    kind: Kind | None = None,
    *,
    accounts: int = 10,
    block_time_s: int = 1,
    chain_id: int = 31337,
    port: int = 0,
) -> AsyncIterator[DevelopmentChain]:
    """Run a chain until the block ends; it is dead, and its port free, after it.

    `block_time_s` 0 makes a block at each transaction, `port` 0 takes a free one, `kind` None chooses by
    `default_kind`. To be entered from a thread that lives as long as the chain (the kernel ends the chain with it).
    Raises UnavailableError when anvil is asked for and not found, RecoverableError when the chain does not start.
    """
    chosen = default_kind() if kind is None else kind
    if chosen == "anvil":
        port = port or _free_port()
        command = _anvil_command(accounts, block_time_s, chain_id, port)
    else:
        command = _embedded_command(accounts, block_time_s, chain_id, port)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        rpc_url = await _started(process, chosen, port)
        draining = asyncio.create_task(_drain(process), name=f"{chosen}-output")
        try:
            yield DevelopmentChain(
                rpc_url=rpc_url,
                chain_id=chain_id,
                kind=chosen,
                accounts=derive_accounts(accounts),
                process_id=process.pid,
            )
        finally:
            draining.cancel()
    finally:
        await asyncio.shield(_stop(process))


async def _started(process: asyncio.subprocess.Process, kind: str, port: int) -> str:
    """Wait until the chain answers, and return its URL."""
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            return await (_wait_for_line(process) if kind == "embedded" else _wait_for_answer(process, port))
    except TimeoutError as error:
        message = f"{kind} did not answer within {START_TIMEOUT_S:.0f} s: is the machine overloaded? Try again"
        raise RecoverableError(message) from error


def _anvil_command(accounts: int, block_time_s: int, chain_id: int, port: int) -> list[str]:
    anvil = find_anvil()
    if anvil is None:
        raise UnavailableError(
            "anvil was not found: install Foundry, set TRIGGERX_ANVIL to its path, or use the embedded chain"
        )
    options = {
        "--host": HOST,
        "--port": port,
        "--chain-id": chain_id,
        "--accounts": accounts,
        "--balance": 10_000,
        "--mnemonic": MNEMONIC,
        "--hardfork": "prague",
        "--order": "fifo",
    }
    if block_time_s:
        options["--block-time"] = block_time_s
    guard = [sys.executable, "-m", "triggerx.chains.parenthood"]
    return [*guard, str(anvil), "--silent", *(str(part) for option in options.items() for part in option)]


def _embedded_command(accounts: int, block_time_s: int, chain_id: int, port: int) -> list[str]:
    options = {"--port": port, "--accounts": accounts, "--block-time": block_time_s, "--chain-id": chain_id}
    parts = [str(part) for option in options.items() for part in option]
    return [sys.executable, "-m", "triggerx.chains.embedded", "--until-stdin-closes", *parts]


async def _wait_for_line(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise AssertionError("the process was started with a pipe")
    said = b""
    while line := await process.stdout.readline():
        if line.startswith(b'{"rpc_url"'):
            return str(json.loads(line)["rpc_url"])
        said += line
    raise await _ended(process, "embedded", said)


async def _wait_for_answer(process: asyncio.subprocess.Process, port: int) -> str:
    url = f"http://{HOST}:{port}"
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while process.returncode is None:
            try:
                async with session.post(url, json=question) as response:
                    if response.status == 200:
                        return url
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(PROBE_INTERVAL_S)
    said = b"" if process.stdout is None else await process.stdout.read(LAST_WORDS_BYTES)
    raise await _ended(process, "anvil", said)


async def _ended(process: asyncio.subprocess.Process, kind: Kind, said: bytes) -> RecoverableError:
    status = await process.wait()
    words = said[-LAST_WORDS_BYTES:].decode(errors="replace").strip()
    return RecoverableError(f"{kind} ended with status {status} before it answered; is the port taken? Said: {words}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Read what the chain prints, so that a full pipe never stops it."""
    while process.stdout is not None and await process.stdout.read(65_536):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
