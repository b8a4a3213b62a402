"""Finish: everything that is to be stored, in one value; or the field errors, and then nothing is stored and nothing is sent."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CommunityRules
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.rollover import Place, Slot, carry_out, listener_slot, our_slots, plan_staging
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import BY_PROTOCOL, Protocol, Side, Usage
from counterseal.domain.wizard.fields import FieldError
from counterseal.domain.wizard.partners import eligible_over
from counterseal.domain.wizard.review import findings_about
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import AgreementId, ExchangeId, ListenerId, TrustRequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A partner that was picked, with the way to tell it."""

    agreement: Agreement
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishOrder:
    """What the person decided on page 3, with what it has to be measured by."""

    certificate: HeldCertificate
    """Ours, with its key's id; not stored yet."""
    usages: frozenset[Usage]
    send: bool
    """Send certificate exchange messages to partners; off: only store it and be ready."""
    told: tuple[Told, ...]
    scx_type: SCXType | None
    respond_by: datetime | None
    time_zone: str
    prepare: tuple[Agreement, ...]
    """Without messages: the agreements in which it is staged. With messages those of ``told`` are."""
    listeners: tuple[ListenerId, ...]
    """The listeners that will present it, where TLS server is among the usages."""
    assignments: Sequence[Assignment]
    """Ours of all these agreements and listeners."""
    held: Sequence[HeldCertificate]
    rules: CommunityRules
    number: int
    """The trust request's number."""
    by: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """To be stored in one transaction."""

    certificate: HeldCertificate
    assignments: tuple[Assignment, ...]
    """New ones, all staged (section 3, rule 2)."""
    trust_request: TrustRequest | None
    exchanges: tuple[Exchange, ...]
    """Queued, in the order of ``told``."""
    findings: tuple[Finding, ...]


def plan_finish(
    order: FinishOrder, *, new_id: Callable[[], str], reference: Callable[[Channel], str]
) -> Finish | tuple[FieldError, ...]:
    """Everything that Finish stores, or every reason why not.

    ``new_id`` gives ids; ``reference`` an unguessable reference for the request over this channel (CEM requestId, the name of
    the SCX file).
    """
    findings = findings_about(
        order.certificate.certificate,
        order.usages,
        rules=order.rules,
        held=order.held,
        respond_by=order.respond_by if order.send else None,
        now=order.now,
    )
    errors = (*_errors(order), *(FieldError("certificate", f.text) for f in findings if f.severity is Severity.REFUSAL))
    if errors:
        return errors
    request = _trust_request(order, TrustRequestId(new_id())) if order.send else None
    exchanges = tuple(_exchange(order, told, request, new_id, reference) for told in order.told) if request else ()
    return Finish(
        certificate=order.certificate,
        assignments=_staged(order, exchanges, new_id),
        trust_request=request,
        exchanges=exchanges,
        findings=findings,
    )


def _staged(order: FinishOrder, exchanges: Sequence[Exchange], new_id: Callable[[], str]) -> tuple[Assignment, ...]:
    """Planned place by place, each beside its own assignments alone: with thousands of partners all of them together are many."""
    present: dict[AgreementId | ListenerId | None, list[Assignment]] = defaultdict(list)
    for assignment in order.assignments:
        present[assignment.agreement_id or assignment.listener_id].append(assignment)
    places: list[tuple[AgreementId | ListenerId, Sequence[Slot], ExchangeId | None]] = [
        (agreement.id, our_slots(agreement, order.usages), exchange_id)
        for agreement, exchange_id in _staged_in(order, exchanges)
    ]
    if Usage.TLS_SERVER in order.usages:
        places += [(i, (listener_slot(_listener_place(order, i)),), None) for i in order.listeners]
    made: list[Assignment] = []
    for place, slots, exchange_id in places:
        own = present[place]
        plan = plan_staging(slots, order.certificate.fingerprint, own, exchange_id=exchange_id)
        made += carry_out(plan.steps, own, now=order.now, new_id=new_id)
    return tuple(made)


