"""What a query may ask of an engine: run a named statement, alone or with others as one.

The queries of every noun are written once over `Session`; an engine is nothing but another `Session`. Values are the
four that both engines store exactly (and None): 256-bit numbers travel as decimal text.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

Value: TypeAlias = bool | int | str | bytes | None

Rows: TypeAlias = Sequence[Mapping[str, Value]] | Sequence[tuple[Value, ...]]
"""Rows of parameters: by name, or, for those that come by the thousand, in the order in which a query names them."""

_Value = TypeVar("_Value", int, str, bytes)


class Columns(Protocol):
    """A row as a driver hands it out."""

    def __getitem__(self, column: str, /) -> object:
        """Return a column's value by its name."""
        ...

    def __iter__(self) -> Iterator[object]:
        """Return the values in the order of the query."""
        ...


class Row:
    """One row, read column by column under the type that is expected there; `TypeError` when it holds another."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def values(self) -> tuple[Any, ...]:
        """Every column in the order of the query, for what is read by the thousand: no type is asked for."""
        return tuple(self._columns)

    def integer(self, column: str) -> int:
        """A whole number of at most 64 bits."""
        return _expect(self._columns[column], int, column)

    def integer_or_none(self, column: str) -> int | None:
        """The same, where nothing may be stored."""
        return None if self._columns[column] is None else self.integer(column)

    def number(self, column: str) -> int:
        """A whole number of any size, stored as decimal text."""
        return int(_expect(self._columns[column], str, column))

    def number_or_none(self, column: str) -> int | None:
        """The same, where nothing may be stored."""
        return None if self._columns[column] is None else self.number(column)

    def text(self, column: str) -> str:
        """Text."""
        return _expect(self._columns[column], str, column)

    def text_or_none(self, column: str) -> str | None:
        """The same, where nothing may be stored."""
        return None if self._columns[column] is None else self.text(column)

    def octets(self, column: str) -> bytes:
        """Raw bytes."""
        return _expect(self._columns[column], bytes, column)

    def octets_or_none(self, column: str) -> bytes | None:
        """The same, where nothing may be stored."""
        return None if self._columns[column] is None else self.octets(column)

    def boolean(self, column: str) -> bool:
        """A truth value (SQLite keeps 0 and 1)."""
        return bool(_expect(self._columns[column], int, column))

    def boolean_or_none(self, column: str) -> bool | None:
        """The same, where nothing may be stored."""
        return None if self._columns[column] is None else self.boolean(column)


class Session(Protocol):
    """Named statements against one database. Each call alone is atomic, and durable when it returns.

    Raises `Conflict` or `NotFound` where a constraint of the schema is broken, `RecoverableError` when the database
    does not answer for now, `UnrecoverableError` when it cannot be written or is damaged.
    """

    async def fetch_one(self, name: str, /, **parameters: Value) -> Row | None:
        """Run it and return the first row."""
        ...

    async def fetch_all(self, name: str, /, **parameters: Value) -> Sequence[Row]:
        """Run it and return every row."""
        ...

    async def execute(self, name: str, /, **parameters: Value) -> int:
        """Run it and return how many rows it wrote."""
        ...

    async def execute_many(self, name: str, rows: Rows, /) -> int:
        """Run it once for each row, in their order; one that fails undoes all of them. Returns how many it wrote."""
        ...

    def atomic(self) -> "AbstractAsyncContextManager[Session]":
        """Run several statements as one; inside a transaction they simply join it."""
        ...


@dataclass(slots=True)
class _Mark:
    store: object
    is_open: bool = True


_transaction: ContextVar[_Mark | None] = ContextVar("_transaction", default=None)


@contextmanager
def in_transaction(store: object) -> Iterator[None]:
    """Mark what runs here, and the tasks it starts, as inside a transaction of this store until it is over."""
    before, mark = _transaction.get(), _Mark(store)
    _transaction.set(mark)
    try:
        yield
    finally:
        mark.is_open = False
        _transaction.set(before)


def refuse_inside(store: object, name: str) -> None:
    """Raise `RuntimeError` for a write beside one's own transaction: it would wait for that transaction for ever."""
    mark = _transaction.get()
    if mark is not None and mark.is_open and mark.store is store:
        raise RuntimeError(f"{name} was run on the store inside a transaction: run it on what transaction() gave")


def _expect(value: object, wanted: type[_Value], column: str) -> _Value:
    if not isinstance(value, wanted):
        raise TypeError(f"the column {column} holds {type(value).__name__} where {wanted.__name__} was expected")
    return value
