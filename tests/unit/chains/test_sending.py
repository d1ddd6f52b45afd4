"""Nodes' words for what they think of a transaction."""

import pytest

from triggerx.chains.rpc import EndpointsFailed, NodeRefusal
from triggerx.chains.sending import Reception, classify


@pytest.mark.parametrize(
    ("words", "reception"),
    [
        ("already known", Reception.ACCEPTED),
        ("transaction already imported", Reception.ACCEPTED),
        ("nonce too low: next nonce 5, tx nonce 4", Reception.NONCE_USED),
        ("replacement transaction underpriced", Reception.UNDERPRICED),
        ("insufficient funds for gas * price + value: balance 0", Reception.IMPOSSIBLE),
        ("intrinsic gas too low: gas 1, minimum 21000", Reception.IMPOSSIBLE),
        ("server is busy", Reception.UNSURE),
    ],
)
def test_refusal_when_worded_like_this_then_means_that(words: str, reception: Reception) -> None:
    assert classify(NodeRefusal("eth_sendRawTransaction", "node", -32000, words)) is reception


def test_answer_when_it_is_the_hash_or_missing_then_is_taken_or_unsure() -> None:
    assert classify(b"\x01" * 32) is Reception.ACCEPTED
    assert classify(EndpointsFailed("no answer")) is Reception.UNSURE
