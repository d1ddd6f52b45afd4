"""Faults of peers, counted: too many within a while cost the connection for a while."""

from typing import Final

from triggerx.ports.clock import Clock

WINDOW_S: Final = 60.0
FAULTS_MAX: Final = 20.0
"""An honest peer of another version errs a few times; who errs this often wastes our time."""

UNREGISTERED: Final = 0.2
"""A node whose registration we do not see yet is at no fault, as long as it does not flood us."""

BAN_S: Final = 120.0
_PEERS_MAX: Final = 1024  # peer ids are free: an attacker must not fill the memory with them


class Conduct:
    """Counts faults by peer; what was counted leaks away evenly within a window, on the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def count(self, peer_id: str, weight: float = 1.0) -> bool:
        """Note one fault; True when it was one too many, and the count starts anew."""
        now = self._clock.monotonic()
        level, since = self._levels.pop(peer_id, (0.0, now))
        level = max(0.0, level - (now - since) * FAULTS_MAX / WINDOW_S) + weight
        if level >= FAULTS_MAX:
            return True
        # Put back at the end: the peers that erred longest ago come first, and make room.
        self._levels[peer_id] = (level, now)
        while len(self._levels) > _PEERS_MAX:
            del self._levels[next(iter(self._levels))]
        return False


class Quiet:
    """Says whether something that repeats should be logged again: once per subject and interval."""

    def __init__(self, clock: Clock, interval_s: float = 60.0) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._said: dict[str, float] = {}

    def may_say(self, subject: str) -> bool:
        """True when this subject was not said within the interval."""
        now = self._clock.monotonic()
        said = self._said.pop(subject, None)
        is_due = said is None or now - said >= self._interval_s
        self._said[subject] = now if is_due or said is None else said
        while len(self._said) > _PEERS_MAX:
            del self._said[next(iter(self._said))]
        return is_due
