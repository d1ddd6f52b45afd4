"""Where values come from: what a body means, what it may not mean, and under which name."""

import re
from dataclasses import replace

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import SOURCE_BYTES_MAX
from triggerx.core.job import ConditionTrigger
from triggerx.evm.types import Address, ChainId
from triggerx.triggers.sources import (
    FeedSource,
    HttpSource,
    ScriptSource,
    Source,
    StaticSource,
    ViewSource,
    WebSocketSource,
    name_of,
    source_of,
)

CONTRACT = Address(b"\xab" * 20)
BASE = ConditionTrigger(
    condition_type="equals",
    source_type="api",
    source_url="https://prices.example/eth?x=1",
    selected_key_route="data.price",
)
ON_CHAIN = replace(BASE, source_type="oracle", source_url="0x" + "AB" * 20, chain_id=ChainId(1), selected_key_route="")
VIEW = replace(ON_CHAIN, source_type="view", function="balanceOf(address)", arguments=("0x" + "01" * 20,))
SCRIPT = replace(BASE, source_type="script", script_function="check", script_language="python")

EVERY: list[tuple[ConditionTrigger, Source]] = [
    (BASE, HttpSource(url="https://prices.example/eth?x=1", route="data.price")),
    (
        replace(BASE, source_type="websocket", source_url="wss://prices.example"),
        WebSocketSource(url="wss://prices.example", route="data.price"),
    ),
    (replace(BASE, source_type="static", source_url="1.50"), StaticSource(value="1.5")),
    (ON_CHAIN, FeedSource(chain_id=ChainId(1), feed=CONTRACT)),
    (
        VIEW,
        ViewSource(
            chain_id=ChainId(1),
            contract=CONTRACT,
            function="balanceOf(address)",
            arguments=("0x" + "01" * 20,),
            route="",
        ),
    ),
    (SCRIPT, ScriptSource(url="https://prices.example/eth?x=1", language="python", function="check")),
]

NAMES = [
    "api:6653d9bd68d20d9df54b21b27f053c2b356135daf4efc619e8cdd3bd93c01ce5",
    "websocket:a4bd72088e33ae35e590c3f0cb30c0ab711f5b0ebfd0719e4302818658456b75",
    "static:ffb8e20d8541daf9f8cc79ff720b9cbde1aee6f0744a3babbdcf09dff1b3237c",
    "oracle:8e948a2ddb7a72511d2f736fb94436ae5140422bc9e7ebf652a446c75585111b",
    "view:7cc4bed2bddd134815b186f6f0c552007fb851bed9426f0447270a0c00ee5db2",
    "script:5328bcbad0f20719dc86ecf5b9fc3dc220e2fbf27a97d080b574ed409d82ac05",
]


@pytest.mark.parametrize(("trigger", "source"), EVERY)
def test_source_of_when_a_body_is_right_then_says_where(trigger: ConditionTrigger, source: Source) -> None:
    assert source_of(trigger) == source


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        (replace(BASE, source_type="carrier pigeon"), "value_source_type"),
        (replace(BASE, source_url="ftp://prices.example"), "value_source_url"),
        (replace(BASE, source_url="https://"), "value_source_url"),
        (replace(BASE, source_url="https://[::1"), "value_source_url"),
        (replace(BASE, source_type="websocket"), "value_source_url"),
        (replace(BASE, selected_key_route="a["), "selected_key_route"),
        (replace(BASE, source_type="static", source_url="NaN"), "value_source_url"),
        (replace(ON_CHAIN, source_url="0x12"), "value_source_url"),
        (replace(ON_CHAIN, chain_id=None), "value_source_chain_id"),
        (replace(VIEW, function=" "), "value_source_function"),
        (replace(VIEW, function="balanceOf"), "value_source_function"),
        (replace(VIEW, arguments=("0x1",)), "value_source_arguments[0]"),
        (replace(VIEW, selected_key_route="1"), "selected_key_route"),
        (replace(SCRIPT, script_function=""), "script_trigger_function"),
    ],
)
def test_source_of_when_a_body_is_wrong_then_names_the_field(trigger: ConditionTrigger, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        source_of(trigger)
    assert caught.value.field == field


def test_source_of_when_only_the_routes_differ_then_the_request_is_shared_and_the_source_is_not() -> None:
    one, other = source_of(BASE), source_of(replace(BASE, selected_key_route="data.volume"))
    assert isinstance(one, HttpSource)
    assert isinstance(other, HttpSource)
    assert one.request == other.request
    assert one != other
    assert name_of(one) != name_of(other)


def test_source_of_when_jobs_differ_in_their_terms_alone_then_they_share_the_source() -> None:
    other = replace(BASE, condition_type="less_than", upper_limit="5", hysteresis="1", cooldown_s=9, tolerance="2")
    assert len({source_of(BASE), source_of(other)}) == 1


def test_name_of_when_sources_differ_then_so_do_their_names() -> None:
    names = [name_of(source) for _, source in EVERY]
    assert len(set(names)) == len(EVERY)
    for (trigger, _), name in zip(EVERY, names, strict=True):
        assert re.fullmatch(rf"{trigger.source_type}:[0-9a-f]{{64}}", name)
        assert len(name.encode()) <= SOURCE_BYTES_MAX


def test_name_of_when_released_then_stays_for_ever() -> None:
    # Recorded observations and evidence carry it: another name would be another source.
    assert [name_of(source) for _, source in EVERY] == NAMES
