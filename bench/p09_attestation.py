"""P9: checking attestations, by the keeper's own way (the chain's pairing precompile) against py_ecc's pairing.

Twenty attestations of twenty tasks, each over its own message by its own key, are checked by the aggregator's
`find_bad_shares`; their calls of one loop tick travel in one HTTP request to anvil. py_ecc gets the optimized curve,
one final exponentiation for both pairings, and its inputs ready.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from py_ecc.fields import optimized_bn128_FQ as FQ
from py_ecc.fields import optimized_bn128_FQ2 as FQ2
from py_ecc.fields import optimized_bn128_FQ12 as FQ12
from py_ecc.optimized_bn128.optimized_curve import G2, neg
from py_ecc.optimized_bn128.optimized_pairing import final_exponentiate, pairing

from bench.harness import PAIRS_MIN, PAIRS_QUICK, Measure, interleaved
from triggerx.chains.development import development_chain
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.election import Operator
from triggerx.evm.bn254.bls import BlsKey, PublicKey, Signature
from triggerx.evm.bn254.hash_to_point import hash_to_point
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.evm.types import Address, Hash32
from triggerx.node.clock import SystemClock
from triggerx.ports.store.peering import Share
from triggerx_keeper.pairing import find_bad_shares

ATTESTATIONS: Final = 20
LIMIT_MS: Final = 50.0
RATIO_MIN: Final = 100.0
CHAIN_ID: Final = 31337


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """One vote as the aggregator has it, its sender's keys, and the same for py_ecc."""

    share: Share
    message: bytes
    operator: Operator
    signature: Signature
    point: Signature


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Compare verdicts on good and bad signatures first, then time both ways."""
    attestations = [_attestation(number) for number in range(ATTESTATIONS)]
    peers_share = 1 if is_quick else 2  # of the twenty, for py_ecc takes most of a second for each
    async with (
        development_chain("anvil", chain_id=CHAIN_ID, block_time_s=1) as chain,
        RpcClient([chain.rpc_url], chain_id=CHAIN_ID) as client,
    ):
        reads = Reads(client, SystemClock())
        await _compare(reads, attestations)
        before = client.http_requests
        assert await _bad(reads, attestations) == []
        requests = client.http_requests - before

        async def ours() -> float:
            started = time.perf_counter()
            assert await _bad(reads, attestations) == []
            return (time.perf_counter() - started) / ATTESTATIONS

        async def peer() -> float:
            started = time.perf_counter()
            assert all(_holds_by_py_ecc(each) for each in attestations[:peers_share])
            return (time.perf_counter() - started) / peers_share

        pairs = await interleaved(ours, peer, pairs=PAIRS_QUICK if is_quick else PAIRS_MIN)
    return [
        Measure(
            key="P9",
            title=f"check {ATTESTATIONS} attestations",
            ours=pairs.ours_median * ATTESTATIONS * 1000,
            peer=pairs.peer_median * ATTESTATIONS * 1000,
            limit=LIMIT_MS,
            ratios=pairs.ratios,
            ratio_min=RATIO_MIN,
            unit="ms",
            goal=f"≥ {RATIO_MIN:g} times py_ecc, {ATTESTATIONS} in ≤ {LIMIT_MS:g} ms",
            note=f"{ATTESTATIONS} messages, {requests} HTTP request; py_ecc's time from {peers_share} of them a pair",
        ),
        Measure(
            key="P9.requests",
            title=f"HTTP requests for {ATTESTATIONS} attestations",
            ours=requests,
            limit=1,
            unit="requests",
            goal="1",
        ),
    ]


def _attestation(number: int, *, is_forged: bool = False) -> Attestation:
    key = BlsKey(number + 1)
    message = number.to_bytes(32, "big")
    signer = BlsKey(number + 2) if is_forged else key
    signature = signer.sign(TASKS_DOMAIN, message)
    digest = Hash32(message)
    share = Share(
        task_key=digest,
        task_hash=digest,
        operator_id=number + 1,
        is_approved=True,
        code="ok",
        signature=b"".join(part.to_bytes(32, "big") for part in signature),
    )
    operator = Operator(
        address=Address(bytes(19) + bytes([number + 1])),
        operator_id=number + 1,
        voting_power=1,
        bls_key=key.public,
    )
    return Attestation(
        share=share,
        message=message,
        operator=operator,
        signature=signature,
        point=hash_to_point(TASKS_DOMAIN, message),
    )


async def _bad(reads: Reads, attestations: Sequence[Attestation]) -> list[int]:
    """The operators whose signature does not hold, by the keeper's way."""
    found = await asyncio.gather(
        *(find_bad_shares(reads, [each.share], each.message, [each.operator]) for each in attestations)
    )
    return [share.operator_id for bad in found for share in bad]


async def _compare(reads: Reads, attestations: Sequence[Attestation]) -> None:
    """Both ways must say yes to a good signature and no to a forged one, before time counts."""
    forged = _attestation(3, is_forged=True)
    assert _holds_by_py_ecc(attestations[0])
    assert not _holds_by_py_ecc(forged)
    mixed = [*attestations[:3], forged, *attestations[4:]]
    assert await _bad(reads, mixed) == [forged.operator.operator_id]


def _holds_by_py_ecc(attestation: Attestation) -> bool:
    """e(signature, -G2) · e(hash, key) = 1, as two Miller loops and one final exponentiation."""
    left = pairing(neg(G2), _g1(attestation.signature), final_exponentiate=False)
    right = pairing(_g2(attestation.operator.bls_key), _g1(attestation.point), final_exponentiate=False)
    return bool(final_exponentiate(left * right) == FQ12.one())


def _g1(point: Signature) -> tuple[FQ, FQ, FQ]:
    return FQ(point[0]), FQ(point[1]), FQ(1)


def _g2(key: PublicKey) -> tuple[FQ2, FQ2, FQ2]:
    return FQ2(key[0:2]), FQ2(key[2:4]), FQ2.one()
