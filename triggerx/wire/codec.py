"""Messages to payload bytes and back; every message has exactly one payload, and every other byte string is refused.

Whatever is wrong raises `InvalidInput` that names the field, when writing as well as when reading: a node sends nothing
that others would refuse.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Final, TypeVar, get_args

import msgspec

from triggerx.core import messages
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobId
from triggerx.core.messages import Message
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Assignment, Firing
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.wire import limits
from triggerx.wire import payloads as wire

FieldsT = TypeVar("FieldsT", bound=wire.Fields)


class Kind(IntEnum):
    """The number of each message type in an envelope: announcements from 1, requests from 16, replies from 32."""

    CHECKED_IN = 1
    TASK_PERFORMED = 2
    VOTES_CAST = 3
    ASSIGN_TASKS = 16
    FETCH_DOCUMENT = 17
    PULL_ANNOUNCEMENTS = 18
    TASK_ANSWERS = 32
    DOCUMENT = 33
    ANNOUNCEMENTS = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How one kind is written. `bytes_max` bounds the whole payload."""

    kind: Kind
    message: type[Message]
    fields: type[wire.Fields]
    write: Callable[[Any], wire.Fields]
    read: Callable[[Any], Message]
    bytes_max: int


def encode_payload(message: Message) -> tuple[Kind, bytes]:
    """Write a message; raises `InvalidInput` for what no other node would accept."""
    form = _by_type()[type(message)]
    try:
        payload = msgspec.msgpack.encode(form.write(message))
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(form.kind.name.lower(), f"has a number or a text that no field can hold: {error}") from error
    decode_payload(form.kind, payload)
    return form.kind, payload


def decode_payload(kind: int, payload: bytes) -> Message:
    """Read the payload of this kind; raises `InvalidInput`."""
    form = _by_number().get(kind)
    if form is None:
        raise InvalidInput("kind", f"{kind} is not a message kind of protocol version 1")
    if len(payload) > form.bytes_max:
        raise InvalidInput(
            "payload", f"{form.kind.name} has {len(payload)} bytes, more than the {form.bytes_max} allowed"
        )
    fields = decode_fields(payload, form.fields)
    try:
        return form.read(fields)
    except ValueError as error:
        raise InvalidInput(form.kind.name.lower(), str(error)) from error


def kind_of(message_type: type[Message]) -> Kind:
    """Return the number of a message type."""
    return _by_type()[message_type].kind


def payload_bytes_max(kind: Kind) -> int:
    """Return the most bytes a payload of this kind may have."""
    return _by_number()[kind].bytes_max


def decode_fields(data: bytes, fields_type: type[FieldsT], *, whole: str = "payload") -> FieldsT:
    """Read one array of fields in its only form; raises `InvalidInput` for the field, or for `whole`."""
    try:
        fields = _decoder(fields_type).decode(data)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise InvalidInput(_place(fields_type, path) or whole, text[:1].lower() + text[1:]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(whole, f"is not MessagePack: {error}") from error
    # One message, one byte string: MessagePack itself would allow longer forms of the same numbers and lengths.
    if msgspec.msgpack.encode(fields) != data:
        raise InvalidInput(whole, "is not in its shortest form")
    return fields  # type: ignore[no-any-return]  # msgspec's decoder is generic, the cache of decoders is not


@cache
def _decoder(fields_type: type[wire.Fields]) -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(fields_type)


def _place(fields_type: type[wire.Fields], path: str) -> str:
    """Turn msgspec's `[0][...][9][3]` into `orders[].assignment.roster[3]`."""
    place = ""
    present: type[wire.Fields] | None = fields_type
    listed: type[wire.Fields] | None = None
    for number in re.findall(r"\[(\d+|\.\.\.)\]", path):
        if present is None:
            place += "[]" if number == "..." else f"[{number}]"
            present, listed = listed, None
            continue
        name = present.__struct_fields__[int(number)]
        place += f".{name}" if place else name
        annotation = present.__annotations__[name]
        present, listed = _fields_or_none(annotation), _fields_or_none(_element(annotation))
    return place


def _fields_or_none(annotation: object) -> type[wire.Fields] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, wire.Fields) else None


def _element(annotation: object) -> object:
    """The elements' type of an annotated list; None for anything else."""
    listed = next(iter(get_args(annotation)), None)
    return next(iter(get_args(listed)), None)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _write_assignment(signed: SignedAssignment) -> wire.AssignmentFields:
    order, firing = signed.assignment, signed.firing
    return wire.AssignmentFields(
        task_key=order.task_key,
        performer=order.performer,
        attempt=order.attempt,
        not_before=order.not_before,
        not_after=order.not_after,
        job_id=_word(signed.job_id),
        firing=wire.FiringFields(
            kind=firing.kind, index=_word(firing.index), chain_id=firing.chain_id, tx_hash=firing.tx_hash
        ),
        seed_block=signed.seed_block,
        seed_block_hash=signed.seed_block_hash,
        roster=list(signed.roster),
        signature=signed.signature,
    )


