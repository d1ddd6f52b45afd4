"""The draw: repeatable, independent of order, weighted by power, complete."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.election import Duty, Operator, draw
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address

KEY = keccak256(b"task")
SEED = keccak256(b"block")


def operator(operator_id: int, power: int) -> Operator:
    return Operator(
        operator_id=operator_id,
        address=Address(operator_id.to_bytes(20, "big")),
        voting_power=power,
        bls_key=(1, 2, 3, 4),
    )


FOUR = [operator(1, 1000), operator(2, 1100), operator(3, 1200), operator(4, 1300)]


def test_draw_when_repeated_with_the_roster_in_any_order_then_gives_the_same_order() -> None:
    first = draw(FOUR, duty=Duty.PERFORMER, task_key=KEY, seed_block_hash=SEED)
    assert first == draw(FOUR[::-1], duty=Duty.PERFORMER, task_key=KEY, seed_block_hash=SEED)
    assert [o.operator_id for o in first] == [4, 3, 1, 2]  # the protocol's vector: changing it splits the network


def test_draw_when_for_another_duty_key_or_block_then_is_independent() -> None:
    orders = {
        tuple(o.operator_id for o in draw(FOUR, duty=duty, task_key=keccak256(bytes([n])), seed_block_hash=SEED))
        for duty in Duty
        for n in range(40)
    }
    assert len(orders) > 12


def test_draw_when_repeated_over_many_tasks_then_elects_in_proportion_to_power() -> None:
    roster = [operator(1, 1), operator(2, 3)]
    first = Counter(
        draw(roster, duty=Duty.PERFORMER, task_key=keccak256(n.to_bytes(4, "big")), seed_block_hash=SEED)[0].operator_id
        for n in range(4000)
    )
    assert 2850 < first[2] < 3150  # 3000 expected; five standard deviations are 137


@given(st.lists(st.integers(min_value=0, max_value=10**30), min_size=0, max_size=12))
def test_draw_when_powers_are_arbitrary_then_everybody_with_power_comes_exactly_once(powers: list[int]) -> None:
    roster = [operator(index + 1, power) for index, power in enumerate(powers)]
    order = draw(roster, duty=Duty.AGGREGATOR, task_key=KEY, seed_block_hash=SEED)
    assert sorted(o.operator_id for o in order) == [o.operator_id for o in roster if o.voting_power > 0]
