"""Self-healing: a partner proves that it cannot verify or decrypt after a change, and is changed back (section 3, rule 7).

Nobody outside may force an old key back. So a signal counts only if all of this holds:

    it answers a message of ours    sent after the change, with the new certificate
    it is authentic                 as strongly as the agreement allows: a signed MDN, an answer in an authenticated session
    it is about the change          our signature, or the certificate that we encrypted to; connection failures are neither
    it is the first                 a slot that was changed back waits for a person
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.resolve import ROLES, Held, Role, active
from counterseal.domain.rollover.changeover import changed_back, in_slot
from counterseal.domain.rollover.hands import switch_back
from counterseal.domain.rollover.steps import Place, Plan, Slot, SwitchBack
from counterseal.domain.usage import Side, Usage
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSignal:
    """A partner's answer that it could not verify or decrypt one message of ours.

    The wire form is translated before: ``authentication-failed`` and ``decryption-failed`` MDNs, EFNA 21 and 22, NERP 31 and
    33.
    """

    usage: Usage
    """What failed: a signing usage (they could not verify us) or a decrypting one (they could not read us)."""
    sent_at: datetime
    """When the message that it answers was sent the first time with these bytes."""
    used: Fingerprint | None
    """The certificate with which that message was produced in this usage; ``None``: not recorded."""
    authenticated: bool
    """Signed by an accepted certificate, or given in an authenticated session."""
    can_authenticate: bool
    """The agreement lets this partner answer authenticated at all (signed receipts, secure session)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """Put back: record the plan, queue again what failed since, raise an alert, and wait for a person."""

    plan: Plan
    usage: Usage
    failed: Fingerprint
    restored: Fingerprint
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHealed:
    """Nothing is changed; the finding says why and goes into the record."""

    finding: Finding


def decide_healing(
    signal: FailureSignal, agreement: Agreement, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Healed | NotHealed:
    """Whether this signal changes the agreement back to the certificate before."""
    side = next((s for s in Side if ROLES[signal.usage, s] is Role.PRODUCE), Side.OURS)
    slot = Slot(
        place=Place(community_id=agreement.community_id, agreement_id=agreement.id), side=side, usage=signal.usage
    )
    own = in_slot(assignments, slot)
    present = active(own, side, signal.usage)
    reason = _why_not(signal, agreement, present, changed=changed_back(own, slot) is not None)
    if reason is not None or present is None:
        return _not(signal, *(reason or ("healing.no-change", "nothing is active in this usage")))
    plan = switch_back((slot,), present.fingerprint, own, held, now)
    if plan.refused:
        return _not(signal, "healing.no-way-back", plan.findings[0].text.rstrip("."))
    restored = next(s.restores for s in plan.steps if isinstance(s, SwitchBack))
    text = (
        f"The partner cannot {'verify' if side is Side.OURS else 'decrypt'} since the change for {signal.usage.value}: "
        "it was changed back to the certificate before. Ask whether the new one is in place there, then switch again."
    )
    finding = Finding(code="healing.changed-back", severity=Severity.WARNING, subject=present.fingerprint, text=text)
    return Healed(plan=plan, usage=signal.usage, failed=present.fingerprint, restored=restored, finding=finding)


def _why_not(
    signal: FailureSignal, agreement: Agreement, present: Assignment | None, *, changed: bool
) -> tuple[str, str] | None:
    """Code and words of the first condition that does not hold."""
    if not agreement.exchange.self_healing:
        return "healing.off", "self-healing is switched off in this agreement"
    if signal.usage in {Usage.TLS_SERVER, Usage.TLS_CLIENT}:
        return "healing.connection", "a connection failure is no proof, anybody on the way can cause one"
    if signal.can_authenticate and not signal.authenticated:
        return "healing.unauthenticated", "the answer is not authenticated, and this agreement allows more"
    if changed:
        return "healing.already", "this change was already undone, a person decides on the next step"
    if present is None or present.activated_at is None:
        return "healing.no-change", "no change is recorded in this usage"
    if signal.used != present.fingerprint:
        return "healing.other-certificate", "the message that failed was not made with the certificate in use now"
    if signal.sent_at < present.activated_at:
        return "healing.before-change", "the message that failed was sent before the change"
    return None


def _not(signal: FailureSignal, code: str, why: str) -> NotHealed:
    text = f"The partner reports a failure in {signal.usage.value}. Nothing was changed back: {why}."
    subject = signal.used or signal.usage.value
    return NotHealed(finding=Finding(code=code, severity=Severity.NOTE, subject=subject, text=text))
