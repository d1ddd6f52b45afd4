"""An owner's commands against a chain with the contracts, which judges them, and an API of recorded answers."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contract.chains.deployed import System, running
from tests.fakes.api import FakeApi, running_api
from triggerx.chains.development import Kind, find_anvil
from triggerx.cli import main as cli
from triggerx.client.owner import is_bound_by
from triggerx.core.job_body import parse_body
from triggerx.core.network import ActionChain, Network
from triggerx.core.validation import RegistryEntry
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.hub import mandate_digest
from triggerx.evm.keys import PrivateKey, recover
from triggerx.evm.types import checksum, to_hex
from triggerx.node.devnet.profile import write_profile

KIND: Kind = "anvil" if find_anvil() else "embedded"
DEPOSIT = 10**17
CHECK = "/api/jobs/check"
FIELDS: dict[str, Any] = {
    "job_title": "a job",
    "task_definition_id": 1,
    "time_frame": 3600,
    "recurring": True,
    "schedule_type": "interval",
    "time_interval": 60,
    "target_function": "increment",
    "abi": '[{"type":"function","name":"increment","inputs":[{"name":"amount","type":"uint256"}],"outputs":[]}]',
    "arguments": ["7"],
}


@dataclass
class Desk:
    """A person with a development network: chain, API, and a folder for job files."""

    system: System
    api: FakeApi
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    user: PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.user = self.system.owner
        at = self.system.at
        contracts = {
            "job_registry": checksum(at.job_registry),
            "gas_registry": checksum(at.gas_registry),
            "task_execution_hub": checksum(at.task_execution_hub),
        }
        document = {
            "rpc_url": self.system.chain.rpc_url,
            "chain_id": self.system.chain_id,
            "api_url": self.api.url,
            "api_key": "tgx_" + "a" * 64,
            "contracts": contracts,
            "accounts": [{"address": checksum(self.user.address), "private_key": to_hex(self.user.reveal())}],
        }
        (self.folder / "devnet.json").write_text(json.dumps(document))
        self.api.on("POST", "/api/jobs", {"job_ids": []})
        for query in ("true", "false"):
            self.api.on("POST", f"{CHECK}?mandated={query}", {"is_accepted": True, "next_due_at": None})

    def types(self, *arguments: str) -> tuple[int, str]:
        """Exit status and standard error."""
        self.monkeypatch.setattr(sys, "argv", ["triggerx", *arguments, "--data-dir", str(self.folder)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr().err
        assert "Traceback" not in said
        return int(ended.value.code or 0), said

    def job(self, **more: object) -> str:
        """Write a job file; returns its name."""
        file = self.folder / "job.json"
        target = {"target_contract_address": checksum(self.system.at.example_target)}
        file.write_text(json.dumps({**target, **FIELDS, **more}))
        return str(file)

    def create(self, *options: str, **more: object) -> dict[str, Any]:
        """Create a job; returns the body that was handed in."""
        status, said = self.types("jobs", "create", self.job(**more), *options)
        assert status == 0, said
        body: dict[str, Any] = self.api.asked[-1].body
        return body

    def sent(self) -> str:
        """How many transactions the user has sent, as the chain tells it."""
        return str(self.system.ask("eth_getTransactionCount", to_hex(self.user.address), "latest"))

    def shows(self, body: dict[str, Any]) -> None:
        """Let the API show this job as the librarian does."""
        job = parse_body(body)
        names = ("job_id", "job_title", "task_definition_id", "user_address", "created_chain_id", "time_frame")
        row = {name: body[name] for name in (*names, "recurring")}
        self.api.on("POST", f"/api/jobs/update/{job.job_id}/check?mandated=true", {"is_accepted": True})
        trigger = {name: body[name] for name in ("target_contract_address", "time_interval")}
        version = str(self.entry(body).version)
        self.api.on(
            "GET",
            f"/api/jobs/{job.job_id}",
            {**row, "status": "scheduled", "version": version, "time_job_data": trigger},
        )

    def entry(self, body: dict[str, Any]) -> RegistryEntry:
        """The registry's entry of a body's job."""
        row = self.system.read(self.system.at.job_registry, JobRegistry.getJob, int(body["job_id"]))
        return RegistryEntry(owner=row[1], job_hash=row[2], version=row[3], is_active=row[4])

    def is_mandated(self, body: dict[str, Any]) -> bool:
        """Whether the body has the owner's mandate for the version that is on chain."""
        job, entry = parse_body(body), self.entry(body)
        assert job.mandate is not None
        mandate, hub = job.mandate.mandate, self.system.at.task_execution_hub
        digest = mandate_digest(mandate, self.system.chain_id, hub)
        is_of_version = (mandate.version, mandate.job_hash) == (entry.version, entry.job_hash)
        return is_of_version and recover(digest, job.mandate.signature) == self.user.address


@pytest.fixture(scope="module")
def deployed() -> Iterator[System]:
    with running(KIND) as chain:
        yield System(chain)


