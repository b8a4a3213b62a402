"""Our own certificate on its way to partners: staged before they are told, changed over partner by partner."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from counterseal.domain.agreement import Agreement, cutover_rule
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.channel import SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.resolve import ROLES, Held, Role, active, find, live
from counterseal.domain.rollover.changeover import in_slot, plan_activation
from counterseal.domain.rollover.steps import Activate, Disassociate, Place, Plan, Slot, Stage
from counterseal.domain.usage import BY_PROTOCOL, AssignmentState, Side, Usage
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import ExchangeId, Fingerprint

_TOLD = frozenset({ExchangeState.SENT, ExchangeState.RECEIVED})


def our_slots(agreement: Agreement, usages: Collection[Usage]) -> tuple[Slot, ...]:
    """Our slots in this agreement for those of ``usages`` that its protocol knows, in the order of ``Usage``. TLS server is
    not among them: it belongs to a listener."""
    place = Place(community_id=agreement.community_id, agreement_id=agreement.id)
    wanted = BY_PROTOCOL[agreement.protocol] & frozenset(usages) - {Usage.TLS_SERVER}
    return tuple(Slot(place=place, side=Side.OURS, usage=u) for u in Usage if u in wanted)


def listener_slot(place: Place) -> Slot:
    """Where a listener's TLS server certificate is."""
    return Slot(place=place, side=Side.OURS, usage=Usage.TLS_SERVER)


def plan_staging(
    slots: Sequence[Slot],
    fingerprint: Fingerprint,
    assignments: Sequence[Assignment],
    *,
    exchange_id: ExchangeId | None,
) -> Plan:
    """Finish: the certificate is staged in every slot, before any partner is told (section 3, rule 2; cem.md 3.2, CEM-38).

    Signing and TLS usages are staged too: staged never produces, and the pages show what is prepared. Where it is live
    already nothing is added, so that telling more partners later changes nothing for the first ones.
    """
    return Plan(
        steps=tuple(
            Stage(slot=slot, fingerprint=fingerprint, exchange_id=exchange_id)
            for slot in slots
            if find(in_slot(assignments, slot), slot.side, slot.usage, fingerprint) is None
        )
    )


def decide_on_acceptance(
    exchange: Exchange,
    agreement: Agreement,
    usages: Collection[Usage],
    assignments: Sequence[Assignment],
    held: Held,
    now: datetime,
) -> Plan:
    """What changes for this partner now that it has accepted (``exchange`` after ``Accepted``; CEM-40, SCX-34).

    - decrypting usages: the new one becomes the current one under every rule; the old one goes on decrypting
    - signing and TLS client: at once, unless the rule is ``manual``
    - an SCX Replace that we sent: at once under every rule, and the others of the slot leave service, because the partner no
      longer knows them
    """
    if exchange.state is not ExchangeState.ACCEPTED:
        return Plan()
    replaces = exchange.scx_type is SCXType.REPLACE
    by_hand = cutover_rule(agreement) is CutoverRule.MANUAL and not replaces
    plans = []
    for slot in our_slots(agreement, usages):
        if slot.role is Role.PRODUCE and by_hand:
            continue
        plan = plan_activation(slot, exchange.fingerprint, assignments, held, now)
        plans.append(_replacing(plan, slot, exchange.fingerprint, assignments) if replaces else plan)
    return Plan.joined(plans)


def _replacing(plan: Plan, slot: Slot, fingerprint: Fingerprint, assignments: Sequence[Assignment]) -> Plan:
    if not any(isinstance(s, Activate) for s in plan.steps):
        return plan
    others = [
        a
        for a in live(in_slot(assignments, slot), slot.side, slot.usage)
        if a.fingerprint != fingerprint and a.state is not AssignmentState.STAGED
    ]
    ends = tuple(Disassociate(slot=slot, fingerprint=a.fingerprint) for a in others)
    return Plan(steps=plan.steps + ends, findings=plan.findings, again_at=plan.again_at)


