import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.abi import (
    ArgumentError,
    DecodeError,
    Function,
    argument_texts,
    encode,
    encode_arguments,
    function_from_abi,
)

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
RAW = bytes.fromhex(ADDRESS[2:])
POINT = "(address owner, uint8[2] sides)"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("uint256", "115792089237316195423570985008687907853269984665640564039457584007913129639935", 2**256 - 1),
        ("uint256", "0x" + "f" * 64, 2**256 - 1),
        ("uint64", "9007199254740993", 9007199254740993),
        ("uint8", '"7"', 7),
        ("int256", str(-(2**255)), -(2**255)),
        ("bool", "true", True),
        ("bool", " false ", False),
        ("address", ADDRESS, RAW),
        ("address", f'"{ADDRESS.lower()}"', RAW),
        ("bytes", "0x", b""),
        ("bytes", "0x0102", b"\x01\x02"),
        ("bytes4", "0xdeadbeef", b"\xde\xad\xbe\xef"),
        ("string", "hello", "hello"),
        ("string", " spaces stay ", " spaces stay "),
        ("string", "12", "12"),
        ("string", '"quoted \\u00e9"', "quoted é"),
        ("string", '"a" or "b"', '"a" or "b"'),
        ("uint256[]", '[1, "0x02", "18446744073709551617", 18446744073709551617]', (1, 2, 2**64 + 1, 2**64 + 1)),
        ("uint8[]", "[]", ()),
        ("bool[2]", '[true, "false"]', (True, False)),
        ("string[]", '["a", ""]', ("a", "")),
        ("string[]", '["' + "[" * 100 + '", "\\\\", "]"]', ("[" * 100, "\\", "]")),
        (POINT, f'["{ADDRESS}", [1, 2]]', (RAW, (1, 2))),
        (POINT, f'{{"sides": [1, 2], "owner": "{ADDRESS}"}}', (RAW, (1, 2))),
        (POINT + "[]", f'[{{"sides": [1, 2], "owner": "{ADDRESS}"}}]', ((RAW, (1, 2)),)),
    ],
)
def test_argument_when_written_as_text_then_encodes_exactly(kind: str, text: str, value: object) -> None:
    function = Function.parse(f"f({kind})")
    assert encode_arguments(function.signature if "owner" not in kind else f"f({kind})", [text]) == (
        function.selector + encode([kind], (value,))
    )


@given(st.integers(1, 32).flatmap(lambda n: st.tuples(st.just(8 * n), st.integers(0, 2 ** (8 * n) - 1))))
def test_integer_when_of_any_width_then_decimal_and_hexadecimal_agree(case: tuple[int, int]) -> None:
    bits, value = case
    expected = encode([f"uint{bits}"], (value,))
    for text in (str(value), hex(value), json.dumps(str(value))):
        assert encode_arguments(f"f(uint{bits})", [text])[4:] == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("uint8", "256", "from 0 to 255"),
        ("uint8", "-1", "from 0 to 255"),
        ("int8", "128", "from -128 to 127"),
        ("uint256", "1e18", "integer"),
        ("uint256", "1.0", "integer"),
        ("uint256", "", "integer"),
        ("uint256", "9" * 5_000, "integer"),
        ("uint256", "1_000", "integer"),
        ("uint256", "٣", "integer"),
        ("uint256[]", "[1.5]", "exact"),
        ("uint256[]", "[1e2]", "exact"),
        ("uint256[]", "[NaN]", "exact"),
        ("uint256[]", "[true]", "integer"),
        ("uint256[]", "1,2", "JSON"),
        ("uint256[]", "[" * 200_000, "at most"),
        ("uint256[]", "[" * 100_000, "64 levels"),
        ("uint256[]", '["' + '\\"' * 60_000, "JSON"),
        ("string[]", '["[[[[", "\\\\"', "JSON"),
        ("uint8[2]", "[1]", "2 values"),
        ("bool", "yes", "true or false"),
        ("bool", "1", "true or false"),
        ("address", "0x12", "address"),
        ("address", "vitalik.eth", "address"),
        ("bytes4", "0x0102", "4 bytes"),
        ("bytes", "0102", "0x"),
        ("string[]", "[1]", "JSON string"),
        (POINT, "[]", "2 values"),
        (POINT, '{"owner": "0x"}', "fields owner, sides"),
    ],
)
def test_argument_when_it_does_not_fit_then_the_error_names_it(kind: str, text: str, expected: str) -> None:
    with pytest.raises(ArgumentError, match=expected) as caught:
        encode_arguments(f"f(uint8,{kind})", ["1", text])
    assert caught.value.index == 1
    assert str(caught.value).startswith("argument 1: expected")