@pytest.fixture
def desk(
    deployed: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    with running_api() as api:
        yield Desk(deployed, api, tmp_path, monkeypatch, capsys)


def test_create_when_the_job_is_new_then_it_is_deposited_for_registered_mandated_and_handed_in(desk: Desk) -> None:
    registry = desk.system.at.gas_registry
    before = desk.system.read(registry, GasRegistry.getBalance, desk.user.address)
    body = desk.create("--deposit", str(DEPOSIT), "--runs", "3")
    entry = desk.entry(body)
    assert desk.system.read(registry, GasRegistry.getBalance, desk.user.address) == before + DEPOSIT
    assert (entry.owner, entry.is_active) == (desk.user.address, True)
    assert is_bound_by(entry, parse_body(body))
    assert desk.is_mandated(body)
    assert body["mandate"]["runsMax"] == "3"


@pytest.mark.parametrize("options", [(), ("--no-mandate",), ("--deposit", "5")])
def test_create_when_the_api_would_refuse_the_job_then_nothing_is_sent_to_the_chain(
    desk: Desk, options: tuple[str, ...]
) -> None:
    query = "false" if options == ("--no-mandate",) else "true"
    what = "value_source_url is of a scheme that is not asked"
    desk.api.refuse("POST", f"{CHECK}?mandated={query}", 400, what, field="value_source_url")
    before = desk.sent()
    status, said = desk.types("jobs", "create", desk.job(), *options)
    assert status == 2
    assert f"{desk.folder / 'job.json'}: " in said and what in said
    assert desk.sent() == before
    (asked,) = desk.api.asked
    assert "job_id" not in asked.body and asked.body["mandate"] is None


def test_create_when_the_api_is_away_before_then_nothing_is_sent_to_the_chain(desk: Desk) -> None:
    desk.api.refuse("POST", f"{CHECK}?mandated=true", 503, "the chain is away")
    before = desk.sent()
    assert desk.types("jobs", "create", desk.job())[0] == 69
    assert desk.sent() == before


def test_update_when_the_api_would_refuse_it_then_nothing_is_sent_to_the_chain(desk: Desk) -> None:
    body = desk.create()
    before = desk.entry(body)
    desk.shows(body)
    path = f"/api/jobs/update/{body['job_id']}/check?mandated=true"
    desk.api.refuse("POST", path, 409, "occurrences are open", field="job_id")
    status, said = desk.types("jobs", "update", desk.job(job_id=body["job_id"], time_interval=90))
    assert status == 2
    assert "occurrences are open" in said
    assert desk.entry(body) == before


def test_create_when_no_mandate_is_wanted_then_there_is_none(desk: Desk) -> None:
    body = desk.create("--no-mandate")
    assert body["mandate"] is None
    assert is_bound_by(desk.entry(body), parse_body(body))


def test_create_when_the_api_is_away_then_the_job_goes_on_with_its_id_and_is_not_made_twice(desk: Desk) -> None:
    desk.api.refuse("POST", "/api/jobs", 503, "the chain is away")
    status, said = desk.types("jobs", "create", desk.job())
    job_id = desk.api.asked[-1].body["job_id"]
    assert status == 69
    assert f'put job_id = "{job_id}" into {desk.folder / "job.json"}' in said
    desk.api.on("POST", "/api/jobs", {"job_ids": [job_id]})
    body = desk.create(job_id=job_id)
    assert body["job_id"] == job_id
    assert desk.is_mandated(body)


def test_create_when_the_registry_binds_another_job_then_it_is_refused_before_anything_is_sent(desk: Desk) -> None:
    body = desk.create()
    asked = len(desk.api.asked)
    status, said = desk.types("jobs", "create", desk.job(job_id=body["job_id"], time_frame=7200))
    assert status == 2
    assert "job_id: is " in said
    assert "binds to another job: triggerx jobs update changes it" in said
    assert [each.path for each in desk.api.asked[asked:]] == [f"{CHECK}?mandated=true"]


def test_create_when_the_deposit_is_more_than_there_is_then_the_chain_is_told_to_refuse(desk: Desk) -> None:
    status, said = desk.types("jobs", "create", desk.job(), "--deposit", str(10**30))
    assert status == 2
    assert "the chain refuses the transaction" in said
    assert f"{checksum(desk.user.address)} has " in said and "send it some of the chain's coin" in said
    assert [each.path for each in desk.api.asked] == [f"{CHECK}?mandated=true"]


def test_create_when_the_account_has_nothing_to_pay_the_transaction_with_then_it_is_named(desk: Desk) -> None:
    key = PrivateKey(b"\x55" * 32)
    file = desk.folder / "poor.key"
    file.write_text(to_hex(key.reveal()))
    file.chmod(0o600)
    status, said = desk.types("jobs", "create", desk.job(), "--key-file", str(file))
    assert status == 2
    assert f"{checksum(key.address)} has 0 wei, and this needs " in said
    assert said.count("\n") == 1


def test_create_when_the_endpoint_is_away_then_it_is_named(desk: Desk) -> None:
    status, said = desk.types("jobs", "create", desk.job(), "--rpc", "http://127.0.0.1:1")
    assert status == 69
    assert "127.0.0.1:1" in said
    assert said.count("\n") == 1


def test_update_when_the_registry_binds_what_changed_then_it_is_updated_on_chain_with_a_new_mandate(desk: Desk) -> None:
    body = desk.create()
    before = desk.entry(body)
    desk.shows(body)
    desk.api.on("PUT", f"/api/jobs/update/{body['job_id']}", {"job_ids": [body["job_id"]]})
    status, said = desk.types("jobs", "update", desk.job(job_id=body["job_id"], job_title="new", time_interval=90))
    assert status == 0, said
    sent = desk.api.asked[-1].body
    after = desk.entry(sent)
    assert after.version > before.version
    assert is_bound_by(after, parse_body(sent))
    assert desk.is_mandated(sent)


def test_update_when_the_registry_binds_nothing_of_it_then_only_the_mandate_is_new(desk: Desk) -> None:
    body = desk.create()
    before = desk.entry(body)
    desk.shows(body)
    desk.api.on("PUT", f"/api/jobs/update/{body['job_id']}", {"job_ids": [body["job_id"]]})
    status, said = desk.types("jobs", "update", desk.job(job_id=body["job_id"], arguments=["8"]))
    assert status == 0, said
    sent = desk.api.asked[-1].body
    assert desk.entry(sent).version == before.version
    assert desk.is_mandated(sent)
    assert sent["arguments"] == ["8"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"target_contract_address": "0x" + "11" * 20}, "target_contract_address: is 0x"),
        ({"job_id": None}, "job_id: is missing: say which job"),
        ({"target_function": "nope"}, "job.json: target_function: "),
    ],
)
def test_update_when_it_cannot_be_then_the_field_is_named_and_nothing_happens(
    desk: Desk, more: dict[str, object], says: str
) -> None:
    body = desk.create()
    desk.shows(body)
    before = desk.entry(body)
    status, said = desk.types("jobs", "update", desk.job(**{"job_id": body["job_id"], **more}))
    assert status == 2
    assert says in said
    assert desk.entry(body) == before
    assert all(asked.method != "PUT" for asked in desk.api.asked)


