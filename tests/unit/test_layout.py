"""The house rules that a tool can check: where things lie, how long they are, and what may stand in a tracked file."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text())
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# What a role's author may import; the rest of the kernel stands behind ports.
OPEN_TO_ROLES = {"core", "events", "evm", "http", "moves", "ports", "role", "together", "triggers", "wire"}
NAMELESS_MODULES = {"manager", "managers", "helper", "helpers", "util", "utils", "info", "misc", "common"}


def tracked_files() -> list[Path]:
    """Return what git tracks and is there, and what is new and not ignored."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """Return a file's text, or nothing when it holds none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TRACKED = tracked_files()
PYTHON = [path for path in TRACKED if path.suffix == ".py"]
PRODUCTION = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in {"triggerx", "roles"}]
ROLES = sorted(path.name for path in (ROOT / "roles").glob("triggerx_*") if path.is_dir())


def test_every_role_folder_is_an_entry_point_and_ships() -> None:
    entry_points = PROJECT["project"]["entry-points"]["triggerx.roles"]
    assert sorted(value.split(".")[0] for value in entry_points.values()) == ROLES
    assert all(value.startswith(f"triggerx_{name}.role:") for name, value in entry_points.items())
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packages) == sorted(["triggerx", *(f"roles/{role}" for role in ROLES)])


def test_every_entry_point_is_installed_as_written() -> None:
    installed = {entry.name: entry.value for entry in importlib.metadata.entry_points(group="triggerx.roles")}
    declared = PROJECT["project"]["entry-points"]["triggerx.roles"]
    assert declared.items() <= installed.items()


def test_every_entry_point_names_a_class_that_is_there() -> None:
    for value in PROJECT["project"]["entry-points"]["triggerx.roles"].values():
        module, _, class_name = value.partition(":")
        source = (ROOT / "roles" / Path(*module.split("."))).with_suffix(".py")
        classes = {node.name for node in ast.parse(source.read_text()).body if isinstance(node, ast.ClassDef)}
        assert class_name in classes, f"{name_of(source)} has no class {class_name}"


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in PRODUCTION}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_file_is_short_enough_to_read() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_every_function_is_short_enough_to_read() -> None:
    too_long = {}
    for path in PRODUCTION:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long[f"{name_of(path)}:{node.lineno} {node.name}"] = lines
    assert too_long == {}


