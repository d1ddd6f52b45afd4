import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.strategies import ABI, bodies
from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import (
    ConditionTrigger,
    JobBody,
    ScheduleType,
    TimeTrigger,
)
from triggerx.core.job_body import (
    ABI_BYTES_MAX,
    chain_id_of,
    created_at_of,
    decode_body,
    dump_body,
    encode_body,
    expected_job_hash,
    parse_body,
    registry_data,
    static_calldata,
)
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import from_hex

JOB_ID = 31337 << 224 | 1_700_000_000 << 160 | 7
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
TARGET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def sdk_body(**changes: object) -> dict[str, object]:
    """What sdk-triggerx 0.1.38 posts for a time job, decoded from its JSON."""
    body: dict[str, object] = {
        "job_id": str(JOB_ID),
        "user_address": OWNER,
        "ether_balance": 1.2e21,
        "token_balance": 1.2e21,
        "job_title": "Count",
        "task_definition_id": 1,
        "custom": True,
        "time_frame": 3600,
        "recurring": False,
        "job_cost_prediction": 3.6e-7,
        "timezone": "Asia/Calcutta",
        "created_chain_id": "31337",
        "schedule_type": "interval",
        "time_interval": 60,
        "target_chain_id": "31337",
        "target_contract_address": TARGET,
        "target_function": "add(uint256)",
        "abi": ABI,
        "arg_type": 1,
        "arguments": ["5"],
        "is_imua": True,
        "is_safe": False,
        "safe_name": "",
        "safe_address": "",
        "language": "",
    }
    return {**body, **changes}


EVENT = {
    "task_definition_id": 3,
    "trigger_chain_id": "31337",
    "trigger_contract_address": TARGET.lower(),
    "trigger_event": "Moved(address,uint256)",
}
CONDITION = {
    "task_definition_id": 5,
    "condition_type": "between",
    "upper_limit": 0,
    "lower_limit": -1.5,
    "value_source_type": "api",
    "value_source_url": "https://example.org/price",
}
CUSTOM = {
    "task_definition_id": 7,
    "arg_type": 2,
    "abi": "",
    "target_function": "",
    "arguments": None,
    "dynamic_arguments_script_url": "https://example.org/script.ts",
    "language": "typescript",
}


def test_parse_when_the_sdk_posts_a_time_job_then_every_field_is_typed() -> None:
    body = parse_body(sdk_body())
    assert body.job_id == JOB_ID
    assert body.trigger == TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=60, timezone="Asia/Calcutta")
    assert body.action.arguments == ("5",)
    assert body.cost_prediction == "0.00000036"
    assert (body.priority, body.security, body.link_job_id, body.mandate) == (2, 4, None, None)
    assert not body.is_guarded
    assert (created_at_of(body.job_id), chain_id_of(body.job_id)) == (1_700_000_000, 31337)


def test_parse_when_numbers_stand_in_arguments_then_they_are_exact() -> None:
    wide = (1 << 256) - 1
    for given_argument in (wide, str(wide), Decimal(wide)):
        body = parse_body(sdk_body(arguments=[given_argument]))
        assert body.action.arguments == (str(wide),)
        assert static_calldata(body)[4:] == b"\xff" * 32


def test_parse_when_limits_are_zero_or_below_then_they_are_kept() -> None:
    body = parse_body(sdk_body(**CONDITION))
    assert isinstance(body.trigger, ConditionTrigger)
    assert (body.trigger.upper_limit, body.trigger.lower_limit) == ("0", "-1.5")


@pytest.mark.parametrize("absent", [{}, {"link_job_id": None}, {"link_job_id": -1}, {"link_job_id": "-1"}])
def test_parse_when_no_job_is_linked_then_link_is_none(absent: dict[str, object]) -> None:
    assert parse_body(sdk_body(**absent)).link_job_id is None


