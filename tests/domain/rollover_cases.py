"""One relationship in the middle of a change, for the tests of rollover."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from counterseal.domain.agreement import Agreement, ExchangeTerms
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import CutoverRule
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.resolve import active
from counterseal.domain.rollover import Plan, carry_out, our_slots, plan_assign, plan_staging, their_slots
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.kernel.ids import Fingerprint
from tests.builders import NOW, a_certificate, a_held_certificate, an_agreement, an_exchange, an_id

OLD_ENDS = timedelta(days=60)
SIGN_AND_ENCRYPT = frozenset({Usage.SIGN, Usage.ENCRYPT})
_serials = itertools.count(1)


def a_held(side: Side = Side.OURS, **certificate: Any) -> HeldCertificate:
    return a_held_certificate(side=side, certificate=a_certificate(serial=next(_serials), **certificate))


@dataclass
class Scene:
    """What the store would hold: an agreement, its assignments, the certificates."""

    agreement: Agreement
    held: dict[Fingerprint, HeldCertificate] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)

    def hold(self, certificate: HeldCertificate) -> Fingerprint:
        self.held[certificate.fingerprint] = certificate
        return certificate.fingerprint

    def take(self, plan: Plan, now: datetime = NOW) -> "Scene":
        changed = {a.id: a for a in carry_out(plan.steps, self.assignments, now=now, new_id=an_id)}
        kept = [changed.pop(a.id, a) for a in self.assignments]
        self.assignments = [*kept, *changed.values()]
        return self

    def state(self, fingerprint: Fingerprint, side: Side, usage: Usage) -> AssignmentState | None:
        """Of the latest assignment in this slot; ``None`` when there never was one."""
        rows = [a for a in self.assignments if (a.fingerprint, a.side, a.usage) == (fingerprint, side, usage)]
        return rows[-1].state if rows else None

    def states(self, fingerprint: Fingerprint, side: Side, usages: Sequence[Usage]) -> list[AssignmentState | None]:
        return [self.state(fingerprint, side, u) for u in usages]

    def active(self, side: Side, usage: Usage) -> Fingerprint | None:
        found = active(self.assignments, side, usage)
        return found.fingerprint if found else None

    def exchange(self, fingerprint: Fingerprint, state: ExchangeState, **changes: Any) -> Any:
        return an_exchange(agreement_id=self.agreement.id, fingerprint=fingerprint, state=state, **changes)


def a_scene(
    cutover: CutoverRule | None = CutoverRule.ON_ACCEPTANCE,
    *,
    protocol: Protocol = Protocol.AS2,
    usages: frozenset[Usage] = SIGN_AND_ENCRYPT,
    self_healing: bool = True,
) -> tuple[Scene, Fingerprint, Fingerprint]:
    """A scene with one certificate of each side active since yesterday; ours, theirs."""
    scene = Scene(an_agreement(protocol=protocol, exchange=ExchangeTerms(cutover=cutover, self_healing=self_healing)))
    ours = scene.hold(a_held(expires_in=OLD_ENDS))
    theirs = scene.hold(a_held(Side.THEIRS, common_name="Bravo Bows", expires_in=OLD_ENDS))
    before = NOW - timedelta(hours=20)
    scene.take(plan_assign(our_slots(scene.agreement, usages), ours, [], scene.held, before), before)
    scene.take(plan_assign(their_slots(scene.agreement, usages), theirs, scene.assignments, scene.held, before), before)
    return scene, ours, theirs


def stage_new(
    scene: Scene, usages: frozenset[Usage] = SIGN_AND_ENCRYPT, now: datetime = NOW, **certificate: Any
) -> Fingerprint:
    """A new certificate of ours, staged as Finish does it."""
    new = scene.hold(a_held(**certificate))
    slots = our_slots(scene.agreement, usages)
    scene.take(plan_staging(slots, new, scene.assignments, exchange_id=None), now)
    return new
