"""The audit trail: events stored as they happen, given their place in the hash chain afterwards by one sealer at a time.

A writer inserts events without a place, so that writers do not wait for each other. The sealer takes what is committed and unsealed
in order of insertion, under a lock that every process on the database shares, and writes sequence, predecessor and hash. Should
the lock ever fail, the unique predecessor makes a fork impossible: the second sealer's transaction breaks.
"""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, bindparam, select, update

from counterseal.adapters.storage import schema
from counterseal.adapters.storage.codec import storable
from counterseal.domain.audit import AuditEvent, SealedEntry, seal
from counterseal.kernel.clock import utc

_FACTS: Final = TypeAdapter(dict[str, str])
_BATCH: Final = 1000

_UNSEALED: Final = select(schema.audit).where(schema.UNSEALED).order_by(schema.audit.c.seq).limit(_BATCH)
_LAST: Final = (
    select(schema.audit).where(schema.audit.c.sequence.is_not(None)).order_by(schema.audit.c.sequence.desc()).limit(1)
)
_PLACE: Final = (
    update(schema.audit)
    .where(schema.audit.c.seq == bindparam("row"))
    .values(sequence=bindparam("place"), previous=bindparam("before"), hash=bindparam("own"))
)


def row_of(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": utc(event.at),
        "actor": storable(event.actor),
        "event": event.event,
        "subject": storable(event.subject),
        "community_id": event.community_id,
        "facts": _FACTS.dump_json({name: storable(fact) for name, fact in event.facts.items()}).decode(),
    }


def _event_of(row: RowMapping) -> AuditEvent:
    return AuditEvent(
        at=row["at"],
        actor=row["actor"],
        event=row["event"],
        subject=row["subject"],
        community_id=row["community_id"],
        facts=_FACTS.validate_json(row["facts"]),
    )


def entry_of(row: RowMapping) -> SealedEntry:
    return SealedEntry(sequence=row["sequence"], event=_event_of(row), previous=row["previous"], hash=row["hash"])


def seal_batch(connection: Connection) -> int:
    """Seals up to a thousand events inside the caller's transaction, which must be the only one that seals; how many."""
    rows = connection.execute(_UNSEALED).mappings().all()
    if not rows:
        return 0
    last = connection.execute(_LAST).mappings().first()
    entries = seal((_event_of(row) for row in rows), after=entry_of(last) if last else None)
    connection.execute(_PLACE, _places(rows, entries))
    return len(entries)


def _places(rows: Iterable[RowMapping], entries: list[SealedEntry]) -> list[dict[str, Any]]:
    return [
        {"row": row["seq"], "place": entry.sequence, "before": entry.previous, "own": entry.hash}
        for row, entry in zip(rows, entries, strict=True)
    ]


def more(count: int) -> bool:
    """Whether a batch of this size may have left something."""
    return count == _BATCH
