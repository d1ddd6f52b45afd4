"""Event triggers and logs for the tests of event triggers."""

import json
from typing import Any

from triggerx.core.job import EventFilter, EventTrigger
from triggerx.evm.abi import encode
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.ports.chain import Log

CONTRACT = Address(bytes(range(20)))
ALICE, BOB = bytes([0xAA]) * 20, bytes([0xBB]) * 20
TRANSFER = "Transfer(address indexed from, address indexed to, uint256 value)"
TRANSFER_ABI = json.dumps(
    {
        "type": "event",
        "name": "Transfer",
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    }
)


def trigger(event: str, *filters: tuple[str, str], abi: str = "", contract: Address = CONTRACT) -> EventTrigger:
    """A trigger with our filters."""
    return EventTrigger(
        chain_id=ChainId(1),
        contract=contract,
        event=event,
        filters=tuple(EventFilter(name=name, value=value) for name, value in filters),
        event_abi=abi,
    )


def log(*topics: bytes, data: bytes = b"", address: bytes = CONTRACT, index: int = 0, tx: int = 1) -> Log:
    """A log in block 7."""
    return Log(
        address=Address(address),
        topics=topics,
        data=data,
        block_number=7,
        block_hash=Hash32(bytes([7]) * 32),
        tx_hash=Hash32(tx.to_bytes(32, "big")),
        log_index=index,
    )


def word(value: bytes | int) -> bytes:
    """An address or a number as a topic."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def words(types: list[str], *values: Any) -> bytes:
    """A log's data."""
    return encode(types, values)
