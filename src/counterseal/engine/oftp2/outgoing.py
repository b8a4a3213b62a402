"""Our files in a session: which comes next, its octets, and what became of it.

What an attempt came to is written down in batches: if we die before, the document is offered again and the partner answers
that it has it (SFNA 13), which is the same news. A large file's result, and everything at the end of a turn, is written at once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.document import (
    AttemptFailed,
    Direction,
    Document,
    DocumentEvent,
    DocumentKind,
    DocumentState,
    GaveUp,
    LeftUs,
    Message,
    SendingStarted,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.unfinished import RestartPosition
from counterseal.domain.virtual_file import VirtualFile
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.oftp2.line import Line
from counterseal.engine.oftp2.records import read_records, skip_records
from counterseal.engine.oftp2.securing import repeatable
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Writer
from counterseal.engine.relationship import Relationship, gather
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.ids import AgreementId, BlobId, DocumentId, OutboxId
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.events import FileAccepted, FileConfirmed, FileRefused, FileRejected
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.transfer import octets_before

AT_ONCE: Final = 32
"""Documents taken from the queue together, and results written together."""
LARGE_OCTETS: Final = 1024 * 1024
ADVANCE_OCTETS: Final = 256 * 1024
CHECKPOINT_OCTETS: Final = 64 * 1024 * 1024
FLUSH_AFTER: Final = timedelta(seconds=1)
PASSING: Final = frozenset(
    {
        FileReason.INVALID_RECORD_COUNT,
        FileReason.INVALID_BYTE_COUNT,
        FileReason.ACCESS_METHOD_FAILURE,
        FileReason.UNSPECIFIED,
    }
)
"""EFNA reasons after which the same file can arrive in a later session (§5.3.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file that may be offered now."""

    document: Document
    message: Message
    around: Relationship
    sfid: SFID
    before: int
    """Octets that left us in earlier sessions."""


@dataclass(slots=True, kw_only=True)
class _Current:
    file: Prepared
    started_at: datetime
    resumed_at: int = 0
    sent: int = 0
    """Octets of the file that left us, those before the restart position included."""
    records: int = 0
    kept: int = 0
    pieces: Iterator[tuple[bytes, tuple[int, ...]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    file: Prepared
    event: DocumentEvent
    transfer: Transfer
    position: RestartPosition | None = None
    """Where a later session goes on; ``None``: it would start again."""


class Sender:
    """The speaker's side of one conversation."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._queue: deque[Prepared] = deque()
        self.tried: set[DocumentId] = set()
        self._held: set[DocumentId] = set()
        self._current: _Current | None = None
        self._results: list[_Result] = []
        self._first_result_at: datetime | None = None
        self.advanced = False
        """Something came further than in any session before."""

    # what to send

    def offer_next(self) -> bool:
        """Offers the oldest file that was not tried in this session; false when there is none."""
        agreed = self._line.session.agreed
        if agreed is None or not agreed.may_send:
            return False
        if not self._queue:
            self._load()
        if not self._queue:
            return False
        file = self._queue.popleft()
        sfid = file.sfid if agreed.restart else replace(file.sfid, rest=0)
        self._current = _Current(file=replace(file, sfid=sfid), started_at=self._line.now())
        self._line.say(self._line.session.offer_file(sfid, self._line.now()))
        return True

    def _load(self) -> None:
        """Takes the next documents; they count as being sent from here on. What was tried in this session is not tried again
        (§4.3.2: no endless resend)."""
        line = self._line
        self.flush()
        now = line.now()
        found: dict[AgreementId, Relationship] = {}
        with line.ports.store.read() as reader:
            limit = AT_ONCE + len(self.tried)
            if not reader.waiting_documents(line.known.agreement_ids, limit=limit):
                return
        with line.ports.store.write() as writer:
            for document in writer.waiting_documents(line.known.agreement_ids, limit=limit):
                if document.id in self.tried or not self._hold(document.id):
                    continue
                agreement_id = AgreementId(document.agreement_id or "")
                found[agreement_id] = found.get(agreement_id) or gather(writer, agreement_id)
                file = self._prepared(writer, document, found[agreement_id])
                if file is None:
                    self._release(document.id)
                    continue
                self.tried.add(document.id)
                sending = settle(writer, document, SendingStarted(), now)
                self._queue.append(replace(file, document=sending))

    def _prepared(self, writer: Writer, document: Document, around: Relationship) -> Prepared | None:
        """``None``: its file is still being made, or has to be made again."""
        message = repeatable(writer, document, around)
        if message is None or message.wire is None:
            if document.tries or writer.messages(document.id):
                self._make_again(writer, document)
            return None
        position = writer.find_restart_position(Direction.OUT, around.agreement.id, message.wire_id)
        sfid = translate.sfid_of(message.headers, rest=0)
        if position is not None and position.shape == translate.shape_of(sfid):
            sfid = replace(sfid, rest=_rest(sfid, position))
        before = position.octets if position is not None else 0
        return Prepared(document=document, message=message, around=around, sfid=sfid, before=before)

    def _make_again(self, writer: Writer, document: Document) -> None:
        if writer.work(kinds={WorkKind.SECURE_FILE}, subject=document.id):
            return
        now = self._line.now()
        if document.state is DocumentState.SENDING:
            settle(writer, document, AttemptFailed("The file has to be made again."), now)
        writer.enqueue(
            Work(
                id=OutboxId(self._line.ports.entropy.new_id()),
                kind=WorkKind.SECURE_FILE,
                key=f"send-document:{document.id}:{self._line.ports.entropy.new_id()}",
                lane=f"agreement:{document.agreement_id}",
                subject=document.id,
                facts={},
                due=now,
                created_at=now,
            )
        )

    def _hold(self, document_id: DocumentId) -> bool:
        held = self._line.ports.live.hold_document(document_id)
        if held:
            self._held.add(document_id)
        return held

    def _release(self, document_id: DocumentId) -> None:
        if document_id in self._held:
            self._held.discard(document_id)
            self._line.ports.live.release_document(document_id)

    # its octets

    def on_accepted(self, event: FileAccepted) -> None:
        current = self._now()
        sfid, wire = current.file.sfid, current.file.message.wire or BlobId("")
        blobs = self._line.ports.blobs
        if sfid.recorded and sfid.fmt == "V":
            skipped, current.pieces = skip_records(read_records(blobs.read(wire), _file(current.file)), event.resume_at)
            if event.resume_at:
                self._line.say(self._line.session.resume_v_file(skipped, self._line.now()))
            current.sent = skipped
        else:
            current.sent = octets_before(sfid, event.resume_at, None)
            current.pieces = ((octets, ()) for octets in blobs.read(wire, offset=current.sent))
        current.records = event.resume_at if sfid.recorded else 0
        current.resumed_at = current.kept = current.sent

    def pump(self) -> None:
        """Gives the session as much as it wants now."""
        current, session = self._current, self._line.session
        while current is not None and current.pieces is not None and session.wants_data:
            piece = next(current.pieces, None)
            if piece is None:
                current.pieces = None
                counts = current.file.around.agreement.oftp2.count_secured_records
                records = translate.records_of(current.file.message.headers) if counts else 0
                self._line.say(session.end_file(self._line.now(), secured_records=records))
                return
            octets, ends = piece
            self._line.say(session.send_data(octets, self._line.now(), record_ends=ends))
            current.sent += len(octets)
            current.records += len(ends)
            self._line.tally.octets_sent += len(octets)
            if current.sent - current.kept >= CHECKPOINT_OCTETS:
                self._checkpoint(current)

    @property
    def has_data(self) -> bool:
        return self._current is not None and self._current.pieces is not None

    def _checkpoint(self, current: _Current) -> None:
        current.kept = current.sent
        with self._line.ports.store.write() as writer:
            writer.put(self._position(current))

    def _position(self, current: _Current) -> RestartPosition:
        sfid = current.file.sfid
        records = current.records
        if sfid.recorded and sfid.fmt == "F":
            records = current.sent // sfid.lrecl
        return RestartPosition(
            direction=Direction.OUT,
            agreement_id=current.file.around.agreement.id,
            wire_id=current.file.message.wire_id,
            blob=None,
            octets=current.sent,
            records=records,
            shape=translate.shape_of(sfid),
            at=self._line.now(),
        )

    # what became of it

    def on_confirmed(self, _event: FileConfirmed) -> None:
        current = self._now()
        self.advanced = True
        self._line.tally.files_sent += 1
        detail = "The partner has the whole file."
        if current.resumed_at:
            detail += f" This session sent it from octet {current.resumed_at:,} on."
        self._settle(current, LeftUs(), status="EFPA", detail=detail, ok=True)

    def on_refused(self, event: FileRefused) -> None:
        """SFNA. That it has the file already is what we wanted to hear, if we tried to send it before."""
        current = self._now()
        words = translate.file_reason_words(event.code, event.reason)
        said = f"The partner refused the file: {words}." + (f" It says: {event.text}" if event.text else "")
        if event.reason is FileReason.DUPLICATE_FILE and current.file.document.tries > 1:
            self._settle(current, LeftUs(), status="SFNA 13", detail="The partner has the file already.", ok=True)
        elif current.file.document.kind is DocumentKind.SCX and event.reason is FileReason.INVALID_FILENAME:
            # Its filter knows only RFC 5024's alphabet, which lacks the "_" of the reserved names: no retry helps (C 1).
            told = f"{said} Its filter does not let {current.file.sfid.dsn} through: ask it to allow that name, then send again."
            self._settle(current, GaveUp(told), status=f"SFNA {event.code}", detail=told)
        elif event.retry and self._may_retry(current):
            self._settle(current, AttemptFailed(said), status=f"SFNA {event.code}", detail=said)
        else:
            self._settle(current, GaveUp(said), status=f"SFNA {event.code}", detail=said)

    def on_rejected(self, event: FileRejected) -> None:
        """EFNA."""
        current = self._now()
        words = translate.file_reason_words(event.code, event.reason)
        said = f"The partner did not keep the file: {words}." + (f" It says: {event.text}" if event.text else "")
        again = event.reason in PASSING and self._may_retry(current)
        self._settle(current, AttemptFailed(said) if again else GaveUp(said), status=f"EFNA {event.code}", detail=said)

    def _may_retry(self, current: _Current) -> bool:
        """As often as the agreement waits between attempts; broken sessions do not count, refusals do."""
        with self._line.ports.store.read() as reader:
            refused = [
                t
                for t in reader.transfers(current.file.document.id)
                if t.outcome is TransferOutcome.FAILED and t.status.startswith(("SFNA", "EFNA"))
            ]
        return len(refused) < len(current.file.around.agreement.oftp2.retries)

    def _now(self) -> _Current:
        assert self._current is not None
        return self._current

    def _settle(
        self,
        current: _Current,
        event: DocumentEvent,
        *,
        status: str,
        detail: str,
        ok: bool = False,
        position: RestartPosition | None = None,
    ) -> None:
        now = self._line.now()
        transfer = Transfer(
            message_id=current.file.message.id,
            document_id=current.file.document.id,
            started_at=current.started_at,
            ended_at=now,
            outcome=TransferOutcome.OK if ok else TransferOutcome.FAILED,
            status=status,
            detail=detail[:1000],
            remote=self._line.link.remote,
            session_id=self._line.session_id,
        )
        self._results.append(_Result(file=current.file, event=event, transfer=transfer, position=position))
        self._current = None
        self._first_result_at = self._first_result_at or now
        due = now - self._first_result_at >= FLUSH_AFTER or len(self._results) >= AT_ONCE
        if due or current.sent >= LARGE_OCTETS or not ok:
            self.flush()

    def flush(self) -> None:
        """Writes down what is known, in one transaction."""
        if not self._results:
            return
        now = self._line.now()
        with self._line.ports.store.write() as writer:
            for result in self._results:
                document = settle(writer, writer.document(result.file.document.id), result.event, now)
                writer.put(result.transfer)
                self._keep_position(writer, result, document)
        for result in self._results:
            self._release(result.file.document.id)
        self._results.clear()
        self._first_result_at = None

    @staticmethod
    def _keep_position(writer: Writer, result: _Result, document: Document) -> None:
        if result.position is not None:
            writer.put(result.position)
            return
        if not result.file.before and result.file.message.wire_size < CHECKPOINT_OCTETS:
            return  # there never was one
        message, agreement_id = result.file.message, AgreementId(document.agreement_id or "")
        position = writer.find_restart_position(Direction.OUT, agreement_id, message.wire_id)
        if position is not None:
            writer.remove(position)

    def dropped(self) -> None:
        """Our own store failed: nothing can be written down now. What counts as being sent is taken up by a later session."""
        self._current = None
        self._queue.clear()
        self._results.clear()
        for document_id in tuple(self._held):
            self._release(document_id)

    def ended(self, why: str) -> None:
        """The session is over: what was under way goes on in a later one, what was not reached waits as before."""
        if self._current is not None:
            current = self._current
            self.advanced = self.advanced or current.sent - current.file.before >= ADVANCE_OCTETS
            sent = f" after {current.sent:,} of {current.file.message.wire_size:,} octets" if current.sent else ""
            detail = f"The session ended{sent}: {why}"
            self._settle(
                current, AttemptFailed(detail), status="broken", detail=detail, position=self._position(current)
            )
        self.flush()
        if self._queue:
            now = self._line.now()
            with self._line.ports.store.write() as writer:
                for file in self._queue:
                    document = writer.document(file.document.id)
                    settle(writer, document, AttemptFailed("The session ended before its turn."), now)
            self._queue.clear()
        for document_id in tuple(self._held):
            self._release(document_id)


def _rest(sfid: SFID, position: RestartPosition) -> int:
    """SFIDREST: what left us for sure, in the unit of the format (§1.5.4)."""
    return position.records if sfid.recorded else position.octets // translate.BLOCK


def _file(file: Prepared) -> VirtualFile:
    return translate.virtual_file_of(file.sfid)
