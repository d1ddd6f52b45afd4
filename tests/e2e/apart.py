"""A network whose nodes are processes of their own: one core, or two on one database, and N keepers.

They share nothing but the chain.

Each keeper has its key, its data directory, the chain's RPC and a bootstrap address. What the processes log as JSON is
read line by line, so that a test waits for what happened, never for time.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.log import RecordingLog
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import checksum, to_hex
from triggerx.node.clock import SystemClock
from triggerx.node.devnet.customer import Customer
from triggerx.node.devnet.ground import Ground, development_ground
from triggerx.node.devnet.profile import write_profile
from triggerx.node.options import ChainChoice, DevnetOptions

STARTED_WITHIN_S = 60.0
STOPPED_WITHIN_S = 30.0
API_KEY_RATE = 6_000
CORE_ROLES = ("engine", "sentinel", "pulse", "librarian")


@dataclass
class NodeProcess:
    """One `triggerx run` process and what it has logged so far."""

    name: str
    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    reader: asyncio.Task[None] | None = None

    async def logged(self, event: str, *, within_s: float = STARTED_WITHIN_S, **fields: object) -> dict[str, Any]:
        """Wait for a record of this event with these fields; one that was logged before counts."""

        def found() -> dict[str, Any] | None:
            return next(
                (
                    line
                    for line in self.lines
                    if line.get("event") == event and all(line.get(name) == value for name, value in fields.items())
                ),
                None,
            )

        async with asyncio.timeout(within_s), self.changed:
            while found() is None:
                if self.process.returncode is not None and self.reader is not None and self.reader.done():
                    raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.lines[-5:]}")
                await self.changed.wait()
        line = found()
        assert line is not None
        return line

    async def killed(self, *, within_s: float = STARTED_WITHIN_S) -> None:
        """Wait until the process has died by SIGKILL."""
        async with asyncio.timeout(within_s):
            assert await self.process.wait() == -9

    async def stop(self) -> int:
        """Ask it to stop, as systemd would; returns its exit status."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(STOPPED_WITHIN_S):
                return await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()

    async def read(self) -> None:
        """Take every line in until the process closes its standard error."""
        assert self.process.stderr is not None
        while raw := await self.process.stderr.readline():
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"event": "text", "text": raw.decode(errors="replace").rstrip()}
            async with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        await self.process.wait()
        async with self.changed:
            self.changed.notify_all()


@dataclass
class Apart:
    """The running network, and its user."""

    ground: Ground
    folder: Path
    core: NodeProcess
    librarian: NodeProcess
    """The process that serves the API: the core, unless it has one of its own."""
    keepers: dict[str, NodeProcess]
    customer: Customer
    api_url: str
    api_key: str
    """The customer's, with every scope."""

    def keeper_of(self, operator: str) -> NodeProcess:
        """The process of the operator with this checksummed address."""
        return self.keepers[operator]

    async def restart_keeper(self, operator: str, stack: AsyncExitStack) -> None:
        """Start a keeper that died again over its data directory, without any crash point."""
        dead = self.keepers[operator]
        self.keepers[operator] = await start_node(stack, self.folder / dead.name, dead.name, roles="keeper")

    async def restart_core(self, stack: AsyncExitStack, environment: Mapping[str, str]) -> None:
        """Start a core of one process that died again over its data directory; its API is at another port then."""
        self.core = self.librarian = await start_node(
            stack, self.folder / "core", "core", roles=",".join(CORE_ROLES), environment=environment
        )


@dataclass(frozen=True, kw_only=True)
class CoreShape:
    """How the roles beside the keepers run: where their store is, and in how many processes."""

    store_url: str = ""
    has_own_librarian: bool = False
    engine_poll_s: float = 1.0

    def tables(self) -> list[str]:
        """Their part of the configuration."""
        store = ["[store]", f"url = {json.dumps(self.store_url)}"]
        return [*store, "[librarian]", "port = 0", "[engine]", f"poll_s = {self.engine_poll_s}"]


ONE_PROCESS = CoreShape()


@asynccontextmanager
async def running_apart(
    folder: Path,
    *,
    keepers: int = 4,
    crash_at: str = "",
    chain: ChainChoice = ChainChoice.ANVIL,
    has_own_l1: bool = False,
    core: CoreShape = ONE_PROCESS,
) -> AsyncIterator[tuple[Apart, AsyncExitStack]]:
    """Run the chain here and every node as a process; `crash_at` kills the first keeper that passes this point."""
    options = DevnetOptions(chain=chain, keepers=keepers, has_own_l1=has_own_l1)
    async with (
        development_ground(options, SystemClock(), RecordingLog()) as ground,
        running_apart_on(ground, folder, crash_at=crash_at, core=core) as running,
    ):
        yield running


