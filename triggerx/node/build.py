"""The composition: which adapter stands behind which port, opened in order and closed in reverse.

Nothing else imports an adapter.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, TypeVar

from triggerx.bus.local import LocalBus
from triggerx.chains.head_bell import HeadBell
from triggerx.chains.operators import ChainOperators
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.chains.transactions import TransactionLane
from triggerx.content.documents import PeerContent
from triggerx.content.script_sources import VerifiedSources
from triggerx.core.errors import ConfigurationError
from triggerx.core.network import Network
from triggerx.evm.types import ChainId
from triggerx.http.fetch import HttpFetch
from triggerx.http.guard import Guard
from triggerx.node.config import ChainConfig, Config
from triggerx.node.endpoints import check_endpoints
from triggerx.node.faults import crash_point_from
from triggerx.node.settings import NodeSettings
from triggerx.node.signers import node_signers
from triggerx.notifiers.log import LogNotifier
from triggerx.p2p.identity import load_or_create_identity
from triggerx.p2p.nexus import Nexus, open_peers
from triggerx.p2p.services import PeersServices
from triggerx.p2p.settings import PeersSettings
from triggerx.ports.bus import Bus
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log
from triggerx.ports.notifier import Notifier
from triggerx.ports.signer import Signer
from triggerx.ports.store import Store
from triggerx.role import Services
from triggerx.scripts.sandboxes import open_sandboxes
from triggerx.storage import open_store
from triggerx.storage.lock import locked

CLOSE_TIMEOUT_S: Final = 5.0
"""For each adapter's closing: it ends connections and threads, nothing that may take long."""
STORE_FILE: Final = "triggerx.db"
PEER_BOOK_FILE: Final = "peers.json"

OpenedT = TypeVar("OpenedT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The services, and what has to run beside the roles for them to work."""

    services: Services
    lanes: Mapping[ChainId, "LaneTask"]


class LaneTask:
    """A transaction lane in the shape of a role, so that the supervisor starts it again after a failure."""

    def __init__(self, lane: TransactionLane) -> None:
        self._lane = lane

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Send and watch for ever."""
        started()
        await self._lane.run()


@asynccontextmanager
async def opened_services(settings: NodeSettings) -> AsyncIterator[Opened]:
    """Open everything a node's roles use, and close it in reverse.

    Raises `ConfigurationError` and `UnavailableError` before anything is written where that can be known; each message
    names the key of the configuration to change.
    """
    config, clock = settings.config, settings.clock
    network = _network(config)
    log = settings.node_log()
    make_data_dir(config.data_dir)
    engine_signer, keeper_signer = node_signers(settings)
    await check_endpoints(config.chains, network, log)
    async with AsyncExitStack() as stack:

        async def opened(name: str, context: AbstractAsyncContextManager[OpenedT]) -> OpenedT:
            return await stack.enter_async_context(Closing(name, context, log))

        store = await opened("store", _store(config, moved=settings.has_moved))
        bus = await opened("bus", _bus(settings, log))
        chains: dict[ChainId, Reads] = {}
        for chain_id, chain in config.chains.items():
            chains[chain_id] = await opened(f"chain {chain_id}", _reads(chain_id, chain, clock, log))
        operators = ChainOperators(chains, network, clock)
        peers_services = PeersServices(
            network=network,
            signer=keeper_signer or engine_signer,
            operators=operators,
            store=store,
            clock=clock,
            chance=settings.chance,
            log=log,
        )
        peers = await opened("peers", _peers(config, peers_services))
        fetch = await opened("fetch", HttpFetch(Guard(config.fetch.allow_private)))
        content = PeerContent(store, peers, clock=clock, log=log)
        gateways = config.scripts.ipfs_gateways
        sources = VerifiedSources(fetch, content, store.documents, gateways=gateways, clock=clock, log=log)
        lanes = {} if keeper_signer is None else _lanes(network, chains, keeper_signer, store, log)
        services = Services(
            network=network,
            clock=clock,
            chance=settings.chance,
            log=log,
            bus=bus,
            store=store,
            chains=chains,
            transactions=lanes,
            operators=operators,
            peers=peers,
            content=content,
            notifiers=_notifiers(config, log),
            fetch=fetch,
            scripts=await opened("scripts", open_sandboxes(fetch, workers_max=config.scripts.workers_max)),
            script_sources=sources,
            engine_signer=engine_signer,
            keeper_signer=keeper_signer,
            crash_point=crash_point_from(os.environ),
        )
        yield Opened(services=services, lanes={chain_id: LaneTask(lane) for chain_id, lane in lanes.items()})


def _network(config: Config) -> Network:
    if config.network is None:
        raise ConfigurationError(f"{config.source}: network: no network is named; set it to a profile's name")
    return config.network


def make_data_dir(directory: Path) -> None:
    """Make the directory where it is absent; raises `ConfigurationError` when this user cannot make or write it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"data_dir: {directory} cannot be made: {error.strerror}; make it, or set data_dir to another place"
        ) from error
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"data_dir: {directory} cannot be written by this user: chown it, or set data_dir to another place"
        )


