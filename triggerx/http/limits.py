"""Rate limits by the generic cell rate algorithm: an even flow with a small burst, and no edge where it doubles.

Each caller has one number, its theoretical arrival time. The limits live in memory: they protect this process, and a
restart forgives.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from triggerx.http.problems import Problem

WINDOW_S: Final = 60
BURST_PART: Final = 10  # a burst is a tenth of the minute's requests: a page that loads, not a minute's worth at once
CALLERS_MAX: Final = 10_000  # about 2 MB; the longest silent caller is forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the limit said: `remaining` requests can follow at once, `reset_s` until the burst is whole again."""

    is_allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers, with `Retry-After` (RFC 9110) when refused."""
        fields = {
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset_s}',
        }
        return fields if self.is_allowed else {**fields, "Retry-After": str(self.retry_after_s)}

    def problem(self) -> Problem:
        """The refusal."""
        detail = f"{self.limit} requests a minute are allowed: try again in {self.retry_after_s} s"
        return Problem(status=429, code="too-many-requests", detail=detail, headers=self.headers())


class RateLimiter:
    """Grants requests by caller; time is the caller's monotonic clock in seconds."""

    def __init__(self, *, callers_max: int = CALLERS_MAX) -> None:
        self._arrivals: OrderedDict[str, float] = OrderedDict()
        self._callers_max = callers_max

    def take(self, caller: str, *, limit: int, now: float) -> Grant:
        """Count one request of this caller against `limit` a minute; a refused request costs nothing."""
        interval_s = WINDOW_S / limit
        tolerance_s = interval_s * max(1, limit // BURST_PART)
        arrival = max(self._arrivals.get(caller, now), now) + interval_s
        wait_s = arrival - tolerance_s - now
        if wait_s > 1e-9:  # sums of intervals differ from their product in the last digits
            retry_after_s = max(1, math.ceil(wait_s))
            reset_s = math.ceil(arrival - interval_s - now)
            return Grant(is_allowed=False, limit=limit, remaining=0, reset_s=reset_s, retry_after_s=retry_after_s)
        self._arrivals[caller] = arrival
        self._arrivals.move_to_end(caller)
        if len(self._arrivals) > self._callers_max:
            self._arrivals.popitem(last=False)
        remaining = int((tolerance_s - (arrival - now)) / interval_s + 1e-9)
        return Grant(is_allowed=True, limit=limit, remaining=remaining, reset_s=math.ceil(arrival - now))
