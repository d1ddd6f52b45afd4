"""The ballot box: takes the votes of all operators in, one a task hash and operator.

Shares are kept unchecked but for their form; the aggregator checks the aggregate once, and single shares only when that
fails.
"""

import asyncio
from typing import NoReturn

from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.messages import Vote, VotesCast
from triggerx.events import VoteHeard
from triggerx.evm.bn254.bls import check_signature_point
from triggerx.evm.types import Address, checksum
from triggerx.ports.store.peering import DoubleVote, OwnVote, Share
from triggerx.role import Services
from triggerx_keeper.attester import PHASE, POINT_BYTES

SIGNATURE_BYTES = 2 * POINT_BYTES


class BallotBox:
    """One loop over all votes; a bad one costs its sender, not the loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._log = services.log.bind(loop="keeper.ballots")

    async def run(self) -> NoReturn:
        """Take votes in, for ever."""
        async with self._services.peers.announcements(VotesCast) as heard:
            async for cast in heard:
                await asyncio.gather(*(self._take(vote, cast.sender) for vote in cast.message.votes))
        raise UnrecoverableError("the votes ended, which they may not")

    async def _take(self, vote: Vote, sender: Address) -> None:
        """Keep one vote; a bad one is its sender's, and those beside it count."""
        try:
            await self._keep(vote, sender)
        except (RecoverableError, InvalidInput) as error:
            self._log.warning("vote ignored", sender=checksum(sender), reason=str(error))

    async def _keep(self, vote: Vote, sender: Address) -> None:
        services = self._services
        operators = {operator.address: operator for operator in await services.operators.active()}
        operator = operators.get(sender)
        if operator is None:
            raise InvalidInput("sender", "is no active operator")
        if services.keeper_signer is not None and sender == services.keeper_signer.address:
            await self._bind_own(vote)
        point_of(vote.signature)
        is_new = await services.store.votes.add_share(
            Share(
                task_key=vote.task_key,
                task_hash=vote.task_hash,
                operator_id=operator.operator_id,
                is_approved=vote.is_approved,
                code=vote.code,
                signature=vote.signature,
            )
        )
        if is_new:
            await services.bus.publish(VoteHeard(vote.task_hash))

    async def _bind_own(self, vote: Vote) -> None:
        """Bind this store to a vote of our own key that it may not know: it was cast before the store was lost."""
        try:
            await self._services.store.votes.bind(
                OwnVote(
                    phase=PHASE,
                    task_key=vote.task_key,
                    attempt=0,
                    task_hash=vote.task_hash,
                    is_approved=vote.is_approved,
                    code=vote.code,
                    recorded_at=self._services.clock.now(),
                )
            )
        except DoubleVote as error:
            raise UnrecoverableError(
                f"a vote of this operator's key contradicts the store: {error}. Another keeper runs with the same key: "
                "stop one of them"
            ) from error


def point_of(signature: bytes) -> tuple[int, int]:
    """Read a G1 point from its 64 bytes; raises `InvalidInput` when it is not on the curve, or infinity."""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInput("signature", f"has {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    point = (int.from_bytes(signature[:POINT_BYTES], "big"), int.from_bytes(signature[POINT_BYTES:], "big"))
    try:
        check_signature_point(point)
    except ValueError as error:
        raise InvalidInput("signature", str(error)) from error
    return point
