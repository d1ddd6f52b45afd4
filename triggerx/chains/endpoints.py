"""The endpoints of one chain and which of them is asked next.

Rule: the preferred endpoint is asked while it answers; one that failed waits, longer each time, and is asked earlier
only when all others fail too. After a failure an endpoint has to tell its chain id again. One that was caught in a
contradiction waits longer, and that it answers does not shorten it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from triggerx.core.errors import ConfigurationError
from triggerx.ports.log import Log

PENALTY_MIN_S: Final = 1.0
PENALTY_MAX_S: Final = 60.0  # a provider's outage ends sooner or later, and the preferred one is preferred for a reason
DISTRUST_MIN_S: Final = 30.0  # after a contradiction: a node that has fallen behind needs that long to catch up
DISTRUST_MAX_S: Final = 600.0  # doubled up to it while contradictions go on, each of which costs a second or two


class Endpoint:
    """One URL with its record."""

    def __init__(self, url: str, log: Log | None) -> None:
        """Parse the URL. Raises ConfigurationError."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = f"{parts.scheme}://{parts.hostname or ''}"
            raise ConfigurationError(f"JSON-RPC endpoint {shown}…: expected an http:// or https:// URL")
        self.url = url
        self.name = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        self.is_verified = False
        self.failures = 0
        self._waits_until = 0.0
        self._contradictions = 0
        self._distrusted_until = float("-inf")
        self._log = log

    @property
    def wait_s(self) -> float:
        """How long it is still to be asked after the others; 0 when it is in good standing."""
        return max(0.0, self._waits_until - time.monotonic(), self._distrusted_until - time.monotonic())

    def penalise(self, reason: str) -> None:
        """Note a failure: others are asked first for a while, and the chain id is asked for again."""
        self.failures += 1
        self.is_verified = False
        self._waits_until = time.monotonic() + min(PENALTY_MAX_S, PENALTY_MIN_S * 2 ** min(self.failures - 1, 10))
        if self._log is not None:
            self._log.warning("rpc endpoint failed", endpoint=self.name, reason=reason, failures=self.failures)

    def distrust(self, reason: str) -> None:
        """Note a contradiction: others are asked first for a while, even if it answers."""
        now = time.monotonic()
        has_behaved = now - self._distrusted_until > DISTRUST_MAX_S
        self.is_verified = False
        self._contradictions = 1 if has_behaved else min(self._contradictions + 1, 10)
        self._distrusted_until = now + min(DISTRUST_MAX_S, DISTRUST_MIN_S * 2 ** (self._contradictions - 1))
        if self._log is not None:
            self._log.warning("rpc endpoint is distrusted", endpoint=self.name, reason=reason)

    def restore(self) -> None:
        """Note an answer."""
        if self.failures and self._log is not None:
            self._log.info("rpc endpoint answers again", endpoint=self.name, failures=self.failures)
        self.failures = 0
        self._waits_until = 0.0


class Endpoints:
    """All endpoints of a chain, in order of preference."""

    def __init__(self, urls: Sequence[str], log: Log | None = None) -> None:
        """Take at least one URL. Raises ConfigurationError."""
        if not urls:
            raise ConfigurationError("JSON-RPC endpoints: expected at least one URL: add one to the network's profile")
        self._all = tuple(Endpoint(url, log) for url in urls)

    @property
    def current(self) -> Endpoint:
        """The endpoint that is asked first now."""
        return self._ordered()[0]

    def in_turn(self) -> list[Endpoint]:
        """List all, those in good standing first."""
        return self._ordered()

    def others_first(self) -> list[Endpoint]:
        """List all, the one that is asked first now at the end: for a second opinion."""
        first, *others = self._ordered()
        return [*others, first]

    def witness(self) -> Endpoint | None:
        """The endpoint for a second opinion: not the one asked first, and in good standing; None without one."""
        return next((endpoint for endpoint in self._ordered()[1:] if not endpoint.wait_s), None)

    def _ordered(self) -> list[Endpoint]:
        return sorted(self._all, key=lambda endpoint: endpoint.wait_s)
