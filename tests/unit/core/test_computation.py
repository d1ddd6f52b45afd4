"""What a script's answer asks for, when two answers agree, and the JSON of both."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import job_body, scripted
from triggerx.core.canonical import Json
from triggerx.core.computation import (
    REQUESTS_MAX,
    Computation,
    Computed,
    RequestMade,
    agree,
    calldata_from,
    dump_computation,
    dump_computed,
    parse_computation,
    parse_computed,
)
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobBody
from triggerx.core.job_body import static_calldata

HASH = "0f" * 32
MADE = RequestMade(url="https://prices.example/eth?a=1", status=200, response_hash=HASH)
SOME = Computation(script_sha256=HASH, requests=(MADE, replace(MADE, status=404)))
BODY = scripted(job_body())
PRICES = '[{"type":"function","name":"set","inputs":[{"type":"tuple","components":[{"type":"uint256[]"},{"type":"int8"},{"type":"bool"},{"type":"bytes"},{"type":"string"},{"type":"address"}]}]}]'  # noqa: E501  an ABI


def prices(*, tolerance: str = "0") -> JobBody:
    """A job whose function takes some of everything."""
    return scripted(job_body(), function="set", abi=PRICES, arguments_tolerance=tolerance)


def call(body: JobBody, *words: int, small: int = 5, flag: bool = True, text: str = "a") -> bytes:
    """The calldata of these prices."""
    given: Json = [[list(words), small, flag, "0x01", text, "0x" + "11" * 20]]
    calldata = calldata_from(body, given)
    assert calldata is not None
    return calldata


@pytest.mark.parametrize("answer", [[7], ["7"], ["0x7"]])
def test_answer_when_it_lists_the_arguments_then_it_is_the_call_that_a_static_job_makes(answer: Json) -> None:
    assert calldata_from(BODY, answer) == static_calldata(job_body())


@pytest.mark.parametrize("answer", [None, False])
def test_answer_when_it_is_nothing_then_the_script_declines(answer: Json) -> None:
    assert calldata_from(BODY, answer) is None


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (7, "arguments"),
        ({"increment": 7}, "arguments"),
        ([], "arguments[0]"),
        ([7, 8], "arguments[1]"),
        (["0.5"], "arguments[0]"),
        ([2**256], "arguments[0]"),
        ([-1], "arguments[0]"),
        ([None], "arguments[0]"),
    ],
)
def test_answer_when_it_does_not_fit_the_function_then_the_argument_is_named(answer: Json, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        calldata_from(BODY, answer)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("tolerance", "claimed", "is_near"),
    [
        ("0", (1_000_000, 2**200), True),
        ("0", (1_000_001, 2**200), False),
        ("0.5", (1_005_000, 2**200), True),
        ("0.5", (995_000, 2**200), True),
        ("0.5", (1_005_001, 2**200), False),
        ("0.5", (1_000_000, 2**200 + 2**190), True),
        ("0.5", (1_000_000, 2**200 + 2**193), False),
        ("10", (1_000_000,), False),
    ],
)
def test_agree_when_numbers_differ_then_the_jobs_percent_of_ones_own_decides(
    tolerance: str, claimed: tuple[int, ...], is_near: bool
) -> None:
    body = prices(tolerance=tolerance)
    assert agree(body, call(body, 1_000_000, 2**200), call(body, *claimed)) is is_near


def test_agree_when_what_differs_is_no_number_then_no_tolerance_helps() -> None:
    body = prices(tolerance="10")
    own = call(body, 100)
    assert agree(body, own, call(body, 110))
    assert not agree(body, own, call(body, 100, flag=False))
    assert not agree(body, own, call(body, 100, text="b"))
    assert not agree(body, call(body, 100, small=-5), call(body, 100, small=5))


@pytest.mark.parametrize("spoiled", [b"", b"\x00", b"\x01\x02\x03\x04"])
def test_agree_when_the_claim_is_no_such_call_then_it_is_another(spoiled: bytes) -> None:
    body = prices(tolerance="10")
    assert not agree(body, call(body, 100), spoiled)


def test_agree_when_the_claim_hides_bytes_behind_the_call_then_it_is_another() -> None:
    body = prices(tolerance="10")
    assert not agree(body, call(body, 100), call(body, 101) + b"\x00" * 32)


def test_json_when_a_computation_is_written_then_it_reads_back() -> None:
    assert parse_computation(dump_computation(SOME)) == SOME
    for calldata in (None, b"", b"\x01\x02"):
        computed = Computed(calldata=calldata, computation=SOME)
        assert parse_computed(dump_computed(computed)) == computed


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("computation.script_sha256", {"script_sha256": "0F" * 32}),
        ("computation.script_sha256", {"script_sha256": 5}),
        ("computation.requests", {"requests": None}),
        ("computation.requests", {"requests": [dump_computation(SOME)] * (REQUESTS_MAX + 1)}),
        ("computation.requests[0]", {"requests": [5]}),
        ("status", {"requests": [{"url": "u", "status": 99, "response_hash": HASH}]}),
        ("computation.requests[0].response_hash", {"requests": [{"url": "u", "status": 200, "response_hash": "0f"}]}),
    ],
)
def test_json_when_it_is_malformed_then_the_field_is_named(field: str, change: dict[str, Json]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_computation({**dump_computation(SOME), **change})
    assert caught.value.field == field
