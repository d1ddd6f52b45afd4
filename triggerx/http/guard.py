"""Which addresses may be dialled: public ones, and private ones that the operator has named.

It speaks of numeric addresses alone, because a name says nothing about where it leads; `sockets` and `names` ask it
for every address before it is dialled. The networks are those of the IANA special-purpose registries (RFC 6890 and its
successors), written out because `ipaddress.is_global` differs between releases of Python.
"""

import functools
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

PORT_MAX: Final = 65_535
_NOT_PUBLIC_4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers, and some clouds' metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host, which looks public and answers its guests alone
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # measurements
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)
_GLOBAL_UNICAST_6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, among them Teredo, which carries an IPv4 address of anyone's choice
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries one too
        "2620:4f:8000::/48",
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: how a host without IPv4 reaches IPv4


def address_of(text: str) -> Address | None:
    """Read a numeric address as the system writes it; None for everything else, a zone (`fe80::1%eth0`) included."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Whether anyone in the internet is meant to reach this address.

    An IPv6 address outside 2000::/3 is not, whatever it embeds, but for NAT64's: it is as public as its IPv4 address.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(address.packed[12:]))
        if address not in _GLOBAL_UNICAST_6 or any(address in network for network in _NOT_PUBLIC_6):
            return False
    elif any(address in network for network in _NOT_PUBLIC_4):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A private network that may be dialled, at one port or, where `port` is None, at any."""

    network: IpNetwork
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `127.0.0.1:8080`, `[::1]:8080`, or a network such as `10.1.0.0/16`; raises `ValueError`."""
        try:
            if "/" in text:
                return cls(network=ipaddress.ip_network(text), port=None)
            host, _, port_text = text.rpartition(":")
            return cls(network=ipaddress.ip_network(_address(host)), port=_port(port_text))
        except ValueError as error:
            raise ValueError(
                f"expected ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080, or a network such as 10.1.0.0/16, "
                f"got {text!r}: {error}"
            ) from error

    def covers(self, address: Address, port: int) -> bool:
        """Whether this address and port may be dialled for it."""
        return address in self.network and self.port in (None, port)


def _address(text: str) -> Address:
    """Read an IPv4 address, or an IPv6 address in brackets."""
    is_six = text.startswith("[") and text.endswith("]")
    address = address_of(text[1:-1] if is_six else text)
    if address is None or (address.version == 6) is not is_six:
        raise ValueError(f"{text!r} is no address")
    return address


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= PORT_MAX):
        raise ValueError(f"{text!r} is no port")
    return int(text)


class Guard:
    """Says of every address that is about to be dialled whether it may be."""

    def __init__(self, allow_private: Iterable[str] = ()) -> None:
        """Take the exemptions as `Exemption.parse` reads them; raises `ValueError`."""
        self._exemptions = tuple(Exemption.parse(text) for text in allow_private)

    def allows(self, address: Address, port: int) -> bool:
        """Whether the address is public, or exempt at this port."""
        return is_public(address) or self.exempts(address, port)

    def exempts(self, address: Address, port: int) -> bool:
        """Whether the operator has named this address, for this port or for all."""
        return any(exemption.covers(address, port) for exemption in self._exemptions)


def is_own(address: Address, port: int) -> bool:
    """Whether the address is one of this machine's, also when it is public.

    A service that a firewall keeps from the internet listens on the public address too, and would answer us. The
    kernel reaches its own addresses from themselves; a datagram socket that connects asks it, and sends nothing.
    """
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), port))
        except OSError:
            return False  # there is no way there at all, which the dial will find too
        own: str = probe.getsockname()[0]
        return address_of(own) == address
