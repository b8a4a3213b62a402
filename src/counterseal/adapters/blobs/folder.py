"""``FolderBlobs``: one file per payload, in 256 folders, complete or not there at all.

    blobs/
      incoming/<random>          being written; nobody reads here, a crash leaves it behind, ``sweep`` removes it
      kept/<random>              unfinished, but kept: what is in front of the last ``keep`` outlasts a crash
      ab/ab12...ef               committed
      aside/ab12...ef            committed, but no row named it: removed a month later

A commit is: fsync of the file, rename into its folder, fsync of that folder. The rename is what makes the payload exist, and only the
folder's fsync makes the rename outlast a power cut, so neither fsync can be left out. The 256 folders are made, and their own
names made durable, when the store is opened; a commit never makes one. (Writing in the final folder and linking an unnamed
``O_TMPFILE`` would save no fsync, and is not there on every file system.)

The name is random: no text of a partner ever becomes part of a path.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from counterseal.adapters.blobs.packs import sync_folder
from counterseal.engine.ports import BlobTooLarge, BlobUnavailable
from counterseal.kernel.clock import utc
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import BlobId

CHUNK_BYTES: Final = 256 * 1024
_ID: Final = re.compile(r"[0-9a-f]{32}")
_INCOMING: Final = "incoming"
_KEPT: Final = "kept"
_KEPT_FOR: Final = timedelta(days=14)
ASIDE: Final = "aside"
ASIDE_FOR: Final = timedelta(days=30)


class BlobClosed(CallerFault):
    """Written to after commit or abort."""

    code = "blobs.closed"


def unavailable(what: str, error: OSError) -> BlobUnavailable:
    return BlobUnavailable(f"the payload store cannot {what}: {error.strerror or type(error).__name__}")


class FolderBlobWriter:
    """One payload on its way; used by one thread at a time."""

    def __init__(self, root: Path, *, max_bytes: int | None, kept: str = "", size: int = 0) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._size = size
        self._name = kept or os.urandom(16).hex()
        self._kept = bool(kept)
        self._path = root / (_KEPT if kept else _INCOMING) / self._name
        try:
            self._descriptor: int | None = os.open(
                self._path, os.O_WRONLY if kept else os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600
            )
            if kept:
                self._continue_at(size)
        except OSError as error:
            raise unavailable("be written", error) from error

    def _continue_at(self, size: int) -> None:
        """Behind what was kept for sure; what a crash left behind that is written again."""
        assert self._descriptor is not None
        if os.fstat(self._descriptor).st_size < size:
            os.close(self._descriptor)
            self._descriptor = None
            raise BlobUnavailable("less of the unfinished payload is there than was kept")
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    @property
    def size(self) -> int:
        return self._size

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        if self._descriptor is None:
            raise BlobClosed("the payload is committed or given up already")
        rest = memoryview(chunk).cast("B")
        if self._max_bytes is not None and self._size + len(rest) > self._max_bytes:
            self.abort()
            raise BlobTooLarge(f"the payload is larger than {self._max_bytes} octets")
        try:
            while rest:
                written = os.write(self._descriptor, rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            self.abort()
            raise unavailable("be written", error) from error

    def commit(self) -> BlobId:
        if self._descriptor is None:
            raise BlobClosed("the payload is committed or given up already")
        target = self._root / self._name[:2] / self._name
        try:
            os.fsync(self._descriptor)
            self._path.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            self.abort()
            with suppress(OSError):
                target.unlink()
            raise unavailable("keep the payload", error) from error
        os.close(self._descriptor)
        self._descriptor = None
        return BlobId(self._name)

    def keep(self) -> BlobId:
        if self._descriptor is None:
            raise BlobClosed("the payload is committed or given up already")
        try:
            os.fsync(self._descriptor)
            if not self._kept:
                target = self._root / _KEPT / self._name
                self._path.rename(target)
                self._path, self._kept = target, True
                sync_folder(target.parent)
        except OSError as error:
            self.abort()
            raise unavailable("keep the payload", error) from error
        return BlobId(self._name)

    def abort(self) -> None:
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None
        if self._kept:
            return
        with suppress(OSError):  # what stays is a leftover; the sweep takes it
            self._path.unlink()


class FolderBlobs:
    """Safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        """Makes the folders that are missing. Raises ``BlobUnavailable``."""
        self._root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_folders()
            (root / _KEPT).mkdir(mode=0o700, exist_ok=True)
            (root / ASIDE).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise unavailable("be opened", error) from error

    def _make_folders(self) -> None:
        """``incoming`` last: where it is, all the others are, and their names are durable."""
        incoming = self._root / _INCOMING
        if incoming.is_dir():
            return
        for number in range(256):
            (self._root / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._root)
        incoming.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._root)
        sync_folder(self._root.parent)

    def create(self, *, max_bytes: int | None) -> FolderBlobWriter:
        return FolderBlobWriter(self._root, max_bytes=max_bytes)

    def _path(self, blob_id: BlobId) -> Path:
        if not _ID.fullmatch(blob_id):
            raise BlobUnavailable("there is no payload with this id")
        return self._root / blob_id[:2] / blob_id

    def read(self, blob_id: BlobId, *, offset: int = 0) -> Iterator[bytes]:
        """Opened by the call itself, so that a missing payload shows before the first chunk is asked for."""
        path = self._path(blob_id)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise BlobUnavailable("the payload is not there any more") from None
        except OSError as error:
            raise unavailable("be read", error) from error
        return _Chunks(descriptor, offset)

    def resume(self, blob_id: BlobId, *, size: int, max_bytes: int | None) -> FolderBlobWriter:
        self._path(blob_id)
        return FolderBlobWriter(self._root, max_bytes=max_bytes, kept=blob_id, size=size)

    def read_kept(self, blob_id: BlobId, *, size: int) -> Iterator[bytes]:
        self._path(blob_id)
        try:
            descriptor = os.open(self._root / _KEPT / blob_id, os.O_RDONLY)
        except OSError as error:
            raise BlobUnavailable("the unfinished payload is not there any more") from error
        if os.fstat(descriptor).st_size < size:
            os.close(descriptor)
            raise BlobUnavailable("less of the unfinished payload is there than was kept")
        return _Chunks(descriptor, 0, size)

    def size(self, blob_id: BlobId) -> int:
        try:
            return self._path(blob_id).stat().st_size
        except FileNotFoundError:
            raise BlobUnavailable("the payload is not there any more") from None
        except OSError as error:
            raise unavailable("be read", error) from error

    def delete(self, blob_id: BlobId) -> None:
        try:
            self._path(blob_id).unlink(missing_ok=True)
            (self._root / _KEPT / blob_id).unlink(missing_ok=True)
        except OSError as error:
            raise unavailable("remove a payload", error) from error

    def sweep(self, *, older_than: datetime) -> int:
        """Counts by the time of the last write, so that a long upload that is still going on is left alone. What was kept is
        its owner's to delete; two weeks later nobody can want it any more."""
        before = utc(older_than)
        count = 0
        try:
            for folder, moment in ((_INCOMING, before), (_KEPT, before - _KEPT_FOR), (ASIDE, before - ASIDE_FOR)):
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        found = entry.stat(follow_symlinks=False)
                        changed = last_change(found) if folder == ASIDE else found.st_mtime
                        if changed < moment.timestamp():
                            Path(entry.path).unlink(missing_ok=True)
                            count += 1
        except OSError as error:
            raise unavailable("be swept", error) from error
        return count

    def shelves(self) -> list[str]:
        return [f"{number:02x}" for number in range(256)]

    def set_aside(self, shelf: str, *, claimed: Collection[BlobId], older_than: datetime) -> int:
        before = utc(older_than).timestamp()
        count = 0
        try:
            with os.scandir(self._root / shelf) as entries:
                for entry in entries:
                    if entry.name not in claimed and last_change(entry.stat(follow_symlinks=False)) < before:
                        Path(entry.path).rename(self._root / ASIDE / entry.name)
                        count += 1
        except OSError as error:
            raise unavailable("be swept", error) from error
        return count


def last_change(found: os.stat_result) -> float:
    """Of content or name: a rename, which is what commits, shows in the inode's own time only."""
    return max(found.st_mtime, found.st_ctime)


class _Chunks:
    """Reads on; closes the file at its end, at an error, or when nobody asks any more."""

    def __init__(self, descriptor: int, offset: int, limit: int | None = None) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._file.seek(offset)
        self._left = limit

    def __iter__(self) -> "_Chunks":
        return self

    def __next__(self) -> bytes:
        if self._file.closed:
            raise StopIteration
        try:
            chunk = self._file.read(CHUNK_BYTES if self._left is None else min(CHUNK_BYTES, self._left))
        except OSError as error:
            self._file.close()
            raise unavailable("be read", error) from error
        if not chunk:
            self._file.close()
            raise StopIteration
        if self._left is not None:
            self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self._file.close()
