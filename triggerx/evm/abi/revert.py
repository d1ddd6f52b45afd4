"""Why a call failed, as one line a person can read.

Reads the data of a revert: `Error(string)`, `Panic(uint256)` (Solidity), the custom errors of the contracts this system
calls, and otherwise the bytes themselves. The text is an attacker's: it is bounded and stripped of control characters.
"""

from functools import cache
from typing import Final

from triggerx.evm.abi.codec import DecodeError, decode_tuple
from triggerx.evm.abi.types import Tuple, parse_signature, tuple_of
from triggerx.evm.keccak import keccak256

REASON_CHARS_MAX: Final = 256  # a reason is logged and shown; the data of a revert may be megabytes

PANICS: Final = {
    0x00: "generic panic",
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "value out of an enum's range",
    0x22: "wrongly encoded storage bytes",
    0x31: "pop from an empty array",
    0x32: "array index out of bounds",
    0x41: "too much memory",
    0x51: "call of an uninitialised function",
}

CUSTOM_ERRORS: Final = """
    AlreadySet() AssignmentAlreadyUsed() AttemptsExhausted() CalldataMismatch() ChainIdOverflow(uint256,uint256)
    EmptyJobName() FeeAboveCap() FiringInFuture() ForbiddenTarget() GuardedOnly() InactiveAggregator()
    InactiveKeeper() InactiveOperator() InactiveOperator(uint256) InactiveTaskPerformer() InsufficientBalance()
    InsufficientVotingPower() InvalidAmount() InvalidAssignmentSignature() InvalidAuthSignature() InvalidBlsKey()
    InvalidDomain() InvalidFiring() InvalidJobParameters() InvalidMandateSignature() InvalidOBLSSignature()
    InvalidOperatorIndex() InvalidOperatorIndexes() InvalidPerformerSignature() InvalidSecurity()
    InvalidTargetContract() InvalidVotingPower() JobAlreadyInactive(uint256) JobHashMismatch() JobNotActive()
    JobNotFound() JobNotFound(uint256) JobVersionMismatch() MandateExhausted() MandateExpired() MandateNotYetValid()
    MessageAlreadySigned() NotEnoughVotingPower() NotGasRegistry() NotHub() NotMessageHandler() NotOBLSManager()
    NotOwner() OperatorAlreadyRegistered() OperatorDoesNotHaveMinimumVotingPower(uint256) OperatorNotRegistered()
    OperatorNotRegistered(address) OutsideAssignmentWindow() PrecompileFailed() QuorumRequired() SelectorMismatch()
    SpacingNotElapsed() StarvedInnerGas() TargetHasNoCode() TaskAlreadyDone() TaskKeyMismatch() TooManyOperators()
    TransferFailed() UnauthorizedJobAccess(uint256,address) ValueAboveCap() WrongJobOwner() WrongPerformer()
    ZeroAddress()
    AccessControlUnauthorizedAccount(address,bytes32) ERC20InsufficientAllowance(address,uint256,uint256)
    ERC20InsufficientBalance(address,uint256,uint256) OwnableInvalidOwner(address)
    OwnableUnauthorizedAccount(address) PauseFlagIsActive() ReentrancyGuardReentrantCall()
"""
"""Those of our contracts and the deployed ones, then those of the libraries that most targets are written with."""

_ERROR: Final = bytes.fromhex("08c379a0")
_PANIC: Final = bytes.fromhex("4e487b71")


def decode_revert(data: bytes) -> str:
    """The reason in a revert's data, at most `REASON_CHARS_MAX` characters; never raises, empty data says so."""
    if not data:
        return "reverted without a reason"
    try:
        reason = _reason(bytes(data))
    except DecodeError:
        reason = None
    shown = reason if reason is not None else "0x" + data[:REASON_CHARS_MAX].hex()
    printable = "".join(character if character.isprintable() else " " for character in shown[: REASON_CHARS_MAX + 1])
    return printable if len(printable) <= REASON_CHARS_MAX else printable[: REASON_CHARS_MAX - 1] + "…"


def _reason(data: bytes) -> str | None:
    selector, body = data[:4], data[4:]
    if selector == _ERROR:
        return str(decode_tuple(tuple_of(parse_signature("Error(string)").parameters), body)[0])
    if selector == _PANIC:
        (code,) = decode_tuple(tuple_of(parse_signature("Panic(uint256)").parameters), body)
        return f"panic 0x{code:02x}: {PANICS[code] if isinstance(code, int) and code in PANICS else 'unknown code'}"
    known = _errors_by_selector().get(selector)
    if known is None:
        return None
    name, kind = known
    values = decode_tuple(kind, body)
    shown = ", ".join(f"0x{value.hex()}" if isinstance(value, bytes) else str(value) for value in values)
    return f"{name}({shown})"


@cache
def _errors_by_selector() -> dict[bytes, tuple[str, Tuple]]:
    found: dict[bytes, tuple[str, Tuple]] = {}
    for text in CUSTOM_ERRORS.split():
        signature = parse_signature(text)
        kind = tuple_of(signature.parameters)
        found[keccak256((signature.name + kind.text).encode())[:4]] = (signature.name, kind)
    return found
