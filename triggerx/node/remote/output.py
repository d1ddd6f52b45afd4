"""How answers are shown: the API's document untouched for programs, tables on a terminal, aligned text in a pipe.

What comes from the API is text of others: what a terminal would obey is replaced before it is printed.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from triggerx.client.answers import Finding

CELL_CHARS_MAX: Final = 2_000  # an ABI in a table is cut; --json has it whole

Row = Sequence[object]


def is_terminal() -> bool:
    """Whether a person reads standard output as it comes."""
    return sys.stdout.isatty()


def say(line: str) -> None:
    """Tell a person something that is not the answer."""
    sys.stderr.write(f"{printable(line)}\n")


def print_raw(raw: bytes) -> None:
    """Print the API's document as it came, with a line's end."""
    sys.stdout.flush()
    sys.stdout.buffer.write(raw.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def print_line(line: str) -> None:
    """Print one line of the answer."""
    sys.stdout.write(f"{printable(line)}\n")


def print_table(headings: Sequence[str], rows: Sequence[Row]) -> None:
    """Print rows under headings."""
    _print([_cell(heading) for heading in headings], [[_cell(value) for value in row] for row in rows])


def print_document(document: object) -> None:
    """Print any JSON object: what is one value as a line, what is a list of objects as a table of its own."""
    if not isinstance(document, Mapping):
        _print(None, [[_cell(document)]])
        return
    inner = {name: value for name, value in document.items() if _is_nested(value)}
    plain = [[_cell(name), _cell(value)] for name, value in document.items() if name not in inner]
    if plain:
        _print(None, plain)
    for name, value in inner.items():
        sys.stdout.write(f"\n{printable(str(name))}\n")
        if isinstance(value, Mapping):
            _print(None, [[_cell(key), _cell(each)] for key, each in value.items()])
        else:
            print_rows(value)


def print_rows(rows: Sequence[Mapping[str, object]]) -> None:
    """Print objects as a table: a column for every field that any of them has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    _print([_cell(name) for name in names], [[_cell(row.get(name)) for name in names] for row in rows])


def print_findings(findings: Sequence[Finding]) -> None:
    """Print sentences, each with the moment it is about and its code."""
    for finding in findings:
        at = "" if finding.at is None else f"{moment(finding.at)}  "
        sys.stdout.write(f"{at}{printable(finding.text)} ({printable(finding.code)})\n")


def moment(second: int) -> str:
    """A unix second as people read it."""
    try:
        return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return str(second)


def counted(count: int, noun: str) -> str:
    """A number with its noun, as people say it."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def printable(text: str) -> str:
    """The text in one line, without what a terminal obeys."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _is_nested(value: object) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _cell(value: object) -> str:
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case str():
            text = value
        case Decimal():
            text = f"{value:f}" if value else "0"
        case int() | float():
            text = str(value)
        case list() if all(isinstance(each, str | int) for each in value):
            text = ", ".join(str(each) for each in value)
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
    text = printable(text)
    return text if len(text) <= CELL_CHARS_MAX else text[: CELL_CHARS_MAX - 1] + "…"


def _print(headings: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    if is_terminal():
        _print_rich(headings, rows)
        return
    lines = [*([] if headings is None else [headings]), *rows]
    widths = [max(len(row[place]) for row in lines) for place in range(len(lines[0]))] if lines else []
    for row in lines:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _print_rich(headings: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - nobody who pipes or asks for JSON needs it
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(show_header=headings is not None)
    for heading in headings if headings is not None else rows[0]:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
