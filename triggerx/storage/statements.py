"""The store's SQL by name, read from `sql/*.sql`: one text for both engines, with `:name` parameters.

A block begins with `-- name: get_job` or, to be put into others as `{task}`, `-- fragment: task`. Two directives may
follow a name, and speak to Postgres alone: `-- gate:` is run before the query in the same transaction, `-- lock: j`
makes the query take the rows of `j` for itself when it is run inside a transaction, so that what is read there, changed
and written back cannot be lost; `-- lock: j skip` leaves out those that another one has taken. (SQLite needs neither:
it has one writer.) Lists go in as one JSON text, which `{each}` makes rows of, with the column `value`; bytes in it are
hex, for `from_hex`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, cast

from triggerx.core.errors import InvalidInput
from triggerx.storage.session import Rows, Value

EVENT_LOG_LOCK: Final = 0x7472_6767_0001
MIGRATION_LOCK: Final = 0x7472_6767_0002
"""Advisory locks on Postgres; the numbers are arbitrary, only different from each other and from other programs'."""

SQLITE_TOKENS: Final = MappingProxyType(
    {
        "identity": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "append_number": "INTEGER PRIMARY KEY",
        "number": "INTEGER PRIMARY KEY",
        "bytes": "BLOB",
        "string_agg": "group_concat",
        "each": "json_each",
    }
)
POSTGRES_TOKENS: Final = MappingProxyType(
    {
        "identity": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "append_number": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "number": "BIGINT PRIMARY KEY",
        "bytes": "BYTEA",
        "string_agg": "string_agg",
        "each": "json_array_elements_text",
    }
)
_ENGINES_OWN = MappingProxyType({token: f"{{{token}}}" for token in ("string_agg", "each")})
_LOCKS = MappingProxyType({"event_log_lock": str(EVENT_LOG_LOCK)})

_HEADING = re.compile(r"^-- (name|fragment): *([a-z][a-z0-9_]*) *$")
_DIRECTIVE = re.compile(r"^-- (gate|lock): *(.+?) *$")
_TOKEN = re.compile(r"\{([a-z_]+)\}")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One query. `sqlite` keeps its `:name`s; `postgres` has `$1…` in the order of `parameters`.

    `postgres_locking` is what runs inside a transaction: the same, with the lock where the query has one. `sqlite_many`
    is for many rows: it has `?1…` in the same order, which binds in half the time that names take.
    """

    name: str
    sqlite: str
    sqlite_many: str
    postgres: str
    postgres_locking: str
    parameters: tuple[str, ...]
    is_read: bool
    gate: str = ""

    def rows(self, given: Rows) -> list[tuple[Value, ...]]:
        """The values of several rows in the order of `parameters`; raises as `check`."""
        if given and isinstance(given[0], tuple):
            return self._checked(cast("Sequence[tuple[Value, ...]]", given))
        width, rows = len(self.parameters), []
        for row in cast("Sequence[Mapping[str, Value]]", given):
            if len(row) != width:
                self.check(row)
            try:
                values = tuple([row[name] for name in self.parameters])
            except KeyError:
                self.check(row)
                raise
            for value in values:
                if value.__class__ is str and "\0" in value:
                    self.check(row)
            rows.append(values)
        return rows

    def _checked(self, given: Sequence[tuple[Value, ...]]) -> list[tuple[Value, ...]]:
        """The same of tuples, whose texts are looked at column by column: most of a column is one text."""
        if {len(row) for row in given} != {len(self.parameters)}:
            raise TypeError(f"the query {self.name} takes {len(self.parameters)} values in a row")
        for name, column in zip(self.parameters, zip(*given, strict=True), strict=True):
            if any(isinstance(value, str) and "\0" in value for value in set(column)):
                raise InvalidInput(name, "holds a NUL character, which cannot be stored")
        return list(given)

    def check(self, given: Mapping[str, object]) -> None:
        """Raise `TypeError` unless exactly the query's parameters are given, `InvalidInput` for text with NUL.

        (SQLite would store NUL and Postgres would not; the two are to differ in nothing.)
        """
        if len(given) != len(self.parameters) or not all(map(given.__contains__, self.parameters)):
            raise TypeError(f"the query {self.name} takes {sorted(self.parameters)}, was given {sorted(given)}")
        for parameter, value in given.items():
            if isinstance(value, str) and "\0" in value:
                raise InvalidInput(parameter, "holds a NUL character, which cannot be stored")


@dataclass(slots=True, kw_only=True)
class _Block:
    kind: str
    name: str
    lines: list[str]
    directives: dict[str, str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


@cache
def statements() -> Mapping[str, Statement]:
    """Every query of `sql/*.sql` by its name; `ValueError` for a name that is given twice or a token nobody knows."""
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in files(__package__).joinpath("sql").iterdir()}
    return parse_statements("\n".join(text for name, text in sorted(texts.items()) if name.endswith(".sql")))


def parse_statements(text: str) -> Mapping[str, Statement]:
    """Read blocks as described above."""
    fragments: dict[str, str] = {}
    found: dict[str, Statement] = {}
    blocks = list(_blocks(text))
    for block in blocks:
        if block.name in fragments or sum(other.name == block.name for other in blocks) > 1:
            raise ValueError(f"the name {block.name} is given twice in the SQL files")
        if block.kind == "fragment":
            fragments[block.name] = block.text
    for block in blocks:
        if block.kind == "name":
            found[block.name] = _statement(block, fragments)
    return MappingProxyType(found)


def render(text: str, tokens: Mapping[str, str]) -> str:
    """Put the tokens in; `ValueError` for one that is not known."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in tokens:
            raise ValueError(f"the SQL files use {{{match[1]}}}, which is no token and no fragment")
        return tokens[match[1]]

    return _TOKEN.sub(value, text)


def _blocks(text: str) -> Iterator[_Block]:
    block: _Block | None = None
    for line in text.splitlines():
        heading, directive = _HEADING.match(line), _DIRECTIVE.match(line)
        if heading:
            if block:
                yield block
            block = _Block(kind=heading[1], name=heading[2], lines=[], directives={})
        elif directive and block:
            block.directives[directive[1]] = directive[2]
        elif block and not line.startswith("--"):
            block.lines.append(line)
    if block:
        yield block


def _statement(block: _Block, fragments: Mapping[str, str]) -> Statement:
    body = render(block.text, {**fragments, **_ENGINES_OWN})
    order = list(dict.fromkeys(match[1] for match in _PARAMETER.finditer(body)))

    def numbered(text: str, sign: str) -> str:
        return _PARAMETER.sub(lambda match: f"{sign}{order.index(match[1]) + 1}", text)

    sqlite = render(body, SQLITE_TOKENS)
    postgres = numbered(render(body, POSTGRES_TOKENS), "$")
    return Statement(
        name=block.name,
        sqlite=sqlite,
        sqlite_many=numbered(sqlite, "?"),
        postgres=postgres,
        postgres_locking=postgres + _locking(block.directives.get("lock", "")),
        parameters=tuple(order),
        is_read=body.startswith("SELECT"),
        gate=render(block.directives.get("gate", ""), _LOCKS),
    )


def _locking(directive: str) -> str:
    match directive.split():
        case []:
            return ""
        case [alias]:
            return f"\nFOR UPDATE OF {alias}"
        case [alias, "skip"]:
            return f"\nFOR UPDATE OF {alias} SKIP LOCKED"
        case _:
            raise ValueError(f"the SQL files lock {directive!r}: expected an alias, and `skip` after it or nothing")
