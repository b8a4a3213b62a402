"""Receipts that partners post to us: only the right partner's, only for a message that we sent, and never a success by weakness."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import (
    Direction,
    Message,
    MessageKind,
    ReceiptDoubtful,
    ReceiptNegative,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.resolve import find
from counterseal.domain.usage import Side, Usage
from counterseal.engine.as2 import refusals
from counterseal.engine.as2.answering import PLAIN, Answer
from counterseal.engine.as2.judging import Judged, judge
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship, certificates_of, gather, note_seen
from counterseal.kernel.errors import PeerFault
from counterseal.protocols import as2
from counterseal.protocols.as2 import MessageHead

NOTED: Final = Answer(status=200, headers=PLAIN, body=b"The receipt was received.\r\n")


def receive(
    ports: Ports, around: Relationship, head: MessageHead, body: bytes, started_at: datetime, *, remote: str
) -> Answer:
    """The answer to a posted receipt. Always 200 once it is recorded: what is wrong with it is our operator's matter."""
    signers = certificates_of(around.acceptors(Side.THEIRS, Usage.SIGN))
    try:
        opened = as2.open_receipt(head, body, signers=signers, limits=as2.DEFAULT_LIMITS)
    except PeerFault as fault:
        # Anybody can post this: it changes nothing.
        _note(ports, around, head, fault.code, fault.detail)
        return NOTED
    original = opened.original_message_id or ""
    now = ports.clock.now()
    with ports.store.write() as writer:
        found = gather(writer, around.agreement.id)
        sent = writer.find_messages(found.agreement.id, direction=Direction.OUT, kind=MessageKind.AS2, wire_id=original)
        if not sent or sent[-1].document_id is None:
            _record(ports, writer, _event(found, head, "receipt.unknown-message", original, now))
            _note_signer(writer, found, opened, now)
            return NOTED
        message = sent[-1]
        if _heard(writer, message, body):
            _note_signer(writer, found, opened, now)
            return NOTED
        document = writer.document(sent[-1].document_id)
        judged = judge(ports, found, document, message, head, body, now)
        judged = _cautious(judged, opened, signed_asked=found.agreement.as2.receipt_signed)
        writer.put(judged.receipt)
        writer.put(
            Transfer(
                message_id=judged.receipt.id,
                document_id=document.id,
                started_at=started_at,
                ended_at=now,
                outcome=TransferOutcome.OK,
                status="received",
                detail="The receipt came.",
                remote=remote,
            )
        )
        note_seen(writer, (judged.signed_with, *judged.proved), now)
        settled = settle(writer, document, judged.event, now)
        refusals.hear(ports, writer, found, settled, message, judged.receipt, answered_on="", now=now)
    return NOTED


def _heard(writer: Writer, message: Message, body: bytes) -> bool:
    """A receipt repeated octet for octet (as2-peers P-1 repeats every 30 s)."""
    digest = hashlib.sha256(body).hexdigest()
    earlier = writer.messages(message.document_id) if message.document_id else []
    return any(m.kind is MessageKind.MDN and m.content_digest == digest for m in earlier)


def _note_signer(writer: Writer, found: Relationship, opened: as2.OpenedReceipt, now: datetime) -> None:
    """A receipt repeated, or for nothing that we know, is no less evidence of the certificate that signed it."""
    signed_with = (
        find(found.assignments, Side.THEIRS, Usage.SIGN, s.certificate.fingerprint) for s in opened.signers[:1]
    )
    note_seen(writer, signed_with, now)


def _cautious(judged: Judged, opened: as2.OpenedReceipt, *, signed_asked: bool) -> Judged:
    """An unsigned refusal where a signed receipt was agreed could come from anybody: it makes the document uncertain, no more."""
    if opened.signed or not signed_asked or not isinstance(judged.event, ReceiptNegative):
        return judged
    reason = f"An unsigned receipt refuses the message, which proves nothing. {judged.event.reason}"
    return replace(judged, event=ReceiptDoubtful(reason))


def _note(ports: Ports, around: Relationship, head: MessageHead, code: str, detail: str) -> None:
    with ports.store.write() as writer:
        event = _event(around, head, "receipt.refused", head.message_id or "", ports.clock.now())
        _record(ports, writer, replace(event, facts={**event.facts, "fault": code, "detail": detail[:300]}))


def _record(ports: Ports, writer: Writer, event: AuditEvent) -> None:
    """Sparingly: nobody has proved to be the partner."""
    left_out = ports.strangers.allow(event.subject, event.at)
    if left_out is not None:
        writer.record(replace(event, facts={**event.facts, **left_out}))


def _event(around: Relationship, head: MessageHead, event: str, original: str, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{around.partner.slug}",
        event=event,
        subject=f"agreement:{around.agreement.id}",
        community_id=around.community.id,
        facts={"message-id": (head.message_id or "")[:300], "original-message-id": original[:300]},
    )
