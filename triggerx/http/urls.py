"""Which URLs may be asked for: the rules that can be held against the text, before any name is looked up.

A URL is parsed once, and the parsed one goes to the client, so nobody reads it another way. Errors name its host at
most: paths and queries hold keys.
"""

import ipaddress
import re
from collections.abc import Container
from functools import lru_cache
from typing import Final

from yarl import URL

from triggerx.http.guard import PORT_MAX, address_of
from triggerx.ports.fetch import FetchRefused

HTTP: Final = frozenset({"http", "https"})
WEB_SOCKET: Final = frozenset({"ws", "wss"})
LENGTH_MAX: Final = 2_048  # characters; longer ones are refused by many servers
PORT_PRIVILEGED_MAX: Final = 1_023
PORTS_USUAL: Final = frozenset({80, 443})
PORTS_BAD: Final = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)
"""Of protocols that a request could be mistaken for a message of (WHATWG Fetch, port blocking); those above 1023."""
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME_LENGTH_MAX: Final = 253  # RFC 1035


@lru_cache(maxsize=4096)
def checked_url(text: str, schemes: frozenset[str] = HTTP) -> URL:
    """Parse a URL; raises `FetchRefused` unless it keeps the rules. Its fragment is dropped.

    Ports are 80, 443, and those above 1023 that are not known to speak something else.
    """
    _check_text(text)
    try:
        return _checked(URL(text), schemes)
    except ValueError as error:
        raise FetchRefused("url", "this is no URL that can be asked for") from error


def followed_url(url: URL, location: str) -> URL:
    """Return where a redirect leads, by the rules of `checked_url`; https is never left for http."""
    _check_text(location)
    try:
        target = _checked(url.join(URL(location)), HTTP)
    except ValueError as error:
        raise FetchRefused("url", f"{name_of(url)} redirects to what is no URL") from error
    if url.scheme == "https" and target.scheme != "https":
        raise FetchRefused("redirects", f"{name_of(url)} redirects from https to http")
    return target


def name_of(url: URL) -> str:
    """Scheme and host, for messages."""
    return f"{url.scheme}://{url.raw_host}"


def _check_text(text: str) -> None:
    if len(text) > LENGTH_MAX:
        raise FetchRefused("url", f"a URL has at most {LENGTH_MAX} characters, this one has {len(text)}")
    if _FORBIDDEN.search(text):
        raise FetchRefused("url", "a URL holds no blanks, control characters or backslashes: encode them")


def _checked(url: URL, schemes: Container[str]) -> URL:
    if url.scheme not in schemes:
        raise FetchRefused("scheme", f"the scheme {url.scheme[:20]!r} is not allowed")
    host = url.raw_host
    if not host:
        raise FetchRefused("url", "the URL names no host")
    if "@" in url.raw_authority or url.raw_user is not None or url.raw_password is not None:
        raise FetchRefused("credentials", "the URL holds a user or password: nothing is sent in its name")
    bare = _checked_host(host)
    _check_port(url.port)
    return (url if bare == host else url.with_host(bare)).with_fragment(None)


def _checked_host(host: str) -> str:
    """Return the host without a dot at its end; an address must be written as the system writes it.

    Whatever ends in a number is an address for some parsers (WHATWG URL), so `127.1`, `0x7f000001` and `2130706433` are
    neither names nor addresses here.
    """
    if ":" in host:
        if address_of(host) is None:
            raise FetchRefused("host", "the host is no IPv6 address; zones are not allowed")
        return host
    bare = host.removesuffix(".")
    labels = bare.lower().split(".")
    if _NUMBER.fullmatch(labels[-1]):
        if not isinstance(address_of(bare), ipaddress.IPv4Address):
            raise FetchRefused("host", "an address is written as four decimal numbers without leading zeros")
    elif len(bare) > _NAME_LENGTH_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise FetchRefused("host", "the host is no name of the domain name system")
    return bare


def _check_port(port: int | None) -> None:
    if port in PORTS_USUAL:
        return
    if port is None or not PORT_PRIVILEGED_MAX < port <= PORT_MAX or port in PORTS_BAD:
        raise FetchRefused("port", f"the port {port} is not allowed: 80, 443, or one above 1023 that serves the web")
