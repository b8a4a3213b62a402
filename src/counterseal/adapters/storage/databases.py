"""How the two databases open, read and write: connections and transactions, nothing of what is in them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from counterseal.adapters.storage import faults
from counterseal.adapters.storage.turn import WriterTurn

_CLAIMERS: Final = 0x636F756E_00000001
_SEALERS: Final = 0x636F756E_00000002
_OPENERS: Final = 0x636F756E_00000003
"""Keys of PostgreSQL's advisory locks, which one database's clients share."""


class Database(Protocol):
    """What the store needs of a database."""

    locks_rows: bool
    """Whether a by-id read inside a writer must lock its row."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A read transaction: one consistent picture."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A write transaction, durable when left normally."""

    def claiming(self) -> AbstractContextManager[Connection]:
        """A write transaction that no other claimer shares its time with, in any process."""

    def sealing(self) -> AbstractContextManager[Connection]:
        """The same for sealers."""

    def opening(self) -> AbstractContextManager[Connection]:
        """The same for those who make or change tables."""

    def close(self) -> None: ...


def _json_as_text(value: Any) -> Any:
    """Values come from pydantic as JSON text and go to pydantic as such."""
    return value


class SQLite:
    """A file in WAL mode with full durability, or a private database in memory."""

    locks_rows = False

    def __init__(self, url: URL) -> None:
        self._in_memory = url.database in {None, "", ":memory:"}
        self._engine = _sqlite_engine(url, in_memory=self._in_memory)
        event.listen(self._engine, "connect", self._prepare)
        with faults.mapped():
            self._writer = self._engine.connect()
        self._turn = WriterTurn(self._writer, shared_commit=not self._in_memory)
        # Opening, claiming, sealing and writing all stand in the same queue; between processes SQLite's write lock decides.
        self.writing = self.claiming = self.sealing = self.opening = self._turn.transaction

    def _prepare(self, connection: Any, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 20000")
        if not self._in_memory:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA journal_size_limit = 67108864")
        cursor.execute("PRAGMA cache_size = -16000")
        cursor.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if self._in_memory:  # one connection is all there is of a database in memory
            with self._turn.transaction() as connection:
                yield connection
            return
        with faults.mapped():
            connection = self._engine.connect()
        try:
            with faults.mapped():
                connection.exec_driver_sql("BEGIN")
            yield connection
        finally:
            connection.close()  # the pool rolls back

    def close(self) -> None:
        self._writer.close()
        self._engine.dispose()


def _sqlite_engine(url: URL, *, in_memory: bool) -> Engine:
    """SQLAlchemy's autocommit: the transaction statements are ours, so that only writes begin IMMEDIATE."""
    shared: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "connect_args": {"check_same_thread": False},
        "json_serializer": _json_as_text,
        "json_deserializer": _json_as_text,
    }
    if in_memory:
        return create_engine(url, poolclass=StaticPool, **shared)
    return create_engine(url, poolclass=QueuePool, pool_size=8, max_overflow=32, **shared)


class PostgreSQL:
    """A server that several processes share."""

    locks_rows = True

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            json_serializer=_json_as_text,
            json_deserializer=_json_as_text,
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with faults.mapped():
            connection = self._reading.connect()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with faults.mapped():
            connection = self._engine.connect()
        try:
            yield connection
            with faults.mapped():
                connection.commit()
        finally:
            connection.close()  # the pool rolls back what was not committed

    @contextmanager
    def _alone(self, key: int) -> Iterator[Connection]:
        with self.writing() as connection:
            with faults.mapped():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield connection

    def claiming(self) -> AbstractContextManager[Connection]:
        return self._alone(_CLAIMERS)

    def sealing(self) -> AbstractContextManager[Connection]:
        return self._alone(_SEALERS)

    def opening(self) -> AbstractContextManager[Connection]:
        return self._alone(_OPENERS)

    def close(self) -> None:
        self._engine.dispose()
