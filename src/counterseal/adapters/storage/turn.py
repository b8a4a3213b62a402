"""One writer at a time inside this process on SQLite, and one commit for those who queue up behind each other.

SQLite has one write transaction at a time; a queue of ours is fair and wakes the next writer at once, where SQLite's own busy
loop sleeps. Each writer works inside a savepoint. Who finds others waiting when it is done hands the open transaction on and waits;
the last one, at the latest after ``_MOST`` writers or ``_LONGEST`` seconds, commits for all of them. Nobody is told that
its write is durable before that commit has returned; if it fails, all of them are told so. A writer that raises rolls back to its
savepoint and leaves the others as they were.

    turn     free -> taken by A -> handed to B -> handed to C -> free
    SQLite   BEGIN  A's savepoint   B's savepoint  C's savepoint  COMMIT (A, B and C return)
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection

from counterseal.adapters.storage import faults
from counterseal.engine.ports import StoreUnavailable
from counterseal.kernel.errors import Fault

_MOST: Final = 64
_LONGEST: Final = 0.02
"""Seconds: what the first of a batch waits at most for the others to begin, besides the last one's own work."""
_PATIENCE: Final = 60.0
"""Seconds that a writer queues before it gives up."""


class _Batch:
    """Those who share one commit."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.members = 0
        self.settled = threading.Event()
        self.fault: Fault | None = None

    def settle(self, fault: Fault | None) -> None:
        self.fault = fault
        self.settled.set()

    @property
    def full(self) -> bool:
        return self.members >= _MOST or time.monotonic() - self.began > _LONGEST


class WriterTurn:
    """Gives its connection to one thread at a time."""

    def __init__(self, connection: Connection, *, shared_commit: bool) -> None:
        self._connection = connection
        self._shared_commit = shared_commit
        self._lock = threading.Lock()
        self._taken = False
        self._queue: deque[threading.Event] = deque()
        self._batch: _Batch | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Durable when left normally, undone when left by an exception. Raises ``StoreUnavailable``."""
        self._take()
        batch = self._begin()
        try:
            yield self._connection
        except BaseException:
            self._leave(batch, keep=False)
            raise
        self._leave(batch, keep=True)
        batch.settled.wait()
        if batch.fault is not None:
            raise StoreUnavailable(batch.fault.detail) from batch.fault

    def _take(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._queue.append(mine)
        if mine.wait(_PATIENCE):
            return
        with self._lock:
            if mine not in self._queue:  # it was handed to us in this very moment
                return
            self._queue.remove(mine)
        raise StoreUnavailable(f"another write has been going on for {_PATIENCE:.0f} seconds")

    def _pass_on(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._taken = False

    def _sql(self, statement: str) -> None:
        with faults.mapped():
            self._connection.exec_driver_sql(statement)

    def _begin(self) -> _Batch:
        try:
            if self._batch is None:
                self._sql("BEGIN IMMEDIATE")
            batch = self._batch or _Batch()
            self._sql("SAVEPOINT writer")
        except Fault as fault:
            if self._batch is not None:
                self._batch.settle(fault)
                self._batch = None
                self._abandon()
            self._pass_on()
            raise
        self._batch = batch
        return batch

    def _leave(self, batch: _Batch, *, keep: bool) -> None:
        """Ends our part; commits unless somebody waits to go on with the same transaction."""
        fault = self._end_savepoint(keep=keep)
        batch.members += keep and fault is None
        if fault is None and self._shared_commit and not batch.full and self._hand_on():
            return
        self._batch = None
        batch.settle(fault or self._commit())
        self._pass_on()

    def _end_savepoint(self, *, keep: bool) -> Fault | None:
        """A fault means that the whole transaction is gone: SQLite gives up all of it when the disk is full, for instance."""
        try:
            if not keep:
                self._sql("ROLLBACK TO writer")
            self._sql("RELEASE writer")
        except Fault as fault:
            self._abandon()
            return fault
        return None

    def _hand_on(self) -> bool:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
                return True
            return False

    def _commit(self) -> Fault | None:
        try:
            self._sql("COMMIT")
        except Fault as fault:
            self._abandon()
            return fault
        return None

    def _abandon(self) -> None:
        try:
            self._sql("ROLLBACK")
        except Fault:
            return  # SQLite has rolled back by itself
