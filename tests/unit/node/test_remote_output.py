from decimal import Decimal

import pytest

from triggerx.node.remote import output


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ({"a": None, "bb": True, "c": Decimal("0.10")}, ["a", "bb  yes", "c   0.10"]),
        ({"a": ["x", 5], "b": [], "c": [[1]]}, ["a  x, 5", "b", "c  [[1]]"]),
        ({"a": {"b": 2**70}}, ["", "a", f"b  {2**70}"]),
        ({"a": [{"x": 1}, {"x": 22, "y": "z"}]}, ["", "a", "x   y", "1", "22  z"]),
        ({"a": {}}, ["", "a"]),
        ("text", ["text"]),
    ],
)
def test_document_when_piped_then_values_are_lines_and_lists_are_tables(
    capsys: pytest.CaptureFixture[str], document: object, lines: list[str]
) -> None:
    output.print_document(document)
    assert capsys.readouterr().out.splitlines() == lines


def test_text_when_it_would_move_a_terminal_then_it_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(["A"], [["\x1b[2J\r\nx\u202e\ud800"]])
    output.print_line("\x07")
    output.say("\x1b")
    said = capsys.readouterr()
    assert said.out == "A\n\ufffd[2J\ufffd\ufffdx\ufffd\ufffd\n\ufffd\n"
    assert said.err == "\ufffd\n"


@pytest.mark.parametrize("headings", [("A", "B"), None])
def test_table_when_on_a_terminal_then_markup_is_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, headings: tuple[str, str] | None
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    if headings is None:
        output.print_document({"a": "[red]x[/red]"})
    else:
        output.print_table(headings, [["[red]x[/red]", ""]])
    assert "[red]x[/red]" in capsys.readouterr().out


def test_cell_when_it_is_long_then_it_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(["A"], [["x" * 5_000]])
    assert len(capsys.readouterr().out.splitlines()[1]) == output.CELL_CHARS_MAX


def test_moment_when_no_calendar_has_it_then_it_is_the_number() -> None:
    assert output.moment(2**70) == str(2**70)
    assert output.moment(0) == "1970-01-01 00:00:00 UTC"
