"""Routes as a table: every one says who may call it, and nothing is served that is not in the table.

The policy's scope is enforced here, before the handler runs; what belongs to whom is the handler's to check, with the
ownership the policy states.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiohttp import web

from triggerx.http.auth import authenticate, require_scope
from triggerx.http.limits import RateLimiter
from triggerx.http.problems import ProblemError
from triggerx.ports.clock import Clock
from triggerx.ports.store.accounts import ApiKey, ApiKeys, Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANONYMOUS_LIMIT: Final = 600  # requests a minute and address without a key: pages that show a network to everybody

_API_KEY: Final = web.RequestKey("api_key", ApiKey)
_LIMIT_FIELDS: Final = web.RequestKey("limit_fields", dict[str, str])


class Ownership(StrEnum):
    """Whose things a route touches, which its handler checks."""

    NONE = "none"
    """Public facts of the network, or what any holder of the scope may see."""
    KEY = "key"
    """What belongs to the key that asks."""
    OWNER = "owner"
    """What belongs to one address: its own key, what the chain says, or an admin's key is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may call a route; `scope` None is everybody."""

    scope: Scope | None
    ownership: Ownership = Ownership.NONE


PUBLIC: Final = Policy(scope=None)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table."""

    method: str
    path: str
    handler: Handler
    policy: Policy


class Gate:
    """Stands before every handler: key, scope, rate."""

    def __init__(self, keys: ApiKeys, clock: Clock, *, anonymous_limit: int = ANONYMOUS_LIMIT) -> None:
        self._keys = keys
        self._clock = clock
        self._limiter = RateLimiter()
        self._anonymous_limit = anonymous_limit

    def guard(self, route: Route) -> Handler:
        """Return the handler behind the gate."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            key, request[_LIMIT_FIELDS] = await self._admit(request)
            if route.policy.scope is not None:
                require_scope(key, route.policy.scope)
            if key is not None:
                request[_API_KEY] = key
            return await route.handler(request)

        return guarded

    async def _admit(self, request: web.Request) -> tuple[ApiKey | None, dict[str, str]]:
        """Find the key and count the request; one without a valid key counts against its address."""
        try:
            key = await authenticate(request, self._keys, now=self._clock.now())
        except ProblemError:
            self._count(f"ip:{request.remote}", self._anonymous_limit)
            raise
        if key is None:
            return None, self._count(f"ip:{request.remote}", self._anonymous_limit)
        return key, self._count(f"key:{key.api_key_id}", key.rate_limit)

    def _count(self, caller: str, limit: int) -> dict[str, str]:
        grant = self._limiter.take(caller, limit=limit, now=self._clock.monotonic())
        if not grant.is_allowed:
            raise ProblemError(grant.problem())
        return grant.headers()


def add_routes(app: web.Application, routes: Iterable[Route], gate: Gate) -> None:
    """Serve the table's routes; GET serves HEAD too. Every answer, a problem too, says what is left of the limit."""
    app.on_response_prepare.append(_tell_limit)
    for route in routes:
        handler = gate.guard(route)
        if route.method == "GET":
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)


async def _tell_limit(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(request.get(_LIMIT_FIELDS, {}))


def key_of(request: web.Request) -> ApiKey:
    """Return the key of a request whose route has a scope."""
    return request[_API_KEY]
