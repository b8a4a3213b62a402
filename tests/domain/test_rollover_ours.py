"""Our own certificate: staged before anybody is told, changed over per partner by rule (product.md section 3, rules 1 to 3)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.resolve import acceptors, producer
from counterseal.domain.rollover import (
    Place,
    Plan,
    carry_out,
    decide_at_date,
    decide_listener_cutover,
    decide_on_acceptance,
    hint_of_use,
    in_use_since,
    listener_slot,
    mark_seen,
    our_slots,
    plan_assign,
    plan_staging,
    switch_back,
)
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.kernel.ids import CommunityId, Fingerprint, ListenerId
from tests.builders import NOW, an_agreement, an_id
from tests.domain.rollover_cases import SIGN_AND_ENCRYPT, Scene, a_held, a_scene, stage_new

STAGED, ACTIVE, RETIRING, RETIRED = (
    AssignmentState.STAGED,
    AssignmentState.ACTIVE,
    AssignmentState.RETIRING,
    AssignmentState.RETIRED,
)
BOTH = [Usage.SIGN, Usage.ENCRYPT]
RESPOND_BY = NOW + timedelta(days=14)
LATE = RESPOND_BY + timedelta(seconds=1)


def accepted(scene: Scene, new: Fingerprint, now: datetime = NOW, **changes: Any) -> Plan:
    exchange = scene.exchange(new, ExchangeState.ACCEPTED, **changes)
    return decide_on_acceptance(exchange, scene.agreement, SIGN_AND_ENCRYPT, scene.assignments, scene.held, now)


def at_date(scene: Scene, new: Fingerprint, state: Any, now: datetime = LATE, **changes: Any) -> Plan:
    exchange = scene.exchange(new, state, **changes)
    return decide_at_date(exchange, scene.agreement, SIGN_AND_ENCRYPT, RESPOND_BY, scene.assignments, scene.held, now)


def test_finish_stages_everything_and_produces_nothing_new() -> None:
    """CEM-38: the initiator decrypts with old and new from the request's making on."""
    scene, old, _ = a_scene()
    new = stage_new(scene)
    assert scene.states(new, Side.OURS, BOTH) == [STAGED, STAGED]
    assert producer(scene.assignments, Side.OURS, Usage.SIGN) == old
    assert acceptors(scene.assignments, Side.OURS, Usage.ENCRYPT) == (old, new)


def test_staging_again_adds_nothing() -> None:
    scene, old, _ = a_scene()
    new = stage_new(scene)
    slots = our_slots(scene.agreement, SIGN_AND_ENCRYPT)
    assert plan_staging(slots, new, scene.assignments, exchange_id=None).steps == ()
    assert plan_staging(slots, old, scene.assignments, exchange_id=None).steps == ()


@pytest.mark.parametrize("protocol", Protocol)
def test_our_slots_are_those_of_the_protocol_without_the_listeners(protocol: Protocol) -> None:
    usages = {s.usage for s in our_slots(an_agreement(protocol=protocol), frozenset(Usage))}
    expected = {
        Protocol.AS2: {Usage.SIGN, Usage.ENCRYPT, Usage.TLS_CLIENT},
        Protocol.OFTP2: {Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN, Usage.SESSION_AUTH, Usage.TLS_CLIENT},
    }
    assert usages == expected[protocol]


@pytest.mark.parametrize(
    ("rule", "sign"),
    [
        (None, ACTIVE),
        (CutoverRule.ON_ACCEPTANCE, ACTIVE),
        (CutoverRule.ON_ACCEPTANCE_OR_DATE, ACTIVE),
        (CutoverRule.MANUAL, STAGED),
    ],
)
def test_acceptance_changes_signing_by_rule_and_encryption_always(
    rule: CutoverRule | None, sign: AssignmentState
) -> None:
    """CEM-40, and SCX-34 by the same function."""
    scene, old, _ = a_scene(rule)
    new = stage_new(scene)
    scene.take(accepted(scene, new))
    assert scene.states(new, Side.OURS, BOTH) == [sign, ACTIVE]
    assert scene.states(old, Side.OURS, BOTH) == [RETIRING if sign is ACTIVE else ACTIVE, RETIRING]
    assert set(acceptors(scene.assignments, Side.OURS, Usage.ENCRYPT)) == {old, new}


@pytest.mark.parametrize("state", [s for s in ExchangeState if s is not ExchangeState.ACCEPTED])
def test_nothing_but_an_acceptance_is_an_acceptance(state: Any) -> None:
    scene, _, _ = a_scene()
    new = stage_new(scene)
    exchange = scene.exchange(new, state)
    assert (
        decide_on_acceptance(exchange, scene.agreement, SIGN_AND_ENCRYPT, scene.assignments, scene.held, NOW).steps
        == ()
    )


