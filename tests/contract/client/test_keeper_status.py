"""`triggerx keeper status` over a keeper's store, a chain that judges, and an API of recorded answers."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.chains.deployed import POWERS, System, running
from tests.contract.storage.nouns import announced, performance, vote
from tests.fakes.api import FakeApi, running_api
from triggerx.chains.development import Kind, find_anvil
from triggerx.cli import main as cli
from triggerx.core.network import Network
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import checksum, to_hex
from triggerx.node.devnet.profile import write_profile
from triggerx.storage import open_store
from triggerx.storage.lock import locked

KIND: Kind = "anvil" if find_anvil() else "embedded"
NOBODY = PrivateKey(b"\x09" * 32)
PEER_ID = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"


@dataclass
class Desk:
    """An operator with its keeper's data directory; `key` is the first of the network's operators."""

    system: System
    api: FakeApi
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def key(self) -> PrivateKey:
        return self.system.keepers[0].key

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def configure(self, rpc_url: str, key: PrivateKey) -> None:
        at, chain_id = self.system.at, self.system.chain_id
        network = Network(
            name="local",
            l1_chain_id=chain_id,
            l2_chain_id=chain_id,
            avs_governance=at.avs_governance,
            attestation_center=at.attestation_center,
            engines=(),
        )
        write_profile(self.folder, network)
        file = self.folder / "keeper.key"
        file.touch(mode=0o600)
        file.write_text(key.reveal().hex())
        lines = ['network = "local"', 'data_dir = "data"', "[keys]", 'keeper_file = "keeper.key"']
        lines += [f"[chains.{chain_id}]", f'rpc_urls = ["{rpc_url}"]']
        (self.folder / "triggerx.toml").write_text("\n".join(lines) + "\n")

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        places = ("--config", str(self.folder / "triggerx.toml"), "--config-dir", str(self.folder))
        self.monkeypatch.setattr(sys, "argv", ["triggerx", "keeper", "status", *arguments, *places])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    def sees(self, *arguments: str) -> dict[str, Any]:
        status, out, err = self.types("--json", *arguments)
        assert (status, err) == (0, "")
        document: dict[str, Any] = json.loads(out)
        return document

    async def works(self, directory: Path) -> None:
        """Leave what a keeper leaves: votes, a task, a document, peers."""
        async with open_store(directory / "triggerx.db") as store:
            for number in (1, 2):
                await store.votes.bind(vote(key=number, task_hash=number))
            await store.votes.bind(vote(key=3, task_hash=3, is_approved=False))
            await store.performances.insert(performance())
            await store.votes.announce(announced())
        others = [(self.key, 0), (self.system.keepers[1].key, 0), (NOBODY, 86_400)]
        rows = [
            {
                "operator": to_hex(key.address),
                "peer_id": PEER_ID,
                "addresses": [],
                "issued_at": int(time.time()) - ago,
            }
            for key, ago in others
        ]
        (directory / "peers.json").write_text(json.dumps(rows))


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running(KIND) as chain:
        yield System(chain)


@pytest.fixture
def desk(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    with running_api() as api:
        made = Desk(system, api, tmp_path, monkeypatch, capsys)
        made.configure(system.chain.rpc_url, made.key)
        yield made


def works(desk: Desk, directory: Path) -> None:
    asyncio.run(desk.works(directory))


def test_status_when_the_keeper_has_worked_then_store_chains_and_api_are_put_together(desk: Desk) -> None:
    works(desk, desk.data_dir)
    row = {"keeper_address": checksum(desk.key.address), "keeper_points": "7", "online": True, "last_check_in_at": "x"}
    desk.api.on("GET", "/api/keepers/all", {"keepers": [{**row, "keeper_address": checksum(NOBODY.address)}, row]})
    seen = desk.sees("--api", desk.api.url)
    assert (seen["network"], seen["operator"]) == ("local", checksum(desk.key.address))
    assert seen["node"] == {"data_dir": str(desk.data_dir), "process_id": None}
    assert (seen["votes"]["approved"], seen["votes"]["rejected"]) == (2, 1)
    assert [(row["code"], row["votes"]) for row in seen["refusals"]] == [("late", 1)]
    assert seen["work"] == {"tasks_open": 1, "documents_open": 1}
    assert (seen["peers"]["known"], seen["peers"]["heard_lately"]) == (2, 1)
    election = seen["election"]
    assert (election["operator_id"], election["voting_power"]) == (1, str(POWERS[0]))
    assert (election["total_voting_power"], election["share_percent"]) == (str(sum(POWERS)), "21.74")
    (balance,) = seen["balances"]
    assert (balance["chain_id"], int(balance["balance_wei"])) == (
        desk.system.chain_id,
        desk.system.balance(desk.key.address),
    )
    assert seen["api"] == {"points": "7", "is_online": True, "last_check_in_at": "x"}


def test_status_when_the_node_runs_then_its_process_is_named_and_it_is_not_disturbed(desk: Desk) -> None:
    works(desk, desk.data_dir)
    with locked(desk.data_dir):
        assert desk.sees()["node"]["process_id"] == os.getpid()


def test_status_when_the_keeper_is_beside_an_engine_then_its_own_folder_is_looked_into(desk: Desk) -> None:
    works(desk, desk.data_dir / "keeper")
    seen = desk.sees()
    assert seen["node"]["data_dir"] == str(desk.data_dir / "keeper")
    assert seen["votes"]["approved"] == 2


def test_status_when_chain_and_api_are_away_then_the_rest_is_shown(desk: Desk) -> None:
    works(desk, desk.data_dir)
    desk.configure("http://127.0.0.1:1", desk.key)
    seen = desk.sees("--api", "http://127.0.0.1:1")
    assert seen["votes"]["approved"] == 2
    assert f"check the endpoints of chain {desk.system.chain_id}" in seen["election"]["error"]
    assert f"check the endpoints of chain {desk.system.chain_id}" in seen["balances"][0]["error"]
    assert "http://127.0.0.1:1" in seen["api"]["error"]


def test_status_when_no_api_is_named_or_it_knows_no_such_keeper_then_that_is_said(desk: Desk) -> None:
    works(desk, desk.data_dir)
    assert "no API is named: give --api URL" in desk.sees()["api"]["error"]
    desk.api.on("GET", "/api/keepers/all", {"keepers": []})
    desk.monkeypatch.setenv("TRIGGERX_API", desk.api.url)
    assert desk.sees()["api"] == {"error": "the API knows no keeper of this address"}


def test_status_when_the_address_is_given_then_no_key_is_read(desk: Desk) -> None:
    works(desk, desk.data_dir)
    (desk.folder / "keeper.key").unlink()
    seen = desk.sees("--operator", checksum(NOBODY.address))
    assert (seen["operator"], seen["election"]["operator_id"]) == (checksum(NOBODY.address), None)
    assert (seen["election"]["is_active"], seen["election"]["share_percent"]) == (False, "0.00")


def test_status_when_a_person_reads_it_then_moments_are_dates(desk: Desk) -> None:
    works(desk, desk.data_dir)
    status, out, _ = desk.types()
    assert status == 0
    assert "none: it does not run" in out
    assert "UTC" in out
    assert checksum(desk.key.address) in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 78, "holds no store yet: name the node's directory, or start it once"),
        (("--operator", "me"), 2, "--operator: "),
        (("--key-file", "absent"), 2, "--key-file: the file absent cannot be read"),
        (("--network", "elsewhere"), 78, 'no profile "elsewhere"'),
    ],
)
def test_status_when_it_is_asked_wrongly_then_one_sentence_says_so(
    desk: Desk, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended, out, err = desk.types(*arguments)
    assert (ended, out) == (status, "")
    assert message in err
    assert not desk.data_dir.exists()


def test_status_when_the_api_is_no_address_then_it_is_a_usage_error(desk: Desk) -> None:
    works(desk, desk.data_dir)
    status, out, err = desk.types("--api", "nowhere")
    assert (status, out) == (2, "")
    assert "--api: expected an address" in err
