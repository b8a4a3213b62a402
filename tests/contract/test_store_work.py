"""``Store``: the outbox. Order, lanes and their limits, leases, fencing, and workers that die."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from counterseal.adapters.storage import SQLStore
from counterseal.domain.work import Work, WorkKind, WorkState
from counterseal.engine.ports import LeaseLost, Window
from counterseal.kernel.errors import CallerFault
from tests import builders as b

NOW = b.NOW
LEASE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def enqueue(store: SQLStore, *rows: Work) -> None:
    with store.write() as writer:
        writer.enqueue(*rows)


def claim(
    store: SQLStore, *, now: datetime = NOW, owner: str = "one", limit: int = 10, **more: list[WorkKind]
) -> list[Work]:
    return store.claim(now=now, owner=owner, lease=LEASE, limit=limit, **more)


def complete(store: SQLStore, *rows: Work) -> None:
    with store.write() as writer:
        for row in rows:
            writer.complete(row)


def ids(rows: list[Work]) -> list[str]:
    return [row.id for row in rows]


def test_a_claimed_row_says_who_holds_it_and_until_when(store: SQLStore) -> None:
    row = b.a_work_row(facts={"reason": "ü"}, tries=2)
    enqueue(store, row)
    assert claim(store) == [replace(row, owner="one", lease_until=NOW + LEASE)]
    assert claim(store, owner="two") == []


def test_a_second_row_with_the_same_key_is_not_stored(store: SQLStore) -> None:
    first = b.a_work_row(key="k", subject="first")
    enqueue(store, first, b.a_work_row(key="k", subject="second"))
    enqueue(store, b.a_work_row(key="k", subject="third"))
    with store.read() as reader:
        assert reader.work() == [first]
    complete(store, *claim(store))
    enqueue(store, b.a_work_row(key="k", subject="fourth"))
    with store.read() as reader:
        assert reader.work() == []


def test_rows_come_oldest_due_first_then_oldest_created_then_first_stored(store: SQLStore) -> None:
    third = b.a_work_row(due=NOW, created_at=NOW)
    fourth = b.a_work_row(due=NOW, created_at=NOW)
    second = b.a_work_row(due=NOW, created_at=NOW - SECOND)
    first = b.a_work_row(due=NOW - SECOND, created_at=NOW)
    enqueue(store, third, fourth, second, first)
    assert ids(claim(store, limit=3)) == [first.id, second.id, third.id]
    assert ids(claim(store)) == [fourth.id]


def test_what_is_not_due_waits_and_next_due_says_how_long(store: SQLStore) -> None:
    later, soon = b.a_work_row(due=NOW + 2 * SECOND), b.a_work_row(due=NOW + SECOND)
    enqueue(store, later, soon)
    assert claim(store) == []
    with store.read() as reader:
        assert reader.next_due() == NOW + SECOND
    assert ids(claim(store, now=NOW + SECOND)) == [soon.id]
    with store.read() as reader:
        assert reader.next_due() == NOW + 2 * SECOND


def test_of_a_held_row_next_due_is_the_end_of_its_lease(store: SQLStore) -> None:
    enqueue(store, b.a_work_row())
    held = claim(store)
    with store.read() as reader:
        assert reader.next_due() == NOW + LEASE
    complete(store, *held)
    with store.read() as reader:
        assert reader.next_due() is None


def test_only_the_asked_for_kinds_are_claimed(store: SQLStore) -> None:
    sweep = b.a_work_row(kind=WorkKind.SWEEP)
    in_lane = b.a_work_row(kind=WorkKind.SWEEP, lane="x")
    before_it = b.a_work_row(kind=WorkKind.SEND_RECEIPT, lane="x", due=NOW - SECOND)
    enqueue(store, sweep, b.a_work_row(), before_it, in_lane)
    assert set(ids(claim(store, kinds=[WorkKind.SWEEP]))) == {sweep.id, in_lane.id}
    assert claim(store, kinds=[]) == []


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_lane_never_has_more_rows_held_than_its_limit(store: SQLStore, limit: int) -> None:
    rows = [b.a_work_row(lane="partner", lane_limit=limit, due=NOW + n * timedelta(microseconds=1)) for n in range(8)]
    enqueue(store, *rows)
    at = NOW + SECOND
    first = claim(store, now=at, owner="one", limit=10)
    assert ids(first) == ids(rows[:limit])
    assert claim(store, now=at, owner="two") == []
    complete(store, first[0])
    assert ids(claim(store, now=at, owner="two")) == [rows[limit].id]


def test_a_lease_that_ran_out_no_longer_counts_for_its_lane(store: SQLStore) -> None:
    rows = [b.a_work_row(lane="partner"), b.a_work_row(lane="partner")]
    enqueue(store, *rows)
    assert ids(claim(store, owner="dead")) == [rows[0].id]
    assert claim(store, now=NOW + LEASE - SECOND, owner="heir") == []
    assert ids(claim(store, now=NOW + LEASE, owner="heir")) == [rows[0].id]


def test_a_partner_with_many_rows_does_not_keep_another_waiting(store: SQLStore) -> None:
    crowd = [b.a_work_row(lane="a-crowd", lane_limit=4, due=NOW - timedelta(hours=1)) for _ in range(100)]
    single = b.a_work_row(lane="single", lane_limit=4, due=NOW)
    enqueue(store, *crowd, single)
    claimed = ids(claim(store, limit=2))
    assert claimed == [crowd[0].id, single.id]
    assert ids(claim(store, limit=10, owner="two")) == ids(crowd[1:4])


def test_lanes_are_dealt_out_in_rounds(store: SQLStore) -> None:
    lanes = {name: [b.a_work_row(lane=name, lane_limit=3) for _ in range(3)] for name in ("x", "y", "z")}
    enqueue(store, *(row for rows in lanes.values() for row in rows))
    assert [row.lane for row in claim(store, limit=7)] == ["x", "y", "z", "x", "y", "z", "x"]


def test_rows_without_a_lane_have_no_limit(store: SQLStore) -> None:
    rows = [b.a_work_row(lane="", lane_limit=1) for _ in range(7)]
    enqueue(store, *rows)
    assert len(claim(store, limit=5)) == 5
    assert len(claim(store, limit=5, owner="two")) == 2


def test_who_lost_the_lease_can_neither_complete_nor_reschedule_nor_extend(store: SQLStore) -> None:
    enqueue(store, b.a_work_row())
    (late,) = claim(store, owner="late")
    (now_held,) = claim(store, owner="heir", now=NOW + LEASE)
    document = b.a_document()
    with pytest.raises(LeaseLost), store.write() as writer:  # noqa: PT012 what came before must be undone
        writer.put(document)
        writer.complete(late)
    with pytest.raises(LeaseLost), store.write() as writer:
        writer.reschedule(late, due=NOW, tries=1)
    with pytest.raises(LeaseLost):
        store.extend(late, until=NOW + LEASE)
    with store.read() as reader:
        assert reader.work() == [now_held]
        assert reader.documents(community_id=None, window=Window()) == []
    complete(store, now_held)
    with pytest.raises(LeaseLost):
        complete(store, now_held)


def test_only_who_holds_a_row_may_go_on_with_it(store: SQLStore) -> None:
    enqueue(store, b.a_work_row())
    (old,) = claim(store)
    with store.write() as writer:
        writer.hold(old)
    (new,) = claim(store, now=NOW + 2 * LEASE, owner="two")

    with pytest.raises(LeaseLost), store.write() as writer:
        writer.hold(old)
    with store.write() as writer:
        writer.hold(new)
        writer.complete(new)


def test_a_row_that_nobody_claimed_cannot_be_completed(store: SQLStore) -> None:
    row = b.a_work_row()
    enqueue(store, row)
    with pytest.raises(LeaseLost):
        complete(store, row)


def test_a_completed_row_is_held_by_nobody_and_no_longer_open(store: SQLStore) -> None:
    enqueue(store, b.a_work_row())
    rows = claim(store)
    complete(store, *rows)
    with store.read() as reader:
        (done,) = reader.work(open_only=False)
        assert reader.work() == []
    assert (done.state, done.owner, done.lease_until) == (WorkState.DONE, "", None)


def test_an_extended_lease_is_not_taken_over(store: SQLStore) -> None:
    enqueue(store, b.a_work_row())
    (row,) = claim(store)
    store.extend(row, until=NOW + 10 * LEASE)
    assert claim(store, owner="two", now=NOW + 9 * LEASE) == []
    complete(store, row)


def test_a_rescheduled_row_is_free_at_its_new_time(store: SQLStore) -> None:
    enqueue(store, b.a_work_row())
    (row,) = claim(store)
    with store.write() as writer:
        writer.reschedule(row, due=NOW + SECOND, tries=row.tries + 1)
    assert claim(store) == []
    (again,) = claim(store, now=NOW + SECOND, owner="two")
    assert (again.id, again.tries, again.due) == (row.id, 1, NOW + SECOND)


def test_cancelling_takes_back_only_what_nobody_has_claimed(store: SQLStore) -> None:
    held, waiting, other = (
        b.a_work_row(subject="d"),
        b.a_work_row(subject="d", due=NOW + SECOND),
        b.a_work_row(subject="e"),
    )
    enqueue(store, held)
    (claimed,) = claim(store)
    enqueue(store, waiting, other, b.a_work_row(subject="d", kind=WorkKind.RECEIPT_TIMEOUT))
    with store.write() as writer:
        writer.cancel_work(kind=WorkKind.SEND_DOCUMENT, subject="d")
    with store.read() as reader:
        assert reader.work(subject="d", kinds=[WorkKind.SEND_DOCUMENT]) == [claimed]
        assert len(reader.work()) == 3
    enqueue(store, waiting)  # its key is free again
    with store.read() as reader:
        assert len(reader.work(subject="d")) == 3


@pytest.mark.parametrize(("owner", "limit"), [("", 1), ("one", 0)])
def test_a_claim_without_owner_or_room_is_refused(store: SQLStore, owner: str, limit: int) -> None:
    with pytest.raises(CallerFault):
        claim(store, owner=owner, limit=limit)


def test_an_enqueue_that_is_rolled_back_is_never_claimed(store: SQLStore) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as writer:  # noqa: PT012 the exception after it is the point
        writer.enqueue(b.a_work_row())
        _ = 1 / 0
    assert claim(store) == []


def test_concurrent_claimers_share_out_every_row_once_and_keep_the_limits(open_store: Callable[[], SQLStore]) -> None:
    """Two stores on one database, eight threads, five lanes: nothing twice, nothing left, never more than the limit."""
    stores = [open_store(), open_store()]
    rows = [b.a_work_row(lane=f"lane-{n % 5}", lane_limit=2) for n in range(60)]
    enqueue(stores[0], *rows)
    done: list[str] = []
    broken: list[str] = []

    def work(number: int) -> None:
        store = stores[number % 2]
        chance = random.Random(number)
        idle = 0
        while idle < 200 and len(done) < len(rows):
            claimed = claim(store, owner=f"{number}-{chance.random()}", limit=chance.randint(1, 4))
            idle = 0 if claimed else idle + 1
            if claimed:
                with store.read() as reader:
                    held = Counter(row.lane for row in reader.work() if row.owner)
                broken.extend(lane for lane, count in held.items() if count > 2)
            for row in claimed:
                complete(store, row)
                done.append(row.id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert broken == []
    assert sorted(done) == sorted(ids(rows))


_VICTIM = """
import sys, time
sys.path.insert(0, {root!r})
from datetime import timedelta
from counterseal.adapters.storage import SQLStore
from tests import builders as b
store = SQLStore({url!r})
(row,) = store.claim(now=b.NOW, owner="victim", lease=timedelta(minutes=1), limit=1)
with store.write() as writer:
    writer.complete(row)
    print("inside", flush=True)
    time.sleep(60)
