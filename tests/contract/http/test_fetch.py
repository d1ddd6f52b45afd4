"""What `ports.fetch.Fetch` promises for GET, of the implementation and of the one that refuses everything."""

import asyncio
import gzip
import re

import pytest

from tests.contract.http.outside import (
    BYTES_MAX,
    TIMEOUT_S,
    ScriptedNames,
    Serve,
    Server,
    answer,
    fetching,
    redirect,
    serving,
)
from triggerx.core.errors import RecoverableError
from triggerx.http.fetch import REDIRECTS_MAX, HttpFetch
from triggerx.ports.fetch import Fetch, Fetched, FetchRefused, NoFetch


async def get(fetch: Fetch, url: str, *, timeout_s: float = TIMEOUT_S, bytes_max: int = BYTES_MAX) -> Fetched:
    return await fetch.get(url, timeout_s=timeout_s, bytes_max=bytes_max)


async def refusal(fetch: Fetch, url: str, *, timeout_s: float = TIMEOUT_S, bytes_max: int = BYTES_MAX) -> str:
    """The code of the refusal that this GET must end with."""
    with pytest.raises(FetchRefused) as raised:
        await get(fetch, url, timeout_s=timeout_s, bytes_max=bytes_max)
    return raised.value.code


async def test_answer_when_whole_then_it_comes_with_status_type_and_url() -> None:
    async with serving(answer(b'{"a": 1}', "Content-Type: application/json")) as server, fetching(server.origin) as out:
        fetched = await get(out, f"http://{server.origin}/price?of=eth#part")
    assert fetched == Fetched(
        url=f"http://{server.origin}/price?of=eth", status=200, content_type="application/json", body=b'{"a": 1}'
    )
    assert server.heads[0].startswith(b"GET /price?of=eth HTTP/1.1\r\n")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "404 Not Found", "503 Unavailable", "999 No"])
async def test_status_when_it_is_no_success_then_it_is_an_answer_still(status: str) -> None:
    async with serving(answer(status=status)) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).status == int(status[:3])


async def test_redirect_status_when_it_says_not_where_then_it_is_an_answer() -> None:
    async with serving(answer(b"x", status="302 Found")) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).status == 302


async def test_request_when_sent_then_it_says_nothing_about_us(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer(b"", "Set-Cookie: a=b; Path=/")) as server, fetching(server.origin) as out:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        await get(out, server.url)
        await get(out, server.url)
    names = {line.partition(b":")[0].lower() for head in server.heads for line in head.split(b"\r\n")[1:] if line}
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


async def test_connection_when_the_server_keeps_it_then_it_is_used_again() -> None:
    async with serving(answer(b"x"), ends=False) as server, fetching(server.origin) as out:
        for _ in range(5):
            await get(out, server.url)
    assert (server.connections, len(server.heads)) == (1, 5)


async def test_connections_when_many_ask_one_host_then_they_are_bounded() -> None:
    async with serving(answer(b"x"), ends=False) as server, fetching(server.origin) as out:
        await asyncio.gather(*(get(out, server.url) for _ in range(100)))
    assert server.connections <= 16


async def test_connections_when_too_many_are_kept_then_further_ones_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggerx.http.fetch.SOCKETS_KEPT_MAX", 0)
    async with serving(answer(b"x"), ends=False) as server, fetching(server.origin) as out:
        await get(out, server.url)
        await get(out, server.url)
    assert server.connections == 2
    assert b"connection: close" in server.heads[0].lower()


async def test_redirect_when_allowed_then_it_is_followed() -> None:
    async with serving(redirect("/b?c=d#e"), answer(b"there")) as server, fetching(server.origin) as out:
        fetched = await get(out, server.url)
    assert (fetched.url, fetched.body) == (f"http://{server.origin}/b?c=d", b"there")


async def test_redirects_when_at_the_limit_then_they_are_followed_and_beyond_refused() -> None:
    circle = [redirect(f"/{number}") for number in range(REDIRECTS_MAX)]
    async with serving(*circle, answer(b"x")) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).url.endswith(f"/{REDIRECTS_MAX - 1}")
    async with serving(redirect("/again")) as server, fetching(server.origin) as out:
        assert await refusal(out, server.url) == "redirects"
        assert len(server.heads) == REDIRECTS_MAX + 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://127.0.0.2:{canary}/", "private_address"),
        ("//127.0.0.2:{canary}/", "private_address"),
        ("http://[::ffff:127.0.0.2]:{canary}/", "private_address"),
        ("http://rebound.example:{canary}/", "private_address"),
        ("http://127.2:{canary}/", "host"),
        ("http://user:pass@127.0.0.2:{canary}/", "credentials"),
        ("http://127.0.0.2:22/", "port"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.2:{canary}/", "scheme"),
        ("data:text/plain,x", "scheme"),
        ("http:\\\\127.0.0.2:{canary}/", "url"),
        ("http://[::1/", "url"),
    ],
)
async def test_redirect_when_it_leads_where_it_may_not_then_it_is_refused(
    status: int, location: str, code: str
) -> None:
    names = ScriptedNames({"rebound.example": [("127.0.0.2",)]})
    async with serving(answer(b"secret"), host="127.0.0.2") as canary:
        where = location.format(canary=canary.port)
        async with serving(redirect(where, status)) as server, fetching(server.origin, names=names) as out:
            assert await refusal(out, server.url) == code
    assert canary.connections == 0


