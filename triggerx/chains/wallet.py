"""A wallet: one account that sends one transaction after the other and waits for each to be mined.

For owners of jobs and for setting development networks up; a keeper's sending, which must survive anything, is in
`transactions`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from triggerx.chains import answers
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.reads import Reads
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Address, Hash32, Wei, checksum, to_hex
from triggerx.ports.chain import CallReverted, Receipt
from triggerx.ports.signer import Signer

MINED_WITHIN_S: Final = 90.0  # many blocks of every chain this is used on
RECEIPT_POLL_S: Final = 0.05
GAS_MARGIN_PERCENT: Final = 20  # state may change between estimate and block
NO_VALUE: Final = Wei(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One call to send; `to` None creates a contract, `gas` None asks the node for an estimate. Value in wei."""

    to: Address | None
    data: bytes
    value: Wei = Wei(0)
    gas: int | None = None


class Wallet:
    """One account on one chain; not to be used by two at once, since the nonce is asked for each time."""

    def __init__(self, reads: Reads, signer: Signer) -> None:
        """Send through `reads`' client, in the signer's name."""
        self._reads = reads
        self._signer = signer
        self.address = signer.address

    async def send(self, to: Address | None, data: bytes, *, value: Wei = NO_VALUE) -> Receipt:
        """Send one call and return its receipt; raises as `send_all`."""
        (receipt,) = await self.send_all([Outgoing(to=to, data=data, value=value)])
        return receipt

    async def send_all(self, calls: Sequence[Outgoing]) -> list[Receipt]:
        """Send several in this order, without waiting between them, and return their receipts.

        Give the gas of a call that needs the ones before it. Raises CallReverted, with the decoded reason, when one
        would fail or did, or the account cannot pay for it, RecoverableError when one is not mined within 90 s.
        """
        client = self._reads.client
        count = await client.call("eth_getTransactionCount", [to_hex(self.address), "pending"], answers.quantity)
        balance = await client.call("eth_getBalance", [to_hex(self.address), "latest"], answers.quantity)
        left = int(balance)
        price = await self._reads.gas_price()
        hashes = []
        for nonce, call in enumerate(calls, start=int(count)):
            self._demand(left, call.value)
            gas = call.gas or await self._estimate(call)
            self._demand(left, cost := call.value + gas * 2 * price)
            left -= cost
            unsigned = Unsigned(
                chain_id=self._reads.chain_id,
                nonce=nonce,
                to=call.to,
                data=call.data,
                value=call.value,
                gas=gas,
                fees=Fees(max_wei=2 * price, priority_wei=min(price, 10**9)),
            )
            tx_hash, raw = sign(self._signer, unsigned)
            await client.call("eth_sendRawTransaction", [to_hex(raw)], answers.data)
            hashes.append(tx_hash)
        return [await self._mined(tx_hash) for tx_hash in hashes]

    def _demand(self, left: int, needed: int) -> None:
        """Refuse what the account cannot pay for: nodes word it in many ways, and none says whose account it is."""
        if left < needed:
            raise CallReverted(
                f"{checksum(self.address)} has {left} wei, and this needs {needed}: send it some of the chain's coin, "
                "or ask for less"
            )

    async def _estimate(self, call: Outgoing) -> int:
        message = {"from": to_hex(self.address), "data": to_hex(call.data), "value": hex(call.value)}
        if call.to is not None:
            message["to"] = to_hex(call.to)
        gas = int(await self._reads.execute("eth_estimateGas", [message, "pending"], answers.quantity))
        return gas + gas * GAS_MARGIN_PERCENT // 100

    async def _mined(self, tx_hash: Hash32) -> Receipt:
        try:
            async with asyncio.timeout(MINED_WITHIN_S):
                receipt = await self._reads.receipt(tx_hash)
                while receipt is None:
                    await asyncio.sleep(RECEIPT_POLL_S)
                    receipt = await self._reads.receipt(tx_hash)
        except TimeoutError as error:
            raise RecoverableError(
                f"transaction {to_hex(tx_hash)} of {checksum(self.address)} is not mined after {MINED_WITHIN_S:.0f} s"
            ) from error
        if not receipt.is_success:
            raise CallReverted(f"transaction {to_hex(tx_hash)} of {checksum(self.address)} was mined and failed")
        return receipt
