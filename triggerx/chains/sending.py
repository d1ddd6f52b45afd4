"""What a node said to a broadcast transaction, in the few kinds that matter to the sender.

Rule: only a refusal that no node can have taken back counts as one; anything unclear is UNSURE, and the same bytes are
sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from triggerx.chains import answers
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.evm.types import to_hex


class Reception(Enum):
    """How a broadcast was received."""

    ACCEPTED = auto()
    """It is in the pool, now or since before."""
    NONCE_USED = auto()
    """Its nonce was mined: by itself, by another form of it, or by a stranger with this key."""
    UNDERPRICED = auto()
    """Another transaction with this nonce waits and pays nearly as much, or the pool's floor is higher."""
    IMPOSSIBLE = auto()
    """It cannot be mined as it is: funds, gas limit, chain."""
    UNSURE = auto()
    """No clear answer: it may be in a pool or not."""


_WORDINGS: Final = (  # of geth, erigon, nethermind, besu, reth and anvil, in lower case
    (
        Reception.ACCEPTED,
        ("already known", "known transaction", "already imported", "alreadyknown", "in mempool"),
    ),
    (Reception.NONCE_USED, ("nonce too low", "nonce is too low", "oldnonce", "invalid nonce; got")),
    (Reception.UNDERPRICED, ("underpriced", "fee too low", "max fee per gas less than block base fee", "feetoolow")),
    (
        Reception.IMPOSSIBLE,
        (
            "insufficient funds",
            "insufficientfunds",
            "intrinsic gas",
            "exceeds block gas limit",
            "exceeds the configured cap",
            "invalid chain id",
            "invalid sender",
            "oversized data",
        ),
    ),
)


def classify(answer: object) -> Reception:
    """Read the answer to eth_sendRawTransaction: the hash, a NodeRefusal, or EndpointsFailed."""
    if not isinstance(answer, Exception):
        return Reception.ACCEPTED
    if isinstance(answer, NodeRefusal):
        said = answer.message.lower()
        for reception, wordings in _WORDINGS:
            if any(wording in said for wording in wordings):
                return reception
    return Reception.UNSURE


async def broadcast(client: RpcClient, raws: Sequence[bytes]) -> list[tuple[Reception, str]]:
    """Send signed bytes, in order, with one request; answers how each was received, and the node's words."""
    asked = [Question("eth_sendRawTransaction", [to_hex(raw)], answers.data) for raw in raws]
    found = await client.ask_all(asked)
    return [(classify(answer), str(answer) if isinstance(answer, Exception) else "") for answer in found]
