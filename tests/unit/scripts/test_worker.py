from decimal import Decimal

import pytest

from triggerx.scripts.worker import DEPTH_MAX, INTEGER_BITS_MAX, Failed, Output, answer_of


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


def test_output_when_the_limit_is_passed_then_the_interpreter_is_killed_and_the_first_bytes_stay() -> None:
    killed: list[bool] = []
    output = Output(5, lambda: killed.append(True))
    output("stdout", "ab")
    output("stderr", "cd")
    assert (output.text, output.is_full, killed) == ("abcd", False, [])
    output("stdout", "éx")
    assert (output.text, output.is_full, killed) == ("abcd", True, [True])
    output("stdout", "more")
    assert output.text == "abcd"
