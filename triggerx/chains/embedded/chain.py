"""The chain itself: mined blocks, the pending block that grows with every arrival, and the clock of its blocks.

Rule: only one thread changes a chain (the server's block maker); mined blocks never change and may be read from any.
Block timestamps follow the wall clock plus what tests added to it, and rise strictly.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eth.db.trie import make_trie_root_and_nodes
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from triggerx.chains.embedded import evm
from triggerx.chains.embedded.logs import IndexedLog, index_logs
from triggerx.chains.embedded.pool import Pool, PoolRefusal, Waiting

if TYPE_CHECKING:
    from eth.abc import StateAPI

ANCESTORS_MAX: Final = 256  # what BLOCKHASH may reach
BALANCE_WEI: Final = 10_000 * 10**18  # of each development account, as in anvil


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedBlock:
    """A sealed block with what was executed in it."""

    number: int
    hash: bytes
    header: evm.Header
    executed: tuple[evm.Executed, ...]
    logs: tuple[IndexedLog, ...]


@dataclass(slots=True, kw_only=True)
class PendingBlock:
    """The block under way: its header so far, the state after what has been executed, and the next nonces."""

    header: evm.Header
    state: StateAPI
    executed: list[evm.Executed]
    gas_used: int
    root: bytes

    def takes(self, waiting: Waiting) -> bool:
        """Tell whether the transaction is the sender's next, fits, and pays the base fee."""
        return (
            self.state.get_nonce(waiting.sender) == waiting.nonce  # type: ignore[arg-type]  # py-evm's NewType
            and self.gas_used + waiting.transaction.gas <= evm.BLOCK_GAS_LIMIT
            and waiting.transaction.max_fee_per_gas >= self.header.base_fee_per_gas
        )


