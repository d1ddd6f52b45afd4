import pytest

from triggerx.core.errors import InvalidInput
from triggerx.storage.session import Value
from triggerx.storage.statements import POSTGRES_TOKENS, SQLITE_TOKENS, parse_statements, render, statements

TEXT = """
-- What this file is about.

-- name: get_thing
-- gate: SELECT pg_advisory_xact_lock({event_log_lock})
-- lock: t
SELECT t.*, CAST(t.x AS TEXT) || ':' FROM things t WHERE t.a = :a AND t.b = :b_2 AND t.c > :a

-- fragment: all
SELECT {string_agg}(t.x, ',') FROM things t

-- name: get_all
{all} WHERE TRUE

-- name: drop_thing
DELETE FROM things
WHERE a = :a
"""


def test_a_query_when_read_keeps_names_for_sqlite_and_numbers_them_for_postgres() -> None:
    found = parse_statements(TEXT)["get_thing"]
    assert found.sqlite.endswith("t.a = :a AND t.b = :b_2 AND t.c > :a")
    assert found.postgres.endswith("t.a = $1 AND t.b = $2 AND t.c > $1")
    assert "|| ':' FROM" in found.postgres
    assert found.parameters == ("a", "b_2")
    assert found.is_read
    assert found.postgres_locking == f"{found.postgres}\nFOR UPDATE OF t"
    assert found.gate.startswith("SELECT pg_advisory_xact_lock(1")


def test_a_fragment_when_named_in_a_query_is_put_in_for_each_engine() -> None:
    found = parse_statements(TEXT)
    assert found["get_all"].sqlite == "SELECT group_concat(t.x, ',') FROM things t WHERE TRUE"
    assert found["get_all"].postgres == "SELECT string_agg(t.x, ',') FROM things t WHERE TRUE"
    assert found["get_all"].is_read
    assert "all" not in found


def test_a_writing_query_when_read_is_no_read() -> None:
    found = parse_statements(TEXT)["drop_thing"]
    assert not found.is_read
    assert found.sqlite == "DELETE FROM things\nWHERE a = :a"


def test_a_name_when_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="get_thing is given twice"):
        parse_statements(TEXT + "\n-- name: get_thing\nSELECT 1")


def test_a_token_when_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="surprise"):
        render("CREATE TABLE t (x {surprise})", SQLITE_TOKENS)
    with pytest.raises(ValueError, match="surprise"):
        parse_statements("-- name: x\nSELECT {surprise}")


def test_tokens_when_rendered_are_the_engines_words() -> None:
    assert render("{bytes}", SQLITE_TOKENS) == "BLOB"
    assert render("{bytes}", POSTGRES_TOKENS) == "BYTEA"
    assert SQLITE_TOKENS.keys() == POSTGRES_TOKENS.keys()


def test_parameters_when_others_than_the_querys_are_a_mistake_of_the_caller() -> None:
    found = parse_statements(TEXT)["drop_thing"]
    found.check({"a": 1})
    with pytest.raises(TypeError, match="drop_thing"):
        found.check({})
    with pytest.raises(TypeError, match="drop_thing"):
        found.check({"a": 1, "b": 2})
    with pytest.raises(InvalidInput, match="NUL"):
        found.check({"a": "\0"})


def test_rows_when_given_by_name_come_in_the_order_of_the_parameters_and_are_checked_each() -> None:
    found = parse_statements("-- name: put\nINSERT INTO t VALUES (:a, :b, :a)")["put"]
    assert found.sqlite_many == "INSERT INTO t VALUES (?1, ?2, ?1)"
    given: list[dict[str, Value]] = [{"b": 2, "a": "x"}, {"a": None, "b": b"y"}]
    assert found.rows(given) == [("x", 2), (None, b"y")]
    wrongs: list[dict[str, Value]] = [{"a": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="put"):
            found.rows([*given, wrong])
    with pytest.raises(InvalidInput, match="NUL"):
        found.rows([*given, dict(given[0], a="nul \0")])


def test_rows_when_given_as_tuples_are_taken_in_the_order_of_the_parameters_and_checked_each() -> None:
    found = parse_statements("-- name: put\nINSERT INTO t VALUES (:a, :b, :a)")["put"]
    given: list[tuple[Value, ...]] = [("x", 2), (None, b"y")]
    assert found.rows(given) == given
    wrongs: list[tuple[Value, ...]] = [(1,), (1, 2, 3)]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="put takes 2 values"):
            found.rows([*given, wrong])
    with pytest.raises(InvalidInput, match="NUL") as refused:
        found.rows([*given, (None, "nul \0")])
    assert refused.value.field == "b"


def test_a_lock_when_it_skips_leaves_out_what_others_have() -> None:
    text = "-- name: take\n-- lock: j skip\nSELECT j.x FROM jobs j"
    assert parse_statements(text)["take"].postgres_locking == "SELECT j.x FROM jobs j\nFOR UPDATE OF j SKIP LOCKED"
    with pytest.raises(ValueError, match="j nowait"):
        parse_statements(text.replace("skip", "nowait"))


def test_the_shipped_queries_when_read_say_what_they_write() -> None:
    for name, statement in statements().items():
        first = statement.sqlite.split(maxsplit=1)[0]
        assert first in {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"}, name
        assert statement.is_read == (first == "SELECT"), name
        assert statement.is_read or statement.postgres_locking == statement.postgres, name
