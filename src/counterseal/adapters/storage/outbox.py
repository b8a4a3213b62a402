"""Claiming work: which due rows a worker gets, and how a lease is held.

A lane is a queue with a limit: of its waiting rows at most ``lane_limit`` are held at a time, oldest due first. To choose, the head
of every lane is looked up by index (a hop per lane, however long the queues are), lanes at their limit fall out, and rows are dealt
out in rounds: first the lanes that hold least, among those the oldest. So a partner with ten thousand waiting documents cannot
keep another one's single document waiting for more than a round. Rows without a lane are each a lane of their own.

Who claims holds the lock of all claimers, so that a limit also counts rows that another process is just about to take.
"""

import functools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, bindparam, func, or_, select, true, update
from sqlalchemy.sql.dml import ReturningUpdate

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
    held = {row[0]: row[1] for row in connection.execute(_held(), {"now": wanted.now})}
    heads = [replace(head, turn=held.get(head.lane, 0)) for head in _heads(connection, wanted, held_lanes=len(held))]
    heads = sorted(head for head in heads if head.turn < head.lane_limit)[: wanted.limit]
    without = _found(connection, _rows_of_lane(_any_kind(wanted)), wanted, lane="", but=0, room=wanted.limit)
    chosen = sorted((*heads, *_behind(connection, wanted, heads), *without))[: wanted.limit]
    return _take(connection, wanted, chosen) if chosen else []


def _any_kind(wanted: Claim) -> bool:
    return wanted.kinds is None


def _found(connection: Connection, query: Select[Any], wanted: Claim, **more: Any) -> Iterator[_Candidate]:
    parameters = {"now": wanted.now, **more}
    if wanted.kinds is not None:
        parameters["kinds"] = [kind.value for kind in wanted.kinds]
    for row in connection.execute(query, parameters):
        yield _Candidate(0, *row)


def _heads(connection: Connection, wanted: Claim, *, held_lanes: int) -> Iterator[_Candidate]:
    """The oldest of the lanes' heads. Lanes of which nothing is held come first, so ``limit`` heads would do if none were
    held; any other lane can push out one head at most."""
    query = _lane_heads(connection.dialect.name, _any_kind(wanted))
    return _found(connection, query, wanted, room=wanted.limit + held_lanes)


def _behind(connection: Connection, wanted: Claim, heads: list[_Candidate]) -> Iterator[_Candidate]:
    """What follows the heads in their lanes, as far as limits allow; nothing when the heads are enough."""
    if len(heads) >= wanted.limit:
        return
    for head in heads:
        room = min(head.lane_limit - head.turn, wanted.limit) - 1
        if room > 0:
            rows = _found(connection, _rows_of_lane(_any_kind(wanted)), wanted, lane=head.lane, but=head.seq, room=room)
            yield from (replace(row, turn=head.turn + place) for place, row in enumerate(rows, start=1))


def _take(connection: Connection, wanted: Claim, chosen: list[_Candidate]) -> list[Work]:
    """In the order in which they are to be started. A row that a writer is just changing is left to the next claim."""
    order = {candidate.seq: place for place, candidate in enumerate(chosen)}
    parameters = {"now": wanted.now, "chosen": list(order), "new_owner": wanted.owner, "until": wanted.until}
    rows = sorted(connection.execute(_taking(), parameters).mappings(), key=lambda row: order[row["seq"]])
    return [codec.WORK.value(row) for row in rows]


# The statements are built once; what varies is bound.

_NOW: Final = bindparam("now", type_=schema.Instant)
_ROOM: Final = bindparam("room", type_=Integer)
_COLUMNS: Final = (_W.due, _W.created_at, _W.seq, _W.lane, _W.lane_limit)
_AGE: Final = (_W.due, _W.created_at, _W.seq)


