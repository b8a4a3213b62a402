"""``Blobs``: a payload is there whole or not at all, within its limit, for its owner's eyes only."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterseal.adapters.blobs import BlobClosed, FolderBlobs
from counterseal.engine.ports import BlobTooLarge, BlobUnavailable
from counterseal.kernel.ids import BlobId


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def put(blobs: FolderBlobs, *chunks: bytes, max_bytes: int | None = None) -> BlobId:
    writer = blobs.create(max_bytes=max_bytes)
    for chunk in chunks:
        writer.write(chunk)
    return writer.commit()


def content(blobs: FolderBlobs, blob_id: BlobId, offset: int = 0) -> bytes:
    return b"".join(blobs.read(blob_id, offset=offset))


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.binary(max_size=3000)), st.integers(min_value=0, max_value=4000))
def test_what_was_written_is_read_back_from_any_offset(blobs: FolderBlobs, chunks: list[bytes], offset: int) -> None:
    blob_id = put(blobs, *chunks)
    whole = b"".join(chunks)
    assert content(blobs, blob_id) == whole
    assert content(blobs, blob_id, offset) == whole[offset:]
    assert blobs.size(blob_id) == len(whole)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_taken(blobs: FolderBlobs, kind: Callable[[bytes], bytes]) -> None:
    assert content(blobs, put(blobs, kind(b"abc"), kind(b""), kind(b"def"))) == b"abcdef"


def test_large_payloads_come_in_chunks_of_at_most_256_kib(blobs: FolderBlobs) -> None:
    whole = os.urandom(1_000_003)
    chunks = list(blobs.read(put(blobs, whole)))
    assert b"".join(chunks) == whole
    assert max(map(len, chunks)) == 256 * 1024


def test_ids_are_random_and_fit_no_path(blobs: FolderBlobs) -> None:
    ids = {put(blobs, b"same") for _ in range(50)}
    assert len(ids) == 50
    assert all(len(i) == 32 and set(i) <= set("0123456789abcdef") for i in ids)


@pytest.mark.parametrize(
    "blob_id", ["", "../../etc/passwd", "ab/../../x", "AB" * 16, "ab" * 15, "ab" * 16 + "\n", "\0" * 32]
)
def test_an_id_that_is_none_reaches_no_file(blobs: FolderBlobs, blob_id: str) -> None:
    unknown = BlobId(blob_id)
    for use in (blobs.read, blobs.size, blobs.delete):
        with pytest.raises(BlobUnavailable):
            use(unknown)


def test_a_missing_payload_shows_before_the_first_chunk(blobs: FolderBlobs) -> None:
    with pytest.raises(BlobUnavailable):
        blobs.read(BlobId("ab" * 16))
    with pytest.raises(BlobUnavailable):
        blobs.size(BlobId("ab" * 16))


def test_deleting_is_idempotent(blobs: FolderBlobs, tmp_path: Path) -> None:
    blob_id = put(blobs, b"x")
    blobs.delete(blob_id)
    blobs.delete(blob_id)
    assert files(tmp_path) == []


def test_a_reader_that_has_begun_is_not_disturbed_by_delete(blobs: FolderBlobs) -> None:
    blob_id = put(blobs, b"x" * 600_000)
    chunks = blobs.read(blob_id)
    first = next(chunks)
    blobs.delete(blob_id)
    assert len(first + b"".join(chunks)) == 600_000


def test_exactly_the_limit_is_taken_and_one_more_is_not(blobs: FolderBlobs, tmp_path: Path) -> None:
    assert content(blobs, put(blobs, b"12345", b"67890", max_bytes=10)) == b"1234567890"
    writer = blobs.create(max_bytes=10)
    writer.write(b"1234567890")
    with pytest.raises(BlobTooLarge):
        writer.write(b"1")
    assert len(files(tmp_path)) == 1  # only the first; the leftover is gone at once
    with pytest.raises(BlobClosed):
        writer.commit()


def test_nobody_reads_before_commit_and_nothing_stays_after_abort(blobs: FolderBlobs, tmp_path: Path) -> None:
    writer = blobs.create(max_bytes=None)
    writer.write(b"half")
    assert [f for f in files(tmp_path / "blobs") if not f.startswith("incoming/")] == []
    assert writer.size == 4
    writer.abort()
    writer.abort()
    assert files(tmp_path) == []
    with pytest.raises(BlobClosed):
        writer.write(b"x")


def test_abort_after_commit_does_nothing(blobs: FolderBlobs) -> None:
    writer = blobs.create(max_bytes=None)
    writer.write(b"x")
    blob_id = writer.commit()
    writer.abort()
    assert content(blobs, blob_id) == b"x"


def test_only_the_owner_can_look(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        put(FolderBlobs(tmp_path / "blobs"), b"x")
    finally:
        os.umask(previous)
    for path in [tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_commit_syncs_the_file_before_the_rename_and_the_folder_after(
    blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is what makes it durable; a power cut cannot be tested, its protocol can."""
    steps: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    put(blobs, b"x")
    assert steps == ["file", "rename", "folder"]