def test_every_production_module_opens_with_a_docstring() -> None:
    assert [name_of(path) for path in PRODUCTION if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_core_neither_waits_nor_asks_for_the_time() -> None:
    asked = {}
    for path in PRODUCTION:
        if path.relative_to(ROOT).parts[1] not in {"core", "evm", "wire"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            clock = isinstance(called, ast.Attribute) and called.attr in {"now", "utcnow", "today"}
            if clock or isinstance(node, ast.Await | ast.AsyncFunctionDef):
                asked[f"{name_of(path)}:{getattr(node, 'lineno', 0)}"] = type(node).__name__
    assert asked == {}


def test_no_module_hides_behind_a_name_that_says_nothing() -> None:
    parts = {name_of(path): {path.stem, *path.relative_to(ROOT).parent.parts} for path in PYTHON}
    assert [name for name, words in parts.items() if words & NAMELESS_MODULES] == []


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    hosts = [r"pypi\.org", r"pythonhosted\.org", r"npmjs\.(org|com)", r"deb\.debian\.org", r"crates\.io"]
    paths = [rf"(?<![\w.}})])/{folder}/" for folder in ("work", "root", "home/[a-z]+", "tmp/[a-z]+")]
    forbidden = re.compile("|".join([*hosts, *paths]))
    found = {name_of(path): match.group() for path in TRACKED if (match := forbidden.search(text_of(path)))}
    found.pop(name_of(Path(__file__)), None)
    assert found == {}


def test_no_source_leaves_work_for_later() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError", re.IGNORECASE)
    found = {name_of(path): match.group() for path in PRODUCTION if (match := unfinished.search(path.read_text()))}
    assert found == {}


def test_every_ignored_finding_names_its_rule() -> None:
    unnamed = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!: ?[A-Z]+[0-9]+)")
    sources = [path for path in PYTHON if path != Path(__file__)]
    assert [name_of(path) for path in sources if unnamed.search(path.read_text())] == []


def test_no_test_is_skipped() -> None:
    skipping = re.compile(r"pytest\.(skip|xfail|importorskip)\b|mark\.(skip|skipif|xfail)\b")
    tests = [path for path in PYTHON if name_of(path).startswith("tests/") and path != Path(__file__)]
    assert [name_of(path) for path in tests if skipping.search(path.read_text())] == []


def test_every_thing_that_can_be_added_by_one_file_is_tested() -> None:
    tests = "\n".join(path.read_text() for path in PYTHON if name_of(path).startswith("tests/"))
    folders = ("triggers", "storage", "notifiers", "bus", "content", "scripts")
    modules = [path for path in PRODUCTION if path.parent.name in folders and path.parent.parent.name == "triggerx"]
    unheard = [
        name_of(path)
        for path in modules
        if path.stem != "__init__"
        and not re.search(rf"triggerx\.{path.parent.name}(\.| import .*){path.stem}\b", tests)
    ]
    assert unheard == []


def requirement_name(requirement: str) -> str:
    """Return a requirement's distribution name as metadata compares them."""
    return re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


OWNERS = importlib.metadata.packages_distributions()
DEPENDENCIES = {requirement_name(text) for text in PROJECT["project"]["dependencies"]}
DEV_DEPENDENCIES = {requirement_name(text) for text in PROJECT["project"]["optional-dependencies"]["dev"]}


def imported_distributions(path: Path) -> set[str]:
    """Return the distributions that a module imports from, the standard library and this project left out."""
    tops: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            tops.add(node.module.split(".")[0])
    ours = {"triggerx", *ROLES, "tests", "bench", "examples", "dev"}
    foreign = tops - ours - set(sys.stdlib_module_names)
    return {requirement_name(OWNERS.get(top, [top])[0]) for top in foreign}


def test_every_distribution_that_production_imports_is_declared() -> None:
    undeclared = {name_of(path): extra for path in PRODUCTION if (extra := imported_distributions(path) - DEPENDENCIES)}
    assert undeclared == {}


def test_every_declared_dependency_is_imported_or_asked_for() -> None:
    asked_for = {"anyio", "pydantic-monty", "web3"}
    read_as_data = {"tzdata"}
    imported = set().union(*(imported_distributions(path) for path in PRODUCTION))
    assert sorted(DEPENDENCIES - imported - asked_for - read_as_data) == []


def test_every_dependency_has_its_reason_in_contributing() -> None:
    reasons = (ROOT / "CONTRIBUTING.md").read_text()
    assert sorted(name for name in DEPENDENCIES | DEV_DEPENDENCIES if f"`{name}`" not in reasons) == []


@pytest.mark.parametrize("name", ["uv.txt", "build.txt", "runtime.txt", "dev.txt", "vyper.txt"])
def test_lock_pins_every_package_by_hash_and_carries_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pins = re.findall(
        r"^([a-z0-9][^\s=]*)==\S+(?: ; [^\\\n]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
        text,
        re.MULTILINE,
    )
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 0
    assert "://" not in text
    assert "file:" not in text


def test_locks_hold_what_pyproject_declares() -> None:
    locked = {
        name: set(re.findall(r"^([a-z0-9][^\s=]*)==", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("runtime.txt", "dev.txt")
    }
    assert locked["runtime.txt"] >= DEPENDENCIES
    assert locked["dev.txt"] >= DEPENDENCIES | DEV_DEPENDENCIES | locked["runtime.txt"]


def test_dev_script_needs_the_standard_library_alone() -> None:
    assert imported_distributions(ROOT / "dev.py") == set()


def test_roles_are_kept_from_everything_that_is_not_meant_for_them() -> None:
    kernel = {
        path.stem for path in (ROOT / "triggerx").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    kernel -= {"__init__", "__main__"}
    contracts = {contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
    closed = set(contracts["A role sees the ports, never what stands behind them."]["forbidden_modules"])
    assert closed == {f"triggerx.{name}" for name in kernel - OPEN_TO_ROLES}
    for contract in contracts.values():
        if contract["type"] == "independence":
            assert sorted(contract["modules"]) == ROLES


def test_every_contract_has_its_artefact() -> None:
    folder = ROOT / "triggerx" / "chains" / "contracts"
    sources = {path.stem: path.read_text() for path in folder.rglob("*.vy")}
    artefacts = {path.stem for path in folder.rglob("*.json")}
    imports = re.compile(r"^(?:import|from)\s.*?(\w+)(?:\s+as\s+\w+)?\s*$", re.MULTILINE)
    imported = {name for text in sources.values() for name in imports.findall(text)}
    assert sources
    assert sorted(sources.keys() - artefacts - imported) == []
