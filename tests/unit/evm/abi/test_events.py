"""Declarations of events from text and JSON, and the topics of indexed values."""

import json
from typing import Any

import pytest
from eth_abi.abi import default_codec as oracle
from eth_utils.abi import abi_to_signature, event_signature_to_log_topic
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evm.abi.real_events import REAL_EVENTS
from tests.unit.evm.abi.strategies import type_texts, value_of
from triggerx.evm.abi.events import bare_event_name, events_from_abi, is_fully_named, parse_event, topic_value
from triggerx.evm.abi.types import AbiType, Array, Elementary, parse_type

spaces = st.sampled_from(["", " ", "  ", "\n\t"])
gaps = st.sampled_from([" ", "  ", "\n    "])


def json_type(kind: AbiType) -> dict[str, Any]:
    """A type as a JSON ABI writes it, made from the tree alone."""
    if isinstance(kind, Array):
        inner = json_type(kind.element)
        return inner | {"type": f"{inner['type']}[{'' if kind.length is None else kind.length}]"}
    if isinstance(kind, Elementary):
        return {"type": kind.text}
    fields = [json_type(each) | {"name": f"f{place}"} for place, each in enumerate(kind.components)]
    return {"type": "tuple", "components": fields}


@st.composite
def written(draw: st.DrawFn, kind: AbiType) -> str:
    """A type as an author might write it: aliases, spaces, and names of fields."""
    if isinstance(kind, Array):
        size = "" if kind.length is None else str(kind.length)
        return f"{draw(written(kind.element))}{draw(spaces)}[{draw(spaces)}{size}{draw(spaces)}]"
    if isinstance(kind, Elementary):
        aliases = {"uint256": "uint", "int256": "int", "bytes1": "byte"}
        return draw(st.sampled_from([kind.text, aliases.get(kind.text, kind.text)]))
    named = [
        draw(written(each)) + draw(st.sampled_from(["", f" f{place}"])) for place, each in enumerate(kind.components)
    ]
    return f"{draw(st.sampled_from(['', 'tuple']))}({draw(spaces)}{(draw(spaces) + ',' + draw(spaces)).join(named)})"


@st.composite
def declarations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An event's text and its entry in a JSON ABI."""
    kinds = [parse_type(text) for text in draw(st.lists(type_texts, max_size=4))]
    is_anonymous = draw(st.booleans())
    indexed = [draw(st.booleans()) and place < 3 for place in range(len(kinds))]
    parameters = [
        draw(written(kind)) + (f"{draw(gaps)}indexed" if is_indexed else "") + draw(st.sampled_from(["", f" p{place}"]))
        for place, (kind, is_indexed) in enumerate(zip(kinds, indexed, strict=True))
    ]
    inside = (draw(spaces) + "," + draw(gaps)).join(parameters)
    word = draw(st.sampled_from(["", "event "]))
    end = (draw(spaces) + "anonymous" if is_anonymous else "") + draw(st.sampled_from(["", ";", " ; "]))
    inputs = [
        json_type(kind) | {"name": f"p{place}", "indexed": is_indexed}
        for place, (kind, is_indexed) in enumerate(zip(kinds, indexed, strict=True))
    ]
    entry = {"type": "event", "name": "Seen", "inputs": inputs, "anonymous": is_anonymous}
    return f"{draw(spaces)}{word}Seen{draw(spaces)}({draw(spaces)}{inside}{draw(spaces)}){end}", entry


@settings(max_examples=300, deadline=None)
@given(declarations())
def test_declaration_when_written_in_any_way_then_has_the_topic_of_eth_utils(case: tuple[str, dict[str, Any]]) -> None:
    text, entry = case
    declared = parse_event(text)
    canonical = abi_to_signature(entry)  # type: ignore[arg-type]  # a plain dictionary
    assert declared.signature == canonical
    assert declared.topic == event_signature_to_log_topic(canonical)
    (listed,) = events_from_abi(json.dumps([entry]), "Seen")
    assert (listed.signature, listed.is_anonymous, listed.indexed) == (
        canonical,
        declared.is_anonymous,
        declared.indexed,
    )