@pytest.mark.parametrize("failing", ["file", "folder"])
def test_a_commit_that_fails_leaves_nothing(
    blobs: FolderBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fsync(descriptor: int) -> None:
        if (failing == "folder") == stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = blobs.create(max_bytes=None)
    writer.write(b"x")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(BlobUnavailable, match="No space left"):
        writer.commit()
    assert files(tmp_path) == []


def test_a_full_disk_is_told(blobs: FolderBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = blobs.create(max_bytes=None)
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(BlobUnavailable, match="No space left"):
        writer.write(b"x")
    assert files(tmp_path) == []


def test_a_short_write_is_continued(blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    writer = blobs.create(max_bytes=None)
    monkeypatch.setattr(os, "write", lambda descriptor, octets: real(descriptor, bytes(octets)[:3]))
    writer.write(b"0123456789")
    monkeypatch.undo()
    assert content(blobs, writer.commit()) == b"0123456789"


_VICTIM = """
import sys, time
from pathlib import Path
from counterseal.adapters.blobs import FolderBlobs
blobs = FolderBlobs(Path(sys.argv[1]))
done = blobs.create(max_bytes=None); done.write(b"done"); print(done.commit(), flush=True)
left = blobs.create(max_bytes=None); left.write(b"half")
print("inside", flush=True)
time.sleep(60)
"""


def test_a_killed_writer_leaves_a_leftover_that_the_sweep_takes(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    victim = subprocess.Popen([sys.executable, "-c", _VICTIM, str(root)], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    committed = BlobId(victim.stdout.readline().strip())
    assert victim.stdout.readline().strip() == "inside"
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdout.close()

    blobs = FolderBlobs(root)
    fresh = blobs.create(max_bytes=None)
    leftovers = [p for p in (root / "incoming").iterdir() if p.name != fresh._name]
    assert len(leftovers) == 1
    hour_ago = time.time() - 3600
    os.utime(leftovers[0], (hour_ago, hour_ago))
    now = datetime.now(UTC)
    assert blobs.sweep(older_than=now - timedelta(hours=2)) == 0
    assert blobs.sweep(older_than=now - timedelta(minutes=30)) == 1
    assert content(blobs, committed) == b"done"
    fresh.write(b"still going on")
    assert content(blobs, fresh.commit()) == b"still going on"


def test_many_threads_write_side_by_side(blobs: FolderBlobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: put(blobs, b"%d" % n), range(200)))
    assert [content(blobs, i) for i in ids] == [b"%d" % n for n in range(200)]


def test_a_store_that_was_half_made_is_completed(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "00").mkdir(parents=True)
    blobs = FolderBlobs(tmp_path / "blobs")
    for _ in range(40):
        put(blobs, b"x")


def test_a_root_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("")
    with pytest.raises(BlobUnavailable) as caught:
        FolderBlobs(tmp_path / "blobs")
    assert str(tmp_path) not in caught.value.detail


def test_an_unfinished_payload_is_continued_behind_what_was_kept(blobs: FolderBlobs, tmp_path: Path) -> None:
    writer = blobs.create(max_bytes=None)
    writer.write(b"kept")
    name = writer.keep()
    writer.write(b" and lost")
    writer.abort()
    assert b"".join(blobs.read_kept(name, size=4)) == b"kept"
    again = FolderBlobs(tmp_path / "blobs").resume(name, size=4, max_bytes=8)
    again.write(b" it")
    assert again.size == 7
    assert content(blobs, again.commit()) == b"kept it"
    with pytest.raises(BlobUnavailable):
        blobs.read_kept(name, size=4)


def test_an_unfinished_payload_is_no_payload_yet_and_can_be_given_up(blobs: FolderBlobs) -> None:
    writer = blobs.create(max_bytes=None)
    writer.write(b"kept")
    name = writer.keep()
    with pytest.raises(BlobUnavailable):
        blobs.read(name)
    with pytest.raises(BlobUnavailable, match="less"):
        blobs.resume(name, size=5, max_bytes=None)
    writer.abort()
    blobs.delete(name)
    with pytest.raises(BlobUnavailable):
        blobs.resume(name, size=1, max_bytes=None)


def test_a_sweep_leaves_what_was_kept_for_two_weeks(blobs: FolderBlobs) -> None:
    writer = blobs.create(max_bytes=None)
    writer.write(b"kept")
    name = writer.keep()
    writer.abort()
    assert blobs.sweep(older_than=datetime.now(UTC) + timedelta(days=13)) == 0
    assert b"".join(blobs.read_kept(name, size=4)) == b"kept"
    assert blobs.sweep(older_than=datetime.now(UTC) + timedelta(days=15)) == 1
