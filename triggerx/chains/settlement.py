"""What becomes of sent transactions: mined, replaced, sent again, expired; one look at each new head.

Rule: the head of the line is what gets repaired, for it blocks all others. An outcome is stated once the store has it;
an expired transaction's nonce is filled by a transfer of nothing to ourselves, so that it cannot take effect later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NoReturn

from triggerx.chains.envelope import Fees, Unsigned, decode, sign
from triggerx.chains.line import Lane, Line, nonce_of
from triggerx.chains.nonces import Nonces
from triggerx.chains.sending import broadcast
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Wei
from triggerx.ports.chain import Block, CallReverted, Receipt, TransactionOutcome, TransactionStatus
from triggerx.ports.store.journal import SentTransaction, SignedBytes

REPLACEMENT_PERCENT: Final = 10  # more than the form it replaces, in both fees; nodes refuse less
FILLER_GAS: Final = 21_000  # of a transfer
MISSING_HEADS_MAX: Final = 6  # heads at which a used nonce has no receipt of ours, before a stranger is named
REBROADCAST_MAX: Final = 50  # transactions behind the head of the line, sent again with it
RETRY_PAUSE_S: Final = 1.0


class Settlement:
    """Watches one lane; shares its line and nonces, and is the only one to settle."""

    def __init__(self, lane: Lane, line: Line, nonces: Nonces) -> None:
        """Share the lane's line and nonces."""
        self._lane = lane
        self._reads = lane.reads
        self._client = lane.reads.client
        self._clock = lane.reads.clock
        self._address = lane.signer.address
        self._line = line
        self._nonces = nonces
        self._missing: dict[str, int] = {}
        self._filled: set[str] = set()

    async def watch_for_ever(self) -> NoReturn:
        """Look at each new head; endpoints that fail are asked again after a pause."""
        while True:
            try:
                async for head in self._reads.heads():
                    await self._look(head)
            except RecoverableError as error:
                self._lane.warn("transactions are not watched", reason=str(error))
            await self._clock.sleep(RETRY_PAUSE_S)

    async def _look(self, head: Block) -> None:
        if not self._line.sent and not self._line.queued:
            return
        count = await self._reads.transaction_count(self._address)
        await self._settle_used([one for one in self._line.by_nonce() if nonce_of(one) < count], head)
        self._nonces.observe(count, self._line.held())
        if not self._line.queued:
            await self._fill_gaps()
        for one in self._waiting(count):
            if self._is_expired(one) and one.intent.intent_id not in self._filled:
                await self._replace(one)
        waiting = self._waiting(count)
        if waiting:
            await self._repair(waiting)

    def _waiting(self, count: int) -> list[SentTransaction]:
        return [one for one in self._line.by_nonce() if nonce_of(one) >= count]

    # Outcomes

    async def _settle_used(self, used: Sequence[SentTransaction], head: Block) -> None:
        """State the outcome of those whose nonce is mined."""
        forms = [(one, form.tx_hash) for one in used for form in one.forms]
        receipts = await self._reads.receipts_of([tx_hash for _, tx_hash in forms])
        found = {
            one.intent.intent_id: (one, receipt)
            for (one, _), receipt in zip(forms, receipts, strict=True)
            if receipt is not None
        }
        for one, receipt in found.values():
            self._missing.pop(one.intent.intent_id, None)
            if receipt.block_number + self._lane.settings.confirmations <= head.number:
                await self._settle_mined(one, receipt)
        for one in used:
            intent_id = one.intent.intent_id
            if intent_id not in found:
                self._missing[intent_id] = self._missing.get(intent_id, 0) + 1
                if self._missing[intent_id] >= MISSING_HEADS_MAX:
                    reason = f"nonce {one.nonce} was used by a transaction that is not ours: who else holds this key?"
                    await self.settle(intent_id, TransactionStatus.EXPIRED, reason=reason)

    async def _settle_mined(self, one: SentTransaction, receipt: Receipt) -> None:
        if receipt.to == self._address and one.intent.to != self._address:
            reason = "its deadline passed before it was mined; its nonce was filled"
            await self.settle(one.intent.intent_id, TransactionStatus.EXPIRED, receipt=receipt, reason=reason)
        elif receipt.is_success:
            await self.settle(one.intent.intent_id, TransactionStatus.MINED, receipt=receipt)
        else:
            reason = await self._reason_of(one, receipt)
            await self.settle(one.intent.intent_id, TransactionStatus.REVERTED, receipt=receipt, reason=reason)

    async def _reason_of(self, one: SentTransaction, receipt: Receipt) -> str:
        """Find out why it reverted, by running it again on the state before its block."""
        intent = one.intent
        before = max(0, receipt.block_number - 1)
        try:
            await self._reads.call(intent.to, intent.data, sender=one.sender, value=intent.value, block=before)
        except CallReverted as reverted:
            return reverted.reason
        except RecoverableError as error:
            return f"reverted; the reason could not be read: {error}"
        return "reverted; run again on the block before, it does not: out of gas, or overtaken by another transaction"

    async def settle(
        self, intent_id: str, status: TransactionStatus, *, receipt: Receipt | None = None, reason: str = ""
    ) -> None:
        """Store an outcome, then tell those who wait."""
        mined_hash = None if receipt is None else receipt.tx_hash
        await self._lane.record.settle(intent_id, status, mined_hash=mined_hash, reason=reason)
        self._line.sent.pop(intent_id, None)
        self._missing.pop(intent_id, None)
        self._filled.discard(intent_id)
        outcome = TransactionOutcome(status=status, tx_hash=mined_hash, receipt=receipt, reason=reason)
        self._line.resolve(intent_id, outcome)
        self._lane.info("transaction settled", intent=intent_id, status=status.value, reason=reason)

    async def withdraw(self, one: SentTransaction, words: str) -> None:
        """Settle a first form that no node can take, unless one knows it all the same, and free its nonce."""
        if await self._reads.transaction(one.forms[-1].tx_hash) is None:
            await self.settle(one.intent.intent_id, TransactionStatus.REFUSED, reason=words)
            self._nonces.give_back(nonce_of(one))

    # Repairs

    def _is_expired(self, one: SentTransaction) -> bool:
        return one.intent.deadline is not None and self._clock.now() > one.intent.deadline

    async def _repair(self, waiting: Sequence[SentTransaction]) -> None:
        """Bump the head of the line when it waits too long; send all again when the node forgot it."""
        first = waiting[0]
        if self._clock.now() - first.forms[-1].signed_at >= self._lane.settings.bump_after_s:
            await self._replace(first)
        elif await self._reads.transaction(first.forms[-1].tx_hash) is None:
            await broadcast(self._client, [one.forms[-1].raw for one in waiting[:REBROADCAST_MAX]])
            self._lane.warn("transactions were forgotten and sent again", nonce=first.nonce, count=len(waiting))

    async def _replace(self, one: SentTransaction) -> None:
        """Sign a form that pays more (a filler when the deadline passed), or send the last one again at the cap."""
        last = decode(one.forms[-1].raw)
        quoted = await self._lane.fees.quote(one.intent.priority)
        fees = last.fees.bumped(self._lane.settings.bump_percent).at_least(quoted).capped(self._lane.fees.cap_wei)
        expired = self._is_expired(one)
        if not _pays_enough_more(fees, last.fees):
            await broadcast(self._client, [one.forms[-1].raw])
            return
        unsigned = self._filler(nonce_of(one), fees) if expired else replace(last, fees=fees)
        tx_hash, raw = sign(self._lane.signer, unsigned)
        form = SignedBytes(tx_hash=tx_hash, raw=raw, max_fee_per_gas=fees.max_wei, signed_at=self._clock.now())
        await self._lane.record.add_form(one.intent.intent_id, nonce=nonce_of(one), form=form)
        self._line.sent[one.intent.intent_id] = replace(one, forms=(*one.forms, form))
        if expired:
            self._filled.add(one.intent.intent_id)
        await broadcast(self._client, [raw])
        self._lane.warn("transaction replaced", intent=one.intent.intent_id, nonce=one.nonce, filler=expired)

    async def _fill_gaps(self) -> None:
        """Send a transfer of nothing for each missing nonce; with an intent in the queue, that one takes it instead."""
        if not self._nonces.gaps:
            return
        fees = await self._lane.fees.quote(1)
        gaps = self._nonces.take_gaps(self._line.held())
        if not gaps:
            return
        await broadcast(self._client, [sign(self._lane.signer, self._filler(nonce, fees))[1] for nonce in gaps])
        self._lane.warn("missing nonces filled", first=gaps[0], count=len(gaps))

    def _filler(self, nonce: int, fees: Fees) -> Unsigned:
        return Unsigned(
            chain_id=self._reads.chain_id,
            nonce=nonce,
            to=self._address,
            data=b"",
            value=Wei(0),
            gas=FILLER_GAS,
            fees=fees,
        )


def _pays_enough_more(new: Fees, old: Fees) -> bool:
    def is_more(offered: int, before: int) -> bool:
        return offered * 100 >= before * (100 + REPLACEMENT_PERCENT)

    priorities = is_more(new.priority_wei or 0, old.priority_wei or 0)
    return is_more(new.max_wei, old.max_wei) and priorities
