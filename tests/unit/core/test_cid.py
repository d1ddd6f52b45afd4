import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.canonical import cid_of
from triggerx.core.cid import DAG_PB, RAW, Cid, parse_cid, read_cid
from triggerx.core.errors import InvalidInput

HELLO = b"hello world\n"
HELLO_V0 = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"  # of its UnixFS block, as kubo names it
HELLO_RAW = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


def test_cid_when_it_is_raw_then_it_names_the_bytes_themselves() -> None:
    cid = parse_cid(HELLO_RAW)
    assert cid == Cid(codec=RAW, digest=hashlib.sha256(HELLO).digest())
    assert cid.names(HELLO)
    assert not cid.names(HELLO + b" ")
    assert str(cid) == HELLO_RAW == cid_of(HELLO)


def test_cid_when_it_is_of_version_0_then_it_is_a_block_of_dag_pb() -> None:
    cid = parse_cid(HELLO_V0)
    assert cid.codec == DAG_PB
    assert cid.names(b"\n\x12\x08\x02\x12\x0chello world\n\x18\x0c")
    assert parse_cid(str(cid)) == cid


def test_cid_when_it_is_written_in_base58_then_it_is_the_same() -> None:
    assert parse_cid("zb2rhiCcgTxaFUb77ZFS9k5p5J29Rq9oYtSCY6rDjzyqLRXN2") == parse_cid(
        str(parse_cid("zb2rhiCcgTxaFUb77ZFS9k5p5J29Rq9oYtSCY6rDjzyqLRXN2"))
    )


@given(st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
def test_cid_when_it_is_written_and_read_then_it_is_the_same(codec: int, digest: bytes) -> None:
    cid = Cid(codec=codec, digest=digest)
    assert parse_cid(str(cid)) == cid
    assert read_cid(bytes([1, codec, 0x12, 0x20]) + digest) == cid
    assert read_cid(b"\x12\x20" + digest) == Cid(codec=DAG_PB, digest=digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Qm",
        "b",
        "z",
        "hello",
        HELLO_V0[:-1],
        HELLO_V0 + "1",
        HELLO_V0.replace("8", "0"),
        HELLO_RAW.upper(),
        "b" + HELLO_RAW[1:].upper(),
        HELLO_RAW[:-2],
        HELLO_RAW + "aaaaa",
        HELLO_RAW + "a" * 80,
        "f01551220" + "00" * 32,  # base16
        "bagaaierasords4njcts6vs7qvdjfcvgnume4hqohf65zsfguprqphs3icwea",  # dag-json
        "bafkqaaa",  # the identity hash of nothing
        "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs",
        "ü",
    ],
)
def test_cid_when_it_is_none_that_can_be_verified_then_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^source: expected a CID"):
        parse_cid(text, "source")


@pytest.mark.parametrize("binary", [b"", b"\x12\x20", b"\x01\x55\x12\x20" + bytes(31), b"\x01\x71\x12\x20" + bytes(32)])
def test_link_when_it_is_no_cid_then_it_is_refused(binary: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_cid(binary)
