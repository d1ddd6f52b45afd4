"""What an event trigger means: topics, values, and the fields that its errors name."""

import json
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import default_codec as oracle
from eth_utils.abi import event_signature_to_log_topic
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.evm.abi.strategies import json_value, type_texts, value_of
from tests.unit.triggers.events import ALICE, BOB, TRANSFER, TRANSFER_ABI, log, trigger, word, words
from triggerx.core.errors import InvalidInput
from triggerx.core.job import EventTrigger
from triggerx.evm.abi import DecodeError, decode
from triggerx.evm.abi.events import topic_value
from triggerx.evm.abi.types import AbiType, parse_type
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address
from triggerx.ports.chain import Log
from triggerx.triggers.event import event_spec

TOPIC = event_signature_to_log_topic("Transfer(address,address,uint256)")
PAID = log(TOPIC, word(ALICE), word(BOB), data=word(5))


def does_match(event: EventTrigger, seen: Log) -> bool:
    return event_spec(event).matches(seen)


@pytest.mark.parametrize(
    "event", [TRANSFER, "Transfer(address,address,uint256)", "event Transfer(address a,address b,uint);"]
)
def test_event_when_it_has_no_filter_then_matches_by_contract_and_topic(event: str) -> None:
    spec = event_spec(trigger(event))
    assert spec.topic0 == TOPIC
    assert spec.matches(PAID)
    assert not spec.matches(PAID._replace(topics=(bytes(32), *PAID.topics[1:])))
    assert not spec.matches(PAID._replace(topics=()))


def test_event_when_its_contract_is_a_proxy_then_the_emitting_address_counts() -> None:
    proxy, implementation = Address(bytes(19) + b"\1"), Address(bytes(19) + b"\2")
    spec = event_spec(trigger(TRANSFER, contract=proxy))
    assert spec.matches(PAID._replace(address=proxy))
    assert not spec.matches(PAID._replace(address=implementation))


def test_event_when_nothing_says_what_is_indexed_then_any_number_of_topics_matches() -> None:
    spec = event_spec(trigger("Transfer(address,address,uint256)"))
    nft = log(TOPIC, word(ALICE), word(BOB), word(5))
    bare = log(TOPIC, data=words(["address", "address", "uint256"], ALICE, BOB, 5))
    assert spec.topics_count is None
    assert [spec.matches(seen) for seen in (PAID, nft, bare)] == [True, True, True]


def test_event_when_indexed_is_known_then_the_number_of_topics_tells_overloads_apart() -> None:
    nft = PAID._replace(topics=(*PAID.topics, word(5)))
    assert [does_match(trigger(TRANSFER), seen) for seen in (PAID, nft)] == [True, False]
    with_abi = trigger("Transfer(address,address,uint256)", abi=TRANSFER_ABI)
    assert [does_match(with_abi, seen) for seen in (PAID, nft)] == [True, False]


def test_event_when_its_data_is_shorter_than_its_parameters_then_does_not_match() -> None:
    assert not does_match(trigger(TRANSFER), PAID._replace(data=bytes(31)))
    assert does_match(trigger(TRANSFER), PAID._replace(data=bytes(40)))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("from", "0x" + ALICE.hex().upper(), True),
        ("from", "0x" + ALICE.hex(), True),
        ("from", "0x" + BOB.hex(), False),
        ("to", "0x" + BOB.hex(), True),
        ("value", "5", True),
        ("value", "0x05", True),
        ("value", " 5 ", True),
        ("value", "6", False),
    ],
)
def test_filter_when_on_either_kind_of_parameter_then_compares_exactly(name: str, value: str, expected: bool) -> None:
    assert does_match(trigger(TRANSFER, (name, value)), PAID) is expected
    by_abi = trigger("Transfer", (name, value), abi=TRANSFER_ABI)
    assert does_match(by_abi, PAID) is expected
    sdk = replace(trigger(TRANSFER), filter_name=name, filter_value=value)
    assert does_match(sdk, PAID) is expected


