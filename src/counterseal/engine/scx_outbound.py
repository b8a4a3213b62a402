"""Our certificate on its way over SCX: the file that carries it, the partner's EERP or NERP, and the Delivers that a Request brings.

Finish --> tell (trust_requests) --> document_of --> a document of kind scx --> sessions
EERP, NERP, in any session later  --> hear          accepted: change over by the agreement's rule; rejected: nothing changes
a Deliver that answers a Request  --> deliver_came  tied to the exchange; it says nothing about the certificate that we sent
"""

from dataclasses import dataclass
from datetime import datetime

from counterseal.domain import exchange as exchanges_
from counterseal.domain import rollover
from counterseal.domain.answer import Answer, Asked, Response, decide_answers
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.exchange import ANSWERED, DeliverCame, Exchange, ExchangeState
from counterseal.domain.trust_request import TrustRequest
from counterseal.engine import changeover, documents
from counterseal.engine.ports import Ports, Reader, Writer
from counterseal.engine.relationship import Relationship, carry_out_plan, gather
from counterseal.engine.scx_preflight import note_answer
from counterseal.engine.translate import scx as translate
from counterseal.kernel.conversation import allows
from counterseal.kernel.finding import Finding
from counterseal.kernel.ids import AgreementId, DocumentId, Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an end response says about the certificate in the file that it is for (oftp2-scx.md 6.5)."""

    accepted: bool
    """EERP. A NERP rejects, whatever its code (SCX-8)."""
    reason: str
    wire_id: str
    """The file's."""


def document_of(
    ports: Ports,
    around: Relationship,
    exchange: Exchange,
    request: TrustRequest,
    certificate: HeldCertificate,
    now: datetime,
) -> Document:
    """The next file of this exchange, its payload durable. Each is a new file, so that a partner that has one hears the reminder."""
    kind = exchange.scx_type or SCXType.DELIVER
    old = rollover.in_place_of(
        around.agreement, request.usages, certificate.fingerprint, around.assignments, around.held
    )
    made = translate.build_file(kind, certificate.certificate, replaced=old[0].certificate if old else None)
    payload, size, digest = documents.store_payload(ports, (made.content,))
    return Document(
        id=DocumentId(ports.entropy.new_id()),
        community_id=exchange.community_id,
        agreement_id=exchange.agreement_id,
        direction=Direction.OUT,
        kind=DocumentKind.SCX,
        state=DocumentState.QUEUED,
        file_name="",
        content_type=translate.CONTENT_TYPE,
        size=size,
        digest=digest,
        payload=payload,
        subject=f"SCX {kind.value.capitalize()}",
        virtual_file=made.file,
        exchange_id=exchange.id,
        created_by=request.created_by,
        created_at=now,
    )


def hear(ports: Ports, writer: Writer, document: Document, verdict: Verdict, now: datetime) -> tuple[Finding, ...]:
    """The receipt of one of our files, in whatever session it came; what a person should know of it.

    The receipt of an earlier file of an exchange counts like that of the latest: both speak of the same certificate.
    """
    if document.kind is not DocumentKind.SCX:
        return ()
    if document.exchange_id is None:
        if verdict.accepted and document.agreement_id is not None:
            _use_delivered(ports, writer, document, document.agreement_id, now)
        return ()
    exchange = writer.exchange(document.exchange_id)
    around = gather(writer, exchange.agreement_id)
    answer = Answer(
        named=exchange.fingerprint,
        certificate=exchange.fingerprint,
        accepted=verdict.accepted,
        reason=verdict.reason,
    )
    in_use = rollover.in_use_since(around.assignments, exchange.fingerprint) is not None
    decision = decide_answers(
        # The session knew its partner, and an unsigned receipt is all that a certificate file asks for (SCX-2).
        Response(
            agreement_id=exchange.agreement_id,
            reference=exchange.request_reference,
            message_id=verdict.wire_id,
            authentic=True,
            answers=(answer,),
        ),
        [Asked(exchange=exchange, in_use=in_use)],
        asked_elsewhere=False,
    )
    for answered in decision.events:
        _learn(writer, around, exchange, verdict)
        exchange = exchanges_.apply(exchange, answered.event, now)
        writer.put(exchange)
        writer.record(_event(around, exchange, f"exchange.{exchange.state.value}", now, reason=exchange.reason))
        if exchange.state is ExchangeState.ACCEPTED:
            changeover.change_over(ports, writer, exchange, now)
    return decision.findings


def _use_delivered(ports: Ports, writer: Writer, document: Document, agreement_id: AgreementId, now: datetime) -> None:
    """An answer to the partner's Request was accepted. The payload is the certificate, so its digest is the fingerprint (SCX-4)."""
    around = gather(writer, agreement_id)
    plan = rollover.decide_on_delivery(
        around.agreement, Fingerprint(document.digest), around.assignments, around.held, now
    )
    carry_out_plan(ports, writer, plan, around.assignments, now)
    if plan.steps:
        writer.record(
            AuditEvent(
                at=now,
                actor=f"partner:{around.partner.slug}",
                event="certificate.delivered-accepted",
                subject=f"agreement:{agreement_id}",
                community_id=document.community_id,
                facts={"certificate": document.digest, "document": document.id},
            )
        )


def _learn(writer: Writer, around: Relationship, exchange: Exchange, verdict: Verdict) -> None:
    held = around.held.get(exchange.fingerprint)
    if held is not None:
        usages = writer.trust_request(exchange.trust_request_id).usages
        note_answer(writer, around, held.certificate, usages, accepted=verdict.accepted)


def open_requests(reader: Reader, agreement_id: AgreementId) -> list[Exchange]:
    """Requests of ours that Deliver files of this partner can answer, newest first: told, and not withdrawn. An answer carries
    no reference (oftp2-scx.md 6.2), so a Deliver that comes while there is one belongs to the newest."""
    told = [
        e
        for e in reader.exchanges(agreement_id=agreement_id)
        if e.channel is Channel.SCX
        and e.scx_type is SCXType.REQUEST
        and e.sent_at is not None
        and allows(exchanges_.TRANSITIONS, e.state, DeliverCame)
    ]
    return sorted(told, key=lambda e: (e.sent_at, e.queued_at, e.id), reverse=True)


def deliver_came(writer: Writer, exchange: Exchange, fingerprint: Fingerprint, now: datetime) -> Exchange:
    """Ties a Deliver of the partner to our Request, whatever is decided about it. One that was tied before, that comes after the
    exchange was withdrawn, or after both its answer and the respond-by date, changes nothing: Delivers that nobody asked for are
    normal too (oftp2-scx.md 6.2)."""
    exchange = writer.exchange(exchange.id)
    known = fingerprint in (exchange.delivered or ())
    if known or not allows(exchanges_.TRANSITIONS, exchange.state, DeliverCame):
        return exchange
    if exchange.state in ANSWERED and now > writer.trust_request(exchange.trust_request_id).respond_by:
        return exchange
    changed = exchanges_.apply(exchange, DeliverCame(fingerprint), now)
    writer.put(changed)
    around = gather(writer, exchange.agreement_id)
    writer.record(_event(around, changed, "exchange.deliver-came", now, delivered=fingerprint))
    return changed


def _event(around: Relationship, exchange: Exchange, name: str, now: datetime, **facts: str) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{around.partner.slug}",
        event=name,
        subject=f"exchange:{exchange.id}",
        community_id=exchange.community_id,
        facts={
            "certificate": exchange.fingerprint,
            "type": (exchange.scx_type or SCXType.DELIVER).value,
            "message-id": exchange.answer_message_id,
            **facts,
        },
    )
