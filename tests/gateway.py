"""Ports for tests above the domain: a database in memory, a real vault and payload folder, a clock that stands still.

``a_gateway(tmp_path)`` gives ``Ports``; ``gateway.clock.set(...)`` and ``.pass_time(...)`` move the time.
"""

import itertools
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from counterseal.adapters.storage import SQLStore
from counterseal.adapters.vault import FileVault
from counterseal.domain.people import Actor, Permission
from counterseal.engine.ports import (
    BlobTooLarge,
    BlobUnavailable,
    BlobWriter,
    Delivery,
    Ports,
    PostAnswer,
    PostFailed,
    PostRequest,
)
from counterseal.kernel.ids import BlobId
from tests.builders import NOW

ADMINISTRATOR = Actor(name="local:tester", permissions=frozenset(Permission))


@dataclass
class StandingClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def pass_time(self, duration: timedelta) -> None:
        self.at += duration


@dataclass
class CountingEntropy:
    """Ids count up; octets are random."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def octets(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def new_id(self) -> str:
        return f"{next(self.numbers):032x}"


@dataclass
class MemoryBlobs:
    kept: dict[BlobId, bytes] = field(default_factory=dict)
    unfinished: dict[BlobId, bytes] = field(default_factory=dict)

    def create(self, *, max_bytes: int | None) -> BlobWriter:
        return _MemoryWriter(self, max_bytes)

    def read(self, blob_id: BlobId, *, offset: int = 0) -> Iterator[bytes]:
        if blob_id not in self.kept:
            raise BlobUnavailable("it is not there")
        content = self.kept[blob_id][offset:]
        for start in range(0, len(content), 1024):
            yield content[start : start + 1024]

    def resume(self, blob_id: BlobId, *, size: int, max_bytes: int | None) -> BlobWriter:
        writer = _MemoryWriter(self, max_bytes)
        writer.continue_with(blob_id, b"".join(self.read_kept(blob_id, size=size)))
        return writer

    def read_kept(self, blob_id: BlobId, *, size: int) -> Iterator[bytes]:
        if len(self.unfinished.get(blob_id, b"")) < size:
            raise BlobUnavailable("it is not there")
        yield self.unfinished[blob_id][:size]

    def size(self, blob_id: BlobId) -> int:
        return len(self.kept[blob_id])

    def delete(self, blob_id: BlobId) -> None:
        self.kept.pop(blob_id, None)
        self.unfinished.pop(blob_id, None)

    def sweep(self, *, older_than: datetime) -> int:
        return 0

    def shelves(self, *, older_than: datetime) -> list[str]:
        return ["blob"]

    def set_aside(self, shelf: str, *, claimed: Collection[BlobId], older_than: datetime) -> int:
        unclaimed = [blob_id for blob_id in self.kept if blob_id.startswith(shelf) and blob_id not in claimed]
        for blob_id in unclaimed:
            del self.kept[blob_id]
        return len(unclaimed)


class _MemoryWriter:
    def __init__(self, blobs: MemoryBlobs, max_bytes: int | None) -> None:
        self._blobs = blobs
        self._max = max_bytes
        self._written = bytearray()
        self._unfinished: BlobId | None = None

    def continue_with(self, blob_id: BlobId, content: bytes) -> None:
        self._unfinished, self._written = blob_id, bytearray(content)

    def keep(self) -> BlobId:
        if self._unfinished is None:
            self._unfinished = BlobId(f"unfinished{len(self._blobs.unfinished)}")
        self._blobs.unfinished[self._unfinished] = bytes(self._written)
        return self._unfinished

    @property
    def size(self) -> int:
        return len(self._written)

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self._written += chunk
        if self._max is not None and len(self._written) > self._max:
            raise BlobTooLarge(f"more than {self._max} bytes")

    def commit(self) -> BlobId:
        blob_id = BlobId(f"blob{len(self._blobs.kept)}")
        self._blobs.kept[blob_id] = bytes(self._written)
        if self._unfinished is not None:
            self._blobs.unfinished.pop(self._unfinished, None)
        return blob_id

    def abort(self) -> None:
        self._written.clear()


class NoPoster:
    async def post(self, request: PostRequest) -> PostAnswer:
        raise PostFailed("nobody answers here", kind="connection refused")


class NoBackend:
    def deliver(self, delivery: Delivery) -> str:
        return "nowhere"


@dataclass
class Wakes:
    count: int = 0

    def __call__(self) -> None:
        self.count += 1


def a_gateway(folder: Path, vault: FileVault | None = None) -> Ports:
    return Ports(
        store=SQLStore.in_memory(),
        blobs=MemoryBlobs(),
        vault=vault or FileVault.open(folder),
        poster=NoPoster(),
        backend=NoBackend(),
        clock=StandingClock(),
        entropy=CountingEntropy(),
        wake=Wakes(),
        product="counterseal:test",
        host_name="alpha.example",
    )


@contextmanager
def open_gateway(folder: Path) -> Iterator[Ports]:
    """The same, closed at the end."""
    ports = a_gateway(folder)
    yield ports
    ports.store.close()  # type: ignore[attr-defined]


def clock_of(ports: Ports) -> StandingClock:
    assert isinstance(ports.clock, StandingClock)
    return ports.clock
