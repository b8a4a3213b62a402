"""``OFTPListener``: takes calls on one address, plain or with TLS, and carries a session over each.

Certificate and trust are asked for at every call, so that a new assignment holds from the next connection on, without a restart.
A handshake that fails is news for the operator: it is logged with OpenSSL's reason.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, Protocol

from counterseal.adapters.tcp.carrier import Wire, carry, link_of
from counterseal.adapters.tcp.contexts import server_context
from counterseal.engine.ports import Talk, TLSKey
from counterseal.kernel.errors import EnvironmentFault

BACKLOG: Final = 256
HANDSHAKE_WITHIN: Final = 30.0
CONNECTIONS: Final = 256
PER_ADDRESS: Final = 32
"""Of one remote address: a partner needs few, a flood should not take them all."""


class Log(Protocol):
    """A constant event name, everything else as fields."""

    def __call__(self, event: str, **fields: str) -> None: ...


class Security(Protocol):
    """What the listener presents and trusts just now."""

    @property
    def version(self) -> str:
        """Changes whenever anything of it does."""

    @property
    def key(self) -> TLSKey | None:
        """``None``: no certificate is assigned, and no call can be taken."""

    @property
    def anchors(self) -> tuple[bytes, ...]: ...


class OFTPListener:
    """Belongs to one event loop. ``security`` is ``None`` for plain TCP, else asked (in a thread) at every call."""

    def __init__(
        self,
        bound: socket.socket,
        *,
        answer: Callable[[], Talk],
        threads: Executor,
        security: Callable[[], Security] | None,
        log: Log,
    ) -> None:
        bound.setblocking(False)
        bound.listen(BACKLOG)  # calls queue up from here on, whatever else still starts
        self._socket = bound
        self._answer = answer
        self._threads = threads
        self._security = security
        self._log = log
        self._context: ssl.SSLContext | None = None
        self._version = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._from: Counter[str] = Counter()

    async def serve(self) -> None:
        """Until cancelled. Sessions under way are left alone; ``stop`` ends them."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._socket)
            except OSError as error:
                self._log("oftp2.accept-failed", detail=error.strerror or type(error).__name__)
                await asyncio.sleep(0.5)
                continue
            host = str(address[0])
            if len(self._tasks) >= CONNECTIONS or self._from[host] >= PER_ADDRESS:
                self._log("oftp2.too-many-connections", remote=host)
                connection.close()
                continue
            self._from[host] += 1
            task = asyncio.create_task(self._take(connection, host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self, *, grace_seconds: float) -> None:
        """Waits for sessions, then cuts them: what they have not finished goes on in later ones."""
        self._socket.close()
        if self._tasks:
            _, going = await asyncio.wait(self._tasks, timeout=grace_seconds)
            for task in going:
                task.cancel()
            if going:
                await asyncio.wait(going)

    async def _take(self, connection: socket.socket, host: str) -> None:
        try:
            wire = await self._shaken(connection, host)
            if wire is None:
                return
            talk = self._answer()
            talk.begin(link_of(wire))
            await carry(talk, wire, self._threads)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 one connection's defect must not stop the listener
            self._log("oftp2.defect", remote=host, error=f"{type(error).__name__}: {error}")
        finally:
            self._from[host] -= 1
            if not self._from[host]:
                del self._from[host]

    async def _shaken(self, connection: socket.socket, host: str) -> Wire | None:
        """The connection, its TLS handshake made; ``None``: it failed, and the log says why."""
        loop = asyncio.get_running_loop()
        context = None
        if self._security is not None:
            context = await self._current(host)
            if context is None:
                connection.close()
                return None
        try:
            _, wire = await loop.connect_accepted_socket(
                Wire,
                connection,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_WITHIN if context is not None else None,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or type(error).__name__
            self._log("oftp2.handshake-failed", remote=host, reason=str(reason))
            with contextlib.suppress(OSError):
                connection.close()
            return None
        return wire

    async def _current(self, host: str) -> ssl.SSLContext | None:
        security = self._security
        assert security is not None
        try:
            now = await asyncio.to_thread(security)
            if now.key is None:
                self._log("oftp2.no-server-certificate", remote=host)
                return None
            if self._context is None or now.version != self._version:
                self._context = await asyncio.to_thread(server_context, now.key, now.anchors)
                self._version = now.version
        except (EnvironmentFault, ssl.SSLError, OSError) as error:
            self._log("oftp2.tls-not-available", remote=host, error=f"{type(error).__name__}: {error}")
            return None
        return self._context
