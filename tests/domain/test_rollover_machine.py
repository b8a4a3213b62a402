"""Random histories of one relationship: whatever happens in whatever order, the seven rules of product.md section 3 hold.

The machine plays both worlds. It does what the engine does (gather, plan, carry out, apply to exchanges), and beside that it keeps
its own plain record of what happened: who was told, who answered what, which certificate each side was seen using, what a person
did. After each step the rules are checked against that record, not against the plans.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from counterseal.domain import exchange as exchanges_
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.exchange import Accepted, Exchange, ExchangeState, Received, Rejected, Sent, Withdrawn
from counterseal.domain.resolve import ROLES, Role, acceptors, producer
from counterseal.domain.rollover import (
    FailureSignal,
    Healed,
    Plan,
    decide_at_date,
    decide_healing,
    decide_on_acceptance,
    decide_on_delivery,
    decide_retirement,
    mark_seen,
    our_slots,
    plan_accept_theirs,
    plan_replace,
    plan_retirement,
    plan_revocation,
    plan_staging,
    switch_back,
    switch_now,
    their_slots,
)
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.kernel.conversation import allows
from counterseal.kernel.ids import Fingerprint
from tests.builders import NOW, an_exchange
from tests.domain.rollover_cases import SIGN_AND_ENCRYPT, Scene, a_held, a_scene

QUIET = timedelta(days=10)
OURS = [a_held(common_name=f"Alpha {i}", expires_in=timedelta(days=40 + 60 * i)) for i in range(5)]
THEIRS = [a_held(Side.THEIRS, common_name=f"Bravo {i}", expires_in=timedelta(days=40 + 60 * i)) for i in range(5)]
DEFAULTS = [a_held(common_name=f"Alpha default {i}", expires_in=timedelta(days=60 + 80 * i)) for i in range(5)]
ENDED = {AssignmentState.RETIRED, AssignmentState.REVOKED}


@dataclass
class Asked:
    exchange: Exchange
    respond_by: datetime


@dataclass(frozen=True)
class Message:
    """One that we sent: with which certificates, when."""

    sent_at: datetime
    signer: Fingerprint | None
    recipient: Fingerprint | None


class Rollover(RuleBasedStateMachine):
    """Over AS2, told by CEM; a Replace now and then, as if SCX could do it there."""

    protocol = Protocol.AS2
    usages = SIGN_AND_ENCRYPT
    began_with = SIGN_AND_ENCRYPT
    """Usages in which each side has an active certificate from the beginning."""
    sign, encrypt = Usage.SIGN, Usage.ENCRYPT
    types: tuple[SCXType | None, ...] = (None, None, None, SCXType.REPLACE)

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.scene: Scene
        self.asked: list[Asked] = []
        self.offered: list[Fingerprint] = []
        self.sent: list[Message] = []
        self.by_hand: set[Fingerprint] = set()
        """Certificates that a person switched to or back to."""
        self.healed: list[tuple[Usage, Fingerprint, datetime | None]] = []
        self.accepted_theirs: list[Fingerprint] = []
        self.barred: set[tuple[Fingerprint, Side, Usage]] = set()
        """Replaced or revoked: never produces again in that usage unless it is accepted anew."""
        self.before: dict[str, Assignment] = {}
        self.allowed_ends: set[tuple[Fingerprint, Side]] = set()
        """Ends of this step by a person or a Replace."""

    @initialize(rule=st.sampled_from([None, *CutoverRule]))
    def start(self, rule: CutoverRule | None) -> None:
        self.scene, self.first_ours, self.first_theirs = a_scene(rule, protocol=self.protocol, usages=self.began_with)
        self.rule = rule or CutoverRule.ON_ACCEPTANCE
        for one in (*OURS, *THEIRS, *DEFAULTS):
            self.scene.hold(one)
        self._remember()

    def _remember(self) -> None:
        self.before = {a.id: a for a in self.scene.assignments}
        self.allowed_ends = set()

    def _take(self, plan: Plan) -> None:
        self._remember()
        self.scene.take(plan, self.now)

    @property
    def slots(self) -> Any:
        return our_slots(self.scene.agreement, self.usages)

    def _world(self) -> tuple[list[Assignment], Any, datetime]:
        return self.scene.assignments, self.scene.held, self.now

    # time and ours

    @rule(hours=st.integers(1, 24 * 3))
    def time_passes(self, hours: int) -> None:
        self._remember()
        self.now += timedelta(hours=hours)

    @rule(days=st.integers(8, 80))
    def a_long_time_passes(self, days: int) -> None:
        self._remember()
        self.now += timedelta(days=days)

    @precondition(lambda self: len(self.asked) < len(OURS))
    @rule(days=st.integers(1, 20), pick=st.integers(0, 3), reached=st.booleans())
    def finish(self, days: int, pick: int, reached: bool) -> None:
        kind = self.types[pick]
        new = OURS[len(self.asked)].fingerprint
        made = an_exchange(
            agreement_id=self.scene.agreement.id,
            fingerprint=new,
            channel=Channel.SCX if kind is not None else Channel.CEM,
            scx_type=kind,
            queued_at=self.now,
        )
        self._take(plan_staging(self.slots, new, self.scene.assignments, exchange_id=made.id))
        if reached:
            made = exchanges_.apply(made, Sent(), self.now)
        self.asked.append(Asked(made, self.now + timedelta(days=days)))

    def _hears(self, index: int, heard: Any) -> Asked | None:
        """One of the exchanges whose table allows the event hears it."""
        able = [a for a in self.asked if allows(exchanges_.TRANSITIONS, a.exchange.state, type(heard))]
        if not able:
            return None
        one = able[index % len(able)]
        one.exchange = exchanges_.apply(one.exchange, heard, self.now)
        return one

    @rule(index=st.integers(0, 4), heard=st.sampled_from([Sent(), Received(), Rejected(reason="no"), Withdrawn()]))
    def the_exchange_moves_without_a_yes(self, index: int, heard: Any) -> None:
        self._remember()
        self._hears(index, heard)
        assert {a.id: a for a in self.scene.assignments} == self.before, "rule 3: a rejection never changes anything"

    @rule(index=st.integers(0, 4))
    def they_accept(self, index: int) -> None:
        one = self._hears(index, Accepted())
        if one is not None:
            plan = decide_on_acceptance(one.exchange, self.scene.agreement, self.usages, *self._world())
            self._take_ours(plan, one)

    @precondition(lambda self: self.asked)
    @rule(index=st.integers(0, 4), wait=st.booleans())
    def the_date_is_looked_at(self, index: int, wait: bool) -> None:
        one = self.asked[index % len(self.asked)]
        if wait:
            self.now = max(self.now, one.respond_by + timedelta(seconds=1))
        plan = decide_at_date(one.exchange, self.scene.agreement, self.usages, one.respond_by, *self._world())
        self._take_ours(plan, one)

    def _take_ours(self, plan: Plan, one: Asked) -> None:
        replaced = [
            (a.fingerprint, a.side, a.usage)
            for a in self.scene.assignments
            if a.side is Side.OURS
            and a.fingerprint != one.exchange.fingerprint
            and a.state in {AssignmentState.ACTIVE, AssignmentState.RETIRING}
        ]
        self._take(plan)
        if one.exchange.scx_type is SCXType.REPLACE:
            gone = [r for r in replaced if self.scene.state(*r) in ENDED]
            self.barred.update(gone)
            self.allowed_ends.update((f, s) for f, s, _ in gone)

    # theirs

    @rule(index=st.integers(0, 4), anew=st.booleans(), replace=st.sampled_from([False, False, True]))
    def we_accept(self, index: int, anew: bool, replace: bool) -> None:
        """A certificate that they offer just now, or once more one that they offered before."""
        if anew and len(self.offered) < len(THEIRS):
            self.offered.append(THEIRS[len(self.offered)].fingerprint)
        if not self.offered:
            return
        new = self.offered[-1] if anew else self.offered[index % len(self.offered)]
        if self.now > self.scene.held[new].certificate.not_after:
            return
        verified = acceptors(self.scene.assignments, Side.THEIRS, self.sign)
        known = new in verified
        current = self.scene.active(Side.THEIRS, self.encrypt)
        if replace and current is not None and current != new and not known:
            plan = plan_replace(self.scene.agreement, new, self.usages, [current], *self._world())
            self._take(plan)
            self.barred.update((current, Side.THEIRS, u) for u in self.usages)
            self.allowed_ends.add((current, Side.THEIRS))
            verified = tuple(f for f in verified if f != current)
        else:
            self._take(plan_accept_theirs(self.scene.agreement, new, self.usages, *self._world()))
        self.barred -= {(new, Side.THEIRS, u) for u in self.usages}
        self.accepted_theirs.append(new)
        after = acceptors(self.scene.assignments, Side.THEIRS, self.sign)
        assert {*verified, new} <= set(after), "rule 4: we verify with old and new"
        if not known:
            assert producer(self.scene.assignments, Side.THEIRS, self.encrypt) == new, (
                "rule 4: we encrypt to the new one"
            )

    # traffic

    @rule(signed=st.booleans(), pick=st.integers(0, 9))
    def they_send(self, signed: bool, pick: int) -> None:
        """Their message verifies, or opens, with one of the accepted certificates: evidence."""
        usage, side = (self.sign, Side.THEIRS) if signed else (self.encrypt, Side.OURS)
        usable = acceptors(self.scene.assignments, side, usage)
        self._remember()
        if not usable:
            return
        used = usable[pick % len(usable)]
        self.scene.assignments = [
            mark_seen(a, self.now) if (a.fingerprint, a.side, a.usage) == (used, side, usage) and a.accepts else a
            for a in self.scene.assignments
        ]
        row = next(
            a for a in self.scene.assignments if (a.fingerprint, a.side, a.usage) == (used, side, usage) and a.accepts
        )
        assert row.last_seen_at == self.now, "rule 6: what arrives records which certificate it used"
        self.before = {a.id: a for a in self.scene.assignments}

    @rule()
    def we_send(self) -> None:
        self._remember()
        signer = producer(self.scene.assignments, Side.OURS, self.sign)
        recipient = producer(self.scene.assignments, Side.THEIRS, self.encrypt)
        self.sent.append(Message(self.now, signer, recipient))

    @precondition(lambda self: self.sent)
    @rule(
        back=st.integers(1, 3),
        signature=st.booleans(),
        honest=st.sampled_from([True, True, False]),
        fresh=st.booleans(),
    )
    def they_cannot_read_it(self, back: int, signature: bool, honest: bool, fresh: bool) -> None:
        """They say so of a message that we sent just now, or of an older one."""
        if fresh:
            self.we_send()
        message = self.sent[-1 if fresh else -min(back, len(self.sent))]
        usage, side = (self.sign, Side.OURS) if signature else (self.encrypt, Side.THEIRS)
        present = next((a for a in self.scene.assignments if a.produces and (a.side, a.usage) == (side, usage)), None)
        signal = FailureSignal(
            usage=usage,
            sent_at=message.sent_at,
            used=message.signer if signature else message.recipient,
            authenticated=honest,
            can_authenticate=True,
        )
        decision = decide_healing(signal, self.scene.agreement, *self._world())
        if not isinstance(decision, Healed):
            self._remember()
            return
        assert honest, "rule 7: nobody outside may force an old key back"
        assert present is not None
        assert present.activated_at is not None
        assert message.sent_at >= present.activated_at, "rule 7: only of messages sent after the change"
        assert present.fingerprint in {message.signer, message.recipient}, "rule 7: only of messages made with it"
        change = (usage, present.fingerprint, present.activated_at)
        assert change not in self.healed, "rule 7: never more than once per change"
        event("changed back by itself")
        self.healed.append(change)
        assert (decision.restored, side, usage) not in self.barred, "rule 7: never back to a replaced or revoked one"
        assert self.now <= self.scene.held[decision.restored].certificate.not_after, (
            "rule 7: never back to an expired one"
        )
        self._take(decision.plan)
        self.by_hand.add(decision.restored)

    # people and time

    @rule(index=st.integers(0, 5))
    def a_person_switches_now(self, index: int) -> None:
        new = [self.first_ours, *(o.fingerprint for o in OURS)][index]
        plan = switch_now(self.slots, new, *self._world())
        self._take(plan)
        if plan.steps:
            self.by_hand.add(new)

    @rule(side=st.sampled_from(Side))
    def a_person_switches_back(self, side: Side) -> None:
        slots = self.slots if side is Side.OURS else their_slots(self.scene.agreement, self.usages)
        current = self.scene.active(side, self.sign)
        if current is None:
            return
        plan = switch_back(slots, current, *self._world())
        self._take(plan)
        for slot in slots:
            now_active = self.scene.active(side, slot.usage)
            if plan.steps and now_active is not None and now_active != current:
                assert (now_active, side, slot.usage) not in self.barred
                assert self.now <= self.scene.held[now_active].certificate.not_after
                self.by_hand.add(now_active)

    @rule(side=st.sampled_from(Side), revoke=st.booleans(), pick=st.integers(0, 9))
    def a_person_ends_a_retiring_one(self, side: Side, revoke: bool, pick: int) -> None:
        rows = [a for a in self.scene.assignments if a.side is side and a.state is AssignmentState.RETIRING]
        if not rows:
            return
        target = rows[pick % len(rows)].fingerprint
        rows = [a for a in rows if a.fingerprint == target]
        plan = plan_revocation(rows) if revoke else plan_retirement(rows)
        self._take(plan)
        self.allowed_ends.add((target, side))
        if revoke:
            self.barred.update((a.fingerprint, a.side, a.usage) for a in rows)

    @rule(by_silence=st.booleans())
    def the_clock_retires(self, by_silence: bool) -> None:
        self._take(
            decide_retirement(
                self.scene.assignments, self.scene.held, self.now, quiet_for=QUIET if by_silence else None
            )
        )
        for a in self.scene.assignments:
            was = self.before[a.id]
            if a.state is AssignmentState.RETIRED and was.state is not AssignmentState.RETIRED:
                event("retired by the clock")
                expired = self.now > self.scene.held[a.fingerprint].certificate.not_after
                quiet = by_silence and self.now - (was.last_seen_at or was.since) >= QUIET
                assert expired or quiet, "rule 5: nothing is retired while it is still seen"
                assert was.state is not AssignmentState.ACTIVE, "traffic never stops by a clock"
                self.allowed_ends.add((a.fingerprint, a.side))

    # the rules, after each step

    @invariant()
    def at_most_one_is_active_and_live_only_once(self) -> None:
        """Rule 1."""
        if not hasattr(self, "scene"):
            return
        for side in Side:
            for usage in self.usages:
                rows = [a for a in self.scene.assignments if (a.side, a.usage) == (side, usage)]
                active = [a for a in rows if a.state is AssignmentState.ACTIVE]
                assert len(active) <= 1
                live = [a.fingerprint for a in rows if a.accepts]
                assert len(live) == len(set(live))
                chosen = producer(self.scene.assignments, side, usage)
                expected = active[0].fingerprint if active and ROLES[usage, side] is Role.PRODUCE else None
                assert chosen == expected

    @invariant()
    def whoever_was_told_can_be_decrypted(self) -> None:
        """Rule 2: until the key expired, was replaced or ended by a person."""
        if not hasattr(self, "scene"):
            return
        opening = acceptors(self.scene.assignments, Side.OURS, self.encrypt)
        for one in self.asked:
            new = one.exchange.fingerprint
            ended = any(
                a.fingerprint == new and a.side is Side.OURS and a.usage is self.encrypt and a.state in ENDED
                for a in self.scene.assignments
            )
            assert new in opening or ended

    @invariant()
    def our_signature_changed_only_by_consent_date_or_hand(self) -> None:
        """Rule 3."""
        if not hasattr(self, "scene"):
            return
        signer = producer(self.scene.assignments, Side.OURS, self.sign)
        was = next(
            (a for a in self.before.values() if (a.side, a.usage) == (Side.OURS, self.sign) and a.produces), None
        )
        if signer is None or was is None or signer == was.fingerprint or signer in self.by_hand:
            return
        one = next(a for a in self.asked if a.exchange.fingerprint == signer)
        replaces = one.exchange.scx_type is SCXType.REPLACE
        if one.exchange.state is ExchangeState.ACCEPTED:
            assert self.rule is not CutoverRule.MANUAL or replaces
        else:
            event("changed at the date")
            assert self.rule is CutoverRule.ON_ACCEPTANCE_OR_DATE
            assert self.now > one.respond_by
            assert one.exchange.state in {ExchangeState.SENT, ExchangeState.RECEIVED}

    @invariant()
    def only_policy_a_person_or_a_replace_ends_a_use(self) -> None:
        """Rule 5; what ended never lives again as the same assignment. The clock's ends are judged in its own rule."""
        if not hasattr(self, "scene"):
            return
        for a in self.scene.assignments:
            was = self.before.get(a.id)
            if was is None or was.state == a.state:
                continue
            assert was.state not in ENDED or a.state is AssignmentState.REVOKED
            assert a.state not in ENDED or (a.fingerprint, a.side) in self.allowed_ends

    @invariant()
    def what_is_replaced_or_revoked_never_produces(self) -> None:
        """Rule 7."""
        if not hasattr(self, "scene"):
            return
        for side in Side:
            for usage in self.usages:
                current = self.scene.active(side, usage)
                assert current is None or (current, side, usage) not in self.barred


