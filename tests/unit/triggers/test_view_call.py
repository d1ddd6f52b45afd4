"""Views: the call a signature makes, and which of the returned values is the number."""

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.evm.abi import Function, encode
from triggerx.triggers.json_route import Unreadable
from triggerx.triggers.view_call import encode_call, output_path, read_output

ACCOUNT = "0x" + "ab" * 20
PAIR = "getReserves() view returns (uint112 reserve0, uint112 reserve1, uint32 at)"
STRUCT = "position(uint256) returns ((uint256 amount, (int24 tick, bool on) range) info, uint256[] fees, int8[2] pair)"
STRUCT_TYPES = ("(uint256,(int24,bool))", "uint256[]", "int8[2]")
STRUCT_DATA = encode(STRUCT_TYPES, [(7, (-3, True)), [10, 11, 12], [-1, 1]])


def test_encode_call_when_arguments_are_texts_then_is_the_functions_calldata() -> None:
    function = Function.parse("balanceOf(address)")
    assert encode_call("balanceOf(address owner) returns (uint256)", (ACCOUNT,)) == function.encode(b"\xab" * 20)
    assert encode_call("totalSupply()", ()) == Function.parse("totalSupply()").selector


@pytest.mark.parametrize(
    ("function", "arguments", "field"),
    [
        ("totalSupply", (), "value_source_function"),
        ("f(address", (), "value_source_function"),
        ("f(unknown)", ("1",), "value_source_function"),
        ("f(address)", (), "value_source_arguments[0]"),
        ("f(address)", ("0x12",), "value_source_arguments[0]"),
        ("f(uint8,uint8)", ("255", "256"), "value_source_arguments[1]"),
        ("f()", ("1",), "value_source_arguments[0]"),
    ],
)
def test_encode_call_when_it_cannot_be_called_then_names_the_field(
    function: str, arguments: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode_call(function, arguments)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("function", "route", "types", "values", "number"),
    [
        ("totalSupply()", "", ("uint256",), [2**256 - 1], 2**256 - 1),
        ("totalSupply()", "[0]", ("uint256",), [5], 5),
        ("delta() returns (int256)", "", ("int256",), [-(2**255)], -(2**255)),
        ("paused() returns (bool)", "", ("bool",), [True], 1),
        ("paused() returns (bool)", "", ("bool",), [False], 0),
        ("root() returns (bytes32)", "", ("bytes32",), [b"\x01" + bytes(31)], 2**248),
        ("tag() returns (bytes4)", "", ("bytes4",), [b"\0\0\x01\x02"], 258),
        (PAIR, "reserve1", ("uint112", "uint112", "uint32"), [1, 2, 3], 2),
        (PAIR, "1", ("uint112", "uint112", "uint32"), [1, 2, 3], 2),
        (PAIR, "$[2]", ("uint112", "uint112", "uint32"), [1, 2, 3], 3),
        (STRUCT, "info.amount", STRUCT_TYPES, [(7, (-3, True)), [10, 11], [-1, 1]], 7),
        (STRUCT, "info.range.tick", STRUCT_TYPES, [(7, (-3, True)), [10, 11], [-1, 1]], -3),
        (STRUCT, "0[1].on", STRUCT_TYPES, [(7, (-3, True)), [10, 11], [-1, 1]], 1),
        (STRUCT, "fees[1]", STRUCT_TYPES, [(7, (-3, True)), [10, 11], [-1, 1]], 11),
        (STRUCT, "pair.0", STRUCT_TYPES, [(7, (-3, True)), [10, 11], [-1, 1]], -1),
    ],
)
def test_read_output_when_the_data_fits_then_is_the_number(
    function: str, route: str, types: tuple[str, ...], values: list[object], number: int
) -> None:
    found = read_output(function, route, encode(types, values))
    assert found == number
    assert type(found) is int


@pytest.mark.parametrize(
    ("function", "route", "said"),
    [
        (PAIR, "", "the function returns 0 reserve0 (uint112), 1 reserve1 (uint112), 2 at (uint32)"),
        (PAIR, "reserve2", "expected one of 0 reserve0"),
        (PAIR, "3", "expected one of 0 reserve0"),
        (PAIR, "at.x", "uint32 has no parts"),
        (STRUCT, "info", "leads to (uint256,(int24,bool)) of 0 amount (uint256)"),
        (STRUCT, "fees", "leads to uint256[]"),
        (STRUCT, "fees.first", "expected a position in uint256[]"),
        (STRUCT, "pair[2]", "expected a position in int8[2]"),
        ("name() returns (string)", "", "leads to string"),
        ("owner() returns (address)", "", "leads to address"),
        ("f() returns (uint256, uint256)", '[""]', "nothing at ''"),
    ],
)
def test_output_path_when_the_route_leads_to_no_number_then_says_what_there_is(
    function: str, route: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        output_path(function, route)
    assert caught.value.field == "selected_key_route"
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("function", "route", "data", "said"),
    [
        ("totalSupply()", "", b"", "is there a contract?"),
        ("totalSupply()", "", bytes(31), "totalSupply() returns (uint256)"),
        ("f() returns (uint8)", "", b"\x01" + bytes(31), "expected uint8"),
        ("f() returns (bool)", "", bytes(31) + b"\x02", "expected bool"),
        (STRUCT, "fees[3]", STRUCT_DATA, "the list is shorter"),
    ],
)
def test_read_output_when_the_data_does_not_fit_then_is_unreadable(
    function: str, route: str, data: bytes, said: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read_output(function, route, data)
    assert said in str(caught.value)
