"""What a partner's SCX Request is answered with: our current certificates as Deliver files, staged here before they are told."""

from dataclasses import dataclass
from datetime import datetime

from counterseal.domain import rollover
from counterseal.domain.agreement import handling_mode
from counterseal.domain.audit import AuditEvent
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import HandlingMode
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState
from counterseal.domain.scx_answer import STORM, STORM_WITHIN, Delivery, decide_deliveries
from counterseal.engine import documents, listeners
from counterseal.engine.ports import Ports, Window, Writer
from counterseal.engine.relationship import Relationship, carry_out_plan, gather
from counterseal.engine.translate import scx as translate
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Files to send, and why there are none or fewer."""

    documents: tuple[Document, ...] = ()
    findings: tuple[Finding, ...] = ()


def answers_to(ports: Ports, writer: Writer, offer: Offer, offered: OfferedCertificate, now: datetime) -> Answers:
    """The Delivers for a Request that has been decided, accepted or rejected (SCX-29, SCX-30); nothing for the other types
    (SCX-32). The documents are not stored yet."""
    if offer.scx_type is not SCXType.REQUEST or offered.state is OfferedState.PENDING:
        return Answers()
    around = gather(writer, offer.agreement_id)
    refused = _why_none(writer, around, offer, offered, now)
    if refused is not None:
        return Answers(findings=(refused,))
    deliveries = _deliveries(writer, around, now)
    for delivery in deliveries:
        _stage(ports, writer, delivery, offer, now)
    writer.record(_answered(offer, deliveries, now))
    if not deliveries:
        text = "Nothing was delivered: no certificate of ours is in use or chosen as default. Choose the defaults."
        return Answers(findings=(_finding("scx.nothing-to-deliver", offer, text),))
    return Answers(documents=tuple(_document(ports, writer, offer, delivery, now) for delivery in deliveries))


def _why_none(
    writer: Writer, around: Relationship, offer: Offer, offered: OfferedCertificate, now: datetime
) -> Finding | None:
    """Exchange is off; nobody knows who asked and a person did not accept it; or it is asked too often."""
    if handling_mode(around.agreement, around.community.rules) is HandlingMode.OFF:
        return _finding("scx.not-answered", offer, "It was not answered with our certificates: exchange is off here.")
    if not offer.signed and offered.state is not OfferedState.ACCEPTED:
        text = "It was not answered with our certificates: the session proved a password only, and nobody accepted it."
        return _finding("scx.not-answered", offer, text)
    recent = [
        o
        for o in writer.offers(around.community.id, window=Window(limit=100), agreement_id=around.agreement.id)
        if o.channel is Channel.SCX and o.scx_type is SCXType.REQUEST and now - o.received_at < STORM_WITHIN
    ]
    if len(recent) <= STORM:
        return None
    text = f"{len(recent)} Requests came within an hour; {STORM} are answered. Ask the partner what it is doing."
    return _finding("scx.too-many-requests", offer, text)


def _deliveries(writer: Writer, around: Relationship, now: datetime) -> tuple[Delivery, ...]:
    presented = listeners.presented(writer, listeners.OFTP2_LISTENER)
    own = presented is not None and presented.community_id == around.community.id
    held = {h.fingerprint: h for h in writer.certificates(around.community.id)}
    return decide_deliveries(
        around.agreement,
        around.assignments,
        around.community.default_certificates,
        listener=presented.fingerprint if presented is not None and own else None,
        held=held,
        now=now,
    )


def _stage(ports: Ports, writer: Writer, delivery: Delivery, offer: Offer, now: datetime) -> None:
    """Before the partner is told (product.md section 3, rule 2)."""
    around = gather(writer, offer.agreement_id)
    slots = rollover.our_slots(around.agreement, delivery.usages)
    plan = rollover.plan_staging(slots, delivery.fingerprint, around.assignments, exchange_id=None)
    carry_out_plan(ports, writer, plan, around.assignments, now)


def _document(ports: Ports, writer: Writer, offer: Offer, delivery: Delivery, now: datetime) -> Document:
    held = writer.find_certificate(offer.community_id, delivery.fingerprint)
    assert held is not None
    made = translate.build_file(SCXType.DELIVER, held.certificate, replaced=None)
    payload, size, digest = documents.store_payload(ports, (made.content,))
    return Document(
        id=DocumentId(ports.entropy.new_id()),
        community_id=offer.community_id,
        agreement_id=offer.agreement_id,
        direction=Direction.OUT,
        kind=DocumentKind.SCX,
        state=DocumentState.QUEUED,
        file_name="",
        content_type=translate.CONTENT_TYPE,
        size=size,
        digest=digest,
        payload=payload,
        subject="SCX Deliver, answer to a Request",
        virtual_file=made.file,
        created_by="system",
        created_at=now,
    )


def _answered(offer: Offer, deliveries: tuple[Delivery, ...], now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor="system",
        event="offer.request-answered",
        subject=f"offer:{offer.id}",
        community_id=offer.community_id,
        facts={"certificates": ", ".join(d.fingerprint for d in deliveries)},
    )


def _finding(code: str, offer: Offer, text: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject=offer.id, text=text)
