"""Where the parts of an inbound message go while it is being opened: into payloads that exist only once all of it held."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import Final

from counterseal.engine.ports import BlobUnavailable, BlobWriter, Ports
from counterseal.kernel.ids import BlobId
from counterseal.kernel.mime import Chunk
from counterseal.protocols.as2 import PartHead

MAX_CEM_BYTES: Final = 8 * 1024 * 1024
"""A certificate message is read in memory; a larger one is refused by the CEM core's own limit."""


@dataclass(slots=True, kw_only=True)
class Part:
    head: PartHead
    blob: BlobId
    size: int
    content: bytes
    """Of a certificate message; empty for everything else."""


@dataclass(slots=True)
class Parts:
    """A ``PartSink``. ``keep`` makes the payloads durable; ``discard`` leaves nothing."""

    ports: Ports
    max_bytes: int | None
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    """Over all parts, in order."""
    _open: list[tuple[PartHead, BlobWriter, bytearray]] = field(default_factory=list)

    def begin(self, part: PartHead) -> None:
        self._open.append((part, self.ports.blobs.create(max_bytes=self.max_bytes), bytearray()))

    def write(self, chunk: Chunk) -> None:
        head, writer, memory = self._open[-1]
        writer.write(chunk)
        self.digest.update(chunk)
        if head.cem and len(memory) <= MAX_CEM_BYTES:
            memory += chunk

    def end(self) -> None:
        """Nothing: a part is complete when the whole message is."""

    def keep(self) -> tuple[Part, ...]:
        """The payloads, durable with the next transaction; or, when one of them cannot be kept, none."""
        kept: list[Part] = []
        try:
            for head, writer, memory in self._open:
                kept.append(Part(head=head, size=writer.size, blob=writer.commit(), content=bytes(memory)))
        except BaseException:
            for part in kept:
                with contextlib.suppress(BlobUnavailable):
                    self.ports.blobs.delete(part.blob)
            self.discard()
            raise
        self._open.clear()
        return tuple(kept)

    def discard(self) -> None:
        for _, writer, _ in self._open:
            writer.abort()
        self._open.clear()
