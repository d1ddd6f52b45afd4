"""From a name to the sockets: every address of a name is checked when it is found, and again when it is dialled.

The second check is the one that counts: it sees what literal addresses, redirects and rebound names have in common,
the address that the socket is made for.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias
from weakref import WeakSet

from aiohttp.abc import AbstractResolver, ResolveResult

from triggerx.http.guard import Guard, address_of, is_own
from triggerx.ports.fetch import FetchRefused

Lookup: TypeAlias = Callable[[str], Awaitable[tuple[str, ...]]]
"""From a name to its numeric addresses; raises `OSError`."""

LOOKUPS_AT_ONCE: Final = 16  # threads of their own: names that hang keep nothing waiting but other names
ADDRESSES_MAX: Final = 16  # of one name; more would be tried in turn until the time is over


class AddressRefused(PermissionError):
    """A socket was asked for an address that may not be dialled. An `OSError`, since dialling code expects those."""


class Sockets:
    """Makes the sockets of a connector, for addresses that may be dialled, and knows how many are open."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._open: WeakSet[socket.socket] = WeakSet()

    def __len__(self) -> int:
        return len(self._open)

    def make(self, address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """Make the socket for an entry of `getaddrinfo`; raises `AddressRefused`."""
        family, kind, protocol, _, target = address
        host, port = str(target[0]), int(str(target[1]))
        numeric = address_of(host)
        if numeric is None or not self._guard.allows(numeric, port):
            raise AddressRefused("the address is not public")
        if not self._guard.exempts(numeric, port) and is_own(numeric, port):
            raise AddressRefused("the address is this machine's")
        made = socket.socket(family, kind, protocol)
        self._open.add(made)
        return made


class Names(AbstractResolver):
    """Looks names up. A name with one address that may not be dialled is refused with all its addresses."""

    def __init__(self, guard: Guard, lookup: Lookup | None = None) -> None:
        """Without a `lookup` the system is asked."""
        self._guard = guard
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="fetch.names")
        self._lookup = lookup or self._ask_system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses; raises `FetchRefused`, or `OSError` where there are none."""
        found: list[ResolveResult] = []
        for text in (await self._lookup(host))[:ADDRESSES_MAX]:
            address = address_of(text)
            if address is None or not self._guard.allows(address, port):
                raise FetchRefused("private_address", f"{host} leads to an address that is not public")
            version = socket.AF_INET if address.version == 4 else socket.AF_INET6
            if family in (socket.AF_UNSPEC, version):
                found.append(
                    ResolveResult(
                        hostname=host,
                        host=text,
                        port=port,
                        family=version,
                        proto=socket.IPPROTO_TCP,
                        flags=socket.AI_NUMERICHOST,
                    )
                )
        if not found:
            raise OSError("the name has no address")
        return found

    async def close(self) -> None:
        """Look nothing up any more; lookups under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_system(self, host: str) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _system_addresses, host)


def _system_addresses(host: str) -> tuple[str, ...]:
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:  # a label that the old IDNA codec cannot take
        raise OSError("the name cannot be looked up") from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in entries))
