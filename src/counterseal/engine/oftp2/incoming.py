"""A partner's file in a session: kept as it comes, made durable, opened, recorded with its receipt, and only then confirmed.

    FileOffered    admission; restart position answered with what is durable here
    DataReceived   octets into an unfinished payload; every 64 MiB it is kept, so that a crash costs no more
    FileEnded      whole and durable -> opened -> document, message, receipt in one transaction -> EFPA, else EFNA

A session that breaks off leaves the unfinished payload and its restart position.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import Direction
from counterseal.domain.unfinished import RestartPosition
from counterseal.domain.virtual_file import RECORD_HEAD_OCTETS
from counterseal.engine.oftp2 import arrival
from counterseal.engine.oftp2.admission import Refused, Taken, admit
from counterseal.engine.oftp2.line import Line
from counterseal.engine.oftp2.records import read_records, with_length
from counterseal.engine.ports import BlobUnavailable, BlobWriter, Writer
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.finding import Severity
from counterseal.kernel.ids import BlobId
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.endresponse import Hash, file_hash
from counterseal.protocols.oftp2.events import DataReceived, FileBroken, FileEnded, FileOffered
from counterseal.protocols.oftp2.reasons import EFNA_ONLY, FileReason

KEPT_EVERY: Final = 64 * 1024 * 1024
WORTH_KEEPING: Final = 64 * 1024
"""Less than this is sent again sooner than it is kept."""


@dataclass(slots=True, kw_only=True)
class Unfinished:
    """The file that is coming."""

    sfid: SFID
    taken: Taken
    started_at: datetime
    writer: BlobWriter
    transmitted: Hash | None
    """The hash that a signed receipt carries."""
    content: "hashlib._Hash | None"
    """SHA-256 of the payload, where the file as transmitted is the payload."""
    resumed_at: int = 0
    octets: int = 0
    """As transmitted, those before the restart position included; without what is still held."""
    records: int = 0
    held: bytearray = field(default_factory=bytearray)
    """The beginning of a record of a V file that has not ended yet."""
    kept: int = 0

    def write(self, octets: bytes, ends: tuple[int, ...]) -> None:
        if self.transmitted is not None:
            self.transmitted.update(octets)
        if self.variable:
            self._write_records(octets, ends)
            return
        if self.content is not None:
            self.content.update(octets)
        self.writer.write(octets)
        self.octets += len(octets)

    @property
    def variable(self) -> bool:
        return self.sfid.recorded and self.sfid.fmt == "V"

    def _write_records(self, octets: bytes, ends: tuple[int, ...]) -> None:
        parts: list[bytes] = []
        at = 0
        for stop in ends:
            record = bytes(self.held) + octets[at:stop]
            self.held.clear()
            parts.append(with_length(record))
            self.octets += len(record)
            at = stop
        self.held += octets[at:]
        self.records += len(ends)
        piece = b"".join(parts)
        if self.content is not None:
            self.content.update(piece)
        self.writer.write(piece)

    @property
    def answer(self) -> int:
        """SFPAACNT for what is here: records, or blocks of 1,024."""
        if not self.sfid.recorded:
            return self.octets // translate.BLOCK
        return self.octets // self.sfid.lrecl if self.sfid.fmt == "F" else self.records


class Receiver:
    """The listener's side of one conversation."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._file: Unfinished | None = None

    # the offer

    def on_offered(self, event: FileOffered) -> None:
        line, sfid = self._line, event.sfid
        agreed = line.session.agreed
        assert agreed is not None
        if event.problem is not None:
            self._refuse(sfid, Refused(reason=event.problem, text="the SFID contradicts itself (RFC 5024 5.3.3)"))
            return
        limit = line.ports.maximum_file_octets
        with line.ports.store.read() as reader:
            decided = admit(reader, line.known, sfid, limit=limit, restart=agreed.restart)
        if isinstance(decided, Taken) and not line.ports.live.hold_file(decided.around.agreement.id, decided.wire_id):
            decided = Refused(
                reason=FileReason.UNSPECIFIED, text="this file is coming in another session just now", retry=True
            )
        if isinstance(decided, Refused):
            self._refuse(sfid, decided)
            return
        try:
            self._file = file = self._begin(sfid, decided)
        except BaseException:
            line.ports.live.release_file(decided.around.agreement.id, decided.wire_id)
            raise
        resume_at = file.answer
        octets = file.octets if file.variable else None
        line.say(line.session.accept_file(line.now(), octet_limit=limit, resume_at=resume_at, octets_held=octets))

    def _refuse(self, sfid: SFID, refused: Refused) -> None:
        line = self._line
        reason = FileReason.UNSPECIFIED if refused.reason in EFNA_ONLY else refused.reason
        subject = translate.wire_id_of(sfid)
        words = translate.file_reason_words(reason.value, reason)
        line.note("oftp2.file-refused", Severity.REFUSAL, subject, f"Refused, {words}: {refused.text}.")
        if reason is not FileReason.DUPLICATE_FILE:
            with line.ports.store.write() as writer:
                writer.record(self._event("file.refused", subject, {"reason": words, "text": refused.text[:300]}))
        line.say(line.session.refuse_file(line.now(), reason=reason, retry=refused.retry, text=refused.text))

    def _event(self, event: str, subject: str, facts: dict[str, str]) -> AuditEvent:
        primary = self._line.known.primary
        return AuditEvent(
            at=self._line.now(),
            actor=f"partner:{primary.partner.slug}",
            event=event,
            subject=f"file:{subject}"[:200],
            community_id=primary.community.id,
            facts=facts,
        )

    def _begin(self, sfid: SFID, taken: Taken) -> Unfinished:
        line = self._line
        file = self._resumed(sfid, taken) if taken.position is not None and sfid.rest else None
        if file is not None:
            return file
        if taken.position is not None and taken.position.blob is not None:
            line.ports.blobs.delete(taken.position.blob)
        return self._fresh(sfid, taken, line.ports.blobs.create(max_bytes=None))

    def _fresh(self, sfid: SFID, taken: Taken, writer: BlobWriter) -> Unfinished:
        suite = translate.suite_named(sfid.ciph)
        return Unfinished(
            sfid=sfid,
            taken=taken,
            started_at=self._line.now(),
            writer=writer,
            transmitted=file_hash(suite) if suite is not None else None,
            content=None if sfid.secured else hashlib.sha256(),
        )

    def _resumed(self, sfid: SFID, taken: Taken) -> Unfinished | None:
        """What was kept, hashed again, up to where both sides have it; ``None`` when it is not there any more."""
        position, blobs = taken.position, self._line.ports.blobs
        assert position is not None
        if position.blob is None:
            return None
        octets, records = _common(sfid, position)
        if not octets:
            return None
        size = octets + RECORD_HEAD_OCTETS * records if sfid.recorded and sfid.fmt == "V" else octets
        try:
            chunks = blobs.read_kept(position.blob, size=size)
            writer = blobs.resume(position.blob, size=size, max_bytes=None)
        except BlobUnavailable:
            return None
        file = self._fresh(sfid, taken, writer)
        _hash_again(chunks, file)
        file.octets = file.resumed_at = file.kept = octets
        file.records = records
        return file

    # its octets

    def on_data(self, event: DataReceived) -> None:
        file = self._file
        assert file is not None
        file.write(event.octets, event.record_ends)
        self._line.tally.octets_received += len(event.octets)
        if file.octets - file.kept >= KEPT_EVERY:
            self._keep(file)

    def _keep(self, file: Unfinished) -> BlobId:
        """From here on a later session can go on from here."""
        blob = file.writer.keep()
        file.kept = file.octets
        with self._line.ports.store.write() as writer:
            writer.put(self._position(file, blob))
        return blob

    def _position(self, file: Unfinished, blob: BlobId) -> RestartPosition:
        return RestartPosition(
            direction=Direction.IN,
            agreement_id=file.taken.around.agreement.id,
            wire_id=file.taken.wire_id,
            blob=blob,
            octets=file.octets,
            records=file.records,
            shape=translate.shape_of(file.sfid),
            at=self._line.now(),
        )

    # its end

    def on_ended(self, event: FileEnded) -> None:
        """Everything that EFPA promises is durable before it is said."""
        line, file = self._line, self._file
        assert file is not None
        line.session.keep_waiting(line.now())
        payload, kept = self._durable(file)
        whole = arrival.Whole(
            sfid=file.sfid,
            around=file.taken.around,
            wire_id=file.taken.wire_id,
            payload=payload,
            kept=kept,
            octets=event.octets,
            file_digest=file.transmitted.digest() if file.transmitted is not None else b"",
            content_digest=file.content.hexdigest() if file.content is not None else "",
            started_at=file.started_at,
            resumed_at=file.resumed_at,
            session_id=line.session_id,
            remote=line.link.remote,
            had_position=file.taken.position is not None or file.kept > 0,
            authenticated=line.proves(file.taken.around),
        )
        refused = arrival.take(line.ports, whole)
        file.writer.abort()
        self._give_up(file)
        if refused is not None:
            words = translate.file_reason_words(refused.reason.value, refused.reason)
            line.note("oftp2.file-refused", Severity.REFUSAL, whole.wire_id, f"Refused, {words}: {refused.text}.")
            line.say(line.session.reject_file(line.now(), reason=refused.reason, text=refused.text))
            return
        line.tally.files_received += 1
        line.say(line.session.confirm_file(line.now(), take_turn=False))

    def _durable(self, file: Unfinished) -> tuple[BlobId | None, BlobId | None]:
        """The payload, or what is still to be opened; of a large one a crash while it is opened costs nothing."""
        if not file.sfid.secured:
            return file.writer.commit(), None
        if file.octets >= WORTH_KEEPING:
            return None, self._keep(file)
        return None, file.writer.keep()

    def on_broken(self, event: FileBroken) -> None:
        """The session has answered with EFNA; what came is of no use."""
        file = self._file
        assert file is not None
        blob = file.writer.keep()
        file.writer.abort()
        self._line.ports.blobs.delete(blob)
        with self._line.ports.store.write() as writer:
            forget(writer, file.taken)
            facts = {"reason": event.reason.value, "text": event.text[:300]}
            writer.record(self._event("file.broken", file.taken.wire_id, facts))
        self._line.note("oftp2.file-broken", Severity.WARNING, file.taken.wire_id, f"{event.text}.")
        self._give_up(file)

    def ended(self) -> None:
        """The session is over: a file in the middle is kept for a later one."""
        file = self._file
        if file is None:
            return
        if file.octets - file.resumed_at >= WORTH_KEEPING or file.kept:
            self._keep(file)
        file.writer.abort()
        self._give_up(file)

    def dropped(self) -> None:
        """Our own store failed: nothing more can be kept."""
        if self._file is not None:
            self._file.writer.abort()
            self._give_up(self._file)

    def _give_up(self, file: Unfinished) -> None:
        self._file = None
        self._line.ports.live.release_file(file.taken.around.agreement.id, file.taken.wire_id)


