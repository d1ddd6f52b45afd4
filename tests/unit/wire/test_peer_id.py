"""Peer ids as text and bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.errors import InvalidInput
from triggerx.wire.peer_id import peer_id_bytes, peer_id_text


@given(st.binary(min_size=34, max_size=42))
def test_text_when_read_back_then_gives_the_bytes(raw: bytes) -> None:
    assert peer_id_bytes(peer_id_text(raw)) == raw


def test_text_when_of_the_specification_then_has_its_bytes() -> None:
    # libp2p specification, peer-ids: the sha2-256 form begins with 0x12 0x20.
    assert peer_id_bytes("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")[:2] == b"\x12\x20"


@pytest.mark.parametrize("text", ["", "12D3", "0", "l" * 50, "1" * 43, "z" * 65, "Qm YyQ", "é"])
def test_text_when_it_is_no_peer_id_then_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^peer_id"):
        peer_id_bytes(text)
