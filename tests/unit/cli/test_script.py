"""`triggerx script run` as a job's owner types it."""

import json
import sys
from pathlib import Path

import pytest

from triggerx.cli import main as cli

MODULE = Path(__file__).resolve().parents[3] / "examples" / "scripts" / "amount.wasm"
SCRIPT = """
def price(now):
    print("seen at", now)
    return 2**255 + 1

def echo(value, other="x"):
    return [value, other]

def broken():
    print("before")
    return nope

def local():
    return fetch("http://127.0.0.1:9999/")
"""


class Owner:
    """Types commands about one script, with a configuration that names nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.script = folder / "script.py"
        self.script.write_text(SCRIPT)
        self._config = folder / "triggerx.toml"
        self._config.write_text("")
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        line = ["triggerx", "script", "run", *arguments, "--config", str(self._config)]
        self._monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self._capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Owner:
    return Owner(tmp_path, monkeypatch, capsys)


def test_run_when_the_function_answers_then_value_output_and_time_are_printed(owner: Owner) -> None:
    status, out, err = owner.types(str(owner.script), "--function", "price", "--now", "1700000000")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (status, err) == (0, "")
    assert lines["value"] == lines["number"] == str(2**255 + 1)
    assert lines["output"] == "seen at 1700000000"
    assert " ms" in lines["took"]


def test_run_when_json_is_asked_for_then_it_is_one_document(owner: Owner) -> None:
    arguments = ["--argument", "value=[1, true]", "--argument", "other=a text", "--json"]
    status, out, err = owner.types(str(owner.script), "--function", "echo", *arguments)
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert document.pop("took_ms") >= 0
    assert document == {"value": [[1, True], "a text"], "number": None, "output": "", "requests": []}


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("missing", "the script has no function 'missing' (function)"),
        ("broken", "line 11: NameError: name 'nope' is not defined (error)"),
        ("echo", "TypeError: echo() missing 1 required positional argument: 'value' (error)"),
        ("local", "OSError: private_address: http://127.0.0.1:9999/ may not be fetched (error)"),
        ("not a name", "expected a function's name, got 'not a name' (function)"),
    ],
)
def test_run_when_it_fails_then_one_sentence_says_why(owner: Owner, function: str, says: str) -> None:
    status, _, err = owner.types(str(owner.script), "--function", function)
    assert status == 1
    assert err.startswith(f"triggerx: {owner.script}: {function}: ")
    assert err.endswith(f"{says}\n")
    assert err.count("\n") == 1


def test_run_when_it_fails_and_json_is_asked_for_then_code_and_output_are_in_it(owner: Owner) -> None:
    status, out, _ = owner.types(str(owner.script), "--function", "broken", "--json")
    document = json.loads(out)
    assert (status, document["error"]["code"], document["output"]) == (1, "error", "before\n")


def test_run_when_the_file_is_not_there_then_it_is_named(owner: Owner) -> None:
    missing = owner.script.with_name("missing.py")
    status, out, err = owner.types(str(missing), "--function", "f")
    assert (status, out) == (1, "")
    assert err == f"triggerx: {missing} cannot be read: No such file or directory; name the script's file\n"


def test_run_when_there_is_no_sandbox_for_the_language_then_it_says_which_there_are(owner: Owner) -> None:
    status, _, err = owner.types(str(owner.script), "--function", "f", "--language", "go")
    assert status == 1
    assert "no sandbox for 'go'; it has: python, wasm" in err


def test_run_when_the_script_is_a_module_then_it_runs_as_the_others_do(owner: Owner) -> None:
    arguments = ["--function", "main", "--language", "wasm", "--now", "1700000000", "--json"]
    status, out, err = owner.types(str(MODULE), *arguments)
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert document.pop("took_ms") >= 0
    assert document == {"value": [13], "number": None, "output": "minute 13\n", "requests": []}


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("script.py", ["--language", "wasm"], "the script is no WebAssembly module in binary form (syntax)"),
        ("amount.wasm", [], "the script is no UTF-8 at byte"),
    ],
)
def test_run_when_the_language_is_another_then_one_sentence_says_so(
    owner: Owner, name: str, options: list[str], says: str
) -> None:
    owner.script.with_name("amount.wasm").write_bytes(MODULE.read_bytes())
    status, out, err = owner.types(str(owner.script.with_name(name)), "--function", "main", *options)
    assert (status, out) == (1, "")
    assert says in err


@pytest.mark.parametrize("argument", ["value", "=1", "a b=1"])
def test_run_when_an_argument_has_no_name_then_it_is_a_mistake_of_usage(owner: Owner, argument: str) -> None:
    status, _, err = owner.types(str(owner.script), "--function", "echo", "--argument", argument)
    assert status == 2
    assert "--argument: expected NAME=VALUE" in err
