"""Checking BLS signatures by the chain's pairing precompile: the aggregate once, single shares only when it fails.

Only public points go to the node; signing never does.
"""

from collections.abc import Sequence

from triggerx.core.election import Operator
from triggerx.evm.bn254.bls import aggregate_public_keys, aggregate_signatures, pairing_input
from triggerx.evm.bn254.hash_to_point import hash_to_point
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.evm.types import Address
from triggerx.ports.chain import Chain
from triggerx.ports.store.peering import Share
from triggerx_keeper.ballots import point_of

PAIRING_PRECOMPILE = Address(bytes(19) + b"\x08")  # EIP-197


async def find_bad_shares(
    chain: Chain, shares: Sequence[Share], message: bytes, operators: Sequence[Operator]
) -> tuple[Share, ...]:
    """Return the shares whose signature is not their operator's over the message; by bisection, none if all hold."""
    keys = {operator.operator_id: operator.bls_key for operator in operators}
    if not shares or await _holds(chain, shares, message, keys):
        return ()
    if len(shares) == 1:
        return tuple(shares)
    half = len(shares) // 2
    left = await find_bad_shares(chain, shares[:half], message, operators)
    right = await find_bad_shares(chain, shares[half:], message, operators)
    return left + right


async def _holds(
    chain: Chain, shares: Sequence[Share], message: bytes, keys: dict[int, tuple[int, int, int, int]]
) -> bool:
    try:
        signature = aggregate_signatures([point_of(share.signature) for share in shares])
        public = aggregate_public_keys([keys[share.operator_id] for share in shares])
    except ValueError:  # the sum is infinity: somebody's share was made to cancel the others'
        return False
    data = pairing_input(signature, public, hash_to_point(TASKS_DOMAIN, message))
    answer = await chain.call(PAIRING_PRECOMPILE, data)
    return int.from_bytes(answer, "big") == 1