def _errors(order: FinishOrder) -> list[FieldError]:
    errors = []
    if order.certificate.side is not Side.OURS or order.certificate.key_id is None:
        errors.append(
            FieldError("certificate", "Its private key is not here. Import it with its key, or generate one.")
        )
    if not order.usages:
        errors.append(FieldError("usages", "No use is chosen. Tick signing, encryption or SSL."))
    if not order.send:
        return errors
    if not order.told:
        errors.append(FieldError("partners", "No partner is picked. Pick at least one, or untick sending."))
    if len({t.agreement.id for t in order.told}) < len(order.told):
        errors.append(FieldError("partners", "One agreement is picked twice. Tell each partner over one way."))
    if order.respond_by is None:
        errors.append(FieldError("respond_by_date", "No respond-by date is chosen. Take a day in about two weeks."))
    elif order.respond_by <= order.now:
        errors.append(FieldError("respond_by_date", "The respond-by date is in the past. Take a later day."))
    if any(t.channel is Channel.SCX for t in order.told) and order.scx_type is None:
        errors.append(FieldError("scx_type", "No message type is chosen for SCX. Choose Request, Deliver or Replace."))
    return errors + [e for told in order.told if (e := _told_error(told, order)) is not None]


def _told_error(told: Told, order: FinishOrder) -> FieldError | None:
    agreement = told.agreement
    name = agreement.partner_identity
    if told.channel in {Channel.CEM, Channel.SCX}:
        reason = eligible_over(told.channel, agreement)
        if reason:
            return FieldError("partners", f"{name} cannot be told by {told.channel.value.upper()}. {reason}")
    if order.usages and not order.usages & BY_PROTOCOL[agreement.protocol]:
        uses = ", ".join(sorted(order.usages))
        return FieldError("partners", f"{name} uses none of {uses}. Leave it out, or choose another use.")
    rsa = order.certificate.certificate.key_algorithm == "rsa"
    if agreement.protocol is Protocol.OFTP2 and not rsa and order.usages - {Usage.TLS_SERVER, Usage.TLS_CLIENT}:
        return FieldError(
            "partners", f"{name} speaks OFTP2, which needs an RSA key for files. Leave it out, or take an RSA key."
        )
    return None


def _trust_request(order: FinishOrder, request_id: TrustRequestId) -> TrustRequest:
    return TrustRequest(
        id=request_id,
        community_id=order.certificate.community_id,
        number=order.number,
        fingerprint=order.certificate.fingerprint,
        usages=order.usages,
        scx_type=order.scx_type if any(t.channel is Channel.SCX for t in order.told) else None,
        respond_by=order.respond_by or order.now,
        time_zone=order.time_zone,
        created_by=order.by,
        created_at=order.now,
    )


def _exchange(
    order: FinishOrder,
    told: Told,
    request: TrustRequest,
    new_id: Callable[[], str],
    reference: Callable[[Channel], str],
) -> Exchange:
    return Exchange(
        id=ExchangeId(new_id()),
        community_id=request.community_id,
        trust_request_id=request.id,
        agreement_id=told.agreement.id,
        partner_id=told.agreement.partner_id,
        channel=told.channel,
        scx_type=order.scx_type if told.channel is Channel.SCX else None,
        fingerprint=request.fingerprint,
        state=ExchangeState.QUEUED,
        request_reference=reference(told.channel),
        queued_at=order.now,
    )


def _staged_in(order: FinishOrder, exchanges: Sequence[Exchange]) -> list[tuple[Agreement, ExchangeId | None]]:
    """Each agreement once, with the exchange that brings the certificate there."""
    if not order.send:
        return [(agreement, None) for agreement in {a.id: a for a in order.prepare}.values()]
    by_agreement = {e.agreement_id: e.id for e in exchanges}
    told = {t.agreement.id: t.agreement for t in order.told}
    return [(agreement, by_agreement[agreement.id]) for agreement in told.values()]


def _listener_place(order: FinishOrder, listener: ListenerId) -> Place:
    return Place(community_id=order.certificate.community_id, listener_id=listener)
