"""Many reads of contracts at one block by few requests: Multicall3 where the chain has it, single calls elsewhere.

Rule: a view's outcome is its own. The calls of one request share its gas, so from the first failure without data on
they are asked again alone, and so is an answer of the length at which our own contract cuts off. What fails so alone
too is asked alone from then on: a view that eats all gas costs itself one request a block and the others nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from triggerx.chains import answers
from triggerx.chains.refusals import as_revert
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.abi import DecodeError, decode_revert
from triggerx.evm.contracts import Multicall
from triggerx.evm.types import Address, to_hex
from triggerx.ports.chain import CallReverted, View
from triggerx.ports.log import Log

VIEWS_MAX: Final = 500  # in one request, as the port promises; our contract takes no more
VIEW_BYTES_MAX: Final = 516  # of a view's calldata, as our contract takes it: a selector and 16 words
ANSWER_BYTES_MAX: Final = 1_024  # our contract cuts off there; an answer of this length may go on
BATCH_BYTES_MAX: Final = 65_536  # of calldata in one request: 500 views of three words, and bodies far below any limit
APART_MAX: Final = 1_024  # views remembered as failing without data; beyond it the oldest is tried among others again
ABSENT_BLOCKS_MAX: Final = 1_024  # passed over after a miss; at first it is one block, then twice as many each time

Outcome = bytes | CallReverted


def view_question(view: View, block: int) -> Question[answers.Data]:
    """Ask for one view alone."""
    return Question("eth_call", [{"to": to_hex(view.to), "data": to_hex(view.data)}, hex(block)], answers.data)


def batches(views: Sequence[View]) -> list[list[View]]:
    """Split, in order, into what one request may carry."""
    found: list[list[View]] = []
    size = 0
    for view in views:
        size += len(view.data)
        if not found or size > BATCH_BYTES_MAX or len(found[-1]) == VIEWS_MAX:
            found.append([])
            size = len(view.data)
        found[-1].append(view)
    return found


class Multicalls:
    """Reads of one chain in batches, through the contract at `address`."""

    def __init__(self, client: RpcClient, address: Address, *, log: Log | None = None) -> None:
        """Take the contract as there until a call shows that it is not."""
        self._client = client
        self._address = address
        self._log = log
        self._apart: dict[View, None] = {}
        self._passed_over = 0
        self._next_look = 0

    async def read(self, views: Sequence[View], block: int) -> tuple[Outcome, ...]:
        """Read all at one block; see `ports.chain.Chain.call_many`. Views that are equal are asked once."""
        distinct = dict.fromkeys(views)
        together = [view for view in distinct if self._fits(view)] if block >= self._next_look else []
        found = await self._together(together, block)
        found |= await self._alone([view for view in distinct if view not in found], block)
        return tuple(found[view] for view in views)

    def _fits(self, view: View) -> bool:
        return len(view.data) <= VIEW_BYTES_MAX and view not in self._apart

    async def _together(self, views: Sequence[View], block: int) -> dict[View, Outcome]:
        """Read by one request a batch; views without a certain outcome are missing in what is returned."""
        split = [batch for batch in batches(views) if len(batch) > 1]
        asked = [view_question(View(to=self._address, data=_aggregated(batch)), block) for batch in split]
        found: dict[View, Outcome] = {}
        for batch, answer in zip(split, await self._client.ask_all(asked), strict=True):
            if isinstance(answer, NodeRefusal):
                self._note("views are asked one by one", count=len(batch), reason=answer.message)
            elif isinstance(answer, RecoverableError):
                raise answer
            elif not answer:
                self._miss(block)
            else:
                self._passed_over = 0
                found |= self._outcomes(batch, bytes(answer))
        return found

    def _outcomes(self, batch: Sequence[View], answer: bytes) -> dict[View, Outcome]:
        try:
            (results,) = Multicall.aggregate3.decode_output(answer)
            pairs = cast("Sequence[tuple[bool, bytes]]", results)
            found = dict(zip(batch, pairs, strict=True))
        except (DecodeError, ValueError) as error:
            self._note("multicall answers otherwise", address=to_hex(self._address), reason=str(error))
            return {}
        outcomes: dict[View, Outcome] = {}
        for view, (is_success, data) in found.items():
            if not is_success and not data:
                break  # it may have taken the gas of all that follow
            if len(data) < ANSWER_BYTES_MAX:
                outcomes[view] = data if is_success else CallReverted(decode_revert(data), data)
        return outcomes

    async def _alone(self, views: Sequence[View], block: int) -> dict[View, Outcome]:
        """Read by one call a view, and remember which fail without data."""
        found: dict[View, Outcome] = {}
        answered = await self._client.ask_all([view_question(view, block) for view in views])
        for view, answer in zip(views, answered, strict=True):
            found[view] = _outcome(answer)
            self._apart.pop(view, None)
            if isinstance(answer, NodeRefusal) and not answer.data_bytes:
                self._apart[view] = None
        while len(self._apart) > APART_MAX:
            del self._apart[next(iter(self._apart))]
        return found

    def _miss(self, block: int) -> None:
        """Pass over more blocks at each miss: an answer that was wrong once must not cost a thousand blocks."""
        if not self._passed_over:
            self._note("multicall is missing", address=to_hex(self._address), block=block)
        self._passed_over = min(max(1, 2 * self._passed_over), ABSENT_BLOCKS_MAX)
        self._next_look = max(self._next_look, block + 1 + self._passed_over)

    def _note(self, event: str, **fields: object) -> None:
        if self._log is not None:
            self._log.warning(event, chain_id=self._client.chain_id, **fields)


def _aggregated(batch: Sequence[View]) -> bytes:
    return Multicall.aggregate3.encode([(view.to, True, view.data) for view in batch])


def _outcome(answer: object) -> Outcome:
    """Read one call's answer. Raises what is no outcome of the call but a failure of the node."""
    if isinstance(answer, NodeRefusal):
        failed = as_revert(answer)
        if failed is None:
            raise answer
        return failed
    if isinstance(answer, RecoverableError):
        raise answer
    return bytes(cast("bytes", answer))