def test_filters_when_several_then_all_of_them_hold() -> None:
    both = replace(trigger(TRANSFER, ("to", "0x" + BOB.hex())), filter_name="value", filter_value="5")
    assert does_match(both, PAID)
    assert not does_match(both, PAID._replace(data=word(6)))
    assert not does_match(both, PAID._replace(topics=(TOPIC, word(ALICE), word(ALICE))))


@pytest.mark.parametrize(("text", "number"), [("true", 1), ("1", 1), ("false", 0), (" 0 ", 0)])
@pytest.mark.parametrize("event", ["Set(bool indexed on)", "Set(uint8 indexed by, bool on)"])
def test_filter_when_a_bool_then_takes_words_and_digits(event: str, text: str, number: int) -> None:
    spec = event_spec(trigger(event, ("on", text)))
    assert spec.topic0 is not None
    topics = (spec.topic0, word(number)) if "uint8" not in event else (spec.topic0, word(3))
    assert spec.matches(log(*topics, data=word(number)))
    assert not spec.matches(log(*topics[:-1], word(1 - number), data=word(1 - number)))


def test_filter_when_text_is_indexed_then_compares_its_hash() -> None:
    spec = event_spec(trigger("Named(string indexed name, bytes indexed raw)", ("name", "vitalik"), ("raw", "0x0102")))
    assert spec.topic0 is not None
    assert spec.matches(log(spec.topic0, keccak256(b"vitalik"), keccak256(b"\1\2")))
    assert not spec.matches(log(spec.topic0, keccak256(b"Vitalik"), keccak256(b"\1\2")))


ORDER = (
    "Filled(bytes32 indexed id, (address maker, (uint256 price, string note) terms, uint8[2] legs) order,"
    " (int8 a, bool b) flags)"
)


