"""The nonces of one account on one chain: which is next, and which are missing.

Rule: we count ourselves, from what we stored; the chain's count corrects us only when it says the same several times
(nodes lag behind one another). A missing nonce is given out again before a new one, because it blocks all later ones.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

GAP_SIGHTINGS: Final = 3  # heads in a row at which the chain waits for a nonce that nobody holds
GAPS_MAX: Final = 64  # filled at once; more missing nonces than that are another chain's, or a lost store


class Nonces:
    """Gives nonces out; pure, fed with what the chain counts."""

    def __init__(self, stored_next: int | None, count: int, *, is_line_empty: bool) -> None:
        """Start from the store's next nonce and the chain's count of mined transactions.

        With nothing waiting, a smaller count of the chain is believed: the chain was made anew, or the last
        transactions were never broadcast.
        """
        stored = 0 if stored_next is None else stored_next
        self._next = count if is_line_empty else max(stored, count)
        self._gaps: list[int] = []
        self._sightings = 0

    @property
    def gaps(self) -> tuple[int, ...]:
        """Missing nonces, lowest first."""
        return tuple(self._gaps)

    def take(self) -> int:
        """Give out the lowest missing nonce, or the next new one."""
        if self._gaps:
            return self._gaps.pop(0)
        self._next += 1
        return self._next - 1

    def give_back(self, nonce: int) -> None:
        """Take back a nonce whose transaction no node accepted."""
        missing = {*self._gaps, nonce}
        while self._next - 1 in missing:
            self._next -= 1
            missing.remove(self._next)
        self._gaps = sorted(missing)

    def take_gaps(self, held: Collection[int]) -> tuple[int, ...]:
        """Give out the missing nonces that block one of those held, all at once, to be filled."""
        highest = max(held, default=-1)
        blocking = tuple(gap for gap in self._gaps if gap < highest)
        self._gaps = [gap for gap in self._gaps if gap >= highest]
        return blocking

    def observe(self, count: int, held: Collection[int]) -> None:
        """Compare with the chain's count of mined transactions; `held` are the nonces of those that wait."""
        self._next = max(self._next, count)
        self._gaps = [gap for gap in self._gaps if gap >= count]
        lowest = min((*held, *self._gaps, self._next))
        if count >= lowest:
            self._sightings = 0
            return
        self._sightings += 1
        if self._sightings < GAP_SIGHTINGS:
            return
        self._sightings = 0
        if held:
            self._gaps = sorted({*self._gaps, *range(count, min(lowest, count + GAPS_MAX))})
        else:
            self._next = count
            self._gaps = []