async def test_name_when_it_is_bound_again_to_a_private_address_then_it_is_refused() -> None:
    async with (
        serving(answer(b"public")) as server,
        serving(answer(b"secret"), host="127.0.0.2", port=server.port) as canary,
    ):
        names = ScriptedNames({"feed.example": [("127.0.0.1",), ("127.0.0.2",), ("127.0.0.1",)]})
        url = f"http://feed.example:{server.port}/"
        async with fetching(server.origin, names=names) as out:
            assert (await get(out, url)).body == b"public"
            assert await refusal(out, url) == "private_address"
            assert (await get(out, url)).body == b"public"
    assert (canary.connections, len(names.asked)) == (0, 3)


@pytest.mark.parametrize("addresses", [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "::1")])
async def test_name_when_one_of_its_addresses_is_private_then_it_is_refused_whole(addresses: tuple[str, ...]) -> None:
    names = ScriptedNames({"feed.example": [addresses]})
    async with serving(answer(b"x")) as server, fetching(server.origin, names=names) as out:
        assert await refusal(out, f"http://feed.example:{server.port}/") == "private_address"
    assert server.connections == 0


async def test_name_when_unknown_then_it_fails_and_says_so() -> None:
    async with fetching() as out:
        with pytest.raises(RecoverableError, match=r"http://nowhere\.example was not found"):
            await get(out, "http://nowhere.example/")


async def test_name_when_written_in_many_ways_then_the_same_is_looked_up() -> None:
    names = ScriptedNames({"xn--bcher-kva.example": [("127.0.0.2",)], "feed.example": [("127.0.0.2",)]})
    async with fetching(names=names) as out:
        for host in ("b\u00fccher.example", "B\u00dcCHER.example", "xn--bcher-kva.example."):
            assert await refusal(out, f"http://{host}/") == "private_address"
        for host in ("feed\u3002example", "FEED.EXAMPLE", "feed.example."):
            assert await refusal(out, f"http://{host}/") == "private_address"
    assert names.asked == ["xn--bcher-kva.example"] * 3 + ["feed.example"] * 3


async def test_dial_when_nobody_listens_then_it_fails_without_the_address() -> None:
    async with serving() as server:
        port = server.port
    names = ScriptedNames({"feed.example": [("127.0.0.1",)]})
    async with fetching(f"127.0.0.1:{port}", names=names) as out:
        with pytest.raises(RecoverableError) as raised:
            await get(out, f"http://feed.example:{port}/")
    assert str(raised.value) == "http://feed.example cannot be connected to"


async def test_tls_when_the_server_has_no_certificate_then_it_fails() -> None:
    async with serving(greeting=b"220 mail.example ESMTP\r\n") as server, fetching(server.origin) as out:
        with pytest.raises(RecoverableError, match="cannot be connected to"):
            await get(out, f"https://{server.origin}/")


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    raise ConnectionResetError


async def hang_in_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await hang(reader, writer)


async def hang_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal")
    await hang(reader, writer)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1;" + b"x" * 4_000 + b"\r\na\r\n")
        await writer.drain()


@pytest.mark.parametrize("serve", [hang, hang_in_headers, hang_in_body])
async def test_server_when_it_hangs_then_the_request_ends_and_so_does_the_connection(serve: Serve) -> None:
    async with serving(serve) as server, fetching(server.origin) as out:
        assert await refusal(out, server.url, timeout_s=0.05) == "too_slow"
        await asyncio.wait_for(server.has_lost.wait(), TIMEOUT_S)


async def test_body_when_endless_in_small_chunks_then_it_is_refused() -> None:
    async with serving(drip) as server, fetching(server.origin) as out:
        assert await refusal(out, server.url, bytes_max=500) == "too_large"
        await asyncio.wait_for(server.has_lost.wait(), TIMEOUT_S)


