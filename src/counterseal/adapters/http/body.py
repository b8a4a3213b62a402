"""A request body on its way in: whole and in time, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from counterseal.engine.ports import BlobTooLarge, BlobWriter, Ports
from counterseal.kernel.ids import BlobId

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

IN_MEMORY_BYTES: Final = 256 * 1024
PAUSE_SECONDS: Final = 60.0
"""A sender that stalls this long in the middle of a body is cut off."""
GRACE_SECONDS: Final = 300.0
SLOWEST: Final = 500.0
"""Octets a second, on the average, that a body must have after ``GRACE_SECONDS``: drops keep a connection no longer."""
DRAINED_BYTES: Final = 16 * 1024 * 1024
DRAINED_SECONDS: Final = 5.0


class Cut(Exception):
    """The body did not arrive whole."""

    def __init__(self, text: str, *, slow: bool) -> None:
        super().__init__(text)
        self.text = text
        self.slow = slow


class Body:
    """In memory while it is small, then in the payload store."""

    def __init__(self, ports: Ports, receive: Receive, *, max_bytes: int) -> None:
        self._ports = ports
        self._receive = receive
        self._max_bytes = max_bytes
        self._memory = bytearray()
        self.blob: BlobId | None = None
        self.size = 0

    async def take(self) -> None:
        """Raises ``Cut``, ``BlobTooLarge``, ``BlobUnavailable``."""
        writer: BlobWriter | None = None
        try:
            async for chunk in _pieces(self._receive):
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

    def chunks(self) -> Iterable[bytes]:
        """From the beginning, as often as wanted."""
        return self._ports.blobs.read(self.blob) if self.blob is not None else iter((bytes(self._memory),))


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    began, size = clock(), 0
    while True:
        lasted = clock() - began
        if lasted > GRACE_SECONDS and size < lasted * SLOWEST:
            raise Cut(f"The message came slower than {SLOWEST:.0f} bytes a second. Send it again.", slow=True)
        try:
            event = await asyncio.wait_for(receive(), PAUSE_SECONDS)
        except TimeoutError as error:
            text = f"The message stood still for {PAUSE_SECONDS:.0f} seconds. Send it again."
            raise Cut(text, slow=True) from error
        if event["type"] != "http.request":
            raise Cut("The message did not arrive whole. Send it again.", slow=False)
        chunk = event.get("body", b"")
        size += len(chunk)
        yield chunk
        if not event.get("more_body", False):
            return


async def drain(receive: Receive) -> bool:
    """Reads and forgets what still comes, within bounds; whether it came to its end."""
    size = 0
    try:
        async with asyncio.timeout(DRAINED_SECONDS):
            async for chunk in _pieces(receive):
                size += len(chunk)
                if size > DRAINED_BYTES:
                    return False
    except (TimeoutError, Cut):
        return False
    return True
