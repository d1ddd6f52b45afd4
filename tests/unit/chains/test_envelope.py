"""Signed bytes equal those of the usual library, which stays the oracle."""

import pytest
from eth_account import Account

from triggerx.chains.accounts import derive_accounts
from triggerx.chains.envelope import Fees, Unsigned, decode, rlp, sign
from triggerx.evm.types import Address, ChainId, Wei

ACCOUNT = derive_accounts(1)[0]
TO = Address(bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"))


def unsigned(*, priority_wei: int | None, to: Address | None = TO, data: bytes = b"", value: int = 0) -> Unsigned:
    return Unsigned(
        chain_id=ChainId(84532),
        nonce=128,
        to=to,
        data=data,
        value=Wei(value),
        gas=1_000_000,
        fees=Fees(max_wei=3 * 10**9, priority_wei=priority_wei),
    )


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x7f", b"\x80", bytes(55), bytes(56), bytes(range(256)) * 300])
@pytest.mark.parametrize("priority_wei", [None, 0, 10**9])
def test_transaction_when_signed_then_bytes_equal_the_oracles(data: bytes, priority_wei: int | None) -> None:
    mine = unsigned(priority_wei=priority_wei, data=data, value=2**90)
    fields = {"nonce": 128, "to": TO, "data": data, "value": 2**90, "gas": 1_000_000, "chainId": 84532}
    if priority_wei is None:
        fields |= {"gasPrice": 3 * 10**9}
    else:
        fields |= {"type": 2, "maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": priority_wei}
    theirs = Account.from_key(ACCOUNT.private_key).sign_transaction(fields)
    tx_hash, raw = sign(ACCOUNT, mine)
    assert (tx_hash, raw) == (bytes(theirs.hash), bytes(theirs.raw_transaction))
    assert decode(raw) == mine


def test_creation_when_decoded_then_has_no_receiver() -> None:
    mine = unsigned(priority_wei=1, to=None, data=b"\x60")
    assert decode(sign(ACCOUNT, mine)[1]) == mine


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x02\xc0", b"\xc3\x01\x02\x03", b"\x02\xf8", b"hello"])
def test_bytes_when_they_are_no_transaction_then_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        decode(raw)


def test_rlp_when_lists_are_nested_then_follows_the_yellow_paper() -> None:
    assert rlp([[], [[]], [[], [[]]]]) == bytes.fromhex("c7c0c1c0c3c0c1c0")
    assert rlp([b"cat", b"dog"]) == b"\xc8\x83cat\x83dog"
    assert rlp(1024) == b"\x82\x04\x00"


def test_fees_when_bumped_then_both_rise_and_the_cap_holds() -> None:
    bumped = Fees(max_wei=1000, priority_wei=9).bumped(13)
    assert bumped == Fees(max_wei=1131, priority_wei=11)
    assert bumped.at_least(Fees(max_wei=5000, priority_wei=3)) == Fees(max_wei=5000, priority_wei=11)
    assert bumped.capped(100) == Fees(max_wei=100, priority_wei=11)
    assert Fees(max_wei=10, priority_wei=None).bumped(10).at_least(Fees(max_wei=5, priority_wei=4)).priority_wei is None
