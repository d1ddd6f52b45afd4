"""API keys over HTTP, for admins: give out, list, turn off and on. A key's text is shown once, when it is made."""

from aiohttp import web

from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import read_flag, read_integer, read_text
from triggerx.http.auth import (
    OWNER_BYTES_MAX,
    RATE_LIMIT_DEFAULT,
    RATE_LIMIT_MAX,
    issue_key,
    parse_owner,
    parse_scopes,
)
from triggerx.http.json import json_response, read_json
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx.role import Services
from triggerx_librarian.formats import iso
from triggerx_librarian.parameters import object_of, row_id_in


class AdminKeys:
    """The handlers of `/admin/api-keys`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, request: web.Request) -> web.Response:
        """POST /admin/api-keys `{owner, scopes, rate_limit}`: 201 with the key, which is not shown again."""
        raw = object_of(await read_json(request))
        text, key = await issue_key(
            self._services.store.api_keys,
            self._services.chance,
            owner=parse_owner(read_text(raw, "owner", bytes_max=OWNER_BYTES_MAX)),
            scopes=_scopes(raw.get("scopes")),
            rate_limit=read_integer(raw, "rate_limit", low=1, high=RATE_LIMIT_MAX, default=RATE_LIMIT_DEFAULT),
            now=self._services.clock.now(),
        )
        self._services.log.info("api access given", owner=key.owner, api_key_id=key.api_key_id)
        return json_response({**_row(key), "key": text}, status=201)

    async def by_owner(self, request: web.Request) -> web.Response:
        """GET /admin/api-keys?owner=: an owner's keys, without their texts."""
        owner = parse_owner(read_text(request.query, "owner", bytes_max=OWNER_BYTES_MAX))
        keys = await self._services.store.api_keys.list_by_owner(owner)
        return json_response({"api_keys": [_row(key) for key in keys]})

    async def update(self, request: web.Request) -> web.Response:
        """PUT /admin/api-keys/:api_key_id `{is_active}`: turn a key off or on."""
        raw = object_of(await read_json(request))
        if raw.get("is_active") is None:
            raise InvalidInput("is_active", "is missing")
        return await self._set_active(request, is_active=read_flag(raw, "is_active"))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /admin/api-keys/:api_key_id: turn a key off; its row stays, because jobs refer to it."""
        return await self._set_active(request, is_active=False)

    async def _set_active(self, request: web.Request, *, is_active: bool) -> web.Response:
        api_key_id = row_id_in(request, "api_key_id")
        await self._services.store.api_keys.set_active(api_key_id, is_active=is_active)
        self._services.log.info("api access changed", api_key_id=api_key_id, is_active=is_active)
        return json_response({"api_key_id": api_key_id, "is_active": is_active})


def _scopes(value: object) -> frozenset[Scope]:
    if not isinstance(value, list):
        raise InvalidInput("scopes", f"expected a list of {', '.join(scope.value for scope in Scope)}")
    return parse_scopes(value)


def _row(key: ApiKey) -> dict[str, object]:
    return {
        "api_key_id": key.api_key_id,
        "owner": key.owner,
        "scopes": sorted(scope.value for scope in key.scopes),
        "is_active": key.is_active,
        "rate_limit": key.rate_limit,
        "last_used": iso(key.last_used),
        "created_at": iso(key.created_at),
    }
