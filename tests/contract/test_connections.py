"""Connections to a listener of ours: a silent or endless one ends, a crowd is turned away, whoever is served stays."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from counterseal.adapters.http import connections
from counterseal.adapters.http.connections import GuardedHTTP

SOON = 0.15
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answering(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Reads the body unless the path says otherwise; the answer is ``ok``."""
    while scope["path"] != "/early" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    config = uvicorn.Config(answering, http=GuardedHTTP, ws="none", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        serving = asyncio.create_task(server._serve([bound]))
        writers = []

        async def connect() -> Streams:
            reader, writer = await asyncio.open_connection(*bound.getsockname())
            writers.append(writer)
            return reader, writer

        yield connect
        for writer in writers:
            writer.close()
        server.should_exit = True
        await serving


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes within five times the patience."""
    with contextlib.suppress(ConnectionError):
        try:
            await asyncio.wait_for(reader.read(), 5 * SOON)
        except TimeoutError:
            return False
    return True


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", SOON)


@pytest.mark.parametrize("said", [b"", b"POST / HTTP/1.1\r\nHost:"])
def test_a_head_that_does_not_come_ends_the_connection(said: bytes) -> None:
    async def play() -> None:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(said)
            assert await ended(reader)

    asyncio.run(play())


def test_the_next_head_on_a_kept_connection_has_to_come_too() -> None:
    async def play() -> None:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(POST + b"ok")
            await reader.readuntil(b"\r\n\r\nok")
            writer.write(b"POST / HTT")
            assert await ended(reader)

    asyncio.run(play())


def test_a_head_that_comes_drop_by_drop_is_no_reason_to_wait() -> None:
    async def play() -> None:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(b"POST / HTTP/1.1\r\n")
            ending = asyncio.create_task(ended(reader))
            with contextlib.suppress(ConnectionError):
                while not ending.done():
                    writer.write(b"x: y\r\n")
                    await writer.drain()
                    await asyncio.sleep(SOON / 5)
            assert await ending

    asyncio.run(play())


def test_a_body_may_take_longer_than_a_head_and_the_connection_is_kept() -> None:
    async def play() -> None:
        async with listening() as connect:
            reader, writer = await connect()
            for _ in range(2):
                writer.write(POST + b"o")
                await asyncio.sleep(2 * SOON)
                writer.write(b"k")
                assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    asyncio.run(play())


def test_a_body_without_end_is_not_read_after_its_answer() -> None:
    async def play() -> None:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            await reader.readuntil(b"ok")
            ending = asyncio.create_task(ended(reader))
            with contextlib.suppress(ConnectionError):
                while not ending.done():
                    writer.write(b"1\r\nx\r\n")
                    await writer.drain()
                    await asyncio.sleep(SOON / 5)
            assert await ending

    asyncio.run(play())


def test_a_crowd_is_turned_away_and_the_first_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 1)

    async def play() -> None:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(POST)
            await asyncio.sleep(SOON / 3)
            late, _ = await connect()
            assert await ended(late)
            writer.write(b"ok")
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    asyncio.run(play())