def test_create_when_the_network_is_a_profile_then_contracts_key_endpoint_and_api_come_from_the_options(
    desk: Desk,
) -> None:
    at = desk.system.at
    chain = ActionChain(
        chain_id=desk.system.chain_id,
        job_registry=at.job_registry,
        gas_registry=at.gas_registry,
        task_execution_hub=at.task_execution_hub,
        is_guarded=True,
        confirmations=0,
        block_time_s=1.0,
    )
    network = Network(
        name="local",
        l1_chain_id=chain.chain_id,
        l2_chain_id=chain.chain_id,
        avs_governance=at.avs_governance,
        attestation_center=at.attestation_center,
        engines=(),
        action_chains={chain.chain_id: chain},
    )
    write_profile(desk.folder, network)
    (desk.folder / "devnet.json").unlink()
    key = desk.folder / "owner.key"
    key.write_text(to_hex(desk.system.stranger.reveal()))
    key.chmod(0o600)
    options = ("--network", "local", "--config-dir", str(desk.folder), "--api", desk.api.url, "--key-file", str(key))
    status, said = desk.types("jobs", "create", desk.job(), *options)
    assert status == 2
    assert f"chain {chain.chain_id} has no endpoint here: give --rpc URL" in said
    body = desk.create(*options, "--rpc", desk.system.chain.rpc_url)
    assert desk.entry(body).owner == desk.system.stranger.address
    status, said = desk.types("jobs", "create", desk.job(created_chain_id=5), *options)
    assert status == 2
    assert "the job is of chain 5, this network's action chains are 31337" in said


def test_delete_when_the_owner_has_the_key_then_it_is_deleted_on_chain_and_again_changes_nothing(desk: Desk) -> None:
    body = desk.create()
    path = f"/api/jobs/delete/{body['job_id']}"
    desk.api.on("PUT", path, {"job_id": body["job_id"], "status": "deleted"})
    assert desk.types("jobs", "delete", body["job_id"])[0] == 0
    deleted = desk.entry(body)
    assert not deleted.is_active
    assert desk.types("jobs", "delete", body["job_id"])[0] == 0
    assert desk.entry(body) == deleted
    assert [asked.path for asked in desk.api.asked].count(path) == 2


def test_delete_when_the_key_is_anothers_then_nothing_happens(desk: Desk) -> None:
    body = desk.create()
    file = desk.folder / "stranger.key"
    file.write_text(to_hex(desk.system.stranger.reveal()))
    file.chmod(0o600)
    status, said = desk.types("jobs", "delete", body["job_id"], "--key-file", str(file))
    assert status == 2
    assert (
        f"belongs to {checksum(desk.user.address)}, but the key is {checksum(desk.system.stranger.address)}'s" in said
    )
    assert desk.entry(body).is_active
