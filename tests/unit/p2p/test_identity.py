"""The identity file: made once, private, never silently replaced."""

from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.p2p.identity import FILE_NAME, load_or_create_identity, peer_id_of


def test_identity_when_there_is_none_then_is_made_privately_and_stays(tmp_path: Path) -> None:
    seed = load_or_create_identity(tmp_path)
    assert len(seed) == 32
    assert load_or_create_identity(tmp_path) == seed
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_identity_when_made_twice_then_differs(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert load_or_create_identity(tmp_path) != load_or_create_identity(tmp_path / "other")


def test_identity_when_others_can_read_it_then_says_chmod(tmp_path: Path) -> None:
    load_or_create_identity(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_or_create_identity(tmp_path)


@pytest.mark.parametrize("text", ["", "00" * 31, "zz" * 32, "00" * 33])
def test_identity_when_the_file_is_damaged_then_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="restore it, or delete it"):
        load_or_create_identity(tmp_path)


def test_peer_id_when_computed_here_then_is_the_one_libp2p_computes() -> None:
    from libp2p.crypto.ed25519 import Ed25519PrivateKey
    from libp2p.peer.id import ID

    for seed in (bytes(range(32)), bytes([255]) * 32):
        assert peer_id_of(seed) == ID.from_pubkey(Ed25519PrivateKey.new(seed).get_public_key()).to_base58()
