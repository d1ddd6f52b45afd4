"""Keystores: private keys under a password, in Web3 secret storage version 3, as geth and `cast wallet` write them.

Rule: a document is checked before anything is derived from it, so that it cannot ask for all the memory there is, and
its MAC before its key is used. The address in it counts for nothing: the key's own does.
"""

import hashlib
import hmac
import json
import re
import secrets
import uuid
from typing import Annotated, Any, Final, Literal, cast

import msgspec

from triggerx.core.errors import TriggerxError
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address

KEYSTORE_BYTES_MAX: Final = 16 * 1024  # they have half a kilobyte, some programs add a name and more
SCRYPT_N: Final = 2**18
"""The cost of a new keystore, with r 8 and p 1, as geth and cast have it: 256 MB for more than a second."""
_SCRYPT_BYTES_MAX: Final = 1024 * 1024 * 1024
_SCRYPT_WORK_MAX: Final = 2**23  # n·r·p: four times a new one's
_ROUNDS_MAX: Final = 10_000_000  # of pbkdf2: ten times what programs write
_SALT_BYTES_MAX: Final = 256
_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})+)")

_Positive = Annotated[int, msgspec.Meta(ge=1, le=2**24)]


class BadKeystore(TriggerxError):
    """It is no keystore that can be read; the message says why."""


class WrongPassword(TriggerxError):
    """The password does not fit, or the document was changed: its MAC cannot tell these apart."""


class _Scrypt(msgspec.Struct, kw_only=True):
    n: _Positive
    r: _Positive
    p: _Positive
    dklen: Literal[32]
    salt: str


class _Pbkdf2(msgspec.Struct, kw_only=True):
    c: Annotated[int, msgspec.Meta(ge=1, le=_ROUNDS_MAX)]
    prf: Literal["hmac-sha256"]
    dklen: Literal[32]
    salt: str


class _CipherParams(msgspec.Struct):
    iv: str


class _Crypto(msgspec.Struct):
    cipher: Literal["aes-128-ctr"]
    cipherparams: _CipherParams
    ciphertext: str
    kdf: Literal["scrypt", "pbkdf2"]
    kdfparams: dict[str, Any]
    mac: str


class _Keystore(msgspec.Struct):
    version: Literal[3]
    crypto: _Crypto


def is_keystore(content: bytes) -> bool:
    """Whether a key file's content is a keystore rather than digits."""
    return content.lstrip().startswith(b"{")


def open_keystore(content: bytes, password: bytes) -> PrivateKey:
    """Decrypt a keystore; takes a second or two. Raises `BadKeystore` or `WrongPassword`, neither with a secret."""
    crypto, params = _checked(content)
    derived, ciphertext = _derived(params, password), _bytes(crypto.ciphertext)
    if not hmac.compare_digest(keccak256(derived[16:] + ciphertext), _bytes(crypto.mac)):
        raise WrongPassword("the password is wrong")
    try:
        return PrivateKey(_aes_ctr(derived[:16], _bytes(crypto.cipherparams.iv), ciphertext))
    except ValueError:
        raise BadKeystore("what it holds is no private key of secp256k1") from None


def make_keystore(key: PrivateKey, password: bytes, *, scrypt_n: int = SCRYPT_N) -> bytes:
    """Return a new keystore of the key, as JSON text."""
    iv = secrets.token_bytes(16)
    params = _Scrypt(n=scrypt_n, r=8, p=1, dklen=32, salt=secrets.token_hex(32))
    derived = _derived(params, password)
    ciphertext = _aes_ctr(derived[:16], iv, key.reveal())
    document = {
        "address": key.address.hex(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": msgspec.to_builtins(params),
            "mac": keccak256(derived[16:] + ciphertext).hex(),
        },
        "id": str(uuid.uuid4()),
        "version": 3,
    }
    return json.dumps(document).encode() + b"\n"


def named_address(content: bytes) -> Address | None:
    """The address that a keystore says it has; None where it says none. Nothing vouches for it but the password."""
    try:
        address = _lowered(msgspec.json.decode(shallow_json(content))).get("address")
    except (msgspec.MsgspecError, ValueError, RecursionError, AttributeError):
        return None
    matched = _HEX.fullmatch(address) if isinstance(address, str) else None
    return Address(bytes.fromhex(matched[1])) if matched and len(matched[1]) == 40 else None


def _checked(content: bytes) -> tuple[_Crypto, _Scrypt | _Pbkdf2]:
    """The part that counts, once it is known to be one that may be opened, and how its key is derived."""
    if len(content) > KEYSTORE_BYTES_MAX:
        raise BadKeystore(f"it has more than {KEYSTORE_BYTES_MAX} bytes")
    params: _Scrypt | _Pbkdf2
    try:
        crypto = msgspec.convert(_lowered(msgspec.json.decode(shallow_json(content))), _Keystore).crypto
        if crypto.kdf == "pbkdf2":
            params = msgspec.convert(crypto.kdfparams, _Pbkdf2)
        else:
            params = msgspec.convert(crypto.kdfparams, _Scrypt)
            _check_scrypt(params)
        _check_hex("mac", crypto.mac, 32, 32)
        _check_hex("ciphertext", crypto.ciphertext, 32, 32)
        _check_hex("iv", crypto.cipherparams.iv, 1, 16)
        _check_hex("salt", params.salt, 1, _SALT_BYTES_MAX)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadKeystore(f"it is no Web3 secret storage of version 3: {error}") from None
    return crypto, params


def _check_scrypt(params: _Scrypt) -> None:
    if params.n < 2 or params.n & (params.n - 1):
        raise ValueError("scrypt's n is no power of two")
    if 128 * params.n * params.r > _SCRYPT_BYTES_MAX or params.n * params.r * params.p > _SCRYPT_WORK_MAX:
        raise ValueError("its scrypt asks for too much memory or time")


def _check_hex(name: str, text: str, bytes_min: int, bytes_max: int) -> None:
    matched = _HEX.fullmatch(text)
    if matched is None or not bytes_min <= len(matched[1]) // 2 <= bytes_max:
        wanted = str(bytes_max) if bytes_min == bytes_max else f"{bytes_min} to {bytes_max}"
        raise ValueError(f"expected {wanted} bytes in hexadecimal - at `{name}`")


def _derived(params: _Scrypt | _Pbkdf2, password: bytes) -> bytes:
    """32 bytes: the first half encrypts, the second makes the MAC."""
    salt = _bytes(params.salt)
    if isinstance(params, _Pbkdf2):
        return hashlib.pbkdf2_hmac("sha256", password, salt, params.c, 32)
    from Crypto.Protocol.KDF import scrypt  # noqa: PLC0415 - most nodes have no keystore; OpenSSL's refuses small r

    try:
        derived = scrypt(password, salt, 32, N=params.n, r=params.r, p=params.p)  # type: ignore[arg-type]  # bytes do
    except (MemoryError, ValueError):
        megabytes = 128 * params.n * params.r // 2**20
        raise BadKeystore(f"its scrypt takes {megabytes} MB of memory, which the system does not give") from None
    return cast("bytes", derived)


def _aes_ctr(key: bytes, iv: bytes, content: bytes) -> bytes:
    from Crypto.Cipher import AES  # noqa: PLC0415 - as above

    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=iv.rjust(16, b"\0")).encrypt(content)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _lowered(value: Any) -> Any:
    """The document with its names in lower case: some programs write `Crypto`."""
    if isinstance(value, dict):
        return {name.lower(): _lowered(each) for name, each in value.items()}
    return value
