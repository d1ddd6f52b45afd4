"""Web3 secret storage, version 3: the specification's vectors, and what is no such document."""

import json
from collections.abc import Callable, Mapping
from hashlib import pbkdf2_hmac
from typing import Any

import eth_account
import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.node.keystore import BadKeystore, WrongPassword, make_keystore, named_address, open_keystore

KEY = PrivateKey.parse("11" * 32)
PASSWORD = b"correct horse"
COST = 2
VECTOR_KEY = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
VECTOR_PASSWORD = b"testpassword"
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


def small() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(make_keystore(KEY, PASSWORD, scrypt_n=COST))
    return document


@pytest.mark.parametrize("document", [PBKDF2, SCRYPT])
def test_keystore_when_it_is_the_specifications_then_its_key_is_found(document: Mapping[str, object]) -> None:
    assert open_keystore(json.dumps(document).encode(), VECTOR_PASSWORD) == PrivateKey.parse(VECTOR_KEY)


def test_keystore_when_made_then_others_read_it_and_it_says_how_it_was_made() -> None:
    content = make_keystore(KEY, PASSWORD, scrypt_n=COST)
    document = json.loads(content)
    assert open_keystore(content, PASSWORD) == KEY
    assert bytes(eth_account.Account.decrypt(document, PASSWORD.decode())) == KEY.reveal()
    assert (document["version"], document["address"]) == (3, KEY.address.hex())
    assert document["crypto"]["kdf"] == "scrypt"
    assert {name: document["crypto"]["kdfparams"][name] for name in ("n", "r", "p", "dklen")} == {
        "n": COST,
        "r": 8,
        "p": 1,
        "dklen": 32,
    }
    assert KEY.reveal().hex() not in content.decode()


def test_keystore_when_others_made_it_then_it_is_read() -> None:
    for kdf, iterations in (("scrypt", COST), ("pbkdf2", COST)):
        document = eth_account.Account.encrypt(KEY.reveal(), PASSWORD.decode(), kdf=kdf, iterations=iterations)  # type: ignore[arg-type]
        assert open_keystore(json.dumps(document).encode(), PASSWORD) == KEY


def test_keystore_when_its_names_are_in_capitals_or_its_digits_have_a_prefix_then_it_is_read() -> None:
    document = small()
    crypto = document.pop("crypto")
    document["Crypto"] = {**crypto, "ciphertext": f"0x{crypto['ciphertext']}"}
    assert open_keystore(json.dumps(document).encode(), PASSWORD) == KEY


def test_keystore_when_its_address_is_anothers_then_the_keys_own_counts() -> None:
    document = {**small(), "address": "00" * 20}
    assert open_keystore(json.dumps(document).encode(), PASSWORD).address == KEY.address


@pytest.mark.parametrize("password", [b"", b"correct hors", b"correct horse\n", "größer".encode()])
def test_keystore_when_the_password_is_wrong_then_that_is_said_and_nothing_else(password: bytes) -> None:
    with pytest.raises(WrongPassword) as caught:
        open_keystore(make_keystore(KEY, PASSWORD, scrypt_n=COST), password)
    assert str(caught.value) == "the password is wrong"


def test_keystore_when_the_password_has_letters_beyond_ascii_then_it_is_utf_8() -> None:
    content = make_keystore(KEY, "größer".encode(), scrypt_n=COST)
    assert bytes(eth_account.Account.decrypt(json.loads(content), "größer")) == KEY.reveal()
    assert open_keystore(content, "größer".encode()) == KEY


@pytest.mark.parametrize("name", ["mac", "ciphertext"])
def test_keystore_when_a_bit_of_it_was_changed_then_it_is_refused(name: str) -> None:
    document = small()
    digits = document["crypto"][name]
    document["crypto"][name] = ("1" if digits[0] != "1" else "2") + digits[1:]
    with pytest.raises(WrongPassword):
        open_keystore(json.dumps(document).encode(), PASSWORD)


