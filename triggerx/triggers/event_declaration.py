"""Which event a job's body names: its signature, completed by its `event_abi`.

Neither spaces nor names nor aliases of types change the topic. Where both say something, they must agree; where neither
says which parameters are indexed, the declaration says that it does not know.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.evm.abi.events import EventDeclaration, bare_event_name, events_from_abi, is_fully_named, parse_event
from triggerx.evm.abi.types import Parameter
from triggerx.evm.types import Hash32

DECLARATIONS_KEPT: Final = 256  # thousands of jobs wait for the same few events; an ABI of 32 KiB each makes 8 MiB


@lru_cache(maxsize=DECLARATIONS_KEPT)
def declared_event(event: str, event_abi: str) -> tuple[EventDeclaration, Hash32]:
    """The event as signature and ABI together declare it, all its parameters named, and its topic.

    Raises `InvalidInput` naming `trigger_event` or `event_abi`.
    """
    written = _written(event)
    if event_abi.strip():
        declared = _completed(event, written, event_abi)
    elif written is None:
        raise InvalidInput(
            "trigger_event", f"{event[:120]!r} has no parameters: write them as in Paused(address), or give event_abi"
        )
    else:
        # Who writes `anonymous` writes as the source does, where a parameter without `indexed` is not indexed.
        declared = replace(written, knows_indexed=written.knows_indexed or written.is_anonymous)
    named = tuple(replace(each, name=each.name or f"arg{place}") for place, each in enumerate(declared.parameters))
    if len({each.name for each in named}) != len(named):
        raise InvalidInput("trigger_event", f"expected parameters of different names in {event[:120]!r}")
    return replace(declared, parameters=named), declared.topic


def _written(event: str) -> EventDeclaration | None:
    """What the signature declares; None when it is a name alone."""
    if bare_event_name(event) is not None:
        return None
    try:
        return parse_event(event)
    except ValueError as error:
        raise InvalidInput(
            "trigger_event",
            f"{error}; a struct is written as its fields (uint256,address), a contract as address, an enum as uint8",
        ) from error


def _completed(event: str, written: EventDeclaration | None, event_abi: str) -> EventDeclaration:
    """The one declaration of the ABI that the signature means, with the names that the signature has itself."""
    name = str(bare_event_name(event)) if written is None else written.name
    try:
        namesakes = events_from_abi(event_abi, name)
    except ValueError as error:
        raise InvalidInput("event_abi", str(error)) from error
    found = namesakes if written is None else [each for each in namesakes if each.signature == written.signature]
    others = ", ".join(sorted({each.signature for each in namesakes}))[:400]
    if not found:
        wanted = name if written is None else written.signature
        raise InvalidInput("event_abi", f"has no event {wanted[:120]}" + (f", but {others}" if others else ""))
    if written is not None and (written.is_anonymous or any(written.indexed)):
        found = [
            each
            for each in found
            if (each.is_anonymous or not written.is_anonymous)
            and (each.indexed == written.indexed or not any(written.indexed))
        ]
        if not found:
            raise InvalidInput(
                "trigger_event", "its `indexed` and `anonymous` contradict event_abi: correct one of them"
            )
    if len(found) > 1:
        raise InvalidInput(
            "trigger_event",
            f"event_abi declares several: write the full signature, with names and `indexed`, of one of {others}",
        )
    if written is None:
        return found[0]
    return replace(found[0], parameters=tuple(map(_preferred, written.parameters, found[0].parameters)))


def _preferred(written: Parameter, listed: Parameter) -> Parameter:
    """A parameter of the ABI, with the names that the signature gives."""
    return Parameter(
        type=written.type if is_fully_named(written.type) else listed.type,
        name=written.name or listed.name,
        indexed=listed.indexed,
    )