class RolloverOverOFTP2(Rollover):
    """The same rules for the usages of OFTP2, told by Request, Deliver and Replace; and certificates that a Request of theirs
    brought them, which are in no trust request of ours."""

    protocol = Protocol.OFTP2
    usages = frozenset({Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN, Usage.SESSION_AUTH, Usage.TLS_CLIENT})
    began_with = usages - {Usage.RECEIPT_SIGN, Usage.SESSION_AUTH}
    sign, encrypt = Usage.FILE_SIGN, Usage.FILE_ENCRYPT
    types = (SCXType.DELIVER, SCXType.DELIVER, SCXType.REQUEST, SCXType.REPLACE)

    @rule(index=st.integers(0, 4), usage=st.sampled_from(sorted(usages)))
    def they_accept_what_their_request_brought(self, index: int, usage: Usage) -> None:
        """Staged before they are told; in use where nothing was, and nowhere else."""
        default = DEFAULTS[index].fingerprint
        slots = our_slots(self.scene.agreement, {usage})
        present = {u: self.scene.active(Side.OURS, u) for u in self.usages}
        self._take(plan_staging(slots, default, self.scene.assignments, exchange_id=None))
        self._take(decide_on_delivery(self.scene.agreement, default, *self._world()))
        for other, before in present.items():
            after = self.scene.active(Side.OURS, other)
            assert after == before or (before is None and after == default)
            if after != before and ROLES[other, Side.OURS] is Role.PRODUCE:
                assert self.rule is not CutoverRule.MANUAL, "rule 3: by hand means by hand"
                event("a default went into use")
        self.by_hand.add(default)


Rollover.TestCase.settings = RolloverOverOFTP2.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRollover = Rollover.TestCase
TestRolloverOverOFTP2 = RolloverOverOFTP2.TestCase
