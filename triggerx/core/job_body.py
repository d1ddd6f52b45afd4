"""A job body in JSON, as the published SDK writes it and as peers hand it on, and what the registry's hash binds of it.

Parsing is strict about every field it uses and silent about the others; dumping writes all fields and nothing else, so
`parse_body(dump_body(b)) == b`. The JobRegistry's hash binds title, definition, time frame, target and `registry_data`.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from triggerx.core.canonical import Json, canonical_json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import (
    NO_LIMITS,
    Action,
    JobBody,
    JobId,
    OnLinkFailure,
    TaskDefinition,
    TimeTrigger,
)
from triggerx.core.job_fields import (
    Fields,
    check_text,
    exact_integer,
    kind_of,
    read_address,
    read_chain_id,
    read_decimal,
    read_flag,
    read_integer,
    read_one_of,
    read_optional,
    read_required,
    read_text,
    shown,
)
from triggerx.core.limits_json import dump_limits, parse_limits
from triggerx.core.mandate import dump_mandate, parse_mandate
from triggerx.core.trigger_json import URL_BYTES_MAX, dump_trigger, parse_trigger
from triggerx.evm import registry
from triggerx.evm.abi import ArgumentError, Function, encode_arguments, function_from_abi
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import ZERO_ADDRESS, Address, ChainId, Hash32, checksum

BODIES_REMEMBERED: Final = 512  # the same are read again and again on a task's way; some kilobytes each
BODY_BYTES_MAX: Final = 128 * 1024  # a task document holds body and calldata and may have 256 kB
ABI_BYTES_MAX: Final = 96 * 1024  # the largest published ABIs have about 60 kB; only one function of it is used
CALLDATA_BYTES_MAX: Final = 8 * 1024  # what TaskExecutionHub.executeTask takes
ARGUMENTS_MAX: Final = 64  # the EVM's stack lets no compiler take more than about 16
TITLE_BYTES_MAX: Final = 256  # a line to read; it is stored on chain, where every word costs gas
FUNCTION_BYTES_MAX: Final = 1_024  # a signature with a few structs
LANGUAGE_BYTES_MAX: Final = 32
NAME_BYTES_MAX: Final = 128  # of a script's function
TOLERANCE_PERCENT_MAX: Final = 10  # beyond it a performer would have a free hand
TIME_FRAME_S_MAX: Final = 10 * 366 * 86_400  # ten years: a forgotten job ends

STATIC_DEFINITIONS: Final = frozenset(
    {TaskDefinition.TIME_STATIC, TaskDefinition.EVENT_STATIC, TaskDefinition.CONDITION_STATIC}
)
"""Those whose action is in the body: no script computes it."""


def parse_body(raw: Fields) -> JobBody:
    """Read one job as the SDK posts it or `dump_body` writes it; raises `InvalidInput` naming the first wrong field.

    Balances, `is_imua` and unknown fields are ignored. Text is kept as it is, for the registry's hash binds its bytes.
    """
    definition = TaskDefinition(read_integer(raw, "task_definition_id", low=1, high=7))
    time_frame_s = read_integer(raw, "time_frame", low=1, high=TIME_FRAME_S_MAX)
    job_id = read_integer(raw, "job_id", low=1, high=(1 << 256) - 1)
    created_chain_id = read_chain_id(raw, "created_chain_id")
    if chain_id_of(job_id) != created_chain_id:
        raise InvalidInput("created_chain_id", f"is {created_chain_id}, but the job id was made on another chain")
    mandate = raw.get("mandate")
    body = JobBody(
        job_id=JobId(job_id),
        owner=read_address(raw, "user_address"),
        title=read_text(raw, "job_title", bytes_max=TITLE_BYTES_MAX),
        task_definition_id=definition,
        created_chain_id=created_chain_id,
        time_frame_s=time_frame_s,
        recurring=read_flag(raw, "recurring"),
        trigger=parse_trigger(raw, definition, time_frame_s=time_frame_s),
        action=_parse_action(raw, definition),
        priority=read_integer(raw, "priority", low=1, high=3, default=2),
        security=read_integer(raw, "security", low=1, high=4, default=4),
        link_job_id=_link(raw),
        chain_status=read_integer(raw, "chain_status", low=0, high=2, default=0),
        link_on_failure=OnLinkFailure(read_one_of(raw, "link_on_failure", OnLinkFailure, default=OnLinkFailure.STOP)),
        limits=parse_limits(raw.get("limits")),
        cost_prediction=read_decimal(raw, "job_cost_prediction", default="0"),
        mandate=None if mandate is None else parse_mandate(mandate),
    )
    if definition in STATIC_DEFINITIONS:
        static_calldata(body)
    length = len(encode_body(body))
    if length > BODY_BYTES_MAX:
        raise InvalidInput("abi", f"the job takes {length} bytes, of {BODY_BYTES_MAX} at most: leave unused parts out")
    return body


def dump_body(body: JobBody) -> dict[str, Json]:
    """Write the JSON form peers hand on: ids and other wide numbers as decimal strings, addresses checksummed."""
    action = body.action
    return {
        "job_id": str(body.job_id),
        "user_address": checksum(body.owner),
        "job_title": body.title,
        "task_definition_id": int(body.task_definition_id),
        "created_chain_id": str(body.created_chain_id),
        "time_frame": body.time_frame_s,
        "recurring": body.recurring,
        "job_cost_prediction": body.cost_prediction,
        "priority": body.priority,
        "security": body.security,
        "link_job_id": "-1" if body.link_job_id is None else str(body.link_job_id),
        "chain_status": body.chain_status,
        "target_chain_id": str(action.chain_id),
        "target_contract_address": checksum(action.target),
        "target_function": action.function,
        "abi": action.abi,
        "arg_type": 1 if body.task_definition_id in STATIC_DEFINITIONS else 2,
        "arguments": list(action.arguments),
        "dynamic_arguments_script_url": action.script_url,
        "language": action.language,
        "is_safe": action.safe_address is not None,
        "safe_address": "" if action.safe_address is None else checksum(action.safe_address),
        "mandate": None if body.mandate is None else dump_mandate(body.mandate),
        **dump_trigger(body.trigger),
        **_dump_terms(body),
    }


def _dump_terms(body: JobBody) -> dict[str, Json]:
    """The fields that came after the first release stand there only when they are used, so that older bodies stay."""
    terms: dict[str, Json] = {}
    if body.action.script_function:
        terms["script_target_function"] = body.action.script_function
    if body.action.arguments_tolerance != "0":
        terms["arguments_tolerance"] = body.action.arguments_tolerance
    if body.link_on_failure is not OnLinkFailure.STOP:
        terms["link_on_failure"] = body.link_on_failure.value
    if body.limits != NO_LIMITS:
        terms["limits"] = dump_limits(body.limits)
    return terms


@lru_cache(maxsize=BODIES_REMEMBERED)
def encode_body(body: JobBody) -> bytes:
    """Write the canonical JSON that travels with an assignment; the same body always gives the same bytes."""
    return canonical_json(dump_body(body))


@lru_cache(maxsize=BODIES_REMEMBERED)
def decode_body(content: bytes) -> JobBody:
    """Read what `encode_body` writes; raises `InvalidInput` for anything that is not exactly that."""
    if len(content) > BODY_BYTES_MAX:
        raise InvalidInput("body", f"has {len(content)} bytes, more than the {BODY_BYTES_MAX} allowed")
    try:
        raw = json.loads(shallow_json(content), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("body", "is not JSON") from error
    if not isinstance(raw, dict):
        raise InvalidInput("body", f"expected an object, got {kind_of(raw)}")
    body = parse_body(raw)
    if encode_body(body) != content:
        raise InvalidInput("body", "is not in canonical form, or has unknown fields")
    return body


def target_function(body: JobBody) -> Function:
    """Return the action's function from its ABI; raises `InvalidInput` where the ABI has none or several of it."""
    try:
        return function_from_abi(body.action.abi, body.action.function)
    except ValueError as error:
        field = "abi" if "JSON" in str(error) or "ABI" not in str(error) else "target_function"
        raise InvalidInput(field, str(error)) from error


