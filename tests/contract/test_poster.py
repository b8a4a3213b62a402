"""``Poster`` against a raw socket: what leaves us octet by octet, and what becomes of every kind of answer."""

import asyncio
import base64
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from counterseal.adapters.http import DeferredPoster
from counterseal.adapters.http.outgoing import InvalidHeader, WrongBodySize
from counterseal.adapters.http.poster import failure
from counterseal.engine.ports import BlobUnavailable, PostFailed, PostRequest, TLSIdentity
from tests import builders as b

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def server(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port at which ``talk`` answers every connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def read_all(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await read_head(reader)
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head, await reader.readexactly(int(line.split(b":")[1]))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return head, body


class Answering:
    """Reads each request whole and answers with the same octets; keeps what came."""

    def __init__(self, answer: bytes = OK, *, close: bool = False) -> None:
        self.answer = answer
        self.close = close
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.requests.append(await read_all(reader))
            writer.write(self.answer)
            await writer.drain()
            if self.close:
                return


@pytest.fixture
async def poster() -> AsyncIterator[DeferredPoster]:
    made = DeferredPoster()
    yield made
    await made.close()
    await asyncio.sleep(0)


def request(port: int, body: bytes = b"payload", **changes: Any) -> PostRequest:
    made: dict[str, Any] = {
        "url": f"http://127.0.0.1:{port}/as2",
        "headers": (("AS2-From", "ALPHA"), ("Content-Type", "application/pkcs7-mime")),
        "body": lambda: iter([body] if body else []),
        "size": len(body),
        "chunked": False,
        "connect_timeout": timedelta(seconds=5),
        "answer_timeout": timedelta(seconds=5),
        "max_answer_bytes": 10_000,
    }
    return PostRequest(**(made | changes))


async def fails(poster: DeferredPoster, wanted: PostRequest) -> str:
    with pytest.raises(PostFailed) as caught:
        await poster.post(wanted)
    assert "/" not in caught.value.detail.replace("http or https", "")
    return caught.value.kind


# what leaves us


async def test_the_request_is_what_was_asked_for_and_nothing_else(poster: DeferredPoster) -> None:
    peer = Answering()
    async with server(peer) as port:
        answer = await poster.post(request(port))
    head, body = peer.requests[0]
    assert body == b"payload"
    assert sorted(head.strip().split(b"\r\n")[1:]) == sorted(
        [
            b"Host: 127.0.0.1:%d" % port,
            b"AS2-From: ALPHA",
            b"Content-Type: application/pkcs7-mime",
            b"Content-Length: 7",
        ]
    )
    assert head.startswith(b"POST /as2 HTTP/1.1\r\n")
    assert (answer.status, answer.body, answer.remote) == (200, b"ok", f"127.0.0.1:{port}")


async def test_header_order_spelling_and_octets_are_kept(poster: DeferredPoster) -> None:
    peer = Answering()
    headers = (
        ("AS2-Version", "1.2"),
        ("aS2-tO", '"Bravo \\" Bows"'),
        ("Message-ID", "<1@alpha>"),
        ("Subject", "Bestellung \u00c3\u00bc"),  # the two octets of a UTF-8 u umlaut, as Latin-1 text
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Empty", ""),
    )
    async with server(peer) as port:
        await poster.post(request(port, headers=headers))
    lines = [
        line
        for line in peer.requests[0][0].split(b"\r\n")
        if not line.startswith((b"POST", b"Host", b"Content-Length"))
    ]
    assert lines[:7] == [
        b"AS2-Version: 1.2",
        b'aS2-tO: "Bravo \\" Bows"',
        b"Message-ID: <1@alpha>",
        b"Subject: Bestellung \xc3\xbc",
        b"X-Twice: 1",
        b"X-Twice: 2",
        b"X-Empty: ",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AS2-From", "a\r\nX-Injected: 1"),
        ("AS2-From", "a\nb"),
        ("AS2-From", "a\rb"),
        ("AS2-From", "a\0b"),
        ("AS2-From", "caf\u2603"),
        ("AS2-From", "lone \xe9"),
        ("AS2 From", "x"),
        ("AS2-From:", "x"),
        ("", "x"),
        ("X\r\nY", "x"),
        ("Host", "elsewhere"),
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ],
)
async def test_a_header_that_breaks_the_message_open_never_leaves(
    poster: DeferredPoster, name: str, value: str
) -> None:
    peer = Answering()
    async with server(peer) as port:
        with pytest.raises(InvalidHeader):
            await poster.post(request(port, headers=((name, value),)))
    assert peer.connections == 0


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 3_000_000])
async def test_bodies_of_any_size_arrive_whole(poster: DeferredPoster, size: int, chunked: bool) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    pieces = [content[at : at + 70_000] for at in range(0, size, 70_000)]
    peer = Answering()
    async with server(peer) as port:
        await poster.post(replace(request(port), body=lambda: iter(pieces), size=size, chunked=chunked))
    head, body = peer.requests[0]
    assert body == content
    assert (b"\r\nTransfer-Encoding: chunked\r\n" in head) == chunked
    assert (b"\r\nContent-Length: %d\r\n" % size in head) != chunked


