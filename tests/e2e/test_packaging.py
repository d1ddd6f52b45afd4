"""The wheel carries all that a running node needs and nothing else, and works where the checkout is not."""

import configparser
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
STEP_TIMEOUT_S = 120


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command apart from this checkout's environment and return its stdout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TRIGGERX_"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        timeout=STEP_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip would, with the build backend that is installed here and without a network."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("triggerx-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own that borrows our dependencies but not this checkout."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    command: list[str | Path] = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install"]
    run(*command, "--quiet", "--no-deps", "--no-index", wheel, cwd=place)
    packages = sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)})
    # A path file adds the folder of our dependencies, but the path files within it, the editable one too, stay unread.
    (Path(packages) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def sources(*patterns: str) -> set[str]:
    """Return the files of the kernel and the roles that a wheel must carry, by their names in it."""
    roots = (ROOT, ROOT / "roles")
    found = {path.relative_to(root).as_posix() for root in roots for pattern in patterns for path in root.glob(pattern)}
    assert found
    return found


def test_wheel_when_built_then_carries_every_module_statement_and_artefact(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert sources("triggerx/**/*.py", "triggerx_*/**/*.py") <= names
    assert sources("triggerx/storage/**/*.sql") <= names
    assert sources("triggerx/chains/contracts/**/*.json", "triggerx/chains/contracts/**/*.vy") <= names


def test_wheel_when_built_then_carries_the_network_profiles(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    profiles = {f"networks/{path.name}" for path in (ROOT / "config" / "networks").glob("*.toml")}
    shared = {name.partition("/share/triggerx/")[2] for name in names if ".data/data/share/triggerx/" in name}
    assert profiles
    assert profiles <= shared


def test_wheel_when_built_then_carries_nothing_else(wheel: Path) -> None:
    roles = {path.name for path in (ROOT / "roles").glob("triggerx_*")}
    version = PROJECT["version"]
    expected = {"triggerx", f"triggerx-{version}.dist-info", f"triggerx-{version}.data", *roles}
    assert {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()} <= expected
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "__pycache__" in name]


def test_wheel_when_built_then_declares_command_and_roles(wheel: Path) -> None:
    points = configparser.ConfigParser()
    points.read_string(
        zipfile.ZipFile(wheel).read(f"triggerx-{PROJECT['version']}.dist-info/entry_points.txt").decode()
    )
    assert dict(points["triggerx.roles"]) == PROJECT["entry-points"]["triggerx.roles"]
    assert dict(points["console_scripts"]) == PROJECT["scripts"]


def test_wheel_when_installed_then_loads_every_role_without_the_checkout(installed: Path) -> None:
    code = (
        "from importlib.metadata import entry_points\n"
        "for point in entry_points(group='triggerx.roles'):\n"
        "    print(point.load().__name__, __import__(point.module).__file__)\n"
    )
    lines = run(installed / "bin" / "python", "-c", code, cwd=installed).splitlines()
    assert len(lines) == len(PROJECT["entry-points"]["triggerx.roles"])
    assert all(str(installed) in line for line in lines)


def test_wheel_when_installed_then_the_command_answers(installed: Path) -> None:
    assert "Usage" in run(installed / "bin" / "triggerx", "--help", cwd=installed)
