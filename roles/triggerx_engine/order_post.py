"""How orders reach their performers: those to one peer that are ready together travel in one request.

An order whose check may take the performer time travels alone, so that nobody waits for its answer.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from triggerx.core.messages import AssignTasks, Order, Reply, TaskAnswer, TaskAnswers
from triggerx.evm.types import checksum
from triggerx.ports.peers import Peers, PeerSilentError, PeerUnreachable
from triggerx.together import Together
from triggerx.wire import limits

REQUEST_BYTES_MAX: Final = 384 * 1024  # of orders in one request: below what a frame holds, whatever wraps them
REQUESTS_AT_ONCE: Final = 6  # to one peer, which refuses more than eight of ours: two are left for other questions
ORDER_BYTES: Final = 512  # of an order beside body, evidence and roster, rounded up
ID_BYTES: Final = 9  # of an operator's id in the roster, at most

Outcome: TypeAlias = TaskAnswer | PeerUnreachable | PeerSilentError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parcel:
    """An order on its way; those with equal `group` travel together."""

    peer_id: str
    order: Order
    group: object = field(default=None)


class OrderPost:
    """Sends orders; an answer is that of the peer to this very order."""

    def __init__(self, peers: Peers, *, timeout_s: float) -> None:
        self._peers = peers
        self._timeout_s = timeout_s
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._parcels = Together(
            self._send, key=lambda parcel: (parcel.peer_id, parcel.group), items_max=limits.ORDERS_MAX
        )

    async def ask(self, order: Order, *, may_take_time: bool) -> TaskAnswer:
        """Return the performer's answer; raises `PeerUnreachable` or `PeerSilentError`."""
        performer = order.assignment.assignment.performer
        peer_id = await self._peers.locate(performer)
        if peer_id is None:
            raise PeerUnreachable(f"keeper {checksum(performer)} has told no peer id")
        group = order.assignment.assignment.task_key if may_take_time else None
        answer = await self._parcels.do(_Parcel(peer_id=peer_id, order=order, group=group))
        if not isinstance(answer, TaskAnswer):
            raise answer
        return answer

    async def _send(self, parcels: Sequence[_Parcel]) -> Sequence[Outcome]:
        """Send to one peer, in as many requests as the bytes need; the failure of one is no other's."""
        peer_id = parcels[0].peer_id
        outcomes: list[Outcome] = []
        async with self._turns.setdefault(peer_id, asyncio.Semaphore(REQUESTS_AT_ONCE)):
            for orders in _requests([parcel.order for parcel in parcels]):
                try:
                    reply = await self._peers.ask(peer_id, AssignTasks(orders=tuple(orders)), timeout_s=self._timeout_s)
                except (PeerUnreachable, PeerSilentError) as error:
                    outcomes += [error] * len(orders)
                else:
                    outcomes += _answers(peer_id, orders, reply)
        return outcomes


def _answers(peer_id: str, orders: Sequence[Order], reply: Reply) -> list[Outcome]:
    given = reply.answers if isinstance(reply, TaskAnswers) else ()
    by_attempt = {(answer.task_key, answer.attempt): answer for answer in given}
    keys = [(order.assignment.assignment.task_key, order.assignment.assignment.attempt) for order in orders]
    return [by_attempt.get(key) or PeerSilentError(f"peer {peer_id} answered something else") for key in keys]


def _requests(orders: Sequence[Order]) -> Iterator[Sequence[Order]]:
    """Split, in their order, into what one request may carry."""
    part: list[Order] = []
    size = 0
    for order in orders:
        takes = ORDER_BYTES + len(order.body) + len(order.evidence) + ID_BYTES * len(order.assignment.roster)
        if part and size + takes > REQUEST_BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(order)
        size += takes
    yield part
