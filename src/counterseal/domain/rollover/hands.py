"""What a person does to assignments by hand: switch now, switch back, retire, revoke. Refusals are part of the plan."""

from collections.abc import Sequence
from datetime import datetime

from counterseal.domain.assignment import Assignment
from counterseal.domain.resolve import Held, active, find, live
from counterseal.domain.rollover.changeover import in_slot
from counterseal.domain.rollover.steps import (
    Activate,
    Place,
    Plan,
    Retire,
    RetirementReason,
    Revoke,
    Slot,
    Stage,
    SwitchBack,
    refusal,
)
from counterseal.domain.usage import AssignmentState
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint


def slot_of(assignment: Assignment) -> Slot:
    """The slot that this assignment is in."""
    place = Place(
        community_id=assignment.community_id,
        agreement_id=assignment.agreement_id,
        listener_id=assignment.listener_id,
    )
    return Slot(place=place, side=assignment.side, usage=assignment.usage)


def plan_assign(
    slots: Sequence[Slot], fingerprint: Fingerprint, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Plan:
    """A person (or an applied file) puts a certificate to use at once, without an exchange: staged where it is not live, then
    active; the earlier one goes on being accepted. Refused for one that is not valid now."""
    refused = _not_usable(fingerprint, held, now)
    if refused is not None:
        return refused
    steps: list[Stage | Activate] = []
    for slot in slots:
        found = find(in_slot(assignments, slot), slot.side, slot.usage, fingerprint)
        if found is None:
            steps.append(Stage(slot=slot, fingerprint=fingerprint, exchange_id=None))
        if found is None or not found.produces:
            steps.append(Activate(slot=slot, fingerprint=fingerprint))
    return Plan(steps=tuple(steps))


def switch_now(
    slots: Sequence[Slot], fingerprint: Fingerprint, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Plan:
    """A person changes over without waiting for an answer or a date. In slots where the certificate is not live nothing
    happens; refused when it is live in none, or not valid now."""
    known = [s for s in slots if find(in_slot(assignments, s), s.side, s.usage, fingerprint) is not None]
    if not known:
        return refusal(
            "rollover.not-staged",
            fingerprint,
            "The certificate is neither staged nor retiring here. Send it in a trust request first.",
        )
    return plan_assign(known, fingerprint, assignments, held, now)


def switch_back(
    slots: Sequence[Slot], fingerprint: Fingerprint, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Plan:
    """Undoes the change to ``fingerprint`` in every slot where it is active: the one that it superseded is active again, and it
    goes on accepting.

    Never back to a replaced, revoked, retired or expired one (section 3, rule 7): such a slot stays as it is. Refused when no
    slot can go back.
    """
    steps = []
    reasons = []
    for slot in slots:
        own = in_slot(assignments, slot)
        present = active(own, slot.side, slot.usage)
        if present is None or present.fingerprint != fingerprint:
            continue
        earlier = _superseded_by(present, own, slot)
        if earlier is None:
            reasons.append(f"for {slot.usage.value} there is none before it that is still accepted")
        elif (known := held.get(earlier.fingerprint)) is None or now > known.certificate.not_after:
            reasons.append(f"for {slot.usage.value} the one before it has expired")
        else:
            steps.append(SwitchBack(slot=slot, fingerprint=fingerprint, restores=earlier.fingerprint))
    if steps:
        return Plan(steps=tuple(steps))
    because = "; ".join(reasons) or "it is not the active one"
    return refusal("rollover.no-way-back", fingerprint, f"This certificate cannot be switched back: {because}.")


def _superseded_by(present: Assignment, own: Sequence[Assignment], slot: Slot) -> Assignment | None:
    """The retiring one that left when ``present`` came. One that left earlier is not the partner's last known state."""
    left = [
        a
        for a in live(own, slot.side, slot.usage)
        if a.state is AssignmentState.RETIRING and present.activated_at is not None and a.since >= present.activated_at
    ]
    return max(left, key=lambda a: (a.since, a.created_at, a.id), default=None)


def plan_retirement(assignments: Sequence[Assignment]) -> Plan:
    """A person ends these uses. Ending an active one is allowed and warned of: nothing produces or is current after it."""
    living = [a for a in assignments if a.accepts]
    return Plan(
        steps=tuple(Retire(slot=slot_of(a), fingerprint=a.fingerprint, reason=RetirementReason.PERSON) for a in living),
        findings=tuple(
            Finding(
                code="rollover.active-retired",
                severity=Severity.WARNING,
                subject=a.fingerprint,
                text=f"It was the active one for {a.usage.value}: until another is active there is none.",
            )
            for a in living
            if a.produces
        ),
    )


def plan_revocation(assignments: Sequence[Assignment]) -> Plan:
    """These certificates must not be used any more; retired ones are marked too."""
    marked = [a for a in assignments if a.state is not AssignmentState.REVOKED]
    return Plan(
        steps=tuple(dict.fromkeys(Revoke(slot=slot_of(a), fingerprint=a.fingerprint) for a in marked)),
    )


def _not_usable(fingerprint: Fingerprint, held: Held, now: datetime) -> Plan | None:
    known = held.get(fingerprint)
    if known is None:
        return refusal("rollover.not-held", fingerprint, "This certificate is not held here. Import it first.")
    certificate = known.certificate
    if now > certificate.not_after:
        return refusal(
            "rollover.expired",
            fingerprint,
            f"{certificate.common_name} ended on {certificate.not_after:%d %B %Y}. Take one that is valid.",
        )
    if now < certificate.not_before:
        return refusal(
            "rollover.not-yet-valid",
            fingerprint,
            f"{certificate.common_name} is valid from {certificate.not_before:%d %B %Y %H:%M} UTC. Switch after that.",
        )
    return None
