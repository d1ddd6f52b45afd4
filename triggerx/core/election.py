"""Who performs and who aggregates: a draw that anybody can repeat.

Nobody picks the seed: it is made of the task key and a block that the firing fixes. Weights are on-chain voting
powers. The same roster and seed give the same order on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, Hash32


class Duty(StrEnum):
    """What a draw elects for; part of the seed, so that the two draws of one task are independent."""

    PERFORMER = "performer"
    AGGREGATOR = "aggregator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator as the Attestation Center knows it, with the BLS key from its registration.

    `bls_key` is the G2 public key `(x_re, x_im, y_re, y_im)`.
    """

    operator_id: int
    address: Address
    voting_power: int
    bls_key: tuple[int, int, int, int]


def draw(roster: Sequence[Operator], *, duty: Duty, task_key: Hash32, seed_block_hash: Hash32) -> tuple[Operator, ...]:
    """Order the whole roster by a weighted draw without replacement; the first is elected, the next takes over.

    The roster's order does not matter (it is sorted by operator id); operators without voting power are left out.
    The k-th pick takes `keccak256(seed ‖ k) mod remaining power`, `seed = keccak256(duty ‖ task key ‖ block hash)`.
    """
    remaining = sorted((o for o in roster if o.voting_power > 0), key=lambda o: o.operator_id)
    seed = keccak256(duty.value.encode() + task_key + seed_block_hash)
    order: list[Operator] = []
    while remaining:
        total = sum(o.voting_power for o in remaining)
        ticket = int.from_bytes(keccak256(seed + len(order).to_bytes(4, "big")), "big") % total
        index = 0
        while ticket >= remaining[index].voting_power:
            ticket -= remaining[index].voting_power
            index += 1
        order.append(remaining.pop(index))
    return tuple(order)
