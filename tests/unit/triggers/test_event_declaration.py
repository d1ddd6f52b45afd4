"""How signature and ABI complete each other, and what is refused when they do not."""

import json
from typing import Any

import pytest

from tests.unit.triggers.events import TRANSFER, TRANSFER_ABI
from triggerx.core.errors import InvalidInput
from triggerx.triggers.event_declaration import declared_event


def entry(name: str, *inputs: str, **more: Any) -> dict[str, Any]:
    """An event's entry; an input is `type name`, with `indexed` between them or not."""
    listed = []
    for text in inputs:
        kind, *rest = text.split()
        listed.append({"type": kind, "name": rest[-1], "indexed": "indexed" in rest})
    return {"type": "event", "name": name, "inputs": listed, **more}


OVERLOADED = json.dumps(
    [entry("Set", "uint256 indexed key"), entry("Set", "string key"), entry("Gone"), {"type": "fallback"}]
)


def described(event: str, abi: str) -> list[tuple[str, str, bool]]:
    declared, _ = declared_event(event, abi)
    return [(each.type.text, each.name, each.indexed) for each in declared.parameters]


@pytest.mark.parametrize(
    ("event", "abi", "expected"),
    [
        (TRANSFER, "", [("address", "from", True), ("address", "to", True), ("uint256", "value", False)]),
        ("Transfer", TRANSFER_ABI, [("address", "from", True), ("address", "to", True), ("uint256", "value", False)]),
        (
            "Transfer(address src,address,uint wad)",
            TRANSFER_ABI,
            [("address", "src", True), ("address", "to", True), ("uint256", "wad", False)],
        ),
        ("Set(string)", OVERLOADED, [("string", "key", False)]),
        ("event Set(uint);", OVERLOADED, [("uint256", "key", True)]),
        ("Gone", OVERLOADED, []),
        ("Pair(uint8,uint8 indexed)", "", [("uint8", "arg0", False), ("uint8", "arg1", True)]),
    ],
)
def test_event_when_signature_and_abi_are_read_together_then_is_whole(
    event: str, abi: str, expected: list[tuple[str, str, bool]]
) -> None:
    assert described(event, abi) == expected
    assert declared_event(event, abi)[0].knows_indexed


def test_event_when_the_abi_alone_names_a_structs_fields_then_they_are_known() -> None:
    fields = [{"type": "address", "name": "maker"}, {"type": "uint256", "name": "price"}]
    order = {"type": "tuple[]", "name": "orders", "components": fields}
    abi = json.dumps([{"type": "event", "name": "Filled", "inputs": [order]}])
    bare, _ = declared_event("Filled((address,uint256)[] found)", abi)
    assert bare.parameters[0].name == "found"
    assert "'maker', 'price'" in repr(bare.parameters[0].type)
    own, _ = declared_event("Filled((address a,uint256 b)[])", abi)
    assert own.parameters[0].name == "orders"
    assert "'a', 'b'" in repr(own.parameters[0].type)


def test_event_when_the_abi_declares_it_twice_alike_then_it_is_one() -> None:
    abi = json.dumps([entry("Set", "uint8 indexed by")] * 2)
    assert described("Set", abi) == [("uint8", "by", True)]


def test_event_when_the_abi_has_two_readings_then_the_signatures_indexed_decides() -> None:
    abi = json.dumps([entry("Set", "uint8 indexed by"), entry("Set", "uint8 by")])
    assert described("Set(uint8 indexed by)", abi) == [("uint8", "by", True)]
    with pytest.raises(InvalidInput, match="declares several") as caught:
        declared_event("Set(uint8)", abi)
    assert caught.value.field == "trigger_event"


def test_event_when_its_name_is_overloaded_then_wants_the_signature() -> None:
    with pytest.raises(InvalidInput, match=r"Set\(string\), Set\(uint256\)") as caught:
        declared_event("Set", OVERLOADED)
    assert caught.value.field == "trigger_event"


@pytest.mark.parametrize(
    "event",
    [
        "Transfer(address indexed from, address to, uint256 value)",
        "Transfer(address,address,uint256) anonymous",
        "Transfer(address indexed,address indexed,uint256) anonymous",
    ],
)
def test_event_when_signature_and_abi_contradict_each_other_then_is_refused(event: str) -> None:
    with pytest.raises(InvalidInput, match="contradict event_abi") as caught:
        declared_event(event, TRANSFER_ABI)
    assert caught.value.field == "trigger_event"


@pytest.mark.parametrize(
    ("event", "expected"),
    [("Transfer(address,address,uint256)", False), ("Pause()", True), ("Note(uint8) anonymous", True)],
)
def test_event_when_only_types_are_given_then_says_whether_indexed_is_known(event: str, expected: bool) -> None:
    assert declared_event(event, " ")[0].knows_indexed is expected
