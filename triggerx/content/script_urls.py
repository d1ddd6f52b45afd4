"""What a script's URL says: a path below a CID, with or without a gateway, or any other page of the web.

ipfs://CID[/path]        https://GATEWAY/ipfs/CID[/path]        https://CID.ipfs.GATEWAY[/path]        https://…
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from triggerx.core.cid import Cid, parse_cid
from triggerx.core.errors import InvalidInput

URL_CHARACTERS_MAX: Final = 2048
SEGMENTS_MAX: Final = 16  # folders in folders

_SUBDOMAIN: Final = re.compile(r"(b[a-z2-7]{58})\.ipfs\.(.+)")  # a host's letters are small, so base32 alone is used


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPath:
    """A CID and the names below it; `gateway` is the one that the URL itself names, without a slash at the end."""

    cid: Cid
    names: tuple[str, ...]
    gateway: str = ""


def parse_script_url(url: str) -> ContentPath | None:
    """Return where the content lies, None for a page of the web; `InvalidInput` says what is wrong with the URL."""
    if len(url) > URL_CHARACTERS_MAX:
        raise InvalidInput("url", f"expected at most {URL_CHARACTERS_MAX} characters, got {len(url)}")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidInput("url", f"expected a URL, got {url!r}: {error}") from error
    match parts.scheme:
        case "ipfs":
            return _path(parts.netloc, parts.path, "")
        case "http" | "https" if parts.netloc:
            base = f"{parts.scheme}://{parts.netloc}"
            if found := _SUBDOMAIN.fullmatch(parts.netloc):
                return _path(found[1], parts.path, f"{parts.scheme}://{found[2]}")
            if parts.path.startswith("/ipfs/"):
                cid, _, rest = parts.path.removeprefix("/ipfs/").partition("/")
                return _path(cid, rest, base)
            return None
    raise InvalidInput("url", f"expected a URL of ipfs://, https:// or http://, got {url!r}")


def _path(cid: str, path: str, gateway: str) -> ContentPath:
    names = tuple(unquote(name) for name in path.split("/") if name)
    if len(names) > SEGMENTS_MAX:
        raise InvalidInput("url", f"expected a path of at most {SEGMENTS_MAX} names")
    return ContentPath(cid=parse_cid(cid, "url"), names=names, gateway=gateway)