@pytest.mark.parametrize(("arguments", "index"), [([], 0), (["1", "2"], 1)])
def test_arguments_when_too_few_or_many_then_the_error_names_the_first(arguments: list[str], index: int) -> None:
    with pytest.raises(ArgumentError, match="1 arguments") as caught:
        encode_arguments("f(uint8)", arguments)
    assert caught.value.index == index


ABI = json.dumps(
    [
        {"type": "constructor", "inputs": []},
        {"type": "event", "name": "set", "inputs": []},
        {"type": "function", "name": "set", "inputs": [{"type": "uint256", "name": "value"}], "outputs": []},
        {"type": "function", "name": "set", "inputs": [{"type": "string", "name": "value"}], "outputs": []},
        {
            "type": "function",
            "name": "move",
            "inputs": [
                {
                    "type": "tuple[]",
                    "name": "steps",
                    "components": [
                        {"type": "address", "name": "to"},
                        {"type": "tuple", "name": "amount", "components": [{"type": "uint256", "name": "wei"}]},
                    ],
                }
            ],
            "outputs": [{"type": "bool", "name": ""}],
        },
    ]
)


def test_abi_when_a_name_is_unique_then_gives_its_function() -> None:
    function = function_from_abi(ABI, "move")
    assert function.signature == "move((address,(uint256))[])"
    assert function.outputs.text == "(bool)"
    text = f'[{{"to": "{ADDRESS}", "amount": {{"wei": 5}}}}]'
    assert encode_arguments(function, [text]) == function.encode(((RAW, (5,)),))


def test_abi_when_a_name_is_overloaded_then_wants_the_signature() -> None:
    assert function_from_abi(ABI, "set(uint value)").signature == "set(uint256)"
    assert function_from_abi(ABI, "function set(string)").signature == "set(string)"
    with pytest.raises(ValueError, match=r"set\(string\), set\(uint256\)"):
        function_from_abi(ABI, "set")


def test_abi_when_inside_a_compilers_artefact_then_is_found() -> None:
    assert function_from_abi(f'{{"abi": {ABI}}}', "move").name == "move"


@pytest.mark.parametrize(
    ("abi", "name"),
    [
        (ABI, "none"),
        (ABI, "set(bytes)"),
        (ABI, "set("),
        ("", "set"),
        ("{}", "set"),
        ('"text"', "set"),
        ("[1, null]", "set"),
        ('[{"type": "function", "name": "set", "inputs": 1}]', "set"),
        ('[{"type": "function", "name": "set", "inputs": [{"name": "a"}]}]', "set"),
        ('[{"type": "function", "name": "set", "inputs": [{"type": "uint8,uint8"}]}]', "set"),
        ('[{"type": "function", "name": "set", "inputs": [{"type": "tuple", "components": 5}]}]', "set"),
    ],
)
def test_abi_when_it_has_no_such_function_then_says_so(abi: str, name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        function_from_abi(abi, name)


@pytest.mark.parametrize(
    ("kinds", "texts"),
    [
        ("uint256,int8", (str(2**256 - 1), "-128")),
        ("bool,string,bytes", ("true", 'say "hi"', "0x0102")),
        ("address", ("0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",)),
        ("(uint8[2],(bool,bytes4))[],string[]", ('[[["1","2"],[true,"0x01020304"]]]', '["a","b"]')),
    ],
)
def test_argument_texts_when_a_call_is_read_then_the_same_texts_make_it(kinds: str, texts: tuple[str, ...]) -> None:
    calldata = encode_arguments(f"f({kinds})", texts)
    assert argument_texts(Function.parse(f"f({kinds})"), calldata) == texts


def test_argument_texts_when_the_call_is_anothers_then_it_says_so() -> None:
    with pytest.raises(DecodeError):
        argument_texts(Function.parse("f(uint8)"), encode_arguments("g(uint8)", ["1"]))
