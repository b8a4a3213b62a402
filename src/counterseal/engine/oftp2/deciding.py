"""Receipts that wait for a person: released as EERP, or answered with a NERP and its reason."""

from datetime import datetime

from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import Document, DocumentKind, Message, MessageKind, Refused
from counterseal.domain.people import Actor, Permission
from counterseal.domain.unfinished import OwedReceipt
from counterseal.domain.usage import Side, Usage
from counterseal.engine.oftp2 import receipts
from counterseal.engine.oftp2.planning import plan_call
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship, gather, signer_of
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import DocumentId
from counterseal.protocols.oftp2.reasons import NERPReason


class NoReceiptHeld(CallerFault):
    """The document has no receipt that waits for a person."""

    code = "documents.no-receipt-held"


class NoReason(CallerFault):
    """A file is rejected without a word why."""

    code = "documents.no-reason"


def release(ports: Ports, actor: Actor, document_id: DocumentId) -> Document:
    """The partner gets its EERP. Raises ``NoReceiptHeld``."""
    return _decide(ports, actor, document_id, text="")


def reject(ports: Ports, actor: Actor, document_id: DocumentId, *, reason: str) -> Document:
    """The partner gets a NERP with this reason; the document stays here. Raises ``NoReceiptHeld``, ``NoReason``."""
    if not reason.strip():
        raise NoReason("say why: the partner reads it")
    return _decide(ports, actor, document_id, text=reason.strip())


def _decide(ports: Ports, actor: Actor, document_id: DocumentId, *, text: str) -> Document:
    actor.require(Permission.DOCUMENTS)
    now = ports.clock.now()
    with ports.store.write() as writer:
        document = writer.document(document_id)
        owed = writer.find_owed_receipt(document_id)
        if document.kind is DocumentKind.SCX:
            raise NoReceiptHeld(
                f"document {document_id} is a certificate file: accept or reject its certificate on the Received page"
            )
        if owed is None or not owed.held or document.agreement_id is None:
            raise NoReceiptHeld(f"document {document_id} has no receipt that waits for a decision")
        found = gather(writer, document.agreement_id)
        receipt = _receipt(ports, writer, found, document, text=text, now=now)
        writer.put(
            receipt,
            OwedReceipt(
                document_id=document_id,
                agreement_id=found.agreement.id,
                message_id=receipt.id,
                held=False,
                created_at=owed.created_at,
            ),
        )
        if text:
            document = settle(writer, document, Refused(text), now)
        writer.record(_event(actor, document, "receipt.rejected" if text else "receipt.released", text, now))
        plan_call(ports, writer, found.agreement, why="receipts", due=now)
    ports.wake()
    return document


def _receipt(
    ports: Ports, writer: Writer, found: Relationship, document: Document, *, text: str, now: datetime
) -> Message:
    message = next(m for m in writer.messages(document.id) if m.kind is MessageKind.OFTP2_FILE)
    sfid = translate.sfid_of(message.headers, rest=0)
    digest = translate.hash_of(message.mic) if message.mic else b""
    signer = signer_of(ports, writer, found.producer(Side.OURS, Usage.RECEIPT_SIGN))
    if not text:
        return receipts.positive(ports, found, sfid, document, digest, signer, now)
    return receipts.negative(
        ports, found, sfid, document, digest, signer, now, reason=NERPReason.PROCESSING_FAILED, text=text
    )


def _event(actor: Actor, document: Document, event: str, text: str, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=actor.name,
        event=event,
        subject=f"document:{document.id}",
        community_id=document.community_id,
        facts={"reason": text[:500]} if text else {},
    )
