import re

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.storage.schema import check_machine, migrations, pending


def test_migrations_when_listed_are_numbered_without_a_gap_for_both_engines() -> None:
    for engine in ("sqlite", "postgres"):
        numbers = [migration.number for migration in migrations(engine)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_migrations_when_rendered_hold_no_token_and_no_word_of_the_other_engine() -> None:
    sqlite = "\n".join(migration.script for migration in migrations("sqlite"))
    postgres = "\n".join(migration.script for migration in migrations("postgres"))
    assert not re.search(r"\{[a-z_]+\}|BYTEA|FUNCTION", sqlite)
    assert not re.search(r"\{[a-z_]+\}|BLOB|AUTOINCREMENT", postgres)
    assert "CREATE FUNCTION add_decimal" in postgres


def test_no_column_when_declared_is_a_floating_number() -> None:
    for migration in migrations("sqlite"):
        assert not re.search(r"\b(REAL|FLOAT|DOUBLE|DECIMAL)\b", migration.script)


def test_migrations_when_partly_applied_leave_the_later_ones() -> None:
    last = migrations("sqlite")[-1].number
    assert [migration.number for migration in pending("sqlite", schema=last - 1, where="it")] == [last]
    assert pending("sqlite", schema=last, where="it") == ()


def test_a_schema_when_newer_is_refused_with_both_numbers() -> None:
    last = migrations("postgres")[-1].number
    with pytest.raises(ConfigurationError, match=f"schema {last + 1}, this program knows {last}"):
        pending("postgres", schema=last + 1, where="it")


def test_a_machine_when_bound_is_compared_unless_moved() -> None:
    check_machine(bound=None, machine="a", moved=False, where="it")
    check_machine(bound="a", machine="a", moved=False, where="it")
    check_machine(bound="b", machine="a", moved=True, where="it")
    with pytest.raises(ConfigurationError, match=r"it belongs to another machine.*--moved"):
        check_machine(bound="b", machine="a", moved=False, where="it")