async def test_the_body_is_drawn_in_threads_and_its_iterator_closed(poster: DeferredPoster) -> None:
    threads: set[int] = set()
    closed: list[bool] = []

    def body() -> Iterator[bytes]:
        try:
            for _ in range(100):
                threads.add(threading.get_ident())
                yield bytes(100_000)
        finally:
            closed.append(True)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)

    async with server(refuse) as port:
        assert await fails(poster, replace(request(port), body=body, size=10_000_000)) == "closed"
    assert threading.get_ident() not in threads
    assert closed == [True]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("announced", [5, 900_000, 1_100_000])
async def test_a_body_of_another_size_is_our_fault_and_never_passes_for_whole(
    poster: DeferredPoster, announced: int, chunked: bool
) -> None:
    peer = Answering()
    async with server(peer) as port:
        wanted = replace(request(port), body=lambda: iter([bytes(100_000)] * 10), size=announced, chunked=chunked)
        with pytest.raises(WrongBodySize):
            await poster.post(wanted)
    assert peer.requests == []


@pytest.mark.parametrize("at", [0, 9])
async def test_a_payload_that_cannot_be_read_is_told_as_such(poster: DeferredPoster, at: int) -> None:
    def body() -> Iterator[bytes]:
        for number in range(10):
            if number == at:
                raise BlobUnavailable("gone")
            yield bytes(100_000)

    peer = Answering()
    async with server(peer) as port:
        with pytest.raises(BlobUnavailable):
            await poster.post(replace(request(port), body=body, size=1_000_000))
    assert peer.requests == []
    assert peer.connections == (0 if at == 0 else 1)


async def test_basic_authentication_is_sent_in_utf_8(poster: DeferredPoster) -> None:
    peer = Answering()
    async with server(peer) as port:
        await poster.post(request(port, basic=("ali", "gr\u00fc\u00df:e")))
    expected = base64.b64encode("ali:gr\u00fc\u00df:e".encode())
    assert b"\r\nAuthorization: Basic " + expected + b"\r\n" in peer.requests[0][0]


async def test_the_path_is_sent_as_it_was_agreed(poster: DeferredPoster) -> None:
    peer = Answering()
    async with server(peer) as port:
        await poster.post(request(port, url=f"http://127.0.0.1:{port}/a%2Fb/..%20/%C3%BC?x=%41&y=a+b"))
        await poster.post(request(port, url=f"http://127.0.0.1:{port}"))
    assert peer.requests[0][0].startswith(b"POST /a%2Fb/..%20/%C3%BC?x=%41&y=a+b HTTP/1.1\r\n")
    assert peer.requests[1][0].startswith(b"POST / HTTP/1.1\r\n")


