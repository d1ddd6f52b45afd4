from concurrent.futures import ThreadPoolExecutor

from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.keccak import keccak256


def test_keccak_of_nothing_when_hashed_then_is_the_known_digest() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(max_size=600))
def test_keccak_when_hashed_then_equals_the_usual_package(data: bytes) -> None:
    assert keccak256(data) == keccak(data)


def test_keccak_when_threads_hash_at_once_then_none_gets_anothers_digest() -> None:
    data = [number.to_bytes(4, "big") * 500 for number in range(200)]
    expected = [keccak(each) for each in data]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: [keccak256(each) for each in data], range(8))) == [expected] * 8
