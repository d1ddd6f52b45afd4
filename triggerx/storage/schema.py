"""The schema's migrations and the checks of an opening store, the same for both engines.

A migration is `migrations/NNNN_what_it_does.sql`, or `….postgres.sql` / `….sqlite.sql` for what one engine needs beside
or instead of it; its tokens (`{bytes}`, `{identity}`) are put in per engine. A released migration is never edited.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal

from triggerx.core.errors import ConfigurationError
from triggerx.storage.statements import POSTGRES_TOKENS, SQLITE_TOKENS, render

APPLICATION: Final = "triggerx"
APPLICATION_ID: Final = 0x5452_4758
"""`TRGX`: what SQLite's header calls the application (PRAGMA application_id)."""

Engine = Literal["sqlite", "postgres"]

_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+(?:\.(sqlite|postgres))?\.sql$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step; `script` is several statements."""

    number: int
    script: str


def migrations(engine: Engine) -> Sequence[Migration]:
    """Every migration of an engine, ascending; `ValueError` for a file that is not named like one."""
    tokens: Mapping[str, str] = SQLITE_TOKENS if engine == "sqlite" else POSTGRES_TOKENS
    scripts: dict[int, list[str]] = {}
    for entry in sorted(files(__package__).joinpath("migrations").iterdir(), key=lambda entry: entry.name):
        match = _FILE.match(entry.name)
        if match is None:
            raise ValueError(f"{entry.name} is not named like a migration")
        if match[2] in (None, engine):
            scripts.setdefault(int(match[1]), []).append(render(entry.read_text(encoding="utf-8"), tokens))
    return tuple(Migration(number=number, script="\n".join(parts)) for number, parts in sorted(scripts.items()))


def pending(engine: Engine, *, schema: int, where: str) -> Sequence[Migration]:
    """The migrations a store of this schema still needs; raises `ConfigurationError` when it is newer than we are."""
    known = migrations(engine)
    if schema > known[-1].number:
        raise ConfigurationError(
            f"{where} was made by a newer triggerx (schema {schema}, this program knows {known[-1].number}): upgrade"
        )
    return tuple(migration for migration in known if migration.number > schema)


def foreign(where: str) -> ConfigurationError:
    """The error for a database that belongs to somebody else."""
    return ConfigurationError(
        f"{where} holds something else than a triggerx store: nothing was changed; name an empty or new database"
    )


def check_machine(*, bound: str | None, machine: str, moved: bool, where: str) -> None:
    """Raise `ConfigurationError` for a store that was bound to another machine, unless it was moved on purpose."""
    if bound is not None and bound != machine and not moved:
        raise ConfigurationError(
            f"{where} belongs to another machine. Two keepers that vote with one key are punished, so a copy must not "
            "run: if the other one is stopped for good and this is its newest state, start once with --moved"
        )
