"""Job bodies by hypothesis: every kind, every field."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from triggerx.core.job import (
    Action,
    ConditionMode,
    ConditionTrigger,
    EventFilter,
    EventTrigger,
    JobBody,
    JobId,
    Limits,
    Misfire,
    OnLinkFailure,
    ScheduleType,
    TaskDefinition,
    TimeTrigger,
    Trigger,
)
from triggerx.core.limits_json import RUNS_MAX
from triggerx.core.mandate import SignedMandate
from triggerx.core.trigger_json import CONDITION_TYPES, ON_CHAIN, SOURCE_TYPES
from triggerx.evm.hub import Mandate
from triggerx.evm.keccak import Hash32
from triggerx.evm.types import Address, ChainId, Wei, checksum

ABI = json.dumps([{"type": "function", "name": "add", "inputs": [{"name": "by", "type": "uint256"}], "outputs": []}])

addresses = st.binary(min_size=20, max_size=20).map(Address)
hashes32 = st.binary(min_size=32, max_size=32).map(Hash32)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
filled = texts.filter(lambda text: text.strip() != "")
chain_ids = st.integers(1, (1 << 32) - 1).map(ChainId)
words = st.integers(0, (1 << 256) - 1)
limits = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**30), max_value=10**30)
mandates = st.builds(
    SignedMandate,
    mandate=st.builds(
        Mandate,
        job_id=words,
        job_hash=hashes32,
        version=words,
        owner=addresses,
        target=addresses,
        selector=st.binary(min_size=4, max_size=4),
        calldata_hash=hashes32,
        value_max=words,
        fee_max=words,
        inner_gas_min=words,
        runs_max=st.integers(0, 2**32 - 1),
        spacing=st.integers(0, 2**32 - 1),
        attempts_max=st.integers(0, 255),
        security=st.integers(0, 255),
        not_before=st.integers(0, 2**64 - 1),
        expiry=st.integers(0, 2**64 - 1),
    ),
    signature=st.binary(min_size=65, max_size=65),
)


def plain(number: Decimal) -> str:
    text = format(number, "f").rstrip("0").rstrip(".") if "." in format(number, "f") else format(number, "f")
    return "0" if text == "-0" else text


@st.composite
def triggers(draw: st.DrawFn, definition: TaskDefinition, time_frame_s: int) -> Trigger:
    interval_s = st.integers(1, time_frame_s)
    misfire = draw(st.sampled_from(Misfire))
    late: dict[str, Any] = {"misfire": misfire, "misfire_within_s": 60 if misfire is Misfire.WITHIN else 0}
    if definition is TaskDefinition.CUSTOM_SCRIPT:
        return TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=draw(interval_s), **late)
    if definition in (TaskDefinition.TIME_STATIC, TaskDefinition.TIME_DYNAMIC):
        moments = st.lists(st.integers(1, 2**35), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)
        cron = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="*/5 1-3 * JAN,2 MON#1", **late)
        return draw(
            st.one_of(
                interval_s.map(lambda s: TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=s, **late)),
                moments.map(lambda m: TimeTrigger(schedule_type=ScheduleType.SPECIFIC, specific=m, **late)),
                st.just(cron),
            )
        )
    if definition in (TaskDefinition.EVENT_STATIC, TaskDefinition.EVENT_DYNAMIC):
        return draw(
            st.builds(
                EventTrigger,
                chain_id=chain_ids,
                contract=addresses,
                event=filled,
                filter_name=texts,
                filter_value=texts,
                filters=st.lists(st.builds(EventFilter, name=filled, value=texts), max_size=3).map(tuple),
                event_abi=texts,
                confirmations=st.none() | st.integers(0, 256),
            )
        )
    return draw(conditions())


@st.composite
def conditions(draw: st.DrawFn) -> ConditionTrigger:
    """Conditions of every source, each with what its source needs."""
    source_type = draw(st.sampled_from(sorted(SOURCE_TYPES)))
    is_on_chain = source_type in ON_CHAIN
    low, high = sorted((draw(limits), draw(limits)))
    if source_type == "static":
        source_url = plain(draw(limits))
    else:
        source_url = checksum(draw(addresses)) if is_on_chain else draw(filled)
    return ConditionTrigger(
        condition_type=draw(st.sampled_from(sorted(CONDITION_TYPES))),
        source_type=source_type,
        source_url=source_url,
        selected_key_route=draw(texts),
        upper_limit=plain(high),
        lower_limit=plain(low),
        chain_id=draw(chain_ids) if is_on_chain else None,
        function=draw(filled),
        arguments=tuple(draw(st.lists(texts, max_size=2))),
        script_function=draw(filled),
        script_language=draw(texts.map(lambda text: text[:8])),
        mode=draw(st.sampled_from(ConditionMode)),
        hysteresis=plain(abs(low)),
        cooldown_s=draw(st.integers(0, 10**6)),
        tolerance=plain(abs(high)),
    )


job_limits = st.builds(
    Limits,
    runs_max=st.none() | st.integers(0, RUNS_MAX),
    runs_per_day_max=st.none() | st.integers(0, RUNS_MAX),
    wei_max=st.none() | words.map(Wei),
    wei_per_day_max=st.none() | words.map(Wei),
    gas_price_max_wei=st.none() | words.map(Wei),
)


@st.composite
def bodies(draw: st.DrawFn) -> JobBody:
    definition = draw(st.sampled_from(TaskDefinition))
    chain_id = draw(chain_ids)
    time_frame_s = draw(st.integers(1, 10**8))
    is_static = definition % 2 == 1 and definition != 7
    action = Action(
        chain_id=draw(chain_ids),
        target=draw(addresses),
        function="add(uint256)",
        abi=ABI,
        arguments=(str(draw(words)),),
        script_url="" if is_static else draw(filled),
        language=draw(filled.filter(lambda text: len(text.encode()) <= 32)),
        safe_address=draw(st.none() | addresses),
    )
    return JobBody(
        job_id=JobId(chain_id << 224 | draw(st.integers(1, (1 << 224) - 1))),
        owner=draw(addresses),
        title=draw(texts),
        task_definition_id=definition,
        created_chain_id=chain_id,
        time_frame_s=time_frame_s,
        recurring=draw(st.booleans()),
        trigger=draw(triggers(definition, time_frame_s)),
        action=action,
        priority=draw(st.integers(1, 3)),
        security=draw(st.integers(1, 4)),
        link_job_id=draw(st.none() | st.integers(1, (1 << 256) - 1).map(JobId)),
        link_on_failure=draw(st.sampled_from(OnLinkFailure)),
        limits=draw(job_limits),
        chain_status=draw(st.integers(0, 2)),
        cost_prediction=plain(draw(limits)),
        mandate=draw(st.none() | mandates),
    )
