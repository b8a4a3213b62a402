"""A partner's certificate that we accepted: current at once, the earlier one still accepted, or replaced."""

from collections.abc import Collection, Sequence
from datetime import datetime

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.resolve import Held, find, live
from counterseal.domain.rollover.changeover import in_slot, plan_activation
from counterseal.domain.rollover.steps import Activate, Disassociate, Place, Plan, Slot, Stage
from counterseal.domain.usage import BY_PROTOCOL, Side, Usage
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint


def their_slots(agreement: Agreement, usages: Collection[Usage]) -> tuple[Slot, ...]:
    """The partner's slots in this agreement for those of ``usages`` that its protocol knows, in the order of ``Usage``."""
    place = Place(community_id=agreement.community_id, agreement_id=agreement.id)
    wanted = BY_PROTOCOL[agreement.protocol] & frozenset(usages)
    return tuple(Slot(place=place, side=Side.THEIRS, usage=u) for u in Usage if u in wanted)


def plan_accept_theirs(
    agreement: Agreement,
    fingerprint: Fingerprint,
    usages: Collection[Usage],
    assignments: Sequence[Assignment],
    held: Held,
    now: datetime,
) -> Plan:
    """We accept an offered certificate (section 3, rule 4; CEM-39, CEM-41, CEM-42, SCX-26).

    In every usage the new one becomes current: we encrypt with it from now on, we verify with it first, and the earlier one
    goes on being accepted as retiring. Usages only accumulate (CEM-44): other slots stay as they are. One that is live already
    changes nothing (CEM-43, SCX-33). One that is not valid yet is staged until ``again_at``: call again then, with the same
    arguments.

    ``held`` must contain the new certificate.
    """
    return Plan.joined(
        _plan_slot(slot, fingerprint, in_slot(assignments, slot), held, now) for slot in their_slots(agreement, usages)
    )


def _plan_slot(slot: Slot, fingerprint: Fingerprint, own: Sequence[Assignment], held: Held, now: datetime) -> Plan:
    if find(own, slot.side, slot.usage, fingerprint) is not None:
        return plan_activation(slot, fingerprint, own, held, now)
    stage = Stage(slot=slot, fingerprint=fingerprint, exchange_id=None)
    certificate = held[fingerprint].certificate
    if now < certificate.not_before:
        return Plan(steps=(stage,), again_at=certificate.not_before)
    return Plan(steps=(stage, Activate(slot=slot, fingerprint=fingerprint)))


def plan_replace(
    agreement: Agreement,
    fingerprint: Fingerprint,
    usages: Collection[Usage],
    replaced: Collection[Fingerprint],
    assignments: Sequence[Assignment],
    held: Held,
    now: datetime,
) -> Plan:
    """We accept an SCX Replace: the new one is current at once and the matching ones (``replaced``) leave service in this
    agreement, in the usages that the new one takes over (SCX-27, SCX-28). They stay held: old signatures can still be checked,
    and a root that others rely on stays trusted.

    Where the new one is not valid yet the old one stays until the plan is made again at ``again_at``.

    A usage that only the replaced certificate serves keeps it, with a finding: nothing may stop without a person.
    """
    accepted = plan_accept_theirs(agreement, fingerprint, usages, assignments, held, now)
    taken = their_slots(agreement, usages)
    ends = tuple(
        Disassociate(slot=slot, fingerprint=a.fingerprint)
        for slot in taken
        for a in live(in_slot(assignments, slot), slot.side, slot.usage)
        if a.fingerprint in replaced and a.fingerprint != fingerprint and accepted.again_at is None
    )
    left = [
        a.usage
        for a in assignments
        if a.side is Side.THEIRS and a.accepts and a.fingerprint in replaced and a.usage not in {s.usage for s in taken}
    ]
    findings = tuple(_left_over(fingerprint, usage) for usage in dict.fromkeys(left))
    return Plan(steps=accepted.steps + ends, findings=accepted.findings + findings, again_at=accepted.again_at)


def _left_over(fingerprint: Fingerprint, usage: Usage) -> Finding:
    text = (
        f"The certificate that was replaced is still the only one for {usage.value}: the new one does not cover it. "
        "Ask the partner for one, then retire the old one."
    )
    return Finding(code="rollover.replaced-still-needed", severity=Severity.WARNING, subject=fingerprint, text=text)
