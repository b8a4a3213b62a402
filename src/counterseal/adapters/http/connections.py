"""``GuardedHTTP``: uvicorn's HTTP/1.1 connection for listeners that strangers reach: a head comes soon, and connections are counted.

uvicorn waits for the head of a request for as long as it takes, so that a stranger could hold every file descriptor with silence, and
reads on after an early refusal for as long as the other side sends.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 20.0
"""From the connection, or from the first octet on a kept one, to the end of a request's head; and how long a body is read whose
answer has been given."""
MOST_CONNECTIONS: Final = 2000
"""Of one listener. One more is closed at once: those who are being served stay."""


class GuardedHTTP(H11Protocol):
    """uvicorn makes one for each connection."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()

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
