"""``Store``: the audit trail. One chain whoever seals, in the order of the commits, readable and verifiable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from counterseal.adapters.storage import SQLStore
from counterseal.domain.audit import GENESIS, ChainBroken, SealedEntry, verify
from counterseal.engine.ports import Window
from counterseal.kernel.ids import CommunityId
from tests import builders as b


def record(store: SQLStore, *subjects: str) -> None:
    with store.write() as writer:
        writer.record(*(b.an_audit_event(subject=subject, facts={"n": subject}) for subject in subjects))


def chain(store: SQLStore, after: int = 0) -> list[SealedEntry]:
    with store.read() as reader:
        return list(reader.audit_chain(after=after))


def test_events_are_sealed_in_the_order_of_their_recording(store: SQLStore) -> None:
    record(store, "1", "2")
    record(store, "3")
    assert chain(store) == []
    assert store.seal() == 3
    record(store, "4")
    assert store.seal() == 1
    assert store.seal() == 0
    entries = chain(store)
    assert [e.event.subject for e in entries] == ["1", "2", "3", "4"]
    assert [e.sequence for e in entries] == [1, 2, 3, 4]
    assert entries[0].previous == GENESIS
    assert verify(entries) == entries[-1]
    assert [e.sequence for e in chain(store, after=2)] == [3, 4]


def test_an_event_comes_back_as_it_was_recorded(store: SQLStore) -> None:
    event = b.an_audit_event(
        at=b.NOW + timedelta(microseconds=7), community_id="c", facts={"z": "ü", "a": '"quoted"', "empty": ""}
    )
    with store.write() as writer:
        writer.record(event)
    store.seal()
    assert chain(store)[0].event == event


def test_a_rolled_back_event_is_not_in_the_chain(store: SQLStore) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as writer:  # noqa: PT012 the exception after it is the point
        writer.record(b.an_audit_event())
        _ = 1 / 0
    assert store.seal() == 0


def test_the_trail_is_filtered_newest_first(store: SQLStore) -> None:
    with store.write() as writer:
        writer.record(
            b.an_audit_event(subject="x", event="a.b", community_id="c"),
            b.an_audit_event(subject="y", event="a.b"),
            b.an_audit_event(subject="x", event="c.d"),
        )
    store.seal()
    with store.read() as reader:
        assert [e.sequence for e in reader.audit(window=Window())] == [3, 2, 1]
        assert [e.sequence for e in reader.audit(window=Window(limit=1, offset=1))] == [2]
        assert [e.sequence for e in reader.audit(window=Window(), subject="x")] == [3, 1]
        assert [e.sequence for e in reader.audit(window=Window(), event="a.b")] == [2, 1]
        assert [e.sequence for e in reader.audit(window=Window(), community_id=CommunityId("c"))] == [1]


def test_a_long_chain_is_sealed_and_read_in_pieces(store: SQLStore) -> None:
    record(store, *(str(n) for n in range(2500)))
    assert store.seal() == 2500
    entries = chain(store)
    assert len(entries) == 2500
    verify(entries)


def test_two_sealers_do_not_fork_the_chain(open_store: Callable[[], SQLStore]) -> None:
    stores = [open_store(), open_store()]

    def work(number: int) -> int:
        store = stores[number % 2]
        record(store, f"{number}-a", f"{number}-b")
        return store.seal()

    with ThreadPoolExecutor(6) as pool:
        sealed = sum(pool.map(work, range(60)))
    sealed += stores[0].seal()
    entries = chain(stores[1])
    assert sealed == len(entries) == 120
    verify(entries)
    assert {e.event.subject for e in entries} == {f"{n}-{x}" for n in range(60) for x in "ab"}


def test_one_thread_s_events_keep_their_order_among_others(open_store: Callable[[], SQLStore]) -> None:
    """What somebody recorded after a commit stands behind what that commit recorded."""
    stores = [open_store(), open_store()]

    def work(number: int) -> None:
        for step in range(10):
            record(stores[number % 2], f"{number}:{step}")
            stores[number % 2].seal()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    subjects = [e.event.subject for e in chain(stores[0])]
    for number in range(4):
        own = [s for s in subjects if s.startswith(f"{number}:")]
        assert own == [f"{number}:{step}" for step in range(10)]


def test_the_database_itself_refuses_a_second_successor(shared_url: str) -> None:
    store = SQLStore(shared_url)
    record(store, "1", "2", "3")
    store.seal()
    store.close()
    engine = sa.create_engine(shared_url.replace("postgresql:", "postgresql+psycopg:", 1))
    fork = sa.text("UPDATE audit SET previous = (SELECT previous FROM audit WHERE sequence = 2) WHERE sequence = 3")
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(fork)
    engine.dispose()


@pytest.mark.parametrize("change", ["subject = 'other'", "actor = 'user:eve'", """facts = '{"n": "9"}'"""])
def test_a_change_behind_our_back_shows(shared_url: str, change: str) -> None:
    store = SQLStore(shared_url)
    record(store, "1", "2", "3")
    store.seal()
    engine = sa.create_engine(shared_url.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE audit SET {change.replace(':', chr(92) + ':')} WHERE sequence = 2"))
    engine.dispose()
    with pytest.raises(ChainBroken, match="entry 2"):
        verify(chain(store))
    store.close()
