"""``Packs``: small payloads one behind the other in a few files, made durable together.

    packs/
      <segment>.pack      octets of many payloads; only this process appends, and holds a lock on the file as long as it may
      <segment>.gone      the ids of those that were deleted, one to a line
      <segment>.aside     a segment of which no row names anything: removed a month later

A payload of 10 KB as a file of its own costs an open, two fsyncs and a rename; here it costs an append, and one fsync serves
everybody who is waiting. That fsync is ``settle``, which a store calls before each of its own commits: no row ever refers to a
payload that a power cut could take. An id names segment, offset and length, so that nothing has to be looked up; what a crash
leaves behind the last durable id is referred to by nobody. A segment goes as a whole, when everything in it was deleted, or nothing of it is named by a row.
"""

import errno
import fcntl
import os
import re
import threading
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from counterseal.engine.ports import BlobUnavailable
from counterseal.kernel.clock import utc
from counterseal.kernel.ids import BlobId

SMALL_BYTES: Final = 64 * 1024
"""Larger ones have files of their own."""
SEGMENT_BYTES: Final = 256 * 1024 * 1024
ASIDE_FOR: Final = timedelta(days=30)
_ID: Final = re.compile(r"p([0-9a-f]{16})([0-9a-f]{10})([0-9a-f]{6})")


def is_packed(blob_id: BlobId) -> bool:
    return _ID.fullmatch(blob_id) is not None


def is_shelf(shelf: str) -> bool:
    """A segment is a shelf of its own: the beginning of the ids in it."""
    return shelf.startswith("p")


def _parts(blob_id: BlobId) -> tuple[str, int, int]:
    """Segment, offset and length."""
    found = _ID.fullmatch(blob_id)
    if found is None:
        raise BlobUnavailable("there is no payload with this id")
    return found[1], int(found[2], 16), int(found[3], 16)