def _claimable(any_kind: bool) -> ColumnElement[bool]:
    ready = and_(schema.WAITING, _W.due <= _NOW, or_(_W.owner == "", _W.lease_until <= _NOW))
    return ready if any_kind else and_(ready, _W.kind.in_(bindparam("kinds", expanding=True)))


@functools.cache
def _held() -> Select[Any]:
    return select(_W.lane, func.count()).where(schema.HELD, _W.lease_until > _NOW, _W.lane != "").group_by(_W.lane)


@functools.cache
def _lane_heads(dialect: str, any_kind: bool) -> Select[Any]:
    """The oldest claimable row of every lane by a loose index scan: one probe finds the next lane, one its head.

    PostgreSQL would read the whole table to join the heads' numbers, so it gets them as a lateral join; SQLite has none.
    """
    lanes = select(func.min(_W.lane).label("lane")).where(schema.WAITING, _W.lane > "").cte("lanes", recursive=True)
    following = select(func.min(_W.lane)).where(schema.WAITING, _W.lane > lanes.c.lane).scalar_subquery()
    lanes = lanes.union_all(select(following).where(lanes.c.lane.is_not(None)))
    head = (
        select(*_COLUMNS).where(_W.lane == lanes.c.lane, _claimable(any_kind)).order_by(*_AGE).limit(1).correlate(lanes)
    )
    if dialect == "postgresql":
        found = head.lateral("head")
        columns = [found.c[column.name] for column in _COLUMNS]
        query = select(*columns).select_from(lanes.join(found, true()))
        return query.order_by(found.c.due, found.c.created_at, found.c.seq).limit(_ROOM)
    number = head.with_only_columns(_W.seq).scalar_subquery()
    numbers = select(number.label("seq")).where(lanes.c.lane.is_not(None))
    return select(*_COLUMNS).where(_W.seq.in_(numbers)).order_by(*_AGE).limit(_ROOM)


@functools.cache
def _rows_of_lane(any_kind: bool) -> Select[Any]:
    in_lane = (_W.lane == bindparam("lane"), _W.seq != bindparam("but"))
    return select(*_COLUMNS).where(*in_lane, _claimable(any_kind)).order_by(*_AGE).limit(_ROOM)


@functools.cache
def _taking() -> ReturningUpdate[Any]:
    chosen = _W.seq.in_(bindparam("chosen", expanding=True))
    unlocked = select(_W.seq).where(chosen, _claimable(any_kind=True)).with_for_update(skip_locked=True)
    values: dict[str, Any] = {"owner": bindparam("new_owner"), "lease_until": bindparam("until")}
    return update(schema.work).where(_W.seq.in_(unlocked.scalar_subquery())).values(**values).returning(schema.work)


def _still_held(row: Work) -> ColumnElement[bool]:
    return and_(_W.id == row.id, _W.owner == row.owner, _W.owner != "", _W.state == WorkState.WAITING.value)


def change_held(connection: Connection, row: Work, values: Mapping[str, Any]) -> None:
    """Changes a row for as long as its owner holds it. Raises ``LeaseLost``."""
    changed = connection.execute(update(schema.work).where(_still_held(row)).values(**values))
    if changed.rowcount != 1:
        raise LeaseLost(f"{row.kind.value} {row.id} is no longer held by {row.owner or 'nobody'}")


def release(connection: Connection, owner: str) -> int:
    """Gives back every row that ``owner``, or one whose name begins with ``owner:``, holds."""
    mine = or_(_W.owner == owner, _W.owner.startswith(f"{owner}:", autoescape=True))
    freed = update(schema.work).where(mine, _W.state == WorkState.WAITING.value).values(owner="", lease_until=None)
    return connection.execute(freed).rowcount


def done() -> dict[str, Any]:
    return {"state": WorkState.DONE.value, "owner": "", "lease_until": None}


def given_back(due: datetime, tries: int) -> dict[str, Any]:
    return {"due": utc(due), "tries": tries, "owner": "", "lease_until": None}
