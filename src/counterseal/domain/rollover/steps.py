"""What a plan is made of: typed steps on assignments, named by place, side, usage and certificate.

A plan is a value. ``carry_out`` turns it into changed assignments through the transition table of ``assignment``; the caller
stores them in the transaction in which it planned. A step names its assignment by *slot* and fingerprint, not by id, because a
plan may speak of one that it stages itself; at most one live assignment exists for each.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from counterseal.domain import assignment as assignments_
from counterseal.domain.assignment import (
    Activated,
    Assignment,
    AssignmentEvent,
    Restored,
    Retired,
    Revoked,
    Superseded,
    Unstaged,
)
from counterseal.domain.resolve import ROLES, Role
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import AgreementId, AssignmentId, CommunityId, ExchangeId, Fingerprint, ListenerId


class PlanOutOfDate(CallerFault):
    """The assignments are no longer those for which the plan was made; plan again."""

    code = "domain.plan-out-of-date"


class RetirementReason(StrEnum):
    """Why a use ended (product.md section 3, rule 5)."""

    UNSEEN = "unseen"
    EXPIRED = "expired"
    REPLACED = "replaced"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where certificates are assigned: an agreement, or (our TLS server certificates) a listener."""

    community_id: CommunityId
    agreement_id: AgreementId | None = None
    listener_id: ListenerId | None = None

    def __post_init__(self) -> None:
        if (self.agreement_id is None) == (self.listener_id is None):
            raise PlanOutOfDate("a place is either an agreement or a listener")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One side's use of certificates in one place: at most one is active in it."""

    place: Place
    side: Side
    usage: Usage

    @property
    def role(self) -> Role:
        return ROLES[self.usage, self.side]

    def holds(self, assignment: Assignment) -> bool:
        return (
            assignment.side is self.side
            and assignment.usage is self.usage
            and assignment.agreement_id == self.place.agreement_id
            and assignment.listener_id == self.place.listener_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A new assignment that may accept and never produces."""

    slot: Slot
    fingerprint: Fingerprint
    exchange_id: ExchangeId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activate:
    """A staged (or retiring) one becomes active; the active one, if there is one, is superseded and goes on accepting."""

    slot: Slot
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchBack:
    """The active one only accepts again, and the one it had superseded is active again."""

    slot: Slot
    fingerprint: Fingerprint
    """The one that is active now."""
    restores: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    slot: Slot
    fingerprint: Fingerprint
    reason: RetirementReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Disassociate:
    """A Replace takes the certificate out of service in this place at once. It is not untrusted anywhere else."""

    slot: Slot
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """It must not be used any more; also a retired one is marked, so that it never comes back."""

    slot: Slot
    fingerprint: Fingerprint


Step = Stage | Activate | SwitchBack | Retire | Disassociate | Revoke


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, what a person should know, and when to ask again."""

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    """A refusal here means that nothing is done: ``steps`` is empty then."""
    again_at: datetime | None = None
    """The same question has another answer from then on (a date, the beginning of validity); ``None``: it has not."""

    @property
    def refused(self) -> bool:
        return any(f.severity is Severity.REFUSAL for f in self.findings)

    @classmethod
    def joined(cls, plans: Iterable["Plan"]) -> "Plan":
        """All steps and findings in order; the earliest ``again_at``; only the refusals' findings once anything refused."""
        parts = list(plans)
        findings = tuple(dict.fromkeys(f for p in parts for f in p.findings))
        if any(p.refused for p in parts):
            return cls(findings=findings)
        return cls(
            steps=tuple(dict.fromkeys(s for p in parts for s in p.steps)),
            findings=findings,
            again_at=min((p.again_at for p in parts if p.again_at is not None), default=None),
        )


def refusal(code: str, subject: str, text: str) -> Plan:
    """A plan that does nothing and says why."""
    return Plan(findings=(Finding(code=code, severity=Severity.REFUSAL, subject=subject, text=text),))


def carry_out(
    steps: Iterable[Step], assignments: Sequence[Assignment], *, now: datetime, new_id: Callable[[], str]
) -> tuple[Assignment, ...]:
    """The assignments that the steps change or add, each once in its final state; those no longer active come first, so that
    storing them one by one never shows two active ones. Raises ``PlanOutOfDate``."""
    board = _Board(assignments)
    for step in steps:
        _take(step, board, now, new_id)
    return board.changed()


def mark_seen(assignment: Assignment, at: datetime) -> Assignment:
    """Evidence: traffic of this partner used the certificate (section 3, rule 6). Times only grow."""
    first = min(assignment.first_seen_at or at, at)
    return replace(assignment, first_seen_at=first, last_seen_at=max(assignment.last_seen_at or at, at))


class _Board:
    """The assignments while steps are taken."""

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self._before = {a.id: a for a in assignments}
        self._now = dict(self._before)

    def live(self, slot: Slot, fingerprint: Fingerprint) -> Assignment | None:
        return next((a for a in self._in(slot) if a.fingerprint == fingerprint and a.accepts), None)

    def must(self, slot: Slot, fingerprint: Fingerprint) -> Assignment:
        found = self.live(slot, fingerprint)
        if found is None:
            raise PlanOutOfDate(f"{fingerprint[:16]} is no longer assigned ({slot.side.value}, {slot.usage.value})")
        return found

    def active(self, slot: Slot) -> Assignment | None:
        return next((a for a in self._in(slot) if a.produces), None)

    def marked(self, slot: Slot, fingerprint: Fingerprint) -> list[Assignment]:
        return [a for a in self._in(slot) if a.fingerprint == fingerprint and a.state is not AssignmentState.REVOKED]

    def put(self, assignment: Assignment) -> None:
        self._now[assignment.id] = assignment

    def apply(self, assignment: Assignment, event: AssignmentEvent, now: datetime) -> None:
        self.put(assignments_.apply(assignment, event, now))

    def changed(self) -> tuple[Assignment, ...]:
        changed = [a for i, a in self._now.items() if self._before.get(i) != a]
        return tuple(sorted(changed, key=lambda a: a.produces))

    def _in(self, slot: Slot) -> list[Assignment]:
        return [a for a in self._now.values() if slot.holds(a)]


def _take(step: Step, board: _Board, now: datetime, new_id: Callable[[], str]) -> None:
    match step:
        case Stage():
            if board.live(step.slot, step.fingerprint) is None:
                board.put(_staged(step, now, new_id))
        case Activate(slot=slot, fingerprint=fingerprint):
            candidate, present = board.must(slot, fingerprint), board.active(slot)
            if present is not None and present.id == candidate.id:
                return
            if present is not None:
                board.apply(present, Superseded(), now)
            board.apply(candidate, Activated() if candidate.state is AssignmentState.STAGED else Restored(), now)
        case SwitchBack(slot=slot):
            present, earlier = board.must(slot, step.fingerprint), board.must(slot, step.restores)
            board.apply(present, Unstaged(), now)
            board.apply(earlier, Restored(), now)
        case Retire() | Disassociate():
            board.apply(board.must(step.slot, step.fingerprint), Retired(), now)
        case Revoke(slot=slot, fingerprint=fingerprint):
            for found in board.marked(slot, fingerprint):
                board.apply(found, Revoked(), now)
        case _:  # pragma: no cover
            assert_never(step)


def _staged(step: Stage, now: datetime, new_id: Callable[[], str]) -> Assignment:
    return Assignment(
        id=AssignmentId(new_id()),
        community_id=step.slot.place.community_id,
        agreement_id=step.slot.place.agreement_id,
        listener_id=step.slot.place.listener_id,
        fingerprint=step.fingerprint,
        side=step.slot.side,
        usage=step.slot.usage,
        state=AssignmentState.STAGED,
        since=now,
        exchange_id=step.exchange_id,
        created_at=now,
    )
