"""What a node's refusal means: an execution that failed, a method it does not know, or a failure of its own.

Rule: codes first, words where nodes give nothing else; what is not recognised is the node's failure.
"""

from __future__ import annotations

from typing import Final

from triggerx.chains.rpc import NodeRefusal
from triggerx.evm.abi import decode_revert
from triggerx.ports.chain import CallReverted

EXECUTION_REVERTED: Final = 3  # geth's code of a revert with data
UNKNOWN_METHOD: Final = -32601  # JSON-RPC 2.0
FAILED_EXECUTION: Final = (  # how nodes word an execution that failed without revert data
    "revert",
    "out of gas",
    "outofgas",
    "invalid opcode",
    "invalidinstruction",
    "invalid jump",
    "execution failed",
    "evm error",
    "insufficient funds",
    "insufficient balance",
    "gas required exceeds",
    "stack underflow",
)
UNKNOWN_METHOD_WORDS: Final = (
    "does not exist",
    "not available",
    "not supported",
    "unsupported",
    "not found",
    "unknown",
)


def as_revert(refusal: NodeRefusal) -> CallReverted | None:
    """Read a refused eth_call or eth_estimateGas as an execution that failed; None when the node failed instead."""
    data = refusal.data_bytes
    if refusal.code == EXECUTION_REVERTED or data:
        return CallReverted(decode_revert(data) if data else refusal.message, data)
    lowered = refusal.message.lower()
    if any(word in lowered for word in FAILED_EXECUTION):
        return CallReverted(refusal.message)
    return None


def is_unknown_method(refusal: NodeRefusal) -> bool:
    """Tell whether the node does not serve the method at all; providers have codes of their own for that."""
    lowered = refusal.message.lower()
    return refusal.code == UNKNOWN_METHOD or (
        "method" in lowered and any(word in lowered for word in UNKNOWN_METHOD_WORDS)
    )
