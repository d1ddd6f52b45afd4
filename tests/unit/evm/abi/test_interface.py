import pytest

from triggerx.evm.abi import DecodeError, Event, Function, encode
from triggerx.evm.keccak import keccak256

TRANSFER = Event.parse("Transfer(address indexed from, address indexed to, uint value)")
OWNER = b"\x11" * 20


def test_function_when_parsed_then_has_the_known_selector() -> None:
    function = Function.parse("function transfer(address to, uint amount) returns (bool)")
    assert function.signature == "transfer(address,uint256)"
    assert function.selector.hex() == "a9059cbb"


def test_function_when_called_then_input_and_output_read_back() -> None:
    function = Function.parse("f((string,uint8)[],bytes) returns (uint256,(bool,address))")
    arguments = ((("a", 1), ("b", 2)), b"\x01")
    assert function.decode_input(function.encode(*arguments)) == arguments
    assert function.decode_output(encode(["uint256", "(bool,address)"], (7, (True, OWNER)))) == (7, (True, OWNER))


def test_function_when_arguments_do_not_fit_then_is_refused() -> None:
    function = Function.parse("f(uint8)")
    with pytest.raises(ValueError, match="expected 1 values"):
        function.encode()
    with pytest.raises(ValueError, match="out of its range"):
        function.encode(256)


def test_function_when_calldata_is_anothers_then_is_refused() -> None:
    function = Function.parse("f(uint8)")
    with pytest.raises(DecodeError, match="selector"):
        function.decode_input(Function.parse("g(uint8)").encode(1))
    with pytest.raises(DecodeError, match="selector"):
        function.decode_input(b"\x01")


def test_function_when_the_answer_is_empty_then_is_refused() -> None:
    with pytest.raises(DecodeError, match="expected"):
        Function.parse("f() returns (bool)").decode_output(b"")


def test_event_when_parsed_then_has_the_known_topic() -> None:
    assert TRANSFER.topic.hex() == "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def test_log_when_decoded_then_gives_values_by_name_in_order() -> None:
    topics = [TRANSFER.topic, bytes(12) + OWNER, bytes(32)]
    values = TRANSFER.decode(topics, encode(["uint256"], (5,)))
    assert list(values.items()) == [("from", OWNER), ("to", bytes(20)), ("value", 5)]


def test_log_when_an_indexed_value_is_dynamic_then_gives_its_hash() -> None:
    event = Event.parse("Named(string indexed name, uint8 kind, (uint8,uint8) indexed pair, uint8[2] indexed)")
    hashed = keccak256(b"name")
    values = event.decode([event.topic, hashed, b"\x01" * 32, b"\x02" * 32], encode(["uint8"], (3,)))
    assert values == {"name": hashed, "kind": 3, "pair": b"\x01" * 32, "arg3": b"\x02" * 32}


@pytest.mark.parametrize(
    "topics",
    [
        [],
        [bytes(32)],
        [TRANSFER.topic],
        [TRANSFER.topic, bytes(32), bytes(32), bytes(32)],
        [TRANSFER.topic, b"\xff" * 32, bytes(32)],
        [TRANSFER.topic, bytes(31), bytes(32)],
    ],
)
def test_log_when_it_is_another_event_then_is_refused(topics: list[bytes]) -> None:
    with pytest.raises(DecodeError, match="expected"):
        TRANSFER.decode(topics, bytes(32))


@pytest.mark.parametrize(
    "text", ["E(uint8 indexed a,uint8 indexed b,uint8 indexed c,uint8 indexed d)", "E(uint8 a,uint8 a)"]
)
def test_event_when_no_log_could_hold_it_then_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Event.parse(text)
