"""A whole file: opened, judged, recorded together with its receipt. What this returned is durable."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain import document as documents_
from counterseal.domain.admission import Admitted, Opened, decide_admission
from counterseal.domain.admission import Refused as NotAdmitted
from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import (
    Arrived,
    Direction,
    Document,
    DocumentKind,
    DocumentState,
    Message,
    MessageKind,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.document import Refused as RefusedEvent
from counterseal.domain.unfinished import OwedReceipt
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.oftp2 import certificate_files, receipts
from counterseal.engine.oftp2.admission import Refused
from counterseal.engine.oftp2.records import with_length
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import (
    Relationship,
    certificates_of,
    decrypters_of,
    gather,
    note_seen,
    signer_of,
)
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import BlobId, DocumentId, Fingerprint, MessageRowId, OutboxId, SessionId
from counterseal.kernel.keys import Decrypter, Signer
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cms import ContentKind
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.errors import FileFault
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.records import remove_lengths
from counterseal.protocols.oftp2.security import FileEvidence, OpenedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A file as it was transmitted, durable."""

    sfid: SFID
    around: Relationship
    wire_id: str
    payload: BlobId | None
    """Of an unsecured file: what was transmitted is what was meant."""
    kept: BlobId | None
    """Of a secured one: what was transmitted, durable but never a payload."""
    octets: int
    file_digest: bytes
    """By the suite's hash; empty without a suite."""
    content_digest: str
    """SHA-256 where the file as transmitted is the payload, else empty."""
    started_at: datetime
    resumed_at: int
    session_id: SessionId
    remote: str
    had_position: bool
    """A restart position stands in the store."""
    authenticated: bool
    """The session proved more of its partner than a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    payload: BlobId | None
    size: int
    digest: str
    signer: Fingerprint | None = None
    recipient: Fingerprint | None = None
    findings: tuple[Finding, ...] = ()
    fault: FileFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    decrypters: tuple[Decrypter, ...]
    signers: tuple[Certificate, ...]
    receipt_signer: Signer | None


def take(ports: Ports, whole: Whole) -> Refused | None:
    """``None``: the file is a document now and its receipt is stored. Else what the peer is told with EFNA."""
    keys = _keys(ports, whole)
    content = _open(ports, whole, keys)
    refused = _record(ports, whole, keys, content)
    if refused is not None and content.payload is not None:
        ports.blobs.delete(content.payload)
    if whole.kept is not None:
        # Opened, or refused: what was transmitted is not needed any more; its hash stays.
        ports.blobs.delete(whole.kept)
    ports.wake()
    return refused


def _keys(ports: Ports, whole: Whole) -> _Keys:
    found = whole.around
    with ports.store.read() as reader:
        return _Keys(
            decrypters=decrypters_of(ports, reader, found.acceptors(Side.OURS, Usage.FILE_ENCRYPT)),
            signers=certificates_of(found.acceptors(Side.THEIRS, Usage.FILE_SIGN)),
            receipt_signer=signer_of(ports, reader, found.producer(Side.OURS, Usage.RECEIPT_SIGN)),
        )


def _open(ports: Ports, whole: Whole, keys: _Keys) -> _Content:
    if whole.kept is None:
        payload = whole.payload or BlobId("")
        return _Content(payload=payload, size=ports.blobs.size(payload), digest=whole.content_digest)
    if certificate_files.travels_signed(whole.sfid):
        return _as_transmitted(ports, whole, whole.kept)
    file = OpenedFile(
        ports.blobs.read_kept(whole.kept, size=whole.octets),
        whole.sfid,
        keys=keys.decrypters,
        candidates=keys.signers,
        limits=translate.LIMITS,
        octet_limit=ports.maximum_file_octets,
        # Over TLS, or in a session whose ends proved their keys, only the partner itself can send: it is told the truth. On a
        # plain line anybody could try changed ciphertexts in its name (oftp2-scx.md 5; docs/divergences/oftp2.md).
        mask_inner_failures=not whole.around.agreement.oftp2.tls
        and not whole.around.agreement.oftp2.secure_authentication,
    )
    writer = ports.blobs.create(max_bytes=None)
    running = hashlib.sha256()
    try:
        for chunk in _payload(file, whole.sfid):
            running.update(chunk)
            writer.write(chunk)
        evidence = file.finish()
        payload = writer.commit()
    except FileFault as fault:
        return _Content(payload=None, size=0, digest="", fault=fault)
    finally:
        writer.abort()
    return _Content(
        payload=payload,
        size=writer.size,
        digest=running.hexdigest(),
        signer=_signer(evidence),
        recipient=_recipient(evidence),
        findings=_layer_findings(whole, evidence),
    )


def _as_transmitted(ports: Ports, whole: Whole, kept: BlobId) -> _Content:
    writer = ports.blobs.create(max_bytes=None)
    running = hashlib.sha256()
    try:
        for chunk in ports.blobs.read_kept(kept, size=whole.octets):
            running.update(chunk)
            writer.write(chunk)
        return _Content(payload=writer.commit(), size=writer.size, digest=running.hexdigest())
    finally:
        writer.abort()


def _payload(file: OpenedFile, sfid: SFID) -> Iterator[bytes | bytearray | memoryview]:
    if sfid.fmt != "V":
        yield from file.chunks()
        return
    held = b""
    for octets, ends in remove_lengths(file.chunks()):
        at = 0
        for stop in ends:
            yield with_length(held + octets[at:stop])
            held, at = b"", stop
        held += octets[at:]


def _signer(evidence: FileEvidence) -> Fingerprint | None:
    return evidence.signed.signers[0].certificate.fingerprint if evidence.signed else None


def _recipient(evidence: FileEvidence) -> Fingerprint | None:
    return Certificate.parse(evidence.key.certificate_der).fingerprint if evidence.key else None


def _layer_findings(whole: Whole, evidence: FileEvidence) -> tuple[Finding, ...]:
    """OFTP-41: what comes out looks like one more CMS layer than the SFID announced."""
    if evidence.content_kind in {ContentKind.SIGNED, ContentKind.ENVELOPED, ContentKind.COMPRESSED}:
        text = f"The content is itself CMS ({evidence.content_kind.value}), which the SFID does not announce. Ask the partner."
        return (Finding(code="oftp2.unannounced-layer", severity=Severity.WARNING, subject=whole.wire_id, text=text),)
    return ()


def _record(ports: Ports, whole: Whole, keys: _Keys, content: _Content) -> Refused | None:
    """One transaction for everything that this file changes."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        found = gather(writer, whole.around.agreement.id)
        refused, admitted = _judge(found, whole, content, now)
        findings = content.findings + (admitted.findings if admitted else ())
        if refused is not None:
            findings += (_finding(whole, refused, content.fault),)
        document = _document(ports, found, whole, content, findings, now, refused=refused is not None)
        document = documents_.apply(document, RefusedEvent(refused.text) if refused is not None else Arrived(), now)
        message = _message(ports, found, whole, document, content, now)
        writer.put(document, message, _transfer(whole, document, message, refused, now))
        if whole.had_position:
            _forget(writer, whole)
        if refused is not None:
            writer.record(_refused_event(found, document, refused, now))
        else:
            assert admitted is not None
            note_seen(writer, (admitted.signed_with, admitted.encrypted_to), now)
            if document.kind is DocumentKind.SCX:
                certificate_files.take(
                    ports, writer, found, document, message, authenticated=whole.authenticated, now=now
                )
                return None
            _owe(ports, writer, found, whole, document, keys, now)
            _hand_over(ports, writer, found, document, now)
    return refused


