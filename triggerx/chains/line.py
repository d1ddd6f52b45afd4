"""What a transaction lane holds in memory, and what an operator may set about it.

Rule: the store is the record; everything here can be loaded from it again, but for the settings and who waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from triggerx.chains.fees import FeeQuotes
from triggerx.chains.reads import Reads
from triggerx.ports.chain import TransactionIntent, TransactionOutcome
from triggerx.ports.log import Log
from triggerx.ports.signer import Signer
from triggerx.ports.store.journal import SentTransaction, TransactionLog

GWEI: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """What an operator may set for a chain's transactions."""

    fee_cap_wei: int = 500 * GWEI
    """The most that one gas may cost; a transaction at the cap waits until the network is cheaper."""
    gas_margin_percent: int = 25
    """Added to the estimate: state may change between simulation and block."""
    bump_after_s: int = 15
    """How long the head of the line waits before it is replaced by one that pays more."""
    bump_percent: int = 13
    """By how much; nodes refuse less than 10."""
    confirmations: int = 0
    """Blocks on top of the one that mined a transaction before its outcome is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What a lane works with: the chain, the account's signer, the record of its transactions, fees and settings."""

    reads: Reads
    signer: Signer
    record: TransactionLog
    fees: FeeQuotes
    settings: LaneSettings
    log: Log | None

    def warn(self, event: str, **fields: object) -> None:
        """Log a warning with the chain's id."""
        if self.log is not None:
            self.log.warning(event, chain_id=self.reads.chain_id, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Log what happened as it should, with the chain's id."""
        if self.log is not None:
            self.log.info(event, chain_id=self.reads.chain_id, **fields)


@dataclass(slots=True)
class Line:
    """What the lane knows of its intents: offered (not stored yet), queued, sent, and who waits for them."""

    offered: dict[str, TransactionIntent] = field(default_factory=dict)
    queued: dict[str, TransactionIntent] = field(default_factory=dict)
    sent: dict[str, SentTransaction] = field(default_factory=dict)
    reserved: set[int] = field(default_factory=set)
    """Nonces that were taken and whose signed bytes are on their way into the store."""
    waiters: dict[str, list[asyncio.Future[TransactionOutcome]]] = field(default_factory=dict)

    def known(self, intent_id: str) -> TransactionIntent | None:
        """Find an intent that has no outcome yet."""
        sent = self.sent.get(intent_id)
        return self.offered.get(intent_id) or self.queued.get(intent_id) or (None if sent is None else sent.intent)

    def held(self) -> list[int]:
        """List the nonces that are in use."""
        return [*self.reserved, *(nonce_of(one) for one in self.sent.values())]

    def by_nonce(self) -> list[SentTransaction]:
        """List what was sent, the head of the line first."""
        return sorted(self.sent.values(), key=nonce_of)

    def resolve(self, intent_id: str, outcome: TransactionOutcome | Exception) -> None:
        """Tell those who wait for an intent."""
        for waiter in self.waiters.get(intent_id, ()):
            if waiter.done():
                continue
            if isinstance(outcome, Exception):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)


def nonce_of(sent: SentTransaction) -> int:
    """Read the nonce of a transaction that has one."""
    if sent.nonce is None:
        raise AssertionError(f"transaction {sent.intent.intent_id} was sent without a nonce")
    return sent.nonce
