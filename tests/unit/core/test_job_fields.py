from decimal import Decimal

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import exact_integer, plain, read_decimal, read_text, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("-5", -5),
        (Decimal("1E+3"), 1000),
        (1e3, 1000),
        ("1e3", None),
        ("٣", None),
        ("--1", None),
        ("", None),
        (1.5, None),
        (True, None),
        (float("inf"), None),
        (Decimal("1E+999999"), None),
        (None, None),
        ([], None),
    ],
)
def test_exact_integer_when_a_value_stands_for_one_then_it_is_given(value: object, expected: int | None) -> None:
    assert exact_integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-7, "0.0000001"),
        ("1.50", "1.5"),
        (-0.0, "0"),
        (Decimal("12E+2"), "1200"),
        (0.1, "0.1"),
        (2**256, str(2**256)),
        (" 3 ", "3"),
        (None, "7"),
    ],
)
def test_read_decimal_when_a_number_comes_in_any_notation_then_its_text_is_plain(value: object, expected: str) -> None:
    assert read_decimal({"x": value}, "x", default="7") == expected


@pytest.mark.parametrize("value", ["1_0", "nan", "inf", "0x1", True, [], "9" * 300, 10**400, "1e100"])
def test_read_decimal_when_it_is_no_number_then_the_field_is_named(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_decimal({"x": value}, "x", default="0")
    assert caught.value.field == "x"
    assert len(caught.value.message) < 200


def test_read_text_when_bytes_exceed_the_limit_then_it_is_refused() -> None:
    assert read_text({"x": "ä" * 5}, "x", bytes_max=10) == "ä" * 5
    with pytest.raises(InvalidInput):
        read_text({"x": "ä" * 6}, "x", bytes_max=10)


def test_plain_when_digits_are_many_then_none_is_rounded() -> None:
    assert plain(Decimal("123456789012345678901234567890.123456789012345678900")) == (
        "123456789012345678901234567890.1234567890123456789"
    )


def test_shown_when_a_value_is_large_then_it_is_cut() -> None:
    assert len(shown("x" * 1_000)) == 80
    assert shown(10**5_000) == "a number that is too large"
    assert shown({"a": 1}) == "an object"
