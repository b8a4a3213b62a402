"""``SQLStore``: the port ``Store`` over SQLite and PostgreSQL."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from counterseal.adapters.storage import chain, faults, migrate, outbox
from counterseal.adapters.storage.databases import Database, PostgreSQL, SQLite
from counterseal.adapters.storage.memory import Memory
from counterseal.adapters.storage.writer import SQLReader, SQLWriter
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.ports import StoreUnavailable
from counterseal.kernel.clock import utc
from counterseal.kernel.errors import CallerFault


class NestedTransaction(CallerFault):
    """A transaction was begun inside another one of the same thread."""

    code = "store.nested-transaction"


class UnknownDatabase(CallerFault):
    """The address names neither SQLite nor PostgreSQL."""

    code = "store.unknown-database"


def _database(url: str) -> Database:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UnknownDatabase(
            "the database address is not readable; expected sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return SQLite(parsed)
        case "postgresql":
            return PostgreSQL(parsed.set(drivername="postgresql+psycopg"))
        case other:
            raise UnknownDatabase(f"there is no storage on {other!r}; expected sqlite:///FILE or postgresql://...")


class SQLStore:
    """Every context is one transaction; a thread has at most one at a time and leaves it where it entered it."""

    def __init__(self, url: str, *, settle: Callable[[], None] = lambda: None) -> None:
        """Opens the database and brings its tables up to date. Raises ``StoreUnavailable``.

        ``settle`` is called before each commit: what rows refer to outside the database is durable when it returns.
        """
        self._settle = settle
        self._database = _database(url)
        self._inside = threading.local()
        self._memory = Memory()
        try:
            with self._database.opening() as connection, faults.mapped():
                migrate.bring_up_to_date(connection)
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def in_memory(cls) -> "SQLStore":
        """A private SQLite database that is gone with this object: for tests."""
        return cls("sqlite://")

    @contextmanager
    def _alone_in_thread(self) -> Iterator[None]:
        if getattr(self._inside, "now", False):
            raise NestedTransaction("this thread is inside a transaction; leave that one first")
        self._inside.now = True
        try:
            yield
        finally:
            self._inside.now = False

    @contextmanager
    def read(self) -> Iterator[SQLReader]:
        with self._alone_in_thread(), self._database.reading() as connection:
            reader = SQLReader(connection, locks=False, memory=self._memory)
            try:
                yield reader
            finally:
                reader.close()

    @contextmanager
    def write(self) -> Iterator[SQLWriter]:
        self._settle()  # outside the queue of the writers; inside it there is seldom something left
        with self._alone_in_thread(), self._database.writing() as connection:
            writer = SQLWriter(connection, locks=self._database.locks_rows, memory=self._memory)
            try:
                yield writer
                writer.ensure_whole()
                self._settle()
            finally:
                writer.close()

    def claim(
        self, *, now: datetime, owner: str, lease: timedelta, limit: int, kinds: Collection[WorkKind] | None = None
    ) -> list[Work]:
        """In the order in which they are to be started. ``owner`` should be new for every claim: a lease is held by it."""
        if limit < 1 or not owner:
            raise CallerFault("a claim needs an owner and room for at least one row")
        wanted = outbox.Claim(now=utc(now), owner=owner, until=utc(now) + lease, limit=limit, kinds=kinds)
        with self._alone_in_thread(), self._database.claiming() as connection, faults.mapped():
            return outbox.claim(connection, wanted)

    def release(self, owner: str) -> int:
        if not owner:
            raise CallerFault("only what a named owner holds can be given back")
        with self._alone_in_thread(), self._database.writing() as connection, faults.mapped():
            return outbox.release(connection, owner)

    def extend(self, row: Work, *, until: datetime) -> None:
        with self._alone_in_thread(), self._database.writing() as connection, faults.mapped():
            outbox.change_held(connection, row, {"lease_until": utc(until)})

    def seal(self) -> int:
        total = 0
        while True:
            with self._alone_in_thread(), self._database.sealing() as connection, faults.mapped():
                count = chain.seal_batch(connection)
            total += count
            if not chain.more(count):
                return total

    def check(self) -> None:
        """Writes nothing, but takes the right to write and gives it back."""
        with self._alone_in_thread(), self._database.writing() as connection, faults.mapped():
            version = migrate.version_of(connection)
        if version != migrate.HEAD:
            raise StoreUnavailable(f"the database has the tables of version {version}, expected {migrate.HEAD}")

    def close(self) -> None:
        """Ends every connection; only when nobody is inside any more."""
        self._database.close()
