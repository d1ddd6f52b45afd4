"""A librarian on loopback over a real store and a chain in memory, with an owner who can sign."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.fakes.chain import FakeChain
from tests.fakes.clock import SeededChance, VirtualClock
from tests.fakes.content import FakeContent
from tests.fakes.log import RecordingLog
from tests.fakes.store import temporary_store
from triggerx.bus.local import LocalBus
from triggerx.core.canonical import Json
from triggerx.core.job import Job, JobId
from triggerx.core.job_body import expected_job_hash, parse_body, static_calldata
from triggerx.core.mandate import SignedMandate, dump_mandate
from triggerx.core.network import ActionChain, Network
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.hub import Mandate, mandate_digest
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ZERO_ADDRESS, ZERO_HASH, Address, ChainId, Wei, checksum
from triggerx.http.auth import RATE_LIMIT_MAX, issue_key
from triggerx.http.server import serving
from triggerx.ports.scripts import NoScripts
from triggerx.ports.store import Store
from triggerx.ports.store.accounts import Scope
from triggerx.role import Services
from triggerx_librarian.api import application

NOW = 1_700_000_000
CHAIN = ChainId(31337)
REGISTRY, GAS, HUB, TARGET = (Address(bytes([n]) * 20) for n in (0x11, 0x22, 0x33, 0x44))
OWNER = PrivateKey(b"\x01" * 32)
STRANGER = PrivateKey(b"\x02" * 32)
ABI = json.dumps([{"type": "function", "name": "add", "inputs": [{"name": "by", "type": "uint256"}], "outputs": []}])


@dataclass(slots=True)
class Entry:
    """What the registry answers for one job."""

    owner: Address
    job_hash: Hash32
    version: int
    is_active: bool = True


@dataclass(slots=True)
class Desk:
    """What a test has at hand; `keys` are the API keys by name, `entries` the registry."""

    url: str
    client: ClientSession
    services: Services
    store: Store
    clock: VirtualClock
    chain: FakeChain
    log: RecordingLog
    keys: dict[str, str]
    entries: dict[int, Entry] = field(default_factory=dict)

    async def send(self, method: str, path: str, *, key: str | None = "app", body: object = None) -> tuple[int, Any]:
        """Send a request with a key of `keys`, or a key's text, and return status and JSON."""
        headers = {} if key is None else {"Authorization": f"Bearer {self.keys.get(key, key)}"}
        async with self.client.request(method, self.url + path, json=body, headers=headers) as response:
            return response.status, json.loads(await response.text())

    async def stored(self, body: Mapping[str, object]) -> Job:
        """Return the stored job of a body."""
        job = await self.store.jobs.get(id_of(body))
        assert job is not None
        return job

    async def taken_in(self, body: Mapping[str, object]) -> JobId:
        """Register a job and post it."""
        self.register(body)
        status, answer = await self.send("POST", "/api/jobs", body=body)
        assert status == 201, answer
        return id_of(body)

    def register(self, body: Mapping[str, object], *, version: int = NOW) -> Entry:
        """Put the job into the registry as its owner created it."""
        parsed = parse_body(body)
        entry = Entry(owner=parsed.owner, job_hash=expected_job_hash(parsed), version=version)
        self.entries[parsed.job_id] = entry
        return entry

    def guarded(
        self, body: Mapping[str, object], *, signer: PrivateKey = OWNER, **changes: object
    ) -> dict[str, object]:
        """The body with a mandate that fits the registry's entry, changed and then signed."""
        parsed = parse_body(body)
        entry, calldata = self.entries[parsed.job_id], static_calldata(parsed)
        mandate = Mandate(
            job_id=parsed.job_id,
            job_hash=entry.job_hash,
            version=entry.version,
            owner=parsed.owner,
            target=parsed.action.target,
            selector=calldata[:4],
            calldata_hash=keccak256(calldata),
            value_max=Wei(0),
            fee_max=Wei(10**15),
            inner_gas_min=50_000,
            runs_max=10,
            spacing=0,
            attempts_max=3,
            security=4,
            not_before=NOW,
            expiry=NOW + 10_000,
        )
        mandate = replace(mandate, **changes)  # type: ignore[arg-type]  # each test names the fields it changes
        signature = signer.sign_digest(mandate_digest(mandate, CHAIN, HUB))
        signed: dict[str, Json] = dump_mandate(SignedMandate(mandate=mandate, signature=signature))
        return {**body, "mandate": signed}


def job(number: int = 1, /, **changes: object) -> dict[str, object]:
    """What the published SDK posts for a time job of `OWNER`."""
    body: dict[str, object] = {
        "job_id": str(pack_job_id(CHAIN, NOW, number)),
        "user_address": checksum(OWNER.address),
        "ether_balance": 1e21,
        "token_balance": 1e21,
        "job_title": "Count",
        "task_definition_id": 1,
        "custom": True,
        "time_frame": 3600,
        "recurring": False,
        "job_cost_prediction": 3.6e-7,
        "timezone": "UTC",
        "created_chain_id": str(CHAIN),
        "schedule_type": "interval",
        "time_interval": 60,
        "target_chain_id": str(CHAIN),
        "target_contract_address": checksum(TARGET),
        "target_function": "add(uint256)",
        "abi": ABI,
        "arg_type": 1,
        "arguments": ["5"],
        "is_imua": True,
        "is_safe": False,
        "safe_name": "",
        "safe_address": "",
        "language": "",
    }
    return {**body, **changes}


