"""Payloads that no row names are set aside, not destroyed; the store tells which are named, and forgets rows that are done."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from counterseal.adapters.blobs import Payloads
from counterseal.adapters.blobs.packs import SMALL_BYTES
from counterseal.adapters.storage import SQLStore
from counterseal.domain.document import Direction
from counterseal.domain.unfinished import RestartPosition
from counterseal.domain.work import WorkState
from counterseal.engine.ports import BlobUnavailable
from counterseal.kernel.ids import AgreementId, BlobId
from tests import builders as b

LARGE = b"x" * (SMALL_BYTES + 1)
SOON = datetime.now(UTC) + timedelta(hours=1)
LONG_AGO = datetime.now(UTC) - timedelta(days=1)
A_MONTH_LATER = datetime.now(UTC) + timedelta(days=31)


def put(payloads: Payloads, content: bytes) -> BlobId:
    writer = payloads.create(max_bytes=None)
    writer.write(content)
    return writer.commit()


@pytest.fixture
def payloads(tmp_path: Path) -> Payloads:
    return Payloads(tmp_path / "payloads")


def look_through(payloads: Payloads, *claimed: BlobId, older_than: datetime = SOON) -> int:
    shelves = payloads.shelves(older_than=older_than)
    assert shelves == sorted(shelves)
    return sum(
        payloads.set_aside(s, claimed={c for c in claimed if c.startswith(s)}, older_than=older_than) for s in shelves
    )


def test_a_large_payload_that_nobody_claims_is_set_aside_for_a_month(payloads: Payloads, tmp_path: Path) -> None:
    claimed, orphan = put(payloads, LARGE), put(payloads, LARGE)
    assert look_through(payloads, claimed) == 1
    assert b"".join(payloads.read(claimed)) == LARGE
    with pytest.raises(BlobUnavailable):
        payloads.read(orphan)
    aside = tmp_path / "payloads" / "aside" / orphan
    assert aside.read_bytes() == LARGE
    payloads.sweep(older_than=SOON)
    assert aside.exists()
    payloads.sweep(older_than=A_MONTH_LATER)
    assert not aside.exists()


def test_a_young_payload_may_still_get_its_row(payloads: Payloads) -> None:
    young = put(payloads, LARGE)
    os.utime(payloads_path := _file(payloads, young), (0, 0))  # an old content that was committed just now
    assert payloads_path.stat().st_mtime == 0
    assert look_through(payloads, older_than=LONG_AGO) == 0
    assert b"".join(payloads.read(young)) == LARGE


def _file(payloads: Payloads, blob_id: BlobId) -> Path:
    return payloads._folder._path(blob_id)


def test_a_segment_of_small_ones_goes_when_none_of_it_is_claimed_and_nobody_appends(
    payloads: Payloads, tmp_path: Path
) -> None:
    claimed, orphan = put(payloads, b"claimed"), put(payloads, b"orphan")
    payloads.settle()
    assert look_through(payloads) == 0, "this process may append to it"
    payloads.close()
    assert look_through(payloads, claimed) == 0
    assert b"".join(payloads.read(orphan)) == b"orphan"
    assert look_through(payloads, older_than=LONG_AGO) == 0
    assert look_through(payloads) == 1
    with pytest.raises(BlobUnavailable):
        payloads.read(orphan)
    assert [p.suffix for p in (tmp_path / "payloads" / "packs").iterdir()] == [".aside"]
    payloads.sweep(older_than=A_MONTH_LATER)
    assert list((tmp_path / "payloads" / "packs").iterdir()) == []


def test_every_column_that_names_a_payload_claims_it(store: SQLStore) -> None:
    named = [BlobId(f"ab{number:030x}") for number in range(5)]
    other = BlobId(f"cd{0:030x}")
    with store.write() as writer:
        writer.put(
            b.a_document(payload=named[0], attachments=(named[1], named[2])),
            b.a_document(payload=other),
            b.a_message(wire=named[3]),
            RestartPosition(
                direction=Direction.IN,
                agreement_id=AgreementId("a"),
                wire_id="w",
                blob=named[4],
                octets=1,
                records=0,
                shape="",
                at=b.NOW,
            ),
        )
    with store.read() as reader:
        assert reader.claimed_payloads("ab") == frozenset(named)
        assert reader.claimed_payloads("cd") == {other}
        assert reader.claimed_payloads("ef") == frozenset()


def test_done_rows_are_forgotten_oldest_first_and_no_others(store: SQLStore) -> None:
    day = timedelta(days=1)
    old = [b.a_work_row(due=b.NOW - n * day, created_at=b.NOW - n * day, state=WorkState.DONE) for n in (5, 4, 3)]
    waiting = b.a_work_row(due=b.NOW - 9 * day, created_at=b.NOW - 9 * day)
    late = b.a_work_row(due=b.NOW - 9 * day, created_at=b.NOW, state=WorkState.DONE)
    young = b.a_work_row(due=b.NOW, created_at=b.NOW - 9 * day, state=WorkState.DONE)
    with store.write() as writer:
        writer.enqueue(*old, waiting, late, young)
    with store.write() as writer:
        assert writer.forget_done(b.NOW - day, limit=2) == 2
        assert writer.forget_done(b.NOW - day, limit=2) == 1
        assert writer.forget_done(b.NOW - day, limit=2) == 0
        left = writer.work(open_only=False)
    assert {row.id for row in left} == {waiting.id, late.id, young.id}
