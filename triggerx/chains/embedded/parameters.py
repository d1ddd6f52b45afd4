"""JSON-RPC parameters parsed once: what a client sent becomes bytes, integers and block tags, or a stated refusal.

Rule: a parameter that does not fit is answered with code -32602 and its name, never with a failure of the server.
"""

from __future__ import annotations

from typing import Any, Final

from triggerx.chains.embedded.evm import Call
from triggerx.chains.embedded.logs import LogFilter

INVALID_PARAMS: Final = -32602
SERVER_ERROR: Final = -32000  # geth's code for most of what a node refuses
EXECUTION_REVERTED: Final = 3  # geth's code for a revert, with its data
NO_CALLER: Final = bytes(20)
BLOCK_TAGS: Final = frozenset({"latest", "pending", "earliest", "safe", "finalized"})


class Fault(Exception):
    """An answer with an error object: code, message and, for a revert, its data."""

    def __init__(self, code: int, message: str, payload: str | None = None) -> None:
        """Hold the three fields of the error object."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.payload = payload


def invalid(name: str, expected: str) -> Fault:
    """Make the refusal of a parameter."""
    return Fault(INVALID_PARAMS, f"invalid params: {name}: expected {expected}")


def number_of(value: Any, name: str) -> int:
    """Read a quantity: hex, or a JSON integer as development methods get them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return int(value, 16)
        except ValueError as error:
            raise invalid(name, "a hex quantity") from error
    raise invalid(name, "a hex quantity")


def bytes_of(value: Any, name: str, length: int | None = None) -> bytes:
    """Read hex data, of a given length when one is named."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            found = bytes.fromhex(value[2:])
        except ValueError as error:
            raise invalid(name, "hex data") from error
        if length is None or len(found) == length:
            return found
    raise invalid(name, "hex data" if length is None else f"hex data of {length} bytes")


def tag_of(value: Any) -> str | int | bytes:
    """Read a block parameter: a tag, a number, or (EIP-1898) an object with a number or a hash, given as 32 bytes."""
    if value is None:
        return "latest"
    if isinstance(value, dict):
        if "blockHash" in value:
            return bytes_of(value["blockHash"], "blockHash", 32)
        return number_of(value.get("blockNumber"), "blockNumber")
    if value in BLOCK_TAGS:
        return str(value)
    return number_of(value, "block")


def call_of(value: Any) -> Call:
    """Read a transaction object for eth_call and eth_estimateGas; fees and nonce are ignored, calls are free."""
    if not isinstance(value, dict):
        raise invalid("transaction", "an object")
    sent = value.get("input", value.get("data"))
    return Call(
        sender=bytes_of(value["from"], "from", 20) if value.get("from") else NO_CALLER,
        to=bytes_of(value["to"], "to", 20) if value.get("to") else b"",
        data=bytes_of(sent, "data") if sent else b"",
        value=number_of(value["value"], "value") if value.get("value") else 0,
        gas=number_of(value["gas"], "gas") if value.get("gas") else None,
    )


def filter_of(value: Any) -> LogFilter:
    """Read the addresses and topics of a log filter."""
    if not isinstance(value, dict):
        raise invalid("filter", "an object")
    addresses = value.get("address") or []
    if isinstance(addresses, str):
        addresses = [addresses]
    topics = value.get("topics") or []
    if not isinstance(addresses, list) or not isinstance(topics, list):
        raise invalid("filter", "address and topics as lists")
    positions = [[] if topic is None else topic if isinstance(topic, list) else [topic] for topic in topics]
    return LogFilter(
        addresses=frozenset(bytes_of(address, "address", 20) for address in addresses),
        topics=tuple(frozenset(bytes_of(item, "topic", 32) for item in position) for position in positions),
    )