@asynccontextmanager
async def _reads(chain_id: ChainId, chain: ChainConfig, clock: Clock, log: Log) -> AsyncIterator[Reads]:
    """One chain's reads, and where it has a WebSocket the bell that wakes them."""
    async with RpcClient(chain.rpc_urls, chain_id=chain_id, log=log) as client:
        reads = Reads(client, clock, log=log, multicall=chain.multicall)
        bell = HeadBell(chain.ws_url, reads.wake, clock, log=log.bind(chain_id=chain_id)) if chain.ws_url else None
        async with bell or nullcontext():
            yield reads


@asynccontextmanager
async def _store(config: Config, *, moved: bool) -> AsyncIterator[Store]:
    """The store, and the lock of the data directory with it."""
    with locked(config.data_dir) if config.store.url else nullcontext():
        async with open_store(store_address(config), moved=moved) as store:
            yield store


def store_address(config: Config) -> str | Path:
    """Where the node's facts are: its Postgres database, or the SQLite file of its data directory."""
    return config.store.url or config.data_dir / STORE_FILE


@asynccontextmanager
async def _bus(settings: NodeSettings, log: Log) -> AsyncIterator[Bus]:
    """The bus as far as the store reaches: SQLite is one process's, Postgres may be that of several."""
    url = settings.config.store.url
    if not url:
        yield LocalBus(log)
        return
    from triggerx.bus.postgres import postgres_bus  # noqa: PLC0415 - only who uses it loads asyncpg

    async with postgres_bus(url, log=log, clock=settings.clock, chance=settings.chance) as bus:
        yield bus


@asynccontextmanager
async def _peers(config: Config, services: PeersServices) -> AsyncIterator[Nexus]:
    peers = PeersSettings(
        identity=await asyncio.to_thread(load_or_create_identity, config.data_dir),
        listen=config.peers.listen,
        announce=config.peers.announce,
        bootstrap=config.peers.bootstrap,
        book_path=config.data_dir / PEER_BOOK_FILE,
    )
    async with open_peers(peers, services) as nexus:
        yield nexus


def _lanes(
    network: Network, chains: Mapping[ChainId, Reads], signer: Signer, store: Store, log: Log
) -> dict[ChainId, TransactionLane]:
    """One lane for each chain on which a keeper acts or submits; L1 is only read."""
    wanted = sorted({network.l2_chain_id, *network.action_chains})
    return {
        chain_id: TransactionLane(
            chains[chain_id], signer, store.transactions, log=log, crash_point=crash_point_from(os.environ)
        )
        for chain_id in wanted
    }


def _notifiers(config: Config, log: Log) -> tuple[Notifier, ...]:
    return (LogNotifier(log),) if config.notifiers.log else ()


class Closing(AbstractAsyncContextManager[OpenedT]):
    """Gives an adapter's closing a deadline, so that one cannot keep the node from ending."""

    def __init__(self, name: str, context: AbstractAsyncContextManager[OpenedT], log: Log) -> None:
        self._name = name
        self._context = context
        self._log = log

    async def __aenter__(self) -> OpenedT:
        return await self._context.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        deadline = asyncio.timeout(CLOSE_TIMEOUT_S)
        try:
            async with deadline:
                return await self._context.__aexit__(kind, error, trace)
        except TimeoutError:
            if not deadline.expired():
                raise
            self._log.error("service did not close in time", service=self._name, deadline_s=CLOSE_TIMEOUT_S)
            return None
