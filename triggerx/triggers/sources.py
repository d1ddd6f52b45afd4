"""Sources: where a condition's value comes from, as plain values, checked when the job is made.

Jobs with equal sources share one observation, and sources with an equal `request` one answer: they differ in the route
alone. How an answer becomes a value is in `readings`.
"""

import hashlib
from dataclasses import dataclass, fields
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from triggerx.core.canonical import Json, canonical_json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import ConditionTrigger
from triggerx.core.job_fields import read_decimal, shown
from triggerx.evm.types import Address, ChainId, parse_address, to_hex
from triggerx.triggers.json_route import parse_route
from triggerx.triggers.view_call import encode_call, output_path


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSource:
    """The number at `route` in the JSON that a GET of `url` answers."""

    url: str
    route: str

    @property
    def request(self) -> str:
        """What is fetched: sources with the same request share one fetch."""
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSource:
    """The number at `route` in each JSON message of the WebSocket at `url` that has one there."""

    url: str
    route: str

    @property
    def request(self) -> str:
        """What is opened: sources with the same request share one connection."""
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticSource:
    """The number itself, in plain notation."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource:
    """The answer of a Chainlink-style feed (AggregatorV3Interface) in units of its decimals."""

    chain_id: ChainId
    feed: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSource:
    """What `function` of `contract` returns for textual `arguments`, the value at `route`: see `view_call`."""

    chain_id: ChainId
    contract: Address
    function: str
    arguments: tuple[str, ...]
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSource:
    """What `function` of the script at `url` returns; an empty language is the runner's to tell."""

    url: str
    language: str
    function: str


Source: TypeAlias = HttpSource | WebSocketSource | StaticSource | FeedSource | ViewSource | ScriptSource

_KINDS: Final = {
    HttpSource: "api",
    WebSocketSource: "websocket",
    StaticSource: "static",
    FeedSource: "oracle",
    ViewSource: "view",
    ScriptSource: "script",
}


def source_of(trigger: ConditionTrigger) -> Source:
    """Return where the trigger's value comes from; raises `InvalidInput` naming the body's field."""
    match trigger.source_type:
        case "api":
            url = _url(trigger.source_url, ("http", "https"))
            parse_route(trigger.selected_key_route)
            return HttpSource(url=url, route=trigger.selected_key_route.strip())
        case "websocket":
            url = _url(trigger.source_url, ("ws", "wss"))
            parse_route(trigger.selected_key_route)
            return WebSocketSource(url=url, route=trigger.selected_key_route.strip())
        case "static":
            text = {"value_source_url": trigger.source_url}
            return StaticSource(value=read_decimal(text, "value_source_url", default="0"))
        case "oracle":
            return FeedSource(chain_id=_chain_id(trigger), feed=_address(trigger.source_url))
        case "view":
            return _view_of(trigger)
        case "script":
            if not trigger.script_function:
                raise InvalidInput("script_trigger_function", "is missing: a source of type script needs it")
            return ScriptSource(
                url=trigger.source_url, language=trigger.script_language, function=trigger.script_function
            )
        case _:
            known = ", ".join(_KINDS.values())
            raise InvalidInput("value_source_type", f"expected one of {known}, got {shown(trigger.source_type)}")


def name_of(source: Source) -> str:
    """Return the source's name, as evidence and the store call it: its kind and the SHA-256 of its canonical form."""
    kind = _KINDS[type(source)]
    form = {field.name: _json(getattr(source, field.name)) for field in fields(source)}
    return f"{kind}:{hashlib.sha256(canonical_json({'kind': kind, **form})).hexdigest()}"


def _view_of(trigger: ConditionTrigger) -> ViewSource:
    if not trigger.function.strip():
        raise InvalidInput("value_source_function", "is missing: a source of type view needs it")
    encode_call(trigger.function, trigger.arguments)
    output_path(trigger.function, trigger.selected_key_route)
    return ViewSource(
        chain_id=_chain_id(trigger),
        contract=_address(trigger.source_url),
        function=trigger.function.strip(),
        arguments=trigger.arguments,
        route=trigger.selected_key_route.strip(),
    )


def _url(text: str, schemes: tuple[str, ...]) -> str:
    expected = f"expected a URL of {' or '.join(schemes)}"
    try:
        parts = urlsplit(text.strip())
        host = parts.hostname
    except ValueError as error:
        raise InvalidInput("value_source_url", f"{expected}, got {shown(text)}: {error}") from error
    if parts.scheme not in schemes or not host:
        raise InvalidInput("value_source_url", f"{expected}, got {shown(text)}")
    return text.strip()


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise InvalidInput("value_source_url", f"is to be the contract's address: {error}") from error


def _chain_id(trigger: ConditionTrigger) -> ChainId:
    if trigger.chain_id is None:
        raise InvalidInput(
            "value_source_chain_id", f"is missing: a source of type {trigger.source_type} is read on chain"
        )
    return trigger.chain_id


def _json(value: str | int | bytes | tuple[str, ...]) -> Json:
    if isinstance(value, bytes):
        return to_hex(value)
    return list(value) if isinstance(value, tuple) else value
