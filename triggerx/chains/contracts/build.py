"""Compiles the contracts: `python -m triggerx.chains.contracts.build` writes artifacts/, with --check it compares.

Rule: the compiler is the pinned one, in an environment of its own (`.venv-vyper`, made from requirements/vyper.txt),
because its pins clash with libp2p's. It is looked for in TRIGGERX_VYPER (the path of the `vyper` command), then in
`.venv-vyper/bin` of the working directory or above this file, then on the PATH.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from triggerx.chains.contracts import ARTEFACTS_FOLDER, CONTRACTS

COMPILER: Final = "0.4.3+commit.bff19ea2"
COMPILE_TIMEOUT_S: Final = 120  # a cold compiler takes 2 s a contract; the rest is for a busy machine
SOURCES: Final = Path(__file__).resolve().parent

_ERROR: Final = re.compile(r'method_id\("(\w+)\(([^")]*)\)"\)')
_IMPORT: Final = re.compile(r"^from modules import (\w+)$", re.MULTILINE)


class BuildError(Exception):
    """The compiler is missing, is another version, or refuses a source; the message says which."""


def find_compiler() -> Path:
    """Return the path of the pinned compiler; BuildError when it is not found or is another version."""
    for candidate in _candidates():
        if os.access(candidate, os.X_OK):
            found = _run(candidate, "--version").strip()
            if found != COMPILER:
                raise BuildError(f"{candidate} is vyper {found}, and the artefacts are made by {COMPILER}")
            return candidate
    raise BuildError("vyper was not found: run `python3 dev.py setup`, or set TRIGGERX_VYPER to the vyper command")


def _candidates() -> Iterator[Path]:
    named = os.environ.get("TRIGGERX_VYPER")
    if named:
        yield Path(named)
        return
    for folder in (Path.cwd(), *SOURCES.parents):
        yield folder / ".venv-vyper" / "bin" / "vyper"
    on_path = shutil.which("vyper")
    if on_path:
        yield Path(on_path)


def compile_contract(compiler: Path, name: str) -> str:
    """Return the artefact of one contract as the text of its file; the same source gives the same text anywhere."""
    printed = _run(compiler, "--no-bytecode-metadata", "-f", "abi,bytecode", f"{name}.vy")
    abi, bytecode = printed.strip().splitlines()
    document = {
        "contract": name,
        "compiler": COMPILER,
        "abi": [*json.loads(abi), *error_entries(name)],
        "bytecode": bytecode,
    }
    return json.dumps(document, indent=1) + "\n"


def error_signatures(name: str) -> tuple[str, ...]:
    """Return the signatures of the named errors with which a contract and its modules refuse, sorted."""
    return tuple(sorted(f"{error}({types})" for error, types in _errors(name)))


def error_entries(name: str) -> list[Mapping[str, object]]:
    """Return the ABI entries of a contract's named errors: the compiler has no errors of its own to describe."""
    entries: list[Mapping[str, object]] = []
    for error, types in sorted(_errors(name)):
        inputs = [{"name": "", "type": kind} for kind in types.split(",") if kind]
        entries.append({"type": "error", "name": error, "inputs": inputs})
    return entries


def _errors(name: str) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    seen: set[Path] = set()
    waiting = [SOURCES / f"{name}.vy"]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            text = path.read_text("utf-8")
            found |= set(_ERROR.findall(text))
            waiting += [SOURCES / "modules" / f"{module}.vy" for module in _IMPORT.findall(text)]
    return found


def _run(compiler: Path, *arguments: str) -> str:
    # Run where the sources are, so that no path of this machine reaches the compiler's output.
    try:
        done = subprocess.run(  # noqa: S603 - the compiler found above, and names of our own
            [str(compiler), *arguments],
            cwd=SOURCES,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{compiler} did not run: {error}") from error
    if done.returncode != 0:
        raise BuildError(f"{' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """Compile every contract and write or compare the artefacts; return 1 when one differs, 69 without a compiler."""
    parser = argparse.ArgumentParser(prog="triggerx.chains.contracts.build", description="Compile the contracts.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when an artefact differs")
    is_check = parser.parse_args(arguments).check
    differing: list[str] = []
    try:
        compiler = find_compiler()
        for name in CONTRACTS:
            text = compile_contract(compiler, name)
            path = SOURCES / ARTEFACTS_FOLDER / f"{name}.json"
            if not path.is_file() or path.read_text("utf-8") != text:
                differing.append(name)
                if not is_check:
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(text, "utf-8")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return os.EX_UNAVAILABLE
    sys.stdout.write(f"{'differing' if is_check else 'written'}: {', '.join(differing) or 'none'}\n")
    return 1 if is_check and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
