"""A running development network: the core node with four roles, and N keeper nodes, in this process.

Every node has its own store, bus and key; they hear of each other through libp2p alone, and share nothing but the
chains.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.events import KeeperCheckedIn
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import checksum
from triggerx.http.auth import issue_key
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config, Table
from triggerx.node.config.tables import ChainConfig, FetchConfig, PeersConfig, StoreConfig
from triggerx.node.devnet.ground import Ground, development_ground
from triggerx.node.keys import KeySigner, OperatorSigner
from triggerx.node.node import Node, NodeSettings, running_node
from triggerx.node.options import API_PORT_DEFAULT, DevnetOptions
from triggerx.ports.log import Log
from triggerx.ports.store.accounts import Scope

CORE_ROLES: Final = ("engine", "sentinel", "pulse", "librarian")
ONLINE_WITHIN_S: Final = 60.0  # from the last node's start until every keeper is heard of; usually two seconds
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")  # jobs of a development network have their sources beside it
API_KEY_RATE_PER_MINUTE: Final = 6_000  # a development key is used by tests and demonstrations, which poll


@dataclass(frozen=True, slots=True, kw_only=True)
class Devnet:
    """A network that is ready: every keeper is registered on both layers and has checked in."""

    ground: Ground
    api_url: str
    api_key: str
    core: Node
    keepers: tuple[Node, ...]
    operator_ids: tuple[int, ...]


@asynccontextmanager
async def running_devnet(options: DevnetOptions, data_dir: Path, log: Log) -> AsyncIterator[Devnet]:
    """Run a network in this process while the context is open; its stores are folders of `data_dir`."""
    async with (
        development_ground(options, SystemClock(), log) as ground,
        running_nodes(options, ground, data_dir, log) as devnet,
    ):
        yield devnet


@asynccontextmanager
async def running_nodes(options: DevnetOptions, ground: Ground, data_dir: Path, log: Log) -> AsyncIterator[Devnet]:
    """Run the network's nodes on ground that stands already."""
    async with AsyncExitStack() as stack:
        base = options.config or Config(data_dir=data_dir)
        if base.store.url:
            log.warning("store.url is not used", reason="each node of a development network has a store of its own")
        config = replace(
            base,
            network=ground.network,
            store=StoreConfig(),
            fetch=reaching_loopback(base.fetch),
            chains={
                chain_id: ChainConfig(
                    rpc_urls=(url,), multicall=ground.multicalls[chain_id], ws_url=ground.ws_urls[chain_id]
                )
                for chain_id, url in ground.rpc_urls.items()
            },
        )
        core = await stack.enter_async_context(running_node(_core_settings(options, config, ground, data_dir, log)))
        api_key = await _new_api_key(core, ground.user)
        keepers = [
            await stack.enter_async_context(running_node(_keeper_settings(config, core, key, data_dir / name, log)))
            for name, key in ((f"keeper-{number}", key) for number, key in enumerate(ground.keepers, start=1))
        ]
        operator_ids = await _all_online(core, len(keepers))
        yield Devnet(
            ground=ground,
            api_url=core.services.endpoints["api"],
            api_key=api_key,
            core=core,
            keepers=tuple(keepers),
            operator_ids=operator_ids,
        )


def _core_settings(options: DevnetOptions, config: Config, ground: Ground, data_dir: Path, log: Log) -> NodeSettings:
    port = API_PORT_DEFAULT if options.api_port is None else options.api_port
    table = config.roles.get("librarian")
    librarian = {**(table.values if table is not None else {}), "port": port}
    return NodeSettings(
        config=replace(
            config,
            data_dir=data_dir / "core",
            peers=PeersConfig(),
            roles={**config.roles, "librarian": Table.of("librarian", librarian)},
        ),
        roles=(*CORE_ROLES, *options.further_roles),
        name="core",
        log=log.bind(node="core"),
        engine_signer=KeySigner(ground.engine),
    )


def _keeper_settings(config: Config, core: Node, key: PrivateKey, data_dir: Path, log: Log) -> NodeSettings:
    return NodeSettings(
        config=replace(config, data_dir=data_dir, peers=PeersConfig(bootstrap=core.services.peers.addresses)),
        roles=("keeper",),
        name=data_dir.name,
        log=log.bind(node=data_dir.name),
        keeper_signer=OperatorSigner(key),
    )


async def _new_api_key(core: Node, owner: PrivateKey) -> str:
    """Make a key with every scope for the development user; the store keeps its digest."""
    api_key, _ = await issue_key(
        core.services.store.api_keys,
        core.services.chance,
        owner=checksum(owner.address),
        scopes=Scope,
        now=core.services.clock.now(),
        rate_limit=API_KEY_RATE_PER_MINUTE,
    )
    return api_key


async def _all_online(core: Node, count: int) -> tuple[int, ...]:
    """Wait until `count` registered keepers are online by pulse; return their operator ids."""
    store = core.services.store
    try:
        async with asyncio.timeout(ONLINE_WITHIN_S), core.services.bus.subscribe(KeeperCheckedIn) as events:
            while True:
                found = [keeper for keeper in await store.keepers.list_all() if keeper.status and keeper.online]
                if len(found) >= count:
                    return tuple(keeper.operator_id for keeper in found if keeper.operator_id is not None)
                await anext(events)
    except TimeoutError as error:
        raise RecoverableError(
            f"not all of the {count} keepers came online within {ONLINE_WITHIN_S:.0f} s: look at the log above"
        ) from error


def reaching_loopback(fetch: FetchConfig) -> FetchConfig:
    """The same way out, with this machine's own services open to jobs: only a development network has it."""
    return replace(fetch, allow_private=(*LOOPBACK, *fetch.allow_private))


def set_aside(data_dir: Path, now: int) -> Path | None:
    """Move what an earlier development network left in the folder into a folder of its own; its chain is gone.

    Nothing is deleted. Returns where it is, or None when there was nothing.
    """
    old = [path for path in sorted(data_dir.glob("*")) if path.name in ("core", "devnet.json") or _is_keeper(path)]
    if not old:
        return None
    target = data_dir / f"before-{now}"
    target.mkdir()
    for path in old:
        path.replace(target / path.name)
    return target


def _is_keeper(path: Path) -> bool:
    return path.name.startswith("keeper-")
