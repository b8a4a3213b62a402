"""Certificate files of a partner in a session: read, judged, answered with EERP or NERP, at once or when a person has decided.

EFPA says that the file came whole; the receipt is the verdict (oftp2-scx.md 6.5). What a person decides is held back as an owed
receipt without a message, which outlives sessions and restarts (SCX-36).
"""

from dataclasses import replace
from datetime import datetime

from counterseal.domain.channel import SCXType
from counterseal.domain.document import Document, HandedOver, Message, MessageKind
from counterseal.domain.document import Refused as RefusedEvent
from counterseal.domain.offer import OfferedState
from counterseal.domain.unfinished import OwedReceipt
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work
from counterseal.engine import scx_answering, scx_inbound
from counterseal.engine.oftp2 import receipts, securing
from counterseal.engine.oftp2.planning import RECEIPTS_WAIT, plan_call
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship, gather, signer_of
from counterseal.engine.scx_inbound import Outcome
from counterseal.engine.translate import oftp2 as translate
from counterseal.engine.translate import scx_inbound as translate_scx
from counterseal.kernel.ids import BlobId, OfferId
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.reasons import NERPReason


def type_of(sfid: SFID) -> SCXType | None:
    """``None``: a business file."""
    return translate_scx.type_of(sfid.dsn)


def travels_signed(sfid: SFID) -> bool:
    """Signed although it should not be, and nothing else: its reader unwraps it, and the signature proves nothing (C.14)."""
    return type_of(sfid) is not None and sfid.sec == "02" and sfid.comp == "0"


def take(
    ports: Ports,
    writer: Writer,
    found: Relationship,
    document: Document,
    message: Message,
    *,
    authenticated: bool,
    now: datetime,
) -> None:
    """Judges the file whose document and message were just stored, and owes its receipt."""
    kind = translate_scx.type_of(document.file_name) or SCXType.DELIVER
    content = translate_scx.read(_octets(ports, document), message.wire_id, size=document.size)
    outcome = scx_inbound.receive(
        ports, writer, found, document, content, kind=kind, authenticated=authenticated, now=now
    )
    if content.findings:
        document = replace(document, findings=document.findings + content.findings)
        writer.put(document)
    document = _answer(ports, writer, found, document, message, outcome, since=now, now=now)
    _deliver(ports, writer, document, outcome, now)


def _deliver(ports: Ports, writer: Writer, document: Document, outcome: Outcome, now: datetime) -> None:
    """What a Request is owed besides its receipt: in this session if the turn comes, else in the next."""
    answers = scx_answering.answers_to(ports, writer, outcome.offer, outcome.offered, now)
    if answers.findings:
        writer.put(replace(document, findings=document.findings + answers.findings))
    if not answers.documents:
        return
    found = gather(writer, outcome.offer.agreement_id)
    for made in answers.documents:
        securing.put_ready(ports, writer, made, found)
    plan_call(ports, writer, found.agreement, why="documents", due=now + RECEIPTS_WAIT)


def _octets(ports: Ports, document: Document) -> bytes:
    """As much of the file as is worth reading."""
    read = bytearray()
    for chunk in ports.blobs.read(document.payload or BlobId("")):
        read += chunk
        if len(read) >= translate_scx.READ_AT_MOST:
            break
    return bytes(read[: translate_scx.READ_AT_MOST])


def _answer(
    ports: Ports,
    writer: Writer,
    found: Relationship,
    document: Document,
    message: Message,
    outcome: Outcome,
    *,
    since: datetime,
    now: datetime,
) -> Document:
    """EERP or NERP as an owed receipt; held back while nobody has decided."""
    receipt = None
    if not outcome.pending:
        receipt = _receipt(ports, writer, found, document, message, outcome.rejection, now)
        writer.put(receipt)
        document = settle(writer, document, RefusedEvent(outcome.rejection) if outcome.rejection else HandedOver(), now)
    writer.put(
        OwedReceipt(
            document_id=document.id,
            agreement_id=found.agreement.id,
            message_id=receipt.id if receipt is not None else None,
            held=receipt is None,
            created_at=since,
        )
    )
    return document


def _receipt(
    ports: Ports, writer: Writer, found: Relationship, document: Document, message: Message, text: str, now: datetime
) -> Message:
    sfid = translate.sfid_of(message.headers, rest=0)
    digest = translate.hash_of(message.mic) if message.mic else b""
    signer = signer_of(ports, writer, found.producer(Side.OURS, Usage.RECEIPT_SIGN))
    if not text:
        return receipts.positive(ports, found, sfid, document, digest, signer, now)
    return receipts.negative(
        ports, found, sfid, document, digest, signer, now, reason=NERPReason.UNSPECIFIED, text=text
    )


def answer(ports: Ports, row: Work) -> None:
    """Performs an ``answer-offer`` row of an SCX offer: what a person decided becomes the receipt that was held back."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        writer.complete(row)
        offer = writer.offer(OfferId(row.subject))
        (offered,) = writer.offered((offer.id,))
        owed = writer.find_owed_receipt(offer.document_id)
        if owed is None or not owed.held or offered.state is OfferedState.PENDING:
            return
        found = gather(writer, offer.agreement_id)
        document = writer.document(offer.document_id)
        message = next(m for m in writer.messages(document.id) if m.kind is MessageKind.OFTP2_FILE)
        outcome = Outcome(offer=offer, offered=offered)
        document = _answer(ports, writer, found, document, message, outcome, since=owed.created_at, now=now)
        _deliver(ports, writer, document, outcome, now)
        plan_call(ports, writer, found.agreement, why="receipts", due=now)
    ports.wake()
