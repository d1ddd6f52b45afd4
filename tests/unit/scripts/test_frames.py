import os

import pytest

from triggerx.scripts.frames import (
    FROM_WORKER_BYTES_MAX,
    LENGTH_BYTES,
    TO_WORKER_BYTES_MAX,
    BadFrame,
    Message,
    PipeEnds,
    decode,
    encode,
    length_of,
)


def test_frame_when_it_is_read_again_then_it_is_the_message() -> None:
    message: Message = {"value": [2**255 + 1, "é\ud800", None, True], "output": ""}
    frame = encode(message, bytes_max=1000)
    assert length_of(frame[:LENGTH_BYTES], bytes_max=1000) == len(frame) - LENGTH_BYTES
    assert decode(frame[LENGTH_BYTES:]) == message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"5",
        b"{",
        b'{"a": 1.5}',
        b'{"a": NaN}',
        b'{"a": 1e5}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_frame_when_it_is_no_message_of_ours_then_it_is_bad(content: bytes) -> None:
    with pytest.raises(BadFrame):
        decode(content)


@pytest.mark.parametrize("length", [0, FROM_WORKER_BYTES_MAX + 1, 2**32 - 1])
def test_length_when_it_is_out_of_bounds_then_nothing_is_read(length: int) -> None:
    with pytest.raises(BadFrame):
        length_of(length.to_bytes(4, "big"), bytes_max=FROM_WORKER_BYTES_MAX)


def test_frame_when_it_is_too_long_then_it_is_not_sent() -> None:
    with pytest.raises(BadFrame):
        encode({"source": "x" * TO_WORKER_BYTES_MAX}, bytes_max=TO_WORKER_BYTES_MAX)


def test_pipe_when_messages_follow_each_other_then_each_comes_whole_and_then_the_end() -> None:
    reading, writing = os.pipe()
    ends = PipeEnds(reading, writing)
    ends.write({"a": 1})
    ends.write({"b": "x" * 1000})
    assert ends.read() == {"a": 1}
    assert ends.read() == {"b": "x" * 1000}
    os.write(writing, b"\x00\x00")
    os.close(writing)
    assert ends.read() is None
    os.close(reading)