@pytest.mark.parametrize(("text", "canonical"), REAL_EVENTS)
def test_declaration_when_a_known_contracts_then_has_its_topic(text: str, canonical: str) -> None:
    declared = parse_event(text)
    assert declared.signature == canonical
    assert declared.topic == event_signature_to_log_topic(canonical)
    assert declared.knows_indexed == ("indexed" in text or canonical.endswith("()"))


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Transfer(address,address,uint)", "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
        ("Approval(address,address,uint256)", "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"),
        (
            "event Sync(uint112 reserve0, uint112 r1);",
            "1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1",
        ),
        ("Paused(address account)", "62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258"),
    ],
)
def test_topic_when_the_event_is_famous_then_is_the_one_on_chain(text: str, topic: str) -> None:
    assert parse_event(text).topic.hex() == topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Transfer",
        "Transfer(",
        "Transfer)",
        "(address)",
        "Transfer(address))",
        "Transfer(address,)",
        "Transfer(IERC20 token)",
        "Transfer(address) view",
        "Transfer(address) returns (bool)",
        "Transfer(address) returns ()",
        "function Transfer(address)",
        "Transfer(address);;",
        "Transfer(address) anonymous anonymous",
        "Transfer(address indexed a, address indexed b, address indexed c, address indexed d)",
        "Trånsfer(address)",
        "Transfer(uint٢)",
        "T(" + "(" * 40 + "uint8" + ")" * 40 + ")",
        "T(" + ")" * 900,
    ],
)
def test_declaration_when_it_is_none_then_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_event(text)


def test_declaration_when_anonymous_then_may_index_four() -> None:
    text = "E(address indexed a, address indexed b, address indexed c, address indexed d) anonymous"
    assert parse_event(text).indexed == (True,) * 4


@pytest.mark.parametrize(
    ("text", "name"),
    [("Paused", "Paused"), (" event Paused ; ", "Paused"), ("event", "event"), ("Paused()", None), ("a b", None)],
)
def test_name_when_it_stands_alone_then_is_found(text: str, name: str | None) -> None:
    assert bare_event_name(text) == name


ENTRY = '{"type": "event", "name": "Set", "inputs": [{"type": "uint8", "name": "by", "indexed": true}]}'


@pytest.mark.parametrize(
    "abi", [ENTRY, f"[{ENTRY}]", f'[1, {{"type": "fallback"}}, {ENTRY}, {ENTRY}]', f'{{"abi": [{ENTRY}]}}']
)
def test_abi_when_it_holds_the_event_then_gives_it_once(abi: str) -> None:
    (declared,) = events_from_abi(abi, "Set")
    assert (declared.signature, declared.indexed, declared.parameters[0].name) == ("Set(uint8)", (True,), "by")
    assert events_from_abi(abi, "set") == ()


@pytest.mark.parametrize(
    "abi",
    [
        "",
        "{}",
        "text",
        "[" * 10_000,
        '{"type": "event", "name": "Set", "inputs": 5}',
        '{"type": "event", "name": "Set", "inputs": [7]}',
        '{"type": "event", "name": "Set", "inputs": [{"name": "by"}]}',
        '{"type": "event", "name": "Set", "inputs": [{"type": "IERC20"}]}',
    ],
)
def test_abi_when_it_is_none_then_is_refused(abi: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        events_from_abi(abi, "Set")


def in_place(kind: AbiType, value: Any) -> bytes:
    """The encoding in which Solidity hashes an indexed array or struct, by eth_abi's words."""
    if isinstance(kind, Array):
        return b"".join(in_place(kind.element, item) for item in value)
    if isinstance(kind, Elementary):
        return oracle.encode([kind.text], [value])[64 if kind.dynamic else 0 :]
    return b"".join(in_place(each, item) for each, item in zip(kind.components, value, strict=True))


@settings(max_examples=200, deadline=None)
@given(type_texts.map(parse_type).flatmap(lambda kind: st.tuples(st.just(kind), value_of(kind))))
def test_topic_value_when_of_any_type_then_is_the_word_or_the_hash(case: tuple[AbiType, Any]) -> None:
    kind, value = case
    if not isinstance(kind, Elementary):
        expected = keccak(in_place(kind, value))
    elif kind.dynamic:
        expected = keccak(value.encode() if isinstance(value, str) else value)
    else:
        expected = oracle.encode([kind.text], [value])
    assert topic_value(kind, value) == expected


def test_topic_value_when_a_struct_holds_text_then_pads_it_without_its_length() -> None:
    kind = parse_type("(string,uint8[])")
    expected = keccak(b"hello".ljust(32, b"\0") + bytes(31) + b"\1" + bytes(31) + b"\2")
    assert topic_value(kind, ("hello", (1, 2))) == expected


@pytest.mark.parametrize(
    ("text", "is_named"),
    [("uint8", True), ("(uint8 a)[]", True), ("(uint8)", False), ("(uint8 a,(bool) b)[2]", False)],
)
def test_type_when_a_struct_lacks_names_then_says_so(text: str, is_named: bool) -> None:
    assert is_fully_named(parse_type(text)) is is_named
