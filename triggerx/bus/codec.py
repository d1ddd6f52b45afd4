"""Bus events as text and back: the one place that knows how an event travels between processes.

An event is a JSON array of its type's name and its fields in order, all of them text: `["JobCreated","7"]`. The page
`triggerx.events` is the only source: an event that is added there travels, as long as its fields are of the types
below.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, get_args, get_type_hints

from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobId
from triggerx.core.task import TaskStatus
from triggerx.events import Event
from triggerx.evm.types import Address, Hash32, parse_address, parse_hash32, to_hex

EVENT_BYTES_MAX: Final = 1024
"""Ids only: the longest that any of ours needs is a hash and a CID, below 200 bytes."""
_UINT256_DIGITS_MAX: Final = 78


@dataclass(frozen=True, slots=True)
class _Form:
    """How a field of one type is written and read; `read` raises `ValueError`."""

    write: Callable[[Any], str]
    read: Callable[[str], object]


def encode_event(event: Event) -> str:
    """Write an event; raises `InvalidInput` for one that is longer than `EVENT_BYTES_MAX`, which no id is."""
    name = type(event).__name__
    values = [form.write(getattr(event, field)) for field, form in _FORMS[name].items()]
    text = json.dumps([name, *values], separators=(",", ":"))
    if len(text) > EVENT_BYTES_MAX:
        raise InvalidInput(name, f"is {len(text)} bytes long, at most {EVENT_BYTES_MAX} travel: events hold ids only")
    return text


def decode_event(raw: object) -> Event | None:
    """Read one event as JSON gives it; None for a type that this version does not know, as a newer process may send.

    Raises `InvalidInput` for everything else that `encode_event` would not have written.
    """
    if not isinstance(raw, list) or not raw or not all(isinstance(part, str) for part in raw):
        raise InvalidInput("event", "expected an array of texts, the type's name first")
    name, *values = raw
    if name not in _FORMS:
        return None
    forms = _FORMS[name]
    if len(values) != len(forms):
        raise InvalidInput(name, f"expected {len(forms)} fields, got {len(values)}")
    return _TYPES[name](*(_read(name, field, forms[field], text) for field, text in zip(forms, values, strict=True)))


def _read(name: str, field: str, form: _Form, text: str) -> object:
    try:
        return form.read(text)
    except ValueError as error:
        raise InvalidInput(f"{name}.{field}", str(error)) from error


def _read_job_id(text: str) -> JobId:
    if not (text.isascii() and text.isdecimal()) or len(text) > _UINT256_DIGITS_MAX or int(text) >= 2**256:
        raise ValueError("expected a decimal number of at most 256 bits")
    return JobId(int(text))


_BY_TYPE: Final[Mapping[object, _Form]] = {
    JobId: _Form(str, _read_job_id),
    Hash32: _Form(to_hex, parse_hash32),
    Address: _Form(to_hex, parse_address),
    TaskStatus: _Form(str, TaskStatus),
    str: _Form(str, str),
}


def _forms_of(event_type: type[Event]) -> dict[str, _Form]:
    hints = get_type_hints(event_type)
    return {field.name: _BY_TYPE[hints[field.name]] for field in fields(event_type)}


EVENT_TYPES: Final[Sequence[type[Event]]] = get_args(Event)
_TYPES: Final[Mapping[str, Callable[..., Event]]] = {each.__name__: each for each in EVENT_TYPES}
_FORMS: Final = {each.__name__: _forms_of(each) for each in EVENT_TYPES}
