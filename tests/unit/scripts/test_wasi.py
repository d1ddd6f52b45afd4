from collections.abc import Collection
from contextlib import suppress
from struct import pack, unpack_from

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggerx.scripts.wasi import (
    EBADF,
    EINVAL,
    FUNCTIONS,
    SECOND_NS,
    SUCCESS,
    U64_MAX,
    Clock,
    Exited,
    Printed,
    Wasi,
)
from triggerx.scripts.worker import Failed

NOW = 1_700_000_000


class Bytes:
    """A memory of four pages (`wasi.Memory`)."""

    def __init__(self) -> None:
        self.content = bytearray(4 * 65_536)

    def read(self, address: int, length: int) -> bytes:
        self._check(address, length)
        return bytes(self.content[address : address + length])

    def write(self, address: int, content: bytes) -> None:
        self._check(address, len(content))
        self.content[address : address + len(content)] = content

    def _check(self, address: int, length: int) -> None:
        if address + length > len(self.content):
            raise Failed("error", "outside")

    def word(self, address: int) -> int:
        return int.from_bytes(self.content[address : address + 4], "little")


class Program:
    """Calls the functions as a program does."""

    def __init__(self, stdin: bytes = b"", output_bytes: int = 1000) -> None:
        self.memory = Bytes()
        self.printed = Printed(output_bytes)
        self.spent = 0
        self._wasi = Wasi(self.memory, self.printed, self._spend, stdin=stdin, now=NOW)

    def call(self, name: str, *arguments: int) -> int:
        return self._wasi.functions[name](*arguments)

    @property
    def names(self) -> Collection[str]:
        return self._wasi.functions

    def time_ns(self, clock: int) -> int:
        assert self.call("clock_time_get", clock, 0, 0) == SUCCESS
        return int(unpack_from("<Q", self.memory.content)[0])

    def poll(self, *wanted: bytes) -> list[tuple[int, int, int]]:
        """Mark, error and kind of each event."""
        self.memory.write(0, b"".join(wanted))
        assert self.call("poll_oneoff", 0, 4096, len(wanted), 8192) == SUCCESS
        return [unpack_from("<QHB", self.memory.content, 4096 + 32 * place) for place in range(self.memory.word(8192))]

    def _spend(self, fuel: int) -> None:
        self.spent += fuel
        if fuel > 10**9:
            raise Failed("time", "too much")


def timer(mark: int, clock: int, timeout_ns: int, *, is_absolute: bool = False) -> bytes:
    return pack("<QB7xI4xQQH6x", mark, 0, clock, timeout_ns, 0, is_absolute)


def stream(mark: int, kind: int, descriptor: int) -> bytes:
    return pack("<QB7xI28x", mark, kind, descriptor)


def test_functions_when_one_is_given_then_the_specification_has_it() -> None:
    wasi = Wasi(Bytes(), Printed(1), lambda _: None, stdin=b"", now=NOW)
    assert wasi.functions.keys() < FUNCTIONS.keys()
    assert len(FUNCTIONS) == 46


def test_poll_when_it_waits_for_two_timers_then_the_first_comes_and_only_the_monotonic_clock_moves() -> None:
    program = Program()
    assert program.poll(timer(7, Clock.MONOTONIC, 5), timer(8, Clock.MONOTONIC, 3)) == [(8, SUCCESS, 0)]
    assert program.time_ns(Clock.MONOTONIC) == NOW * SECOND_NS + 3
    assert program.time_ns(Clock.REALTIME) == NOW * SECOND_NS


def test_poll_when_a_moment_is_absolute_then_what_is_left_is_slept_once() -> None:
    program = Program()
    moment = timer(1, Clock.MONOTONIC, NOW * SECOND_NS + 9, is_absolute=True)
    for _ in range(2):
        assert program.poll(moment) == [(1, SUCCESS, 0)]
        assert program.time_ns(Clock.MONOTONIC) == NOW * SECOND_NS + 9


def test_poll_when_a_stream_is_among_it_then_that_is_ready_and_nobody_sleeps() -> None:
    program = Program(stdin=b"abc")
    assert program.poll(timer(1, Clock.MONOTONIC, 9), stream(2, 1, 0), stream(3, 2, 1), stream(4, 9, 0)) == [
        (2, SUCCESS, 1),
        (3, SUCCESS, 2),
        (4, EINVAL, 9),
    ]
    assert program.time_ns(Clock.MONOTONIC) == NOW * SECOND_NS


def test_clock_when_a_program_sleeps_for_ever_then_it_ends_where_numbers_do() -> None:
    program = Program()
    for _ in range(3):
        program.poll(timer(1, Clock.MONOTONIC, U64_MAX))
    assert program.time_ns(Clock.MONOTONIC) == U64_MAX


