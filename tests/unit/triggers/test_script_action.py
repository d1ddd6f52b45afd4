"""An action's script: what it is told, and its answer from a function or from what it printed."""

from dataclasses import replace

import pytest

from tests.fakes.scripts import SHA256, FakeScripts, FakeScriptSources
from tests.unit.core.sample import DUE, SCRIPT_URL, job_body, scripted
from triggerx.core.canonical import Json
from triggerx.core.computation import Computation, Computed, RequestMade
from triggerx.core.job import JobBody
from triggerx.core.job_body import static_calldata
from triggerx.ports.scripts import ScriptFailed
from triggerx.triggers.script_action import compute

EVIDENCE: dict[str, Json] = {"kind": "time", "due": DUE}
BODY = scripted(job_body())
CALL = static_calldata(job_body())
MADE = (RequestMade(url="https://prices.example", status=200, response_hash="0f" * 32),)


async def computed(scripts: FakeScripts, body: JobBody = BODY) -> Computed:
    return await compute(scripts, FakeScriptSources(), body, EVIDENCE, moment=DUE)


def printing(output: str) -> FakeScripts:
    """A script without a function, which prints."""
    failure = ScriptFailed("function", "the script has no function 'main'", output=output, requests=MADE)
    return FakeScripts(failure=failure)


async def test_compute_when_a_script_runs_then_it_is_told_moment_and_trigger_and_its_requests_are_kept() -> None:
    scripts = FakeScripts(value=[7], requests=MADE)
    assert await computed(scripts) == Computed(
        calldata=CALL, computation=Computation(script_sha256=SHA256, requests=MADE)
    )
    ((source, call),) = scripts.runs
    assert (source, call.language, call.function, call.now) == (SCRIPT_URL.encode(), "python", "main", DUE)
    assert call.offered == {"trigger": EVIDENCE}


async def test_compute_when_the_job_names_function_and_language_then_they_are_taken() -> None:
    scripts = FakeScripts(value=None)
    done = await computed(scripts, scripted(job_body(), script_function="amount", language="wasm"))
    assert done.calldata is None
    ((_, call),) = scripts.runs
    assert (call.language, call.function) == ("wasm", "amount")


@pytest.mark.parametrize(("printed", "calldata"), [("fetching\n[7]\n", CALL), ("null", None), ("[\n7\n]\n[7]", CALL)])
async def test_compute_when_a_script_without_a_function_prints_then_its_last_line_is_the_answer(
    printed: str, calldata: bytes | None
) -> None:
    assert await computed(printing(printed)) == Computed(
        calldata=calldata, computation=Computation(script_sha256=SHA256, requests=MADE)
    )


@pytest.mark.parametrize(
    ("printed", "code"), [("", "function"), ("  \n", "function"), ("7 apples", "value"), ("[" * 200, "value")]
)
async def test_compute_when_what_it_prints_is_no_answer_then_it_has_failed(printed: str, code: str) -> None:
    with pytest.raises(ScriptFailed) as caught:
        await computed(printing(printed))
    assert caught.value.code == code


async def test_compute_when_the_named_function_is_missing_then_what_was_printed_is_no_answer() -> None:
    with pytest.raises(ScriptFailed, match="no function"):
        await computed(printing("[7]"), replace(BODY, action=replace(BODY.action, script_function="amount")))
