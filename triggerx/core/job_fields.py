"""The fields of a JSON object as typed values: each reader names the field it refuses and what it expected.

A field that is null counts as absent. Numbers are exact: a float is taken by the decimal text that stands for it, as
JavaScript writes it, and never enters arithmetic.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.evm.types import Address, ChainId, bound_text, parse_address

Fields = Mapping[str, object]

DECIMAL_DIGITS_MAX: Final = 80  # a 256-bit number has 78; more is never a measured value
NUMBER_TEXT_MAX: Final = 200  # a longer text is refused before any conversion reads it


def read_text(raw: Fields, field: str, *, bytes_max: int, default: str | None = None) -> str:
    """Return the text, at most `bytes_max` bytes of UTF-8; without a default the field is required.

    Lone surrogates and NUL are refused: neither has a place in UTF-8 documents, and Postgres stores no NUL.
    """
    value = raw.get(field)
    if value is None:
        if default is None:
            raise InvalidInput(field, "is missing")
        return default
    if not isinstance(value, str):
        raise InvalidInput(field, f"expected text, got {kind_of(value)}")
    check_text(value, field, bytes_max=bytes_max)
    return value


def check_text(value: str, field: str, *, bytes_max: int) -> None:
    """Refuse text that is too long, or that cannot be stored and hashed as UTF-8."""
    if len(value) > bytes_max:
        raise InvalidInput(field, f"expected at most {bytes_max} bytes, got {len(value)} characters")
    try:
        length = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(field, "expected valid Unicode, it holds half of a surrogate pair") from error
    if length > bytes_max:
        raise InvalidInput(field, f"expected at most {bytes_max} bytes of UTF-8, got {length}")
    if "\0" in value:
        raise InvalidInput(field, "expected text without NUL characters")


def read_integer(raw: Fields, field: str, *, low: int, high: int, default: int | None = None) -> int:
    """Return an integer from a number or a decimal string; an empty string is absent where there is a default."""
    value = raw.get(field)
    if value is None or (value == "" and default is not None):
        if default is None:
            raise InvalidInput(field, "is missing")
        return default
    number = exact_integer(value)
    if number is None or not low <= number <= high:
        raise InvalidInput(field, f"expected a whole number from {low} to {bound_text(high)}, got {shown(value)}")
    return number


def exact_integer(value: object) -> int | None:
    """The integer a JSON value stands for, or None: integers, whole numbers in any notation, decimal strings."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        digits = value.removeprefix("-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= DECIMAL_DIGITS_MAX
        return int(value) if is_number else None
    if isinstance(value, float | Decimal):
        number = _decimal(value)
        if number is not None and number == number.to_integral_value():
            return int(number)
    return None


def read_decimal(raw: Fields, field: str, *, default: str) -> str:
    """Return an exact number in plain notation without needless zeros, from a number or its text in any notation."""
    value = raw.get(field)
    if value is None or value == "":
        return default
    number = None if isinstance(value, bool) else _decimal(value)
    if number is None:
        raise InvalidInput(field, f"expected a number of at most {DECIMAL_DIGITS_MAX} digits, got {shown(value)}")
    return plain(number)


def plain(number: Decimal) -> str:
    """The number's shortest text in plain notation; zero has no sign."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def read_flag(raw: Fields, field: str, *, default: bool = False) -> bool:
    """Return true or false."""
    value = raw.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidInput(field, f"expected true or false, got {shown(value)}")
    return value


def read_address(raw: Fields, field: str) -> Address:
    """Return an address given in any case; the checksum is not checked, as wallets and the SDK do not agree on it."""
    value = raw.get(field)
    if value is None:
        raise InvalidInput(field, "is missing")
    if not isinstance(value, str):
        raise InvalidInput(field, f"expected an address as 0x-hex, got {kind_of(value)}")
    try:
        return parse_address(value)
    except ValueError as error:
        raise InvalidInput(field, str(error)) from error


def read_chain_id(raw: Fields, field: str) -> ChainId:
    """Return a chain's id; it has 32 bits, the width of the chain's part in a job id."""
    return ChainId(read_integer(raw, field, low=1, high=(1 << 32) - 1))


def read_required(raw: Fields, field: str, bytes_max: int) -> str:
    """Return text that holds more than white space."""
    value = read_text(raw, field, bytes_max=bytes_max)
    if not value.strip():
        raise InvalidInput(field, "is empty")
    return value


def read_optional(raw: Fields, field: str, bytes_max: int) -> str:
    """Return text, empty where there is none."""
    return read_text(raw, field, bytes_max=bytes_max, default="")


def read_one_of(raw: Fields, field: str, words: Iterable[str], *, default: str | None = None) -> str:
    """Return one of these words, in any case."""
    value = read_text(raw, field, bytes_max=32, default=default).lower()
    known = sorted(words)
    if value not in known:
        raise InvalidInput(field, f"expected one of {', '.join(known)}, got {shown(value)}")
    return value


def shown(value: object) -> str:
    """The value as an error may repeat it: bounded, because it comes from outside."""
    if isinstance(value, Mapping | list):
        return kind_of(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4 * DECIMAL_DIGITS_MAX:
        return "a number that is too large"
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def kind_of(value: object) -> str:
    """The JSON word for what a value is."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "text"
        case int() | float() | Decimal():
            return "a number"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def _decimal(value: object) -> Decimal | None:
    """The exact decimal of a number or a numeric text; None for anything else, or where it has too many digits."""
    text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else ""
    if isinstance(value, int) and value.bit_length() > 4 * DECIMAL_DIGITS_MAX:
        return None
    try:
        if isinstance(value, int | Decimal):
            number = Decimal(value)
        elif text and len(text) <= NUMBER_TEXT_MAX and text.isascii() and "_" not in text:
            number = Decimal(text)
        else:
            return None
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not -DECIMAL_DIGITS_MAX <= exponent <= DECIMAL_DIGITS_MAX:
        return None
    return number if len(plain(number)) <= DECIMAL_DIGITS_MAX + 2 else None
