"""Receipts: of transactions by their hashes, and all of one block.

Rule: a block is asked for by its hash, and each receipt must name it, so that a reorg in between is never mixed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from triggerx.chains import answers
from triggerx.chains.questions import converted
from triggerx.chains.refusals import is_unknown_method
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32, to_hex
from triggerx.ports.chain import Block, Receipt


class BlockTransactions(msgspec.Struct):
    """The hashes of a block's transactions."""

    transactions: list[str]


_receipts: Final = msgspec.json.Decoder(list[answers.ReceiptAnswer] | None, dec_hook=answers.hook)
_transactions: Final = msgspec.json.Decoder(BlockTransactions | None)


def receipt_question(tx_hash: str) -> Question[answers.ReceiptAnswer | None]:
    """Ask for a transaction's receipt."""
    return Question("eth_getTransactionReceipt", [tx_hash], answers.receipt)


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
        found = await self._whole(block) if self._is_method_known else None
        if found is None:
            found = await self._one_by_one(block)
        ordered = sorted(found, key=lambda answer: int(answer.transaction_index))
        if [int(answer.transaction_index) for answer in ordered] != list(range(len(ordered))):
            raise self._doubt(block, "its receipts have gaps")
        if not ordered and any(block.logs_bloom):
            raise self._doubt(block, "there are no receipts, and its bloom says that there are logs")
        receipts = converted(self._client, lambda: tuple(answer.to_receipt() for answer in ordered))
        for receipt in receipts:
            if receipt.block_hash != block.hash or any(log.block_hash != block.hash for log in receipt.logs):
                raise self._doubt(block, f"the receipt of {to_hex(receipt.tx_hash)} names another block")
        return receipts

    async def _whole(self, block: Block) -> list[answers.ReceiptAnswer] | None:
        try:
            found = await self._client.call("eth_getBlockReceipts", [to_hex(block.hash)], _receipts)
        except NodeRefusal as refusal:
            if not is_unknown_method(refusal):
                raise
            self._is_method_known = False
            return None
        if found is None:
            raise self._doubt(block, "no such block is known")
        return list(found)

    async def _one_by_one(self, block: Block) -> list[answers.ReceiptAnswer]:
        (told,) = await self._client.ask_all([transactions_question(block.hash)])
        if isinstance(told, RecoverableError):
            raise told
        if told is None:
            raise self._doubt(block, "no such block is known")
        found: list[answers.ReceiptAnswer] = []
        for answer in await self._client.ask_all([receipt_question(tx_hash) for tx_hash in told.transactions]):
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