def forget(writer: Writer, taken: Taken) -> None:
    """The restart position of a file that is whole, or never will be."""
    position = writer.find_restart_position(Direction.IN, taken.around.agreement.id, taken.wire_id)
    if position is not None:
        writer.remove(position)


def _common(sfid: SFID, position: RestartPosition) -> tuple[int, int]:
    """Octets and records that both sides have: the lower of SFIDREST and what is kept here, on a boundary of the format."""
    if not sfid.recorded:
        return min(sfid.rest, position.octets // translate.BLOCK) * translate.BLOCK, 0
    if sfid.fmt == "F":
        return min(sfid.rest, position.octets // sfid.lrecl) * sfid.lrecl, 0
    # A V file's octets are known at the kept position only.
    return (position.octets, position.records) if sfid.rest >= position.records else (0, 0)


def _hash_again(chunks: Iterator[bytes], file: Unfinished) -> None:
    """What was kept, as if it came just now."""

    def seen() -> Iterator[bytes]:
        for chunk in chunks:
            if file.content is not None:
                file.content.update(chunk)
            yield chunk

    for octets, _ in read_records(seen(), translate.virtual_file_of(file.sfid)) if file.variable else _plain(seen()):
        if file.transmitted is not None:
            file.transmitted.update(octets)


def _plain(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    return ((chunk, ()) for chunk in chunks)
