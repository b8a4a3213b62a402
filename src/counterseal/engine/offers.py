"""What partners offer us: evaluated, decided by policy or by a person, put to use, answered once.

evaluate      the same checks in every mode, and again when a person decides
take          an accepted certificate becomes held, and its assignments change by ``rollover``
answer        when every certificate of the request is decided, one response is queued
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from counterseal.domain import offer as offers_
from counterseal.domain import resolve, rollover, trust
from counterseal.domain.agreement import Agreement, handling_mode
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, Origin
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.offer import (
    FirstApproval,
    Offer,
    OfferAccepted,
    OfferedCertificate,
    OfferedState,
    OfferRejected,
)
from counterseal.domain.people import Actor, Permission
from counterseal.domain.trust import (
    Accept,
    Envelope,
    Evaluation,
    Input,
    NotPossible,
    Reject,
    Wait,
    WaitsFor,
)
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import addresses, documents, offer_input
from counterseal.engine.ports import Ports, Reader, Writer
from counterseal.engine.relationship import Relationship, carry_out_plan, gather
from counterseal.engine.translate import cem as translate
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import DocumentId, Fingerprint, OfferedCertificateId, OfferId, OutboxId


class DecisionRefused(CallerFault):
    """The decision cannot be taken; the sentence says why and what to do."""

    code = "offers.decision-refused"


def decide_by_policy(
    ports: Ports, writer: Writer, around: Relationship, offer: Offer, offered: OfferedCertificate, case: Input
) -> OfferedCertificate:
    """The offered certificate with its findings, and with policy's decision where policy decides. Stores it."""
    evaluation = trust.evaluate(case)
    offered = replace(offered, findings=evaluation.verdict.findings, replaces=tuple(evaluation.renews))
    mode = handling_mode(around.agreement, around.community.rules)
    handling = trust.decide_handling(mode, evaluation, readable=offered.certificate is not None)
    match handling:
        case Accept():
            offered = offers_.apply(offered, OfferAccepted(by="policy"), case.now)
            left = take(ports, writer, around, offer, offered, by="policy", now=case.now)
            offered = replace(offered, findings=offered.findings + left)
        case Reject(reason=reason):
            offered = offers_.apply(offered, OfferRejected(by="policy", reason=reason), case.now)
        case Wait(waits_for=WaitsFor.VALIDITY, until=until) if until is not None:
            writer.enqueue(_later(ports, offered, until, case.now))
        case Wait():
            pass
    writer.put(offered)
    return offered


def _later(ports: Ports, offered: OfferedCertificate, until: datetime, now: datetime) -> Work:
    return Work(
        id=OutboxId(ports.entropy.new_id()),
        kind=WorkKind.DECIDE_LATER,
        key=f"decide-later:{offered.id}:{until.isoformat()}",
        lane="",
        subject=offered.id,
        facts={},
        due=until,
        created_at=now,
    )


def take(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    offer: Offer,
    offered: OfferedCertificate,
    *,
    by: str,
    now: datetime,
) -> tuple[Finding, ...]:
    """An accepted certificate is held from now on, and used as the plan of ``rollover`` says: the new one at once, the earlier
    ones still accepted (product.md section 3, rule 4). What the plan leaves to a person comes back as findings."""
    certificate = offered.certificate
    if certificate is None:
        return ()
    held = HeldCertificate(
        community_id=offer.community_id,
        certificate=certificate,
        side=Side.THEIRS,
        partner_id=offer.partner_id,
        chain=offered.chain,
        origin=Origin.CEM if offer.channel is Channel.CEM else Origin.SCX,
        added_by=by,
        added_at=now,
    )
    known = writer.find_certificate(offer.community_id, held.fingerprint)
    if known is None:
        writer.put(held)
    everything = {**around.held, held.fingerprint: known or held}
    if offer.scx_type is SCXType.REPLACE:
        plan = rollover.plan_replace(
            around.agreement,
            held.fingerprint,
            offered.usages,
            tuple(Fingerprint(f) for f in offered.replaces),
            around.assignments,
            everything,
            now,
        )
    else:
        plan = rollover.plan_accept_theirs(
            around.agreement, held.fingerprint, offered.usages, around.assignments, everything, now
        )
    carry_out_plan(ports, writer, plan, around.assignments, now)
    if plan.again_at is not None:
        writer.enqueue(_later(ports, offered, plan.again_at, now))
    return plan.findings


