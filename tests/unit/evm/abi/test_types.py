import pytest

from triggerx.evm.abi.types import parse_signature, parse_type, tuple_of


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("uint", "uint256"),
        ("int[]", "int256[]"),
        (" uint8 [ 2 ] [] ", "uint8[2][]"),
        ("(uint a, (string s, bytes4) b)[3]", "(uint256,(string,bytes4))[3]"),
        ("tuple(address to)[]", "(address)[]"),
        ("function", "function"),
        ("byte[2]", "bytes1[2]"),
        ("()", "()"),
    ],
)
def test_type_when_parsed_then_reads_canonically(text: str, canonical: str) -> None:
    assert parse_type(text).text == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uint7",
        "uint264",
        "uint0",
        "uint08",
        "int512",
        "bytes0",
        "bytes33",
        "uint256[0]",
        "uint256[00001x]",
        "uint256[",
        "uint256]",
        "()[]",
        "(uint256",
        "uint256)",
        "(uint256,)",
        "uint256 uint256",
        "uint256[99999999]",
        "uint256;",
        "uint²",
        "string[٣]",
        "(" * 40 + "uint8" + ")" * 40,
        "uint8" + "[]" * 40,
        "uint8" + " " * 10_000,
    ],
)
def test_type_when_text_names_none_then_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_type(text)


@pytest.mark.parametrize(
    ("text", "head_bytes", "dynamic"),
    [
        ("uint8", 32, False),
        ("string", 32, True),
        ("uint8[3]", 96, False),
        ("string[3]", 32, True),
        ("(uint8,bytes4[2])", 96, False),
        ("(uint8,bytes)", 32, True),
        ("uint8[]", 32, True),
    ],
)
def test_type_when_parsed_then_knows_its_head(text: str, head_bytes: int, dynamic: bool) -> None:
    parsed = parse_type(text)
    assert (parsed.head_bytes, parsed.dynamic) == (head_bytes, dynamic)


def test_signature_when_written_like_source_then_drops_what_the_abi_drops() -> None:
    signature = parse_signature(
        "function move(address payable to, uint[] calldata amounts, string memory) view returns (bool ok, bytes)"
    )
    assert signature.name == "move"
    assert [(p.type.text, p.name) for p in signature.parameters] == [
        ("address", "to"),
        ("uint256[]", "amounts"),
        ("string", ""),
    ]
    assert tuple_of(signature.results).text == "(bool,bytes)"


def test_signature_when_parameters_are_indexed_then_remembers_which() -> None:
    signature = parse_signature("event Moved(address indexed from, uint amount) anonymous")
    assert [p.indexed for p in signature.parameters] == [True, False]


@pytest.mark.parametrize(
    "text", ["", "f", "f(", "f(uint256", "(uint256)", "f(uint256 a b)", "f() (uint256)", "f(uint256),", "1f()"]
)
def test_signature_when_malformed_then_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_signature(text)
