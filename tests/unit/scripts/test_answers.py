from decimal import Decimal

import pytest

from triggerx.scripts.answers import DEPTH_MAX, INTEGER_BITS_MAX, answer_from, answer_of
from triggerx.scripts.worker import Failed


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, None),
        (True, True),
        (2**INTEGER_BITS_MAX - 1, 2**INTEGER_BITS_MAX - 1),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (5e-324, "5e-324"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1E+3"),
        ((1, [2.5]), [1, ["2.5"]]),
        ({"a": {"b": ()}}, {"a": {"b": []}}),
    ],
)
def test_answer_when_it_has_a_text_or_a_number_then_it_is_exact(value: object, answer: object) -> None:
    assert answer_of(value, bytes_max=10_000) == answer


def nested(depth: int) -> object:
    made: object = 1
    for _ in range(depth):
        made = [made]
    return made


def test_answer_when_it_is_as_deep_as_allowed_then_it_is_taken() -> None:
    assert answer_of(nested(DEPTH_MAX), bytes_max=1000) == nested(DEPTH_MAX)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        2**INTEGER_BITS_MAX,
        b"x",
        {1},
        {1: 2},
        {"a": object()},
        nested(DEPTH_MAX + 1),
        [0] * 1001,
        "x" * 999,
        "é" * 200,
    ],
)
def test_answer_when_it_is_none_then_the_run_fails(value: object) -> None:
    with pytest.raises(Failed) as failed:
        answer_of(value, bytes_max=1000)
    assert failed.value.code == "value"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (b"0.10", "0.10"),
        (b"-1e-7", "-1E-7"),
        (b'{"a": [1.5, 18446744073709551616]}', {"a": ["1.5", 2**64]}),
        (b"null", None),
    ],
)
def test_answer_when_it_was_written_then_it_is_exact(text: bytes, answer: object) -> None:
    assert answer_from(text, bytes_max=1000) == answer


@pytest.mark.parametrize("text", [b"", b"hello", b"\xff", b"NaN", b"[-Infinity]", b"9" * 5000, b"1" * 1001, b"[" * 90])
def test_answer_when_it_was_written_wrongly_then_the_run_fails(text: bytes) -> None:
    with pytest.raises(Failed) as failed:
        answer_from(text, bytes_max=1000)
    assert failed.value.code == "value"
