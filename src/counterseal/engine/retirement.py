"""Old certificates leave service by themselves: expired, or replaced in traffic and no longer seen (product.md section 3, rule 5).

Each community has one row for it, which enqueues its own successor. It reads assignments and certificates of the whole community
once and decides from that; only a place where something ends is read again and changed, in a transaction of its own, so that
traffic that came meanwhile counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain import rollover
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.resolve import Held
from counterseal.domain.rollover import Plan, Retire
from counterseal.domain.usage import ACCEPTS
from counterseal.domain.work import Work, WorkKind
from counterseal.engine.ports import Ports, Reader, Writer
from counterseal.engine.relationship import carry_out_plan, held_by
from counterseal.kernel.ids import AgreementId, CommunityId, ListenerId, OutboxId

AT_LEAST_EVERY: Final = timedelta(hours=6)
"""First uses and new changes move the next look forward, and nobody tells this row of them."""
AT_MOST_EVERY: Final = timedelta(minutes=15)

_Place = tuple[AgreementId | None, ListenerId | None]


def seed(ports: Ports) -> None:
    """Every community has its row; of a new one, from now on."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        looked_after = {row.subject for row in writer.work(kinds={WorkKind.RETIRE})}
        for community in writer.communities():
            if community.id not in looked_after:
                writer.enqueue(_row(ports, community.id, now, now))


def perform(ports: Ports, row: Work) -> None:
    """Performs a ``retire`` row."""
    community_id = CommunityId(row.subject)
    now = ports.clock.now()
    with ports.store.read() as reader:
        quiet_for = reader.community(community_id).rules.retire_unseen_after
        assignments = reader.assignments(community_id=community_id, states=ACCEPTS)
        held = {h.fingerprint: h for h in reader.certificates(community_id)}
    plans = plan_all(assignments, held, now, quiet_for=quiet_for)
    for place, plan in plans.items():
        if plan.steps:
            _retire(ports, place, quiet_for, now)
    again_at = min((p.again_at for p in plans.values() if p.again_at is not None), default=now + AT_LEAST_EVERY)
    due = min(max(again_at, now + AT_MOST_EVERY), now + AT_LEAST_EVERY)
    with ports.store.write() as writer:
        writer.complete(row)
        writer.enqueue(_row(ports, community_id, due, now))


def plan_all(
    assignments: Iterable[Assignment], held: Held, now: datetime, *, quiet_for: timedelta | None
) -> Mapping[_Place, Plan]:
    """What ends in each agreement and at each listener; places where nothing is staged or retiring cost a look and no more."""
    by_place: dict[_Place, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        by_place[assignment.agreement_id, assignment.listener_id].append(assignment)
    return {
        place: rollover.decide_retirement(own, held, now, quiet_for=quiet_for)
        for place, own in by_place.items()
        if any(not a.produces for a in own)
    }


def _retire(ports: Ports, place: _Place, quiet_for: timedelta | None, now: datetime) -> None:
    with ports.store.write() as writer:
        assignments = _of(writer, place)
        if not assignments:
            return
        held = held_by(writer, assignments[0].community_id, (a.fingerprint for a in assignments))
        plan = rollover.decide_retirement(assignments, held, now, quiet_for=quiet_for)
        carry_out_plan(ports, writer, plan, assignments, now)
        for step in plan.steps:
            if isinstance(step, Retire):
                writer.record(_event(step, assignments, now))


def _of(writer: Writer, place: _Place) -> list[Assignment]:
    """Read under the lock of what they belong to, so that a message that is just being recorded is seen."""
    agreement_id, listener_id = place
    if agreement_id is None:
        return _live(writer, listener_id)
    writer.agreement(agreement_id)
    return writer.assignments(agreement_id=agreement_id)


def _live(reader: Reader, listener_id: ListenerId | None) -> list[Assignment]:
    return reader.assignments(listener_id=listener_id) if listener_id is not None else []


def _event(step: Retire, assignments: Sequence[Assignment], now: datetime) -> AuditEvent:
    ended = next(a for a in assignments if step.slot.holds(a) and a.fingerprint == step.fingerprint and a.accepts)
    place = step.slot.place
    return AuditEvent(
        at=now,
        actor="system",
        event="certificate.retired",
        subject=f"agreement:{place.agreement_id}" if place.agreement_id else f"listener:{place.listener_id}",
        community_id=place.community_id,
        facts={
            "certificate": step.fingerprint,
            "side": step.slot.side.value,
            "usage": step.slot.usage.value,
            "was": ended.state.value,
            "reason": step.reason.value,
            "last-seen": ended.last_seen_at.isoformat() if ended.last_seen_at else "never",
        },
    )


def _row(ports: Ports, community_id: CommunityId, due: datetime, now: datetime) -> Work:
    return Work(
        id=OutboxId(ports.entropy.new_id()),
        kind=WorkKind.RETIRE,
        key=f"retire:{community_id}:{ports.entropy.new_id()}",
        lane=f"retire:{community_id}",
        lane_limit=1,
        subject=community_id,
        facts={},
        due=due,
        created_at=now,
    )
