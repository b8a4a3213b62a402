"""Claiming work: which due rows a worker gets, and how a lease is held.

A lane is a queue with a limit: of its waiting rows at most ``lane_limit`` are held at a time, oldest due first. To choose, the head
of every lane is looked up by index (a hop per lane, however long the queues are), lanes at their limit fall out, and rows are dealt
out in rounds: first the lanes that hold least, among those the oldest. So a partner with ten thousand waiting documents cannot
keep another one's single document waiting for more than a round. Rows without a lane are each a lane of their own.

Who claims holds the lock of all claimers, so that a limit also counts rows that another process is just about to take.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, update

from counterseal.adapters.storage import codec, schema
from counterseal.domain.work import Work, WorkKind, WorkState
from counterseal.engine.ports import LeaseLost
from counterseal.kernel.clock import utc

_W: Final = schema.work.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one worker asks for."""

    now: datetime
    owner: str
    until: datetime
    limit: int
    kinds: Collection[WorkKind] | None


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """Sorts by turn, then age."""

    turn: int
    """How many of its lane would be held before this one."""
    due: datetime
    created_at: datetime
    seq: int
    lane: str
    lane_limit: int


def claim(connection: Connection, wanted: Claim) -> list[Work]:
    """Takes the rows inside the caller's transaction, which must hold the claimers' lock."""
    held = _held(connection, wanted.now)
    heads = [replace(c, turn=held.get(c.lane, 0)) for c in _heads(connection, wanted)]
    heads = sorted(c for c in heads if c.turn < c.lane_limit)[: wanted.limit]
    chosen = sorted((*heads, *_behind(connection, wanted, heads), *_without_lane(connection, wanted)))[: wanted.limit]
    return _take(connection, wanted, chosen) if chosen else []


def _claimable(wanted: Claim) -> ColumnElement[bool]:
    free = or_(_W.owner == "", _W.lease_until <= wanted.now)
    ready = and_(schema.WAITING, _W.due <= wanted.now, free)
    return and_(ready, _W.kind.in_([k.value for k in wanted.kinds])) if wanted.kinds is not None else ready


def _held(connection: Connection, now: datetime) -> dict[str, int]:
    query = select(_W.lane, func.count()).where(schema.HELD, _W.lease_until > now, _W.lane != "").group_by(_W.lane)
    return {row[0]: row[1] for row in connection.execute(query)}


def _candidates(connection: Connection, query: Select[Any], *, turn: int, step: int) -> Iterator[_Candidate]:
    for number, row in enumerate(connection.execute(query)):
        yield _Candidate(
            turn=turn + number * step,
            due=row.due,
            created_at=row.created_at,
            seq=row.seq,
            lane=row.lane,
            lane_limit=row.lane_limit,
        )


_COLUMNS: Final = (_W.due, _W.created_at, _W.seq, _W.lane, _W.lane_limit)
_AGE: Final = (_W.due, _W.created_at, _W.seq)


def _heads(connection: Connection, wanted: Claim) -> Iterator[_Candidate]:
    """The oldest claimable row of every lane: a loose index scan, one probe per lane."""
    first = select(func.min(_W.lane).label("lane")).where(schema.WAITING, _W.lane > "")
    lanes = first.cte("lanes", recursive=True)
    following = select(func.min(_W.lane)).where(schema.WAITING, _W.lane > lanes.c.lane).scalar_subquery()
    lanes = lanes.union_all(select(following).where(lanes.c.lane.is_not(None)))
    head = (
        select(_W.seq)
        .where(_W.lane == lanes.c.lane, _claimable(wanted))
        .order_by(*_AGE)
        .limit(1)
        .correlate(lanes)
        .scalar_subquery()
    )
    found = select(head.label("seq")).where(lanes.c.lane.is_not(None)).subquery("heads")
    query = select(*_COLUMNS).where(_W.seq.in_(select(found.c.seq)))
    return _candidates(connection, query, turn=0, step=0)


def _behind(connection: Connection, wanted: Claim, heads: list[_Candidate]) -> Iterator[_Candidate]:
    """What follows the heads in their lanes, as far as limits allow; nothing when the heads are enough."""
    if len(heads) >= wanted.limit:
        return
    for head in heads:
        room = min(head.lane_limit - head.turn, wanted.limit) - 1
        if room > 0:
            query = select(*_COLUMNS).where(_W.lane == head.lane, _W.seq != head.seq, _claimable(wanted))
            yield from _candidates(connection, query.order_by(*_AGE).limit(room), turn=head.turn + 1, step=1)


def _without_lane(connection: Connection, wanted: Claim) -> Iterator[_Candidate]:
    query = select(*_COLUMNS).where(_W.lane == "", _claimable(wanted)).order_by(*_AGE).limit(wanted.limit)
    return _candidates(connection, query, turn=0, step=0)


def _take(connection: Connection, wanted: Claim, chosen: list[_Candidate]) -> list[Work]:
    """In the order in which they are to be started. A row that a writer is just changing is left to the next claim."""
    order = {candidate.seq: place for place, candidate in enumerate(chosen)}
    unlocked = select(_W.seq).where(_W.seq.in_(list(order)), _claimable(wanted)).with_for_update(skip_locked=True)
    take = (
        update(schema.work)
        .where(_W.seq.in_(unlocked.scalar_subquery()))
        .values(owner=wanted.owner, lease_until=wanted.until)
        .returning(schema.work)
    )
    rows = sorted(connection.execute(take).mappings(), key=lambda row: order[row["seq"]])
    return [codec.WORK.value(row) for row in rows]


def _still_held(row: Work) -> ColumnElement[bool]:
    return and_(_W.id == row.id, _W.owner == row.owner, _W.owner != "", _W.state == WorkState.WAITING.value)


def change_held(connection: Connection, row: Work, values: Mapping[str, Any]) -> None:
    """Changes a row for as long as its owner holds it. Raises ``LeaseLost``."""
    changed = connection.execute(update(schema.work).where(_still_held(row)).values(**values))
    if changed.rowcount != 1:
        raise LeaseLost(f"{row.kind.value} {row.id} is no longer held by {row.owner or 'nobody'}")


def done() -> dict[str, Any]:
    return {"state": WorkState.DONE.value, "owner": "", "lease_until": None}


def given_back(due: datetime, tries: int) -> dict[str, Any]:
    return {"due": utc(due), "tries": tries, "owner": "", "lease_until": None}