async def test_request_when_its_caller_is_cancelled_then_its_connection_ends() -> None:
    async with serving(hang_in_body) as server, fetching(server.origin) as out:
        request = asyncio.create_task(get(out, server.url))
        await asyncio.wait_for(server.was_asked.wait(), TIMEOUT_S)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await asyncio.wait_for(server.has_lost.wait(), TIMEOUT_S)


@pytest.mark.parametrize("size", [0, 1, BYTES_MAX])
async def test_body_when_at_the_limit_then_it_comes_plain_and_zipped(size: int) -> None:
    body = b"a" * size
    zipped = answer(gzip.compress(body, mtime=0), "Content-Encoding: gzip")
    async with serving(answer(body), zipped) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).body == body
        assert (await get(out, server.url)).body == body


ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"a" * (BYTES_MAX + 1)),
        ENDLESS + b"a" * (BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + b"a" * 0xFFFF + b"\r\n0\r\n\r\n",
        answer(gzip.compress(b"a" * (BYTES_MAX + 1), mtime=0), "Content-Encoding: gzip"),
        answer(gzip.compress(b"\0" * 9_000_000, mtime=0), "Content-Encoding: x-gzip"),
        ENDLESS[:-2] + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"\0" * 9_000_000, mtime=0),
    ],
)
async def test_body_when_larger_than_it_may_be_then_it_is_refused(reply: bytes) -> None:
    async with serving(reply) as server, fetching(server.origin) as out:
        assert await refusal(out, server.url) == "too_large"


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, br", "identity, gzip", "x" * 5_000]
)
async def test_body_when_in_an_encoding_that_was_not_asked_for_then_it_is_refused(encoding: str) -> None:
    async with serving(answer(b"x", f"Content-Encoding: {encoding}")) as server, fetching(server.origin) as out:
        assert await refusal(out, server.url) == "encoding"


GZIP = gzip.compress(b"half of this", mtime=0)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nhalf\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalfmore\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\0B: c\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\xff\x01",
        b"\0" * 100,
        answer(GZIP[:-1], "Content-Encoding: gzip"),
        answer(GZIP + b"more", "Content-Encoding: gzip"),
        answer(GZIP + GZIP, "Content-Encoding: gzip"),
        answer(b"no gzip", "Content-Encoding: gzip"),
        answer(GZIP[:-5] + b"wrong", "Content-Encoding: gzip"),
    ],
)
async def test_answer_when_broken_then_it_fails_in_words_of_ours(reply: bytes) -> None:
    async with serving(reply) as server, fetching(server.origin) as out:
        with pytest.raises(RecoverableError) as raised:
            await get(out, server.url)
    assert not isinstance(raised.value, FetchRefused)
    assert re.fullmatch(r"http://127\.0\.0\.1 (answers with|ended the connection) [a-z A-Z]+", str(raised.value))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 " + b"O" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X" * 20_000 + b": a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2_000_000,
    ],
)
async def test_headers_when_a_line_is_too_long_then_they_are_refused(head: bytes) -> None:
    async with serving(head) as server, fetching(server.origin) as out:
        assert await refusal(out, server.url) == "too_large"


async def test_headers_when_there_are_too_many_then_the_request_fails() -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)) + b"\r\n"
    async with serving(head) as server, fetching(server.origin) as out:
        with pytest.raises(RecoverableError):
            await get(out, server.url)


async def test_content_type_when_long_then_it_is_cut() -> None:
    async with serving(answer(b"", "Content-Type: " + "t" * 5_000)) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).content_type == "t" * 200


async def test_answer_when_more_follows_it_then_nobody_else_gets_that() -> None:
    two = answer(b"mine") + answer(b"forged")
    async with serving(two, answer(b"true"), ends=False) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).body == b"mine"
        assert (await get(out, server.url)).body == b"true"


async def test_answer_when_it_switches_protocols_then_the_connection_is_not_used_again() -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    async with serving(switching, answer(b"x"), ends=False) as server, fetching(server.origin) as out:
        assert (await get(out, server.url)).status == 101
        assert (await get(out, server.url)).body == b"x"
    assert server.connections == 2


async def test_way_out_when_closed_then_it_refuses() -> None:
    server = Server(port=8080)
    out: HttpFetch = fetching(server.origin)
    async with out:
        pass
    assert await refusal(out, server.url) == "closed"
    with pytest.raises(FetchRefused):
        out.messages("ws://127.0.0.1:8080/", bytes_max=1)


async def test_node_without_a_way_out_then_everything_is_refused() -> None:
    assert await refusal(NoFetch(), "http://example.com/") == "closed"
    with pytest.raises(FetchRefused, match="no way out"):
        NoFetch().messages("ws://example.com/", bytes_max=1)
