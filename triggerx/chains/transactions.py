"""The lane of one account on one chain: every intent is sent once and ends in a stated outcome, across restarts.

Rule: simulate first, take the nonce last, store the signed bytes before they are sent, and send the same bytes again
until their nonce is mined. What the chain does with them is watched in `chains.settlement`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from triggerx.chains import answers
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.fees import FeeQuotes
from triggerx.chains.line import Lane, LaneSettings, Line, nonce_of
from triggerx.chains.nonces import Nonces
from triggerx.chains.reads import Reads
from triggerx.chains.refusals import as_revert
from triggerx.chains.rpc import NodeRefusal, Question
from triggerx.chains.sending import Reception, broadcast
from triggerx.chains.settlement import Settlement
from triggerx.core.errors import Conflict, RecoverableError
from triggerx.evm.types import Address, Hash32, to_hex
from triggerx.ports.chain import TransactionIntent, TransactionOutcome, TransactionStatus
from triggerx.ports.faults import CrashPoint, no_crash
from triggerx.ports.log import Log
from triggerx.ports.signer import Signer
from triggerx.ports.store.journal import SentTransaction, SignedBytes, TransactionLog

INTENTS_AT_ONCE_MAX: Final = 50  # simulated and sent together: half of an RPC batch
KINDS_MAX: Final = 64  # of calls whose gas is remembered: a keeper makes two or three
RETRY_PAUSE_S: Final = 0.5  # after endpoints failed; doubled up to the maximum
RETRY_PAUSE_MAX_S: Final = 15.0


class TransactionLane:
    """Implements the `Transactions` port; `run` has to be running for anything to be sent."""

    def __init__(
        self,
        reads: Reads,
        signer: Signer,
        record: TransactionLog,
        *,
        settings: LaneSettings | None = None,
        log: Log | None = None,
        crash_point: CrashPoint = no_crash,
    ) -> None:
        """Send from the signer's address; no other process may use its key on this chain."""
        self.address = signer.address
        self._reads = reads
        self._client = reads.client
        self._clock = reads.clock
        chosen = settings or LaneSettings()
        fees = FeeQuotes(reads.client, reads.clock, chosen.fee_cap_wei)
        self._lane = Lane(reads=reads, signer=signer, record=record, fees=fees, settings=chosen, log=log)
        self._crash_point = crash_point
        self._line = Line()
        self._wake = asyncio.Event()
        self._gas_taken: dict[tuple[Address, bytes, int], int] = {}

    async def submit(self, intent: TransactionIntent) -> TransactionOutcome:
        """Send unless the id was sent before, and wait for the outcome; safe to call twice and to cancel.

        Raises Conflict when the id is known with another content.
        """
        known = self._line.known(intent.intent_id)
        if known is None:
            self._line.offered[intent.intent_id] = intent
            self._wake.set()
        elif known != intent:
            raise _conflict(intent)
        outcome: asyncio.Future[TransactionOutcome] = asyncio.get_running_loop().create_future()
        waiters = self._line.waiters.setdefault(intent.intent_id, [])
        waiters.append(outcome)
        try:
            return await outcome
        finally:
            waiters.remove(outcome)
            if not waiters:
                self._line.waiters.pop(intent.intent_id, None)

    async def resume(self, intent_id: str) -> TransactionOutcome | None:
        """Wait for the outcome of an intent that was submitted before, as it was; None when the id is unknown."""
        intent = self._line.known(intent_id)
        if intent is None:
            stored = await self._lane.record.get(intent_id)
            if stored is None:
                return None
            intent = stored.intent
        return await self.submit(intent)

    async def submitted(self, intent_id: str) -> Sequence[Hash32]:
        """Return the hashes broadcast for this id so far, oldest first."""
        known = await self._lane.record.get(intent_id)
        return () if known is None else tuple(form.tx_hash for form in known.forms)

    async def run(self) -> NoReturn:
        """Send and watch for ever, beginning with what a former run left. Restart it after a RecoverableError."""
        nonces = await self._recover()
        settlement = Settlement(self._lane, self._line, nonces)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_for_ever(nonces, settlement), name=f"transactions-send-{self._reads.chain_id}")
            group.create_task(settlement.watch_for_ever(), name=f"transactions-watch-{self._reads.chain_id}")
        raise AssertionError("the lane's loops do not end")

    async def _recover(self) -> Nonces:
        """Load what has no outcome yet, and broadcast the same bytes again."""
        chain_id = self._reads.chain_id
        pending = await self._lane.record.list_pending(chain_id, self.address)
        self._line.sent = {one.intent.intent_id: one for one in pending if one.nonce is not None}
        self._line.queued |= {one.intent.intent_id: one.intent for one in pending if one.nonce is None}
        count = await self._reads.transaction_count(self.address)
        stored = await self._lane.record.next_nonce(chain_id, self.address)
        raws = [one.forms[-1].raw for one in self._line.by_nonce()]
        for start in range(0, len(raws), INTENTS_AT_ONCE_MAX):
            await broadcast(self._client, raws[start : start + INTENTS_AT_ONCE_MAX])
        self._lane.info("transaction lane started", sent=len(raws), queued=len(self._line.queued), nonce=stored)
        self._wake.set()
        return Nonces(stored, count, is_line_empty=not raws)

    # Admitting

    async def _admit(self) -> None:
        """Store what has been offered so far, and answer at once what is known already."""
        offered = list(self._line.offered.values())
        async with asyncio.TaskGroup() as group:
            for intent in offered:
                group.create_task(self._admit_one(intent), name="transaction-admission")

    async def _admit_one(self, intent: TransactionIntent) -> None:
        intent_id = intent.intent_id
        if await self._lane.record.insert(intent, sender=self.address, now=self._clock.now()):
            self._line.queued[intent_id] = intent
        else:
            known = await self._lane.record.get(intent_id)
            if known is None or known.intent != intent:
                self._line.resolve(intent_id, _conflict(intent))
            elif known.status is not TransactionStatus.PENDING:
                self._line.resolve(intent_id, await self._recall(known))
        del self._line.offered[intent_id]

    async def _recall(self, known: SentTransaction) -> TransactionOutcome:
        try:
            receipt = None if known.mined_hash is None else await self._reads.receipt(known.mined_hash)
        except RecoverableError:
            receipt = None  # the outcome is certain without it
        return TransactionOutcome(status=known.status, tx_hash=known.mined_hash, receipt=receipt, reason=known.reason)

    # Sending

    async def _send_for_ever(self, nonces: Nonces, settlement: Settlement) -> NoReturn:
        pause_s = RETRY_PAUSE_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._line.offered or self._line.queued:
                try:
                    await self._send_next(nonces, settlement)
                    pause_s = RETRY_PAUSE_S
                except RecoverableError as error:
                    self._lane.warn("transactions wait for endpoints", reason=str(error))
                    await self._clock.sleep(pause_s)
                    pause_s = min(RETRY_PAUSE_MAX_S, pause_s * 2)

    async def _send_next(self, nonces: Nonces, settlement: Settlement) -> None:
        """Store what was offered, and simulate, sign, store and send the first intents of the queue.

        A simulation has no effect, so it need not wait for the store. Raises RecoverableError, losing none.
        """
        waiting = [*self._line.offered.values(), *self._line.queued.values()]
        chosen = sorted(waiting, key=lambda intent: intent.priority)[:INTENTS_AT_ONCE_MAX]
        wanted = [intent for intent in chosen if not self._is_late(intent)]
        admitted, simulated = await asyncio.gather(self._admit(), self._weigh(wanted), return_exceptions=True)
        if isinstance(admitted, BaseException):
            raise admitted
        for intent in chosen:
            if intent.intent_id in self._line.queued and self._is_late(intent):
                del self._line.queued[intent.intent_id]
                reason = "its deadline passed unsent"
                await settlement.settle(intent.intent_id, TransactionStatus.EXPIRED, reason=reason)
        if isinstance(simulated, BaseException):
            raise simulated
        ready: list[tuple[TransactionIntent, int, Fees]] = []
        for intent, (found, fees) in zip(wanted, simulated, strict=True):
            if intent.intent_id not in self._line.queued:
                continue  # it is known from before, or too late by now
            if isinstance(found, int):
                wanted_gas = found + intent.inner_gas
                gas = wanted_gas + wanted_gas * self._lane.settings.gas_margin_percent // 100
                ready.append((intent, gas, fees))
            else:
                del self._line.queued[intent.intent_id]
                await settlement.settle(intent.intent_id, TransactionStatus.REFUSED, reason=found)
        await self._send([self._signed(intent, gas, nonces.take(), fees) for intent, gas, fees in ready], settlement)

    def _is_late(self, intent: TransactionIntent) -> bool:
        return intent.deadline is not None and self._clock.now() > intent.deadline

    async def _send(self, fresh: Sequence[SentTransaction], settlement: Settlement) -> None:
        """Store signed transactions, then broadcast them."""
        self._line.reserved = {nonce_of(one) for one in fresh}
        async with asyncio.TaskGroup() as group:
            for one in fresh:
                group.create_task(self._store(one), name="transaction-store")
        for one in fresh:
            self._line.sent[one.intent.intent_id] = one
            del self._line.queued[one.intent.intent_id]
        self._line.reserved.clear()
        if fresh:
            receptions = await broadcast(self._client, [one.forms[-1].raw for one in fresh])
            self._crash_point("transactions.after-broadcast")
            for one, (reception, words) in zip(fresh, receptions, strict=True):
                if reception is Reception.IMPOSSIBLE:
                    await settlement.withdraw(one, words)

    async def _weigh(self, intents: Sequence[TransactionIntent]) -> Sequence[tuple[int | str, Fees]]:
        """Return of each the gas, or the reason for which it would fail, and what to offer for it."""
        found, quotes = await asyncio.gather(self._simulate(intents), self._quotes(intents))
        return [(one, quotes[intent.priority]) for intent, one in zip(intents, found, strict=True)]

    async def _quotes(self, intents: Sequence[TransactionIntent]) -> Mapping[int, Fees]:
        return {priority: await self._lane.fees.quote(priority) for priority in {one.priority for one in intents}}

    async def _simulate(self, intents: Sequence[TransactionIntent]) -> list[int | str]:
        """Say what gas each takes on the pending block, or the reason for which it would fail. Raises EndpointsFailed.

        A call with the gas that the last one of its kind took costs a node a tenth of an estimate, and proves as much;
        where it fails, the estimate says why.
        """
        known = [self._gas_taken.get(_kind(intent)) for intent in intents]
        tried = [self._call(intent, gas) for intent, gas in zip(intents, known, strict=True) if gas is not None]
        answers_of = iter(await self._client.ask_all(tried))
        results: list[int | str | None] = [
            None if gas is None or isinstance(next(answers_of), RecoverableError) else gas for gas in known
        ]
        open_ones = [intent for intent, result in zip(intents, results, strict=True) if result is None]
        estimates = iter(await self._estimates(open_ones))
        return [next(estimates) if result is None else result for result in results]

    async def _estimates(self, intents: Sequence[TransactionIntent]) -> list[int | str]:
        """Estimate each on the pending block, which holds our own earlier ones; a node without it uses the latest."""
        found = await self._client.ask_all([self._estimate(intent, "pending") for intent in intents])
        results: list[int | str] = []
        for intent, pending_answer in zip(intents, found, strict=True):
            answer = pending_answer
            if isinstance(answer, NodeRefusal) and as_revert(answer) is None:
                (answer,) = await self._client.ask_all([self._estimate(intent, "latest")])
            if isinstance(answer, NodeRefusal):
                reverted = as_revert(answer)
                results.append(str(answer) if reverted is None else reverted.reason)
            elif isinstance(answer, RecoverableError):
                raise answer
            else:
                self._remember(intent, int(answer))
                results.append(int(answer))
        return results

    def _remember(self, intent: TransactionIntent, gas: int) -> None:
        """Keep the most that a call of this kind took; the kind that was seen longest ago is forgotten."""
        kind = _kind(intent)
        self._gas_taken[kind] = max(gas, self._gas_taken.pop(kind, 0))
        while len(self._gas_taken) > KINDS_MAX:
            del self._gas_taken[next(iter(self._gas_taken))]

    def _call(self, intent: TransactionIntent, gas: int) -> Question[Any]:
        return Question("eth_call", [{**self._message(intent), "gas": hex(gas)}, "pending"], answers.data)

    def _estimate(self, intent: TransactionIntent, block: str) -> Question[Any]:
        return Question("eth_estimateGas", [self._message(intent), block], answers.quantity)

    def _message(self, intent: TransactionIntent) -> dict[str, str]:
        return {
            "from": to_hex(self.address),
            "to": to_hex(intent.to),
            "data": to_hex(intent.data),
            "value": hex(intent.value),
        }

    def _signed(self, intent: TransactionIntent, gas: int, nonce: int, fees: Fees) -> SentTransaction:
        unsigned = Unsigned(
            chain_id=self._reads.chain_id,
            nonce=nonce,
            to=intent.to,
            data=intent.data,
            value=intent.value,
            gas=gas,
            fees=fees,
        )
        tx_hash, raw = sign(self._lane.signer, unsigned)
        form = SignedBytes(tx_hash=tx_hash, raw=raw, max_fee_per_gas=fees.max_wei, signed_at=self._clock.now())
        return SentTransaction(
            intent=intent, sender=self.address, nonce=nonce, status=TransactionStatus.PENDING, forms=(form,)
        )

    async def _store(self, sent: SentTransaction) -> None:
        await self._lane.record.add_form(sent.intent.intent_id, nonce=nonce_of(sent), form=sent.forms[-1])


def _kind(intent: TransactionIntent) -> tuple[Address, bytes, int]:
    """What two calls have in common that take about the same gas: contract, function and length."""
    return intent.to, intent.data[:4], len(intent.data)


def _conflict(intent: TransactionIntent) -> Conflict:
    return Conflict(f"transaction {intent.intent_id} exists with another content: choose another id")