def _read_assignment(f: wire.AssignmentFields) -> SignedAssignment:
    return SignedAssignment(
        assignment=Assignment(
            task_key=Hash32(f.task_key),
            performer=Address(f.performer),
            attempt=f.attempt,
            not_before=f.not_before,
            not_after=f.not_after,
        ),
        job_id=JobId(_number(f.job_id)),
        firing=Firing(
            kind=f.firing.kind,
            index=_number(f.firing.index),
            chain_id=ChainId(f.firing.chain_id),
            tx_hash=Hash32(f.firing.tx_hash),
        ),
        seed_block=f.seed_block,
        seed_block_hash=Hash32(f.seed_block_hash),
        roster=tuple(f.roster),
        signature=f.signature,
    )


def _write_order(order: messages.Order) -> wire.OrderFields:
    return wire.OrderFields(assignment=_write_assignment(order.assignment), body=order.body, evidence=order.evidence)


def _read_order(fields: wire.OrderFields) -> messages.Order:
    return messages.Order(assignment=_read_assignment(fields.assignment), body=fields.body, evidence=fields.evidence)


def _read_announcements(f: wire.AnnouncementsFields) -> messages.Announcements:
    total = sum(len(envelope) for envelope in f.envelopes)
    if total > limits.ENVELOPES_BYTES_MAX:
        raise InvalidInput(
            "envelopes", f"have {total} bytes together, more than the {limits.ENVELOPES_BYTES_MAX} allowed"
        )
    return messages.Announcements(envelopes=tuple(f.envelopes))


def _same(make: Callable[..., object], fields_type: type[wire.Fields]) -> tuple[Any, Any]:
    """Writer and reader of a message whose fields have the same names and types on the wire (lists for tuples)."""
    names = fields_type.__struct_fields__

    def write(message: object) -> wire.Fields:
        return fields_type(**{name: getattr(message, name) for name in names})

    def read(fields: wire.Fields) -> object:
        values = {name: getattr(fields, name) for name in names}
        return make(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})

    return write, read


_ANNOUNCED: Final = limits.ANNOUNCEMENT_BYTES_MAX - limits.ENVELOPE_OVERHEAD_BYTES_MAX
_ASKED: Final = 1024  # a short request: two words
_ANSWERED: Final = 4 * limits.TEXT_CHARACTERS_MAX + _ASKED  # to one order: two words and a sentence
_CARRIED: Final = limits.ENVELOPE_BYTES_MAX - limits.ENVELOPE_OVERHEAD_BYTES_MAX


@cache
def _forms() -> tuple[_Form, ...]:
    plain: list[tuple[Kind, type[Message], type[wire.Fields], int]] = [
        (Kind.CHECKED_IN, messages.CheckedIn, wire.CheckedInFields, _ANNOUNCED),
        (Kind.TASK_PERFORMED, messages.TaskPerformed, wire.TaskPerformedFields, _ANNOUNCED),
        (Kind.FETCH_DOCUMENT, messages.FetchDocument, wire.FetchDocumentFields, _ASKED),
        (Kind.PULL_ANNOUNCEMENTS, messages.PullAnnouncements, wire.PullAnnouncementsFields, _ASKED),
        (Kind.DOCUMENT, messages.Document, wire.DocumentFields, _CARRIED),
    ]
    forms = []
    for kind, message, fields, bytes_max in plain:
        write, read = _same(message, fields)
        forms.append(_Form(kind=kind, message=message, fields=fields, write=write, read=read, bytes_max=bytes_max))
    forms.append(
        _Form(
            kind=Kind.ASSIGN_TASKS,
            message=messages.AssignTasks,
            fields=wire.AssignTasksFields,
            write=lambda m: wire.AssignTasksFields(orders=[_write_order(order) for order in m.orders]),
            read=lambda f: messages.AssignTasks(orders=tuple(_read_order(order) for order in f.orders)),
            bytes_max=_CARRIED,
        )
    )
    write_vote, read_vote = _same(messages.Vote, wire.VoteFields)
    forms.append(
        _Form(
            kind=Kind.VOTES_CAST,
            message=messages.VotesCast,
            fields=wire.VotesCastFields,
            write=lambda m: wire.VotesCastFields(votes=[write_vote(vote) for vote in m.votes]),
            read=lambda f: messages.VotesCast(votes=tuple(read_vote(vote) for vote in f.votes)),
            bytes_max=_ANNOUNCED,
        )
    )
    write_answer, read_answer = _same(messages.TaskAnswer, wire.TaskAnswerFields)
    forms.append(
        _Form(
            kind=Kind.TASK_ANSWERS,
            message=messages.TaskAnswers,
            fields=wire.TaskAnswersFields,
            write=lambda m: wire.TaskAnswersFields(answers=[write_answer(answer) for answer in m.answers]),
            read=lambda f: messages.TaskAnswers(answers=tuple(read_answer(answer) for answer in f.answers)),
            bytes_max=limits.ORDERS_MAX * _ANSWERED,
        )
    )
    forms.append(
        _Form(
            kind=Kind.ANNOUNCEMENTS,
            message=messages.Announcements,
            fields=wire.AnnouncementsFields,
            write=lambda m: wire.AnnouncementsFields(envelopes=list(m.envelopes)),
            read=_read_announcements,
            bytes_max=_CARRIED,
        )
    )
    return tuple(forms)


@cache
def _by_number() -> dict[int, _Form]:
    return {form.kind: form for form in _forms()}


@cache
def _by_type() -> dict[type[Message], _Form]:
    return {form.message: form for form in _forms()}
