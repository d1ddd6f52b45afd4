"""API keys: random, shown once, stored as a digest, and worth what their scopes say.

A key is `tgx_` and 256 random bits as 64 hexadecimal digits. The prefix lets secret scanners find leaked keys; the
plain SHA-256 is enough for a secret nobody can guess.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from triggerx.core.errors import InvalidInput
from triggerx.evm.types import checksum, parse_address
from triggerx.http.problems import Problem, ProblemError, refuse
from triggerx.ports.clock import Chance
from triggerx.ports.store.accounts import ApiKey, ApiKeys, Scope

KEY_PREFIX: Final = "tgx_"
KEY_BYTES: Final = 32
RATE_LIMIT_DEFAULT: Final = 600  # requests a minute: ten a second carries a busy front end
RATE_LIMIT_MAX: Final = 600_000
TOUCH_AFTER_S: Final = 60  # `last_used` is a date for people; it costs at most one write a minute and key

OWNER_BYTES_MAX: Final = 128  # an address or an application's name

_BARE_ADDRESS: Final = re.compile(r"[0-9a-fA-F]{40}")
_KEY: Final = re.compile(r"tgx_[0-9a-f]{64}")
_SCHEME: Final = "bearer "


def new_key(chance: Chance) -> str:
    """Return a fresh key's text."""
    return KEY_PREFIX + chance.token_bytes(KEY_BYTES).hex()


def digest_of(key: str) -> bytes:
    """Return what is stored of a key: the SHA-256 of its text."""
    return hashlib.sha256(key.encode()).digest()


async def issue_key(
    keys: ApiKeys,
    chance: Chance,
    *,
    owner: str,
    scopes: Iterable[Scope],
    now: int,
    rate_limit: int = RATE_LIMIT_DEFAULT,
) -> tuple[str, ApiKey]:
    """Make a key, store its digest, and return its text, which nobody can read again, with its row.

    `owner` is a checksummed address, or the name of an application that acts for many users; the rate is per minute.
    """
    check_rate_limit(rate_limit)
    text = new_key(chance)
    row = await keys.insert(
        digest=digest_of(text), owner=owner, scopes=frozenset(scopes), rate_limit=rate_limit, now=now
    )
    return text, row


def check_rate_limit(per_minute: int) -> None:
    """Raise `InvalidInput` for a limit no key may have."""
    if not 1 <= per_minute <= RATE_LIMIT_MAX:
        raise InvalidInput("rate_limit", f"expected 1 to {RATE_LIMIT_MAX} requests a minute, got {per_minute}")


def parse_owner(text: str) -> str:
    """Read a key's owner: an address in its checksummed form, or a name that cannot be taken for one."""
    name = text.strip()
    if not name:
        raise InvalidInput("owner", "is empty: expected an address, or an application's name")
    if not name.isprintable() or len(name.encode()) > OWNER_BYTES_MAX:
        raise InvalidInput("owner", f"expected at most {OWNER_BYTES_MAX} bytes that can be printed")
    if _BARE_ADDRESS.fullmatch(name):
        raise InvalidInput("owner", f"{name} looks like an address: write it with 0x before it")
    if not name.lower().startswith("0x"):
        return name
    try:
        return checksum(parse_address(name))
    except ValueError as error:
        raise InvalidInput("owner", str(error)) from error


def parse_scopes(names: Iterable[object]) -> frozenset[Scope]:
    """Read the names of scopes, at least one."""
    known = ", ".join(scope.value for scope in Scope)
    scopes = tuple(names)
    if not scopes:
        raise InvalidInput("scopes", f"expected some of {known}")
    for name in scopes:
        if not isinstance(name, str) or name not in set(Scope):
            raise InvalidInput("scopes", f"expected some of {known}, got {name!r}")
    return frozenset(Scope(name) for name in scopes if isinstance(name, str))


def key_text(request: web.Request) -> str | None:
    """Return the key a request carries: `Authorization: Bearer KEY`, else `X-API-KEY`; None for neither."""
    authorization = request.headers.get("Authorization", "")
    if authorization[: len(_SCHEME)].lower() == _SCHEME:
        return authorization[len(_SCHEME) :].strip()
    return request.headers.get("X-API-KEY")


async def authenticate(request: web.Request, keys: ApiKeys, *, now: int) -> ApiKey | None:
    """Return the active key a request carries, None when it carries none; 401 for an unknown or inactive one."""
    text = key_text(request)
    if not text:
        return None
    row = await keys.by_digest(digest_of(text)) if _KEY.fullmatch(text) else None
    if row is None or not row.is_active:
        raise unauthorized("the API key is unknown or was turned off")
    if row.last_used is None or now - row.last_used >= TOUCH_AFTER_S:
        await keys.touch(row.api_key_id, now=now)
    return row


def require_scope(key: ApiKey | None, scope: Scope) -> ApiKey:
    """Return the key when it may do this: 401 without one, 403 without the scope; ADMIN may do everything."""
    if key is None:
        raise unauthorized("this route needs an API key: send Authorization: Bearer KEY, or X-API-KEY")
    if scope not in key.scopes and Scope.ADMIN not in key.scopes:
        raise refuse(403, "missing-scope", f"this API key lacks the scope {scope.value}")
    return key


def unauthorized(detail: str) -> ProblemError:
    """Return the error of a request that does not say who it is."""
    return ProblemError(
        Problem(status=401, code="unauthorized", detail=detail, headers={"WWW-Authenticate": 'Bearer realm="triggerx"'})
    )