def accept(
    ports: Ports, actor: Actor, offer_id: OfferId, *, offered_ids: tuple[OfferedCertificateId, ...] | None
) -> list[OfferedCertificate]:
    """A person accepts these certificates (``None``: all that are pending). Raises ``DecisionRefused``, and then none was."""
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        offer = writer.offer(offer_id)
        decided = []
        for offered in _chosen(writer, offer, offered_ids):
            around = gather(writer, offer.agreement_id)
            evaluation = trust.evaluate(
                offer_input.input_for(
                    writer,
                    around,
                    offer,
                    offered,
                    envelope=_envelope(writer, around, offer),
                    problem=_problem(offered),
                    now=now,
                )
            )
            decision = trust.decide_acceptance(
                offered, evaluation.verdict, by=actor.name, two_people=around.community.rules.two_people, now=now
            )
            if isinstance(decision, NotPossible):
                raise DecisionRefused(decision.text)
            changed = offers_.apply(_refreshed(offered, evaluation), decision, now)
            if isinstance(decision, OfferAccepted):
                left = take(ports, writer, around, offer, changed, by=actor.name, now=now)
                changed = replace(changed, findings=changed.findings + left)
            writer.put(changed)
            writer.record(decision_event(actor.name, offer, changed, decision, now))
            decided.append(changed)
        answer_when_decided(ports, writer, offer, now)
    ports.wake()
    return decided


def _problem(offered: OfferedCertificate) -> str:
    """What was wrong with its part when it came; that does not mend itself."""
    return next(
        (f.text for f in offered.findings if f.code == "certificate.readable" and f.severity is Severity.REFUSAL), ""
    )


def _refreshed(offered: OfferedCertificate, evaluation: Evaluation) -> OfferedCertificate:
    """With what the checks say today; the finding about the envelope stays as it was when the message came."""
    envelope = tuple(f for f in offered.findings if f.code.startswith("envelope."))
    rest = tuple(f for f in evaluation.verdict.findings if not f.code.startswith("envelope."))
    return replace(offered, findings=envelope + rest, replaces=tuple(evaluation.renews))


def _envelope(reader: Reader, around: Relationship, offer: Offer) -> Envelope:
    """For a later decision: what the message proved when it came, by the certificate that signed it. Where that one is no longer
    accepted (it was revoked meanwhile), the message proves nothing any more (CEM-9)."""
    carriers = reader.messages(offer.document_id) if offer.signed else []
    return Envelope(
        sender=around.agreement.partner_identity,
        claimed=around.agreement.partner_identity,
        signer=next((m.signer for m in carriers if m.direction is Direction.IN and m.signer), None),
        session_authenticated=offer.signed,
    )


def reject(
    ports: Ports, actor: Actor, offer_id: OfferId, *, offered_ids: tuple[OfferedCertificateId, ...] | None, reason: str
) -> list[OfferedCertificate]:
    """A person rejects these certificates, with a reason that the partner reads. Raises ``DecisionRefused``."""
    actor.require(Permission.CERTIFICATES)
    now = ports.clock.now()
    with ports.store.write() as writer:
        offer = writer.offer(offer_id)
        decided = []
        for offered in _chosen(writer, offer, offered_ids):
            decision = trust.decide_rejection(offered, by=actor.name, reason=reason)
            if isinstance(decision, NotPossible):
                raise DecisionRefused(decision.text)
            changed = offers_.apply(offered, decision, now)
            writer.put(changed)
            writer.record(decision_event(actor.name, offer, changed, decision, now))
            decided.append(changed)
        answer_when_decided(ports, writer, offer, now)
    ports.wake()
    return decided


def _chosen(
    writer: Writer, offer: Offer, offered_ids: Collection[OfferedCertificateId] | None
) -> list[OfferedCertificate]:
    everything = writer.offered((offer.id,))
    if offered_ids is None:
        chosen = [o for o in everything if o.state is OfferedState.PENDING]
        if not chosen:
            raise DecisionRefused("nothing in this request waits for a decision")
        return chosen
    known = {o.id for o in everything}
    strangers = [i for i in offered_ids if i not in known]
    if strangers:
        raise DecisionRefused(f"this request has no certificate {strangers[0]}")
    return [writer.offered_certificate(i) for i in offered_ids]


def decision_event(
    by: str,
    offer: Offer,
    offered: OfferedCertificate,
    decision: OfferAccepted | OfferRejected | FirstApproval,
    now: datetime,
) -> AuditEvent:
    names = {OfferAccepted: "accepted", OfferRejected: "rejected", FirstApproval: "approved-first"}
    return AuditEvent(
        at=now,
        actor=by,
        event=f"offer.{names[type(decision)]}",
        subject=f"offer:{offer.id}",
        community_id=offer.community_id,
        facts={
            "certificate": offered.certificate.fingerprint if offered.certificate else "",
            "replaces": ", ".join(offered.replaces),
            "usages": ", ".join(sorted(offered.usages)),
            "reason": getattr(decision, "reason", ""),
            "findings": ", ".join(f.code for f in offered.findings if f.severity is not Severity.PASSED),
        },
    )