def test_parse_when_specific_is_local_time_then_it_becomes_unix_seconds() -> None:
    raw = sdk_body(
        schedule_type="specific", specific_schedule="2025-07-01 00:00:00, 2025-01-01 00:00:00", timezone="Europe/Berlin"
    )
    body = parse_body(raw)
    assert isinstance(body.trigger, TimeTrigger)
    assert body.trigger.specific == (1_735_686_000, 1_751_320_800)
    assert dump_body(body)["specific_schedule"] == "1735686000,1751320800"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("task_definition_id", {"task_definition_id": 8}),
        ("job_id", {"job_id": "12a"}),
        ("job_id", {"job_id": None}),
        ("created_chain_id", {"created_chain_id": "1"}),
        ("user_address", {"user_address": "0x12"}),
        ("user_address", {"user_address": 5}),
        ("job_title", {"job_title": "x" * 257}),
        ("job_title", {"job_title": "\ud800"}),
        ("job_title", {"job_title": "a\0b"}),
        ("time_frame", {"time_frame": 0}),
        ("time_frame", {"time_frame": 1.5}),
        ("time_frame", {"time_frame": True}),
        ("time_frame", {"time_frame": Decimal("1e400")}),
        ("recurring", {"recurring": "yes"}),
        ("schedule_type", {"schedule_type": "sometimes"}),
        ("time_interval", {"time_interval": 0}),
        ("time_interval", {"time_interval": 3601}),
        ("cron_expression", {"schedule_type": "cron", "timezone": "UTC", "cron_expression": "0 * * * * *"}),
        ("cron_expression", {"schedule_type": "cron", "timezone": "UTC", "cron_expression": "* " * 200}),
        ("timezone", {"schedule_type": "cron", "timezone": "No/Where", "cron_expression": "0 * * * *"}),
        ("timezone", {"timezone": "../etc/passwd"}),
        ("specific_schedule", {"schedule_type": "specific"}),
        ("specific_schedule", {"schedule_type": "specific", "specific_schedule": "tomorrow"}),
        ("specific_schedule", {"schedule_type": "specific", "specific_schedule": [1.5]}),
        ("target_contract_address", {"target_contract_address": ""}),
        ("target_function", {"target_function": " "}),
        ("target_function", {"target_function": "missing"}),
        ("abi", {"abi": "not json"}),
        ("abi", {"abi": "x" * (ABI_BYTES_MAX + 1)}),
        ("arg_type", {"arg_type": 2}),
        ("dynamic_arguments_script_url", {"dynamic_arguments_script_url": "https://example.org"}),
        ("dynamic_arguments_script_url", {"task_definition_id": 2, "arg_type": 2}),
        ("arguments", {"arguments": "5"}),
        ("arguments", {"arguments": ["1"] * 65}),
        ("arguments[0]", {"arguments": []}),
        ("arguments[0]", {"arguments": ["-1"]}),
        ("arguments[0]", {"arguments": [1.5]}),
        ("arguments[0]", {"arguments": [None]}),
        ("safe_address", {"is_safe": True, "safe_address": ""}),
        ("priority", {"priority": 0}),
        ("security", {"security": 5}),
        ("chain_status", {"chain_status": 3}),
        ("link_job_id", {"link_job_id": -2}),
        ("job_cost_prediction", {"job_cost_prediction": "much"}),
        ("mandate", {"mandate": 5}),
        ("trigger_contract_address", {**EVENT, "trigger_contract_address": None}),
        ("trigger_event", {**EVENT, "trigger_event": ""}),
        ("condition_type", {**CONDITION, "condition_type": "like"}),
        ("value_source_type", {**CONDITION, "value_source_type": "oracle2"}),
        ("upper_limit", {**CONDITION, "lower_limit": 1}),
        ("upper_limit", {**CONDITION, "upper_limit": "1e999999999"}),
        ("upper_limit", {**CONDITION, "upper_limit": float("nan")}),
        ("language", {**CUSTOM, "language": ""}),
        ("time_interval", {**CUSTOM, "time_interval": None}),
    ],
)
def test_parse_when_a_field_is_wrong_then_it_is_named(field: str, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_body(sdk_body(**changes))
    assert caught.value.field == field


def test_parse_when_a_body_is_larger_than_a_document_takes_then_it_is_refused() -> None:
    padded = json.dumps([*json.loads(ABI), {"type": "error", "name": '"' * 40_000, "inputs": []}])
    raw = sdk_body(abi=padded, target_function="add")
    with pytest.raises(InvalidInput) as caught:
        parse_body(raw)
    assert caught.value.field == "abi"


def test_parse_when_fields_are_unknown_then_they_are_not_dumped() -> None:
    dumped = dump_body(parse_body(sdk_body(novelty=1)))
    assert not {"novelty", "is_imua", "ether_balance", "token_balance"} & set(dumped)
    assert dumped["user_address"] == OWNER


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, [60]),
        ({"schedule_type": "cron", "timezone": "UTC", "cron_expression": "0 * * * *"}, [0]),
        (EVENT, [0]),
        ({**EVENT, "recurring": True}, [1]),
        (CONDITION, [0]),
    ],
)
def test_registry_data_when_arguments_are_static_then_it_is_one_word(
    changes: dict[str, object], words: list[int]
) -> None:
    assert registry_data(parse_body(sdk_body(**changes))) == b"".join(word.to_bytes(32, "big") for word in words)


