"""``GuardedHTTP``: uvicorn's HTTP/1.1 connection for listeners that strangers reach: a head comes soon, and connections are counted.

uvicorn waits for the head of a request for as long as it takes, so that a stranger could hold every file descriptor with silence, and
reads on after an early refusal for as long as the other side sends. The application finds a ``Link`` in its scope's state: whom the
connection reaches, and what TLS said; uvicorn does not put the certificate there.
"""

import asyncio
from collections import Counter
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from counterseal.adapters.http.contexts import verified_chain
from counterseal.engine.ports import Link

HEAD_SECONDS: Final = 20.0
"""From the connection, or from the first octet on a kept one, to the end of a request's head; and how long a body is read whose
answer has been given."""
MOST_CONNECTIONS: Final = 2000
"""Of one listener. One more is turned away at once: those who are being served stay."""
MOST_OF_ADDRESS: Final = 256
"""Of one remote address: a proxy in front brings many partners through one, a flood should not take all."""
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nRetry-After: 10\r\n"
    b"Content-Length: 54\r\n\r\nToo many connections at the moment. Try again later.\r\n"
)
_from: Final[Counter[str]] = Counter()


class GuardedHTTP(H11Protocol):
    """uvicorn makes one for each connection."""

    _overdue: asyncio.TimerHandle | None = None
    _host = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.app_state = {**self.app_state, "link": link_of(transport)}
        self._host = str(self.client[0]) if self.client else ""
        _from[self._host] += 1
        if len(self.connections) > MOST_CONNECTIONS or _from[self._host] > MOST_OF_ADDRESS:
            transport.write(_FULL)
            transport.close()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()
        _from[self._host] -= 1
        if _from[self._host] <= 0:
            del _from[self._host]

    def _watch(self) -> None:
        """The clock runs while no request is being served."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop_watching()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(HEAD_SECONDS, self._close)

    def _stop_watching(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _close(self) -> None:
        self._overdue = None
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.abort()


def link_of(transport: asyncio.BaseTransport) -> Link:
    """Whom the connection reaches, and what TLS said."""
    peer = transport.get_extra_info("peername")
    remote = ""
    if isinstance(peer, tuple):
        remote = f"[{peer[0]}]:{peer[1]}" if ":" in str(peer[0]) else f"{peer[0]}:{peer[1]}"
    secured: Any = transport.get_extra_info("ssl_object")
    if secured is None:
        return Link(remote=remote)
    return Link(remote=remote, tls=secured.version() or "", peer_chain=verified_chain(secured))
