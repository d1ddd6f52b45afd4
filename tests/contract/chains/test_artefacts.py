"""The artefacts are what the pinned compiler makes of the sources, and what the rest of the system believes of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from triggerx.chains.contracts import CONTRACTS, load
from triggerx.chains.contracts.build import (
    COMPILER,
    SOURCES,
    BuildError,
    compile_contract,
    error_signatures,
    find_compiler,
    main,
)
from triggerx.evm import contracts
from triggerx.evm.abi import Event, Function
from triggerx.evm.contract_errors import KNOWN_ERRORS
from triggerx.evm.keccak import keccak256

ROOT = Path(__file__).resolve().parents[3]
CODE_BYTES_MAX = 24_576  # EIP-170
INSTALL_TIMEOUT_S = 300


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned compiler: that of the set-up, or else one installed for these tests from the same lock."""
    try:
        return find_compiler()
    except BuildError:
        venv = tmp_path_factory.mktemp("vyper")
        uv = [shutil.which("uv") or str(Path(sys.executable).with_name("uv"))]
        lock = str(ROOT / "requirements" / "vyper.txt")
        for command in (
            [*uv, "venv", "--python", sys.executable, "--clear", str(venv)],
            [*uv, "pip", "sync", "--python", str(venv), "--require-hashes", lock],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
        return venv / "bin" / "vyper"


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract_when_compiled_again_then_gives_the_same_bytes(compiler: Path, name: str) -> None:
    committed = (SOURCES / "artifacts" / f"{name}.json").read_text("utf-8")
    assert compile_contract(compiler, name) == committed


def test_compilation_when_somewhere_else_and_hashed_otherwise_then_gives_the_same_bytes(
    compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(SOURCES, elsewhere)
    monkeypatch.setattr("triggerx.chains.contracts.build.SOURCES", elsewhere)
    monkeypatch.setenv("PYTHONHASHSEED", "12345")
    committed = (SOURCES / "artifacts" / "AttestationCenter.json").read_text("utf-8")
    assert compile_contract(compiler, "AttestationCenter") == committed


def test_build_when_a_source_changed_then_says_so_and_writes_it(
    compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "contracts"
    shutil.copytree(SOURCES, changed)
    source = changed / "ExampleTarget.vy"
    source.write_text(source.read_text().replace("2**32", "2**31"))
    monkeypatch.setattr("triggerx.chains.contracts.build.SOURCES", changed)
    monkeypatch.setattr("triggerx.chains.contracts.build.CONTRACTS", ("ExampleTarget", "GasRegistry"))
    monkeypatch.setenv("TRIGGERX_VYPER", str(compiler))
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "differing: ExampleTarget",
        "written: ExampleTarget",
        "differing: none",
    ]


def test_build_without_the_compiler_then_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRIGGERX_VYPER", str(tmp_path / "none"))
    assert main(["--check"]) == os.EX_UNAVAILABLE
    assert "dev.py setup" in capsys.readouterr().err


def test_build_when_the_compiler_is_another_version_then_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "vyper"
    other.write_text("#!/bin/sh\necho 0.4.2\n")
    other.chmod(0o755)
    monkeypatch.setenv("TRIGGERX_VYPER", str(other))
    with pytest.raises(BuildError, match=r"is vyper 0\.4\.2"):
        find_compiler()


def test_artefact_when_the_name_is_unknown_then_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no contract"):
        load("../build")


def test_artefacts_then_name_the_compiler_and_no_place() -> None:
    for name in CONTRACTS:
        artefact = load(name)
        assert artefact.compiler == COMPILER
        assert len(artefact.bytecode) < CODE_BYTES_MAX
        assert "/" not in (SOURCES / "artifacts" / f"{name}.json").read_text()


def test_known_errors_then_are_exactly_those_of_the_sources() -> None:
    named = [error for name in CONTRACTS for error in error_signatures(name)]
    assert sorted(KNOWN_ERRORS) == sorted(set(named))
    assert len({keccak256(error.encode())[:4] for error in KNOWN_ERRORS}) == len(KNOWN_ERRORS)


def test_interfaces_then_are_what_the_artefacts_offer() -> None:
    for contract in (
        contracts.AttestationCenter,
        contracts.AvsGovernance,
        contracts.JobRegistry,
        contracts.GasRegistry,
        contracts.TaskExecutionHub,
    ):
        abi = json.loads(load(contract.__name__).abi)
        offered = set(_signatures(abi, "function")) | set(_signatures(abi, "event"))
        believed = {_believed(member) for member in vars(contract).values() if isinstance(member, Event | Function)}
        assert believed <= offered, believed - offered


def _believed(member: Event | Function) -> str:
    kind = "function" if isinstance(member, Function) else "event"
    return f"{kind} {member.signature}"


def _signatures(abi: list[dict[str, object]], kind: str) -> Iterator[str]:
    for entry in abi:
        if entry["type"] == kind:
            inputs = entry["inputs"]
            assert isinstance(inputs, list)
            yield f"{kind} {entry['name']}({','.join(_type(one) for one in inputs)})"


def _type(entry: dict[str, object]) -> str:
    kind = str(entry["type"])
    components = entry.get("components")
    if not isinstance(components, list):
        return kind
    return f"({','.join(_type(one) for one in components)}){kind.removeprefix('tuple')}"
