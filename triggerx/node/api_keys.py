"""What `triggerx api-key` does: gives out, lists and turns off keys in the configured store, without a running node.

It is an operator's way to a librarian's first key. What goes to standard output is for programs: the key alone, or one
JSON document with the names of `/admin/api-keys`; what a person should know besides goes to standard error.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError, InvalidInput, NotFound, UnavailableError
from triggerx.http.auth import RATE_LIMIT_DEFAULT, check_rate_limit, issue_key, parse_owner, parse_scopes
from triggerx.node.build import make_data_dir, store_address
from triggerx.node.clock import SystemChance, SystemClock
from triggerx.node.config import Config, ConfigSource, load_config
from triggerx.node.discovery import role_names
from triggerx.node.options import UsageError
from triggerx.ports.store import Store
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx.storage import open_store
from triggerx.storage.lock import DirectoryInUse

_HEADINGS: Final = ("ID", "OWNER", "SCOPES", "STATE", "PER MINUTE", "CREATED", "LAST USED")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOrder:
    """A key as it was asked for: valid, or refused with `UsageError`. `rate_limit` is per minute."""

    owner: str
    scopes: frozenset[Scope]
    rate_limit: int

    @classmethod
    def of(cls, *, owner: str, scopes: str, rate_limit: int | None) -> "KeyOrder":
        """Read the options; the names of scopes have commas between them, no limit is the usual one."""
        rate_limit = RATE_LIMIT_DEFAULT if rate_limit is None else rate_limit
        try:
            check_rate_limit(rate_limit)
            names = (name.strip() for name in scopes.split(",") if name.strip())
            return cls(owner=parse_owner(owner), scopes=parse_scopes(names), rate_limit=rate_limit)
        except InvalidInput as error:
            raise UsageError(f"--{error.field.replace('_', '-')}: {error.message}") from error


def create_key(source: ConfigSource, order: KeyOrder, *, is_json: bool) -> None:
    """Make a key and print it."""
    text, key = asyncio.run(_create(_config(source), order))
    if is_json:
        _print_json({**_row(key), "key": text})
        return
    sys.stdout.write(f"{text}\n")
    sys.stderr.write(
        f"This is API key {key.api_key_id} of {key.owner}: {_scopes(key)}; {key.rate_limit} requests a minute. "
        "Keep it: it is not shown again.\n"
    )


def list_keys(source: ConfigSource, *, is_json: bool) -> None:
    """Print every key's row."""
    keys = asyncio.run(_list(_config(source)))
    if is_json:
        _print_json({"api_keys": [_row(key) for key in keys]})
        return
    if not keys:
        sys.stderr.write("There is no API key yet: triggerx api-key create makes one.\n")
        return
    rows = [_HEADINGS, *(_cells(key) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def revoke_key(source: ConfigSource, api_key_id: int) -> None:
    """Turn a key off; raises `UsageError` when there is none of this id."""
    asyncio.run(_revoke(_config(source), api_key_id))
    sys.stderr.write(f"API key {api_key_id} is turned off.\n")


async def _create(config: Config, order: KeyOrder) -> tuple[str, ApiKey]:
    make_data_dir(config.data_dir)
    async with _store(config) as store:
        return await issue_key(
            store.api_keys,
            SystemChance(),
            owner=order.owner,
            scopes=order.scopes,
            now=SystemClock().now(),
            rate_limit=order.rate_limit,
        )


async def _list(config: Config) -> Sequence[ApiKey]:
    _check_exists(config)
    async with _store(config) as store:
        return await store.api_keys.list_all()


async def _revoke(config: Config, api_key_id: int) -> None:
    _check_exists(config)
    async with _store(config) as store:
        try:
            await store.api_keys.set_active(api_key_id, is_active=False)
        except NotFound as error:
            raise UsageError(f"ID: there is no API key {api_key_id}: triggerx api-key list shows them") from error


def _config(source: ConfigSource) -> Config:
    config = load_config(source, role_names())
    if config.network is None:
        raise ConfigurationError(
            "no network is configured, so there is no librarian to give keys for: give --config FILE or --network "
            "NAME, or set network in triggerx.toml; a development network prints its key, and has it in devnet.json"
        )
    return config


def _check_exists(config: Config) -> None:
    """Looking must not make a store: most often the place is mistyped."""
    address = store_address(config)
    if isinstance(address, Path) and not address.is_file():
        raise ConfigurationError(
            f"data_dir: {config.data_dir} holds no store yet: name the node's directory, or make a first key by "
            "triggerx api-key create"
        )


@asynccontextmanager
async def _store(config: Config) -> AsyncIterator[Store]:
    """The node's store; a node that runs on SQLite keeps it to itself."""
    try:
        async with open_store(store_address(config)) as store:
            yield store
    except DirectoryInUse as error:
        raise UnavailableError(
            f"{error.directory} is in use by the process {error.holder}: stop that node first, or let it do this "
            "itself: its API has /admin/api-keys, for a key of the scope admin"
        ) from error


def _row(key: ApiKey) -> dict[str, object]:
    return {
        "api_key_id": key.api_key_id,
        "owner": key.owner,
        "scopes": sorted(key.scopes),
        "is_active": key.is_active,
        "rate_limit": key.rate_limit,
        "last_used": _moment(key.last_used),
        "created_at": _moment(key.created_at),
    }


def _cells(key: ApiKey) -> tuple[str, ...]:
    state = "active" if key.is_active else "off"
    created, last_used = _moment(key.created_at) or "", _moment(key.last_used) or "never"
    return str(key.api_key_id), key.owner, _scopes(key), state, str(key.rate_limit), created, last_used


def _scopes(key: ApiKey) -> str:
    return ",".join(sorted(key.scopes))


def _moment(unix_s: int | None) -> str | None:
    return None if unix_s is None else f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def _print_json(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
