"""Everything that is asked of py-evm: states, free calls, executed transactions, sealed headers.

Rule: a block's transaction is executed once, when it enters the pending block; sealing only persists and hashes. The
BN254 pairing, half a second in Python, is remembered by its input, so that simulating, estimating and mining the same
transaction pay for it once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from eth.abc import ComputationAPI, SignedTransactionAPI, StateAPI
from eth.constants import BLANK_ROOT_HASH, POST_MERGE_DIFFICULTY, POST_MERGE_NONCE, ZERO_ADDRESS
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert, VMError
from eth.rlp.receipts import Receipt
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.istanbul.constants import GAS_ECPAIRING_BASE, GAS_ECPAIRING_PER_POINT
from eth.vm.forks.london.headers import calculate_expected_base_fee_per_gas
from eth.vm.forks.london.transactions import UnsignedDynamicFeeTransaction
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES, PragueComputation
from eth.vm.forks.prague.headers import create_prague_header_from_parent
from eth.vm.forks.prague.state import PragueState
from eth.vm.spoof import SpoofTransaction
from eth_utils.exceptions import ValidationError

if TYPE_CHECKING:
    from eth_typing import Address, BlockNumber, Hash32

PAIRING_ADDRESS: Final = (8).to_bytes(20, "big")
PAIRINGS_REMEMBERED: Final = 4096  # about 4 MB of inputs; a simulation, an estimate and a mining are seconds apart
BLOCK_GAS_LIMIT: Final = 30_000_000  # as on the networks served and in anvil
CALL_STIPEND: Final = 2_300  # EVM: gas added to a call that carries value, which an estimate must leave room for


def _remembering_pairing(inner: Callable[[ComputationAPI], ComputationAPI]) -> Callable[[Any], ComputationAPI]:
    answers: OrderedDict[bytes, bytes] = OrderedDict()
    lock = Lock()

    def pairing(computation: Any) -> ComputationAPI:
        points = bytes(computation.msg.data)
        with lock:
            answer = answers.get(points)
        if answer is None:
            inner(computation)
            with lock:
                answers[points] = bytes(computation.output)
                if len(answers) > PAIRINGS_REMEMBERED:
                    answers.popitem(last=False)
            return computation  # type: ignore[no-any-return]  # py-evm passes its own object through
        cost = GAS_ECPAIRING_BASE + len(points) // 192 * GAS_ECPAIRING_PER_POINT
        computation.consume_gas(cost, reason="ECPAIRING Precompile")
        computation.output = answer
        return computation  # type: ignore[no-any-return]  # py-evm passes its own object through

    return pairing


class _Computation(PragueComputation):
    _precompiles = {  # noqa: RUF012 - py-evm's own way of declaring them
        **PRAGUE_PRECOMPILES,
        PAIRING_ADDRESS: _remembering_pairing(PRAGUE_PRECOMPILES[PAIRING_ADDRESS]),
    }


class _State(PragueState):
    computation_class = _Computation


class Header(Protocol):
    """A Prague block's header: py-evm's object with the types that it has since London."""

    parent_hash: bytes
    uncles_hash: bytes
    coinbase: Address
    state_root: Hash32
    transaction_root: bytes
    receipt_root: bytes
    bloom: int
    difficulty: int
    block_number: BlockNumber
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: Hash32
    nonce: bytes
    base_fee_per_gas: int
    withdrawals_root: bytes
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: bytes
    requests_hash: bytes
    hash: bytes

    def copy(self, **fields: Any) -> Header:
        """Return a header with some fields changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message executed without fee or trace; `to` is empty for a creation, `gas` None for a block's worth."""

    sender: bytes
    to: bytes
    data: bytes
    value: int
    gas: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What a call gave back: its output, or the reason (`reverted` with its data, or another error of the EVM)."""

    output: bytes
    gas_used: int
    reverted: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A transaction executed in a pending block, with its receipt; `gas_used` is its own, not cumulative."""

    transaction: SignedTransactionAPI
    sender: bytes
    receipt: Receipt
    gas_used: int
    succeeded: bool
    contract_address: bytes | None


def new_state(
    db: AtomicDB, header: Header, ancestors: Iterable[bytes], chain_id: int, base_fee: int | None = None
) -> StateAPI:
    """Build the state that lies under `header.state_root`, seen from that block.

    `ancestors` are block hashes, the parent's first; `base_fee` replaces the header's (0 for calls without fee).
    """
    context = ExecutionContext(
        coinbase=header.coinbase,
        timestamp=header.timestamp,
        block_number=header.block_number,
        difficulty=header.difficulty,
        mix_hash=header.mix_hash,
        gas_limit=header.gas_limit,
        prev_hashes=ancestors,  # type: ignore[arg-type]  # py-evm's NewType over bytes
        chain_id=chain_id,
        base_fee_per_gas=header.base_fee_per_gas if base_fee is None else base_fee,
        excess_blob_gas=header.excess_blob_gas,
    )
    return _State(db, context, header.state_root)