def answer_when_decided(ports: Ports, writer: Writer, offer: Offer, now: datetime) -> None:
    """Queues the one answer once nothing of the request is pending."""
    if all(o.state is not OfferedState.PENDING for o in writer.offered((offer.id,))):
        queue_answer(ports, writer, offer, now, again="")


def queue_answer(ports: Ports, writer: Writer, offer: Offer, now: datetime, *, again: str) -> None:
    """``again`` makes a further answer, for a request that the partner repeated (cem.md row 20); empty: the one answer."""
    writer.enqueue(
        Work(
            id=OutboxId(ports.entropy.new_id()),
            kind=WorkKind.ANSWER_OFFER,
            key=f"answer-offer:{offer.id}:{again}",
            lane=f"exchange:{offer.agreement_id}",
            lane_limit=1,
            subject=offer.id,
            facts={},
            due=now,
            created_at=now,
        )
    )


def answer(ports: Ports, row: Work) -> None:
    """Performs an ``answer-offer`` row: the response becomes a document, which is sent like any other."""
    now = ports.clock.now()
    with ports.store.read() as reader:
        offer = reader.offer(OfferId(row.subject))
        offered = reader.offered((offer.id,))
        around = gather(reader, offer.agreement_id)
    packed = translate.build_response(
        request_id=offer.request_reference,
        as2_from=around.station.identity,
        offered=offered,
        time_zone=around.community.time_zone,
        host=ports.host_name,
        token=ports.entropy.new_id(),
        now=now,
    )
    payload, size, digest = documents.store_payload(ports, (packed.body,))
    address, findings = response_address(around.agreement, offer)
    with ports.store.write() as writer:
        document = Document(
            id=DocumentId(ports.entropy.new_id()),
            community_id=offer.community_id,
            agreement_id=offer.agreement_id,
            direction=Direction.OUT,
            kind=DocumentKind.CEM_RESPONSE,
            state=DocumentState.QUEUED,
            file_name="",
            content_type=packed.content_type,
            size=size,
            digest=digest,
            payload=payload,
            subject="Certificate exchange response",
            address=address,
            created_by="system",
            created_at=now,
            findings=findings,
        )
        documents.queue(ports, writer, document, around.agreement)
        writer.complete(row)
    ports.wake()


def response_address(agreement: Agreement, offer: Offer) -> tuple[str, tuple[Finding, ...]]:
    """Where the response goes: the ResponseURL before the configured address (CEM-37), but only of a signed request, over HTTP,
    and at a host that the agreement knows (cem.md row 33). Empty: the agreement's address."""
    url = offer.response_url.strip()
    if not url or url == agreement.as2.url:
        return "", ()
    if offer.signed and addresses.known(url, agreed=agreement.as2.url, hosts=agreement.exchange.response_url_hosts):
        return url, ()
    text = (
        f"The partner wants its answer at {url[:200]!r}, which the agreement does not know: "
        "it goes to the agreement's address. Add the host to the agreement if it is right."
    )
    finding = Finding(code="cem.response-url-not-allowed", severity=Severity.WARNING, subject=offer.id, text=text)
    return "", (finding,)


def decide_later(ports: Ports, row: Work) -> None:
    """Performs a ``decide-later`` row: the validity of an offered certificate has begun. Policy is asked again; one that was
    accepted becomes active."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        offered = writer.offered_certificate(OfferedCertificateId(row.subject))
        offer = writer.offer(offered.offer_id)
        around = gather(writer, offer.agreement_id)
        if offered.state is OfferedState.PENDING:
            case = offer_input.input_for(
                writer,
                around,
                offer,
                offered,
                envelope=_envelope(writer, around, offer),
                problem=_problem(offered),
                now=now,
            )
            decide_by_policy(ports, writer, around, offer, offered, case)
            answer_when_decided(ports, writer, offer, now)
        elif offered.state is OfferedState.ACCEPTED:
            # What a person ended before its day stays ended.
            staged = replace(offered, usages=frozenset(u for u in offered.usages if _live(around, offered, u)))
            take(ports, writer, around, offer, staged, by=offered.decided_by, now=now)
        writer.complete(row)
    ports.wake()


def _live(around: Relationship, offered: OfferedCertificate, usage: Usage) -> bool:
    certificate = offered.certificate
    return (
        certificate is not None
        and resolve.find(around.assignments, Side.THEIRS, usage, certificate.fingerprint) is not None
    )


def identical(one: Iterable[OfferedCertificate], other: Iterable[OfferedCertificate]) -> bool:
    """Whether two requests offer the same certificates for the same usages."""

    def key(offered: OfferedCertificate) -> tuple[str, frozenset[Usage]]:
        return (offered.certificate.fingerprint if offered.certificate else offered.serial_text, offered.usages)

    return sorted(map(key, one), key=str) == sorted(map(key, other), key=str)
