"""The rows of a message that came in: document, message, transfer, findings, and what the partner said of itself."""

from dataclasses import replace
from datetime import datetime

from counterseal.domain import document as documents_
from counterseal.domain.agreement import Agreement, CEMCapability, Seen
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
from counterseal.engine.as2.incoming import Incoming
from counterseal.engine.as2.opening import Taken
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship
from counterseal.engine.translate import as2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import BlobId, DocumentId, MessageRowId
from counterseal.protocols.as2 import MessageHead


def document_of(
    ports: Ports,
    found: Relationship,
    incoming: Incoming,
    taken: Taken,
    fault: PeerFault | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> Document:
    head = incoming.known.head
    first = taken.parts[0] if taken.parts else None
    received = Document(
        id=DocumentId(ports.entropy.new_id()),
        community_id=found.community.id,
        agreement_id=found.agreement.id,
        direction=Direction.IN,
        kind=taken.kind,
        state=DocumentState.RECEIVING,
        file_name=(first.head.file_name if first else None) or head.file_name or "",
        content_type=(first.head.content_type.media_type if first else head.content_type.media_type),
        size=sum(part.size for part in taken.parts),
        digest=taken.content_digest,
        payload=first.blob if first else None,
        attachments=tuple(part.blob for part in taken.parts[1:]),
        subject=head.subject,
        created_by=f"partner:{found.partner.slug}",
        created_at=now,
        findings=findings,
    )
    if fault is not None:
        return documents_.apply(received, RefusedEvent(fault.detail), now)
    received = documents_.apply(received, Arrived(), now)
    if taken.kind is DocumentKind.BUSINESS:
        return received
    # A certificate message has no backend: it has arrived where it belongs.
    return documents_.apply(received, documents_.HandedOver(), now)


def message_of(
    ports: Ports,
    found: Relationship,
    document: Document,
    incoming: Incoming,
    taken: Taken,
    wire: BlobId | None,
    now: datetime,
) -> Message:
    head = incoming.known.head
    request = head.receipt_request
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=found.community.id,
        document_id=document.id,
        agreement_id=found.agreement.id,
        direction=Direction.IN,
        kind=MessageKind.AS2,
        wire_id=head.message_id or "",
        headers=head.headers.items,
        wire=wire,
        wire_size=incoming.size,
        content_digest=taken.content_digest,
        mic=translate.format_mics(taken.progress.mics),
        signer=taken.signer,
        recipient=taken.recipient,
        receipt_url=(request.delivery_url or "") if request else "",
        layers=tuple(translate.words_of(layer) for layer in taken.progress.layers),
        findings=document.findings,
        at=now,
    )


def transfer_of(
    message: Message, document: Document, incoming: Incoming, fault: PeerFault | None, now: datetime
) -> Transfer:
    return Transfer(
        message_id=message.id,
        document_id=document.id,
        started_at=incoming.started_at,
        ended_at=now,
        outcome=TransferOutcome.OK,
        status="received" if fault is None else fault.code,
        detail="Received." if fault is None else fault.detail,
        remote=incoming.remote,
    )


def note_announced(writer: Writer, agreement: Agreement, head: MessageHead, now: datetime) -> None:
    """What the partner says of itself; written only when it changes."""
    seen = Seen(as2_version=head.version, product=head.product, features=head.features, at=now)
    announced = head.announces_cem and agreement.cem_capability is CEMCapability.UNKNOWN
    same = (seen.as2_version, seen.product, seen.features) == (
        agreement.seen.as2_version,
        agreement.seen.product,
        agreement.seen.features,
    )
    if same and not announced:
        return
    capability = CEMCapability.ANNOUNCED if announced else agreement.cem_capability
    writer.put(replace(agreement, seen=seen, cem_capability=capability))


def finding_of(fault: PeerFault, head: MessageHead) -> Finding:
    return Finding(
        code=fault.code, severity=Severity.REFUSAL, subject=head.message_id or head.as2_from, text=_text_for_us(fault)
    )


def _text_for_us(fault: PeerFault) -> str:
    """Our operator may know the cause that the partner must not be told."""
    cause = getattr(fault, "cause", "") or ""
    return f"{fault.detail} ({cause})" if cause and cause != fault.detail else fault.detail


def refusal_event(found: Relationship, document: Document, fault: PeerFault, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{found.partner.slug}",
        event="document.refused",
        subject=f"document:{document.id}",
        community_id=found.community.id,
        facts={"kind": document.kind.value, "sha256": document.digest, "fault": fault.code},
    )


def not_kept(incoming: Incoming) -> Finding:
    text = (
        f"Its {incoming.size} bytes were not kept: it was refused, and nothing in it proves that the partner sent it. "
        "Ask the partner to send it again once the cause is mended."
    )
    subject = incoming.known.head.message_id or incoming.known.head.as2_from
    return Finding(code="as2.not-kept", severity=Severity.NOTE, subject=subject, text=text)
