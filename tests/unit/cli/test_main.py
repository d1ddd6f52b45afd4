import resource
import subprocess
import sys

import pytest

from triggerx import __version__
from triggerx.cli import main as cli
from triggerx.core.errors import ConfigurationError, InvalidInput, RecoverableError, TriggerxError, UnavailableError

HEAVY = ("web3", "libp2p", "trio", "aiohttp", "rich", "triggerx.node", "msgspec", "coincurve")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["triggerx", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("why"), 78),
        (UnavailableError("why"), 69),
        (RecoverableError("why"), 69),
        (InvalidInput("field", "why"), 70),
    ],
)
def test_error_when_it_was_meant_then_it_is_one_line_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: TriggerxError, status: int
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    assert run(monkeypatch) == status
    assert capsys.readouterr().err == f"triggerx: {error}\n"


def test_error_when_it_is_unexpected_then_it_is_one_line_that_names_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise KeyError("odd")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr("triggerx.node.crash.write_crash", lambda error, directory: "somewhere/crash.log")
    assert run(monkeypatch) == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "KeyError: 'odd'; the traceback is in somewhere/crash.log" in said


def test_version_when_asked_for_then_it_is_the_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "version") == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "nothing to run: give --all, or --roles"),
        (("run", "--roles", " , "), "nothing to run"),
        (("run", "--all", "--roles", "keeper"), "--all and --roles exclude one another"),
        (("run", "--roles", "keepr"), '--roles: unknown role "keepr"; did you mean "keeper"?'),
        (("run", "--roles", "all"), '--roles: "all" is no role: give --all instead'),
        (("run", "--roles", "librarian", "--roles", "keepr"), 'unknown role "keepr"'),
        (
            ("run", "librarian"),
            "unexpected librarian: name roles by --roles, with commas and no spaces: --roles librarian",
        ),
        (("run", "--roles", "librarian,", "engine"), "unexpected engine"),
        (("run", "--roles", "librarian,", "engine"), "--roles librarian,engine"),
        (("run", "--all", "--keepers", "0"), "--keepers"),
        (("run", "--all", "--chain", "geth"), "--chain"),
        (("run", "--all", "--api-port", "70000"), "--api-port"),
        (("demo", "--block-time", "soon"), "--block-time"),
        (("rnu",), "rnu"),
    ],
)
def test_usage_when_it_is_wrong_then_the_status_is_2_and_the_option_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err


def test_help_when_asked_for_then_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\n"
        "from triggerx.cli.main import main\n"
        "sys.argv = ['triggerx', '--help']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    sys.stderr.write(','.join(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "See one job go from deposit to attestation" in done.stdout
    assert done.stderr == ""


def test_help_when_asked_for_then_it_costs_at_most_200_ms_of_processor_time() -> None:
    command = [sys.executable, "-c", "from triggerx.cli.main import main; main()", "--help"]
    costs = []
    for _ in range(5):
        before = _children_cpu_s()
        subprocess.run(command, capture_output=True, check=True, timeout=60)
        costs.append(_children_cpu_s() - before)
    assert min(costs) <= 0.2


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
