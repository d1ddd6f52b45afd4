import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.script_value import number_from


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-7, "-7"),
        (2**256 - 1, str(2**256 - 1)),
        (True, "1"),
        (False, "0"),
        ("1.50", "1.5"),
        ("-0.0", "0"),
        ("1e+16", "10000000000000000"),
        ("5e-07", "0.0000005"),
        (" 12 ", "12"),
    ],
)
def test_number_when_the_value_stands_for_one_then_it_is_plain(value: Json, text: str) -> None:
    assert number_from(value) == text


@pytest.mark.parametrize("value", [None, "", "abc", "nan", "inf", "1_000", "٣", [], {}, [1], {"a": 1}, 10**83, "1e400"])
def test_number_when_the_value_is_none_then_it_is_refused(value: Json) -> None:
    with pytest.raises(InvalidInput, match="value: expected a number"):
        number_from(value)


@given(st.integers(-(2**256), 2**256))
def test_number_when_it_is_an_integer_then_it_is_exact(value: int) -> None:
    assert int(number_from(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e60, max_value=1e60))
def test_number_when_a_float_was_shown_as_text_then_the_text_is_kept(value: float) -> None:
    if value == 0 or abs(value) > 1e-60:
        assert float(number_from(repr(value))) == value
