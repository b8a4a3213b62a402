"""What nothing refers to any more goes by itself: payloads that no row names, outbox rows that were done long ago.

A payload is written before the row that names it, so a process that dies in between leaves one behind. One row of the outbox looks
after that and enqueues its own successor; each time it takes a few shelves of the payload store. Nothing is destroyed here: the
store sets aside what is unclaimed, and its own sweep removes that a month later. A database that was restored from yesterday, or
the wrong one, does not cost a document.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.ports import Ports
from counterseal.kernel.ids import OutboxId

GRACE: Final = timedelta(days=2)
"""A payload younger than this may still get its row."""
DONE_FOR: Final = timedelta(days=14)
"""A done row keeps its key from being enqueued a second time; what could repeat it (a lease, a retry) is over much sooner."""
EVERY: Final = timedelta(minutes=10)
SHELVES: Final = 4
"""At a time: their rows are looked for in all documents and messages."""
ROWS: Final = 2000
"""Done rows that one transaction removes, so that nobody waits long for it."""


def seed(ports: Ports) -> None:
    """The row is there, once."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        if not writer.work(kinds={WorkKind.SWEEP}):
            writer.enqueue(_row(ports, "", now))


def perform(ports: Ports, row: Work) -> None:
    """Performs a ``sweep`` row."""
    now = ports.clock.now()
    before = now - GRACE
    shelves = ports.blobs.shelves(older_than=before)
    todo = next_shelves(shelves, after=row.facts.get("after", ""))
    count = sum(_look_through(ports, shelf, before) for shelf in todo)
    begins_anew = not todo or todo[-1] == shelves[-1]
    if begins_anew:
        _forget_done(ports, now - DONE_FOR)
    with ports.store.write() as writer:
        writer.complete(row)
        writer.enqueue(_row(ports, "" if begins_anew else todo[-1], now + EVERY))
        if count:
            writer.record(
                AuditEvent(
                    at=now,
                    actor="system",
                    event="payloads.set-aside",
                    subject="payloads",
                    facts={"count": str(count), "shelves": " ".join(todo)},
                )
            )


def next_shelves(shelves: Sequence[str], *, after: str) -> Sequence[str]:
    """The next few in order; empty behind the last."""
    return [shelf for shelf in shelves if shelf > after][:SHELVES]


def _look_through(ports: Ports, shelf: str, before: datetime) -> int:
    with ports.store.read() as reader:
        claimed = reader.claimed_payloads(shelf)
    return ports.blobs.set_aside(shelf, claimed=claimed, older_than=before)


def _forget_done(ports: Ports, before: datetime) -> None:
    while True:
        with ports.store.write() as writer:
            if writer.forget_done(before, limit=ROWS) < ROWS:
                return


def _row(ports: Ports, after: str, due: datetime) -> Work:
    new_id = ports.entropy.new_id()
    return Work(
        id=OutboxId(new_id),
        kind=WorkKind.SWEEP,
        key=f"sweep:{new_id}",
        lane="sweep",
        lane_limit=1,
        subject="payloads",
        facts={"after": after},
        due=due,
        created_at=ports.clock.now(),
    )
