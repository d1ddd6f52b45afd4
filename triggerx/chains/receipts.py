"""Receipts: of transactions by their hashes, and all of one block.

Rule: a block is asked for by its hash, and each receipt must name it, so that a reorg in between is never mixed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from triggerx.chains import answers
from triggerx.chains.questions import converted
from triggerx.chains.refusals import is_unknown_method
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32, to_hex
from triggerx.ports.chain import Block, Receipt

T = TypeVar("T", answers.ReceiptAnswer, "_PlacedReceipt")

RECEIPT: Final = "eth_getTransactionReceipt"


class BlockTransactions(msgspec.Struct):
    """The hashes of a block's transactions."""

    transactions: list[str]


class _PlacedLog(msgspec.Struct, rename="camel", gc=False):
    log_index: str
    block_hash: str


class _PlacedReceipt(msgspec.Struct, rename="camel"):
    """Of a receipt only what says where its logs are: that decodes in a third of the time."""

    transaction_hash: answers.HashData
    transaction_index: answers.Quantity
    block_hash: answers.HashData
    logs: list[_PlacedLog]


@dataclass(frozen=True, slots=True)
class _Form(Generic[T]):
    """How much of each receipt is decoded."""

    one: msgspec.json.Decoder[T | None]
    all: msgspec.json.Decoder[list[T] | None]


_whole: Final[_Form[answers.ReceiptAnswer]] = _Form(
    answers.receipt, msgspec.json.Decoder(list[answers.ReceiptAnswer] | None, dec_hook=answers.hook)
)
_placed: Final[_Form[_PlacedReceipt]] = _Form(
    msgspec.json.Decoder(_PlacedReceipt | None, dec_hook=answers.hook),
    msgspec.json.Decoder(list[_PlacedReceipt] | None, dec_hook=answers.hook),
)
_transactions: Final = msgspec.json.Decoder(BlockTransactions | None)


def receipt_question(tx_hash: str) -> Question[answers.ReceiptAnswer | None]:
    """Ask for a transaction's receipt."""
    return Question(RECEIPT, [tx_hash], answers.receipt)


def transactions_question(block_hash: Hash32) -> Question[BlockTransactions | None]:
    """Ask for the transactions of exactly this block."""
    return Question("eth_getBlockByHash", [to_hex(block_hash), False], _transactions)


async def receipts_of(client: RpcClient, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
    """Read several receipts with one request, in order; None for a transaction that is not mined."""
    found = await client.ask_all([receipt_question(to_hex(one)) for one in tx_hashes])
    receipts: list[Receipt | None] = []
    for answer in found:
        if isinstance(answer, RecoverableError):
            raise answer
        receipts.append(None if answer is None else converted(client, answer.to_receipt))
    return receipts


class BlockReceipts:
    """Reads the receipts of whole blocks, one by one where the node has no method for a block's."""

    def __init__(self, client: RpcClient) -> None:
        """Ask by eth_getBlockReceipts until it is refused as unknown."""
        self._client = client
        self._is_method_known = True

    async def read(self, block: Block) -> tuple[Receipt, ...]:
        """Read all receipts of exactly this block, in the order of its transactions.

        Raises RecoverableError when the endpoint does not know this block, or gives another's or not all receipts.
        """
        found = await self._ordered(block, _whole)
        return converted(self._client, lambda: tuple(answer.to_receipt() for answer in found))

    async def ordinals(self, block: Block) -> dict[tuple[Hash32, int], int]:
        """Read the place of each log of exactly this block in its receipt; raises as `read`."""
        found = await self._ordered(block, _placed)
        return converted(self._client, lambda: _ordinals(found))

    async def _ordered(self, block: Block, form: _Form[T]) -> list[T]:
        found = await self._together(block, form) if self._is_method_known else None
        if found is None:
            found = await self._one_by_one(block, form)
        ordered = sorted(found, key=lambda answer: int(answer.transaction_index))
        if [int(answer.transaction_index) for answer in ordered] != list(range(len(ordered))):
            raise self._doubt(block, "its receipts have gaps")
        if not ordered and any(block.logs_bloom):
            raise self._doubt(block, "there are no receipts, and its bloom says that there are logs")
        named = to_hex(block.hash)
        for answer in ordered:
            blocks = {log.block_hash for log in answer.logs}  # one text in thousands of logs
            if answer.block_hash != block.hash or any(each.lower() != named for each in blocks):
                raise self._doubt(block, f"the receipt of {to_hex(answer.transaction_hash)} names another block")
        return ordered

    async def _together(self, block: Block, form: _Form[T]) -> list[T] | None:
        try:
            found = await self._client.call("eth_getBlockReceipts", [to_hex(block.hash)], form.all)
        except NodeRefusal as refusal:
            if not is_unknown_method(refusal):
                raise
            self._is_method_known = False
            return None
        if found is None:
            raise self._doubt(block, "no such block is known")
        return found

    async def _one_by_one(self, block: Block, form: _Form[T]) -> list[T]:
        (told,) = await self._client.ask_all([transactions_question(block.hash)])
        if isinstance(told, RecoverableError):
            raise told
        if told is None:
            raise self._doubt(block, "no such block is known")
        found: list[T] = []
        questions = [Question(RECEIPT, [tx_hash], form.one) for tx_hash in told.transactions]
        for answer in await self._client.ask_all(questions):
            if isinstance(answer, RecoverableError):
                raise answer
            if answer is None:
                raise self._doubt(block, "the receipt of one of its transactions is missing")
            found.append(answer)
        return found

    def _doubt(self, block: Block, why: str) -> RecoverableError:
        return RecoverableError(
            f"chain {self._client.chain_id}, receipts of block {block.number} ({to_hex(block.hash)}): {why}: "
            "ask again once the endpoints agree, or read the block anew: it may have been replaced"
        )


def _ordinals(receipts: Sequence[_PlacedReceipt]) -> dict[tuple[Hash32, int], int]:
    found: dict[tuple[Hash32, int], int] = {}
    for receipt in receipts:
        tx_hash = Hash32(bytes(receipt.transaction_hash))
        indexes = sorted([int(log.log_index, 16) for log in receipt.logs])
        found |= {(tx_hash, index): ordinal for ordinal, index in enumerate(indexes)}
    return found
