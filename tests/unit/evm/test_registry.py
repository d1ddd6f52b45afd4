from typing import Any

import pytest
from eth_abi.abi import default_codec as oracle
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.keccak import keccak256
from triggerx.evm.registry import job_hash, pack_job_id, registry_data, unpack_job_id
from triggerx.evm.types import Address, ChainId

URL = "https://example.org/script.py"
HASHED = keccak256(URL.encode())


def test_job_when_hashed_then_equals_the_abi() -> None:
    target = Address(b"\x07" * 20)
    values = ("name", 3, 3600, target, b"data")
    expected = keccak256(oracle.encode(["string", "uint8", "uint256", "address", "bytes"], values))
    assert job_hash("name", 3, 3600, target, b"data") == expected


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**160 - 1))
def test_job_id_when_packed_then_unpacks_to_its_parts(chain: int, timestamp: int, counter: int) -> None:
    assert unpack_job_id(pack_job_id(ChainId(chain), timestamp, counter)) == (chain, timestamp, counter)


def test_job_id_when_packed_then_has_the_chain_in_its_highest_bits() -> None:
    packed = pack_job_id(ChainId(84532), 1_800_000_000, 5)
    assert packed == 84532 << 224 | 1_800_000_000 << 160 | 5
    assert len(str(packed)) == 73


@pytest.mark.parametrize("parts", [(2**32, 0, 0), (0, 2**64, 0), (0, 0, 2**160), (-1, 0, 0)])
def test_job_id_when_a_part_is_too_wide_then_is_refused(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="bits"):
        pack_job_id(ChainId(parts[0]), parts[1], parts[2])


@pytest.mark.parametrize("job_id", [-1, 2**256])
def test_job_id_when_no_word_then_is_refused(job_id: int) -> None:
    with pytest.raises(ValueError, match="256 bits"):
        unpack_job_id(job_id)


@pytest.mark.parametrize(
    ("definition", "given_values", "types", "values"),
    [
        (1, {"interval": 60}, ["uint256"], (60,)),
        (2, {"interval": 0, "script_url": URL}, ["uint256", "bytes32"], (0, HASHED)),
        (3, {"recurring": True}, ["bool"], (True,)),
        (4, {"recurring": False, "script_url": URL}, ["bool", "bytes32"], (False, HASHED)),
        (5, {"recurring": False}, ["bool"], (False,)),
        (6, {"recurring": True, "script_url": URL}, ["bool", "bytes32"], (True, HASHED)),
        (7, {"interval": 5, "script_url": URL, "language": "py"}, ["uint256", "bytes32", "string"], (5, HASHED, "py")),
    ],
)
def test_data_when_made_then_is_encoded_by_definition(
    definition: int, given_values: dict[str, Any], types: list[str], values: tuple[object, ...]
) -> None:
    assert registry_data(definition, **given_values) == oracle.encode(types, values)


@pytest.mark.parametrize(
    ("definition", "given_values", "message"),
    [
        (0, {}, "from 1 to 7"),
        (8, {}, "from 1 to 7"),
        (1, {}, "needs interval"),
        (1, {"interval": 1, "recurring": True}, "does not take recurring"),
        (4, {"recurring": True}, "needs script_url"),
        (7, {"interval": 1, "script_url": URL}, "needs language"),
    ],
)
def test_data_when_values_do_not_belong_then_is_refused(
    definition: int, given_values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        registry_data(definition, **given_values)
