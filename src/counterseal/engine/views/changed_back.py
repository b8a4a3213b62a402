"""Partners that were put back on the certificate before because they proved that they cannot use the new one: a person decides."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from counterseal.domain import rollover
from counterseal.domain.assignment import Assignment
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine.ports import Reader, Window
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import AgreementId, ExchangeId, Fingerprint

LATEST: Final = Window(limit=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedBack:
    """One slot that waits since self-healing changed it back."""

    agreement_id: AgreementId
    side: Side
    usage: Usage
    fingerprint: Fingerprint
    """The one that they could not use."""
    exchange_id: ExchangeId | None
    """That brought it, if one did."""
    at: datetime

    @property
    def finding(self) -> Finding:
        could = "verify" if self.side is Side.OURS else "decrypt"
        text = (
            f"They could not {could} since the change for {self.usage.value}, and were put back on the certificate before on "
            f"{self.at:%d %B %Y %H:%M} UTC. Ask whether the new one is in place there, then switch again."
        )
        return Finding(code="healing.changed-back", severity=Severity.WARNING, subject=self.fingerprint, text=text)


def changed_back(reader: Reader, assignments: Iterable[Assignment]) -> list[ChangedBack]:
    """Of these assignments (whole agreements), oldest first. Only slots that were changed back cost a query: whether a person
    did it, who knows then, or self-healing, is in the audit trail."""
    by_slot: dict[rollover.Slot, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        by_slot[rollover.slot_of(assignment)].append(assignment)
    found = []
    for slot, own in by_slot.items():
        if slot.place.agreement_id is None or not any(_was_active(a) for a in own):
            continue
        back = rollover.changed_back(own, slot)
        if back is not None and _by_itself(reader, slot.place.agreement_id, slot, back):
            found.append(
                ChangedBack(
                    agreement_id=slot.place.agreement_id,
                    side=slot.side,
                    usage=slot.usage,
                    fingerprint=back.fingerprint,
                    exchange_id=back.exchange_id,
                    at=back.since,
                )
            )
    return sorted(found, key=lambda c: c.at)


def _was_active(assignment: Assignment) -> bool:
    return assignment.state is AssignmentState.STAGED and assignment.activated_at is not None


def _by_itself(reader: Reader, agreement_id: AgreementId, slot: rollover.Slot, back: Assignment) -> bool:
    entries = reader.audit(window=LATEST, subject=f"agreement:{agreement_id}", event="agreement.changed-back")
    return any(
        (e.event.facts.get("side"), e.event.facts.get("usage"), e.event.facts.get("from"))
        == (slot.side.value, slot.usage.value, back.fingerprint)
        and e.event.at == back.since
        for e in entries
    )
