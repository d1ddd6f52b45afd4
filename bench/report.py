"""What people and programs are told about the figures: a table, or one JSON document."""

import json
from collections.abc import Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table

from bench.harness import Measure, rounded

WIDTH: Final = 140  # where there is no terminal to ask


def as_document(measures: Sequence[Measure]) -> str:
    """One JSON document, by key."""
    return json.dumps({measure.key: measure.document() for measure in measures}, indent=2)


def print_table(measures: Sequence[Measure], stream: TextIO) -> None:
    """Write the table, and below it the notes."""
    table = Table(title="figures")
    for name in ("#", "what", "ours", "peer", "ratio", "unit", "goal", "met"):
        table.add_column(name, justify="right" if name in ("ours", "peer", "ratio") else "left")
    for measure in measures:
        table.add_row(
            measure.key,
            measure.title,
            _number(measure.ours),
            _number(measure.peer),
            _number(measure.ratio),
            measure.unit,
            measure.goal,
            "yes" if measure.is_met else "NO",
        )
    console = Console(file=stream, width=None if stream.isatty() else WIDTH)
    console.print(table)
    for measure in measures:
        if measure.note:
            console.print(f"{measure.key}: {measure.note}", markup=False, highlight=False)


def _number(value: float | None) -> str:
    found = rounded(value)
    return "-" if found is None else f"{found:g}" if abs(found) < 10_000 else f"{found:,.0f}"