def event_job(number: int = 1, /, **changes: object) -> dict[str, object]:
    """The same for an event job: whenever somebody transfers to `TARGET`."""
    event = {
        "task_definition_id": 3,
        "recurring": True,
        "trigger_chain_id": str(CHAIN),
        "trigger_contract_address": checksum(TARGET),
        "trigger_event": "Transfer(address indexed from, address indexed to, uint256 value)",
        "event_filter_para_name": "to",
        "event_filter_value": checksum(TARGET),
    }
    return job(number, **{**event, **changes})


def condition_job(number: int = 1, /, **changes: object) -> dict[str, object]:
    """The same for a condition job: while a price is above 10."""
    condition = {
        "task_definition_id": 5,
        "recurring": True,
        "condition_type": "greater_than",
        "upper_limit": 10,
        "value_source_type": "api",
        "value_source_url": "https://prices.example/eth",
        "selected_key_route": "price",
    }
    return job(number, **{**condition, **changes})


def id_of(body: Mapping[str, object]) -> JobId:
    """The job id of a body."""
    return JobId(int(str(body["job_id"])))


class PythonOnly(NoScripts):
    """A machine that would run Python, and is never asked to."""

    def languages(self) -> frozenset[str]:
        return frozenset({"python"})


@asynccontextmanager
async def open_desk(tmp_path: Path, *, l2_chain_id: ChainId = CHAIN) -> AsyncIterator[Desk]:
    """Serve the librarian's application on a free port of loopback."""
    clock, chain, log = VirtualClock(now=NOW), FakeChain(CHAIN, now=NOW), RecordingLog()
    async with temporary_store(tmp_path) as store, ClientSession() as client:
        services = _services(clock, chain, log, store)
        services = replace(services, network=replace(services.network, l2_chain_id=l2_chain_id))
        app = application(services, registry_wait_s=0, explorer_url="https://explorer.example", request_timeout_s=10)
        keys = {name: await _key(services, owner, scopes) for name, (owner, scopes) in _KEYS.items()}
        async with serving(app, host="127.0.0.1", port=0, log=log) as url:
            desk = Desk(
                url=url,
                client=client,
                services=services,
                store=store,
                clock=clock,
                chain=chain,
                log=log,
                keys=keys,
            )
            chain.answer(REGISTRY, JobRegistry.getJob, lambda job_id: _entry(desk, job_id))
            chain.answer(GAS, GasRegistry.getBalance, lambda _: 2 * 10**18)
            yield desk


_WRITE = (Scope.READ, Scope.WRITE)
_KEYS: Mapping[str, tuple[str, tuple[Scope, ...]]] = {
    "app": ("an application", _WRITE),
    "owner": (checksum(OWNER.address), _WRITE),
    "stranger": (checksum(STRANGER.address), _WRITE),
    "reader": ("a reader", (Scope.READ,)),
    "admin": ("the operator", (Scope.ADMIN,)),
}


async def _key(services: Services, owner: str, scopes: tuple[Scope, ...]) -> str:
    text, _ = await issue_key(
        services.store.api_keys, services.chance, owner=owner, scopes=scopes, now=NOW, rate_limit=RATE_LIMIT_MAX
    )
    return text


def _entry(desk: Desk, job_id: int) -> tuple[int, Address, Hash32, int, bool]:
    entry = desk.entries.get(job_id)
    if entry is None:
        return (0, ZERO_ADDRESS, ZERO_HASH, 0, False)
    return (job_id, entry.owner, entry.job_hash, entry.version, entry.is_active)


def _services(clock: VirtualClock, chain: FakeChain, log: RecordingLog, store: Store) -> Services:
    action_chain = ActionChain(
        chain_id=CHAIN,
        job_registry=REGISTRY,
        gas_registry=GAS,
        task_execution_hub=HUB,
        is_guarded=True,
        confirmations=1,
        block_time_s=1.0,
    )
    network = Network(
        name="test",
        l1_chain_id=CHAIN,
        l2_chain_id=CHAIN,
        avs_governance=ZERO_ADDRESS,
        attestation_center=ZERO_ADDRESS,
        engines=(),
        action_chains={CHAIN: action_chain},
    )
    nowhere: Any = None  # the librarian uses neither operators nor peers
    return Services(
        network=network,
        clock=clock,
        chance=SeededChance(),
        log=log,
        bus=LocalBus(log),
        store=store,
        chains={CHAIN: chain},
        transactions={},
        operators=nowhere,
        peers=nowhere,
        content=FakeContent(),
        notifiers=(),
        scripts=PythonOnly(),
    )
