"""Outcomes: hears from the chain which documents are decided, and closes them, so that nobody works on them again.

What this loop has not heard of yet costs little: a second submission is refused by the contract's simulation.
"""

from typing import Final, NoReturn, cast

from triggerx.core.errors import RecoverableError
from triggerx.evm.abi import DecodeError
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.tasks import task_hash
from triggerx.evm.types import Address
from triggerx.ports.chain import Log, LogFilter, ReorgBeyondConfirmations
from triggerx.role import Services
from triggerx_keeper.attester import VOTE_WITHIN_S

PAUSE_S: Final = 2.0  # after the endpoints failed


class Outcomes:
    """Follows the Attestation Center's decisions; starts where the oldest open document can have been announced."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._log = services.log.bind(loop="keeper.outcomes")

    async def run(self) -> NoReturn:
        """Follow, for ever; nothing is kept but the outcomes, so it begins anew after a failure.

        A decision that is reorganised away from below the confirmations stays closed here: the engine has the action
        announced again.
        """
        while True:
            try:
                await self._follow()
            except (RecoverableError, ReorgBeyondConfirmations) as error:
                self._log.warning("decisions are not followed", reason=str(error))
            await self._services.clock.sleep(PAUSE_S)

    async def _follow(self) -> None:
        network = self._services.network
        chain = self._services.chain(network.l2_chain_id)
        first = await chain.block_at(self._services.clock.now() - VOTE_WITHIN_S)
        events = (AttestationCenter.TaskSubmitted, AttestationCenter.TaskRejected)
        batches = chain.confirmed_logs(
            LogFilter(addresses=(network.attestation_center,), topics=(tuple(event.topic for event in events),)),
            after=None,
            start_block=network.l2_start_block if first is None else max(first.number, network.l2_start_block),
            confirmations=network.l2_confirmations,
        )
        async for batch in batches:
            for log in batch.logs:
                await self._close(log)

    async def _close(self, log: Log) -> None:
        is_approved = log.topics[0] == AttestationCenter.TaskSubmitted.topic
        event = AttestationCenter.TaskSubmitted if is_approved else AttestationCenter.TaskRejected
        try:
            values = event.decode(log.topics, log.data)
        except DecodeError as error:
            self._log.error("decision cannot be read", tx_hash=log.tx_hash, reason=str(error))
            return
        digest = task_hash(
            cast("str", values["proofOfTask"]),
            cast("bytes", values["data"]),
            cast("Address", values["operator"]),
            cast("int", values["taskDefinitionId"]),
        )
        await self._services.store.votes.close(digest, "attested" if is_approved else "rejected")
