import socket

import pytest

from triggerx.http import names
from triggerx.http.guard import Guard
from triggerx.http.names import ADDRESSES_MAX, AddressRefused, Names, Sockets
from triggerx.ports.fetch import FetchRefused

FOUR, SIX, STREAM, TCP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP


@pytest.mark.parametrize(
    ("family", "target"),
    [
        (FOUR, ("127.0.0.1", 80)),
        (FOUR, ("169.254.169.254", 80)),
        (FOUR, ("feed.example", 80)),
        (FOUR, ("127.1", 80)),
        (SIX, ("::1", 80, 0, 0)),
        (SIX, ("fe80::1%lo", 80, 0, 1)),
        (SIX, ("::ffff:10.0.0.1", 80, 0, 0)),
    ],
)
def test_socket_when_its_address_is_not_public_then_none_is_made(family: int, target: tuple[object, ...]) -> None:
    sockets = Sockets(Guard())
    with pytest.raises(AddressRefused):
        sockets.make((family, STREAM, TCP, "", target))
    assert len(sockets) == 0


def test_socket_when_its_public_address_is_this_machines_then_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "is_own", lambda address, port: str(address) == "93.184.216.34")
    with pytest.raises(AddressRefused, match="this machine"):
        Sockets(Guard()).make((FOUR, STREAM, TCP, "", ("93.184.216.34", 80)))
    Sockets(Guard(["93.184.216.34:80"])).make((FOUR, STREAM, TCP, "", ("93.184.216.34", 80))).close()


def test_sockets_when_made_and_dropped_then_the_open_ones_are_counted() -> None:
    sockets = Sockets(Guard(["127.0.0.1:80"]))
    made = sockets.make((FOUR, STREAM, TCP, "", ("127.0.0.1", 80)))
    assert len(sockets) == 1
    made.close()
    del made
    assert len(sockets) == 0


async def test_name_when_public_then_its_addresses_come_with_their_families() -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return ("93.184.216.34", "2606:4700::1")

    resolver = Names(Guard(), lookup)
    both = await resolver.resolve("feed.example", 443)
    four = await resolver.resolve("feed.example", 443, FOUR)
    assert [(each["host"], each["port"], each["family"]) for each in both] == [
        ("93.184.216.34", 443, FOUR),
        ("2606:4700::1", 443, SIX),
    ]
    assert four == both[:1]


@pytest.mark.parametrize("last", ["127.0.0.1", "fe80::1%eth0", "nonsense"])
async def test_name_when_one_address_is_not_public_then_it_is_refused_without_naming_it(last: str) -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return ("93.184.216.34", last)

    with pytest.raises(FetchRefused) as raised:
        await Names(Guard(), lookup).resolve("feed.example", 443)
    assert (raised.value.code, str(raised.value)) == (
        "private_address",
        "feed.example leads to an address that is not public",
    )


async def test_name_when_it_has_no_address_then_it_is_not_found() -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return ()

    with pytest.raises(OSError, match="no address"):
        await Names(Guard(), lookup).resolve("feed.example", 443)


async def test_name_when_it_has_very_many_addresses_then_some_are_enough() -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return tuple(f"93.184.216.{number}" for number in range(200))

    assert len(await Names(Guard(), lookup).resolve("feed.example", 443)) == ADDRESSES_MAX


async def test_system_when_asked_for_what_is_no_name_then_it_is_not_found() -> None:
    resolver = Names(Guard())
    with pytest.raises(OSError, match="cannot be looked up"):
        await resolver.resolve("a" * 64 + ".\u00fc")
    await resolver.close()
