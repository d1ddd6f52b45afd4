import asyncio
import sqlite3
from contextlib import closing

import pytest

from triggerx.storage.session import Row, in_transaction, refuse_inside

ROW = Row({"n": 5, "t": "12", "b": b"\1", "yes": 1, "no": False, "none": None})


def test_columns_when_read_have_their_types() -> None:
    assert (ROW.integer("n"), ROW.number("t"), ROW.text("t"), ROW.octets("b")) == (5, 12, "12", b"\1")
    assert (ROW.boolean("yes"), ROW.boolean("no")) == (True, False)


def test_columns_when_null_are_none_only_where_that_is_allowed() -> None:
    assert ROW.integer_or_none("none") is None
    assert ROW.number_or_none("none") is None
    assert ROW.text_or_none("none") is None
    assert ROW.octets_or_none("none") is None
    assert ROW.boolean_or_none("none") is None
    with pytest.raises(TypeError, match="none holds NoneType where int"):
        ROW.integer("none")


def test_a_column_when_of_another_type_names_itself() -> None:
    with pytest.raises(TypeError, match="column t holds str where int"):
        ROW.integer("t")
    with pytest.raises(TypeError, match="column n holds int where bytes"):
        ROW.octets("n")


def test_a_row_when_read_as_a_whole_has_its_values_in_order() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        assert Row(connection.execute("SELECT 2 AS b, NULL AS a, 'x' AS c").fetchone()).values() == (2, None, "x")


def test_a_mark_when_set_refuses_its_own_store_alone_and_ends() -> None:
    ours, theirs = object(), object()
    with in_transaction(ours):
        refuse_inside(theirs, "write")
        with pytest.raises(RuntimeError, match="write was run on the store inside a transaction"):
            refuse_inside(ours, "write")
    refuse_inside(ours, "write")


async def test_a_mark_when_inherited_by_a_task_ends_with_its_transaction() -> None:
    store, is_over = object(), asyncio.Event()

    async def later() -> None:
        with pytest.raises(RuntimeError):
            refuse_inside(store, "write")
        started.set()
        await is_over.wait()
        refuse_inside(store, "write")

    started = asyncio.Event()
    with in_transaction(store):
        task = asyncio.create_task(later(), name="later")
        await started.wait()
    is_over.set()
    await task
