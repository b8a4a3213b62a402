"""The public listener on a real socket, against RFC 9110 and 9112: methods, framing, and answers that reach who is still writing."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from counterseal.adapters.http.listener import PublicListener
from counterseal.adapters.http.serving import Server
from tests.engine.world import ORDERS, World

MOST = 300_000


@contextlib.asynccontextmanager
async def listening(world: World) -> AsyncIterator[tuple[str, int]]:
    server = Server(
        PublicListener(world.alpha.ports, max_bytes=MOST, log=lambda *_, **__: None),
        grace_seconds=1,
    )
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        serving = asyncio.create_task(server.serve([bound]))
        yield bound.getsockname()
        server.should_exit = True
        await serving


def answer_to(world: World, *octets: bytes) -> bytes:
    """All that comes until the listener closes, or has been silent for a while."""

    async def play() -> bytes:
        async with listening(world) as address:
            reader, writer = await asyncio.open_connection(*address)
            heard = bytearray()
            for piece in octets:
                writer.write(piece)
                await writer.drain()
            with contextlib.suppress(TimeoutError):
                while piece := await asyncio.wait_for(reader.read(65536), 0.4):
                    heard += piece
                heard += b"<closed>"
            writer.close()
            return bytes(heard)

    return asyncio.run(play())


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"OPTIONS"])
def test_another_method_is_told_which_are_allowed(world: World, method: bytes) -> None:
    heard = answer_to(world, method + b" /as2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
    assert heard.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: GET, HEAD, POST\r\n" in heard


@pytest.mark.parametrize("path", [b"/as2", b"/health"])
def test_head_is_get_without_its_content(world: World, path: bytes) -> None:
    get, head = (
        answer_to(world, method + b" " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n") for method in (b"GET", b"HEAD")
    )
    assert get.startswith(b"HTTP/1.1 200 ")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: " + str(len(get.partition(b"\r\n\r\n")[2])).encode() in head
    assert head.partition(b"\r\n\r\n")[2] == b""


def test_two_ways_of_saying_where_a_body_ends_are_refused_and_end_the_connection(world: World) -> None:
    """RFC 9112 6.1: what is one message for a proxy could be two for us."""
    wire = world.bravo.document(ORDERS)
    head = b"".join(f"{n}: {v}\r\n".encode() for n, v in wire.headers if n.lower() != "content-length")
    chunked = f"{len(wire.body):x}\r\n".encode() + wire.body + b"\r\n0\r\n\r\n"
    start = b"POST /as2 HTTP/1.1\r\nHost: x\r\n" + head
    both = b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"

    heard = answer_to(world, start + both + chunked)

    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.endswith(b"<closed>")
    assert answer_to(world, start + b"Transfer-Encoding: chunked\r\n\r\n" + chunked).startswith(b"HTTP/1.1 200 ")


def test_who_still_writes_a_body_that_is_too_large_hears_so(world: World) -> None:
    """Closing at once would reset the connection, and the answer would be lost with it."""
    wire = world.bravo.document(ORDERS)
    head = b"".join(f"{n}: {v}\r\n".encode() for n, v in wire.headers if n.lower() != "content-length")
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"

    heard = answer_to(
        world,
        b"POST /as2 HTTP/1.1\r\nHost: x\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n",
        *[piece] * 40,
        b"0\r\n\r\n",
    )

    assert heard.startswith(b"HTTP/1.1 413 ")
    assert heard.endswith(b"<closed>")
    assert world.alpha.ports.blobs.kept == {}  # type: ignore[attr-defined]