@pytest.mark.parametrize("count", [0, 65, 2**32 - 1])
def test_poll_when_it_waits_for_nothing_or_too_much_then_it_is_refused(count: int) -> None:
    assert Program().call("poll_oneoff", 0, 4096, count, 8192) == EINVAL


def test_clock_when_there_is_none_of_its_number_then_it_is_refused() -> None:
    assert Program().call("clock_time_get", 4, 0, 0) == EINVAL


def test_input_when_it_is_read_in_parts_then_each_byte_comes_once() -> None:
    program = Program(stdin=b"abcde")
    program.memory.write(0, pack("<IIII", 100, 2, 200, 1))
    read = []
    for _ in range(3):
        assert program.call("fd_read", 0, 0, 2, 50) == SUCCESS
        read.append((program.memory.word(50), program.memory.read(100, 2), program.memory.read(200, 1)))
    assert read == [(3, b"ab", b"c"), (2, b"de", b"c"), (0, b"de", b"c")]


def test_streams_when_a_list_is_too_long_or_a_descriptor_another_then_they_are_refused() -> None:
    program = Program()
    assert program.call("fd_write", 1, 0, 1025, 50) == program.call("fd_read", 0, 0, 1025, 50) == EINVAL
    assert program.call("fd_write", 0, 0, 1, 50) == program.call("fd_read", 2, 0, 1, 50) == EBADF


def test_chance_when_much_is_asked_for_then_it_is_paid_for_and_the_same_in_every_run() -> None:
    made = []
    for _ in range(2):
        program = Program()
        assert program.call("random_get", 0, 100_000) == SUCCESS
        made.append(program.memory.read(0, 100_000))
        assert program.spent == 100_000
    assert made[0] == made[1]
    assert made[0][:8] != made[0][8:16]


def test_arguments_when_a_program_asks_then_it_has_a_name_and_no_environment() -> None:
    program = Program()
    assert program.call("args_sizes_get", 0, 4) == program.call("args_get", 8, 100) == SUCCESS
    assert (program.memory.word(0), program.memory.word(4), program.memory.word(8)) == (1, 7, 100)
    assert program.memory.read(100, 7) == b"script\0"
    assert program.call("environ_sizes_get", 0, 4) == program.call("environ_get", 8, 100) == SUCCESS
    assert (program.memory.word(0), program.memory.word(4)) == (0, 0)


NUMBERS = st.one_of(st.integers(0, 200), st.sampled_from([0, 1, 2**18 - 4, 2**18, 2**31, 2**32 - 1]))
CALLS = st.lists(
    st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.tuples(st.just(name), st.tuples(*(NUMBERS for _ in FUNCTIONS[name])))
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(calls=CALLS, content=st.binary(max_size=300))
def test_calls_when_their_numbers_are_anything_then_they_answer_or_end_the_run(
    calls: list[tuple[str, tuple[int, ...]]], content: bytes
) -> None:
    program = Program(stdin=b"{}")
    program.memory.write(0, content)
    with suppress(Failed, Exited):
        for name, numbers in calls:
            if name in program.names:
                assert program.call(name, *numbers) in range(77)
    assert len(program.printed.text) <= 1000


def test_exit_when_a_program_ends_itself_then_its_status_is_kept() -> None:
    with pytest.raises(Exited) as exited:
        Program().call("proc_exit", 9)
    assert exited.value.status == 9


def test_output_when_the_limit_is_passed_then_the_run_ends_and_the_first_bytes_stay() -> None:
    printed = Printed(5)
    printed.write(1, b"ab")
    printed.write(2, b"cde")
    with pytest.raises(Failed) as failed:
        printed.write(1, b"f")
    assert (failed.value.code, printed.text, printed.left) == ("output", "abcde", 0)


@pytest.mark.parametrize(
    ("parts", "line", "rest"),
    [
        ([], b"", ""),
        ([(1, b"7")], b"7", ""),
        ([(1, b"a\n7\n\n")], b"7", "a\n"),
        ([(1, b"a\n"), (2, b"x\n"), (1, b"[1,"), (2, b"y"), (1, b"2]\r\n")], b"[1,2]", "a\nx\ny"),
        ([(2, b"x\n")], b"", "x\n"),
        ([(1, "é\n".encode()[:1]), (1, "é\n1".encode()[1:])], b"1", "é\n"),
    ],
)
def test_output_when_its_last_line_is_the_answer_then_the_rest_is_kept(
    parts: list[tuple[int, bytes]], line: bytes, rest: str
) -> None:
    printed = Printed(1000)
    for descriptor, content in parts:
        printed.write(descriptor, content)
    assert (printed.last_line(1), printed.text_without(1)) == (line, rest)
