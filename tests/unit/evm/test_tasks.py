import json
from pathlib import Path

import pytest

from triggerx.evm.keccak import keccak256
from triggerx.evm.tasks import (
    INTERNAL_DEFINITIONS,
    TASKS_DOMAIN,
    approve_power,
    reject_power,
    task_hash,
    vote_hash,
    vote_message,
)
from triggerx.evm.types import ChainId, from_hex, parse_address, to_hex

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "attestation.json").read_text())
TASK = VECTORS["task"]
PERFORMER = parse_address(TASK["performer"])
CENTER = parse_address(TASK["attestation_center"])


def test_domain_of_tasks_then_is_the_hash_of_its_name() -> None:
    assert keccak256(b"TasksManager") == TASKS_DOMAIN
    assert to_hex(TASKS_DOMAIN) == VECTORS["tasks_domain"]


def test_task_when_hashed_then_equals_the_chains_vector() -> None:
    found = task_hash(TASK["proof_of_task"], from_hex(TASK["data"]), PERFORMER, TASK["task_definition_id"])
    assert to_hex(found) == TASK["task_hash"]


def test_vote_when_hashed_then_equals_the_chains_vector_and_a_no_differs() -> None:
    fields = (TASK["proof_of_task"], from_hex(TASK["data"]), PERFORMER, TASK["task_definition_id"], CENTER)
    yes = vote_hash(*fields, ChainId(TASK["chain_id"]), True)
    assert to_hex(yes) == TASK["vote_hash"]
    assert vote_hash(*fields, ChainId(TASK["chain_id"]), False) != yes
    assert vote_message(yes) == yes


@pytest.mark.parametrize(
    ("total", "approving", "rejecting"),
    [(0, 0, 0), (1, 0, 0), (2, 1, 0), (3, 2, 1), (4, 2, 1), (10, 6, 3), (10**30, 2 * 10**30 // 3, 10**30 // 3)],
)
def test_powers_when_asked_for_a_total_then_are_rounded_down(total: int, approving: int, rejecting: int) -> None:
    assert (approve_power(total), reject_power(total)) == (approving, rejecting)


def test_internal_definitions_then_are_the_three_of_the_contract() -> None:
    assert list(INTERNAL_DEFINITIONS) == [10_001, 10_002, 10_003]
