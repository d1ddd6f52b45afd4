"""The scripts under `examples/`, as keepers run them."""

from pathlib import Path

import pytest

from tests.contract.scripts.conftest import NOW, Bench
from triggerx.core.canonical import Json
from triggerx.ports.scripts import ScriptFailed, ScriptLimits

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "scripts"
PAGE = "https://api.example.com/eth-usd"
LIMITS = ScriptLimits()


@pytest.mark.parametrize(
    ("now", "answer"), [(NOW, [13]), (NOW - 13 * 60, None), (NOW - 13 * 60 - 21, [59]), (0, None), (60, [1])]
)
async def test_amount_when_it_is_written_in_two_languages_then_both_answer_the_same(
    bench: Bench, wasm: Bench, now: int, answer: list[int] | None
) -> None:
    offered: dict[str, Json] = {"trigger": {"kind": "time", "now": 7}}
    python = await bench.run((EXAMPLES / "amount.py").read_bytes(), function="main", now=now, offered=offered)
    rust = await wasm.run(
        (EXAMPLES / "amount.wasm").read_bytes(), function="main", now=now, offered=offered, limits=LIMITS
    )
    assert python.value == rust.value == answer
    assert rust.output == f"minute {(answer or [0])[0]}\n"


async def test_price_when_a_page_has_it_then_it_is_the_answer(wasm: Bench) -> None:
    wasm.pages.pages[PAGE] = b"1834.50\n"
    run = await wasm.run((EXAMPLES / "amount.wasm").read_bytes(), function="price", limits=LIMITS)
    assert run.value == "1834.50"
    assert [request.url for request in run.requests] == [PAGE]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("price", f"the program ended with status 1; it said: unreachable: {PAGE} gave no answer"),
        ("nope", "the program ended with status 2; it said: there is no function nope"),
    ],
)
async def test_program_when_it_cannot_answer_then_its_last_words_are_told(
    wasm: Bench, function: str, says: str
) -> None:
    with pytest.raises(ScriptFailed) as failed:
        await wasm.run((EXAMPLES / "amount.wasm").read_bytes(), function=function, limits=LIMITS)
    assert (failed.value.code, str(failed.value)) == ("error", says)
