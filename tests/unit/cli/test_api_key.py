"""`triggerx api-key` as an operator types it."""

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from triggerx.cli import main as cli
from triggerx.http.auth import digest_of
from triggerx.storage import open_store
from triggerx.storage.lock import locked

PROFILE = """
l1_chain_id = 31337
l2_chain_id = 31337
avs_governance = "0x0000000000000000000000000000000000000001"
attestation_center = "0x0000000000000000000000000000000000000002"
engines = []
"""
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
KEY = re.compile(r"tgx_[0-9a-f]{64}")


@dataclass
class Operator:
    """Types commands over a configured directory and reads what comes."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        places = ["--config", str(self.folder / "triggerx.toml"), "--config-dir", str(self.folder)]
        self.monkeypatch.setattr(sys, "argv", ["triggerx", "api-key", *arguments, *places])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "local.toml").write_text(PROFILE)
    (tmp_path / "triggerx.toml").write_text('network = "local"\ndata_dir = "data"\n')
    return Operator(tmp_path, monkeypatch, capsys)


def test_create_when_nothing_is_there_then_the_key_alone_is_on_standard_output(operator: Operator) -> None:
    status, out, said = operator.types("create", "--owner", "front end")
    assert status == 0
    assert KEY.fullmatch(out.strip())
    assert "API key 1 of front end: read,write; 600 requests a minute" in said
    assert "not shown again" in said
    assert out.strip() not in said


async def test_create_when_it_is_done_then_the_store_has_its_digest(operator: Operator) -> None:
    arguments = ("create", "--owner", ADDRESS.lower(), "--scopes", "admin, read", "--rate-limit", "7", "--json")
    status, out, _ = await asyncio.to_thread(operator.types, *arguments)
    document = json.loads(out)
    assert status == 0
    assert (document["owner"], document["scopes"], document["rate_limit"]) == (ADDRESS, ["admin", "read"], 7)
    async with open_store(operator.data_dir / "triggerx.db") as store:
        key = await store.api_keys.by_digest(digest_of(document["key"]))
    assert key is not None
    assert (key.api_key_id, key.owner, key.is_active) == (document["api_key_id"], ADDRESS, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create",), "Missing option '--owner'"),
        (("create", "--owner", " "), "--owner: is empty"),
        (("create", "--owner", "0x12"), "--owner: expected an address of 0x and 40"),
        (("create", "--owner", ADDRESS[2:]), "looks like an address: write it with 0x before it"),
        (("create", "--owner", "a\x1b[2J"), "--owner: expected at most 128 bytes that can be printed"),
        (("create", "--owner", "a" * 129), "--owner: expected at most 128 bytes"),
        (("create", "--owner", "me", "--scopes", "root"), "--scopes: expected some of read, write, keeper, admin, got"),
        (("create", "--owner", "me", "--scopes", ","), "--scopes: expected some of read, write, keeper, admin"),
        (("create", "--owner", "me", "--rate-limit", "0"), "--rate-limit: expected 1 to 600000 requests a minute"),
        (("create", "--owner", "me", "--rate-limit", "many"), "valid integer"),
        (("revoke",), "Missing argument 'ID'"),
        (("revoke", "one"), "valid integer"),
        (("revoke", "0"), "ID"),
        (("revoke", str(2**63)), "ID"),
        (("list", "everything"), "unexpected extra argument"),
        (("crate",), "crate"),
    ],
)
def test_usage_when_it_is_wrong_then_the_status_is_2_and_nothing_is_made(
    operator: Operator, arguments: tuple[str, ...], message: str
) -> None:
    status, out, said = operator.types(*arguments)
    assert (status, out) == (2, "")
    assert message in said
    assert "Traceback" not in said
    assert not operator.data_dir.exists()


def test_list_when_keys_were_made_and_turned_off_then_each_is_shown_without_its_text(operator: Operator) -> None:
    keys = [operator.types("create", "--owner", owner)[1].strip() for owner in ("first", "second")]
    assert operator.types("revoke", "1") == (0, "", "API key 1 is turned off.\n")
    status, out, _ = operator.types("list")
    heading, first, second = out.splitlines()
    assert status == 0
    assert heading.split() == ["ID", "OWNER", "SCOPES", "STATE", "PER", "MINUTE", "CREATED", "LAST", "USED"]
    assert first.split()[:5] == ["1", "first", "read,write", "off", "600"]
    assert second.split()[:5] == ["2", "second", "read,write", "active", "600"]
    assert second.endswith("never")
    assert not any(key in out for key in keys)


def test_list_when_json_is_asked_for_then_it_is_one_document_with_the_names_of_the_api(operator: Operator) -> None:
    operator.types("create", "--owner", "me", "--scopes", "keeper")
    status, out, _ = operator.types("list", "--json")
    (row,) = json.loads(out)["api_keys"]
    assert status == 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", row.pop("created_at"))
    assert row == {
        "api_key_id": 1,
        "owner": "me",
        "scopes": ["keeper"],
        "is_active": True,
        "rate_limit": 600,
        "last_used": None,
    }


def test_list_when_there_is_none_yet_then_it_says_how_to_make_one(operator: Operator) -> None:
    operator.types("create", "--owner", "me")
    (operator.data_dir / "triggerx.db").unlink()
    status, out, said = operator.types("list")
    assert (status, out) == (78, "")
    assert "holds no store yet" in said
    assert not (operator.data_dir / "triggerx.db").exists()


def test_revoke_when_there_is_no_such_key_then_it_is_a_usage_error(operator: Operator) -> None:
    operator.types("create", "--owner", "me")
    status, _, said = operator.types("revoke", "9")
    assert status == 2
    assert "there is no API key 9: triggerx api-key list shows them" in said


@pytest.mark.parametrize("arguments", [("create", "--owner", "me"), ("list",), ("revoke", "1")])
def test_store_when_a_running_node_holds_it_then_its_process_and_the_other_way_are_named(
    operator: Operator, arguments: tuple[str, ...]
) -> None:
    operator.types("create", "--owner", "me")
    with locked(operator.data_dir):
        status, out, said = operator.types(*arguments)
    assert (status, out) == (69, "")
    assert f"is in use by the process {os.getpid()}: stop that node first" in said
    assert "/admin/api-keys" in said


def test_network_when_none_is_configured_then_no_store_is_made(operator: Operator) -> None:
    (operator.folder / "triggerx.toml").write_text('data_dir = "data"\n')
    status, _, said = operator.types("create", "--owner", "me")
    assert status == 78
    assert "no network is configured" in said
    assert "devnet.json" in said
    assert not operator.data_dir.exists()


def test_postgres_when_it_does_not_answer_then_it_is_unavailable(operator: Operator) -> None:
    operator.monkeypatch.setenv("TRIGGERX_STORE__URL", f"postgresql://nobody@/nowhere?host={operator.folder}")
    status, _, said = operator.types("list")
    assert status == 69
    assert "does not answer: start Postgres, or correct store.url" in said
