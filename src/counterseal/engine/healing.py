"""A partner proves that it cannot verify or decrypt since a change: put it back, send again what failed (product.md 3, rule 7).

Whoever speaks a protocol translates the partner's answer into a ``Refusal``; everything behind that is the same for all of them.
``decide_healing`` decides; here its plan is carried out in the transaction that records the answer.

    the first proof             agreement back on the certificate before, this document and those refused before it queued again
    a proof of the same change  the message had left before we knew: its document is queued again, nothing else changes
    anything else               a note on the document; a person sees it under the failed transfers
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from counterseal.domain import document as documents_
from counterseal.domain import exchange as exchanges_
from counterseal.domain import rollover
from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import (
    OUT_TRANSITIONS,
    Direction,
    Document,
    DocumentState,
    Message,
    Requeued,
)
from counterseal.domain.exchange import Exchange, ExchangeState, Resent
from counterseal.domain.resolve import ROLES, Role
from counterseal.domain.rollover import FailureSignal, Healed, Place, Slot
from counterseal.domain.usage import DECRYPTING, Side, Usage
from counterseal.engine import documents
from counterseal.engine.ports import Ports, Window, Writer
from counterseal.engine.relationship import Relationship, carry_out_plan, gather
from counterseal.kernel.conversation import allows
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import DocumentId, Fingerprint

AT_MOST: Final = 1000
"""Documents looked through for what was refused before: a partner that refuses more is no longer helped by a certificate."""

UsageOf = Callable[[Message], Usage | None]
"""What a stored receipt says could not be verified or decrypted; ``None``: it speaks of something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A partner's answer, recorded already, that it could not use a certificate on one message of ours."""

    document_id: DocumentId
    sent: Message
    """The message that it answers."""
    usage: Usage
    """``sign``, ``encrypt``; OFTP2: ``file-sign``, ``file-encrypt``, ``receipt-sign``."""
    authenticated: bool
    """Signed by an accepted certificate, or given in a session or connection whose other end proved who it is."""


def hear(ports: Ports, writer: Writer, refusal: Refusal, usage_of: UsageOf, now: datetime) -> None:
    """Changes the agreement back if this proves that it must be, and queues again what the change let fail."""
    document = writer.document(refusal.document_id)
    if document.agreement_id is None:
        return
    around = gather(writer, document.agreement_id)
    signal = FailureSignal(
        usage=refusal.usage,
        sent_at=refusal.sent.at,
        used=_used(refusal.sent, refusal.usage),
        authenticated=refusal.authenticated,
        can_authenticate=True,
    )
    if _undone_already(around, signal):
        _note(writer, document, _left_before(signal))
        _send_again(ports, writer, around, document.id, now)
        return
    decision = rollover.decide_healing(signal, around.agreement, around.assignments, around.held, now)
    _note(writer, document, decision.finding)
    if isinstance(decision, Healed):
        carry_out_plan(ports, writer, decision.plan, around.assignments, now)
        again = sorted(_refused_since(writer, around, signal, usage_of), key=lambda d: (d.created_at, d.id))
        for one in again:
            _send_again(ports, writer, around, one.id, now)
        writer.record(_healed(around, refusal, decision, len(again), now))


def slot_for(around: Relationship, usage: Usage) -> Slot:
    """The slot whose certificate produced what the partner could not use."""
    side = next(s for s in Side if ROLES[usage, s] is Role.PRODUCE)
    place = Place(community_id=around.community.id, agreement_id=around.agreement.id)
    return Slot(place=place, side=side, usage=usage)


def _used(sent: Message, usage: Usage) -> Fingerprint | None:
    return sent.recipient if usage in DECRYPTING else sent.signer


def _undone_already(around: Relationship, signal: FailureSignal) -> bool:
    """The message was made with the certificate from which the slot was changed back meanwhile."""
    back = rollover.changed_back(around.assignments, slot_for(around, signal.usage))
    healing = around.agreement.exchange.self_healing and signal.authenticated
    return healing and back is not None and back.fingerprint == signal.used and signal.sent_at <= back.since


def _left_before(signal: FailureSignal) -> Finding:
    text = (
        f"It left before the change for {signal.usage.value} was undone: it is sent again with the certificate before."
    )
    return Finding(
        code="healing.sent-again", severity=Severity.NOTE, subject=signal.used or signal.usage.value, text=text
    )


def _note(writer: Writer, document: Document, finding: Finding) -> None:
    if finding not in document.findings:
        writer.put(replace(document, findings=(*document.findings, finding)))


def _refused_since(
    writer: Writer, around: Relationship, signal: FailureSignal, usage_of: UsageOf
) -> Iterator[Document]:
    """This document, and those that the partner refused for the same reason since the change: their answers did not count."""
    window = Window(limit=500)
    for start in range(0, AT_MOST, window.limit):
        found = writer.documents(
            community_id=around.community.id,
            window=replace(window, offset=start),
            direction=Direction.OUT,
            states={DocumentState.REJECTED},
            agreement_id=around.agreement.id,
        )
        yield from (d for d in found if _refused_with(writer.messages(d.id), signal, usage_of))
        if len(found) < window.limit:
            return


def _refused_with(messages: list[Message], signal: FailureSignal, usage_of: UsageOf) -> bool:
    sent = [m for m in messages if m.direction is Direction.OUT and not m.refers_to]
    if not sent or _used(sent[-1], signal.usage) != signal.used:
        return False
    return any(
        m.direction is Direction.IN and m.refers_to == sent[-1].wire_id and usage_of(m) is signal.usage
        for m in messages
    )


def _send_again(ports: Ports, writer: Writer, around: Relationship, document_id: DocumentId, now: datetime) -> None:
    """Built anew, with the certificate that is active now: its last message was answered."""
    document = writer.document(document_id)
    if not around.agreement.active or not allows(OUT_TRANSITIONS, document.state, Requeued):
        return
    documents.queue(ports, writer, documents_.apply(document, Requeued(), now), around.agreement)
    exchange = writer.find_exchange_by_document(document.id)
    if exchange is not None:
        _ask_again(writer, writer.exchange(exchange.id), now)


def _ask_again(writer: Writer, exchange: Exchange, now: datetime) -> None:
    if exchange.state is ExchangeState.FAILED:
        writer.put(exchanges_.apply(exchange, Resent(), now))


def _healed(around: Relationship, refusal: Refusal, healed: Healed, again: int, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor="system",
        event="agreement.changed-back",
        subject=f"agreement:{around.agreement.id}",
        community_id=around.community.id,
        facts={
            "usage": healed.usage.value,
            "side": slot_for(around, healed.usage).side.value,
            "from": healed.failed,
            "back-to": healed.restored,
            "document": refusal.document_id,
            "message-id": refusal.sent.wire_id,
            "sent-again": str(again),
            "finding": healed.finding.code,
        },
    )
