import io
import json
import logging
from collections.abc import Iterator

import pytest

from tests.fakes.clock import VirtualClock
from triggerx.node.log import TEXT_CHARACTERS_MAX, LogFormat, LogLevel, NodeLog, is_secret_name, route_libraries


def make(lines: LogFormat = "text", level: LogLevel = "info") -> tuple[NodeLog, io.StringIO]:
    stream = io.StringIO()
    return NodeLog(VirtualClock(now=1_700_000_000), level=level, lines=lines, stream=stream), stream


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_text_when_written_then_it_is_one_line_of_moment_level_event_and_fields() -> None:
    log, stream = make()
    log.bind(role="keeper").info("task attested", votes=4, is_approved=True, peer=None)
    assert stream.getvalue() == (
        "2023-11-14T22:13:20.000Z info    task attested | role=keeper votes=4 is_approved=yes peer=-\n"
    )


def test_json_when_written_then_each_line_is_one_document() -> None:
    log, stream = make("json")
    log.warning("peer refused", job_id=2**200, task_key=bytes(32), ratio=0.5, odd=float("nan"))
    assert json.loads(stream.getvalue()) == {
        "at": "2023-11-14T22:13:20.000Z",
        "level": "warning",
        "event": "peer refused",
        "job_id": 2**200,
        "task_key": "0x" + "00" * 32,
        "ratio": 0.5,
        "odd": "nan",
    }


def test_json_when_a_field_has_a_name_of_ours_then_both_are_kept() -> None:
    log, stream = make("json")
    log.info("something", level="high")
    assert json.loads(stream.getvalue())["level_"] == "high"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\x01\x02", "0x0102"),
        (bytes(range(32)), "0x00010203…1c1d1e1f"),
        ("with space", '"with space"'),
        ("", '""'),
        ('a="b"', '"a=\\"b\\""'),
        ("line\nbreak", '"line\\nbreak"'),
        (-7, "-7"),
    ],
)
def test_text_when_a_value_is_special_then_it_stays_one_word_of_one_line(value: object, text: str) -> None:
    log, stream = make()
    log.info("seen", value=value)
    assert stream.getvalue().partition(" | ")[2] == f"value={text}\n"


def test_value_when_it_is_long_then_it_is_cut() -> None:
    log, stream = make()
    log.info("seen", value="x" * 1_000_000)
    assert len(stream.getvalue()) < TEXT_CHARACTERS_MAX + 100


@pytest.mark.parametrize("lines", ["text", "json"])
@pytest.mark.parametrize("name", ["private_key", "api_key", "key", "telegram_token", "password", "secret_words"])
def test_secret_when_a_field_is_named_like_one_then_its_value_is_not_written(lines: LogFormat, name: str) -> None:
    log, stream = make(lines)
    log.info("started", **{name: "hunter2"})
    log.bind(**{name: b"hunter2"}).info("started")
    assert "hunter2" not in stream.getvalue()
    assert b"hunter2".hex() not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 2


@pytest.mark.parametrize("name", ["task_key", "bls_public_key", "token_balance", "keeper", "monkey_count"])
def test_secret_when_a_name_only_resembles_one_then_its_value_is_written(name: str) -> None:
    assert not is_secret_name(name)


def test_level_when_a_record_is_below_it_then_nothing_is_written() -> None:
    log, stream = make(level="warning")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["c", "d"]


def test_libraries_when_they_log_then_it_goes_through_the_log_from_warning_on(root_logger: logging.Logger) -> None:
    log, stream = make("json", level="debug")
    route_libraries(log)
    logging.getLogger("aiohttp.access").info("quiet")
    logging.getLogger("multiaddr.codecs").warning("slow %s", "peer")
    try:
        int("broken")
    except ValueError:
        logging.getLogger("trio").exception("crashed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["level"], first["library"], first["message"]) == ("warning", "multiaddr.codecs", "slow peer")
    assert second["level"] == "error"
    assert second["error"].startswith("ValueError(")
    assert "test_log.py" in second["traceback"]


def test_libraries_when_routed_twice_then_each_record_is_written_once(root_logger: logging.Logger) -> None:
    log, stream = make()
    route_libraries(log)
    route_libraries(log)
    logging.getLogger("aiohttp").warning("once")
    assert len(stream.getvalue().splitlines()) == 1


class ClosedPipe(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_write_when_the_logs_reader_is_gone_then_the_node_goes_on() -> None:
    NodeLog(VirtualClock(), stream=ClosedPipe()).error("nobody hears this")
