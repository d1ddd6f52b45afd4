"""Routes into JSON as users write them, and numbers that come out exactly or not at all."""

import json
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.errors import InvalidInput
from triggerx.triggers.json_route import (
    BODY_BYTES_MAX,
    STEPS_MAX,
    Unreadable,
    number_of,
    parse_route,
    read_number,
)


@pytest.mark.parametrize(
    ("route", "steps"),
    [
        ("", ()),
        ("$", ()),
        ("price", ("price",)),
        ("data.price", ("data", "price")),
        ("$.data.price", ("data", "price")),
        ("  ethereum.usd ", ("ethereum", "usd")),
        ("result[0].value", ("result", "0", "value")),
        ("result.0.value", ("result", "0", "value")),
        ("[0][1]", ("0", "1")),
        ("$[0]", ("0",)),
        ('data["key.with.dots"]', ("data", "key.with.dots")),
        ("data['key.with.dots'].x", ("data", "key.with.dots", "x")),
        (r'["a\"]b"]', ('a"]b',)),
        ('[""]', ("",)),
        ("$price", ("$price",)),
        ("Global Quote.05-price", ("Global Quote", "05-price")),
    ],
)
def test_parse_route_when_written_as_users_do_then_gives_its_steps(route: str, steps: tuple[str, ...]) -> None:
    assert parse_route(route) == steps


@pytest.mark.parametrize("route", ["a..b", "a.", "a[", "a[x]", "a[-1]", "a[0]b", 'a["b]', "]", "a." * STEPS_MAX + "a"])
def test_parse_route_when_it_is_none_then_names_the_field(route: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_route(route)
    assert caught.value.field == "selected_key_route"


@given(st.lists(st.text(max_size=8), max_size=STEPS_MAX))
def test_parse_route_when_every_key_is_quoted_then_any_key_is_reached(keys: list[str]) -> None:
    quoted = "".join('["' + key.replace("\\", "\\\\").replace('"', '\\"') + '"]' for key in keys)
    assert parse_route(quoted) == tuple(keys)
    value: object = 7
    for key in reversed(keys):
        value = {key: value, key + "?": None}
    assert read_number(json.dumps(value).encode(), quoted) == 7


@pytest.mark.parametrize(
    ("body", "route", "number"),
    [
        ('{"data":{"price":1.10}}', "data.price", "1.10"),
        ('{"result":[{"value":"123.45"}]}', "result[0].value", "123.45"),
        ('{"a.b":[[1,2],[3]]}', '["a.b"][1][0]', "3"),
        ('{"result":"0x1f"}', "result", "31"),
        ('{"result":"-0x1F"}', "result", "-31"),
        ('{"result":"0x' + "f" * 64 + '"}', "result", str(2**256 - 1)),
        ('{"ok":true,"no":false}', "ok", "1"),
        ('{"ok":true,"no":false}', "no", "0"),
        ('{"x":1e18}', "x", "1000000000000000000"),
        ('{"x":-1.5E-7}', "x", "-0.00000015"),
        ('{"x":-0.0}', "x", "0"),
        ('{"x":" +5 "}', "x", "5"),
        ('{"x":1,"x":2}', "x", "2"),
        ('{"x":1,"y":NaN}', "x", "1"),
        ("115792089237316195423570985008687907853269984665640564039457584007913129639935", "", str(2**256 - 1)),
        ('"3"', "", "3"),
        ("\ufeff12", "", "12"),
        ('{"price":0,"data":5}', "", "0"),
        ('{"value":3,"price":4}', "", "3"),
    ],
)
def test_read_number_when_it_is_there_then_is_exact(body: str, route: str, number: str) -> None:
    assert read_number(body.encode(), route) == Decimal(number)


@pytest.mark.parametrize(
    ("body", "route", "said"),
    [
        ('{"data":{"price":1}}', "data.prise", "nothing at 'data.prise': the object has the keys 'price'"),
        ('{"data":{}}', "data.price", "the object has no keys"),
        (json.dumps({f"k{place}": 0 for place in range(1000)}), "x", "'k7' and 992 more"),
        (json.dumps({"k" * 5000: 0}), "x", "..."),
        ('{"data":[1,2]}', "data[2]", "nothing at 'data.2': the list has 2 items"),
        ('{"data":[1,2]}', "data.x", "the list has 2 items"),
        ('{"data":[1,2]}', "data.99999999999999999999", "the list has 2 items"),
        ('{"data":5}', "data.x", "before it comes '5', which has no parts"),
        ('{"data":"x"}', "data.x", "before it comes 'x', which"),
        ('{"data":null}', "data", "got null"),
        ('{"data":{"a":1}}', "data", "got an object"),
        ('{"data":[1]}', "data", "got a list"),
        ('{"data":""}', "data", "got empty text"),
        ('{"data":"1,234.5"}', "data", "expected a number"),
        ('{"data":"1_000"}', "data", "expected a number"),
        ('{"data":"abc"}', "data", "expected a number"),
        ('{"data":NaN}', "data", "expected a number"),
        ('{"data":-Infinity}', "data", "expected a number"),
        ('{"data":"Infinity"}', "data", "expected a number"),
        ('{"data":1e999999}', "data", "at most 80 digits"),
        ('{"data":1e-999999}', "data", "at most 80 digits"),
        ('{"data":"1e99999999999999999999"}', "data", "at most 80 digits"),
        ('{"data":' + "9" * 100_000 + "}", "data", "at most 80 digits"),
        ('{"data":"0x' + "f" * 65 + '"}', "data", "expected a number"),
        ('{"other":1}', "", "no selected_key_route says where the number is: the object has the keys 'other'"),
        ("<html>", "", "expected an answer in JSON"),
        ("", "", "expected an answer in JSON"),
        ("[" * 100, "", "at most 64 levels"),
        ("[" * 100_000, "", "at most 64 levels"),
    ],
)
def test_read_number_when_there_is_none_then_says_what_is_there_and_is_short(body: str, route: str, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_number(body.encode(), route)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("body", [b"\xff\xfe", b'"\xc3"', b" " * (BODY_BYTES_MAX + 1)])
def test_read_number_when_the_body_is_no_text_or_too_long_then_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_number(body, "a")


@given(st.integers(-(2**256), 2**256), st.integers(0, 2))
def test_read_number_when_any_decimal_then_no_digit_is_lost(number: int, scale: int) -> None:
    body = f'{{"n": {number}e-{scale}, "t": "{number}e-{scale}"}}'.encode()
    assert Fraction(read_number(body, "n")) == Fraction(number, 10**scale)
    assert Fraction(read_number(body, "t")) == Fraction(number, 10**scale)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_read_number_when_anything_is_sent_then_gives_a_number_or_says_why_not(body: bytes, route: str) -> None:
    with suppress(Unreadable, InvalidInput):
        assert read_number(body, route).is_finite()


@pytest.mark.parametrize(
    ("value", "number"), [(True, "1"), (False, "0"), (7, "7"), (2**256, str(2**256)), (0.1, "0.1"), ("1e3", "1000")]
)
def test_number_of_when_a_script_returns_it_then_is_what_it_shows(value: object, number: str) -> None:
    assert number_of(value) == Decimal(number)


@pytest.mark.parametrize("value", [None, "", [], {}, 10**400, float("nan"), "١٢"])
def test_number_of_when_it_stands_for_none_then_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable):
        number_of(value)
