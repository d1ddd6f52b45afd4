"""One EVM chain as the roles see it: reads, confirmed logs, and transactions that end in a stated outcome."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from triggerx.core.errors import RecoverableError, UnrecoverableError
from triggerx.evm.types import Address, ChainId, Hash32, Wei


class CallReverted(RecoverableError):
    """An `eth_call` or a gas estimate reverted; `data` is the revert data as the node gave it, maybe empty."""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data


class ReorgBeyondConfirmations(UnrecoverableError):
    """The chain replaced a block that was taken as final: raise the confirmations, and audit what was acted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block's header, as far as it is used. `timestamp` is unix seconds, `logs_bloom` 256 bytes."""

    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp: int
    logs_bloom: bytes


class Log(NamedTuple):
    """One log. `log_index` counts in the block; its ordinal in the receipt is found from the receipt.

    A tuple, because logs come by the ten thousand, and a frozen dataclass takes three times as long to make.
    """

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: Hash32
    tx_hash: Hash32
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A mined transaction's receipt. `effective_gas_price` in wei per gas."""

    tx_hash: Hash32
    block_number: int
    block_hash: Hash32
    sender: Address
    to: Address | None
    is_success: bool
    gas_used: int
    effective_gas_price: Wei
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction as the node knows it; `block_number` is None while it is pending."""

    tx_hash: Hash32
    sender: Address
    to: Address | None
    nonce: int
    value: Wei
    data: bytes
    block_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Addresses (any of them; none given means all) and topics by position (None means any; several mean any of)."""

    addresses: tuple[Address, ...] = ()
    topics: tuple[tuple[bytes, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last block that was handled, with its hash so that a reorg below it is noticed."""

    number: int
    hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """All matching logs of one contiguous canonical range, ascending by block and index; `cursor` is its last block."""

    logs: tuple[Log, ...]
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRange:
    """One step along the canonical chain: first what no longer is, then what has become canonical.

    `dropped` are blocks handed out before that were replaced, newest first; `blocks` follow on the newest block
    that stayed, ascending and without a gap; `logs` are all matching logs of `blocks`, by block and index. `is_whole`
    says that the logs are not filtered: then a log's ordinal in its receipt can be counted from them alone.
    """

    dropped: tuple[Block, ...]
    blocks: tuple[Block, ...]
    logs: tuple[Log, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One read of a contract in a batch."""

    to: Address
    data: bytes


class Chain(Protocol):
    """Reads of one chain. Raises `RecoverableError` when no endpoint answers in time."""

    chain_id: ChainId

    async def head(self) -> Block:
        """Return the newest block."""
        ...

    async def block(self, number: int) -> Block | None:
        """Return the canonical block of this number, or None when there is none yet."""
        ...

    async def block_at(self, timestamp: int) -> Block | None:
        """Return the highest canonical block whose timestamp is ≤ `timestamp`; None when even block 0 is later."""
        ...

    async def call(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = Wei(0),
        block: int | str = "latest",
    ) -> bytes:
        """Run `eth_call`; raises `CallReverted`. `block` is a number, `latest` or `pending`."""
        ...

    async def estimate_gas(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = Wei(0),
        block: int | None = None,
    ) -> int:
        """Return what a transaction of this content would take; raises `CallReverted` where it would fail.

        On the state after `block`, whose number it is; without one on the newest state.
        """
        ...

    async def logs(self, wanted: LogFilter, *, from_block: int, to_block: int) -> tuple[Log, ...]:
        """Return the logs of an inclusive range as they stand now (they may still be reorganised away)."""
        ...

    async def receipt(self, tx_hash: Hash32) -> Receipt | None:
        """Return the receipt of a mined transaction."""
        ...

    async def receipts(self, block: Block) -> tuple[Receipt, ...]:
        """Return every receipt of exactly this block, in the order of its transactions.

        Raises `RecoverableError` when the endpoint knows another block under its number.
        """
        ...

    async def ordinals(self, block: Block) -> Mapping[tuple[Hash32, int], int]:
        """Return the ordinal of each log of exactly this block in its receipt, by transaction hash and log index.

        It is what `receipts` say, at a third of their price; raises as they do.
        """
        ...

    async def call_many(self, views: Sequence[View], *, block: int) -> tuple[bytes | CallReverted, ...]:
        """Run many reads at one block, in as few requests as can be (one for every 500); an answer or revert each."""
        ...

    async def transaction(self, tx_hash: Hash32) -> Transaction | None:
        """Return a mined or pending transaction."""
        ...

    async def gas_price(self) -> Wei:
        """Return what the node asks for one gas now, in wei."""
        ...

    async def balance(self, address: Address) -> Wei:
        """Return the balance at the newest block."""
        ...

    def heads(self) -> AsyncIterator[Block]:
        """Yield the newest block whenever it changes: a wake-up; blocks between may be left out."""
        ...

    def confirmed_logs(
        self, wanted: LogFilter, *, after: Cursor | None, start_block: int, confirmations: int
    ) -> AsyncIterator[LogBatch]:
        """Yield every log once, in order, range after range without a gap, once `confirmations` blocks are on top.

        Starts after the cursor, or at `start_block` where there is none. A range without logs is yielded too (so the
        cursor moves), not more often than every head. Raises `ReorgBeyondConfirmations` when the cursor's block is no
        longer canonical.
        """
        ...

    def canonical_ranges(
        self, wanted: Callable[[], LogFilter], *, known: Sequence[Block], start_block: int
    ) -> AsyncIterator[BlockRange]:
        """Follow the canonical chain at zero confirmations: every block once, and again what a reorg replaced.

        `known` are the newest blocks that the caller has stored, ascending (empty: begin at `start_block`); they are
        what a reorg is found by. `wanted` is asked anew before each range. A range is handed out whole or asked for
        again: an empty answer is checked against the bloom, and against a second endpoint where one is configured.
        Raises `ReorgBeyondConfirmations` when none of the known blocks is canonical any more.
        """
        ...


class TransactionStatus(StrEnum):
    """How a transaction ended; PENDING has not."""

    PENDING = "pending"
    MINED = "mined"
    REVERTED = "reverted"
    REFUSED = "refused"
    """The simulation failed: nothing was sent, no nonce was used."""
    EXPIRED = "expired"
    """Its deadline passed before it was mined, and its nonce was taken back or filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionIntent:
    """What is to happen once. `intent_id` is the caller's name for it: the same id is never sent as two effects."""

    intent_id: str
    chain_id: ChainId
    to: Address
    data: bytes
    value: Wei = Wei(0)
    deadline: int | None = None
    """Unix seconds after which it is no longer wanted."""
    priority: int = 2
    inner_gas: int = 0
    """What an inner call may take whose failure does not fail the transaction; it is added to the node's estimate,
    which is the least that the transaction itself survives with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOutcome:
    """`tx_hash` is the one that was mined (a replacement's, where there was one); `reason` says why it failed."""

    status: TransactionStatus
    tx_hash: Hash32 | None = None
    receipt: Receipt | None = None
    reason: str = ""


class Transactions(Protocol):
    """Sends from this node's one account per chain; every intent ends in one outcome, across restarts."""

    address: Address

    async def submit(self, intent: TransactionIntent) -> TransactionOutcome:
        """Send unless the id was sent before, and wait for the outcome.

        Simulated first, then the nonce is taken; intent, nonce and signed bytes are stored before the first broadcast,
        and after a restart the same bytes are broadcast again. Safe to call twice, and to cancel: the lane goes on.
        """
        ...

    async def resume(self, intent_id: str) -> TransactionOutcome | None:
        """Wait for the outcome of an intent that was submitted before, as it was; None when the id is unknown.

        To be asked first after a restart, when what the intent was made of (a gas price) has changed since.
        """
        ...

    async def submitted(self, intent_id: str) -> Sequence[Hash32]:
        """Return the hashes broadcast for this id so far, oldest first."""
        ...