@lru_cache(maxsize=BODIES_REMEMBERED)
def static_calldata(body: JobBody) -> bytes:
    """Return the calldata of the textual arguments; raises `InvalidInput` naming the `arguments[i]` that is wrong."""
    return encode_call(body, body.action.arguments)


def encode_call(body: JobBody, arguments: Sequence[str]) -> bytes:
    """Return the calldata of these arguments; raises `InvalidInput` naming the `arguments[i]` that is wrong."""
    function, given = target_function(body), len(arguments)
    wanted = len(function.inputs.components)
    if given != wanted:
        fault, plural = "is missing" if given < wanted else "is one too many", "" if wanted == 1 else "s"
        takes = f"{function.signature} takes {wanted} argument{plural}, got {given}"
        raise InvalidInput(f"arguments[{min(given, wanted)}]", f"{fault}: {takes}")
    try:
        calldata = encode_arguments(function, arguments)
    except ArgumentError as error:
        raise InvalidInput(f"arguments[{error.index}]", f"expected {error.expected}") from error
    if len(calldata) > CALLDATA_BYTES_MAX:
        raise InvalidInput("arguments", f"take {len(calldata)} bytes as calldata, of {CALLDATA_BYTES_MAX} at most")
    return calldata


def registry_data(body: JobBody) -> bytes:
    """Return the `data` of `JobRegistry.createJob` for this body: what the published SDK encodes for its definition."""
    definition = body.task_definition_id
    interval_s = body.trigger.interval_s if isinstance(body.trigger, TimeTrigger) else None
    return registry.registry_data(
        int(definition),
        interval=interval_s,
        recurring=body.recurring if interval_s is None else None,
        script_url=None if definition in STATIC_DEFINITIONS else body.action.script_url,
        language=body.action.language if definition is TaskDefinition.CUSTOM_SCRIPT else None,
    )


