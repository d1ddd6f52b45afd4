"""A log's place in its receipt, counted from whole ranges and from receipts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.triggers.events import log
from triggerx.evm.types import Address, Hash32, Wei
from triggerx.ports.chain import Log, Receipt
from triggerx.triggers.ordinals import ordinal_in, ordinals, proven_ordinals


def receipt(logs: list[Log]) -> Receipt:
    return Receipt(
        tx_hash=Hash32(bytes(32)),
        block_number=7,
        block_hash=Hash32(bytes(32)),
        sender=Address(bytes(20)),
        to=None,
        is_success=True,
        gas_used=0,
        effective_gas_price=Wei(0),
        logs=tuple(logs),
    )


@given(st.lists(st.integers(0, 5), max_size=8), st.randoms(use_true_random=False))
def test_ordinals_when_a_block_is_whole_then_are_the_places_in_the_receipts(
    counts: list[int], chance: random.Random
) -> None:
    numbered = [(tx, place) for tx, count in enumerate(counts) for place in range(count)]
    logs = [log(tx=tx, index=index) for index, (tx, _) in enumerate(numbered)]
    expected = {(each.tx_hash, each.log_index): place for each, (_, place) in zip(logs, numbered, strict=True)}
    chance.shuffle(logs)
    assert ordinals(logs) == expected
    for each in logs:
        whole = receipt([other for other in logs if other.tx_hash == each.tx_hash])
        assert ordinal_in(whole, each.log_index) == expected[(each.tx_hash, each.log_index)]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.booleans(), max_size=5)), max_size=8),
)
def test_ordinals_when_some_logs_are_filtered_out_then_what_is_proven_is_true(
    transactions: list[tuple[int, list[bool]]],
) -> None:
    passed: list[Log] = []
    expected: dict[tuple[Hash32, int], int] = {}
    block, following = 7, 0
    for tx, (blocks_later, passes) in enumerate(transactions):
        block, following = block + blocks_later, 0 if blocks_later else following
        for place, is_passed in enumerate(passes):
            each = log(tx=tx, index=following)._replace(block_number=block)
            following += 1
            if is_passed:
                passed.append(each)
                expected[each.tx_hash, each.log_index] = place
    proven = proven_ordinals(passed)
    assert proven.items() <= expected.items()
    if all(all(passes) for _, passes in transactions):
        assert proven == expected == ordinals(passed)


def test_ordinals_when_a_log_before_is_missing_then_nothing_is_proven_until_another_transaction() -> None:
    behind_a_gap = [log(tx=1, index=1), log(tx=1, index=2), log(tx=2, index=3), log(tx=2, index=5)]
    assert proven_ordinals(behind_a_gap) == {(log(tx=2).tx_hash, 3): 0}


def test_ordinals_when_a_transaction_is_mined_again_elsewhere_then_stay_the_same() -> None:
    first = [log(tx=1, index=0), log(tx=2, index=1), log(tx=2, index=2)]
    again = [each._replace(block_number=8, log_index=each.log_index + 40) for each in first[1:]]
    assert list(ordinals(again).values()) == list(ordinals(first).values())[1:]


def test_ordinals_when_a_log_is_listed_twice_then_counts_once() -> None:
    assert ordinals([log(index=3), log(index=3), log(index=4)]) == {
        (log().tx_hash, 3): 0,
        (log().tx_hash, 4): 1,
    }


def test_ordinal_when_the_transaction_has_no_such_log_then_is_none() -> None:
    assert ordinal_in(receipt([log(index=4), log(index=5)]), 3) is None
    assert ordinal_in(receipt([]), 0) is None
