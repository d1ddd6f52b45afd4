"""Triggers in JSON: what each kind needs, what it leaves out when unused, and which field is wrong."""

from typing import Any

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.job import ConditionMode, ConditionTrigger, EventTrigger, Misfire, TaskDefinition, TimeTrigger
from triggerx.core.trigger_json import FILTERS_MAX, dump_trigger, parse_trigger

ADDRESS = "0x" + "11" * 20
TIME = {"schedule_type": "interval", "time_interval": 10}
EVENT = {"trigger_chain_id": "1", "trigger_contract_address": ADDRESS, "trigger_event": "Moved(uint256)"}
API = {"condition_type": "greater_than", "value_source_type": "api", "value_source_url": "https://a.example/"}
VIEW = {
    **API,
    "value_source_type": "view",
    "value_source_url": ADDRESS,
    "value_source_chain_id": 1,
    "value_source_function": "totalSupply()",
}
SCRIPT = {**API, "value_source_type": "script", "script_trigger_function": "check"}
FRAME_S = 3_600


def parsed(raw: dict[str, Any], definition: TaskDefinition) -> object:
    return parse_trigger(raw, definition, time_frame_s=FRAME_S)


def test_parse_when_the_published_fields_are_given_then_ours_have_their_defaults_and_are_not_written() -> None:
    time = parsed(TIME, TaskDefinition.TIME_STATIC)
    assert isinstance(time, TimeTrigger)
    assert (time.misfire, time.misfire_within_s) == (Misfire.ONE, 0)
    event = parsed(EVENT, TaskDefinition.EVENT_STATIC)
    assert isinstance(event, EventTrigger)
    assert (event.every_filter, event.event_abi, event.confirmations) == ((), "", None)
    condition = parsed(API, TaskDefinition.CONDITION_STATIC)
    assert isinstance(condition, ConditionTrigger)
    assert (condition.mode, condition.hysteresis, condition.tolerance) == (ConditionMode.EDGE, "0", "0")
    ours = {"misfire_policy", "event_filters", "event_confirmations", "trigger_mode", "hysteresis", "cooldown"}
    assert not ours & {*dump_trigger(time), *dump_trigger(event), *dump_trigger(condition)}


@pytest.mark.parametrize(
    ("raw", "definition"),
    [
        ({**TIME, "misfire_policy": "within", "misfire_within": 60}, TaskDefinition.TIME_STATIC),
        ({**TIME, "misfire_policy": "ALL"}, TaskDefinition.TIME_DYNAMIC),
        ({"time_interval": 10, "misfire_policy": "skip"}, TaskDefinition.CUSTOM_SCRIPT),
        (
            {**EVENT, "event_filters": [{"name": "id", "value": ""}], "event_confirmations": 0},
            TaskDefinition.EVENT_STATIC,
        ),
        ({**EVENT, "event_filter_para_name": "id", "event_filter_value": "5"}, TaskDefinition.EVENT_DYNAMIC),
        ({**API, "trigger_mode": "level", "cooldown": 90, "hysteresis": "0.5"}, TaskDefinition.CONDITION_STATIC),
        (VIEW, TaskDefinition.CONDITION_STATIC),
        ({**SCRIPT, "script_language": "python"}, TaskDefinition.CONDITION_DYNAMIC),
        ({**API, "value_source_type": "static", "value_source_url": "12.5"}, TaskDefinition.CONDITION_STATIC),
    ],
)
def test_trigger_when_dumped_and_parsed_then_it_is_the_same(raw: dict[str, Any], definition: TaskDefinition) -> None:
    trigger = parse_trigger(raw, definition, time_frame_s=FRAME_S)
    assert parse_trigger(dump_trigger(trigger), definition, time_frame_s=FRAME_S) == trigger


@pytest.mark.parametrize(
    ("raw", "definition", "field"),
    [
        ({**TIME, "misfire_policy": "never"}, TaskDefinition.TIME_STATIC, "misfire_policy"),
        ({**TIME, "misfire_policy": "within"}, TaskDefinition.TIME_STATIC, "misfire_within"),
        ({**TIME, "misfire_within": 5}, TaskDefinition.TIME_STATIC, "misfire_within"),
        ({**EVENT, "trigger_event": " "}, TaskDefinition.EVENT_STATIC, "trigger_event"),
        ({**EVENT, "event_confirmations": 257}, TaskDefinition.EVENT_STATIC, "event_confirmations"),
        ({**EVENT, "event_filters": {}}, TaskDefinition.EVENT_STATIC, "event_filters"),
        (
            {**EVENT, "event_filters": [{"name": "a", "value": "b"}] * (FILTERS_MAX + 1)},
            TaskDefinition.EVENT_STATIC,
            "event_filters",
        ),
        ({**EVENT, "event_filters": [{"name": "a"}]}, TaskDefinition.EVENT_STATIC, "event_filters[0]"),
        ({**EVENT, "event_filters": [{"name": "", "value": ""}]}, TaskDefinition.EVENT_STATIC, "event_filters[0].name"),
        ({**API, "condition_type": "about"}, TaskDefinition.CONDITION_STATIC, "condition_type"),
        ({**API, "value_source_type": "rumour"}, TaskDefinition.CONDITION_STATIC, "value_source_type"),
        ({**API, "hysteresis": "-1"}, TaskDefinition.CONDITION_STATIC, "hysteresis"),
        ({**API, "tolerance": -0.5}, TaskDefinition.CONDITION_STATIC, "tolerance"),
        (
            {**API, "condition_type": "between", "lower_limit": 3, "upper_limit": 2},
            TaskDefinition.CONDITION_STATIC,
            "upper_limit",
        ),
        ({**VIEW, "value_source_function": ""}, TaskDefinition.CONDITION_STATIC, "value_source_function"),
        ({**VIEW, "value_source_url": "https://a.example/"}, TaskDefinition.CONDITION_STATIC, "value_source_url"),
        ({**VIEW, "value_source_chain_id": None}, TaskDefinition.CONDITION_STATIC, "target_chain_id"),
        ({**VIEW, "value_source_arguments": ["1"] * 17}, TaskDefinition.CONDITION_STATIC, "value_source_arguments"),
        ({**SCRIPT, "script_trigger_function": ""}, TaskDefinition.CONDITION_STATIC, "script_trigger_function"),
        ({**API, "value_source_type": "static"}, TaskDefinition.CONDITION_STATIC, "value_source_url"),
    ],
)
def test_parse_when_a_field_is_wrong_then_it_is_named(
    raw: dict[str, Any], definition: TaskDefinition, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_trigger(raw, definition, time_frame_s=FRAME_S)
    assert caught.value.field == field
