"""The simulated partner on a socket: takes calls in threads, and calls the gateway when it is told to."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from counterseal.protocols.oftp2.events import SessionEnded
from counterseal.protocols.oftp2.machine import Settings
from counterseal.protocols.oftp2.session import Session
from counterseal_sim.oftp2.dials import AnswerDial, OFTP2Dials
from counterseal_sim.oftp2.relation import Relation
from counterseal_sim.oftp2.talk import Memory, Taken, Talk

TIMEOUT_SECONDS: Final = 30.0
_SETTINGS: Final = Settings(inactivity=timedelta(seconds=TIMEOUT_SECONDS), refused_quirks=frozenset())

__all__ = ["OFTP2Partner", "Taken"]


class OFTP2Partner:
    """Listens on a loopback port, without TLS, until the context ends. ``dials`` may change at any time."""

    def __init__(self, relation: Relation, *, now: Callable[[], datetime], dials: OFTP2Dials) -> None:
        self.relation = relation
        self.dials = dials
        self._memory = Memory()
        self._now = now
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def taken(self) -> list[Taken]:
        """Files that came whole, oldest first."""
        return list(self._memory.taken)

    @property
    def owes(self) -> int:
        """How many receipts the gateway does not have yet."""
        return len(self._memory.owed)

    @property
    def endings(self) -> list[SessionEnded]:
        return list(self._memory.endings)

    @property
    def broken(self) -> int:
        """How many connections it reset."""
        return self._memory.broken

    def turn(self, **dials: object) -> None:
        """Changes some dials, from the next session on."""
        self.dials = replace(self.dials, **dials)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def call(self, port: int) -> SessionEnded | None:
        """Calls the gateway, brings the receipts that it is owed, and hears what it has. ``None``: no session came about."""
        connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        before = len(self._memory.endings)
        now = self._now()
        self._talk(connection, Session.initiate(self.relation.offer(self.dials), _SETTINGS, now=now))
        return self._memory.endings[-1] if len(self._memory.endings) > before else None

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._take, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT_SECONDS)
        if self.dials.answer is AnswerDial.MUTE:
            self._open.add(connection)
            with contextlib.suppress(OSError), connection:
                while connection.recv(4096):
                    pass
            self._open.discard(connection)
            return
        self._talk(connection, Session.respond(_SETTINGS, now=self._now()))

    def _talk(self, connection: socket.socket, session: Session) -> None:
        self._open.add(connection)
        try:
            Talk(connection, self.relation, self._memory, self.dials, session=session, now=self._now).run()
        finally:
            self._open.discard(connection)