@asynccontextmanager
async def running_apart_on(
    ground: Ground, folder: Path, *, crash_at: str = "", core: CoreShape = ONE_PROCESS
) -> AsyncIterator[tuple[Apart, AsyncExitStack]]:
    """Run every node as a process on ground that stands already."""
    async with AsyncExitStack() as stack:
        write_profile(folder, ground.network)
        _configure(folder, "core", ground, {"engine_file": ground.engine}, more=core.tables())
        api_key = await first_api_key(folder / "core", ground.user)
        roles = [role for role in CORE_ROLES if not (core.has_own_librarian and role == "librarian")]
        first = librarian = await start_node(stack, folder / "core", "core", roles=",".join(roles))
        started = await first.logged("node started")
        bootstrap = tuple(started["addresses"].split())
        if core.has_own_librarian:
            _configure(folder, "librarian", ground, {}, bootstrap=bootstrap, more=core.tables())
            librarian = await start_node(stack, folder / "librarian", "librarian", roles="librarian")
        api = await librarian.logged("api started")
        environment = (
            {"TRIGGERX_CRASH_AT": crash_at, "TRIGGERX_CRASH_ONCE": str(folder / "crashed")} if crash_at else {}
        )
        running: dict[str, NodeProcess] = {}
        for number, key in enumerate(ground.keepers, start=1):
            name = f"keeper-{number}"
            _configure(folder, name, ground, {"keeper_file": key}, bootstrap=bootstrap)
            running[checksum(key.address)] = await start_node(
                stack, folder / name, name, roles="keeper", environment=environment
            )
        for keeper in running.values():
            await keeper.logged("keeper checked in")
        customer = await stack.enter_async_context(Customer.open(ground, api["url"], api_key))
        made = Apart(
            ground=ground,
            folder=folder,
            core=first,
            librarian=librarian,
            keepers=running,
            customer=customer,
            api_url=api["url"],
            api_key=api_key,
        )
        yield made, stack


async def start_node(
    stack: AsyncExitStack,
    data_dir: Path,
    name: str,
    *,
    roles: str,
    environment: Mapping[str, str] | None = None,
) -> NodeProcess:
    """Start `triggerx run --roles …` over its data directory; it is stopped when the stack unwinds."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("triggerx")),
        *("run", "--roles", roles, "--config", str(data_dir / "triggerx.toml"), "--config-dir", str(data_dir.parent)),
        env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    node = NodeProcess(name=name, process=process)
    node.reader = asyncio.create_task(node.read(), name=f"read {name}")
    stack.push_async_callback(_end, node)
    return node


async def _end(node: NodeProcess) -> None:
    await node.stop()
    assert node.reader is not None
    await node.reader


def _configure(
    folder: Path,
    name: str,
    ground: Ground,
    keys: Mapping[str, PrivateKey],
    *,
    bootstrap: tuple[str, ...] = (),
    more: Sequence[str] = (),
) -> None:
    data_dir = folder / name
    data_dir.mkdir(mode=0o700)
    lines = ['network = "devnet"', f"data_dir = {json.dumps(str(data_dir))}", "[log]", 'format = "json"', "[keys]"]
    for setting, key in keys.items():
        file = data_dir / f"{setting}.key"
        file.touch(mode=0o600)
        file.write_text(to_hex(key.reveal()) + "\n")
        lines.append(f"{setting} = {json.dumps(str(file))}")
    lines += ["[peers]", f"bootstrap = {json.dumps(list(bootstrap))}"]
    for chain_id, url in ground.rpc_urls.items():
        lines += [f"[chains.{chain_id}]", f"rpc_urls = {json.dumps([url])}"]
        lines.append(f"multicall = {json.dumps(checksum(ground.multicalls[chain_id]))}")
        lines.append(f"ws_url = {json.dumps(ground.ws_urls[chain_id])}")
    lines += more
    (data_dir / "triggerx.toml").write_text("\n".join(lines) + "\n")


async def first_api_key(data_dir: Path, owner: PrivateKey) -> str:
    """Make a key with every scope, as an operator does."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("triggerx")),
        *("api-key", "create", "--owner", checksum(owner.address), "--scopes", "read,write,keeper,admin"),
        *("--rate-limit", str(API_KEY_RATE), "--config", str(data_dir / "triggerx.toml")),
        *("--config-dir", str(data_dir.parent)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(STARTED_WITHIN_S):
        out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return out.decode().strip()
