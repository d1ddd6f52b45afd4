"""A body's trigger in JSON: the published SDK's fields, and ours beside them.

Ours came after the first release: they are written only when they differ from their default, so that a body without
them keeps its bytes.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, assert_never

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import (
    ConditionMode,
    ConditionTrigger,
    EventFilter,
    EventTrigger,
    Misfire,
    ScheduleType,
    TaskDefinition,
    TimeTrigger,
    Trigger,
)
from triggerx.core.job_fields import (
    Fields,
    kind_of,
    read_address,
    read_chain_id,
    read_decimal,
    read_integer,
    read_one_of,
    read_required,
    read_text,
    shown,
)
from triggerx.core.schedule import dump_schedule, parse_interval, parse_schedule
from triggerx.evm.types import ChainId, checksum, parse_address

NAME_BYTES_MAX: Final = 1_024  # a signature with a few structs, a route of many keys
URL_BYTES_MAX: Final = 2_048  # what browsers and gateways take
FILTER_BYTES_MAX: Final = 4_096  # a filter compares with one value of an event
FILTERS_MAX: Final = 8  # an event has three indexed parameters, and seldom more than five others
EVENT_ABI_BYTES_MAX: Final = 32 * 1024  # one event needs less than 1 kB; a contract's whole ABI is often pasted
ARGUMENTS_MAX: Final = 16
CONFIRMATIONS_MAX: Final = 256  # beyond it nobody follows a reorg: the follower's window
COOLDOWN_S_MAX: Final = 366 * 86_400
WITHIN_S_MAX: Final = 366 * 86_400
LANGUAGE_BYTES_MAX: Final = 32

CONDITION_TYPES: Final = frozenset(
    {"greater_than", "less_than", "between", "equals", "not_equals", "greater_equal", "less_equal"}
)
SOURCE_TYPES: Final = frozenset({"api", "oracle", "static", "websocket", "view", "script"})
ON_CHAIN: Final = frozenset({"oracle", "view"})

_TIME: Final = frozenset({TaskDefinition.TIME_STATIC, TaskDefinition.TIME_DYNAMIC})
_EVENT: Final = frozenset({TaskDefinition.EVENT_STATIC, TaskDefinition.EVENT_DYNAMIC})
_CONDITION: Final = frozenset({TaskDefinition.CONDITION_STATIC, TaskDefinition.CONDITION_DYNAMIC})


def parse_trigger(raw: Fields, definition: TaskDefinition, *, time_frame_s: int) -> Trigger:
    """Read the trigger that a task definition has; raises `InvalidInput` naming the first wrong field."""
    if definition in _EVENT:
        return _parse_event(raw)
    if definition in _CONDITION:
        return _parse_condition(raw)
    policy, within_s = _misfire(raw)
    if definition in _TIME:
        schedule = parse_schedule(raw, time_frame_s=time_frame_s)
    else:
        interval_s = parse_interval(raw, time_frame_s=time_frame_s)
        schedule = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=interval_s)
    return TimeTrigger(
        schedule_type=schedule.schedule_type,
        interval_s=schedule.interval_s,
        cron_expression=schedule.cron_expression,
        specific=schedule.specific,
        timezone=schedule.timezone,
        misfire=policy,
        misfire_within_s=within_s,
    )


def dump_trigger(trigger: Trigger) -> dict[str, Json]:
    """Write the trigger's fields as `parse_trigger` reads them."""
    match trigger:
        case TimeTrigger():
            return {**dump_schedule(trigger), **_used(_misfire_fields(trigger))}
        case EventTrigger():
            return {
                "trigger_chain_id": str(trigger.chain_id),
                "trigger_contract_address": checksum(trigger.contract),
                "trigger_event": trigger.event,
                "event_filter_para_name": trigger.filter_name,
                "event_filter_value": trigger.filter_value,
                **_used(_event_fields(trigger)),
            }
        case ConditionTrigger():
            return {
                "condition_type": trigger.condition_type,
                "value_source_type": trigger.source_type,
                "value_source_url": trigger.source_url,
                "selected_key_route": trigger.selected_key_route,
                "upper_limit": trigger.upper_limit,
                "lower_limit": trigger.lower_limit,
                **_used(_condition_fields(trigger)),
            }
        case _:
            assert_never(trigger)


def _misfire(raw: Fields) -> tuple[Misfire, int]:
    policy = Misfire(read_one_of(raw, "misfire_policy", Misfire, default=Misfire.ONE))
    within_s = read_integer(raw, "misfire_within", low=0, high=WITHIN_S_MAX, default=0)
    if (policy is Misfire.WITHIN) != (within_s > 0):
        raise InvalidInput("misfire_within", "is the seconds of the policy `within`, and goes with it alone")
    return policy, within_s


def _parse_event(raw: Fields) -> EventTrigger:
    confirmations = raw.get("event_confirmations")
    return EventTrigger(
        chain_id=read_chain_id(raw, "trigger_chain_id"),
        contract=read_address(raw, "trigger_contract_address"),
        event=read_required(raw, "trigger_event", NAME_BYTES_MAX),
        filter_name=read_text(raw, "event_filter_para_name", bytes_max=NAME_BYTES_MAX, default=""),
        filter_value=read_text(raw, "event_filter_value", bytes_max=FILTER_BYTES_MAX, default=""),
        filters=_filters(raw.get("event_filters")),
        event_abi=read_text(raw, "event_abi", bytes_max=EVENT_ABI_BYTES_MAX, default=""),
        confirmations=(
            None if confirmations is None else read_integer(raw, "event_confirmations", low=0, high=CONFIRMATIONS_MAX)
        ),
    )