def filled() -> bytes:
    types = ["(address,(uint256,string),uint8[2])", "(int8,bool)"]
    return words(types, (ALICE, (7, "héllo"), (1, 2)), (-1, True))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("order.maker", "0x" + ALICE.hex(), True),
        ("order.maker", "0x" + BOB.hex(), False),
        ("order.terms.price", "7", True),
        ("order.terms.price", "8", False),
        ("order.terms.note", "héllo", True),
        ("order.terms.note", '"h\\u00e9llo"', True),
        ("order.terms.note", "hello", False),
        ("order.legs", "[1, 2]", True),
        ("order.legs", "[2, 1]", False),
        ("order.terms", '{"note": "héllo", "price": 7}', True),
        ("order.terms", '[7, "héll"]', False),
        ("flags.a", "-1", True),
        ("flags.a", "255", None),
        ("flags.b", "1", True),
        ("flags", "[-1, true]", True),
        ("flags", "[-1, false]", False),
    ],
)
def test_filter_when_on_a_field_of_a_struct_then_follows_it(name: str, value: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(InvalidInput, match="-128 to 127"):
            event_spec(trigger(ORDER, (name, value)))
        return
    spec = event_spec(trigger(ORDER, (name, value)))
    assert spec.topic0 is not None
    assert spec.matches(log(spec.topic0, bytes(32), data=filled())) is expected


def test_event_when_anonymous_then_has_no_topic_of_its_own() -> None:
    indexed = "bytes4 indexed sig, address indexed usr, bytes32 indexed arg1, bytes32 indexed arg2"
    note = f"event LogNote({indexed}, bytes data) anonymous;"
    spec = event_spec(trigger(note, ("sig", "0xa9059cbb"), ("data", "0x01")))
    topics = (b"\xa9\x05\x9c\xbb".ljust(32, b"\0"), word(ALICE), bytes(32), bytes(32))
    assert (spec.topic0, spec.topics_count) == (None, 4)
    assert spec.matches(log(*topics, data=words(["bytes"], b"\1")))
    assert not spec.matches(log(*topics, data=words(["bytes"], b"\2")))
    assert not spec.matches(log(*topics[:3], data=words(["bytes"], b"\1")))


def test_event_when_anonymous_and_unindexed_then_filters_need_no_indexed() -> None:
    spec = event_spec(trigger("Note(uint8 by) anonymous", ("by", "3")))
    assert [spec.matches(log(data=word(by))) for by in (3, 4)] == [True, False]


def test_event_when_anonymous_in_its_abi_then_has_no_topic() -> None:
    abi = json.dumps([json.loads(TRANSFER_ABI) | {"anonymous": True}])
    spec = event_spec(trigger("Transfer(address,address,uint256)", ("from", "0x" + ALICE.hex()), abi=abi))
    assert spec.matches(log(word(ALICE), word(BOB), data=word(1)))
    assert not spec.matches(log(word(BOB), word(BOB), data=word(1)))


def test_filter_when_a_parameter_has_no_name_then_is_found_by_its_place() -> None:
    spec = event_spec(trigger("Pair(address indexed a, uint)", ("arg1", "9")))
    assert spec.topic0 is not None
    assert spec.matches(log(spec.topic0, word(ALICE), data=word(9)))


FIELD_ERRORS: list[tuple[EventTrigger, str, str]] = [
    (trigger("Transfer"), "trigger_event", "event_abi"),
    (trigger("Transfer(IERC20 token)"), "trigger_event", "a contract as address"),
    (trigger("nonsense("), "trigger_event", "expected an event like"),
    (trigger("T(uint8 indexed a, uint8 a)"), "trigger_event", "different names"),
    (trigger("T(uint8 indexed a, uint8 indexed b, uint8 indexed c, uint8 indexed d)"), "trigger_event", "at most 3"),
    (trigger("Transfer(address,address,uint256)", ("from", "0x")), "event_filters[0].name", "write `indexed`"),
    (trigger(TRANSFER, ("value", "1"), ("form", "1")), "event_filters[1].name", "from, to, value"),
    (trigger(TRANSFER, ("value", "1"), ("value", "2")), "event_filters[1].value", "no log has both"),
    (trigger(TRANSFER, ("from", "0x1")), "event_filters[0].value", "from is address"),
    (trigger(TRANSFER, ("value", "-1")), "event_filters[0].value", "0 to 2\\^256-1"),
    (trigger(TRANSFER, ("value", "1e18")), "event_filters[0].value", "integer"),
    (trigger(TRANSFER, ("value", "")), "event_filters[0].value", "integer"),
    (trigger(TRANSFER, ("value.x", "1")), "event_filters[0].name", "no field 'x'"),
    (trigger("T(string indexed s)", ("s", '"\\ud800"')), "event_filters[0].value", "s is string"),
    (trigger("T(bytes4 indexed s)", ("s", "0x01")), "event_filters[0].value", "4 bytes"),
    (trigger("T((uint8 a) indexed s)", ("s.a", "1")), "event_filters[0].name", "whole value"),
    (trigger("T(bool indexed s)", ("s", "yes")), "event_filters[0].value", "true or false"),
    (trigger("T(uint8[] indexed s)", ("s", "1,2")), "event_filters[0].value", "JSON"),
    (trigger("Transfer(uint8)", abi=TRANSFER_ABI), "event_abi", r"but Transfer\(address,address,uint256\)"),
    (trigger("Moved", abi=TRANSFER_ABI), "event_abi", "no event Moved"),
    (trigger("Transfer", abi="{"), "event_abi", "JSON"),
    (replace(trigger(TRANSFER), filter_value="1"), "event_filter_para_name", "is missing"),
    (replace(trigger(TRANSFER), filter_name="x"), "event_filter_para_name", "from, to, value"),
    (replace(trigger(TRANSFER), filter_name="from"), "event_filter_value", "from is address"),
]


@pytest.mark.parametrize(("event", "field", "sentence"), FIELD_ERRORS)
def test_trigger_when_it_makes_no_sense_then_the_error_names_the_field(
    event: EventTrigger, field: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        event_spec(event)
    assert caught.value.field == field


@st.composite
def seen_events(draw: st.DrawFn) -> tuple[list[AbiType], list[bool], list[Any], list[Any]]:
    """The types of an event, which are indexed (the last is), one log's values, and other values of the same types."""
    kinds = [parse_type(text) for text in draw(st.lists(type_texts, min_size=1, max_size=3))]
    indexed = [draw(st.booleans()) and place < 2 for place in range(len(kinds))]
    values, others = ([draw(value_of(kind)) for kind in kinds] for _ in range(2))
    return [*kinds, parse_type("bool")], [*indexed, True], [*values, True], [*others, True]


@settings(max_examples=200, deadline=None)
@given(seen_events(), st.data())
def test_filter_when_of_any_type_then_tells_its_value_from_others(
    case: tuple[list[AbiType], list[bool], list[Any], list[Any]], data: st.DataObject
) -> None:
    kinds, indexed, values, others = case
    place = data.draw(st.integers(0, len(kinds) - 2))
    written = json.dumps(json_value(kinds[place], values[place]))
    inside = ", ".join(
        f"{kind.text} {'indexed' if is_indexed else ''} p{number}"
        for number, (kind, is_indexed) in enumerate(zip(kinds, indexed, strict=True))
    )
    spec = event_spec(trigger(f"E({inside})", (f"p{place}", written)))
    topic = event_signature_to_log_topic(f"E({','.join(kind.text for kind in kinds)})")

    def emitted(found: list[Any]) -> Log:
        topics = [topic_value(k, v) for k, v, is_indexed in zip(kinds, found, indexed, strict=True) if is_indexed]
        body = [(k.text, v) for k, v, is_indexed in zip(kinds, found, indexed, strict=True) if not is_indexed]
        return log(topic, *topics, data=oracle.encode([text for text, _ in body], [value for _, value in body]))

    assert spec.matches(emitted(values))
    assume(others[place] != values[place])
    if indexed[place]:  # what Solidity hashes is the same for [] and [[]]
        assume(topic_value(kinds[place], others[place]) != topic_value(kinds[place], values[place]))
    assert not spec.matches(emitted(others))


HOSTILE = [
    "string",
    "bytes",
    "uint256[]",
    "(string,uint8)[]",
    "(uint256,(bytes,bool))",
    "bytes[2]",
    "int16",
    "(bool,address)",
]


@st.composite
def hostile(draw: st.DrawFn) -> tuple[str, Any, bytes]:
    """A type, one of its values, and data that may or may not be an encoding of it."""
    text = draw(st.sampled_from(HOSTILE))
    value = draw(value_of(parse_type(text)))
    honest = bytearray(oracle.encode(["uint256", text], [7, value]))
    numbers = st.one_of(st.integers(0, 400), st.just(2**256 - 1), st.just(2**255), st.sampled_from([32, 64, 96]))
    for _ in range(draw(st.integers(0, 3))):
        at = 32 * draw(st.integers(0, len(honest) // 32 - 1))
        honest[at : at + 32] = draw(numbers).to_bytes(32, "big")
    return text, value, bytes(honest[: draw(st.integers(0, len(honest)))]) if draw(st.booleans()) else bytes(honest)


@settings(max_examples=500, deadline=None)
@given(hostile())
def test_data_when_hostile_then_matches_exactly_what_decodes_to_the_value(case: tuple[str, Any, bytes]) -> None:
    text, value, body = case
    kind = parse_type(text)
    spec = event_spec(trigger(f"E(bool indexed a, uint256 b, {text} c)", ("c", json.dumps(json_value(kind, value)))))
    assert spec.topic0 is not None
    matches = spec.matches(log(spec.topic0, bytes(32), data=body))
    try:
        decoded = decode(["uint256", text], body)[1]
    except DecodeError:
        decoded = None
    assert matches == (decoded == value)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5), st.binary(max_size=300))
def test_log_when_random_then_no_spec_raises(topics: list[bytes], body: bytes) -> None:
    for event, name, value in (
        (ORDER, "order.terms.note", "x"),
        (ORDER, "order", '["0x' + "00" * 20 + '", [1, "x"], [1, 2]]'),
        ("Named(string indexed a, bytes b)", "b", "0x"),
        ("Note(string a) anonymous", "a", ""),
        ("Note(bytes4 indexed a, bytes4 indexed b, bytes4 indexed c, bytes4 indexed d) anonymous", "d", "0x00000000"),
    ):
        spec = event_spec(trigger(event, (name, value)))
        own = [spec.topic0] if spec.topic0 else []
        assert spec.matches(log(*own, *topics, data=body)) in (True, False)
