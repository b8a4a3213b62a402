"""Small durable write transactions per second, beside what fsync allows: .venv/bin/python bench/storage.py [--postgres URL].

One transaction is what a received document costs the database: two rows put, one outbox row, two audit events. Also: claim and
complete of waiting work with a deep backlog, blobs of 10 KB, opening a fresh database.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from tests import builders as b

from counterseal.adapters.blobs import FolderBlobs
from counterseal.adapters.storage import SQLStore

THREADS = (1, 4, 16)
SECONDS = 2.0


def rate(work: Callable[[], int], threads: int) -> float:
    """Calls of ``work`` until the time is over; what they returned, per second."""
    end = time.perf_counter() + SECONDS
    began = time.perf_counter()

    def loop(_: int) -> int:
        done = 0
        while time.perf_counter() < end:
            done += work()
        return done

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(loop, range(threads)))
    return total / (time.perf_counter() - began)


def fsyncs(folder: Path) -> float:
    descriptor = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY)
    began = time.perf_counter()
    for _ in range(500):
        os.write(descriptor, bytes(4096))
        os.fdatasync(descriptor)
    os.close(descriptor)
    return 500 / (time.perf_counter() - began)


def document_in(store: SQLStore) -> Callable[[], int]:
    def work() -> int:
        document = b.a_document()
        with store.write() as writer:
            writer.put(document, b.a_message(document_id=document.id, headers=(("AS2-From", "B"), ("AS2-To", "A"))))
            writer.enqueue(b.a_work_row(lane="a", subject=document.id))
            writer.record(b.an_audit_event(), b.an_audit_event())
        return 1

    return work


def one_row(store: SQLStore) -> Callable[[], int]:
    def work() -> int:
        with store.write() as writer:
            writer.put(b.a_draft())
        return 1

    return work


def claim_and_complete(store: SQLStore) -> Callable[[], int]:
    owners = count()

    def work() -> int:
        rows = store.claim(now=datetime.now(UTC), owner=str(next(owners)), lease=timedelta(minutes=1), limit=1)
        for row in rows:
            with store.write() as writer:
                writer.complete(row)
        return len(rows)

    return work


def blob(blobs: FolderBlobs) -> Callable[[], int]:
    payload = os.urandom(10_000)

    def work() -> int:
        writer = blobs.create(max_bytes=None)
        writer.write(payload)
        writer.commit()
        return 1

    return work


def table(title: str, store: SQLStore) -> None:
    backlog = [b.a_work_row(lane=f"lane-{n % 200}", lane_limit=4) for n in range(20_000)]
    with store.write() as writer:
        writer.enqueue(*backlog)
    for name, work in (
        ("one row", one_row(store)),
        ("document in (5 rows)", document_in(store)),
        ("claim + complete, 20,000 waiting", claim_and_complete(store)),
    ):
        figures = "  ".join(f"{threads:>2} threads {rate(work, threads):>7.0f}/s" for threads in THREADS)
        print(f"{title:<11} {name:<34} {figures}")
    began = time.perf_counter()
    sealed = store.seal()
    print(f"{title:<11} {'seal':<34} {sealed / (time.perf_counter() - began):>18.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgres", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        print(f"{'disk':<11} {'fdatasync of 4 KiB':<34} {fsyncs(folder):>18.0f}/s")
        began = time.perf_counter()
        store = SQLStore(f"sqlite:///{folder}/store.db")
        print(f"{'SQLite':<11} {'open a fresh database':<34} {(time.perf_counter() - began) * 1000:>18.0f} ms")
        table("SQLite", store)
        store.close()
        blobs = FolderBlobs(folder / "blobs")
        figures = "  ".join(f"{threads:>2} threads {rate(blob(blobs), threads):>7.0f}/s" for threads in THREADS)
        print(f"{'blobs':<11} {'10 KB, committed':<34} {figures}")
    if options.postgres:
        store = SQLStore(options.postgres)
        table("PostgreSQL", store)
        store.close()


if __name__ == "__main__":
    main()