def expected_job_hash(body: JobBody) -> Hash32:
    """Return the hash the registry must hold for this body."""
    return registry.job_hash(
        body.title, int(body.task_definition_id), body.time_frame_s, body.action.target, registry_data(body)
    )


def created_at_of(job_id: int) -> int:
    """Return the unix second inside a job id, from which its time frame counts."""
    return registry.unpack_job_id(job_id)[1]


def chain_id_of(job_id: int) -> ChainId:
    """Return the chain inside a job id, where its registry is."""
    return registry.unpack_job_id(job_id)[0]


def _parse_action(raw: Fields, definition: TaskDefinition) -> Action:
    is_static, is_custom = definition in STATIC_DEFINITIONS, definition is TaskDefinition.CUSTOM_SCRIPT
    arg_type = read_integer(raw, "arg_type", low=1, high=2, default=1 if is_static else 2)
    if (arg_type == 1) != is_static:
        raise InvalidInput("arg_type", f"is {arg_type}, which is not task definition {int(definition)}'s")
    script_url = read_text(raw, "dynamic_arguments_script_url", bytes_max=URL_BYTES_MAX, default="")
    if bool(script_url) == is_static:
        wanted = "no script" if is_static else "the script's URL"
        raise InvalidInput("dynamic_arguments_script_url", f"expected {wanted} for task definition {int(definition)}")
    language = read_text(raw, "language", bytes_max=LANGUAGE_BYTES_MAX, default="")
    if is_custom and not language:
        raise InvalidInput("language", "is missing: a custom script is registered with its language")
    reader = read_optional if is_custom else read_required
    return Action(
        chain_id=read_chain_id(raw, "target_chain_id"),
        target=_target(raw, is_custom=is_custom),
        function=reader(raw, "target_function", FUNCTION_BYTES_MAX),
        abi=reader(raw, "abi", ABI_BYTES_MAX),
        arguments=read_arguments(raw.get("arguments")),
        script_url=script_url,
        script_function=_script_function(raw, is_static=is_static),
        language=language,
        arguments_tolerance=_tolerance(raw, is_static=is_static),
        safe_address=read_address(raw, "safe_address") if read_flag(raw, "is_safe") else None,
    )


def _script_function(raw: Fields, *, is_static: bool) -> str:
    name = read_text(raw, "script_target_function", bytes_max=NAME_BYTES_MAX, default="")
    if name and (is_static or not name.isidentifier()):
        wanted = "none, because no script computes the arguments" if is_static else "the name of a function"
        raise InvalidInput("script_target_function", f"expected {wanted}")
    return name


def _tolerance(raw: Fields, *, is_static: bool) -> str:
    percent = read_decimal(raw, "arguments_tolerance", default="0")
    if not 0 <= Decimal(percent) <= TOLERANCE_PERCENT_MAX or (is_static and percent != "0"):
        wanted = "none for static arguments" if is_static else f"0 to {TOLERANCE_PERCENT_MAX} percent"
        raise InvalidInput("arguments_tolerance", f"expected {wanted}, got {percent}")
    return percent


def _link(raw: Fields) -> JobId | None:
    number = read_integer(raw, "link_job_id", low=-1, high=(1 << 256) - 1, default=-1)
    return None if number <= 0 else JobId(number)


def _target(raw: Fields, *, is_custom: bool) -> Address:
    if is_custom and raw.get("target_contract_address") in (None, ""):
        return ZERO_ADDRESS
    return read_address(raw, "target_contract_address")


def read_arguments(value: object) -> tuple[str, ...]:
    """Return arguments as the texts that the ABI encoder reads, from a list of JSON values; None is no argument."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InvalidInput("arguments", f"expected a list, got {kind_of(value)}")
    if len(value) > ARGUMENTS_MAX:
        raise InvalidInput("arguments", f"expected at most {ARGUMENTS_MAX}, got {len(value)}")
    return tuple(_argument(item, f"arguments[{place}]") for place, item in enumerate(value))


def _argument(item: object, field: str) -> str:
    """One argument as the text the ABI encoder reads; numbers, booleans, lists and objects become their JSON."""
    if isinstance(item, str):
        text = item
    else:
        try:
            text = json.dumps(_exact(item, field), separators=(",", ":"), ensure_ascii=False)
        except RecursionError as error:
            raise InvalidInput(field, "is nested too deeply") from error
    check_text(text, field, bytes_max=BODY_BYTES_MAX)
    return text


def _exact(item: object, field: str) -> object:
    match item:
        case bool() | str():
            return item
        case int() | float() | Decimal():
            number = exact_integer(item)
            if number is None or number.bit_length() > 256:
                raise InvalidInput(field, f"expected a whole number of at most 256 bits, got {shown(item)}")
            return number
        case Mapping():
            return {str(key): _exact(value, field) for key, value in item.items()}
        case Sequence():
            return [_exact(value, field) for value in item]
        case _:
            raise InvalidInput(field, f"expected text, a number, a list or an object, got {kind_of(item)}")
