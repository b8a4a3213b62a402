"""``Payloads``: the payload store of a data directory; small ones in packs, larger ones in files of their own."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from counterseal.adapters.blobs.folder import BlobClosed, FolderBlobs, FolderBlobWriter, unavailable
from counterseal.adapters.blobs.packs import SMALL_BYTES, Packs, is_packed, is_shelf
from counterseal.engine.ports import BlobTooLarge
from counterseal.kernel.ids import BlobId


class PayloadWriter:
    """In memory while it is small; used by one thread at a time."""

    def __init__(self, folder: FolderBlobs, packs: Packs, *, max_bytes: int | None) -> None:
        self._folder = folder
        self._packs = packs
        self._max_bytes = max_bytes
        self._memory = bytearray()
        self._file: FolderBlobWriter | None = None
        self._closed = False

    @property
    def size(self) -> int:
        return self._file.size if self._file is not None else len(self._memory)

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        if self._file is not None:
            self._file.write(chunk)
            return
        if self._closed:
            raise BlobClosed("the payload is committed or given up already")
        octets = memoryview(chunk).cast("B")
        size = len(self._memory) + len(octets)
        if self._max_bytes is not None and size > self._max_bytes:
            self.abort()
            raise BlobTooLarge(f"the payload is larger than {self._max_bytes} octets")
        if size > SMALL_BYTES:
            self._as_file().write(octets)
        else:
            self._memory += octets

    def _as_file(self) -> FolderBlobWriter:
        if self._file is None:
            self._file = self._folder.create(max_bytes=self._max_bytes)
            if self._memory:
                self._file.write(self._memory)
                self._memory = bytearray()
        return self._file

    def commit(self) -> BlobId:
        if self._file is not None:
            return self._file.commit()
        if self._closed:
            raise BlobClosed("the payload is committed or given up already")
        self._closed = True
        with _told("keep the payload"):
            return self._packs.add(bytes(self._memory))

    def keep(self) -> BlobId:
        if self._closed:
            raise BlobClosed("the payload is committed or given up already")
        return self._as_file().keep()

    def abort(self) -> None:
        self._closed = True
        self._memory = bytearray()
        if self._file is not None:
            self._file.abort()


class Payloads:
    """Safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        """Makes the folders that are missing. Raises ``BlobUnavailable``."""
        self._folder = FolderBlobs(root)
        with _told("be opened"):
            self._packs = Packs(root / "packs")

    def create(self, *, max_bytes: int | None) -> PayloadWriter:
        return PayloadWriter(self._folder, self._packs, max_bytes=max_bytes)

    def settle(self) -> None:
        """Makes durable what was committed; a store calls it before it commits. Raises ``BlobUnavailable``."""
        with _told("keep a payload"):
            self._packs.settle()

    def read(self, blob_id: BlobId, *, offset: int = 0) -> Iterator[bytes]:
        if not is_packed(blob_id):
            return self._folder.read(blob_id, offset=offset)
        with _told("be read"):
            content = self._packs.read(blob_id)[offset:]
        return iter((content,) if content else ())

    def resume(self, blob_id: BlobId, *, size: int, max_bytes: int | None) -> FolderBlobWriter:
        return self._folder.resume(blob_id, size=size, max_bytes=max_bytes)

    def read_kept(self, blob_id: BlobId, *, size: int) -> Iterator[bytes]:
        return self._folder.read_kept(blob_id, size=size)

    def size(self, blob_id: BlobId) -> int:
        if not is_packed(blob_id):
            return self._folder.size(blob_id)
        with _told("be read"):
            return self._packs.size(blob_id)

    def delete(self, blob_id: BlobId) -> None:
        if not is_packed(blob_id):
            self._folder.delete(blob_id)
            return
        with _told("remove a payload"):
            self._packs.delete(blob_id)

    def sweep(self, *, older_than: datetime) -> int:
        with _told("be swept"):
            self._packs.sweep(older_than=older_than)
        return self._folder.sweep(older_than=older_than)

    def shelves(self, *, older_than: datetime) -> list[str]:
        with _told("be swept"):
            return sorted((*self._folder.shelves(), *self._packs.shelves(older_than=older_than)))

    def set_aside(self, shelf: str, *, claimed: Collection[BlobId], older_than: datetime) -> int:
        if not is_shelf(shelf):
            return self._folder.set_aside(shelf, claimed=claimed, older_than=older_than)
        with _told("be swept"):
            return self._packs.set_aside(shelf, claimed=claimed, older_than=older_than)

    def close(self) -> None:
        self._packs.close()


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unavailable(what, error) from error