def test_registry_data_when_a_script_computes_then_its_url_is_bound() -> None:
    url = "https://example.org/script.ts"
    raw = sdk_body(task_definition_id=2, arg_type=2, dynamic_arguments_script_url=url)
    word = keccak256(url.encode())
    assert registry_data(parse_body(raw)) == (60).to_bytes(32, "big") + word
    custom = registry_data(parse_body(sdk_body(**CUSTOM)))
    assert custom[:64] == (60).to_bytes(32, "big") + word
    assert custom[96:138] == (10).to_bytes(32, "big") + b"typescript"


def test_expected_job_hash_when_compared_with_eth_abi_then_it_is_the_same() -> None:
    from eth_abi.abi import encode

    body = parse_body(sdk_body())
    values = ("Count", 1, 3600, TARGET, registry_data(body))
    expected = keccak256(encode(["string", "uint8", "uint256", "address", "bytes"], values))
    assert expected_job_hash(body) == expected


def test_expected_job_hash_when_bound_fields_change_then_it_changes_too() -> None:
    hashes = {
        expected_job_hash(parse_body(sdk_body(**changes)))
        for changes in (
            {},
            {"job_title": "count"},
            {"time_frame": 3601},
            {"time_interval": 61},
            {"target_contract_address": OWNER},
            EVENT,
        )
    }
    assert len(hashes) == 6


def test_decode_when_bytes_are_not_canonical_then_they_are_refused() -> None:
    content = encode_body(parse_body(sdk_body()))
    assert decode_body(content) == parse_body(sdk_body())
    for wrong in (content + b" ", b"[]", b"{", content[:-1] + b',"novelty":1}', b"[" * 100_000):
        with pytest.raises(InvalidInput):
            decode_body(wrong)


@given(bodies())
@settings(deadline=None, max_examples=150)
def test_parse_when_a_body_was_dumped_then_it_is_the_same_body(body: JobBody) -> None:
    dumped = dump_body(body)
    assert parse_body(dumped) == body
    assert parse_body(json.loads(canonical_json(dumped))) == body
    assert decode_body(encode_body(body)) == body
    assert expected_job_hash(parse_body(dumped)) == expected_job_hash(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(sdk_body())), json_values)
@settings(deadline=None, max_examples=200)
def test_parse_when_any_field_holds_anything_then_only_invalid_input_comes_out(field: str, value: object) -> None:
    try:
        body = parse_body(sdk_body(**{field: value}))
    except InvalidInput:
        return
    assert parse_body(dump_body(body)) == body


def test_static_calldata_when_an_argument_is_wide_then_it_is_encoded_exactly() -> None:
    assert static_calldata(parse_body(sdk_body())) == from_hex("0x1003e2d2") + (5).to_bytes(32, "big")