def genesis(balances: dict[bytes, int], chain_id: int, timestamp: int) -> tuple[AtomicDB, Header]:
    """Make an empty chain's database with funded accounts, and its block 0."""
    db = AtomicDB()
    empty: Any = PragueBlockHeader(
        difficulty=0,
        block_number=cast("BlockNumber", 0),
        gas_limit=BLOCK_GAS_LIMIT,
        timestamp=0,
        state_root=BLANK_ROOT_HASH,
    )
    state = new_state(db, empty, (), chain_id)
    for address, balance in balances.items():
        state.set_balance(address, balance)  # type: ignore[arg-type]  # py-evm's NewType over bytes
    state.persist()
    header: Header = create_prague_header_from_parent(
        None,
        difficulty=POST_MERGE_DIFFICULTY,
        nonce=POST_MERGE_NONCE,
        gas_limit=BLOCK_GAS_LIMIT,
        timestamp=timestamp,
        state_root=state.state_root,
    )
    return db, header


def child_header(parent: Header, timestamp: int, mix_hash: bytes) -> Header:
    """Open the header of the block after `parent`; roots, bloom and gas are set when it is sealed."""
    header: Header = create_prague_header_from_parent(
        parent,
        coinbase=ZERO_ADDRESS,
        gas_limit=BLOCK_GAS_LIMIT,
        timestamp=timestamp,
        difficulty=POST_MERGE_DIFFICULTY,
        nonce=POST_MERGE_NONCE,
        mix_hash=mix_hash,
    )
    return header


def expected_base_fee(parent: Header) -> int:
    """Compute the base fee of the block after `parent`, EIP-1559."""
    fee: int = calculate_expected_base_fee_per_gas(cast("Any", parent))
    return fee


def execute(state: StateAPI, transaction: SignedTransactionAPI, gas_used_before: int) -> Executed:
    """Execute a signed transaction on the pending state; a failing one is executed too, with status 0.

    Raises eth_utils.ValidationError when it cannot be in the block at all (nonce, funds, fee below the base fee).
    """
    state.lock_changes()
    computation = state.apply_transaction(transaction)
    gas_used = PragueVM.finalize_gas_used(transaction, computation)
    status = b"" if computation.is_error else b"\x01"
    receipt = transaction.make_receipt(status, gas_used_before + gas_used, computation.get_log_entries())
    created = bytes(computation.msg.storage_address) if computation.msg.is_create else None
    return Executed(
        transaction=transaction,
        sender=bytes(transaction.sender),
        receipt=receipt,  # type: ignore[arg-type]  # typed receipts pass every attribute through
        gas_used=gas_used,
        succeeded=not computation.is_error,
        contract_address=created,
    )


def call(state: StateAPI, message: Call, chain_id: int) -> CallOutcome:
    """Execute a message on a fresh state (base fee 0) and throw its effects away.

    Raises eth_utils.ValidationError when the sender lacks the value, or the gas does not cover the data.
    """
    sender: Address = message.sender  # type: ignore[assignment]  # py-evm's NewType over bytes
    transaction = UnsignedDynamicFeeTransaction(
        chain_id,
        state.get_nonce(sender),
        0,
        0,
        state.gas_limit if message.gas is None else min(message.gas, state.gas_limit),
        message.to,
        message.value,
        message.data,
        (),
    )
    if transaction.intrinsic_gas > transaction.gas:
        raise ValidationError(f"intrinsic gas too low: have {transaction.gas}, want {transaction.intrinsic_gas}")
    spoofed: Any = SpoofTransaction(transaction, from_=message.sender)
    computation = state.apply_transaction(spoofed)
    error = computation._error
    return CallOutcome(
        output=_error_data(error) if error is not None else bytes(computation.output),
        gas_used=PragueVM.finalize_gas_used(spoofed, computation),
        reverted=isinstance(error, Revert),
        error=None if error is None else f"{type(error).__name__}: {error}",
    )


def _error_data(error: VMError) -> bytes:
    if isinstance(error, Revert) and error.args and isinstance(error.args[0], bytes | bytearray | memoryview):
        return bytes(error.args[0])
    return b""


def estimate(fresh: Callable[[], StateAPI], message: Call, chain_id: int) -> tuple[int, CallOutcome]:
    """Find a gas limit with which the message succeeds, at most 1.5 % and a stipend above the least.

    Answers (0, outcome) when it fails even with all the gas allowed. Two executions are usual: one with everything,
    one with what that used times 64/63 (EIP-150) and a stipend; only if that fails the range is halved, as geth does.
    """
    whole = call(fresh(), message, chain_id)
    if whole.error is not None:
        return 0, whole
    high = BLOCK_GAS_LIMIT if message.gas is None else message.gas
    low = whole.gas_used - 1
    attempt = (whole.gas_used + CALL_STIPEND) * 64 // 63
    if whole.gas_used == 21_000 and not message.data:
        return 21_000, whole
    while high - low > max(1, high * 15 // 1000):
        attempt = min(attempt, high)
        tried = Call(sender=message.sender, to=message.to, data=message.data, value=message.value, gas=attempt)
        try:
            worked = call(fresh(), tried, chain_id).error is None
        except ValidationError:
            worked = False
        if worked:
            high = attempt
            if attempt == (whole.gas_used + CALL_STIPEND) * 64 // 63:
                break
        else:
            low = attempt
        attempt = (high + low) // 2
    return high, whole
