"""Readings: which reads a source on chain takes, and how an answer of any source becomes one exact value.

A reading tells what was read and nothing about whether it is fresh enough: the caller knows the time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import SECOND_MAX
from triggerx.core.job_fields import plain, read_decimal
from triggerx.evm.abi import DecodeError, Function
from triggerx.evm.types import Hash32
from triggerx.ports.chain import CallReverted, View
from triggerx.triggers.json_route import Unreadable, number_of, read_number
from triggerx.triggers.sources import FeedSource, HttpSource, Source, StaticSource, ViewSource, WebSocketSource
from triggerx.triggers.view_call import encode_call, read_output

Answer: TypeAlias = bytes | CallReverted

PHASE_BITS: Final = 64  # a proxy's round id is phase << 64 | the aggregator's round; a new aggregator is a new phase

_ROUND: Final = Function.parse(
    "latestRoundData() returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 inRound)"
)
_DECIMALS: Final = Function.parse("decimals() returns (uint8)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value in plain notation, and the SHA-256 of the answer it was read from (a feed's round, without decimals).

    Of a feed also the round, when the round was written (unix seconds), and the feed's decimals.
    """

    value: str
    response_hash: Hash32
    round_id: int | None = None
    updated_at: int | None = None
    decimals: int | None = None

    @property
    def number(self) -> Decimal:
        """The value as an exact number."""
        return Decimal(self.value)


def views_of(source: Source, *, known: Reading | None = None) -> tuple[View, ...]:
    """Return the reads that the value takes, to be run at one block; none for what lies off chain.

    A feed is asked for its round and its decimals; a reading that is known of it saves asking for the decimals. Equal
    reads of different sources are equal values, so a caller asks each once.
    """
    match source:
        case FeedSource():
            read = View(to=source.feed, data=_ROUND.encode())
            return (read,) if known is not None else (read, View(to=source.feed, data=_DECIMALS.encode()))
        case ViewSource():
            return (View(to=source.contract, data=encode_call(source.function, source.arguments)),)
        case _:
            return ()


def value_from(source: FeedSource | ViewSource, answers: Sequence[Answer], *, known: Reading | None = None) -> Reading:
    """Return the value in the answers to exactly `views_of(source, known=known)`; raises `Unreadable`.

    `Unreadable` too when the feed's aggregator is another one than in the known reading: then forget that reading, for
    the new one's decimals may differ. A negative answer of a feed is a value as any other.
    """
    returned = [_returned(answer) for answer in answers]
    if isinstance(source, ViewSource):
        number = read_output(source.function, source.route, returned[0])
        return Reading(value=str(number), response_hash=_sha256(returned[0]))
    round_id, answer, _, updated_at, _ = _decoded(_ROUND, returned[0])
    if not 0 < updated_at <= SECOND_MAX:
        raise Unreadable(f"round {round_id} of the feed has no answer yet: its updatedAt is {updated_at}")
    if known is None:
        (decimals,) = _decoded(_DECIMALS, returned[1])
    elif known.round_id is None or known.decimals is None or known.round_id >> PHASE_BITS != round_id >> PHASE_BITS:
        raise Unreadable(f"round {round_id} is of another aggregator than the known one: ask for the decimals again")
    else:
        decimals = known.decimals
    return Reading(
        value=_scaled(answer, decimals),
        response_hash=_sha256(returned[0]),
        round_id=round_id,
        updated_at=updated_at,
        decimals=decimals,
    )


def value_from_body(source: HttpSource | WebSocketSource, body: bytes) -> Reading:
    """Return the value in an HTTP answer's body or a WebSocket's message; raises `Unreadable`."""
    return Reading(value=plain(read_number(body, source.route)), response_hash=_sha256(body))


def value_from_script(returned: object) -> Reading:
    """Return the value that a script returned as JSON; raises `Unreadable`. The hash is that of the value's text."""
    value = plain(number_of(returned))
    return Reading(value=value, response_hash=_sha256(value.encode()))


def value_from_static(source: StaticSource) -> Reading:
    """Return the number that the body states. The hash is that of its text."""
    return Reading(value=source.value, response_hash=_sha256(source.value.encode()))


def _returned(answer: Answer) -> bytes:
    if isinstance(answer, CallReverted):
        raise Unreadable(f"the read reverted: {answer.reason}") from answer
    return answer


def _decoded(function: Function, data: bytes) -> tuple[int, ...]:
    """The integers that a function of the feed returned."""
    try:
        return tuple(number for number in function.decode_output(data) if isinstance(number, int))
    except DecodeError as error:
        what = "nothing was returned: is there a contract?" if not data else str(error)
        raise Unreadable(f"expected a feed that answers {function.signature}: {what}") from error


def _scaled(answer: int, decimals: int) -> str:
    """The exact text of `answer · 10^-decimals`."""
    try:
        return read_decimal({"answer": Decimal(f"{answer}e-{decimals}")}, "answer", default="0")
    except InvalidInput as error:
        raise Unreadable(f"the feed answers {answer} with {decimals} decimals: {error.message}") from error


def _sha256(data: bytes) -> Hash32:
    return Hash32(hashlib.sha256(data).digest())
