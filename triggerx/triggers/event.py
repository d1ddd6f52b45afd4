"""Event triggers: which logs a job's body means, worked out once and then compared by bytes.

A log is matched by the address that emitted it. Behind a proxy that is the proxy's own address, whose code delegates
to an implementation; so the job names the proxy, and its upgrades change nothing here.

Only what a filter asks about is read of a log's data: a `string` that is no UTF-8 stops nobody who does not filter by
it. What is asked about and cannot be read does not match.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.core.job import EventTrigger
from triggerx.evm.abi.events import EventDeclaration, topic_value
from triggerx.evm.abi.text import value_from_text
from triggerx.evm.abi.types import AbiType, Elementary, Tuple
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.ports.chain import Log
from triggerx.triggers.event_declaration import declared_event
from triggerx.triggers.log_data import DataPlace, expected_bytes

_BOOLEANS: Final = {"0": "false", "1": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """What a log must be, in bytes.

    `topic0` is None for an anonymous event, `topics_count` where the body does not say what is indexed. `topics` are
    the fixed ones after topic0, by position, `conditions` what `DataPlace.read` must give, and `data_bytes_min` is
    what the parameters in the data take at least.
    """

    chain_id: ChainId
    contract: Address
    topic0: Hash32 | None
    topics_count: int | None
    topics: tuple[tuple[int, bytes], ...] = ()
    conditions: tuple[tuple[DataPlace, bytes], ...] = ()
    data_bytes_min: int = 0

    def matches(self, log: Log) -> bool:
        """Tell whether the log, of this chain, is the event and passes every filter; never raises."""
        topics = log.topics
        if log.address != self.contract or len(log.data) < self.data_bytes_min:
            return False
        if self.topics_count is not None and len(topics) != self.topics_count:
            return False
        if self.topic0 is not None and (not topics or topics[0] != self.topic0):
            return False
        for position, value in self.topics:
            if topics[position] != value:
                return False
        return not self.conditions or all(place.read(log.data) == expected for place, expected in self.conditions)


def event_spec(trigger: EventTrigger) -> EventSpec:
    """Work out what the trigger means; raises `InvalidInput` naming the body's field that does not make sense.

    A filter's name is a parameter's, or `parameter.field` for a field of a struct that is not indexed; unnamed ones
    are `arg0`, `arg1`, … by their place. Its value is exact: numbers decimal or 0x, `true`/`false`/`1`/`0`, addresses
    in any case, bytes as 0x, text as it is (or in JSON quotes), arrays and structs as JSON.
    """
    declared, topic = declared_event(trigger.event, trigger.event_abi)
    topics: dict[int, bytes] = {}
    conditions: dict[DataPlace, bytes] = {}
    for name_field, value_field, name, text in _filters(trigger):
        if not declared.knows_indexed:
            raise InvalidInput(
                name_field,
                f"nothing says whether {name[:80]!r} is indexed: write `indexed` in trigger_event where the contract's "
                "source has it, or give event_abi",
            )
        position, place = _locate(declared, name, name_field)
        value = _value(place.kind, text, name, value_field)
        if position is None:
            known = conditions.setdefault(place, expected := expected_bytes(place.kind, value))
        else:
            known = topics.setdefault(position, expected := topic_value(place.kind, value))
        if known != expected:
            raise InvalidInput(value_field, f"another filter wants another value of {name[:80]!r}: no log has both")
    own_topics = 0 if declared.is_anonymous else 1
    in_data = (each.type.head_bytes for each in declared.parameters if not each.indexed)
    return EventSpec(
        chain_id=trigger.chain_id,
        contract=trigger.contract,
        topic0=None if declared.is_anonymous else topic,
        topics_count=own_topics + sum(declared.indexed) if declared.knows_indexed else None,
        topics=tuple(sorted(topics.items())),
        conditions=tuple(conditions.items()),
        data_bytes_min=sum(in_data) if declared.knows_indexed else 0,
    )


def _filters(trigger: EventTrigger) -> Iterator[tuple[str, str, str, str]]:
    """Every filter with the body's fields that hold its name and value: (name's field, value's field, name, value)."""
    if trigger.filter_name:
        yield "event_filter_para_name", "event_filter_value", trigger.filter_name, trigger.filter_value
    elif trigger.filter_value:
        raise InvalidInput("event_filter_para_name", "is missing: event_filter_value goes with a parameter's name")
    for place, each in enumerate(trigger.filters):
        yield f"event_filters[{place}].name", f"event_filters[{place}].value", each.name, each.value


def _locate(declared: EventDeclaration, name: str, field: str) -> tuple[int | None, DataPlace]:
    """Where the named value is: the position of its topic (None for data), and its place in the data with its type."""
    head, *path = name.strip().split(".")
    position, offset = 0 if declared.is_anonymous else 1, 0
    for parameter in declared.parameters:
        if parameter.name == head:
            break
        if parameter.indexed:
            position += 1
        else:
            offset += parameter.type.head_bytes
    else:
        names = ", ".join(each.name for each in declared.parameters)[:400]
        raise InvalidInput(
            field, f"expected a parameter of {declared.name}: {names or 'it has none'}, got {head[:80]!r}"
        )
    place = DataPlace(jumps=(), offset=offset, kind=parameter.type)
    if not parameter.indexed:
        return None, _descended(place, path, field)
    if path:
        raise InvalidInput(field, f"{head} is indexed, so a log holds only its hash: compare the whole value")
    return position, place


def _descended(place: DataPlace, path: list[str], field: str) -> DataPlace:
    """The place of a field of a struct, of a field of that field, …"""
    for name in path:
        kind = place.kind
        if not isinstance(kind, Tuple) or name not in kind.names or not name:
            raise InvalidInput(field, f"{kind.text[:120]} has no field {name[:80]!r}")
        index = kind.names.index(name)
        before = sum(each.head_bytes for each in kind.components[:index])
        place = DataPlace(
            jumps=(*place.jumps, place.offset) if kind.dynamic else place.jumps,
            offset=before if kind.dynamic else place.offset + before,
            kind=kind.components[index],
        )
    return place


def _value(kind: AbiType, text: str, name: str, field: str) -> object:
    if isinstance(kind, Elementary) and kind.kind == "bool":
        text = _BOOLEANS.get(text.strip(), text)
    try:
        return value_from_text(kind, text)
    except ValueError as error:
        raise InvalidInput(field, f"{name[:80]} is {kind.text[:120]}: {error}") from error
