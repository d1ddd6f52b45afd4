"""One exact number out of a stranger's JSON: the route to it, and how its text becomes a `Decimal`.

A number stays its text until the route has led to it, so nothing is rounded, and no other number of the document costs
more than its characters. Every keeper reads the same number out of the same bytes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.job_fields import NUMBER_TEXT_MAX, kind_of, read_decimal, shown
from triggerx.evm.nesting import shallow_json

BODY_BYTES_MAX: Final = (
    256 * 1024
)  # read in 5 ms, 15 ms at the worst; what answers with more is a data set, not a value
STEPS_MAX: Final = 32  # half of what JSON may nest here; real answers nest about five levels
NAMED_MAX: Final = 8  # how many keys an error names, so that a typing mistake is seen
KEPT_MAX: Final = 4_096  # parsed routes; a few times the distinct sources that one engine is built for
COMMON_KEYS: Final = ("value", "price", "usd", "rate", "result", "data")
"""Where an object's number is looked for when no route is given; the published network's order."""

_BOM: Final = b"\xef\xbb\xbf"  # some servers begin UTF-8 with it; JSON does not know it
_STEP: Final = re.compile(
    r"""
    (?:^|\.)(?P<name>[^.\[\]]+)
    | \[(?P<index>[0-9]{1,9})\]
    | \[(?P<quote>["'])(?P<key>(?:[^\\]|\\.)*?)(?P=quote)\]
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_HEXADECIMAL: Final = re.compile(r"(-?)0[xX]([0-9a-fA-F]{1,64})")  # 256 bits, as JSON-RPC writes quantities


class Unreadable(RecoverableError):
    """The source's answer holds no number at the place: nothing fires, and the next observation may be better."""


# Numbers stay text; `str` because the parser calls it for each, and a class of our own takes eight times as long.
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


@lru_cache(maxsize=KEPT_MAX)
def parse_route(route: str) -> tuple[str, ...]:
    """The keys and indices of a `selected_key_route`, outermost first; empty for an empty route or `$`.

    Steps are written `data.price`, `result[0].value`, `result.0.value` or `data["key.with.dots"]` (in such quotes a
    backslash takes the next character as it is); `$` may stand before them. Raises `InvalidInput`.
    """
    text = route.strip()
    if text == "$" or text.startswith(("$.", "$[")):
        text = text[1:]
    steps: list[str] = []
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            raise InvalidInput(
                "selected_key_route",
                f'expected a route such as data.price, result[0].value or data["a.b"], got {shown(text[place:])} '
                f"at character {place}",
            )
        key = match["key"]
        steps.append(match["name"] or match["index"] or _ESCAPED.sub(r"\1", key or ""))
        place = match.end()
    if len(steps) > STEPS_MAX:
        raise InvalidInput("selected_key_route", f"expected at most {STEPS_MAX} steps, got {len(steps)}")
    return tuple(steps)


def read_number(body: bytes, route: str) -> Decimal:
    """Return the number at the route; raises `Unreadable`, and `InvalidInput` for a route that is none.

    Without a route the body is the number, or an object with the number under the first of `COMMON_KEYS` it has. Of a
    key that is written twice the last counts.
    """
    steps = parse_route(route)
    if len(body) > BODY_BYTES_MAX:
        raise Unreadable(f"expected an answer of at most {BODY_BYTES_MAX} bytes, got {len(body)}")
    try:
        value: object = _DECODER.decode(shallow_json(body.removeprefix(_BOM)))
    except ValueError as error:
        raise Unreadable(f"expected an answer in JSON, {error}") from error
    if not steps and isinstance(value, Mapping):
        steps = _common_step(value)
    for place, step in enumerate(steps):
        value = _follow(value, step, ".".join(steps[: place + 1]))
    return number_of(value)


def number_of(value: object) -> Decimal:
    """Return the exact number that a JSON value stands for: a number, its text, or 1 and 0 for true and false.

    Text may be decimal in any notation, or hexadecimal of at most 256 bits. A float counts as the shortest decimal that
    stands for it. Raises `Unreadable`, also for more digits than `core.job_fields.DECIMAL_DIGITS_MAX`.
    """
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, str) and len(value) <= NUMBER_TEXT_MAX:
        match = _HEXADECIMAL.fullmatch(value.strip())
        if match is not None:
            return Decimal(int(match[1] + match[2], 16))
    if value is None or isinstance(value, Mapping) or value == "":
        raise Unreadable(f"expected a number, got {'empty text' if value == '' else kind_of(value)}")
    try:
        return Decimal(read_decimal({"value": value}, "value", default=""))
    except InvalidInput as error:
        raise Unreadable(error.message) from error


def _common_step(value: Mapping[str, object]) -> tuple[str]:
    for key in COMMON_KEYS:
        if key in value:
            return (key,)
    raise Unreadable(f"no selected_key_route says where the number is: the object has {_named(value)}")


def _follow(value: object, step: str, route: str) -> object:
    if isinstance(value, Mapping):
        if step in value:
            return value[step]
        raise Unreadable(f"nothing at {shown(route)}: the object has {_named(value)}")
    if isinstance(value, list):
        if step.isascii() and step.isdigit() and int(step[:10]) < len(value):
            return value[int(step)]
        raise Unreadable(f"nothing at {shown(route)}: the list has {len(value)} items, counted from 0")
    raise Unreadable(f"nothing at {shown(route)}: before it comes {shown(value)}, which has no parts")


def _named(keys: Mapping[str, object]) -> str:
    """The first keys of an object, as an error may repeat them."""
    names: Sequence[str] = [shown(key) for key, _ in zip(keys, range(NAMED_MAX), strict=False)]
    if not names:
        return "no keys"
    more = len(keys) - len(names)
    return f"the keys {', '.join(names)}{f' and {more} more' if more else ''}"