"""


def test_work_of_a_killed_worker_is_taken_over_after_its_lease(shared_url: str) -> None:
    """It is killed inside the transaction that completes the row: the row is neither lost nor done."""
    store = SQLStore(shared_url)
    row = b.a_work_row()
    enqueue(store, row)
    root = str(Path(__file__).parents[2])
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM.format(root=root, url=shared_url)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    assert victim.stdout.readline().strip() == "inside"
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    assert claim(store, owner="heir") == []
    (again,) = claim(store, owner="heir", now=NOW + LEASE)
    assert again.id == row.id
    complete(store, again)
    store.close()


def test_a_claim_does_not_look_at_every_waiting_row(store: SQLStore) -> None:
    """The plan of the lane heads goes through the index of waiting lanes; a scan of the table would show in it."""
    if store._database.locks_rows:
        pytest.skip("PostgreSQL plans by statistics; its plan for a small table says nothing")
    statements: list[tuple[str, Any]] = []
    connection = store._database._writer  # type: ignore[attr-defined]
    sa.event.listen(connection, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
    claim(store)
    plans = [
        str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all())
        for sql, parameters in list(statements)
        if sql.lstrip().upper().startswith(("SELECT", "WITH"))
    ]
    assert plans
    for plan in plans:
        assert "SCAN work'" not in plan, plan