async def test_environment_variables_do_not_send_it_elsewhere(
    poster: DeferredPoster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    peer = Answering()
    async with server(peer) as port:
        assert (await poster.post(request(port))).status == 200
    assert b"Authorization" not in peer.requests[0][0]


# what comes back


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 400, 401, 404, 413, 500, 503])
async def test_any_status_is_an_answer_and_no_redirect_is_followed(poster: DeferredPoster, status: int) -> None:
    length = b"" if status == 204 else b"Content-Length: 0\r\n"
    peer = Answering(b"HTTP/1.1 %d X\r\nLocation: http://127.0.0.1:1/\r\n%s\r\n" % (status, length))
    async with server(peer) as port:
        answer = await poster.post(request(port))
    assert (answer.status, len(peer.requests)) == (status, 1)


async def test_answer_headers_come_in_order_with_their_octets(poster: DeferredPoster) -> None:
    peer = Answering(b'HTTP/1.1 200 OK\r\nAS2-From: "B \xfc"\r\nx-a: 1\r\nX-A:2\r\nContent-Length: 0\r\n\r\n')
    async with server(peer) as port:
        answer = await poster.post(request(port))
    assert answer.headers == (("AS2-From", '"B \xfc"'), ("x-a", "1"), ("X-A", "2"), ("Content-Length", "0"))


async def test_a_folded_answer_header_is_read(poster: DeferredPoster) -> None:
    """RFC 9112 5.2; older AS2 products fold Content-Type in synchronous receipts."""
    folded = b'Content-Type: multipart/report;\r\n report-type=disposition-notification;\r\n\tboundary="x"\r\n'
    peer = Answering(b"HTTP/1.1 200 OK\r\n" + folded + b"Content-Length: 2\r\n\r\nok")
    async with server(peer) as port:
        answer = await poster.post(request(port))
    content_type = dict(answer.headers)["Content-Type"]
    assert "".join(content_type.split()) == 'multipart/report;report-type=disposition-notification;boundary="x"'
    assert answer.body == b"ok"


ANSWERS = {
    "content-length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: 1\r\n\r\n",
    "until close": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "after 100": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "after 102 and 103": b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "compressed, untouched": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("at_once", [True, False])
async def test_an_answer_is_read_however_it_is_framed(poster: DeferredPoster, name: str, at_once: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_all(reader)
        octets = ANSWERS[name]
        for piece in [octets] if at_once else [octets[n : n + 1] for n in range(len(octets))]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with server(talk) as port:
        answer = await poster.post(request(port))
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("framing", [b"Content-Length: 10001\r\n\r\n", b"\r\n"])
async def test_an_answer_that_is_too_large_is_cut_off(poster: DeferredPoster, framing: bytes) -> None:
    peer = Answering(b"HTTP/1.1 200 OK\r\n" + framing + bytes(10_001), close=True)
    async with server(peer) as port:
        assert await fails(poster, request(port)) == "malformed"


async def test_an_answer_of_just_the_limit_is_taken(poster: DeferredPoster) -> None:
    peer = Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + bytes(10_000))
    async with server(peer) as port:
        assert len((await poster.post(request(port))).body) == 10_000


@pytest.mark.parametrize(
    "octets",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    ],
    ids=["another protocol", "length is no number", "two lengths", "chunk size is no number", "endless header"],
)
async def test_what_is_no_http_is_malformed(poster: DeferredPoster, octets: bytes) -> None:
    async with server(Answering(octets, close=True)) as port:
        assert await fails(poster, request(port)) == "malformed"


@pytest.mark.parametrize(
    "octets", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]
)
async def test_a_connection_closed_before_the_whole_answer_is_closed(poster: DeferredPoster, octets: bytes) -> None:
    async with server(Answering(octets, close=True)) as port:
        assert await fails(poster, request(port)) == "closed"


async def test_a_reset_is_closed(poster: DeferredPoster) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_all(reader)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with server(reset) as port:
        assert await fails(poster, request(port)) == "closed"


async def test_a_kept_connection_is_used_again(poster: DeferredPoster) -> None:
    peer = Answering()
    async with server(peer) as port:
        for _ in range(3):
            answer = await poster.post(request(port))
            assert answer.remote == f"127.0.0.1:{port}"
    assert (peer.connections, len(peer.requests)) == (1, 3)


