"""What may come back from a script: JSON of exact numbers, bounded in size and depth."""

import json
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

from triggerx.core.canonical import Json
from triggerx.evm.nesting import shallow_json
from triggerx.scripts.worker import Failed

DEPTH_MAX: Final = 32  # lists in lists of an answer; the node's reader of JSON takes 64
INTEGER_BITS_MAX: Final = 14_000  # Python itself writes and reads integers of 4,300 digits, which have more


def answer_of(value: object, *, bytes_max: int) -> Json:
    """The returned value as JSON: exact integers, floats and decimals by their text, tuples as lists."""
    left = bytes_max  # every value takes a byte of JSON at least

    def plain(item: object, depth: int) -> Json:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEPTH_MAX:
            raise Failed("value", f"the answer has more than {bytes_max} bytes or {DEPTH_MAX} levels")
        match item:
            case None | bool() | str():
                return item
            case int():
                if item.bit_length() > INTEGER_BITS_MAX:
                    raise Failed("value", f"the answer has an integer of more than {INTEGER_BITS_MAX} bits")
                return item
            case float() | Decimal():
                if not Decimal(item).is_finite():
                    raise Failed("value", f"the answer has a number that is not finite: {item}")
                return repr(item) if isinstance(item, float) else str(item)
            case list() | tuple():
                return [plain(each, depth + 1) for each in item]
            case dict() if all(isinstance(key, str) for key in item):
                return {key: plain(each, depth + 1) for key, each in item.items()}
        raise Failed(
            "value",
            f"the answer has a {type(item).__name__}: expected numbers, text, booleans, None, "
            "lists of them and dictionaries of them with text as keys",
        )

    answer = plain(value, 0)
    if len(json.dumps(answer)) > bytes_max:
        raise Failed("value", f"the answer has more than {bytes_max} bytes as JSON")
    return answer


def answer_from(text: bytes, *, bytes_max: int) -> Json:
    """The answer that a script wrote as JSON; a number with a point or an exponent is its text."""
    if not text:
        raise Failed("value", "the script printed no answer")
    if len(text) > bytes_max:
        raise Failed("value", f"the answer has more than {bytes_max} bytes")
    try:
        value = json.loads(shallow_json(text), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise Failed("value", f"the last line that the script printed is no JSON: {error}") from error
    return answer_of(value, bytes_max=bytes_max)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not finite")
