"""The key that is a node's peer id: made once, kept in a file that only its owner can read."""

import os
import stat
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.wire.peer_id import peer_id_text

SEED_BYTES: Final = 32
FILE_NAME: Final = "peer.key"

# The multihash "identity" (0x00) of 36 bytes: a protobuf of key type Ed25519 (1) and 32 bytes of key (libp2p peer-ids).
_PEER_ID_PREFIX: Final = bytes.fromhex("002408011220")


def load_or_create_identity(data_dir: Path) -> bytes:
    """Return the 32-byte seed in `peer.key`, made when there is none; raises `ConfigurationError` for a bad one."""
    path = data_dir / FILE_NAME
    try:
        return _load(path)
    except FileNotFoundError:
        _create(path, os.urandom(SEED_BYTES))
        return _load(path)


def peer_id_of(seed: bytes) -> str:
    """Return the peer id (base58btc text) of the Ed25519 key with this seed."""
    from Crypto.PublicKey import ECC  # noqa: PLC0415 - 60 ms, paid only by who needs a peer id

    key = ECC.construct(curve="Ed25519", seed=seed)  # type: ignore[arg-type]  # the stub forgets Ed25519's bytes
    public_key = key.public_key().export_key(format="raw")
    return peer_id_text(_PEER_ID_PREFIX + bytes(public_key))


def _load(path: Path) -> bytes:
    with path.open() as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"{path} can be read by others (mode {mode:o}): chmod 600 it")
        text = file.read(SEED_BYTES * 2 + 2).strip()
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ConfigurationError(
            f"{path} must hold {SEED_BYTES * 2} hexadecimal digits: restore it, or delete it for a new peer id"
        )
    return seed


def _create(path: Path, seed: bytes) -> None:
    """Write a whole file or none: a link to a finished one appears under the name, and never replaces another."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{seed[:4].hex()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(seed.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # Another process was first: its key is the identity.
    finally:
        draft.unlink()
