"""Writes of one transaction."""

import functools
import secrets
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Executable, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult

from counterseal.adapters.storage import chain, codec, faults, outbox, schema
from counterseal.adapters.storage.memory import Memory
from counterseal.adapters.storage.reader import Configuration, TransactionOver
from counterseal.adapters.storage.records import Conversations, Documents, Files, Trails
from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, SealedKey
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.work import Work, WorkKind, WorkState
from counterseal.engine.ports import Conflict, Entity, Removable
from counterseal.kernel.clock import utc
from counterseal.kernel.errors import Fault
from counterseal.kernel.ids import UserId


class SQLReader(Configuration, Conversations, Documents, Files, Trails):
    """Every read of the port."""

    def close(self) -> None:
        self._over = "the transaction is over: its context has been left"


@functools.cache
def _upsert(kind: type, dialect: str) -> Executable:
    """Insert, or replace by identity; ``seq`` stays, so that the order of creation does."""
    codec_ = codec.ENTITIES[kind]
    table = codec_.table
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    replaced = {
        c.name: statement.excluded[c.name] for c in table.columns if c.name != "seq" and c.name not in codec_.identity
    }
    return statement.on_conflict_do_update(index_elements=list(codec_.identity), set_=replaced)  # type: ignore[no-any-return]


@functools.cache
def _enqueue(dialect: str) -> Executable:
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(schema.work)
    return statement.on_conflict_do_nothing(index_elements=["key"])  # type: ignore[no-any-return]


@functools.cache
def _new_token(dialect: str) -> Executable:
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(schema.generation)
    return statement.on_conflict_do_update(index_elements=["id"], set_={"token": statement.excluded.token})  # type: ignore[no-any-return]


CONFIGURATION: Final = (Community, Station, Partner, Agreement, HeldCertificate, SealedKey, Assignment)
"""What ``memory.py`` remembers."""
_RECORD: Final = insert(schema.audit)


def _order(entity: Entity) -> int:
    """What leaves the state *active* goes before what enters it: one put may exchange the two."""
    return 1 if isinstance(entity, Assignment) and entity.produces else 0


class SQLWriter(SQLReader):
    """One write transaction. After a conflict it takes nothing any more and cannot be committed."""

    def __init__(self, connection: Connection, *, locks: bool, memory: Memory) -> None:
        super().__init__(connection, locks=locks, memory=memory)
        self._dialect = connection.dialect.name
        self._changed = False

    def _execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        try:
            return super()._execute(statement, parameters)
        except Fault:
            self._over = self._over or "the transaction failed before; nothing of it is stored"
            raise

    def ensure_whole(self) -> None:
        """Raises ``TransactionOver`` when a failure inside was swallowed: half a transaction is not committed."""
        if self._over:
            raise TransactionOver(self._over)

    def put(self, *entities: Entity) -> None:
        self._note_changes(entities)
        for kind, group in groupby(sorted(entities, key=_order), key=type):
            rows = [codec.ENTITIES[kind].row(entity) for entity in group]
            self._execute(_upsert(kind, self._dialect), rows[0] if len(rows) == 1 else rows)

    def _note_changes(self, entities: tuple[object, ...]) -> None:
        """The configuration is another one from here on, for us and, once this is committed, for everybody."""
        if self._changed or not any(isinstance(e, CONFIGURATION) for e in entities):
            return
        token = self._read_token()
        if token and all(
            isinstance(e, Assignment) and self._memory.only_seen(token, e)
            for e in entities
            if isinstance(e, CONFIGURATION)
        ):
            return
        self._changed, self._token = True, ""
        self._execute(_new_token(self._dialect), {"id": 1, "token": secrets.token_hex(16)})

    def remove(self, *entities: Removable) -> None:
        self._note_changes(entities)
        for entity in entities:
            kind: codec.Codec[Any] = codec.ENTITIES[type(entity)]
            self._refuse_while_referred_to(kind, entity)
            where = [kind.table.c[name] == getattr(entity, name) for name in kind.identity]
            self._execute(delete(kind.table).where(*where))

    def _refuse_while_referred_to(self, kind: codec.Codec[Any], entity: Any) -> None:
        for column in schema.REFERRED_BY.get(kind.table, ()):
            count = self._execute(select(func.count()).where(column == entity.id)).scalar()
            if count:
                things = column.table.name.replace("_", " ")
                raise Conflict(f"{count} {things} still refer to it; switch it off instead of removing it")

    def end_access(self, user_id: UserId) -> None:
        sessions, links = schema.browser_sessions, schema.one_time_links
        self._execute(delete(sessions).where(sessions.c.user_id == user_id))
        self._execute(delete(links).where(links.c.user_id == user_id, links.c.used_at.is_(None)))

    def forget_expired_access(self, now: datetime) -> None:
        for table in (schema.browser_sessions, schema.one_time_links):
            self._execute(delete(table).where(table.c.expires_at <= utc(now)))

    def enqueue(self, *rows: Work) -> None:
        for row in rows:
            self._execute(_enqueue(self._dialect), codec.WORK.row(row))

    def complete(self, row: Work) -> None:
        self._change_held(row, outbox.done())

    def reschedule(self, row: Work, *, due: datetime, tries: int) -> None:
        self._change_held(row, outbox.given_back(due, tries))

    def hold(self, row: Work) -> None:
        self._change_held(row, {"owner": row.owner})

    def _change_held(self, row: Work, values: dict[str, Any]) -> None:
        self.ensure_whole()
        try:
            with faults.mapped():
                outbox.change_held(self._connection, row, values)
        except Fault:
            self._over = "the lease was lost; nothing of this transaction is stored"
            raise

    def cancel_work(self, *, kind: WorkKind, subject: str) -> None:
        columns = schema.work.c
        unclaimed = (columns.state == WorkState.WAITING.value, columns.owner == "")
        self._execute(delete(schema.work).where(columns.kind == kind.value, columns.subject == subject, *unclaimed))

    def forget_done(self, before: datetime, *, limit: int) -> int:
        columns = schema.work.c
        old = (columns.state == WorkState.DONE.value, columns.due < utc(before), columns.created_at < utc(before))
        oldest = select(columns.seq).where(*old).order_by(columns.seq).limit(limit)
        return self._execute(delete(schema.work).where(columns.seq.in_(oldest.scalar_subquery()))).rowcount

    def record(self, *events: AuditEvent) -> None:
        rows = [chain.row_of(event) for event in events]
        if rows:
            self._execute(_RECORD, rows[0] if len(rows) == 1 else rows)
