"""Nonces: counted by ourselves, corrected by the chain when it insists."""

from triggerx.chains.nonces import GAP_SIGHTINGS, GAPS_MAX, Nonces


def observed(nonces: Nonces, count: int, held: list[int], times: int = GAP_SIGHTINGS) -> Nonces:
    for _ in range(times):
        nonces.observe(count, held)
    return nonces


def test_nonces_when_a_line_waits_then_go_on_from_the_store() -> None:
    nonces = Nonces(7, 5, is_line_empty=False)
    assert [nonces.take(), nonces.take()] == [7, 8]


def test_nonces_when_nothing_waits_then_start_from_the_chain() -> None:
    assert Nonces(100, 0, is_line_empty=True).take() == 0
    assert Nonces(None, 4, is_line_empty=True).take() == 4


def test_nonces_when_the_chain_is_ahead_then_follow_it() -> None:
    nonces = Nonces(5, 5, is_line_empty=True)
    nonces.observe(9, [])
    assert nonces.take() == 9


def test_nonce_when_given_back_then_is_given_out_first() -> None:
    nonces = Nonces(0, 0, is_line_empty=True)
    assert [nonces.take() for _ in range(4)] == [0, 1, 2, 3]
    nonces.give_back(1)
    assert nonces.gaps == (1,)
    assert [nonces.take(), nonces.take()] == [1, 4]
    nonces.give_back(4)
    assert nonces.take() == 4


def test_gap_when_seen_once_then_is_not_believed() -> None:
    nonces = observed(Nonces(5, 5, is_line_empty=False), 3, [4], times=GAP_SIGHTINGS - 1)
    assert nonces.gaps == ()
    nonces.observe(4, [4])
    assert observed(nonces, 3, [4], times=GAP_SIGHTINGS - 1).gaps == ()


def test_gap_when_seen_at_several_heads_then_is_to_be_filled() -> None:
    nonces = observed(Nonces(6, 3, is_line_empty=False), 3, [5])
    assert nonces.gaps == (3, 4)
    assert nonces.take() == 3
    nonces.observe(5, [5])
    assert not nonces.gaps


def test_gap_when_it_is_wide_then_is_bounded() -> None:
    nonces = observed(Nonces(1000, 0, is_line_empty=False), 0, [999])
    assert nonces.gaps == tuple(range(GAPS_MAX))


def test_nonces_when_the_chain_counts_less_and_nothing_waits_then_go_back() -> None:
    nonces = Nonces(0, 0, is_line_empty=True)
    for _ in range(3):
        nonces.take()
    assert observed(nonces, 1, []).take() == 1


def test_nonces_when_the_last_ones_are_given_back_in_order_then_leave_no_gap() -> None:
    nonces = Nonces(5, 5, is_line_empty=True)
    for nonce in [nonces.take() for _ in range(3)]:
        nonces.give_back(nonce)
    assert nonces.gaps == ()
    assert nonces.take() == 5


def test_gaps_when_taken_to_be_filled_then_only_those_that_block_a_held_one() -> None:
    nonces = Nonces(0, 0, is_line_empty=True)
    for _ in range(6):
        nonces.take()
    nonces.give_back(1)
    nonces.give_back(4)
    assert nonces.take_gaps([0, 2, 3]) == (1,)
    assert nonces.gaps == (4,)
    assert nonces.take_gaps([]) == ()
