"""When an old certificate ends by itself: expired, or replaced in traffic and no longer seen (section 3, rule 5)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.assignment import Assignment
from counterseal.domain.resolve import Held, Role, active
from counterseal.domain.rollover.changeover import in_slot
from counterseal.domain.rollover.hands import slot_of
from counterseal.domain.rollover.steps import Plan, Retire, RetirementReason, Slot
from counterseal.domain.usage import AssignmentState, Side
from counterseal.kernel.finding import Finding, Severity

LATE_TRAFFIC: Final = timedelta(days=30)
"""How long after its end our own certificate still decrypts: what was encrypted in time may arrive late, and reading it harms
nobody (CEM-48). A partner's signature with an expired certificate is another matter: that use ends with it."""


def decide_retirement(
    assignments: Sequence[Assignment], held: Held, now: datetime, *, quiet_for: timedelta | None
) -> Plan:
    """Which retiring and staged certificates end now, and when to look again.

    - expired: retiring and staged ones (ours for decryption ``LATE_TRAFFIC`` later)
    - unseen: only retiring ones, only once their successor was seen in use, and only after ``quiet_for`` without the old one;
      ``None``: never by silence
    - the active one never ends by itself, also expired: then traffic would stop. It is reported.
    """
    steps: list[Retire] = []
    findings: list[Finding] = []
    later: list[datetime] = []
    for a in assignments:
        if not a.accepts:
            continue
        slot = slot_of(a)
        ends_at = _ends_at(a, slot, held)
        if a.produces:
            findings += _expired_active(a, held, now)
        elif ends_at is not None and now > ends_at:
            steps.append(Retire(slot=slot, fingerprint=a.fingerprint, reason=RetirementReason.EXPIRED))
        else:
            quiet_at = _quiet_at(a, slot, assignments, quiet_for)
            if quiet_at is not None and now >= quiet_at:
                steps.append(Retire(slot=slot, fingerprint=a.fingerprint, reason=RetirementReason.UNSEEN))
            else:
                later += [at for at in (ends_at, quiet_at) if at is not None]
    return Plan(steps=tuple(steps), findings=tuple(findings), again_at=min(later, default=None))


def _ends_at(a: Assignment, slot: Slot, held: Held) -> datetime | None:
    known = held.get(a.fingerprint)
    if known is None:
        return None
    decrypts = slot.side is Side.OURS and slot.role is Role.ACCEPT
    return known.certificate.not_after + (LATE_TRAFFIC if decrypts else timedelta())


def _quiet_at(
    a: Assignment, slot: Slot, assignments: Sequence[Assignment], quiet_for: timedelta | None
) -> datetime | None:
    """From when on silence ends it; ``None`` while silence proves nothing."""
    if quiet_for is None or a.state is not AssignmentState.RETIRING:
        return None
    successor = active(in_slot(assignments, slot), slot.side, slot.usage)
    if successor is None or successor.first_seen_at is None:
        return None
    return max(a.last_seen_at or a.since, a.since, successor.first_seen_at) + quiet_for


def _expired_active(a: Assignment, held: Held, now: datetime) -> list[Finding]:
    known = held.get(a.fingerprint)
    if known is None or now <= known.certificate.not_after:
        return []
    text = (
        f"{known.certificate.common_name} ended on {known.certificate.not_after:%d %B %Y} and is still the active one for "
        f"{a.usage.value}: nothing has replaced it. Exchange a new one."
    )
    return [Finding(code="rollover.expired-active", severity=Severity.WARNING, subject=a.fingerprint, text=text)]
