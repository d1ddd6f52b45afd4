"""From answers to exact values: feeds with their rounds, views, bodies, scripts."""

import hashlib

import pytest

from triggerx.evm.abi import Function, encode
from triggerx.evm.types import Address, ChainId
from triggerx.ports.chain import CallReverted, View
from triggerx.triggers.json_route import Unreadable
from triggerx.triggers.readings import (
    Reading,
    value_from,
    value_from_body,
    value_from_script,
    value_from_static,
    views_of,
)
from triggerx.triggers.sources import FeedSource, HttpSource, StaticSource, ViewSource, WebSocketSource

CONTRACT = Address(b"\xab" * 20)
FEED = FeedSource(chain_id=ChainId(1), feed=CONTRACT)
SUPPLY = ViewSource(chain_id=ChainId(1), contract=CONTRACT, function="totalSupply()", arguments=(), route="")
PHASE_7 = 7 << 64


def round_of(answer: int, *, round_id: int = PHASE_7 + 1, updated_at: int = 1_700_000_000) -> bytes:
    types = ("uint80", "int256", "uint256", "uint256", "uint80")
    return encode(types, [round_id, answer, updated_at, updated_at, round_id])


def decimals_of(decimals: int) -> bytes:
    return encode(("uint8",), [decimals])


def test_views_of_when_a_feed_is_unknown_then_asks_for_its_decimals_too() -> None:
    round_read = View(to=CONTRACT, data=Function.parse("latestRoundData()").selector)
    decimals_read = View(to=CONTRACT, data=Function.parse("decimals()").selector)
    assert views_of(FEED) == (round_read, decimals_read)
    known = value_from(FEED, [round_of(1), decimals_of(8)])
    assert views_of(FEED, known=known) == (round_read,)


def test_views_of_when_a_view_then_is_its_call_and_equal_for_every_route() -> None:
    assert views_of(SUPPLY) == (View(to=CONTRACT, data=Function.parse("totalSupply()").selector),)
    assert views_of(HttpSource(url="https://x.example", route="")) == ()


@pytest.mark.parametrize(
    ("answer", "decimals", "value"),
    [
        (250_012_345_678, 8, "2500.12345678"),
        (-37_630_000, 6, "-37.63"),
        (0, 18, "0"),
        (5, 0, "5"),
        (2**255 - 1, 0, str(2**255 - 1)),
        (2**255 - 1, 18, f"{str(2**255 - 1)[:-18]}.{str(2**255 - 1)[-18:]}"),
        (-(2**255), 0, str(-(2**255))),
    ],
)
def test_value_from_when_a_feed_answers_then_is_exact_in_its_own_units(answer: int, decimals: int, value: str) -> None:
    data = round_of(answer)
    assert value_from(FEED, [data, decimals_of(decimals)]) == Reading(
        value=value,
        response_hash=hashlib.sha256(data).digest(),  # type: ignore[arg-type]  # a digest is the 32 bytes of the type
        round_id=PHASE_7 + 1,
        updated_at=1_700_000_000,
        decimals=decimals,
    )


def test_value_from_when_the_decimals_are_known_then_reads_the_same_from_the_round_alone() -> None:
    known = value_from(FEED, [round_of(1), decimals_of(8)])
    data = round_of(150_000_000, round_id=PHASE_7 + 2)
    assert value_from(FEED, [data], known=known) == value_from(FEED, [data, decimals_of(8)])


def test_value_from_when_the_feed_has_another_aggregator_then_the_known_decimals_are_refused() -> None:
    known = value_from(FEED, [round_of(1), decimals_of(8)])
    with pytest.raises(Unreadable, match="ask for the decimals again"):
        value_from(FEED, [round_of(1, round_id=(8 << 64) + 1)], known=known)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([round_of(5, updated_at=0), decimals_of(8)], "has no answer yet"),
        ([round_of(5, updated_at=2**255), decimals_of(8)], "updatedAt"),
        ([round_of(5), decimals_of(255)], "255 decimals"),
        ([b"", b""], "is there a contract?"),
        ([round_of(5), b""], "answers decimals()"),
        ([bytes(64), decimals_of(8)], "answers latestRoundData()"),
        ([CallReverted("No data present"), decimals_of(8)], "No data present"),
    ],
)
def test_value_from_when_a_feed_has_no_value_then_says_why(answers: list[bytes | CallReverted], said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        value_from(FEED, answers)
    assert said in str(caught.value)


def test_value_from_when_a_view_answers_then_is_its_number() -> None:
    data = encode(("uint256",), [2**256 - 1])
    reading = value_from(SUPPLY, [data])
    assert reading.number == 2**256 - 1
    assert (reading.value, reading.response_hash) == (str(2**256 - 1), hashlib.sha256(data).digest())
    with pytest.raises(Unreadable, match="paused"):
        value_from(SUPPLY, [CallReverted("paused")])


@pytest.mark.parametrize("kind", [HttpSource, WebSocketSource])
def test_value_from_body_when_json_then_is_the_number_in_plain_notation(
    kind: type[HttpSource] | type[WebSocketSource],
) -> None:
    body = b'{"data": {"price": 1.50e3}}'
    reading = value_from_body(kind(url="x", route="data.price"), body)
    assert (reading.value, reading.response_hash) == ("1500", hashlib.sha256(body).digest())
    with pytest.raises(Unreadable, match="nothing at"):
        value_from_body(kind(url="x", route="data.volume"), body)


def test_value_from_script_when_it_returns_a_number_or_a_flag_then_is_a_value() -> None:
    assert [value_from_script(value).value for value in (True, 7, "0.10")] == ["1", "7", "0.1"]
    with pytest.raises(Unreadable):
        value_from_script({"value": 1})


def test_value_from_static_when_the_body_states_it_then_is_that() -> None:
    reading = value_from_static(StaticSource(value="-1.5"))
    assert (reading.value, reading.response_hash) == ("-1.5", hashlib.sha256(b"-1.5").digest())
