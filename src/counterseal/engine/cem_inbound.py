"""A CEM message that was admitted: a request becomes an offer with findings, a response moves our exchanges."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from counterseal.domain import exchange as exchanges_
from counterseal.domain import rollover
from counterseal.domain.agreement import CEMCapability
from counterseal.domain.answer import Asked, Response, decide_answers
from counterseal.domain.audit import AuditEvent
from counterseal.domain.channel import Channel
from counterseal.domain.document import Document
from counterseal.domain.exchange import Accepted, Exchange
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState
from counterseal.domain.trust import Envelope
from counterseal.engine import changeover, offer_input, offers
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship, gather, held_by
from counterseal.engine.translate import cem as translate
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint, OfferedCertificateId, OfferId


def receive(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    document: Document,
    package: translate.Package,
    *,
    signer: Fingerprint | None,
    now: datetime,
) -> None:
    """Records what the message means, in the transaction that records the message."""
    findings = translate.leniency_findings(package, document.id)
    if isinstance(package.message, translate.Request):
        findings += _request(ports, writer, around, document, package, signer=signer, now=now)
    else:
        findings += _response(ports, writer, around, document, package.message, signer=signer, now=now)
    if findings:
        writer.put(replace(document, findings=document.findings + findings))


# --- their request -------------------------------------------------------------------------------------------------------


def _request(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    document: Document,
    package: translate.Package,
    *,
    signer: Fingerprint | None,
    now: datetime,
) -> tuple[Finding, ...]:
    message = package.message
    offer = Offer(
        id=OfferId(ports.entropy.new_id()),
        community_id=around.community.id,
        agreement_id=around.agreement.id,
        partner_id=around.partner.id,
        channel=Channel.CEM,
        document_id=document.id,
        request_reference=message.request_id,
        respond_by=_respond_by(package),
        response_url=package.offers[0].trust_request.response_url,
        originated_at=message.originated_at.instant,
        signed=signer is not None,
        received_at=now,
    )
    offered = [_offered(ports, offer, item) for item in package.offers]
    repeated = _repeats(writer, around, offer, offered)
    if repeated is not None:
        return _answer_again(ports, writer, repeated, document, now)
    writer.put(offer)
    envelope = Envelope(
        sender=around.agreement.partner_identity,
        claimed=message.partner.name.strip(),
        signer=signer,
        session_authenticated=False,
    )
    for item, one in zip(package.offers, offered, strict=True):
        fresh = gather(writer, around.agreement.id)
        case = offer_input.input_for(
            writer, fresh, offer, one, envelope=envelope, problem=translate.problem_of(item), now=now
        )
        offers.decide_by_policy(ports, writer, fresh, offer, one, case)
    writer.record(_received(around, offer, offered, now))
    offers.answer_when_decided(ports, writer, offer, now)
    return _past(offer, now)


def _respond_by(package: translate.Package) -> datetime | None:
    dates = [o.trust_request.respond_by.instant for o in package.offers if o.trust_request.respond_by is not None]
    return min(dates, default=None)


def _past(offer: Offer, now: datetime) -> tuple[Finding, ...]:
    """A date in the past is processed normally and flagged: the partner may be using the certificate already (cem.md 3.3)."""
    if offer.respond_by is None or offer.respond_by > now:
        return ()
    text = f"The respond-by date was {offer.respond_by:%d %B %Y %H:%M} UTC, before this request came. Decide soon: the partner may use the certificate already."
    return (Finding(code="cem.respond-by-past", severity=Severity.WARNING, subject=offer.id, text=text),)


def _offered(ports: Ports, offer: Offer, item: translate.Offer) -> OfferedCertificate:
    identifier = item.trust_request.identifier
    return OfferedCertificate(
        id=OfferedCertificateId(ports.entropy.new_id()),
        offer_id=offer.id,
        certificate=item.leaf,
        chain=item.chain,
        usages=translate.usages_of(item),
        issuer_name=identifier.issuer_name,
        serial_text=identifier.serial_text,
        state=OfferedState.PENDING,
        findings=(),
    )


def _repeats(writer: Writer, around: Relationship, offer: Offer, offered: Sequence[OfferedCertificate]) -> Offer | None:
    """An earlier request with this requestId and the same certificates (cem.md row 20)."""
    if offer.request_reference is None:
        return None
    for earlier in writer.find_offers(around.agreement.id, offer.request_reference):
        if not earlier.refused and offers.identical(writer.offered((earlier.id,)), offered):
            return earlier
    return None


def _answer_again(
    ports: Ports, writer: Writer, earlier: Offer, document: Document, now: datetime
) -> tuple[Finding, ...]:
    if all(o.state is not OfferedState.PENDING for o in writer.offered((earlier.id,))):
        offers.queue_answer(ports, writer, earlier, now, again=document.id)
        text = "The partner repeated an earlier request: the same answer was sent again."
    else:
        text = "The partner repeated a request that still waits for a decision."
    return (Finding(code="cem.request-repeated", severity=Severity.NOTE, subject=earlier.id, text=text),)


def _received(around: Relationship, offer: Offer, offered: Sequence[OfferedCertificate], now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{around.partner.slug}",
        event="offer.received",
        subject=f"offer:{offer.id}",
        community_id=offer.community_id,
        facts={
            "channel": offer.channel.value,
            "certificates": ", ".join(o.certificate.fingerprint for o in offered if o.certificate),
            "signed": "yes" if offer.signed else "no",
        },
    )


# --- their response ------------------------------------------------------------------------------------------------------


def _response(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    document: Document,
    message: translate.Response,
    *,
    signer: Fingerprint | None,
    now: datetime,
) -> tuple[Finding, ...]:
    asked = [e for e in writer.exchanges(agreement_id=around.agreement.id) if e.channel is Channel.CEM]
    asked.sort(key=lambda e: (e.queued_at, e.id), reverse=True)
    held = held_by(writer, around.community.id, (e.fingerprint for e in asked))
    wire_id = next((m.wire_id for m in writer.messages(document.id)), "")
    response = Response(
        agreement_id=around.agreement.id,
        reference=message.request_id,
        message_id=wire_id,
        authentic=signer is not None,
        answers=translate.answers_of(message, [h.certificate for h in held.values()]),
    )
    decision = decide_answers(
        response,
        [Asked(exchange=e, in_use=rollover.in_use_since(around.assignments, e.fingerprint) is not None) for e in asked],
        asked_elsewhere=_asked_elsewhere(writer, around, message.request_id),
    )
    for answered in decision.events:
        exchange = exchanges_.apply(writer.exchange(answered.exchange.id), answered.event, now)
        writer.put(exchange)
        writer.record(_answered(around, exchange, now))
        if isinstance(answered.event, Accepted):
            changeover.change_over(ports, writer, exchange, now)
    if decision.events:
        agreement = writer.agreement(around.agreement.id)
        if agreement.cem_capability is not CEMCapability.PROVED:
            writer.put(replace(agreement, cem_capability=CEMCapability.PROVED))
    return decision.findings


def _asked_elsewhere(writer: Writer, around: Relationship, reference: str | None) -> bool:
    if reference is None:
        return False
    others = writer.agreements(around.community.id)
    return any(writer.find_exchanges(a.id, reference) for a in others if a.id != around.agreement.id)


def _answered(around: Relationship, exchange: Exchange, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{around.partner.slug}",
        event=f"exchange.{exchange.state.value}",
        subject=f"exchange:{exchange.id}",
        community_id=exchange.community_id,
        facts={
            "certificate": exchange.fingerprint,
            "reason": exchange.reason,
            "message-id": exchange.answer_message_id,
        },
    )
