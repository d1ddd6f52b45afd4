"""An account's lane in memory: what was sent, and the outcome the test gives it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from triggerx.core.errors import Conflict
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.types import Address
from triggerx.ports.chain import TransactionIntent, TransactionOutcome, TransactionStatus

Answer = Callable[[TransactionIntent], Awaitable[TransactionOutcome | None]]


def hash_of(intent: TransactionIntent) -> Hash32:
    """The transaction hash of an intent in these tests."""
    return keccak256(intent.intent_id.encode())


async def mined(intent: TransactionIntent) -> TransactionOutcome | None:
    """Mined at once."""
    return TransactionOutcome(status=TransactionStatus.MINED, tx_hash=hash_of(intent))


class FakeTransactions:
    """Implements `ports.chain.Transactions`; it outlives the role that uses it, as a lane's record does.

    `answer` says how an intent ends that is new, or None to leave it pending until `settle`.
    """

    def __init__(self, address: Address, answer: Answer = mined) -> None:
        self.address = address
        self.answer = answer
        self.sent: list[TransactionIntent] = []
        self._known: dict[str, TransactionIntent] = {}
        self._outcomes: dict[str, TransactionOutcome] = {}
        self._settled = asyncio.Condition()

    async def settle(self, intent_id: str, outcome: TransactionOutcome) -> None:
        """End a pending intent."""
        self._outcomes[intent_id] = outcome
        async with self._settled:
            self._settled.notify_all()

    async def submit(self, intent: TransactionIntent) -> TransactionOutcome:
        known = self._known.get(intent.intent_id)
        if known is None:
            self._known[intent.intent_id] = intent
            self.sent.append(intent)
            outcome = await self.answer(intent)
            if outcome is not None:
                await self.settle(intent.intent_id, outcome)
        elif known != intent:
            raise Conflict(f"transaction {intent.intent_id} exists with another content")
        return await self._outcome(intent.intent_id)

    async def resume(self, intent_id: str) -> TransactionOutcome | None:
        return await self._outcome(intent_id) if intent_id in self._known else None

    async def submitted(self, intent_id: str) -> Sequence[Hash32]:
        known = self._known.get(intent_id)
        return () if known is None else (hash_of(known),)

    async def _outcome(self, intent_id: str) -> TransactionOutcome:
        async with self._settled:
            await self._settled.wait_for(lambda: intent_id in self._outcomes)
        return self._outcomes[intent_id]