def _filters(value: object) -> tuple[EventFilter, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > FILTERS_MAX:
        raise InvalidInput("event_filters", f"expected a list of at most {FILTERS_MAX} filters, got {kind_of(value)}")
    return tuple(_filter(item, place) for place, item in enumerate(value))


def _filter(item: object, place: int) -> EventFilter:
    field = f"event_filters[{place}]"
    if not isinstance(item, Mapping) or set(item) != {"name", "value"}:
        raise InvalidInput(field, "expected an object with name and value")
    try:
        return EventFilter(
            name=read_required(item, "name", NAME_BYTES_MAX),
            value=read_text(item, "value", bytes_max=FILTER_BYTES_MAX),
        )
    except InvalidInput as error:
        raise InvalidInput(f"{field}.{error.field}", error.message) from error


def _parse_condition(raw: Fields) -> ConditionTrigger:
    source_type = read_one_of(raw, "value_source_type", SOURCE_TYPES)
    condition = ConditionTrigger(
        condition_type=read_one_of(raw, "condition_type", CONDITION_TYPES),
        source_type=source_type,
        source_url=read_required(raw, "value_source_url", URL_BYTES_MAX),
        selected_key_route=read_text(raw, "selected_key_route", bytes_max=NAME_BYTES_MAX, default=""),
        upper_limit=read_decimal(raw, "upper_limit", default="0"),
        lower_limit=read_decimal(raw, "lower_limit", default="0"),
        chain_id=_source_chain(raw, source_type),
        function=read_text(raw, "value_source_function", bytes_max=NAME_BYTES_MAX, default=""),
        arguments=_arguments(raw.get("value_source_arguments")),
        script_function=read_text(raw, "script_trigger_function", bytes_max=NAME_BYTES_MAX, default=""),
        script_language=read_text(raw, "script_language", bytes_max=LANGUAGE_BYTES_MAX, default=""),
        mode=ConditionMode(read_one_of(raw, "trigger_mode", ConditionMode, default=ConditionMode.EDGE)),
        hysteresis=_not_negative(raw, "hysteresis"),
        cooldown_s=read_integer(raw, "cooldown", low=0, high=COOLDOWN_S_MAX, default=0),
        tolerance=_not_negative(raw, "tolerance"),
    )
    _check_source(condition)
    if condition.condition_type == "between" and Decimal(condition.upper_limit) < Decimal(condition.lower_limit):
        raise InvalidInput("upper_limit", f"is {condition.upper_limit}, below lower_limit {condition.lower_limit}")
    return condition


def _source_chain(raw: Fields, source_type: str) -> ChainId | None:
    if source_type not in ON_CHAIN:
        return None
    field = "target_chain_id" if raw.get("value_source_chain_id") is None else "value_source_chain_id"
    return read_chain_id(raw, field)


def _check_source(condition: ConditionTrigger) -> None:
    """Check what each kind of source needs, so that it does not fail only when it is first observed."""
    match condition.source_type:
        case "static":
            read_decimal({"value_source_url": condition.source_url}, "value_source_url", default="0")
        case "oracle" | "view":
            try:
                parse_address(condition.source_url)
            except ValueError as error:
                raise InvalidInput("value_source_url", f"is to be the contract's address: {error}") from error
        case _:
            pass
    needs = {"view": ("value_source_function", condition.function)}
    needs["script"] = ("script_trigger_function", condition.script_function)
    if condition.source_type in needs:
        field, value = needs[condition.source_type]
        if not value:
            raise InvalidInput(field, f"is missing: a source of type {condition.source_type} needs it")


def _arguments(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > ARGUMENTS_MAX:
        raise InvalidInput("value_source_arguments", f"expected a list of at most {ARGUMENTS_MAX} texts")
    return tuple(
        read_text(
            {f"value_source_arguments[{place}]": item}, f"value_source_arguments[{place}]", bytes_max=URL_BYTES_MAX
        )
        for place, item in enumerate(value)
    )


def _not_negative(raw: Fields, field: str) -> str:
    number = read_decimal(raw, field, default="0")
    if Decimal(number) < 0:
        raise InvalidInput(field, f"expected a number of at least 0, got {shown(number)}")
    return number


def _used(fields: Mapping[str, tuple[Json, Json]]) -> dict[str, Json]:
    """The fields that differ from their default, each given as value and default."""
    return {name: value for name, (value, default) in fields.items() if value != default}


def _misfire_fields(trigger: TimeTrigger) -> dict[str, tuple[Json, Json]]:
    return {
        "misfire_policy": (trigger.misfire.value, Misfire.ONE.value),
        "misfire_within": (trigger.misfire_within_s, 0),
    }


def _event_fields(trigger: EventTrigger) -> dict[str, tuple[Json, Json]]:
    return {
        "event_filters": ([{"name": each.name, "value": each.value} for each in trigger.filters], []),
        "event_abi": (trigger.event_abi, ""),
        "event_confirmations": (trigger.confirmations, None),
    }


def _condition_fields(trigger: ConditionTrigger) -> dict[str, tuple[Json, Json]]:
    return {
        "value_source_chain_id": (None if trigger.chain_id is None else str(trigger.chain_id), None),
        "value_source_function": (trigger.function, ""),
        "value_source_arguments": (list(trigger.arguments), []),
        "script_trigger_function": (trigger.script_function, ""),
        "script_language": (trigger.script_language, ""),
        "trigger_mode": (trigger.mode.value, ConditionMode.EDGE.value),
        "hysteresis": (trigger.hysteresis, "0"),
        "cooldown": (trigger.cooldown_s, 0),
        "tolerance": (trigger.tolerance, "0"),
    }
