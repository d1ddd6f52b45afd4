"""The tally: the Attestation Center's floors, and the levels that ask for more."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import OWNER, job_body, with_mandate
from triggerx.core.quorum import Outcome, security_of, shortfall, tally

from .test_election import FOUR, operator


@pytest.mark.parametrize(
    ("approving", "rejecting", "security", "outcome"),
    [
        ({1, 2}, set(), 4, Outcome.OPEN),  # 2100 of 4600, 3066 needed
        ({2, 3, 4}, set(), 4, Outcome.APPROVED),
        ({2, 3, 4}, {1}, 4, Outcome.APPROVED),
        ({2, 3, 4}, set(), 3, Outcome.APPROVED),  # 3600 of 3450
        ({2, 3, 4}, set(), 2, Outcome.OPEN),  # 3833 needed
        ({1, 2, 3, 4}, set(), 2, Outcome.APPROVED),
        (set(), {1}, 4, Outcome.OPEN),  # 1000 of 1533
        (set(), {1, 2}, 4, Outcome.REJECTED),
        ({1, 2, 3}, {4, 1}, 4, Outcome.APPROVED),  # a yes is not taken back by a no of the same operator
        (set(), {9}, 4, Outcome.OPEN),  # no operator
        (set(), set(), 4, Outcome.OPEN),
    ],
)
def test_outcome_when_votes_are_counted_then_follows_the_contracts_floors(
    approving: set[int], rejecting: set[int], security: int, outcome: Outcome
) -> None:
    counted = tally(FOUR, approving=frozenset(approving), rejecting=frozenset(rejecting))
    assert counted.outcome(security) is outcome


def test_outcome_when_power_meets_the_floor_exactly_then_approves() -> None:
    roster = [operator(1, 2), operator(2, 1), operator(3, 1)]  # floor(2*4/3) = 2
    assert tally(roster, approving=frozenset({1}), rejecting=frozenset()).outcome(4) is Outcome.APPROVED


def test_outcome_when_there_is_no_operator_then_stays_open() -> None:
    assert tally([], approving=frozenset(), rejecting=frozenset()).outcome(4) is Outcome.OPEN


def test_tally_when_everybody_has_voted_then_is_complete() -> None:
    assert tally(FOUR, approving=frozenset({1, 2, 3}), rejecting=frozenset({4})).is_complete
    assert not tally(FOUR, approving=frozenset({1, 2, 3}), rejecting=frozenset()).is_complete


@pytest.mark.parametrize(
    ("attesting", "security", "missing"),
    [
        (83, 2, ""),
        (82, 2, "attested below the job's security 2: 82 of 100 voting power, 5/6 is demanded"),
        (75, 3, ""),
        (74, 3, "attested below the job's security 3: 74 of 100 voting power, 3/4 is demanded"),
        (66, 4, ""),
    ],
)
def test_shortfall_when_an_approval_has_less_than_its_level_demands_then_says_by_how_much(
    attesting: int, security: int, missing: str
) -> None:
    assert shortfall(attesting, 100, security) == missing


def test_security_of_when_there_is_a_mandate_then_is_what_the_owner_signed() -> None:
    body = replace(job_body(), security=4)
    assert body.mandate is not None
    signed = with_mandate(body, replace(body.mandate.mandate, security=2), OWNER)
    assert security_of(signed) == 2
    assert security_of(replace(signed, mandate=None)) == 4