async def test_a_kept_connection_that_breaks_is_told_and_not_tried_again(poster: DeferredPoster) -> None:
    """The peer reads the second request on the same connection and closes: it may have taken it."""
    heads: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_all(reader))[0])
        writer.write(OK)
        heads.append((await read_all(reader))[0])

    async with server(once) as port:
        await poster.post(request(port))
        assert await fails(poster, request(port)) == "closed"
    assert len(heads) == 2


async def test_an_early_refusal_of_a_large_body_is_an_answer(poster: DeferredPoster) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        while await reader.read(65536):
            pass

    async with server(refuse) as port:
        wanted = replace(request(port), body=lambda: iter([bytes(100_000)] * 200), size=20_000_000)
        assert (await poster.post(wanted)).status == 413


# connections


async def test_nobody_listening_is_refused(poster: DeferredPoster) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert await fails(poster, request(port)) == "refused"


async def test_an_unknown_host_name_is_unreachable(poster: DeferredPoster) -> None:
    assert await fails(poster, request(1, url="http://no-such-host.invalid/")) == "unreachable"


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http://", "nonsense", "http://a:b@127.0.0.1/", "http://127.0.0.1:99999/"]
)
async def test_an_address_that_cannot_be_used_is_malformed(poster: DeferredPoster, url: str) -> None:
    assert await fails_with_address(poster, request(1, url=url)) == "malformed"


async def fails_with_address(poster: DeferredPoster, wanted: PostRequest) -> str:
    with pytest.raises(PostFailed) as caught:
        await poster.post(wanted)
    return caught.value.kind


SHORT = timedelta(milliseconds=150)


async def test_a_peer_that_does_not_answer_times_out(poster: DeferredPoster) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_all(reader)
        await asyncio.sleep(30)

    async with server(silent) as port:
        assert await fails(poster, request(port, answer_timeout=SHORT, connect_timeout=SHORT)) == "timeout"


