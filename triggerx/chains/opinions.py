"""A second opinion on logs: another endpoint is asked the same, and who left something out is found by its receipts.

Rule: a log that one endpoint shows and the other does not is settled by the receipt that the denying one has of it, or
by the block of the one that shows it, without that transaction: an endpoint that contradicts itself is distrusted. What
cannot be settled is neither skipped nor taken: it is asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triggerx.chains import answers
from triggerx.chains.endpoints import Endpoint
from triggerx.chains.questions import Doubt, header_question, sorted_logs
from triggerx.chains.receipts import BlockTransactions, receipt_question, transactions_question
from triggerx.chains.rpc import Asked, NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32, to_hex
from triggerx.ports.chain import Block, Log


class Unsettled(Doubt):
    """The other endpoint does not know the blocks in question: it lags, or stands on a fork."""


class Opinion:
    """One question to the endpoint that is not asked first; `witness` is None where no such is in good standing."""

    def __init__(self, client: RpcClient) -> None:
        """Choose the witness, and note which endpoint is asked first now."""
        self.witness = client.witness()
        self._client = client
        self._current = client.endpoints.current

    def ask(self, question: Question[Any]) -> Asked:
        """Ask the witness, where there is one."""
        return self._client.ask_ahead([] if self.witness is None else [question], at=self.witness)

    async def confirms(self, told: Sequence[Any], logs: Sequence[Log], blocks: Sequence[Block]) -> bool:
        """Demand that the witness's answer (`told`, of one) shows the same logs; False when it has no opinion.

        Raises Doubt when the two differ and the first endpoint may be wrong, Unsettled when the witness lags.
        """
        if self.witness is None or not told:
            return False
        (second,) = told
        if isinstance(second, NodeRefusal):
            await self._demand_known(self.witness, blocks[-1].number, blocks[-1].hash)
            return False
        if isinstance(second, RecoverableError):
            return False
        try:
            there = sorted_logs(second, blocks)
        except (Doubt, ValueError) as error:
            await self._demand_known(self.witness, blocks[-1].number, blocks[-1].hash)
            self._client.distrust(str(error), self.witness)
            return False
        differing = set(logs).symmetric_difference(there)
        if not differing:
            return True
        first = min(differing, key=_place)
        await self._settle(first, is_shown_here=first in logs)
        return False

    async def _settle(self, log: Log, *, is_shown_here: bool) -> None:
        """Find out which endpoint is wrong about a log that only one of them shows; return when it is the witness."""
        if self.witness is None:
            return
        here, there = self._current, self.witness
        shower, denier = (here, there) if is_shown_here else (there, here)
        (found,) = await self._client.ask_all([receipt_question(to_hex(log.tx_hash))], at=denier)
        if found is None and is_shown_here:
            await self._demand_known(denier, log.block_number, log.block_hash)
        told = f"log {log.log_index} of block {log.block_number}"
        if _holds(found, log):
            self._blame(denier, f"it leaves out {told}, which is in its receipts")
            return
        if await self._knows_otherwise(shower, log):
            self._blame(shower, f"it shows {told}, whose transaction is not in its block")
            return
        raise Doubt(f"{shower.name} shows {told}, and {denier.name} denies it", suspects_current=False)

    async def _knows_otherwise(self, shower: Endpoint, log: Log) -> bool:
        """Whether the endpoint has the log's block without the log's transaction."""
        (listed,) = await self._client.ask_all([transactions_question(log.block_hash)], at=shower)
        return isinstance(listed, BlockTransactions) and to_hex(log.tx_hash) not in map(str.lower, listed.transactions)

    def _blame(self, wrong: Endpoint, reason: str) -> None:
        """Distrust who contradicts itself. Raises Doubt where that is the endpoint whose answer was to be taken."""
        self._client.distrust(reason, wrong)
        if wrong is self._current:
            raise Doubt(f"{wrong.name}: {reason}", suspects_current=False)

    async def _demand_known(self, witness: Endpoint, number: int, block_hash: Hash32) -> None:
        """Raise Unsettled unless the witness has this block; the shorter of two forks is distrusted at once."""
        latest = Question("eth_getBlockByNumber", ["latest", False], answers.block)
        found, newest = await self._client.ask_all([header_question(number), latest], at=witness)
        if isinstance(found, RecoverableError) or isinstance(newest, RecoverableError):
            return
        if found is None:
            raise Unsettled(f"{witness.name} does not know block {number}")
        if bytes(found.hash) != block_hash:
            (ours,) = await self._client.ask_all([latest], at=self._current)
            if newest is not None and isinstance(ours, answers.BlockAnswer) and newest.number > ours.number:
                self._client.distrust(f"it is on a shorter fork than {witness.name}", self._current)
                raise Doubt(f"block {number} is another one at {witness.name}", suspects_current=False)
            raise Unsettled(f"{witness.name} has another block {number}")


def _place(log: Log) -> tuple[int, int]:
    return log.block_number, log.log_index


def _holds(found: object, log: Log) -> bool:
    """Whether a receipt's answer holds exactly this log."""
    if not isinstance(found, answers.ReceiptAnswer):
        return False
    try:
        return log in found.to_receipt().logs
    except ValueError:
        return False
