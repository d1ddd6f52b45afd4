"""EIP-712 against the EIP's own example and against eth_account."""

import pytest
from eth_account.messages import encode_typed_data

from triggerx.evm.keccak import keccak256
from triggerx.evm.typed import digest, domain_separator, struct_hash
from triggerx.evm.types import Address, ChainId

MAIL = "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
COW = ("Cow", bytes.fromhex("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"))
BOB = ("Bob", bytes.fromhex("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"))
CONTRACT = Address(bytes.fromhex("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"))


def test_digest_of_the_eips_example_when_made_then_equals_it() -> None:
    hashed = struct_hash(MAIL, COW, BOB, "Hello, Bob!")
    assert hashed.hex() == "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    separator = domain_separator("Ether Mail", "1", ChainId(1), CONTRACT)
    assert separator.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
    assert digest(separator, hashed).hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"


def test_digest_of_arrays_and_structs_when_made_then_equals_eth_account() -> None:
    types = {
        "Order": [
            {"name": "legs", "type": "Leg[]"},
            {"name": "grid", "type": "uint8[2][]"},
            {"name": "data", "type": "bytes"},
            {"name": "small", "type": "int64"},
        ],
        "Leg": [{"name": "asset", "type": "Asset"}, {"name": "ok", "type": "bool"}],
        "Asset": [{"name": "token", "type": "address"}, {"name": "tag", "type": "bytes4"}],
    }
    legs = [{"asset": {"token": "0x" + BOB[1].hex(), "tag": b"\x01\x02\x03\x04"}, "ok": True}]
    message = {"legs": legs, "grid": [[1, 2], [3, 4]], "data": b"\xff", "small": -5}
    domain = {"name": "triggerx", "version": "1", "chainId": 31337, "verifyingContract": "0x" + CONTRACT.hex()}
    signable = encode_typed_data(domain, types, message)
    type_string = (
        "Order(Leg[] legs,uint8[2][] grid,bytes data,int64 small)"
        "Asset(address token,bytes4 tag)Leg(Asset asset,bool ok)"
    )
    hashed = struct_hash(type_string, [((BOB[1], b"\x01\x02\x03\x04"), True)], [(1, 2), (3, 4)], b"\xff", -5)
    separator = domain_separator("triggerx", "1", ChainId(31337), CONTRACT)
    assert (separator, hashed) == (signable.header, signable.body)
    assert digest(separator, hashed) == keccak256(b"\x19\x01" + signable.header + signable.body)


@pytest.mark.parametrize(
    ("type_string", "values"),
    [
        ("", ()),
        ("Mail", ()),
        ("Mail(", ()),
        ("Mail(string)", ("a",)),
        ("Mail(string a)Mail(string a)", ("a",)),
        ("Mail(string a)", ()),
        ("Mail(string a)", (b"a",)),
        ("Mail(bytes a)", ("a",)),
        ("Mail(uint8 a)", (256,)),
        ("Mail(Person a)", (("a",),)),
        ("Mail(uint8[2] a)", ((1,),)),
        ("Mail(uint8[] a)", (1,)),
        ("Mail(P a)P(uint8 b)", (1,)),
    ],
)
def test_struct_when_type_or_values_do_not_fit_then_is_refused(type_string: str, values: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        struct_hash(type_string, *values)


def test_digest_when_given_no_hashes_then_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        digest(b"", bytes(32))
