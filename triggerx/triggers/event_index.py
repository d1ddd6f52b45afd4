"""All event jobs of one chain, arranged so that a log meets only the few that may want it.

A log leads by its address and its first topic to a bucket. Inside, each job stands under one value that it demands: a
topic's, or one of the data. So ten thousand jobs on one contract cost a log one look-up for each different place that
any of them filters by, and each job that is found is asked in full (`EventSpec.matches`).
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from triggerx.evm.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from triggerx.ports.chain import Log, LogFilter
from triggerx.triggers.event import EventSpec
from triggerx.triggers.log_data import DataPlace

FILTER_TOPICS_MAX: Final = 1_000  # in one place of eth_getLogs: geth refuses more (its LogQueryLimit)
NOTHING: Final = LogFilter(addresses=(ZERO_ADDRESS,), topics=((ZERO_HASH,),))  # no contract is there to emit it

_Place: TypeAlias = int | DataPlace
"""Where a value is that a job demands: a topic's position, or a place in the data."""


class EventIndex:
    """The specs of one chain by the number of their job; not to be changed while a `match` is being read."""

    def __init__(self) -> None:
        self._specs: dict[int, EventSpec] = {}
        self._buckets: dict[Address, dict[bytes | None, _Bucket]] = {}
        self._filter: LogFilter | None = NOTHING

    def __len__(self) -> int:
        """How many jobs there are."""
        return len(self._specs)

    def __contains__(self, number: int) -> bool:
        """Tell whether the job is there."""
        return number in self._specs

    def put(self, number: int, spec: EventSpec) -> None:
        """Add a job, or replace what it waits for."""
        self.remove(number)
        self._specs[number] = spec
        buckets = self._buckets.get(spec.contract)
        if buckets is None:
            buckets = self._buckets[spec.contract] = {}
        bucket = buckets.get(spec.topic0)
        if bucket is None:
            bucket = buckets[spec.topic0] = _Bucket()
            self._filter = None
        bucket.put(number, spec)

    def remove(self, number: int) -> None:
        """Take a job out; nothing happens where it is not there."""
        spec = self._specs.pop(number, None)
        if spec is None:
            return
        buckets = self._buckets[spec.contract]
        bucket = buckets[spec.topic0]
        bucket.remove(number, spec)
        if bucket.is_empty:
            del buckets[spec.topic0]
            self._filter = None
            if not buckets:
                del self._buckets[spec.contract]

    def filter(self) -> LogFilter:
        """Return what to ask nodes for: no log that a job wants is outside of it; the same object until it changes.

        It names every contract; how many are too many is the chain's to say. Topics are left open by an anonymous
        event, and where they are more than nodes take. Without jobs it is a filter that no log passes.
        """
        if self._filter is None:
            self._filter = self._widest()
        return self._filter

    def match(self, logs: Sequence[Log]) -> Iterator[tuple[Log, int]]:
        """Yield each log with the number of each job that wants it, in the order of the logs, then of the numbers."""
        by_address, specs = self._buckets, self._specs
        for log in logs:
            buckets = by_address.get(log.address)
            if buckets is None:
                continue
            named = buckets.get(log.topics[0]) if log.topics else None
            candidates = [] if named is None else named.candidates(log)
            if (anonymous := buckets.get(None)) is not None:
                candidates = [*candidates, *anonymous.candidates(log)]
            for number in candidates if len(candidates) < 2 else sorted(candidates):
                if specs[number].matches(log):
                    yield log, number

    def _widest(self) -> LogFilter:
        if not self._buckets:
            return NOTHING
        first_topics = {topic for buckets in self._buckets.values() for topic in buckets}
        topics = sorted(Hash32(topic) for topic in first_topics if topic is not None)
        is_open = None in first_topics or len(topics) > FILTER_TOPICS_MAX
        return LogFilter(addresses=tuple(sorted(self._buckets)), topics=() if is_open else (tuple(topics),))


class _Bucket:
    """The jobs of one event at one contract: ascending lists by one value that each demands, or unconditional."""

    __slots__ = ("_groups", "_unconditional")

    def __init__(self) -> None:
        self._unconditional: list[int] = []
        self._groups: dict[_Place, dict[bytes | None, list[int]]] = {}

    @property
    def is_empty(self) -> bool:
        return not (self._unconditional or self._groups)

    def put(self, number: int, spec: EventSpec) -> None:
        """Put the job where the fewest others stand, so that a busy value does not get it asked in vain."""
        group = self._unconditional
        demands = _demands(spec)
        if demands:
            place, value = min(demands, key=lambda demand: len(self._group(*demand)))
            group = self._groups.setdefault(place, {}).setdefault(value, [])
        insort(group, number)

    def remove(self, number: int, spec: EventSpec) -> None:
        """Take the job out of the one group that it stands in."""
        _take_out(self._unconditional, number)
        for place, value in _demands(spec):
            if _take_out(self._group(place, value), number):
                by_value = self._groups[place]
                if not by_value[value]:
                    del by_value[value]
                if not by_value:
                    del self._groups[place]

    def candidates(self, log: Log) -> Sequence[int]:
        """Return the jobs that may want the log, in no order; all others do not."""
        found: Sequence[int] = self._unconditional
        for place, by_value in self._groups.items():
            if isinstance(place, int):
                value = log.topics[place] if place < len(log.topics) else None
            else:
                value = place.read(log.data)
            group = by_value.get(value)
            if group is not None:
                found = [*found, *group] if found else group
        return found

    def _group(self, place: _Place, value: bytes) -> list[int]:
        return self._groups.get(place, {}).get(value, [])


def _demands(spec: EventSpec) -> list[tuple[_Place, bytes]]:
    return [*spec.topics, *spec.conditions]


def _take_out(group: list[int], number: int) -> bool:
    """Remove a number from an ascending list; tell whether it was there."""
    place = bisect_left(group, number)
    if place == len(group) or group[place] != number:
        return False
    del group[place]
    return True