def _judge(
    found: Relationship, whole: Whole, content: _Content, now: datetime
) -> tuple[Refused | None, Admitted | None]:
    if content.fault is not None:
        return Refused(reason=content.fault.efna, text=content.fault.detail), None
    opened = Opened(
        kind=_kind(whole.sfid),
        message_id=whole.wire_id,
        content_digest=content.digest,
        signed=content.signer is not None,
        signer=content.signer,
        encrypted=content.recipient is not None,
        recipient=content.recipient,
        earlier=(),
    )
    decided = decide_admission(opened, found.agreement, found.assignments, found.held, now)
    if isinstance(decided, Admitted):
        return None, decided
    assert isinstance(decided, NotAdmitted)
    return Refused(reason=translate.reason_of(decided.code), text=decided.text), None


def _kind(sfid: SFID) -> DocumentKind:
    return DocumentKind.BUSINESS if certificate_files.type_of(sfid) is None else DocumentKind.SCX


def _finding(whole: Whole, refused: Refused, fault: PeerFault | None) -> Finding:
    cause = f" ({fault.__cause__})" if fault is not None and fault.__cause__ is not None else ""
    return Finding(
        code=fault.code if fault is not None else "oftp2.file-refused",
        severity=Severity.REFUSAL,
        subject=whole.wire_id,
        text=f"{refused.text}{cause}.",
    )


