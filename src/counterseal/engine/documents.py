"""Business documents on their way out: stored first, then queued; a person may send again or cancel."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from counterseal.domain import document as documents_
from counterseal.domain.agreement import Agreement
from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import Cancelled, Direction, Document, DocumentKind, DocumentState, Requeued
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import Protocol
from counterseal.domain.virtual_file import VirtualFile, name_from
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.ports import NotFound, Ports, Reader, Writer
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import AgreementId, BlobId, DocumentId, OutboxId

MAX_FILE_NAME: Final = 255


class NotSendable(CallerFault):
    """The agreement is switched off, or is of a protocol that this gateway does not send documents over yet."""

    code = "documents.not-sendable"


class NothingToSend(CallerFault):
    """An empty document."""

    code = "documents.empty"


class NoPayload(CallerFault):
    """The payload was never stored, or its retention has ended."""

    code = "documents.no-payload"


def send(
    ports: Ports,
    actor: Actor,
    agreement_id: AgreementId,
    *,
    content: Iterable[bytes],
    file_name: str,
    content_type: str | None,
    subject: str | None,
    document_id: DocumentId | None = None,
    virtual_file: VirtualFile | None = None,
    call: bool = True,
) -> Document:
    """Stores the payload and queues it. With a ``document_id`` that was sent before, that document: a repeated call sends
    nothing twice. OFTP2: ``virtual_file`` says what it is there, absent as the agreement says; without ``call`` it waits for a
    session that something else brings about. Raises ``NotFound``, ``NotSendable``, ``NothingToSend``, ``BlobUnavailable``,
    ``InvalidVirtualFile``."""
    actor.require(Permission.DOCUMENTS)
    with ports.store.read() as reader:
        agreement = reader.agreement(agreement_id)
        earlier = _earlier(reader, document_id)
    if earlier is not None:
        return earlier
    _check_sendable(agreement)
    file = _virtual_file(agreement, virtual_file, file_name)
    payload, size, digest = store_payload(ports, content)
    if size == 0:
        ports.blobs.delete(payload)
        raise NothingToSend("the document is empty: expected at least one octet")
    now = ports.clock.now()
    default_type, default_subject = _defaults(agreement, file)
    document = Document(
        id=document_id or DocumentId(ports.entropy.new_id()),
        community_id=agreement.community_id,
        agreement_id=agreement.id,
        direction=Direction.OUT,
        kind=DocumentKind.BUSINESS,
        state=DocumentState.QUEUED,
        file_name=_plain_name(file_name),
        content_type=content_type or default_type,
        size=size,
        digest=digest,
        payload=payload,
        subject=subject or default_subject,
        virtual_file=file,
        created_by=actor.name,
        created_at=now,
    )
    with ports.store.write() as writer:
        earlier = _earlier(writer, document_id)
        if earlier is None:
            queue(ports, writer, document, agreement, call=call)
            writer.record(_event(ports, actor, document, "document.queued"))
    if earlier is not None:
        ports.blobs.delete(payload)  # the same call, made twice at the same moment
        return earlier
    ports.wake()
    return document


def _earlier(reader: Reader, document_id: DocumentId | None) -> Document | None:
    if document_id is None:
        return None
    try:
        return reader.document(document_id)
    except NotFound:
        return None


def store_payload(ports: Ports, content: Iterable[bytes]) -> tuple[BlobId, int, str]:
    """The payload as a durable blob, its size and its SHA-256."""
    writer = ports.blobs.create(max_bytes=None)
    running = hashlib.sha256()
    try:
        for chunk in content:
            running.update(chunk)
            writer.write(chunk)
        return writer.commit(), writer.size, running.hexdigest()
    finally:
        writer.abort()


def queue(ports: Ports, writer: Writer, document: Document, agreement: Agreement, *, call: bool = True) -> None:
    """Stores the document as queued and the work that sends it."""
    writer.put(document)
    writer.enqueue(
        Work(
            id=OutboxId(ports.entropy.new_id()),
            kind=WorkKind.SEND_DOCUMENT if agreement.protocol is Protocol.AS2 else WorkKind.SECURE_FILE,
            key=f"send-document:{document.id}:{ports.entropy.new_id()}",
            lane=f"agreement:{agreement.id}",
            lane_limit=agreement.as2.max_parallel if agreement.protocol is Protocol.AS2 else 1,
            subject=document.id,
            facts={} if call else {"call": "no"},
            due=ports.clock.now(),
            created_at=ports.clock.now(),
        )
    )


def resend(ports: Ports, actor: Actor, document_id: DocumentId) -> Document:
    """Queues it once more. Raises ``InvalidTransition`` for one that waits or was delivered."""
    actor.require(Permission.DOCUMENTS)
    with ports.store.write() as writer:
        document = writer.document(document_id)
        agreement = writer.agreement(_agreement_of(document))
        _check_sendable(agreement)
        document = documents_.apply(document, Requeued(), ports.clock.now())
        queue(ports, writer, document, agreement)
        writer.record(_event(ports, actor, document, "document.requeued"))
    ports.wake()
    return document


def cancel(ports: Ports, actor: Actor, document_id: DocumentId) -> Document:
    """No further attempt. Raises ``InvalidTransition`` while one is under way, or when it is settled."""
    actor.require(Permission.DOCUMENTS)
    with ports.store.write() as writer:
        document = documents_.apply(writer.document(document_id), Cancelled(by=actor.name), ports.clock.now())
        writer.put(document)
        writer.cancel_work(kind=WorkKind.SEND_DOCUMENT, subject=document.id)
        writer.cancel_work(kind=WorkKind.SECURE_FILE, subject=document.id)
        writer.cancel_work(kind=WorkKind.RECEIPT_TIMEOUT, subject=document.id)
        writer.record(_event(ports, actor, document, "document.cancelled"))
    return document


def payload(ports: Ports, actor: Actor, document_id: DocumentId) -> Iterator[bytes]:
    """Its octets. Raises ``NoPayload``."""
    actor.require(Permission.VIEW)
    with ports.store.read() as reader:
        document = reader.document(document_id)
    if document.payload is None:
        raise NoPayload(f"document {document_id} has no payload here: it was refused, or its retention has ended")
    return ports.blobs.read(document.payload)


def _check_sendable(agreement: Agreement) -> None:
    if not agreement.active:
        raise NotSendable("this agreement is switched off; switch it on, then send again")


def _virtual_file(agreement: Agreement, wished: VirtualFile | None, file_name: str) -> VirtualFile | None:
    """What it is as a file of OFTP2; ``None`` for AS2."""
    if agreement.protocol is not Protocol.OFTP2:
        if wished is not None:
            raise NotSendable("dataset name, format and file wishes belong to OFTP2; this agreement is for AS2")
        return None
    return wished or VirtualFile(dataset_name=agreement.oftp2.dataset_name or name_from(file_name))


def _defaults(agreement: Agreement, file: VirtualFile | None) -> tuple[str, str]:
    """Content type and subject where none were given."""
    if file is None:
        return agreement.as2.content_type, agreement.as2.subject
    return "application/octet-stream", file.description


def _agreement_of(document: Document) -> AgreementId:
    if document.agreement_id is None:
        raise NotSendable("this document came from a party that is not known; it cannot be sent")
    return document.agreement_id


def _plain_name(name: str) -> str:
    """The last part of a path, without control characters."""
    plain = "".join(c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable())
    return plain[:MAX_FILE_NAME]


def _event(ports: Ports, actor: Actor, document: Document, event: str) -> AuditEvent:
    return AuditEvent(
        at=ports.clock.now(),
        actor=actor.name,
        event=event,
        subject=f"document:{document.id}",
        community_id=document.community_id,
        facts={"state": document.state.value, "sha256": document.digest, "agreement": document.agreement_id or ""},
    )
