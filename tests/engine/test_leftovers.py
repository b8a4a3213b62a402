"""What a crash left behind, and what was done long ago, goes by itself; what a row names stays."""

from datetime import timedelta

import pytest

from counterseal.domain.work import WorkKind
from counterseal.engine import leftovers
from counterseal.engine.leftovers import next_shelves
from counterseal.kernel.ids import BlobId
from tests.engine.world import ORDERS, World
from tests.gateway import MemoryBlobs

ORPHAN = BlobId("blob-orphan")


def kept(world: World) -> dict[BlobId, bytes]:
    blobs = world.alpha.ports.blobs
    assert isinstance(blobs, MemoryBlobs)
    return blobs.kept


@pytest.fixture
def swept(world: World) -> World:
    """A document came in and one went out; a process died between a payload and its row."""
    world.give(world.bravo.document(ORDERS))
    world.alpha.send(ORDERS)
    world.work()
    kept(world)[ORPHAN] = b"left behind"
    return world


def rows_done(world: World) -> int:
    with world.alpha.ports.store.read() as reader:
        rows = reader.work(open_only=False)
        return len(rows) - len(reader.work())


def test_a_payload_that_no_row_names_is_set_aside_and_the_audit_counts_it(swept: World) -> None:
    before = set(kept(swept))
    leftovers.seed(swept.alpha.ports)
    swept.work()
    assert before - set(kept(swept)) == {ORPHAN}
    (event,) = [e for e in swept.alpha.events() if e.event == "payloads.set-aside"]
    assert dict(event.facts) == {"count": "1", "shelves": "blob"}
    assert swept.alpha.failures == []


def test_where_nothing_is_left_over_nothing_happens_and_the_next_look_is_planned(swept: World) -> None:
    del kept(swept)[ORPHAN]
    before = set(kept(swept))
    leftovers.seed(swept.alpha.ports)
    leftovers.seed(swept.alpha.ports)
    swept.work()
    assert set(kept(swept)) == before
    assert "payloads.set-aside" not in swept.alpha.event_names()
    (row,) = swept.alpha.work(WorkKind.SWEEP)
    assert row.due == swept.clock.now() + leftovers.EVERY


def test_done_rows_are_forgotten_two_weeks_later_and_waiting_ones_never(swept: World) -> None:
    leftovers.seed(swept.alpha.ports)
    swept.work()
    waiting = {row.kind for row in swept.alpha.work()}
    assert rows_done(swept) == 3
    swept.clock.pass_time(leftovers.DONE_FOR + timedelta(hours=1))
    swept.work()
    assert rows_done(swept) == 1, "the look itself"
    assert {row.kind for row in swept.alpha.work()} == waiting


def test_shelves_come_in_turn_and_begin_anew_behind_the_last() -> None:
    shelves = [f"{n:02x}" for n in range(6)]
    assert next_shelves(shelves, after="") == ["00", "01", "02", "03"]
    assert next_shelves(shelves, after="03") == ["04", "05"]
    assert next_shelves(shelves, after="05") == []
    assert next_shelves([], after="") == []
