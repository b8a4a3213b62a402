"""The payload store of a data directory: small payloads share a file and an fsync, large ones have files of their own."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from counterseal.adapters.blobs import BlobClosed, Payloads, packs
from counterseal.adapters.blobs.packs import SMALL_BYTES
from counterseal.adapters.storage import SQLStore
from counterseal.engine.ports import BlobTooLarge, BlobUnavailable
from counterseal.kernel.ids import BlobId
from tests import builders as b

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def payloads(tmp_path: Path) -> Payloads:
    return Payloads(tmp_path / "payloads")


def put(payloads: Payloads, *chunks: bytes, max_bytes: int | None = None) -> BlobId:
    writer = payloads.create(max_bytes=max_bytes)
    for chunk in chunks:
        writer.write(chunk)
    return writer.commit()


def files(tmp_path: Path) -> list[str]:
    return sorted(p.suffix or p.parent.name for p in (tmp_path / "payloads").rglob("*") if p.is_file())


@pytest.mark.parametrize("size", [0, 1, 1000, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 1_000_000])
@pytest.mark.parametrize("piece", [777, 65536, 2_000_000])
def test_what_was_written_is_read_back_from_any_offset(payloads: Payloads, size: int, piece: int) -> None:
    content = os.urandom(size)
    blob_id = put(payloads, *(content[at : at + piece] for at in range(0, size, piece)))
    assert payloads.size(blob_id) == size
    for offset in {0, 1, size // 2, size}:
        assert b"".join(payloads.read(blob_id, offset=offset)) == content[offset:]


def test_small_ones_share_a_file_and_large_ones_have_their_own(payloads: Payloads, tmp_path: Path) -> None:
    for _ in range(3):
        put(payloads, b"small")
    large = put(payloads, b"x" * (SMALL_BYTES + 1))
    assert files(tmp_path) == sorted([".pack", large[:2]])


def test_one_fsync_serves_everybody_and_nothing_new_costs_none(
    payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(payloads, b"first")  # makes the segment
    payloads.settle()
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for number in range(10):
        put(payloads, b"%d" % number)
    assert synced == []
    payloads.settle()
    assert len(synced) == 1
    payloads.settle()
    assert len(synced) == 1


def test_no_row_is_committed_before_its_payload_is_durable(tmp_path: Path) -> None:
    happened: list[str] = []

    def settle() -> None:
        happened.append("settled")

    store = SQLStore(f"sqlite:///{tmp_path / 'db'}", settle=settle)
    with store.write() as writer:
        happened.clear()
        writer.put(b.a_community())
        happened.append("put")
    assert happened == ["put", "settled"]
    store.close()


def test_a_payload_that_cannot_be_made_durable_takes_its_rows_with_it(tmp_path: Path) -> None:
    working = True

    def settle() -> None:
        if not working:
            raise BlobUnavailable("the disk is full")

    store = SQLStore(f"sqlite:///{tmp_path / 'db'}", settle=settle)
    community = b.a_community()

    def write() -> None:
        nonlocal working
        with store.write() as writer:
            writer.put(community)
            working = False

    with pytest.raises(BlobUnavailable):
        write()
    working = True
    with store.read() as reader:
        assert reader.communities() == []
    store.close()


def test_another_process_reads_and_appends_to_a_file_of_its_own(payloads: Payloads, tmp_path: Path) -> None:
    other = Payloads(tmp_path / "payloads")
    ours, theirs = put(payloads, b"ours"), put(other, b"theirs")
    assert b"".join(other.read(ours)) == b"ours"
    assert b"".join(payloads.read(theirs)) == b"theirs"
    assert files(tmp_path) == [".pack", ".pack"]


def test_a_full_segment_is_followed_by_a_new_one(
    payloads: Payloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "SEGMENT_BYTES", 100)
    written = {put(payloads, content): content for content in (b"%03d" % n * 20 for n in range(6))}
    payloads.settle()
    assert files(tmp_path) == [".pack"] * 3
    assert {one: b"".join(payloads.read(one)) for one in written} == written


def test_a_segment_goes_when_everything_in_it_was_deleted_and_nobody_appends(
    payloads: Payloads, tmp_path: Path
) -> None:
    first, second = put(payloads, b"first"), put(payloads, b"second")
    payloads.delete(first)
    payloads.delete(first)
    payloads.close()
    payloads.sweep(older_than=NOW)
    assert b"".join(payloads.read(second)) == b"second"
    payloads.delete(second)
    payloads.sweep(older_than=NOW)
    assert files(tmp_path) == []
    with pytest.raises(BlobUnavailable):
        payloads.read(second)
    payloads.delete(second)
    assert files(tmp_path) == []


def test_a_segment_stays_while_a_process_may_append_to_it(payloads: Payloads, tmp_path: Path) -> None:
    payloads.delete(put(payloads, b"gone"))
    Payloads(tmp_path / "payloads").sweep(older_than=NOW)
    kept = put(payloads, b"kept")
    assert b"".join(payloads.read(kept)) == b"kept"


def test_a_segment_that_lost_its_end_is_told(payloads: Payloads, tmp_path: Path) -> None:
    blob_id = put(payloads, b"0123456789")
    (pack,) = (tmp_path / "payloads" / "packs").glob("*.pack")
    os.truncate(pack, 5)
    for use in (lambda: payloads.read(blob_id), lambda: payloads.size(blob_id)):
        with pytest.raises(BlobUnavailable):
            use()


@pytest.mark.parametrize("blob_id", ["", "p", "../../etc/passwd", "p" + "0" * 31, "P" + "0" * 32, "p" + "0" * 32])
@pytest.mark.parametrize("use", [Payloads.read, Payloads.size])
def test_an_id_that_is_none_reaches_no_file(
    payloads: Payloads, blob_id: str, use: Callable[[Payloads, BlobId], object]
) -> None:
    with pytest.raises(BlobUnavailable):
        use(payloads, BlobId(blob_id))


@pytest.mark.parametrize("size", [10, SMALL_BYTES + 10])
def test_exactly_the_limit_is_taken_and_one_more_is_not(payloads: Payloads, size: int) -> None:
    assert payloads.size(put(payloads, b"x" * size, max_bytes=size)) == size
    writer = payloads.create(max_bytes=size)
    writer.write(b"x" * (size - 1))
    with pytest.raises(BlobTooLarge):
        writer.write(b"xy")
    with pytest.raises(BlobClosed):
        writer.commit()


def test_after_abort_nothing_is_there_and_after_commit_it_does_nothing(payloads: Payloads, tmp_path: Path) -> None:
    given_up = payloads.create(max_bytes=None)
    given_up.write(b"x")
    given_up.abort()
    with pytest.raises(BlobClosed):
        given_up.write(b"x")
    assert files(tmp_path) == []
    writer = payloads.create(max_bytes=None)
    writer.write(b"whole")
    blob_id = writer.commit()
    writer.abort()
    assert b"".join(payloads.read(blob_id)) == b"whole"


def test_a_small_one_that_is_kept_can_be_continued(payloads: Payloads) -> None:
    writer = payloads.create(max_bytes=None)
    writer.write(b"the first half, ")
    kept = writer.keep()
    writer.abort()
    again = payloads.resume(kept, size=16, max_bytes=None)
    again.write(b"the second")
    assert b"".join(payloads.read(again.commit())) == b"the first half, the second"


def test_after_an_fsync_that_failed_nothing_is_believed_any_more(
    payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have dropped what it could not write, and says so once."""

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    put(payloads, b"x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(BlobUnavailable, match="Input/output error"):
            payloads.settle()
    with pytest.raises(BlobUnavailable, match="start the gateway again"):
        payloads.settle()


def test_a_full_disk_is_told(payloads: Payloads, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    put(payloads, b"x")
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(BlobUnavailable, match="No space left"):
        put(payloads, b"y")
