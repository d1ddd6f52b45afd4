"""How a script computed the arguments of one action: what the proof says of the run, and when two keepers' runs agree.

The calldata itself is the action's. Script, language and function are the body's, the moment that the script was told
is the evidence's; so what is left to say is which bytes ran, and what they asked of the outside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobBody
from triggerx.core.job_body import encode_call, read_arguments, target_function
from triggerx.core.job_fields import Fields, read_integer, read_text
from triggerx.evm.abi import DecodeError
from triggerx.evm.types import from_hex, to_hex

REQUESTS_MAX: Final = 64  # in a document; a run's own limit is lower
URL_BYTES_MAX: Final = 2_048
HASH_CHARACTERS: Final = 64
STATUS_MAX: Final = 599


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMade:
    """One request a script made, as the proof records it; `response_hash` is the SHA-256 of the body, as hex."""

    url: str
    status: int
    response_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """One run: the SHA-256 of the script's bytes, as hex, and its requests in order."""

    script_sha256: str
    requests: tuple[RequestMade, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """What a run came to: the calldata, None when the script declined, and how."""

    calldata: bytes | None
    computation: Computation


def calldata_from(body: JobBody, answer: Json) -> bytes | None:
    """Return the calldata that a script's answer asks for: a list has the arguments, None (or false) declines.

    Raises `InvalidInput` naming the argument that does not fit the function.
    """
    if answer is None or answer is False:
        return None
    if not isinstance(answer, list):
        raise InvalidInput("arguments", "expected a list with the function's arguments, or None to decline")
    return encode_call(body, read_arguments(answer))


def agree(body: JobBody, own: bytes, claimed: bytes) -> bool:
    """Tell whether calldata that another keeper computed can stand for one's own, by the job's tolerance.

    Each whole number may differ by `arguments_tolerance` percent of one's own; everything else must be the same.
    """
    if own == claimed:
        return True
    tolerance = Decimal(body.action.arguments_tolerance)
    try:
        function = target_function(body)
        pair = function.decode_input(own), function.decode_input(claimed)
        is_plain = function.encode(*pair[1]) == claimed
    except (DecodeError, ValueError):
        return False
    return is_plain and tolerance > 0 and _is_near(*pair, tolerance)


def _is_near(own: object, claimed: object, percent: Decimal) -> bool:
    if isinstance(own, int) and isinstance(claimed, int) and not isinstance(own, bool):
        return abs(own - claimed) * 100 <= abs(own) * percent
    if isinstance(own, Sequence) and isinstance(claimed, Sequence) and not isinstance(own, str | bytes):
        return len(own) == len(claimed) and all(map(_is_near, own, claimed, [percent] * len(own)))
    return own == claimed


def dump_computed(computed: Computed) -> dict[str, Json]:
    """Write the JSON form in which a keeper keeps its own run."""
    calldata = None if computed.calldata is None else to_hex(computed.calldata)
    return {"calldata": calldata, **dump_computation(computed.computation)}


def parse_computed(raw: Fields) -> Computed:
    """Read what `dump_computed` writes; raises `InvalidInput`."""
    calldata = raw.get("calldata")
    return Computed(
        calldata=from_hex(calldata) if isinstance(calldata, str) else None,
        computation=parse_computation(raw),
    )


def dump_computation(computation: Computation) -> dict[str, Json]:
    """Write the JSON form."""
    requests: list[Json] = [
        {"url": made.url, "status": made.status, "response_hash": made.response_hash} for made in computation.requests
    ]
    return {"script_sha256": computation.script_sha256, "requests": requests}


def parse_computation(raw: Fields, field: str = "computation") -> Computation:
    """Read what `dump_computation` writes; raises `InvalidInput`."""
    requests = raw.get("requests")
    if not isinstance(requests, list) or len(requests) > REQUESTS_MAX:
        raise InvalidInput(f"{field}.requests", f"expected a list of at most {REQUESTS_MAX}")
    return Computation(
        script_sha256=_hash(raw, "script_sha256", field),
        requests=tuple(_request(each, f"{field}.requests[{place}]") for place, each in enumerate(requests)),
    )


def _request(value: object, field: str) -> RequestMade:
    if not isinstance(value, Mapping):
        raise InvalidInput(field, "expected an object")
    return RequestMade(
        url=read_text(value, "url", bytes_max=URL_BYTES_MAX),
        status=read_integer(value, "status", low=100, high=STATUS_MAX),
        response_hash=_hash(value, "response_hash", field),
    )


def _hash(raw: Fields, name: str, field: str) -> str:
    text = raw.get(name)
    if not isinstance(text, str) or len(text) != HASH_CHARACTERS or set(text) - set("0123456789abcdef"):
        raise InvalidInput(f"{field}.{name}", "expected 64 lower-case hex digits")
    return text
