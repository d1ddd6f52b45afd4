"""What nodes mean when they refuse: a failed execution, an unknown method, or a failure of their own."""

import pytest

from triggerx.chains.refusals import as_revert, is_unknown_method
from triggerx.chains.rpc import NodeRefusal
from triggerx.evm.abi import encode

REASON = bytes.fromhex("08c379a0") + encode(["string"], ["not today"])


def refusal(code: int, message: str, data: bytes = b"") -> NodeRefusal:
    return NodeRefusal("eth_call", "host", code, message, b'"0x' + data.hex().encode() + b'"' if data else b"")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (refusal(3, "execution reverted: not today", REASON), "not today"),
        (refusal(-32000, "whatever", REASON), "not today"),
        (refusal(3, "execution reverted"), "execution reverted"),
        (refusal(-32015, "VM execution error: OutOfGas"), "VM execution error: OutOfGas"),
        (refusal(-32000, "missing trie node"), None),
        (refusal(-32601, "the method eth_call does not exist"), None),
    ],
)
def test_refusal_when_read_as_a_revert_then_gives_its_reason_or_nothing(given: NodeRefusal, reason: str | None) -> None:
    reverted = as_revert(given)
    assert (None if reverted is None else reverted.reason) == reason


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (-32601, "anything", True),
        (-32000, "the method eth_getBlockReceipts does not exist/is not available", True),
        (-32004, "Method not supported", True),
        (-32600, "Unsupported method: eth_getBlockReceipts on this network", True),
        (-32000, "header not found", False),
        (-32602, "invalid argument 0: hex string has length 66", False),
    ],
)
def test_refusal_when_the_method_is_unknown_then_is_told_from_others(code: int, message: str, expected: bool) -> None:
    assert is_unknown_method(refusal(code, message)) is expected
