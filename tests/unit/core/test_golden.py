"""The golden task of `tests/vectors/task.json`: whoever changes one of its values splits the network."""

import json
from pathlib import Path

from triggerx.core.canonical import cid_of
from triggerx.core.document import decode_document, encode_document, proof_of_task
from triggerx.core.election import Duty, draw
from triggerx.evm.hub import assignment_digest
from triggerx.evm.tasks import task_hash, vote_hash, vote_message
from triggerx.evm.types import parse_hash32, to_hex

from .sample import CENTER, CHAIN, HUB, OPERATORS, sample

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "task.json").read_text())


def test_golden_task_when_encoded_then_gives_the_published_bytes_and_digests() -> None:
    document = sample().document
    content = encode_document(document)
    cid = cid_of(content)
    proof = proof_of_task(document)
    data = cid.encode("ascii")
    order = document.assignment.assignment
    assert content.decode() == VECTOR["document"]
    assert decode_document(content) == document
    assert {
        "task_key": to_hex(order.task_key),
        "assignment_digest": to_hex(assignment_digest(order, CHAIN, HUB)),
        "cid": cid,
        "proof_of_task": proof,
        "task_hash": to_hex(task_hash(proof, data, document.performer, 1)),
        "approving_vote_message": to_hex(
            vote_message(vote_hash(proof, data, document.performer, 1, CENTER, CHAIN, True))
        ),
        "rejecting_vote_message": to_hex(
            vote_message(vote_hash(proof, data, document.performer, 1, CENTER, CHAIN, False))
        ),
    } == {name: value for name, value in VECTOR.items() if name not in ("document", "draws")}


def test_golden_draws_when_repeated_then_give_the_published_orders() -> None:
    for entry in VECTOR["draws"]:
        order = draw(
            OPERATORS,
            duty=Duty(entry["duty"]),
            task_key=parse_hash32(entry["task_key"]),
            seed_block_hash=parse_hash32(entry["seed_block_hash"]),
        )
        assert [operator.operator_id for operator in order] == entry["order"]