def decide_on_delivery(
    agreement: Agreement, fingerprint: Fingerprint, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Plan:
    """The partner accepted a certificate that its own Request brought it (an SCX Deliver without an exchange of ours): it goes into
    use where it is staged and nothing is active. What is active was delivered itself, and a change of it is a trust request's."""
    by_hand = cutover_rule(agreement) is CutoverRule.MANUAL
    plans = []
    for slot in our_slots(agreement, frozenset(Usage)):
        own = in_slot(assignments, slot)
        waits = active(own, slot.side, slot.usage) is None and find(own, slot.side, slot.usage, fingerprint) is not None
        if waits and not (by_hand and slot.role is Role.PRODUCE):
            plans.append(plan_activation(slot, fingerprint, own, held, now))
    return Plan.joined(plans)


def decide_at_date(
    exchange: Exchange,
    agreement: Agreement,
    usages: Collection[Usage],
    respond_by: datetime,
    assignments: Sequence[Assignment],
    held: Held,
    now: datetime,
) -> Plan:
    """What changes for this partner now that the respond-by date has passed (section 3, rule 3; CEM-40, CEM-42).

    Only with the rule ``on-acceptance-or-date``, only for a partner that was told and is silent, only what we produce with:
    for decryption the silent partner goes on with the old certificate, and both are accepted. Never after a rejection, and
    never for a partner that the message did not reach: it could not verify what we sign.
    """
    if exchange.state is ExchangeState.ACCEPTED:
        # The date is over for it; it is asked again because its certificate was not valid yet.
        return decide_on_acceptance(exchange, agreement, usages, assignments, held, now)
    if now <= respond_by:
        return Plan(again_at=respond_by)
    if exchange.state in {ExchangeState.REJECTED, ExchangeState.WITHDRAWN}:
        return Plan()
    if cutover_rule(agreement) is not CutoverRule.ON_ACCEPTANCE_OR_DATE:
        return Plan()
    slots = [s for s in our_slots(agreement, usages) if s.role is Role.PRODUCE]
    if exchange.state not in _TOLD:
        text = (
            "The respond-by date has passed, but this partner was never reached: nothing changes for it. Send it again."
        )
        finding = Finding(
            code="rollover.never-told", severity=Severity.WARNING, subject=exchange.fingerprint, text=text
        )
        return Plan(findings=(finding,) if slots else ())
    return Plan.joined(plan_activation(s, exchange.fingerprint, assignments, held, now) for s in slots)


def decide_listener_cutover(
    place: Place,
    fingerprint: Fingerprint,
    exchanges: Sequence[Exchange],
    respond_by: datetime,
    assignments: Sequence[Assignment],
    held: Held,
    now: datetime,
) -> Plan:
    """Whether the listener presents its new TLS server certificate (section 3, rule 3).

    ``exchanges`` are those of the trust request. Every one that was not withdrawn must be accepted; from the respond-by date
    on it is enough that none was rejected. By hand always (``switch_now``).
    """
    counted = [e for e in exchanges if e.state is not ExchangeState.WITHDRAWN]
    if not counted or any(e.state is ExchangeState.REJECTED for e in counted):
        return Plan()
    if any(e.state is not ExchangeState.ACCEPTED for e in counted) and now <= respond_by:
        return Plan(again_at=respond_by)
    return plan_activation(listener_slot(place), fingerprint, assignments, held, now)


def in_place_of(
    agreement: Agreement,
    usages: Collection[Usage],
    fingerprint: Fingerprint,
    assignments: Sequence[Assignment],
    held: Held,
) -> tuple[HeldCertificate, ...]:
    """Ours that are active where this one is to be, the one in most usages first, then in the order of ``Usage``. Once it is
    active itself, nothing of what it superseded is among them."""
    slots = our_slots(agreement, usages)
    present = [active(in_slot(assignments, s), s.side, s.usage) for s in slots]
    counted = Counter(a.fingerprint for a in present if a is not None and a.fingerprint != fingerprint)
    return tuple(held[f] for f, _ in counted.most_common() if f in held)


def in_use_since(assignments: Sequence[Assignment], fingerprint: Fingerprint) -> datetime | None:
    """Since when a certificate of ours has been in use in this agreement: the first traffic that used it, or, where we
    produce with it, the change itself. ``None``: not yet. From then on no later answer takes it back (cem.md row 28)."""
    own = [a for a in assignments if a.side is Side.OURS and a.fingerprint == fingerprint]
    seen = [a.first_seen_at for a in own if a.first_seen_at is not None]
    made = [a.activated_at for a in own if a.activated_at is not None and ROLES[a.usage, a.side] is Role.PRODUCE]
    return min(seen + made, default=None)


def hint_of_use(exchange: Exchange, assignments: Sequence[Assignment]) -> Finding | None:
    """The partner never answered, yet its traffic uses the new certificate: shown as a hint, counted as no answer."""
    if exchange.state in {ExchangeState.ACCEPTED, ExchangeState.WITHDRAWN}:
        return None
    seen = [
        a.first_seen_at
        for a in assignments
        if a.side is Side.OURS and a.fingerprint == exchange.fingerprint and a.first_seen_at is not None
    ]
    if not seen:
        return None
    text = (
        f"This partner has not accepted the certificate, but has used it since {min(seen):%d %B %Y %H:%M} UTC. "
        "Ask for its answer, or record it."
    )
    return Finding(code="rollover.used-unanswered", severity=Severity.NOTE, subject=exchange.fingerprint, text=text)
