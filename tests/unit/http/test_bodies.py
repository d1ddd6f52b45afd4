import gzip
import tracemalloc

import pytest

from triggerx.core.errors import RecoverableError
from triggerx.http.bodies import Body
from triggerx.ports.fetch import FetchRefused

TEXT = b'{"price": 1}' * 50


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("encoding", "data"), [("", TEXT), (" Identity ", TEXT), ("GZIP", gzip.compress(TEXT, mtime=0))]
)
def test_body_when_fed_in_pieces_then_it_is_whole(encoding: str, data: bytes, step: int) -> None:
    body = Body("http://a.example", encoding, len(TEXT))
    for start in range(0, len(data), step):
        body.feed(data[start : start + step])
    assert body.whole() == TEXT


def test_bomb_when_fed_then_it_takes_no_memory() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(FetchRefused, match="more than 100000 bytes"):
            Body("http://a.example", "gzip", 100_000).feed(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_gzip_when_followed_by_more_then_it_is_refused_in_one_piece_or_two() -> None:
    data = gzip.compress(TEXT, mtime=0)
    with pytest.raises(RecoverableError, match="after the end"):
        Body("http://a.example", "gzip", 1_000).feed(data + b"x")
    body = Body("http://a.example", "gzip", 1_000)
    body.feed(data)
    with pytest.raises(RecoverableError, match="after the end"):
        body.feed(b"x")


def test_gzip_when_empty_then_the_body_is_empty() -> None:
    assert Body("http://a.example", "gzip", 0).whole() == b""