async def test_a_peer_that_stops_in_the_answer_times_out(poster: DeferredPoster) -> None:
    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_all(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.sleep(30)

    async with server(stuck) as port:
        assert await fails(poster, request(port, answer_timeout=SHORT, connect_timeout=SHORT)) == "timeout"


async def test_a_peer_that_stops_taking_the_body_times_out(poster: DeferredPoster) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(30)

    async with server(deaf) as port:
        wanted = request(port, answer_timeout=SHORT, connect_timeout=SHORT)
        wanted = replace(wanted, body=lambda: iter([bytes(262_144)] * 200), size=262_144 * 200)
        assert await fails(poster, wanted) == "timeout"


async def test_a_slow_upload_that_goes_on_does_not_time_out(poster: DeferredPoster) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        left = 262_144 * 60
        while left:
            left -= len(await reader.read(262_144))
            await asyncio.sleep(0.01)
        writer.write(OK)
        await writer.drain()

    async with server(slow) as port:
        wanted = request(port, answer_timeout=timedelta(milliseconds=400), connect_timeout=SHORT)
        wanted = replace(wanted, body=lambda: iter([bytes(262_144)] * 60), size=262_144 * 60)
        began = asyncio.get_running_loop().time()
        assert (await poster.post(wanted)).status == 200
        assert asyncio.get_running_loop().time() - began > 0.55


async def test_a_full_queue_of_connections_times_out_as_connecting(poster: DeferredPoster) -> None:
    """A listener that accepts nobody: the kernel completes a few connections, the others wait."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        try:
            assert await fails(poster, request(port, connect_timeout=SHORT)) == "timeout"
        finally:
            for one in crowd:
                one.close()


# TLS


def tls_server(minted: b.Minted, folder: Path) -> ssl.SSLContext:
    path = folder / "server.pem"
    path.write_bytes(minted.pem + minted.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def minted_today(common_name: str, **changes: Any) -> b.Minted:
    """TLS reads the machine's clock, not the tests'."""
    return b.mint(common_name, now=datetime.now(UTC), **changes)


async def test_a_private_root_and_a_pinned_leaf_are_trusted_and_nothing_else(
    poster: DeferredPoster, tmp_path: Path
) -> None:
    root = b.mint_ca(now=datetime.now(UTC))
    leaf = minted_today("server", issuer=root, key=b.rsa_key(1), ip_addresses=["127.0.0.1"])
    peer = Answering()
    async with server(peer, tls=tls_server(leaf, tmp_path)) as port:
        url = f"https://127.0.0.1:{port}/as2"
        assert (await poster.post(request(port, url=url, trust=(root.der,)))).status == 200
        assert (await poster.post(request(port, url=url, trust=(leaf.der,)))).status == 200
        assert await fails(poster, request(port, url=url, trust=(minted_today("other").der,))) == "tls"
        assert await fails(poster, request(port, url=url)) == "tls"


async def test_a_pinned_certificate_may_be_for_any_host_one_that_only_chains_may_not(
    poster: DeferredPoster, tmp_path: Path
) -> None:
    """BIS-26: self-signed and issued, with and without names; the CN never counts."""
    root = b.mint_ca(now=datetime.now(UTC))
    pinned = minted_today("127.0.0.1")
    chained = minted_today("127.0.0.1", issuer=root, key=b.rsa_key(1), dns_names=["elsewhere.example"])
    for leaf, trust, expected in (
        (pinned, (pinned.der,), "taken"),
        (chained, (chained.der,), "taken"),
        (chained, (root.der, chained.der), "taken"),
        (chained, (root.der,), "tls"),
    ):
        async with server(Answering(), tls=tls_server(leaf, tmp_path)) as port:
            wanted = request(port, url=f"https://127.0.0.1:{port}/as2", trust=trust)
            if expected == "taken":
                assert (await poster.post(wanted)).tls_peer == leaf.der
            else:
                assert await fails(poster, wanted) == expected


async def test_our_client_certificate_is_shown_where_it_is_asked_for(poster: DeferredPoster, tmp_path: Path) -> None:
    """And a connection made with one is never used for a request with another."""
    ours, next_one = minted_today("alpha"), minted_today("alpha 2", key=b.rsa_key(2))
    leaf = minted_today("server", key=b.rsa_key(1))
    context = tls_server(leaf, tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=ours.der + next_one.der)
    peer, shown = Answering(), []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        await peer(reader, writer)

    async with server(talk, tls=context) as port:
        url = f"https://127.0.0.1:{port}/as2"
        for one in (ours, next_one, next_one):
            assert (await poster.post(request(port, url=url, trust=(leaf.der,), identity=identity(one)))).status == 200
        assert shown == [ours.der, next_one.der]
        assert await fails(poster, request(port, url=url, trust=(leaf.der,))) in {"tls", "closed"}


def identity(minted: b.Minted) -> TLSIdentity:
    @contextmanager
    def key() -> Iterator[str]:
        descriptor = os.memfd_create("key")
        os.write(descriptor, minted.key_pem + minted.pem)
        yield f"/proc/self/fd/{descriptor}"
        os.close(descriptor)

    return TLSIdentity(fingerprint=minted.certificate.fingerprint, key=key)


async def test_tls_to_a_plain_listener_is_a_tls_failure(poster: DeferredPoster) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with server(plain) as port:
        assert await fails(poster, request(port, url=f"https://127.0.0.1:{port}/")) == "tls"


async def test_trust_that_is_no_certificate_is_malformed(poster: DeferredPoster) -> None:
    wanted = request(1, url="https://127.0.0.1:1/", trust=(b"garbage",))
    assert await fails_with_address(poster, wanted) == "malformed"


def test_every_failure_of_the_client_library_has_a_kind() -> None:
    kinds = {"refused", "unreachable", "tls", "timeout", "closed", "malformed"}
    for name in dir(aiohttp):
        kind = getattr(aiohttp, name)
        if isinstance(kind, type) and issubclass(kind, aiohttp.ClientError):
            assert failure(kind.__new__(kind)).kind in kinds, name
