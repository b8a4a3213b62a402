"""The public listener: takes AS2 messages off the wire, and answers with what the engine says.

The head is judged before a byte of the body is read. A small body stays in memory, a larger one goes to the payload store as it
arrives; nobody ever holds a large one. Blocking work runs in threads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from counterseal.engine.as2 import receiving
from counterseal.engine.as2.answering import Answer, plain
from counterseal.engine.as2.receiving import Incoming, Known
from counterseal.engine.ports import BlobTooLarge, BlobWriter, Ports
from counterseal.kernel.errors import EnvironmentFault
from counterseal.kernel.ids import BlobId

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Log = Callable[..., None]

IN_MEMORY_BYTES: Final = 1024 * 1024
BODY_PAUSE_SECONDS: Final = 60.0
"""A sender that stalls this long in the middle of a body is cut off."""
BODY_GRACE_SECONDS: Final = 300.0
BODY_SLOWEST: Final = 500.0
"""Octets a second, on the average, that a body must have after ``BODY_GRACE_SECONDS``: drops keep a connection no longer."""


class _Cut(Exception):
    """The body did not arrive whole."""


class PublicListener:
    """An ASGI application."""

    def __init__(self, ports: Ports, *, max_bytes: int, log: Log) -> None:
        self._ports = ports
        self._max_bytes = max_bytes
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except _Cut:
            answer = plain(400, "The message did not arrive whole. Send it again.")
        except EnvironmentFault as fault:
            self._log("as2.not-received", code=fault.code, detail=fault.detail)
            answer = plain(503, "The message could not be stored just now. Send it again later.")
        except Exception as error:  # noqa: BLE001 a defect of ours must not tell the sender about itself
            self._log("as2.defect", error=f"{type(error).__name__}: {error}")
            answer = plain(500, "Something went wrong on this side. Send it again later.")
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["path"] in {"/health", "/health/live"}:
            return plain(200, "ok")
        if scope["method"] != "POST":
            return plain(405, "This is an AS2 address: it takes POST.") if scope["method"] != "GET" else _hello()
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        announced = next((value for name, value in headers if name == "content-length"), "")
        if announced.isdigit() and int(announced) > self._max_bytes:
            return plain(413, f"The message is larger than the {self._max_bytes} bytes that are taken here.")
        started_at = self._ports.clock.now()
        known = await asyncio.to_thread(receiving.admit, self._ports, headers)
        if not isinstance(known, Known):
            return known
        body = _Body(self._ports, receive, max_bytes=self._max_bytes)
        try:
            await body.take()
        except BlobTooLarge:
            return plain(413, f"The message is larger than the {self._max_bytes} bytes that are taken here.")
        client = scope.get("client") or ("", 0)
        incoming = Incoming(
            known=known,
            body=body.chunks,
            wire=body.blob,
            size=body.size,
            remote=f"{client[0]}:{client[1]}",
            started_at=started_at,
        )
        return await asyncio.to_thread(receiving.receive, self._ports, incoming)


class _Body:
    """A request body: in memory while it is small, then in the payload store."""

    def __init__(self, ports: Ports, receive: Receive, *, max_bytes: int) -> None:
        self._ports = ports
        self._receive = receive
        self._max_bytes = max_bytes
        self._memory = bytearray()
        self.blob: BlobId | None = None
        self.size = 0

    async def take(self) -> None:
        """Raises ``_Cut``, ``BlobTooLarge``, ``BlobUnavailable``."""
        writer: BlobWriter | None = None
        try:
            async for chunk in self._pieces():
                self.size += len(chunk)
                self._memory += chunk
                if self.size > self._max_bytes:
                    raise BlobTooLarge(f"more than {self._max_bytes} bytes")
                if len(self._memory) > IN_MEMORY_BYTES:
                    writer = writer or self._ports.blobs.create(max_bytes=self._max_bytes)
                    await asyncio.to_thread(writer.write, bytes(self._memory))
                    self._memory.clear()
            if writer is not None:
                await asyncio.to_thread(writer.write, bytes(self._memory))
                self._memory.clear()
                self.blob = await asyncio.to_thread(writer.commit)
        finally:
            if writer is not None and self.blob is None:
                writer.abort()

    async def _pieces(self) -> Any:
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            lasted = clock() - began
            if lasted > BODY_GRACE_SECONDS and self.size < lasted * BODY_SLOWEST:
                raise _Cut
            try:
                event = await asyncio.wait_for(self._receive(), BODY_PAUSE_SECONDS)
            except TimeoutError as error:
                raise _Cut from error
            if event["type"] != "http.request":
                raise _Cut
            yield event.get("body", b"")
            if not event.get("more_body", False):
                return

    def chunks(self) -> Iterable[bytes]:
        """From the beginning, as often as wanted."""
        return self._ports.blobs.read(self.blob) if self.blob is not None else iter((bytes(self._memory),))


def _hello() -> Answer:
    return plain(200, "This is an AS2 address. Partners send their messages here by POST.")


async def _send(send: Send, answer: Answer) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
