"""What every figure is made of: interleaved pairs, the ratio that counts, percentiles, and the judged `Measure`.

Rule: results are compared before time counts, and a ratio passes on the second-lowest of its pairs, so that one lucky
or unlucky pair decides nothing.
"""

import asyncio
import math
import statistics
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

PAIRS_MIN: Final = 5  # fewer pairs say little on a shared machine
PAIRS_QUICK: Final = 2
DIGITS: Final = 4  # significant ones in the document; more is noise

Benchmark = Callable[[bool], Coroutine[Any, Any, "Sequence[Measure]"]]
"""Measures one figure; the argument asks for the quick form, which takes fewer pairs and smaller loads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One judged value. `key` is the figure, with a part's name behind a dot where it has several.

    `ours` and `peer` are medians in `unit`; `limit` is what `ours` may be at most (at least, where `is_more_better`),
    and `least` what it must be beside that, where it is to be exact; `ratio_min` is how many times better than the peer
    `ours` must be. `note` says what bounds it, or what was compared.
    """

    key: str
    title: str
    ours: float | None
    unit: str
    goal: str
    peer: float | None = None
    limit: float | None = None
    least: float | None = None
    ratios: tuple[float, ...] = ()
    ratio_min: float | None = None
    is_more_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The second-lowest ratio, by which the figure passes."""
        return second_lowest(self.ratios) if self.ratios else None

    @property
    def is_met(self) -> bool:
        """Whether every bound and the least ratio hold; what could not be measured is not met."""
        if self.ours is None or not math.isfinite(self.ours):
            return False
        if self.limit is not None and not (self.ours >= self.limit if self.is_more_better else self.ours <= self.limit):
            return False
        if self.least is not None and self.ours < self.least:
            return False
        return self.ratio_min is None or (self.ratio is not None and self.ratio >= self.ratio_min)

    def document(self) -> Mapping[str, object]:
        """The figure as `--json` shows it; what does not apply is null."""
        return {
            "ours": rounded(self.ours),
            "peer": rounded(self.peer),
            "limit": self.limit,
            "least": self.least,
            "ratio": rounded(self.ratio),
            "ratios": [rounded(ratio) for ratio in self.ratios] or None,
            "unit": self.unit,
            "goal": self.goal,
            "pass": self.is_met,
            "title": self.title,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What interleaved runs gave, pair by pair, in the same unit."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times less than the peer's ours is, in each pair."""
        return tuple(peer / ours for ours, peer in zip(self.ours, self.peer, strict=True))

    @property
    def ours_median(self) -> float:
        """The median of ours."""
        return statistics.median(self.ours)

    @property
    def peer_median(self) -> float:
        """The median of the peer's."""
        return statistics.median(self.peer)


Sample = Callable[[], Coroutine[Any, Any, float]]


async def interleaved(ours: Sample, peer: Sample, *, pairs: int) -> Pairs:
    """Run A B A B … and return both sides; each sample runs once before, uncounted, so that nobody pays for warming."""
    await ours()
    await peer()
    found = [(await ours(), await peer()) for _ in range(pairs)]
    return Pairs(ours=tuple(pair[0] for pair in found), peer=tuple(pair[1] for pair in found))


def second_lowest(ratios: Sequence[float]) -> float:
    """Return the second-lowest, or the only one there is; raises `ValueError` for none."""
    if not ratios:
        raise ValueError("expected at least one ratio")
    return sorted(ratios)[min(1, len(ratios) - 1)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile, `share` from 0 to 1; raises `ValueError` for no values."""
    if not values or not 0 <= share <= 1:
        raise ValueError("expected values, and a share from 0 to 1")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def rounded(value: float | None) -> float | None:
    """Return the value with the digits that mean something."""
    if value is None or value == 0 or not math.isfinite(value):
        return None if value is None or not math.isfinite(value) else value
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))


async def finished(
    *command: str, environment: Mapping[str, str] | None = None, within_s: float = 180.0
) -> tuple[int, bytes, bytes]:
    """Run a command to its end; returns its exit status, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out, err