def params(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["crypto"]["kdfparams"].update(changed)


def crypto(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["crypto"].update(changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.update(version=4), "version"),
        (lambda document: document.update(version="3"), "version"),
        (lambda document: document.pop("version"), "version"),
        (lambda document: document.pop("crypto"), "crypto"),
        (crypto(cipher="aes-128-cbc"), "cipher"),
        (crypto(kdf="argon2"), "kdf"),
        (crypto(kdf="pbkdf2"), "`c`"),
        (crypto(kdfparams=[]), "kdfparams"),
        (crypto(mac="00"), "mac"),
        (crypto(mac="zz" * 32), "mac"),
        (crypto(ciphertext="00" * 31), "ciphertext"),
        (crypto(ciphertext=5), "ciphertext"),
        (crypto(cipherparams={"iv": "00" * 17}), "iv"),
        (crypto(cipherparams={"iv": ""}), "iv"),
        (params(dklen=16), "dklen"),
        (params(salt="0"), "salt"),
        (params(salt="00" * 1_000), "salt"),
        (params(n=3), "n"),
        (params(n=0), "n"),
        (params(n=-4), "n"),
        (params(n=2.0), "n"),
        (params(n=2**40), "n"),
        (params(r=0), "r"),
        (params(p=0), "p"),
        (params(n=2**18, r=8, p=16), "too much"),
        (params(n=2**20, r=16), "too much"),
    ],
)
def test_keystore_when_it_is_malformed_then_the_field_is_named_and_nothing_is_derived(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    document = small()
    change(document)
    with pytest.raises(BadKeystore, match=message):
        open_keystore(json.dumps(document).encode(), PASSWORD)


@pytest.mark.parametrize("changed", [{"c": 0}, {"c": 10**9}, {"prf": "hmac-md5"}, {"c": "many"}])
def test_keystore_when_its_pbkdf2_is_malformed_then_it_is_refused(changed: dict[str, object]) -> None:
    document = json.loads(json.dumps(PBKDF2))
    document["crypto"]["kdfparams"].update(changed)
    with pytest.raises(BadKeystore, match=next(iter(changed))):
        open_keystore(json.dumps(document).encode(), VECTOR_PASSWORD)


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff{", b'{"a":' * 5_000, b"{" + b" " * 20_000])
def test_keystore_when_it_is_no_document_then_it_is_refused(content: bytes) -> None:
    with pytest.raises(BadKeystore):
        open_keystore(content, PASSWORD)


def test_keystore_when_it_holds_what_is_no_key_then_it_is_refused() -> None:
    document = eth_account.Account.encrypt(KEY.reveal(), PASSWORD.decode(), kdf="pbkdf2", iterations=1)
    crypto_part: dict[str, Any] = document["crypto"]
    derived = pbkdf2_hmac("sha256", PASSWORD, bytes.fromhex(crypto_part["kdfparams"]["salt"]), 1, 32)
    iv = bytes.fromhex(crypto_part["cipherparams"]["iv"])
    ciphertext = AES.new(derived[:16], AES.MODE_CTR, nonce=b"", initial_value=iv).encrypt(bytes(32))
    crypto_part.update(ciphertext=ciphertext.hex(), mac=keccak256(derived[16:] + ciphertext).hex())
    with pytest.raises(BadKeystore, match="no private key"):
        open_keystore(json.dumps(document).encode(), PASSWORD)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
PLACES = [("version",), ("crypto",), *(("crypto", name) for name in SCRYPT["crypto"] if name != "kdfparams")]  # type: ignore[attr-defined]


@given(place=st.sampled_from(PLACES), value=JSON)
def test_keystore_when_anything_stands_in_a_place_then_it_is_refused_in_words(
    place: tuple[str, ...], value: object
) -> None:
    document = small()
    inner = document if len(place) == 1 else document["crypto"]
    inner[place[-1]] = value
    try:
        opened = open_keystore(json.dumps(document).encode(), PASSWORD)
    except (BadKeystore, WrongPassword):
        return
    assert opened == KEY


@given(content=st.binary(max_size=200))
def test_keystore_when_it_is_any_bytes_then_it_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(BadKeystore):
        open_keystore(b"{" + content, PASSWORD)
    assert named_address(b"{" + content) is None


def test_keystore_when_the_system_gives_no_memory_then_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: object, **__: object) -> bytes:
        raise MemoryError

    content = make_keystore(KEY, PASSWORD, scrypt_n=2**10)
    monkeypatch.setattr("Crypto.Protocol.KDF.scrypt", starved)
    with pytest.raises(BadKeystore, match="takes 1 MB of memory, which the system does not give"):
        open_keystore(content, PASSWORD)