class _Segment:
    """The file that this process appends to."""

    def __init__(self, folder: Path) -> None:
        self.name = os.urandom(8).hex()
        self.descriptor = os.open(folder / f"{self.name}.pack", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        sync_folder(folder)
        self.end = 0

    def append(self, content: bytes) -> BlobId:
        rest, at = memoryview(content), self.end
        while rest:
            written = os.pwrite(self.descriptor, rest, at)
            rest, at = rest[written:], at + written
        blob_id = BlobId(f"p{self.name}{self.end:010x}{len(content):06x}")
        self.end = at
        return blob_id

    def close(self) -> None:
        os.close(self.descriptor)


class Packs:
    """Safe to use from several threads; each process has a segment of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._appending = threading.Lock()
        self._settling = threading.Lock()
        self._segment: _Segment | None = None
        self._appended = 0
        self._settled = 0
        self._broken = False
        folder.mkdir(mode=0o700, exist_ok=True)

    def add(self, content: bytes) -> BlobId:
        """Durable after the next ``settle``. Raises ``OSError``."""
        with self._appending:
            segment = self._segment
            if segment is not None and segment.end >= SEGMENT_BYTES:
                os.fsync(segment.descriptor)
                segment.close()
                segment = None
            self._segment = segment or _Segment(self._folder)
            blob_id = self._segment.append(content)
            self._appended += 1
            return blob_id

    def settle(self) -> None:
        """Everything that was added before is durable when it returns; one fsync for all who wait. Raises ``OSError``."""
        if self._broken:
            raise OSError(errno.EIO, "the disk failed before; look after it, then start the gateway again")
        wanted = self._appended
        if self._settled >= wanted:
            return
        with self._settling:
            if self._settled >= wanted:
                return
            with self._appending:  # what is closed meanwhile was made durable then
                reached = self._appended
                descriptor = os.dup(self._segment.descriptor) if self._segment is not None else None
            if descriptor is not None:
                try:
                    os.fsync(descriptor)
                except OSError:
                    self._broken = True  # the kernel says it once, and may have dropped what it could not write
                    raise
                finally:
                    os.close(descriptor)
            self._settled = reached

    def read(self, blob_id: BlobId) -> bytes:
        """Raises ``BlobUnavailable``, ``OSError``."""
        name, offset, length = _parts(blob_id)
        content = self._own(name, offset, length)
        if content is None:
            try:
                descriptor = os.open(self._folder / f"{name}.pack", os.O_RDONLY)
            except FileNotFoundError:
                raise BlobUnavailable("the payload is not there any more") from None
            try:
                content = _read_at(descriptor, offset, length)
            finally:
                os.close(descriptor)
        if len(content) != length:
            raise BlobUnavailable("less of the payload is there than was kept")
        return content

    def _own(self, name: str, offset: int, length: int) -> bytes | None:
        with self._appending:
            if self._segment is None or self._segment.name != name:
                return None
            return _read_at(self._segment.descriptor, offset, length)

    def size(self, blob_id: BlobId) -> int:
        """Raises ``BlobUnavailable``, ``OSError``."""
        name, offset, length = _parts(blob_id)
        try:
            there = (self._folder / f"{name}.pack").stat().st_size
        except FileNotFoundError:
            raise BlobUnavailable("the payload is not there any more") from None
        if there < offset + length:
            raise BlobUnavailable("less of the payload is there than was kept")
        return length

    def delete(self, blob_id: BlobId) -> None:
        """Notes it; the octets go with their segment. Raises ``OSError``."""
        name, _, _ = _parts(blob_id)
        if not (self._folder / f"{name}.pack").exists():
            return
        descriptor = os.open(self._folder / f"{name}.gone", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, f"{blob_id}\n".encode())
        finally:
            os.close(descriptor)

    def sweep(self, *, older_than: datetime) -> None:
        """Removes segments of which everything was deleted and to which no process appends any more, and those that were set
        aside. Raises ``OSError``."""
        before = (utc(older_than) - ASIDE_FOR).timestamp()
        for aside in self._folder.glob("*.aside"):
            if aside.stat().st_ctime < before:
                aside.unlink(missing_ok=True)
        for gone in self._folder.glob("*.gone"):
            pack = gone.with_suffix(".pack")
            with suppress(FileNotFoundError):
                if _free(pack, gone):
                    pack.unlink()
                    gone.unlink()

    def shelves(self, *, older_than: datetime) -> list[str]:
        """Of segments that nobody has appended to since. Raises ``OSError``."""
        before = utc(older_than).timestamp()
        return sorted(f"p{pack.stem}" for pack in self._folder.glob("*.pack") if pack.stat().st_mtime < before)

    def set_aside(self, shelf: str, *, claimed: Collection[BlobId], older_than: datetime) -> int:
        """One segment, if nothing in it is claimed and no process holds it. Raises ``OSError``."""
        pack = self._folder / f"{shelf[1:]}.pack"
        if claimed or f"p{pack.stem}" not in self.shelves(older_than=older_than) or _is_held(pack):
            return 0
        pack.rename(pack.with_suffix(".aside"))
        pack.with_suffix(".gone").unlink(missing_ok=True)
        return 1

    def close(self) -> None:
        """Gives the segment up; ``settle`` first."""
        with self._appending:
            if self._segment is not None:
                self._segment.close()
                self._segment = None


def _free(pack: Path, gone: Path) -> bool:
    """Two payloads that are deleted never overlap, so lengths that add up to the file's are all there was."""
    ids = {line for line in gone.read_text().split() if _ID.fullmatch(line)}
    if sum(_parts(BlobId(one))[2] for one in ids) < pack.stat().st_size:
        return False
    return not _is_held(pack)


def _is_held(pack: Path) -> bool:
    """Whether a process may still append to it."""
    descriptor = os.open(pack, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        piece = os.pread(descriptor, length - len(found), offset + len(found))
        if not piece:
            break
        found += piece
    return bytes(found)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
