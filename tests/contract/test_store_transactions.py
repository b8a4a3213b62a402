"""``Store``: all of a transaction or nothing, one picture per read, many threads, and databases that fail."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from counterseal.adapters.storage import NestedTransaction, SQLStore, UnknownDatabase, migrate, schema
from counterseal.domain.people import BrowserSession, OneTimeLink
from counterseal.engine.ports import Conflict, NotFound, StoreUnavailable, Window
from counterseal.kernel.errors import CallerFault
from tests import builders as b


class Surprise(Exception):
    pass


def test_an_exception_inside_a_writer_undoes_all_of_it(store: SQLStore) -> None:
    document, row = b.a_document(), b.a_work_row()
    with pytest.raises(Surprise), store.write() as writer:  # noqa: PT012 what came before the exception is the point
        writer.put(document)
        writer.enqueue(row)
        writer.record(b.an_audit_event())
        raise Surprise
    with store.read() as reader:
        with pytest.raises(NotFound):
            reader.document(document.id)
        assert reader.work() == []
    assert store.seal() == 0


def test_a_swallowed_conflict_cannot_be_committed(store: SQLStore) -> None:
    first, rival = b.a_user(name="mara"), b.a_user(name="mara")
    document = b.a_document()
    with pytest.raises(CallerFault, match="failed before"), store.write() as writer:  # noqa: PT012 the same
        writer.put(document)
        writer.put(first)
        with pytest.raises(Conflict):
            writer.put(rival)
        with pytest.raises(CallerFault):
            writer.put(b.a_document())
    with store.read() as reader:
        assert reader.users() == []
        with pytest.raises(NotFound):
            reader.document(document.id)


@pytest.mark.parametrize("inner", ["read", "write"])
@pytest.mark.parametrize("outer", ["read", "write"])
def test_a_transaction_inside_another_one_is_refused(store: SQLStore, outer: str, inner: str) -> None:
    with getattr(store, outer)(), pytest.raises(NestedTransaction), getattr(store, inner)():
        pass
    with store.write() as writer:  # and the thread is free again afterwards
        writer.put(b.a_user())


def test_a_reader_is_of_no_use_after_its_context(store: SQLStore) -> None:
    with store.read() as reader:
        pass
    with pytest.raises(CallerFault, match="over"):
        reader.users()
    with store.write() as writer:
        pass
    with pytest.raises(CallerFault, match="over"):
        writer.put(b.a_user())


def test_a_writer_reads_what_it_wrote(store: SQLStore) -> None:
    document = b.a_document()
    with store.write() as writer:
        writer.put(document)
        assert writer.document(document.id) == document


def test_a_read_is_one_picture_while_others_write(open_store: Callable[[], SQLStore]) -> None:
    store, other = open_store(), open_store()
    with store.write() as writer:
        writer.put(b.a_user())
    with store.read() as reader:
        assert len(reader.users()) == 1
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_put_user, other).result(10)
        assert len(reader.users()) == 1
    with store.read() as reader:
        assert len(reader.users()) == 2


def _put_user(store: SQLStore) -> None:
    with store.write() as writer:
        writer.put(b.a_user())


def test_read_decide_write_loses_no_update(store: SQLStore) -> None:
    """Eight threads count one document's tries up: by-id reads inside a writer exclude each other."""
    document = b.a_document()
    with store.write() as writer:
        writer.put(document)

    def count_up(_: int) -> None:
        with store.write() as writer:
            found = writer.document(document.id)
            writer.put(replace(found, tries=found.tries + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(80)))
    with store.read() as reader:
        assert reader.document(document.id).tries == 80


def test_two_processes_lose_no_update(open_store: Callable[[], SQLStore]) -> None:
    stores = [open_store(), open_store()]
    document = b.a_document()
    with stores[0].write() as writer:
        writer.put(document)

    def count_up(number: int) -> None:
        with stores[number % 2].write() as writer:
            found = writer.document(document.id)
            writer.put(replace(found, tries=found.tries + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(40)))
    with stores[0].read() as reader:
        assert reader.document(document.id).tries == 40


def test_trust_request_numbers_are_not_given_twice(open_store: Callable[[], SQLStore]) -> None:
    stores = [open_store(), open_store()]
    community = b.a_community()
    with stores[0].write() as writer:
        writer.put(community)

    def start(number: int) -> None:
        with stores[number % 2].write() as writer:
            writer.put(
                b.a_trust_request(community_id=community.id, number=writer.next_trust_request_number(community.id))
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(20)))
    with stores[0].read() as reader:
        assert reader.next_trust_request_number(community.id) == 21


