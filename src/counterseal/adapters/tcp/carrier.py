"""Carries one session over one connection: octets in, a step in a thread, octets out.

The event loop only moves octets (and, with TLS, en- and decrypts them); everything that a session does with them, storing included,
happens in a thread, one step at a time. While a step runs, the loop goes on filling the inbox up to its limit and writing what the
step before gave. So both directions are bounded: ``INBOX`` octets wait at most, and no step begins while more than
``OUTBOX`` octets wait to be written.
"""

import asyncio
import socket
import ssl
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any, Final

from counterseal.engine.ports import Link, Talk

BUFFER: Final = 256 * 1024
INBOX: Final = 2 * 1024 * 1024
OUTBOX: Final = 2 * 1024 * 1024
CLOSE_WITHIN: Final = 10.0
"""Seconds for the last octets to be written."""


class Wire(asyncio.BufferedProtocol):
    """One connection. ``inbox`` is what came and nobody has taken."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(BUFFER))
        self._parts: list[bytes] = []
        self._held = 0
        self._paused = False
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.transport: asyncio.Transport | None = None
        self.closed = asyncio.Event()
        self.error: Exception | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=OUTBOX)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # Large credit windows meet peers without it: 40 ms a window (oftp2-scx.md C 29).
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._parts.append(bytes(self._buffer[:nbytes]))
        self._held += nbytes
        if self._held >= INBOX and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self.ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.ended = True
        self.closed.set()
        self._news.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def take(self) -> bytes:
        """Everything that came."""
        octets = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._held = 0
        self._news.clear()
        if self._paused and self.transport is not None and not self.ended:
            self._paused = False
            self.transport.resume_reading()
        return octets

    async def wait(self, seconds: float | None) -> None:
        """Until something came, the connection ended, or the time is up."""
        if self._parts or self.ended:
            return
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return

    async def write(self, octets: bytes, seconds: float | None) -> bool:
        """Hands it to the connection; false when the other side has not taken enough within the time."""
        assert self.transport is not None
        if octets and not self.transport.is_closing():
            self.transport.write(octets)
        if self._writable.is_set():
            return True
        try:
            await asyncio.wait_for(self._writable.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """What was written leaves first; a peer that takes nothing is cut off."""
        if self.transport is None:
            return
        self.transport.close()
        try:
            await asyncio.wait_for(self.closed.wait(), CLOSE_WITHIN)
        except TimeoutError:
            self.transport.abort()


async def carry(talk: Talk, wire: Wire, threads: Executor) -> None:
    """Until the session is over and the connection closed. Cancelled, it says good-bye to nobody, but the session is ended."""
    loop = asyncio.get_running_loop()
    try:
        await _exchange(talk, wire, threads)
    finally:
        why = _why(wire.error)
        await asyncio.shield(loop.run_in_executor(threads, talk.lost, why))
        await wire.close()


async def _exchange(talk: Talk, wire: Wire, threads: Executor) -> None:
    loop = asyncio.get_running_loop()
    output = await loop.run_in_executor(threads, talk.step, b"")
    while True:
        stepping = None
        if talk.wants_step and not talk.must_close:
            # The next piece is made while this one is written.
            stepping = loop.run_in_executor(threads, talk.step, wire.take())
        written = await wire.write(output, _patience(talk))
        if stepping is not None:
            output = await stepping
            if written and not wire.closed.is_set():
                continue
        else:
            output = b""
        if talk.must_close or not written:
            await wire.write(output, CLOSE_WITHIN)
            return
        await wire.wait(_patience(talk))
        octets = wire.take()
        if wire.ended and not octets:
            return
        output = await loop.run_in_executor(threads, talk.step, octets)


def _patience(talk: Talk) -> float | None:
    deadline = talk.deadline
    if deadline is None:
        return None
    return max((deadline - datetime.now(UTC)).total_seconds(), 0.001)


def _why(error: Exception | None) -> str:
    """What broke the connection, in a sentence; empty for an ordinary end."""
    match error:
        case None:
            return ""
        case ssl.SSLError():
            return f"TLS failed: {error.reason or 'unknown reason'}."
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return "The connection was cut by the other side."
        case TimeoutError():
            return "The network did not answer any more."
        case _:
            return "The connection broke."


def link_of(wire: Wire) -> Link:
    """What is known of the connection once it stands."""
    assert wire.transport is not None
    peer = wire.transport.get_extra_info("peername")
    remote = f"[{peer[0]}]:{peer[1]}" if peer and ":" in peer[0] else f"{peer[0]}:{peer[1]}" if peer else ""
    secured: Any = wire.transport.get_extra_info("ssl_object")
    if secured is None:
        return Link(remote=remote)
    cipher = secured.cipher()
    return Link(
        remote=remote, tls=f"{secured.version()} {cipher[0] if cipher else ''}".strip(), peer_chain=_chain(secured)
    )


def _chain(secured: Any) -> tuple[bytes, ...]:
    """The verified chain, own certificate first. ``ssl`` shows it publicly from Python 3.13 on; before, its engine does."""
    own = secured.getpeercert(binary_form=True)
    if own is None:
        return ()
    public = getattr(secured, "get_verified_chain", None)
    if public is not None:
        return tuple(public())
    inner = getattr(secured, "_sslobj", None)
    found = inner.get_verified_chain() if inner is not None else None
    return tuple(ssl.PEM_cert_to_DER_cert(c.public_bytes()) for c in found) if found else (own,)
