"""The set-up script: done once, told apart by its inputs, pinned by hash, and clear about what is missing."""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

import dev

PACKAGE = "@foundry-rs/anvil-linux-amd64"


def test_step_when_inputs_stay_then_runs_once(tmp_path: Path) -> None:
    runs: list[str] = []
    for inputs in ("a", "a", "b"):
        dev.once(tmp_path / "stamp", inputs, lambda: runs.append("run"))
    assert len(runs) == 2


def test_step_when_it_fails_then_is_due_again(tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text("before")

    def fail() -> None:
        raise dev.SetupError("no network")

    with pytest.raises(dev.SetupError):
        dev.once(stamp, "after", fail)
    assert not stamp.exists()


def test_fingerprint_when_a_file_in_a_folder_changes_then_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "a.toml").write_text("one")
    before = dev.fingerprint("text", tmp_path / "networks")
    assert dev.fingerprint("text", tmp_path / "networks") == before
    (tmp_path / "networks" / "a.toml").write_text("two")
    assert dev.fingerprint("text", tmp_path / "networks") != before


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_python_when_none_fits_then_says_which_do(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(dev.SetupError, match=r"triggerx runs on 3\.11 to 3\.13"):
        dev.find_python()


def test_python_when_another_on_the_path_fits_then_takes_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in {"python3.11", "python3.12"} else None)
    assert dev.find_python() == "/bin/python3.12"


def test_venv_when_python_cannot_make_one_then_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(dev.SetupError, match="apt install python3-venv"):
        dev.make_venv("/bin/false", tmp_path / "venv")


def test_venv_when_moved_then_is_made_anew(tmp_path: Path) -> None:
    venv.create(tmp_path / "here", with_pip=False)
    assert "here" in (tmp_path / "here" / "pyvenv.cfg").read_text()
    (tmp_path / "here").rename(tmp_path / "there")
    assert not dev.is_ours(tmp_path / "there")
    assert dev.is_ours(dev.VENV)


def test_registries_when_pip_is_configured_then_uv_and_node_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "UV_INDEX",
        "UV_EXTRA_INDEX_URL",
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
    ):
        monkeypatch.delenv(name, raising=False)
    listing = (
        "global.cert='/etc/a.crt'\nglobal.extra-index-url='https://b.test/s file:///disk/s'\nglobal.index-url='https://c.test/s'\n"
        ":env:.index-url='https://d.test/s'\n"
    )
    monkeypatch.setattr(dev, "run", lambda *_command, **_options: listing)
    env = dev.registry_environment()
    assert env["UV_DEFAULT_INDEX"] == "https://d.test/s"
    assert env["UV_INDEX"] == "https://b.test/s"
    assert env["SSL_CERT_FILE"] == env["NODE_EXTRA_CA_CERTS"] == "/etc/a.crt"


def test_registries_when_uv_has_its_own_settings_then_they_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.test/s")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/own.crt")
    monkeypatch.setattr(
        dev, "run", lambda *_command, **_options: "global.index-url='https://c.test/s'\nglobal.cert='/x'\n"
    )
    env = dev.registry_environment()
    assert env["UV_DEFAULT_INDEX"] == "https://own.test/s"
    assert env["SSL_CERT_FILE"] == "/etc/own.crt"


def npm_archive() -> bytes:
    """Return an npm package with a program in it."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        member = tarfile.TarInfo("package/bin/anvil")
        member.size = len(b"#!/bin/sh\n")
        tar.addfile(member, io.BytesIO(b"#!/bin/sh\n"))
    return whole.getvalue()


def serve_anvil(archive: bytes, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `npm pack` put this archive where it is told to."""

    def pack(_failure: str, *command: str | Path, env: dict[str, str] | None = None) -> str:
        if "pack" in command:
            folder = Path(command[command.index("--pack-destination") + 1])
            (folder / "anvil.tgz").write_bytes(archive)
        return "" if env is None else "anvil.tgz"

    monkeypatch.setattr(dev, "TOOLS", tools)
    monkeypatch.setattr(dev, "run", pack)


def test_anvil_when_its_hash_is_pinned_then_is_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = npm_archive()
    serve_anvil(archive, tmp_path, monkeypatch)
    dev.fetch_anvil(PACKAGE, "1.0.0", "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode())
    assert os.access(tmp_path / "node_modules" / PACKAGE / "bin" / "anvil", os.X_OK)


def test_anvil_when_its_hash_is_another_then_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_anvil(npm_archive(), tmp_path, monkeypatch)
    with pytest.raises(dev.SetupError, match=r"not what requirements/anvil\.json pins"):
        dev.fetch_anvil(PACKAGE, "1.0.0", "sha512-other")
    assert list(tmp_path.iterdir()) == []


def test_command_when_setup_fails_then_says_so_and_exits_69(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_arguments: list[str]) -> int:
        raise dev.SetupError("no registry")

    monkeypatch.setitem(dev.COMMANDS, "setup", (refuse, "set everything up"))
    assert dev.main(["setup"]) == os.EX_UNAVAILABLE
    assert capsys.readouterr().err == "dev.py: no registry\n"


def test_command_when_unknown_then_exits_2_with_the_usage() -> None:
    done = subprocess.run([sys.executable, dev.ROOT / "dev.py", "fly"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: dev.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_sdk_lock_when_read_then_every_package_is_pinned_by_hash_and_has_no_address() -> None:
    lock = json.loads((dev.SDK / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/sdk-triggerx"]["version"] == "0.1.38"
    assert [name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