def test_writers_that_fail_leave_their_neighbours_writes_alone(store: SQLStore) -> None:
    """Sixteen threads, every third of whose transactions raises after its put: exactly the others are stored."""
    documents = [b.a_document() for _ in range(120)]

    def put(number: int) -> None:
        with suppress(Surprise), store.write() as writer:
            writer.put(documents[number])
            if number % 3 == 0:
                raise Surprise

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(len(documents))))
    expected = {d.id for n, d in enumerate(documents) if n % 3}
    with store.read() as reader:
        found = {d.id for d in reader.documents(community_id=None, window=Window(limit=500))}
    assert found == expected


def test_what_a_writer_was_told_is_stored_is_seen_by_another_process(open_store: Callable[[], SQLStore]) -> None:
    """Shared commits: nobody returns before the commit that holds its write."""
    store, observer = open_store(), open_store()
    missing: list[str] = []

    def put(_: int) -> None:
        document = b.a_document()
        with store.write() as writer:
            writer.put(document)
        with observer.read() as reader:
            try:
                reader.document(document.id)
            except NotFound:
                missing.append(document.id)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(put, range(120)))
    assert missing == []


_VICTIM = """
import sys, time
sys.path.insert(0, {root!r})
from counterseal.adapters.storage import SQLStore
from tests import builders as b
store = SQLStore({url!r})
with store.write() as writer:
    writer.put(b.a_user(name="committed"))
with store.write() as writer:
    writer.put(b.a_user(name="lost"))
    writer.enqueue(b.a_work_row())
    print("inside", flush=True)
    time.sleep(60)
"""


def test_a_process_killed_inside_a_writer_leaves_what_it_had_committed(shared_url: str) -> None:
    root = str(Path(__file__).parents[2])
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM.format(root=root, url=shared_url)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    assert victim.stdout.readline().strip() == "inside"
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    store = SQLStore(shared_url)
    with store.write() as writer:
        assert [u.name for u in writer.users()] == ["committed"]
        assert writer.work() == []
        writer.put(b.a_user())
    store.close()


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        SQLStore(f"sqlite:///{tmp_path}/missing/store.db")


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreUnavailable):
        SQLStore(f"sqlite:///{path}")


def test_a_full_disk_is_told_and_leaves_the_store_usable(tmp_path: Path) -> None:
    store = SQLStore(f"sqlite:///{tmp_path}/store.db")
    pages = store._database._writer.exec_driver_sql("PRAGMA page_count").scalar()  # type: ignore[attr-defined]
    store._database._writer.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable), store.write() as writer:
        writer.put(*(b.a_draft(sealed=bytes(4096)) for _ in range(100)))
    store._database._writer.exec_driver_sql("PRAGMA max_page_count = 1000000")  # type: ignore[attr-defined]
    with store.write() as writer:
        assert writer.expired_drafts(b.NOW.replace(year=2099)) == []
        writer.put(b.a_draft())
    store.close()


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        SQLStore(f"postgresql://nobody@/nothing?host={tmp_path}")


@pytest.mark.parametrize("url", ["mysql://x/y", "no address", ""])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(UnknownDatabase):
        SQLStore(url)


def test_check_passes_on_a_healthy_store(store: SQLStore) -> None:
    store.check()


def test_two_processes_may_open_a_new_database_at_once(shared_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: SQLStore(shared_url), range(4)))
    for store in stores:
        store.check()
        store.close()


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))


def _shape(connection: sa.Connection) -> dict[str, object]:
    """Everything that the database says of its tables."""
    inspector = sa.inspect(connection)
    return {
        name: (
            {c["name"]: (str(c["type"]), c["nullable"], c.get("default")) for c in inspector.get_columns(name)},
            inspector.get_pk_constraint(name)["constrained_columns"],
            {u["name"]: u["column_names"] for u in inspector.get_unique_constraints(name)},
            {
                i["name"]: (
                    i["column_names"],
                    bool(i["unique"]),
                    {k: str(v) for k, v in i.get("dialect_options", {}).items()},
                )
                for i in inspector.get_indexes(name)
            },
        )
        for name in sorted(inspector.get_table_names())
    }