def test_acceptance_twice_changes_nothing_more() -> None:
    scene, _, _ = a_scene()
    new = stage_new(scene)
    scene.take(accepted(scene, new))
    assert accepted(scene, new).steps == ()


@pytest.mark.parametrize(
    ("rule", "state", "switches"),
    [
        (
            rule,
            state,
            rule is CutoverRule.ON_ACCEPTANCE_OR_DATE and state in {ExchangeState.SENT, ExchangeState.RECEIVED},
        )
        for rule in CutoverRule
        for state in ExchangeState
        if state is not ExchangeState.ACCEPTED
    ],
)
def test_the_date_switches_signing_only_by_rule_and_only_for_the_silent(
    rule: CutoverRule | None, state: Any, switches: bool
) -> None:
    """Rule 3; CEM-40, CEM-42: never after a rejection, never for one that was not reached."""
    scene, old, _ = a_scene(rule)
    new = stage_new(scene)
    scene.take(at_date(scene, new, state), LATE)
    assert producer(scene.assignments, Side.OURS, Usage.SIGN) == (new if switches else old)
    assert scene.state(new, Side.OURS, Usage.ENCRYPT) is STAGED


@pytest.mark.parametrize("state", [ExchangeState.QUEUED, ExchangeState.FAILED])
def test_a_partner_that_was_never_told_is_reported_at_the_date(state: Any) -> None:
    scene, _, _ = a_scene(CutoverRule.ON_ACCEPTANCE_OR_DATE)
    plan = at_date(scene, stage_new(scene), state)
    assert [f.code for f in plan.findings] == ["rollover.never-told"]


def test_before_the_date_nothing_happens_and_the_date_is_named() -> None:
    scene, _, _ = a_scene(CutoverRule.ON_ACCEPTANCE_OR_DATE)
    plan = at_date(scene, stage_new(scene), ExchangeState.SENT, now=RESPOND_BY)
    assert (plan.steps, plan.again_at) == ((), RESPOND_BY)


def test_a_certificate_that_begins_later_waits_for_its_validity() -> None:
    scene, _old, _ = a_scene()
    new = stage_new(scene, starts_in=timedelta(days=3))
    plan = accepted(scene, new)
    assert (plan.steps, plan.again_at) == ((), NOW + timedelta(days=3))
    scene.take(accepted(scene, new, now=NOW + timedelta(days=3)), NOW + timedelta(days=3))
    assert producer(scene.assignments, Side.OURS, Usage.SIGN) == new


def test_an_expired_certificate_never_becomes_active() -> None:
    scene, _old, _ = a_scene()
    new = stage_new(scene, expires_in=timedelta(days=1))
    plan = accepted(scene, new, now=NOW + timedelta(days=2))
    assert plan.steps == ()
    assert {f.code for f in plan.findings} == {"rollover.expired"}


def test_a_late_acceptance_of_an_older_certificate_does_not_go_backwards() -> None:
    scene, _, _ = a_scene()
    second = stage_new(scene)
    third = stage_new(scene, now=NOW + timedelta(hours=1))
    scene.take(accepted(scene, third), NOW + timedelta(hours=2))
    plan = accepted(scene, second, now=NOW + timedelta(hours=3))
    assert plan.steps == ()
    assert {f.code for f in plan.findings} == {"rollover.overtaken"}
    assert scene.active(Side.OURS, Usage.SIGN) == third


def test_after_a_switch_back_neither_an_answer_nor_the_date_switches_again() -> None:
    scene, old, _ = a_scene(CutoverRule.ON_ACCEPTANCE_OR_DATE)
    new = stage_new(scene)
    scene.take(at_date(scene, new, ExchangeState.SENT), LATE)
    later = LATE + timedelta(hours=1)
    slots = our_slots(scene.agreement, SIGN_AND_ENCRYPT)
    scene.take(switch_back(slots, new, scene.assignments, scene.held, later), later)
    assert scene.active(Side.OURS, Usage.SIGN) == old
    for plan in (at_date(scene, new, ExchangeState.SENT, now=later), accepted(scene, new, now=later)):
        assert "rollover.changed-back" in {f.code for f in plan.findings}
        scene.take(plan, later)
        assert scene.active(Side.OURS, Usage.SIGN) == old


def test_our_accepted_replace_takes_the_old_out_of_service_under_every_rule() -> None:
    """The partner no longer knows the old one after its EERP (product.md section 2, Replace)."""
    scene, old, _ = a_scene(CutoverRule.MANUAL)
    new = stage_new(scene)
    scene.take(accepted(scene, new, channel=Channel.SCX, scx_type=SCXType.REPLACE))
    assert scene.states(new, Side.OURS, BOTH) == [ACTIVE, ACTIVE]
    assert scene.states(old, Side.OURS, BOTH) == [RETIRED, RETIRED]
    assert switch_back(our_slots(scene.agreement, SIGN_AND_ENCRYPT), new, scene.assignments, scene.held, NOW).refused


