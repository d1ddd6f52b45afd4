"""The endpoints of one chain and which of them is asked next.

Rule: the preferred endpoint is asked while it answers; one that failed waits, longer each time, and is asked earlier
only when all others fail too. After a failure an endpoint has to tell its chain id again.
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
        self.waits_until = 0.0
        self._log = log

    def penalise(self, reason: str) -> None:
        """Note a failure: others are asked first for a while, and the chain id is asked for again."""
        self.failures += 1
        self.is_verified = False
        self.waits_until = time.monotonic() + min(PENALTY_MAX_S, PENALTY_MIN_S * 2 ** min(self.failures - 1, 10))
        if self._log is not None:
            self._log.warning("rpc endpoint failed", endpoint=self.name, reason=reason, failures=self.failures)

    def restore(self) -> None:
        """Note an answer."""
        if self.failures and self._log is not None:
            self._log.info("rpc endpoint answers again", endpoint=self.name, failures=self.failures)
        self.failures = 0
        self.waits_until = 0.0


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

    def _ordered(self) -> list[Endpoint]:
        now = time.monotonic()
        return sorted(self._all, key=lambda endpoint: max(0.0, endpoint.waits_until - now))