class EmbeddedChain:
    """A chain of one process's memory; the methods named in the block maker's section belong to its thread alone."""

    def __init__(self, addresses: Iterable[bytes], chain_id: int, block_time_s: int) -> None:
        """Make block 0 with funded accounts; `block_time_s` 0 means that a block is made at each arrival."""
        self.chain_id = chain_id
        self.block_time_s = block_time_s
        self.pool = Pool()
        self._clock_offset_s = 0
        self._next_timestamp: int | None = None
        self._reorgs = 0
        now = int(time.time())
        self._db, header = evm.genesis(dict.fromkeys(addresses, BALANCE_WEI), chain_id, now)
        first = MinedBlock(number=0, hash=bytes(header.hash), header=header, executed=(), logs=())
        self.blocks: list[MinedBlock] = [first]
        self._number_by_hash: dict[bytes, int] = {first.hash: 0}
        self._place_by_transaction: dict[bytes, tuple[int, int]] = {}
        self._pending: PendingBlock | None = None

    # Reading mined blocks

    @property
    def head(self) -> MinedBlock:
        """The latest mined block."""
        return self.blocks[-1]

    def block_by_hash(self, block_hash: bytes) -> MinedBlock | None:
        """Find a canonical block."""
        number = self._number_by_hash.get(block_hash)
        return None if number is None else self.blocks[number]

    def place_of(self, tx_hash: bytes) -> tuple[MinedBlock, int] | None:
        """Find the block and index at which a transaction was mined."""
        place = self._place_by_transaction.get(tx_hash)
        return None if place is None else (self.blocks[place[0]], place[1])

    def state_at(self, block: MinedBlock, base_fee: int | None = None) -> StateAPI:
        """Build the state after a mined block, seen from it."""
        return evm.new_state(self._db, block.header, self._ancestors(block.number), self.chain_id, base_fee)

    def _ancestors(self, number: int) -> Iterator[bytes]:
        for ancestor in range(number - 1, max(-1, number - 1 - ANCESTORS_MAX), -1):
            yield self.blocks[ancestor].hash

    def nonce_of(self, sender: bytes, *, pending: bool) -> int:
        """Count a sender's mined transactions, and those waiting without a gap when `pending`."""
        nonce = self.state_at(self.head).get_nonce(sender)  # type: ignore[arg-type]  # py-evm's NewType
        return self.pool.next_nonce(sender, nonce) if pending else nonce

    # Taking transactions

    def take(self, raw: bytes) -> tuple[Waiting, Waiting | None]:
        """Decode, check and pool a signed transaction; answers it and the one it replaced.

        Raises PoolRefusal in geth's words.
        """
        waiting = self._decode(raw)
        if waiting.hash in self._place_by_transaction:
            raise PoolRefusal("already known")
        head = self.head
        state = self.state_at(head)
        nonce = state.get_nonce(waiting.sender)  # type: ignore[arg-type]  # py-evm's NewType
        balance = state.get_balance(waiting.sender)  # type: ignore[arg-type]  # py-evm's NewType
        transaction = waiting.transaction
        if waiting.nonce < nonce:
            raise PoolRefusal(f"nonce too low: next nonce {nonce}, tx nonce {waiting.nonce}")
        if balance < transaction.value + transaction.gas * transaction.max_fee_per_gas:
            raise PoolRefusal(f"insufficient funds for gas * price + value: balance {balance}")
        if transaction.gas > evm.BLOCK_GAS_LIMIT:
            raise PoolRefusal("exceeds block gas limit")
        if transaction.gas < transaction.intrinsic_gas:
            raise PoolRefusal(f"intrinsic gas too low: gas {transaction.gas}, minimum {transaction.intrinsic_gas}")
        replaced = self.pool.add(waiting)
        if self.head is not head and self.nonce_of(waiting.sender, pending=False) > waiting.nonce:
            self.pool.remove(waiting.hash)  # a block with the same nonce was sealed between the check and the pool
            raise PoolRefusal(f"nonce too low: tx nonce {waiting.nonce}")
        return waiting, replaced

    def _decode(self, raw: bytes) -> Waiting:
        try:
            transaction = PragueTransactionBuilder.decode(raw)
            transaction.validate()
            sender = bytes(transaction.sender)
        except Exception as error:  # rlp, eth_keys and py-evm raise a dozen kinds for foreign bytes
            raise PoolRefusal(f"rlp: cannot decode the transaction: {error}") from error
        signed_for = transaction.chain_id
        if signed_for is not None and signed_for != self.chain_id:
            raise PoolRefusal(f"invalid chain id for signer: have {signed_for} want {self.chain_id}")
        return Waiting(transaction=transaction, sender=sender, hash=bytes(transaction.hash), nonce=transaction.nonce)

    # The block maker's thread: growing and sealing

    def grow(self, arrivals: Sequence[Waiting] | None = None, ahead_s: int | None = None) -> PendingBlock:
        """Execute what waits and can be executed; `arrivals` alone when the rest is known to be in.

        A block that holds nothing yet is opened afresh, to be sealed `ahead_s` seconds from now (a block time).
        """
        pending = self._pending
        if pending is None or not pending.executed:
            pending = self._pending = self._open(self.block_time_s if ahead_s is None else ahead_s)
            arrivals = None
        for waiting in self.pool if arrivals is None else arrivals:
            self._execute_line(pending, waiting)
        return pending

    def _execute_line(self, pending: PendingBlock, first: Waiting) -> None:
        waiting: Waiting | None = first if self.pool.get(first.hash) is first else None
        while waiting is not None and pending.takes(waiting):
            try:
                executed = evm.execute(pending.state, waiting.transaction, pending.gas_used)
            except ValidationError:  # the funds went elsewhere since it was taken: it waits, or is replaced
                return
            pending.executed.append(executed)
            pending.gas_used += executed.gas_used
            pending.root = b""
            waiting = self.pool.at(waiting.sender, waiting.nonce + 1)

    def _open(self, ahead_s: int) -> PendingBlock:
        parent = self.head
        seconds = int(time.time()) + self._clock_offset_s + ahead_s
        timestamp = max(seconds if self._next_timestamp is None else self._next_timestamp, parent.header.timestamp + 1)
        randao = keccak(parent.hash + self._reorgs.to_bytes(8, "big"))
        header = evm.child_header(parent.header, timestamp, randao)
        state = evm.new_state(self._db, header, self._ancestors(parent.number + 1), self.chain_id)
        return PendingBlock(header=header, state=state, executed=[], gas_used=0, root=parent.header.state_root)

    def forget_pending(self) -> None:
        """Throw the pending block away, because a transaction in it was replaced or dropped, or time was set."""
        self._pending = None

    def pending_view(self, ahead_s: int | None = None) -> tuple[evm.Header, bytes, tuple[evm.Executed, ...]]:
        """Grow, and answer header, state root and transactions of the block under way."""
        pending = self.grow(ahead_s=ahead_s)
        if not pending.root:
            pending.state.persist()
            pending.root = bytes(pending.state.state_root)
        return pending.header, pending.root, tuple(pending.executed)

    def pending_state(self, header: evm.Header, root: bytes) -> StateAPI:
        """Build a state over a pending view, for calls without fee."""
        above = header.copy(state_root=root)
        return evm.new_state(self._db, above, self._ancestors(header.block_number), self.chain_id, base_fee=0)

    def seal(self, timestamp: int | None = None) -> MinedBlock:
        """Make the next block of what waits; answers it."""
        if timestamp is not None:
            self.set_next_timestamp(timestamp)
        header, root, executed = self.pending_view(ahead_s=0)
        transactions_root, _ = make_trie_root_and_nodes(tuple(item.transaction for item in executed))
        receipts_root, _ = make_trie_root_and_nodes(tuple(item.receipt for item in executed))
        bloom = 0
        for item in executed:
            bloom |= item.receipt.bloom
        sealed = header.copy(
            state_root=root,
            transaction_root=transactions_root,
            receipt_root=receipts_root,
            bloom=bloom,
            gas_used=executed[-1].receipt.gas_used if executed else 0,
        )
        block_hash = bytes(sealed.hash)
        logs = tuple(index_logs(block_hash, sealed.block_number, sealed.timestamp, executed))
        block = MinedBlock(number=sealed.block_number, hash=block_hash, header=sealed, executed=executed, logs=logs)
        self._append(block)
        return block

    def _append(self, block: MinedBlock) -> None:
        for index, item in enumerate(block.executed):
            self._place_by_transaction[bytes(item.transaction.hash)] = (block.number, index)
        self._number_by_hash[block.hash] = block.number
        self.blocks.append(block)
        self._pending = None
        self._next_timestamp = None
        for item in block.executed:
            settled = self.pool.at(item.sender, item.transaction.nonce)
            if settled is not None:
                self.pool.remove(settled.hash)

    def seal_if_any(self, arrivals: Sequence[Waiting]) -> MinedBlock | None:
        """Make a block unless nothing can be executed; for a chain that makes a block at each arrival."""
        return self.seal() if self.grow(arrivals, ahead_s=0).executed else None

    # The block maker's thread: what tests may do to time and history

    def set_next_timestamp(self, timestamp: int) -> None:
        """Fix the next block's timestamp and let the clock go on from it. Raises PoolRefusal when it is not later."""
        if timestamp <= self.head.header.timestamp:
            raise PoolRefusal(f"timestamp {timestamp} is not after the head's {self.head.header.timestamp}")
        self._next_timestamp = timestamp
        self._clock_offset_s = timestamp - int(time.time())
        self.forget_pending()

    def add_time(self, seconds: int) -> int:
        """Move the blocks' clock forward; answers the offset to the wall clock."""
        self._clock_offset_s += seconds
        self.forget_pending()
        return self._clock_offset_s

    def roll_back(self, number: int) -> None:
        """Forget the blocks after `number` and their transactions, as a node does that never saw them."""
        for block in self.blocks[number + 1 :]:
            del self._number_by_hash[block.hash]
            for item in block.executed:
                del self._place_by_transaction[bytes(item.transaction.hash)]
        del self.blocks[number + 1 :]
        self._reorgs += 1
        self.forget_pending()

    def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by as many with other hashes and without the old ones' transactions."""
        number = self.head.number
        if not 0 < depth <= number:
            raise PoolRefusal(f"a reorg of {depth} blocks does not fit a chain of {number}")
        self.roll_back(number - depth)
        for _ in range(depth):
            self.seal()