def test_a_fresh_schema_equals_a_migrated_one(url: str, tmp_path: Path) -> None:
    engine = _engine(url)
    with engine.begin() as connection:
        migrate.bring_up_to_date(connection)
        assert migrate.version_of(connection) == migrate.HEAD
        fresh = _shape(connection)
        schema.SCHEMA.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
        assert _shape(connection) == {}
    with engine.begin() as connection:
        migrate.migrate(connection)
        assert migrate.version_of(connection) == migrate.HEAD
        migrated = _shape(connection)
    engine.dispose()
    assert migrated == fresh
    assert len(fresh) == len(schema.SCHEMA.tables) + 1


def test_tables_of_a_newer_program_are_refused(shared_url: str) -> None:
    SQLStore(shared_url).close()
    engine = _engine(shared_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="newer program"):
        SQLStore(shared_url)


@pytest.mark.slow
def test_a_reader_that_stays_open_does_not_stop_writers(open_store: Callable[[], SQLStore]) -> None:
    store = open_store()
    release = threading.Event()

    def linger() -> int:
        with store.read() as reader:
            before = len(reader.users())
            release.wait(10)
            return len(reader.users()) - before

    with ThreadPoolExecutor(1) as pool:
        lingering = pool.submit(linger)
        began = time.monotonic()
        for _ in range(50):
            _put_user(store)
        took = time.monotonic() - began
        release.set()
        assert lingering.result() == 0
    assert took < 8


def test_what_may_be_used_once_is_used_once_by_many_at_the_same_time(store: SQLStore) -> None:
    """One-time links: read, judge and mark as used is one step, for every writer."""
    link = b.a_one_time_link()
    with store.write() as writer:
        writer.put(link)

    def use(_: int) -> bool:
        with store.write() as writer:
            found = writer.find_link(link.digest)
            assert found is not None
            time.sleep(0.03)
            if found.used_at is not None:
                return False
            writer.put(replace(found, used_at=b.NOW))
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(8))) == 1


def test_a_revoked_token_stays_revoked_while_it_is_used(store: SQLStore) -> None:
    """Who notes the last use must not write back the token as it was."""
    token = b.an_api_token()
    with store.write() as writer:
        writer.put(token)
    read, revoked = threading.Event(), threading.Event()

    def note_use() -> None:
        with store.write() as writer:
            found = writer.find_token(token.digest)
            assert found is not None
            read.set()
            revoked.wait(0.2)
            writer.put(replace(found, last_used_at=b.NOW))

    with ThreadPoolExecutor(1) as pool:
        using = pool.submit(note_use)
        read.wait()
        with store.write() as writer:
            found = writer.find_token(token.digest)
            assert found is not None
            writer.put(replace(found, revoked_at=b.NOW))
        revoked.set()
        using.result()
    with store.read() as reader:
        stored = reader.find_token(token.digest)
    assert stored is not None
    assert stored.revoked_at == b.NOW


def test_ending_somebody_s_access_leaves_others_and_what_was_used(store: SQLStore) -> None:
    mara, vera = b.a_user(name="mara"), b.a_user(name="vera")
    used = b.a_one_time_link(user_id=mara.id, used_at=b.NOW)
    theirs: list[Any] = [b.a_one_time_link(user_id=mara.id), b.a_browser_session(user_id=mara.id)]
    others: list[Any] = [b.a_one_time_link(user_id=vera.id), b.a_browser_session(user_id=vera.id)]
    with store.write() as writer:
        writer.put(mara, vera, used, *theirs, *others)
        writer.end_access(mara.id)
    with store.read() as reader:
        found = [reader.find_link(x.digest) or reader.find_session(x.digest) for x in (used, *theirs, *others)]
    assert found == [used, None, None, *others]


def test_expired_access_is_forgotten(store: SQLStore) -> None:
    user = b.a_user()
    over: list[OneTimeLink | BrowserSession] = [
        b.a_one_time_link(user_id=user.id, expires_at=b.NOW),
        b.a_browser_session(user_id=user.id, expires_at=b.NOW),
    ]
    good = b.a_browser_session(user_id=user.id, expires_at=b.NOW + timedelta(hours=1))
    with store.write() as writer:
        writer.put(user, good, *over)
        writer.forget_expired_access(b.NOW)
    with store.read() as reader:
        found = [reader.find_link(x.digest) or reader.find_session(x.digest) for x in (good, *over)]
    assert found == [good, None, None]
