"""Servers of HTTP and HTTPS on bound sockets, inside the event loop of the process.

The TLS one asks for certificate and trust at every connection, so that a new assignment holds from the next one on, without a restart.
A handshake that fails is news for the operator: it is logged with OpenSSL's reason.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import uvicorn

from counterseal.adapters.http.connections import GuardedHTTP
from counterseal.adapters.http.contexts import server_context
from counterseal.engine.ports import TLSKey
from counterseal.kernel.errors import EnvironmentFault

HANDSHAKE_WITHIN: Final = 30.0
HANDSHAKES: Final = 256
"""Under way at once; more connections wait in the system's queue."""
MAX_HEAD_BYTES: Final = 64 * 1024


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
        """``None``: no certificate is assigned, and no connection can be taken."""

    @property
    def anchors(self) -> tuple[bytes, ...]: ...


class Server(uvicorn.Server):
    """Signals are the process's matter, not a listener's."""

    def __init__(self, application: Any, *, grace_seconds: int) -> None:
        super().__init__(_config(application, grace_seconds))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class TLSServer(Server):
    """``security`` is asked in a thread at every connection."""

    def __init__(self, application: Any, *, grace_seconds: int, security: Callable[[], Security], log: Log) -> None:
        super().__init__(application, grace_seconds=grace_seconds)
        self._security = security
        self._log = log
        self._context: ssl.SSLContext | None = None
        self._version = ""
        self._shaking: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = []
        (bound,) = sockets or []
        self._accepting = asyncio.create_task(self._accept(bound))
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
        for task in self._shaking:
            task.cancel()
        await super().shutdown(sockets)

    async def _accept(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        room = asyncio.Semaphore(HANDSHAKES)
        while True:
            await room.acquire()
            try:
                connection, address = await loop.sock_accept(bound)
            except OSError as error:
                room.release()
                self._log("as2.accept-failed", detail=error.strerror or type(error).__name__)
                await asyncio.sleep(0.5)
                continue
            task = asyncio.create_task(self._take(connection, str(address[0])))
            self._shaking.add(task)
            task.add_done_callback(self._shaking.discard)
            task.add_done_callback(lambda _: room.release())

    async def _take(self, connection: socket.socket, host: str) -> None:
        context = await self._current(host)
        if context is None:
            connection.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connection, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_WITHIN
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or type(error).__name__
            self._log("as2.handshake-failed", remote=host, reason=str(reason))
            with contextlib.suppress(OSError):
                connection.close()

    def _connection(self) -> asyncio.Protocol:
        return GuardedHTTP(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def _current(self, host: str) -> ssl.SSLContext | None:
        try:
            now = await asyncio.to_thread(self._security)
            if now.key is None:
                self._log("as2.no-server-certificate", remote=host)
                return None
            if self._context is None or now.version != self._version:
                self._context = await asyncio.to_thread(server_context, now.key, now.anchors)
                self._version = now.version
        except (EnvironmentFault, ssl.SSLError, OSError) as error:
            self._log("as2.tls-not-available", remote=host, error=f"{type(error).__name__}: {error}")
            return None
        return self._context


def _config(application: Any, grace_seconds: int) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=GuardedHTTP,  # on h11: older AS2 products fold headers, which faster parsers refuse (architecture.md section 4)
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=grace_seconds,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
