"""When an automatic change may make a staged certificate the active one of its slot, and when it must not."""

from collections.abc import Sequence
from datetime import datetime

from counterseal.domain.assignment import Assignment
from counterseal.domain.resolve import Held, active, find
from counterseal.domain.rollover.steps import Activate, Plan, Slot
from counterseal.domain.usage import AssignmentState
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint


def in_slot(assignments: Sequence[Assignment], slot: Slot) -> tuple[Assignment, ...]:
    return tuple(a for a in assignments if slot.holds(a))


def changed_back(assignments: Sequence[Assignment], slot: Slot) -> Assignment | None:
    """The certificate from which this slot was switched back, while that is the slot's last change; ``None`` otherwise.

    It is staged and was active before, and nothing became active since. Such a slot waits for a person: neither an answer nor
    a date nor self-healing moves it (section 3, rule 7).
    """
    own = in_slot(assignments, slot)
    present = active(own, slot.side, slot.usage)
    if present is None or present.activated_at is None:
        return None
    before = [
        a
        for a in own
        if a.state is AssignmentState.STAGED and a.activated_at is not None and a.since >= present.activated_at
    ]
    return max(before, key=lambda a: a.since, default=None)


def plan_activation(
    slot: Slot, fingerprint: Fingerprint, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Plan:
    """Makes a staged certificate the active one, unless that would be wrong: nothing for one that is active or was already
    superseded; a finding for one that expired, was overtaken by a newer one, or waits for a person; ``again_at`` for one that
    is not valid yet."""
    own = in_slot(assignments, slot)
    candidate = find(own, slot.side, slot.usage, fingerprint)
    if candidate is None:
        return _found(slot, fingerprint, "rollover.not-staged", "is no longer staged; nothing was changed")
    if candidate.state is not AssignmentState.STAGED:
        return Plan()
    back = changed_back(own, slot)
    if back is not None and back.id == candidate.id:
        return _found(
            slot, fingerprint, "rollover.changed-back", "was switched back; a person decides when to try again"
        )
    present = active(own, slot.side, slot.usage)
    if present is not None and (present.created_at, present.id) > (candidate.created_at, candidate.id):
        return _found(slot, fingerprint, "rollover.overtaken", "was overtaken by a newer one, which stays in use")
    return _plan_valid(slot, fingerprint, held, now)


def _plan_valid(slot: Slot, fingerprint: Fingerprint, held: Held, now: datetime) -> Plan:
    known = held.get(fingerprint)
    if known is None:
        return _found(slot, fingerprint, "rollover.not-held", "is not held here; import it again")
    certificate = known.certificate
    if now > certificate.not_after:
        return _found(slot, fingerprint, "rollover.expired", "has expired; send a new one")
    if now < certificate.not_before:
        return Plan(again_at=certificate.not_before)
    return Plan(steps=(Activate(slot=slot, fingerprint=fingerprint),))


def _found(slot: Slot, fingerprint: Fingerprint, code: str, what: str) -> Plan:
    text = f"The certificate {fingerprint[:16]} for {slot.usage.value} {what}."
    return Plan(findings=(Finding(code=code, severity=Severity.WARNING, subject=fingerprint, text=text),))
