"""Who may use a connection now: so many at once in all and for one host, first come, first served.

A pool's own limits are not used for it: whoever has just given a connection back may take it again before those who
wait, and a host that is asked often would starve its own requests.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Gives turns; waiting for one ends when the waiting task is cancelled."""

    def __init__(self, *, in_all: int, per_host: int) -> None:
        self._in_all = asyncio.Semaphore(in_all)
        self._per_host = per_host
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._interested: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn of this host, and then for one in all, so that a slow host's queue holds up nobody else."""
        semaphore = self._hosts.setdefault(host, asyncio.Semaphore(self._per_host))
        self._interested[host] = self._interested.get(host, 0) + 1
        try:
            async with semaphore, self._in_all:
                yield
        finally:
            self._interested[host] -= 1
            if not self._interested[host]:
                del self._interested[host], self._hosts[host]

    def __len__(self) -> int:
        return len(self._hosts)
