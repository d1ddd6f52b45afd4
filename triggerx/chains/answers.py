"""Answers of nodes, decoded: hexadecimal JSON becomes the port's exact values, here and nowhere else.

Rule: an integer never passes through a float, and a field that does not fit is an error of the endpoint, not a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from triggerx.evm.types import Address, Hash32, Wei
from triggerx.ports.chain import Block, Log, Receipt, Transaction


class Quantity(int):
    """A hexadecimal number."""


class Data(bytes):
    """Hexadecimal bytes of any length."""


class AddressData(Data):
    """20 bytes."""


class HashData(Data):
    """32 bytes."""


class BloomData(Data):
    """256 bytes."""


_LENGTHS: Final[dict[type, int]] = {AddressData: 20, HashData: 32, BloomData: 256}


def hook(kind: type, value: Any) -> Any:
    """Decode what is hexadecimal, for decoders; raises ValueError for what is not."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"expected hexadecimal, got {type(value).__name__}")
    if kind is Quantity:
        return Quantity(value, 16)
    raw = kind(bytes.fromhex(value[2:]))
    length = _LENGTHS.get(kind)
    if length is not None and len(raw) != length:
        raise ValueError(f"expected {length} bytes, got {len(raw)}")
    return raw


class BlockAnswer(msgspec.Struct, rename="camel"):
    """What is read of a header."""

    number: Quantity
    hash: HashData
    parent_hash: HashData
    timestamp: Quantity
    logs_bloom: BloomData
    base_fee_per_gas: Quantity | None = None

    def to_block(self) -> Block:
        """Give it as the port has it."""
        return Block(
            number=int(self.number),
            hash=Hash32(bytes(self.hash)),
            parent_hash=Hash32(bytes(self.parent_hash)),
            timestamp=int(self.timestamp),
            logs_bloom=bytes(self.logs_bloom),
        )


class LogAnswer(msgspec.Struct, rename="camel", gc=False):
    """A log, in strings: there are many, and most are looked at once.

    Strings alone make no cycle, so the collector is not told of it (`gc=False`, and a tuple instead of a list): that
    takes two thirds off the decoding of a long answer.
    """

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    log_index: str
    removed: bool = False


class _Words(dict[str, Hash32]):
    """32-byte words by their text: the logs of a block name the same block, transactions and topics again and again."""

    def __missing__(self, text: str) -> Hash32:
        if len(text) != 66 or not text.startswith("0x"):
            raise ValueError("a log's hash or topic has the wrong length")
        word = self[text] = Hash32(bytes.fromhex(text[2:]))
        return word


class _Addresses(dict[str, Address]):
    """Addresses by their text."""

    def __missing__(self, text: str) -> Address:
        if len(text) != 42 or not text.startswith("0x"):
            raise ValueError("a log's address has the wrong length")
        address = self[text] = Address(bytes.fromhex(text[2:]))
        return address


class _Numbers(dict[str, int]):
    """Numbers by their text."""

    def __missing__(self, text: str) -> int:
        number = self[text] = int(text, 16)
        return number


def to_logs(found: Iterable[LogAnswer]) -> list[Log]:
    """Give logs as the port has them, in their order. Raises ValueError for what is no hexadecimal."""
    words, addresses, numbers = _Words(), _Addresses(), _Numbers()
    return [
        Log(
            addresses[one.address],
            tuple([words[topic] for topic in one.topics]),
            bytes.fromhex(one.data[2:]),
            numbers[one.block_number],
            words[one.block_hash],
            words[one.transaction_hash],
            numbers[one.log_index],
        )
        for one in found
    ]


class ReceiptAnswer(msgspec.Struct, rename="camel"):
    """A mined transaction's receipt; some networks leave the effective price out."""

    transaction_hash: HashData
    transaction_index: Quantity
    block_number: Quantity
    block_hash: HashData
    from_: AddressData = msgspec.field(name="from")
    to: AddressData | None
    status: Quantity
    gas_used: Quantity
    logs: list[LogAnswer]
    effective_gas_price: Quantity | None = None

    def to_receipt(self) -> Receipt:
        """Give it as the port has it."""
        return Receipt(
            tx_hash=Hash32(bytes(self.transaction_hash)),
            block_number=int(self.block_number),
            block_hash=Hash32(bytes(self.block_hash)),
            sender=Address(bytes(self.from_)),
            to=None if self.to is None else Address(bytes(self.to)),
            is_success=self.status == 1,
            gas_used=int(self.gas_used),
            effective_gas_price=Wei(int(self.effective_gas_price or 0)),
            logs=tuple(to_logs(self.logs)),
        )


class TransactionAnswer(msgspec.Struct, rename="camel"):
    """A transaction, mined or waiting."""

    hash: HashData
    from_: AddressData = msgspec.field(name="from")
    to: AddressData | None
    nonce: Quantity
    value: Quantity
    input: Data
    block_number: Quantity | None = None

    def to_transaction(self) -> Transaction:
        """Give it as the port has it."""
        return Transaction(
            tx_hash=Hash32(bytes(self.hash)),
            sender=Address(bytes(self.from_)),
            to=None if self.to is None else Address(bytes(self.to)),
            nonce=int(self.nonce),
            value=Wei(int(self.value)),
            data=bytes(self.input),
            block_number=None if self.block_number is None else int(self.block_number),
        )


class FeeHistoryAnswer(msgspec.Struct, rename="camel"):
    """Base fees of blocks, the next one's last, and tips at the percentiles asked for."""

    base_fee_per_gas: list[Quantity]
    reward: list[list[Quantity]] = []


quantity: Final[msgspec.json.Decoder[Quantity]] = msgspec.json.Decoder(Quantity, dec_hook=hook)
data: Final[msgspec.json.Decoder[Data]] = msgspec.json.Decoder(Data, dec_hook=hook)
block: Final[msgspec.json.Decoder[BlockAnswer | None]] = msgspec.json.Decoder(BlockAnswer | None, dec_hook=hook)
logs: Final[msgspec.json.Decoder[list[LogAnswer]]] = msgspec.json.Decoder(list[LogAnswer])
receipt: Final[msgspec.json.Decoder[ReceiptAnswer | None]] = msgspec.json.Decoder(ReceiptAnswer | None, dec_hook=hook)
transaction: Final[msgspec.json.Decoder[TransactionAnswer | None]] = msgspec.json.Decoder(
    TransactionAnswer | None, dec_hook=hook
)
fee_history: Final[msgspec.json.Decoder[FeeHistoryAnswer]] = msgspec.json.Decoder(FeeHistoryAnswer, dec_hook=hook)