def test_our_deliver_and_request_keep_the_old_working() -> None:
    for scx_type in (SCXType.DELIVER, SCXType.REQUEST):
        scene, old, _ = a_scene()
        new = stage_new(scene)
        scene.take(accepted(scene, new, channel=Channel.SCX, scx_type=scx_type))
        assert scene.states(old, Side.OURS, BOTH) == [RETIRING, RETIRING]


def test_a_replace_that_begins_later_keeps_the_old_until_then() -> None:
    scene, old, _ = a_scene()
    new = stage_new(scene, starts_in=timedelta(days=3))
    scene.take(accepted(scene, new, channel=Channel.SCX, scx_type=SCXType.REPLACE))
    assert scene.states(old, Side.OURS, BOTH) == [ACTIVE, ACTIVE]


LISTENER = Place(community_id=CommunityId("c"), listener_id=ListenerId("l"))
A, N, S, W, F = (
    ExchangeState.ACCEPTED,
    ExchangeState.REJECTED,
    ExchangeState.SENT,
    ExchangeState.WITHDRAWN,
    ExchangeState.FAILED,
)


@pytest.mark.parametrize(
    ("states", "now", "switches"),
    [
        ([A, A], NOW, True),
        ([A, W], NOW, True),
        ([A, S], NOW, False),
        ([A, S], LATE, True),
        ([S, S], LATE, True),
        ([A, F], LATE, True),
        ([A, N], NOW, False),
        ([A, N], LATE, False),
        ([W, W], LATE, False),
        ([], LATE, False),
        ([A, S], RESPOND_BY, False),
    ],
)
def test_a_listener_changes_when_all_accepted_or_at_the_date_without_a_rejection(
    states: Sequence[Any], now: datetime, switches: bool
) -> None:
    """CEM-42; section 3, rule 3."""
    scene = Scene(an_agreement())
    old, new = scene.hold(a_held()), scene.hold(a_held())
    slot = listener_slot(LISTENER)
    scene.take(plan_assign([slot], old, [], scene.held, NOW - timedelta(hours=1)), NOW - timedelta(hours=1))
    scene.take(plan_staging([slot], new, scene.assignments, exchange_id=None))
    exchanges = [scene.exchange(new, s) for s in states]
    plan = decide_listener_cutover(LISTENER, new, exchanges, RESPOND_BY, scene.assignments, scene.held, now)
    scene.take(plan, now)
    assert producer(scene.assignments, Side.OURS, Usage.TLS_SERVER) == (new if switches else old)


def test_in_use_is_the_change_where_we_produce_and_traffic_where_we_only_accept() -> None:
    scene, _, _ = a_scene(CutoverRule.MANUAL)
    new = stage_new(scene)
    assert in_use_since(scene.assignments, new) is None
    scene.take(accepted(scene, new))
    assert in_use_since(scene.assignments, new) is None, "the active mark for decryption is not yet traffic"
    seen_at = NOW + timedelta(hours=2)
    scene.assignments = [
        mark_seen(a, seen_at) if (a.fingerprint, a.usage) == (new, Usage.ENCRYPT) else a for a in scene.assignments
    ]
    assert in_use_since(scene.assignments, new) == seen_at
    signing, _old, _ = a_scene()
    new = stage_new(signing)
    signing.take(accepted(signing, new))
    assert in_use_since(signing.assignments, new) == NOW


def test_use_without_an_answer_is_a_hint_and_no_answer() -> None:
    scene, _, _ = a_scene()
    new = stage_new(scene)
    silent = scene.exchange(new, ExchangeState.SENT)
    assert hint_of_use(silent, scene.assignments) is None
    scene.assignments = [mark_seen(a, NOW) if a.fingerprint == new else a for a in scene.assignments]
    finding = hint_of_use(silent, scene.assignments)
    assert finding is not None
    assert finding.code == "rollover.used-unanswered"
    assert hint_of_use(replace(silent, state=ExchangeState.ACCEPTED), scene.assignments) is None


def test_seen_times_only_grow() -> None:
    scene, _old, _ = a_scene()
    row = mark_seen(mark_seen(scene.assignments[0], NOW), NOW - timedelta(hours=1))
    assert (row.first_seen_at, row.last_seen_at) == (NOW - timedelta(hours=1), NOW)


def test_changed_rows_come_with_the_active_one_last() -> None:
    scene, _, _ = a_scene()
    new = stage_new(scene)
    changed = carry_out(accepted(scene, new).steps, scene.assignments, now=NOW, new_id=an_id)
    produces = [a.produces for a in changed]
    assert produces == sorted(produces)
    assert True in produces
