"""Limits in JSON."""

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.job import NO_LIMITS, Limits
from triggerx.core.limits_json import RUNS_MAX, WEI_MAX, dump_limits, parse_limits
from triggerx.evm.types import Wei

FULL = Limits(
    runs_max=RUNS_MAX, runs_per_day_max=0, wei_max=Wei(WEI_MAX), wei_per_day_max=Wei(2), gas_price_max_wei=Wei(3)
)


@pytest.mark.parametrize("limits", [NO_LIMITS, FULL, Limits(wei_max=Wei(0))])
def test_limits_when_dumped_and_parsed_then_they_are_the_same(limits: Limits) -> None:
    assert parse_limits(dump_limits(limits)) == limits


def test_dump_when_limits_are_set_then_wei_are_texts_and_the_others_are_absent() -> None:
    assert dump_limits(Limits(runs_max=5, wei_max=Wei(2**200))) == {"runs_max": 5, "wei_max": str(2**200)}


def test_parse_when_there_is_nothing_then_there_are_no_limits() -> None:
    assert parse_limits(None) == parse_limits({}) == NO_LIMITS


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ([], "limits"),
        ("all", "limits"),
        ({"runs": 5}, "limits.runs"),
        ({"runs_max": -1}, "limits.runs_max"),
        ({"runs_max": RUNS_MAX + 1}, "limits.runs_max"),
        ({"wei_max": "1.5"}, "limits.wei_max"),
        ({"wei_per_day_max": 2**256}, "limits.wei_per_day_max"),
        ({"gas_price_max_wei": True}, "limits.gas_price_max_wei"),
    ],
)
def test_parse_when_a_limit_is_wrong_then_it_is_named(raw: object, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_limits(raw)
    assert caught.value.field == field
