"""The arithmetic of the measurements: which ratio counts, when a goal is met, and what the documents say."""

import io
import json
import math

import pytest

from bench.__main__ import FIGURES, main
from bench.harness import Measure, Pairs, interleaved, percentile, rounded, second_lowest
from bench.p12_takeover import double_votes, logged_at
from bench.report import as_document, print_table

FIELDS = {"ours", "peer", "limit", "ratio", "ratios", "unit", "goal", "pass"}


def measure(
    *,
    ours: float | None = 10.0,
    limit: float | None = None,
    least: float | None = None,
    ratios: tuple[float, ...] = (),
    more: bool = False,
) -> Measure:
    return Measure(
        key="P0",
        title="nothing",
        ours=ours,
        unit="ms",
        goal="≤ 10 ms",
        limit=limit,
        least=least,
        ratios=ratios,
        ratio_min=2.0 if ratios else None,
        is_more_better=more,
    )


@pytest.mark.parametrize(
    ("ratios", "expected"), [([5.0, 1.0, 3.0, 4.0, 2.0], 2.0), ([7.0], 7.0), ([3.0, 3.0], 3.0), ([9.0, 4.0], 9.0)]
)
def test_second_lowest_when_ratios_are_given_then_one_bad_pair_decides_nothing(
    ratios: list[float], expected: float
) -> None:
    assert second_lowest(ratios) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 5.0), (0.99, 10.0), (0.9, 9.0), (0.1, 1.0), (0.0, 1.0), (1.0, 10.0)]
)
def test_percentile_when_ranks_are_asked_for_then_the_nearest_is_given(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(10, 0, -1)], share) == expected


def test_percentile_when_one_is_missing_for_ever_then_the_highest_rank_is_infinite() -> None:
    assert percentile([1.0, 2.0, math.inf], 0.99) == math.inf
    assert percentile([1.0, 2.0, math.inf], 0.5) == 2.0


@pytest.mark.parametrize("function", [lambda: second_lowest([]), lambda: percentile([], 0.5)])
def test_arithmetic_when_there_are_no_values_then_is_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="expected"):
        function()


async def test_pairs_when_interleaved_then_alternate_after_one_uncounted_run_each() -> None:
    order: list[str] = []

    async def ours() -> float:
        order.append("A")
        return 2.0

    async def peer() -> float:
        order.append("B")
        return 10.0

    pairs = await interleaved(ours, peer, pairs=3)
    assert "".join(order) == "AB" * 4
    assert pairs == Pairs(ours=(2.0,) * 3, peer=(10.0,) * 3)
    assert (pairs.ratios, pairs.ours_median, pairs.peer_median) == ((5.0,) * 3, 2.0, 10.0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (measure(limit=10.0), True),
        (measure(limit=9.9), False),
        (measure(limit=10.0, more=True), True),
        (measure(limit=10.1, more=True), False),
        (measure(limit=10.5, least=9.5), True),
        (measure(limit=10.5, least=10.1), False),
        (measure(limit=9.9, least=9.5), False),
        (measure(least=10.1), False),
        (measure(ratios=(9.0, 2.0, 1.0)), True),
        (measure(ratios=(9.0, 1.9, 1.0)), False),
        (measure(limit=9.0, ratios=(9.0, 9.0)), False),
        (measure(ours=None), False),
        (measure(ours=math.inf, limit=1.0), False),
        (measure(ours=math.nan, limit=1.0), False),
        (measure(), True),
    ],
)
def test_measure_when_limit_and_ratio_are_given_then_both_must_hold(found: Measure, expected: bool) -> None:
    assert found.is_met is expected


def test_document_when_written_then_has_every_field_and_null_where_none_applies() -> None:
    assert json.loads(as_document([measure(limit=12.0, least=8.0)]))["P0"]["least"] == 8.0
    document = json.loads(as_document([measure(limit=12.0), measure(ours=math.inf)]))["P0"]
    assert document.keys() >= FIELDS
    assert (document["ours"], document["ratio"], document["ratios"], document["pass"]) == (None, None, None, False)


def test_table_when_printed_then_says_what_is_missed() -> None:
    stream = io.StringIO()
    print_table([measure(limit=9.0)], stream)
    assert "NO" in stream.getvalue()


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.0), (1234.56, 1235.0), (0.00012345, 0.0001234), (None, None)])
def test_rounded_when_many_digits_are_given_then_keeps_four(value: float | None, expected: float | None) -> None:
    assert rounded(value) == expected


def test_double_votes_when_a_keeper_votes_twice_on_a_task_over_a_restart_then_counts_one() -> None:
    def vote(key: str) -> dict[str, str]:
        return {"event": "vote cast", "task_key": key}

    before = ("keeper-1", [vote("a"), vote("b"), {"event": "task announced", "task_key": "a"}])
    after = ("keeper-1", [vote("b")])
    assert double_votes([before, after, ("keeper-2", [vote("a")])]) == 1


def test_logged_at_when_a_record_is_read_then_is_unix_time() -> None:
    assert logged_at({"at": "1970-01-01T00:00:01.500Z"}) == 1.5


def test_main_when_an_unknown_figure_is_asked_for_then_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["P999"])
    assert refused.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in FIGURES)
