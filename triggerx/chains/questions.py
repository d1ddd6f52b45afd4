"""What is asked of nodes about blocks and logs, and answers held against what is known.

Rule: an answer that contradicts another is a `Doubt`, never a guess; it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from triggerx.chains import answers
from triggerx.chains.rpc import EndpointsFailed, Question, RpcClient
from triggerx.evm.types import Hash32, to_hex
from triggerx.ports.chain import Block, Log, LogFilter

T = TypeVar("T")


class Doubt(Exception):
    """Answers that cannot all be true; the range is asked for again.

    `suspects_current` is whether the endpoint that is asked first should lose that place when it happens again.
    """

    def __init__(self, reason: str, *, suspects_current: bool = True) -> None:
        super().__init__(reason)
        self.suspects_current = suspects_current


def converted(client: RpcClient, conversion: Callable[[], T]) -> T:
    """Convert an answer's text. Raises EndpointsFailed, and prefers another endpoint, when it is not hexadecimal."""
    try:
        return conversion()
    except ValueError as error:
        client.distrust(f"its answer is malformed: {error}")
        raise EndpointsFailed(
            f"chain {client.chain_id}: an endpoint's answer is malformed: {error}: ask again"
        ) from error


def filter_json(wanted: LogFilter) -> dict[str, Any]:
    """Write addresses and topics as eth_getLogs takes them."""
    shape: dict[str, Any] = {}
    if wanted.addresses:
        shape["address"] = [to_hex(address) for address in wanted.addresses]
    if wanted.topics:
        shape["topics"] = [
            None if not position else [to_hex(topic) for topic in position] for position in wanted.topics
        ]
    return shape


def range_question(wanted: LogFilter, first: int, last: int) -> Question[list[answers.LogAnswer]]:
    """Ask for the logs of an inclusive range."""
    asked = filter_json(wanted) | {"fromBlock": hex(first), "toBlock": hex(last)}
    return Question("eth_getLogs", [asked], answers.logs)


def header_question(number: int) -> Question[answers.BlockAnswer | None]:
    """Ask for a header by its number."""
    return Question("eth_getBlockByNumber", [hex(number), False], answers.block)


def block_question(wanted: LogFilter, block_hash: Hash32) -> Question[list[answers.LogAnswer]]:
    """Ask for the logs of one block, by its hash."""
    return Question("eth_getLogs", [filter_json(wanted) | {"blockHash": to_hex(block_hash)}], answers.logs)


def sorted_logs(found: Sequence[answers.LogAnswer], blocks: Sequence[Block]) -> list[Log]:
    """Order the logs, drop repetitions, and demand that each lies in the block that its header names.

    Raises Doubt, and ValueError for what is no hexadecimal.
    """
    hashes = {block.number: block.hash for block in blocks}
    by_place: dict[tuple[int, int], Log] = {}
    for answer, log in zip(found, answers.to_logs(found), strict=True):
        if answer.removed or hashes.get(log.block_number) != log.block_hash:
            raise Doubt(f"a log of block {log.block_number} lies in a block that is not canonical")
        by_place[(log.block_number, log.log_index)] = log
    return [by_place[place] for place in sorted(by_place)]