def _document(
    ports: Ports,
    found: Relationship,
    whole: Whole,
    content: _Content,
    findings: tuple[Finding, ...],
    now: datetime,
    *,
    refused: bool,
) -> Document:
    return Document(
        id=DocumentId(ports.entropy.new_id()),
        community_id=found.community.id,
        agreement_id=found.agreement.id,
        direction=Direction.IN,
        kind=_kind(whole.sfid),
        state=DocumentState.RECEIVING,
        file_name=whole.sfid.dsn,
        content_type="application/octet-stream",
        size=content.size,
        digest=content.digest,
        payload=None if refused else content.payload,
        subject=whole.sfid.desc,
        virtual_file=translate.virtual_file_of(whole.sfid),
        created_by=f"partner:{found.partner.slug}",
        created_at=now,
        findings=findings,
    )


def _message(
    ports: Ports, found: Relationship, whole: Whole, document: Document, content: _Content, now: datetime
) -> Message:
    suite = translate.suite_named(whole.sfid.ciph)
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=found.community.id,
        document_id=document.id,
        agreement_id=found.agreement.id,
        direction=Direction.IN,
        kind=MessageKind.OFTP2_FILE,
        wire_id=whole.wire_id,
        headers=translate.headers_of(whole.sfid, records=0),
        wire=whole.payload if document.payload is not None else None,
        wire_size=whole.octets,
        content_digest=content.digest,
        mic=translate.hash_text(whole.file_digest, suite) if suite is not None else "",
        signer=content.signer,
        recipient=content.recipient,
        layers=translate.layers_of(whole.sfid),
        findings=document.findings,
        at=now,
    )


def _transfer(whole: Whole, document: Document, message: Message, refused: Refused | None, now: datetime) -> Transfer:
    detail = "Received." if refused is None else refused.text
    if whole.resumed_at:
        detail += f" This session brought it from octet {whole.resumed_at:,} on."
    return Transfer(
        message_id=message.id,
        document_id=document.id,
        started_at=whole.started_at,
        ended_at=now,
        outcome=TransferOutcome.OK,
        status="EFPA" if refused is None else f"EFNA {refused.reason.value}",
        detail=detail[:1000],
        remote=whole.remote,
        session_id=whole.session_id,
    )


def _forget(writer: Writer, whole: Whole) -> None:
    position = writer.find_restart_position(Direction.IN, whole.around.agreement.id, whole.wire_id)
    if position is not None:
        writer.remove(position)


def _owe(
    ports: Ports,
    writer: Writer,
    found: Relationship,
    whole: Whole,
    document: Document,
    keys: _Keys,
    now: datetime,
) -> None:
    """The EERP, stored before it is sent; or nothing yet, where a person decides."""
    held = found.agreement.oftp2.hold_receipts
    receipt = None
    if not held:
        receipt = receipts.positive(ports, found, whole.sfid, document, whole.file_digest, keys.receipt_signer, now)
        writer.put(receipt)
    writer.put(
        OwedReceipt(
            document_id=document.id,
            agreement_id=found.agreement.id,
            message_id=receipt.id if receipt else None,
            held=held,
            created_at=now,
        )
    )


def _hand_over(ports: Ports, writer: Writer, found: Relationship, document: Document, now: datetime) -> None:
    writer.enqueue(
        Work(
            id=OutboxId(ports.entropy.new_id()),
            kind=WorkKind.HAND_OVER,
            key=f"hand-over:{document.id}",
            lane=f"inbox:{found.agreement.id}",
            lane_limit=4,
            subject=document.id,
            facts={},
            due=now,
            created_at=now,
        )
    )


def _refused_event(found: Relationship, document: Document, refused: Refused, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{found.partner.slug}",
        event="document.refused",
        subject=f"document:{document.id}",
        community_id=found.community.id,
        facts={"kind": document.kind.value, "reason": FileReason(refused.reason).value},
    )
