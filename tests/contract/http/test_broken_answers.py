"""Answers broken at random places, by a seed: each ends as an answer or in an error that callers know."""

import asyncio
import gzip
import random

import pytest

from tests.contract.http.outside import BYTES_MAX, TIMEOUT_S, answer, fetching, redirect, serving
from triggerx.core.errors import RecoverableError

ROUNDS = 150
WHOLE = (
    answer(b'{"a": 1}', "Content-Type: application/json"),
    answer(gzip.compress(b"abc" * 100, mtime=0), "Content-Encoding: gzip"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"x"),
    redirect("http://127.0.0.2/"),
    redirect("/a"),
)
INSERTED = (
    b"\r\n",
    b"\0",
    b": ",
    b"Content-Length: 5\r\n",
    b"Content-Encoding: br\r\n",
    b"Location: \xff\r\n",
    b"a" * 9_000,
)


def broken(chance: random.Random) -> bytes:
    """A whole answer with one to four bytes changed, pieces cut out or put in."""
    data = bytearray(chance.choice(WHOLE))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                data[place:place] = chance.choice(INSERTED)
            case _:
                del data[place : place + chance.randint(1, 9)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_answer_when_broken_at_random_then_it_is_an_answer_or_a_known_error(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - chosen to be repeatable
    reply = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)

    ends: list[str] = []
    async with serving(serve) as server, fetching(server.origin) as out:
        for _ in range(ROUNDS):
            reply = broken(chance)
            try:
                fetched = await out.get(server.url, timeout_s=TIMEOUT_S, bytes_max=BYTES_MAX)
                ends.append(str(fetched.status))
            except RecoverableError as error:
                ends.append(str(error))
    assert len(ends) == ROUNDS
    assert max(len(end) for end in ends) < 400
    assert not [end for end in ends if "127.0.0.2" in end and "//127.0.0.2" not in end]
