"""What `node.running_node` promises, with real stores and peers, and roles made for the test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar, NoReturn

import pytest

from tests.fakes.log import RecordingLog
from tests.fakes.rpc_server import chain_id_server
from tests.postgres import PostgresServer
from triggerx.core.errors import ConfigurationError, UnavailableError, UnrecoverableError
from triggerx.core.job import JobId
from triggerx.core.network import Network
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import ZERO_ADDRESS, ChainId
from triggerx.node import build, discovery
from triggerx.node.config import ChainConfig, Config, FetchConfig, StoreConfig, Table
from triggerx.node.keys import KeySigner, OperatorSigner
from triggerx.node.node import NodeSettings, running_node
from triggerx.node.serve import keeper_beside
from triggerx.ports.fetch import FetchRefused
from triggerx.ports.scripts import ScriptCall
from triggerx.role import RoleConfig, Services

HERE = "tests.contract.test_node"
CHAIN = ChainId(31337)
NETWORK = Network(
    name="local",
    l1_chain_id=CHAIN,
    l2_chain_id=CHAIN,
    avs_governance=ZERO_ADDRESS,
    attestation_center=ZERO_ADDRESS,
    engines=(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerConfig(RoleConfig):
    """Table `[listener]`."""

    greeting: str = "hello"
    """What it says when it starts."""


class ListenerRole:
    """Says what it is told to, and fails when a job is created."""

    name: ClassVar[str] = "listener"
    config_type: ClassVar[type[RoleConfig]] = ListenerConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        assert isinstance(config, ListenerConfig)
        self._services = services
        self._config = config

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        async with self._services.bus.subscribe(JobCreated) as created:
            self._services.log.info(self._config.greeting)
            started()
            async for event in created:
                raise UnrecoverableError(f"job {event.job_id} was created")
        raise AssertionError("the bus is closed before its roles")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point = EntryPoint("listener", f"{HERE}:ListenerRole", discovery.GROUP)
    monkeypatch.setattr(discovery, "entry_points", lambda group: [entry_point])


@pytest.fixture(scope="module")
def rpc_url() -> Iterator[str]:
    with chain_id_server(CHAIN) as url:
        yield url


def settings(directory: Path, rpc_url: str, **tables: Table) -> NodeSettings:
    config = Config(network=NETWORK, data_dir=directory, chains={CHAIN: ChainConfig(rpc_urls=(rpc_url,))}, roles=tables)
    return NodeSettings(config=config, roles=("listener",), log=RecordingLog())


def on_postgres(made: NodeSettings, url: str) -> NodeSettings:
    return replace(made, config=replace(made.config, store=StoreConfig(url=url)))


def said(made: NodeSettings) -> RecordingLog:
    assert isinstance(made.log, RecordingLog)
    return made.log


async def test_node_when_entered_then_its_roles_have_started_with_their_tables(tmp_path: Path, rpc_url: str) -> None:
    made = settings(tmp_path, rpc_url, listener=Table.of("listener", {"greeting": "good morning"}))
    async with running_node(made) as node:
        events = said(made).events("info")
        assert events.index("good morning") < events.index("role started") < events.index("node started")
        assert node.roles == ("listener",)
        assert node.services.peers.addresses[0].endswith(f"/p2p/{node.services.peers.peer_id}")
    assert said(made).events("info")[-1] == "role stopped"
    assert said(made).events("error") == []


async def test_node_when_its_jobs_fetch_then_private_addresses_are_reached_only_where_configured(
    tmp_path: Path, rpc_url: str
) -> None:
    made = settings(tmp_path, rpc_url)
    async with running_node(made) as node:
        with pytest.raises(FetchRefused, match="not public"):
            await node.services.fetch.get(rpc_url, timeout_s=20, bytes_max=10_000)
    open_one = replace(made, config=replace(made.config, fetch=FetchConfig(allow_private=("127.0.0.0/8",))))
    async with running_node(open_one) as node:
        assert (await node.services.fetch.get(rpc_url, timeout_s=20, bytes_max=10_000)).status > 0
    with pytest.raises(FetchRefused, match="stopping"):
        await node.services.fetch.get(rpc_url, timeout_s=20, bytes_max=10_000)


async def test_node_when_a_role_runs_a_script_then_its_processes_end_with_the_node(
    tmp_path: Path, rpc_url: str
) -> None:
    def workers() -> int:
        return sum(len(file.read_text().split()) for file in Path("/proc/self/task").glob("*/children"))

    before = workers()
    async with running_node(settings(tmp_path, rpc_url)) as node:
        scripts = node.services.scripts
        assert scripts.languages() == {"python", "wasm"}
        assert workers() == before
        source = b"def f(now):\n    return now + 1"
        run = await scripts.run(source, ScriptCall(language="python", function="f", now=5))
        assert run.value == 6
        assert workers() == before + 1
    assert workers() == before


@pytest.mark.parametrize("path", ["", "/nothing"])
async def test_node_when_its_websocket_is_none_then_it_runs_and_ends_all_the_same(
    tmp_path: Path, rpc_url: str, path: str
) -> None:
    before = asyncio.all_tasks()
    made = settings(tmp_path, rpc_url)
    chain = ChainConfig(rpc_urls=(rpc_url,), ws_url=rpc_url.replace("http", "ws") + path)
    async with running_node(replace(made, config=replace(made.config, chains={CHAIN: chain}))):
        async with asyncio.timeout(30):
            while "head subscription ended" not in said(made).events("warning"):  # noqa: ASYNC110  nothing else tells
                await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


async def test_nodes_when_two_run_in_one_process_then_they_share_nothing(tmp_path: Path, rpc_url: str) -> None:
    first, second = settings(tmp_path / "a", rpc_url), settings(tmp_path / "b", rpc_url)
    async with running_node(first) as one, running_node(second) as other:
        assert one.services.store is not other.services.store
        assert one.services.bus is not other.services.bus
        assert one.services.peers.peer_id != other.services.peers.peer_id
        await one.services.store.documents.put("cid", b"content", now=1)
        assert await other.services.store.documents.get("cid") is None


async def test_nodes_when_they_share_a_postgres_store_then_one_finds_the_facts_and_hears_the_events_of_the_other(
    tmp_path: Path, rpc_url: str, postgres_server: PostgresServer
) -> None:
    url = await postgres_server.new_database(is_empty=True)
    first, second = (
        on_postgres(settings(tmp_path / "a", rpc_url), url),
        on_postgres(settings(tmp_path / "b", rpc_url), url),
    )
    async with (
        running_node(first) as one,
        running_node(second) as other,
        other.services.bus.subscribe(JobChanged) as changed,
    ):
        await one.services.store.documents.put("cid", b"content", now=1)
        await one.services.bus.publish(JobChanged(JobId(7)))
        assert await anext(changed) == JobChanged(JobId(7))
        assert await other.services.store.documents.get("cid") == b"content"
    assert said(first).events("error") == said(second).events("error") == []


async def test_node_when_its_store_is_postgres_then_its_data_directory_is_its_own_still(
    tmp_path: Path, rpc_url: str, postgres_server: PostgresServer
) -> None:
    url = await postgres_server.new_database(is_empty=True)
    async with running_node(on_postgres(settings(tmp_path, rpc_url), url)):
        with pytest.raises(UnavailableError, match="is in use by the process"):
            async with running_node(on_postgres(settings(tmp_path, rpc_url), url)):
                pass


async def test_node_when_a_role_fails_for_good_then_the_body_is_cancelled_and_the_error_raised(
    tmp_path: Path, rpc_url: str
) -> None:
    made = settings(tmp_path, rpc_url)
    course = []
    with pytest.raises(UnrecoverableError, match="job 7 was created"):
        async with running_node(made) as node:
            await node.services.bus.publish(JobCreated(JobId(7)))
            try:
                await node.wait()
            finally:
                course.append("left")
    assert course == ["left"]
    async with running_node(settings(tmp_path, rpc_url)):
        pass  # the store and its lock were given back


async def test_node_when_its_body_fails_then_that_error_is_raised_as_it_is(tmp_path: Path, rpc_url: str) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with running_node(settings(tmp_path, rpc_url)):
            raise KeyError("mine")


async def test_node_when_cancelled_then_it_unwinds(tmp_path: Path, rpc_url: str) -> None:
    made = settings(tmp_path, rpc_url)
    entered = asyncio.Event()

    async def run() -> None:
        async with running_node(made) as node:
            entered.set()
            await node.wait()

    task = asyncio.create_task(run(), name="node")
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said(made).events("info")[-1] == "role stopped"


async def test_node_when_its_data_directory_is_taken_then_it_is_unavailable(tmp_path: Path, rpc_url: str) -> None:
    async with running_node(settings(tmp_path, rpc_url)):
        with pytest.raises(UnavailableError, match="in use by the process"):
            async with running_node(settings(tmp_path, rpc_url)):
                pass


async def test_node_when_its_roles_table_is_wrong_then_nothing_is_opened(tmp_path: Path, rpc_url: str) -> None:
    made = settings(tmp_path / "data", rpc_url, listener=Table.of("listener", {"greting": "x"}))
    with pytest.raises(ConfigurationError, match=r'listener\.greting: unknown key; did you mean "greeting"'):
        async with running_node(made):
            pass
    assert not (tmp_path / "data").exists()


async def test_node_when_it_has_an_engine_and_a_keeper_then_it_is_refused(tmp_path: Path, rpc_url: str) -> None:
    made = settings(tmp_path, rpc_url)
    key = PrivateKey.parse("11" * 32)
    both = NodeSettings(
        config=made.config, roles=made.roles, engine_signer=KeySigner(key), keeper_signer=OperatorSigner(key)
    )
    with pytest.raises(ConfigurationError, match="cannot share one node"):
        async with running_node(both):
            pass


async def test_service_when_it_hangs_in_its_closing_then_the_log_says_so_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    course = []

    @asynccontextmanager
    async def hanging() -> AsyncIterator[str]:
        try:
            yield "opened"
        finally:
            course.append("closing")
            await asyncio.Event().wait()

    monkeypatch.setattr(build, "CLOSE_TIMEOUT_S", 0.01)
    log = RecordingLog()
    async with build.Closing("peers", hanging(), log) as opened:
        course.append(opened)
    assert course == ["opened", "closing"]
    assert log.events("error") == ["service did not close in time"]


async def test_service_when_its_closing_fails_by_a_timeout_of_its_own_then_that_is_raised() -> None:
    @asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        yield
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        async with build.Closing("peers", failing(), RecordingLog()):
            pass


def test_keeper_when_it_runs_beside_an_engine_then_it_is_a_node_of_its_own(tmp_path: Path, rpc_url: str) -> None:
    core = on_postgres(settings(tmp_path, rpc_url), "postgresql://postgres@127.0.0.1/core")
    made = keeper_beside(core, bootstrap=("/ip4/127.0.0.1/tcp/1/p2p/Q",))
    assert (made.roles, made.name, made.config.data_dir) == (("keeper",), "keeper", tmp_path / "keeper")
    assert made.config.store == StoreConfig()
    assert made.config.peers.listen == ("/ip4/127.0.0.1/tcp/0",)
    assert made.config.peers.bootstrap == ("/ip4/127.0.0.1/tcp/1/p2p/Q",)
