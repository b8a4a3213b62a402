"""Tables of the outbox and of the audit trail.

Literals in the conditions of partial indexes stand as text: neither database can use such an index for a bound parameter.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, UniqueConstraint, text

from counterseal.adapters.storage.columns import SCHEMA, at, json_text, number, seq, words

work = Table(
    "work",
    SCHEMA,
    seq(),
    words("id"),
    words("kind"),
    words("key"),
    words("lane"),
    number("lane_limit"),
    words("subject"),
    json_text("facts"),
    words("state"),
    at("due"),
    words("owner"),
    at("lease_until", null=True),
    number("tries"),
    at("created_at"),
    UniqueConstraint("id"),
    UniqueConstraint("key"),
    Index(None, "subject"),
)
WAITING: Final = text("work.state = 'waiting'")
HELD: Final = text("work.state = 'waiting' AND work.owner <> ''")
FREE: Final = text("work.state = 'waiting' AND work.owner = ''")
_WAITING_INDEX: Final = text("state = 'waiting'")
_FREE_INDEX: Final = text("state = 'waiting' AND owner = ''")
_HELD_INDEX: Final = text("state = 'waiting' AND owner <> ''")
# The head of each lane, what is due next and what is held now, without touching what is done.
Index(
    "ix_work_waiting_lanes",
    work.c.lane,
    work.c.due,
    work.c.created_at,
    work.c.seq,
    sqlite_where=_WAITING_INDEX,
    postgresql_where=_WAITING_INDEX,
)
Index("ix_work_free_due", work.c.due, sqlite_where=_FREE_INDEX, postgresql_where=_FREE_INDEX)
Index("ix_work_held", work.c.lane, sqlite_where=_HELD_INDEX, postgresql_where=_HELD_INDEX)

audit = Table(
    "audit",
    SCHEMA,
    seq(),
    at("at"),
    words("actor"),
    words("event"),
    words("subject"),
    words("community_id", null=True),
    json_text("facts"),
    Column("sequence", BigInteger, nullable=True),
    words("previous", null=True),
    words("hash", null=True),
    # Two entries with the same place or the same predecessor would be a fork: the database refuses it.
    UniqueConstraint("sequence"),
    UniqueConstraint("previous"),
    Index(None, "subject"),
)
UNSEALED: Final = text("audit.sequence IS NULL")
Index(
    "ix_audit_unsealed",
    audit.c.seq,
    sqlite_where=text("sequence IS NULL"),
    postgresql_where=text("sequence IS NULL"),
)

generation = Table(
    "generation",
    SCHEMA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    words("token"),
)
"""One row: the token of ``memory.py``."""
