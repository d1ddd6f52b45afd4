"""Answers of nodes, decoded: hexadecimal JSON becomes the port's exact values, here and nowhere else.

Rule: an integer never passes through a float, and a field that does not fit is an error of the endpoint, not a guess.
"""

from __future__ import annotations

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


def _hook(kind: type, value: Any) -> Any:
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

    def to_log(self) -> Log:
        """Give it as the port has it. Raises ValueError for what is no hexadecimal."""
        if len(self.address) != 42 or len(self.block_hash) != 66 or len(self.transaction_hash) != 66:
            raise ValueError("a log's address or hash has the wrong length")
        unhex = bytes.fromhex
        return Log(
            address=Address(unhex(self.address[2:])),
            topics=tuple([unhex(topic[2:]) for topic in self.topics]),
            data=unhex(self.data[2:]),
            block_number=int(self.block_number, 16),
            block_hash=Hash32(unhex(self.block_hash[2:])),
            tx_hash=Hash32(unhex(self.transaction_hash[2:])),
            log_index=int(self.log_index, 16),
        )


class ReceiptAnswer(msgspec.Struct, rename="camel"):
    """A mined transaction's receipt; some networks leave the effective price out."""

    transaction_hash: HashData
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
            logs=tuple(log.to_log() for log in self.logs),
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


quantity: Final[msgspec.json.Decoder[Quantity]] = msgspec.json.Decoder(Quantity, dec_hook=_hook)
data: Final[msgspec.json.Decoder[Data]] = msgspec.json.Decoder(Data, dec_hook=_hook)
block: Final[msgspec.json.Decoder[BlockAnswer | None]] = msgspec.json.Decoder(BlockAnswer | None, dec_hook=_hook)
logs: Final[msgspec.json.Decoder[list[LogAnswer]]] = msgspec.json.Decoder(list[LogAnswer])
receipt: Final[msgspec.json.Decoder[ReceiptAnswer | None]] = msgspec.json.Decoder(ReceiptAnswer | None, dec_hook=_hook)
transaction: Final[msgspec.json.Decoder[TransactionAnswer | None]] = msgspec.json.Decoder(
    TransactionAnswer | None, dec_hook=_hook
)
fee_history: Final[msgspec.json.Decoder[FeeHistoryAnswer]] = msgspec.json.Decoder(FeeHistoryAnswer, dec_hook=_hook)
