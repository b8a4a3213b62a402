"""Their certificate: current from our acceptance on, the old one still accepted, or replaced (section 3, rules 4 and 5)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from counterseal.domain.assignment import Retired, apply
from counterseal.domain.resolve import acceptors, producer
from counterseal.domain.rollover import (
    LATE_TRAFFIC,
    Place,
    Plan,
    PlanOutOfDate,
    Retire,
    RetirementReason,
    carry_out,
    decide_retirement,
    mark_seen,
    our_slots,
    plan_accept_theirs,
    plan_assign,
    plan_replace,
    plan_retirement,
    plan_revocation,
    switch_back,
    switch_now,
    their_slots,
)
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.ids import AgreementId, CommunityId, Fingerprint, ListenerId
from tests.builders import NOW, an_id
from tests.domain.rollover_cases import OLD_ENDS, SIGN_AND_ENCRYPT, Scene, a_held, a_scene, stage_new

STAGED, ACTIVE, RETIRING, RETIRED, REVOKED = AssignmentState
BOTH = [Usage.SIGN, Usage.ENCRYPT]
QUIET = timedelta(days=14)


def a_new_one_of_theirs(scene: Scene, **certificate: Any) -> Fingerprint:
    return scene.hold(a_held(Side.THEIRS, **({"common_name": "Bravo Bows"} | certificate)))


def accept(scene: Scene, new: Fingerprint, usages: frozenset[Usage] = SIGN_AND_ENCRYPT, now: datetime = NOW) -> Plan:
    return plan_accept_theirs(scene.agreement, new, usages, scene.assignments, scene.held, now)


def test_from_our_acceptance_on_we_encrypt_to_the_new_and_verify_old_and_new() -> None:
    """CEM-39, CEM-41, CEM-42, SCX-26."""
    scene, _, old = a_scene()
    new = a_new_one_of_theirs(scene)
    scene.take(accept(scene, new))
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == new
    assert acceptors(scene.assignments, Side.THEIRS, Usage.SIGN) == (new, old)
    assert scene.states(old, Side.THEIRS, BOTH) == [RETIRING, RETIRING]


def test_usages_accumulate_and_a_narrower_acceptance_takes_nothing_away() -> None:
    """CEM-44."""
    scene, _, old = a_scene()
    new = a_new_one_of_theirs(scene)
    scene.take(accept(scene, new, frozenset({Usage.SIGN})))
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == old
    scene.take(accept(scene, new, frozenset({Usage.ENCRYPT})))
    assert scene.states(new, Side.THEIRS, BOTH) == [ACTIVE, ACTIVE]
    assert accept(scene, new, frozenset({Usage.SIGN})).steps == ()


def test_accepting_again_what_is_in_use_or_retiring_changes_nothing() -> None:
    """CEM-43, SCX-33."""
    scene, _, old = a_scene()
    assert accept(scene, old).steps == ()
    scene.take(accept(scene, a_new_one_of_theirs(scene)))
    assert accept(scene, old).steps == ()


def test_one_that_begins_later_is_accepted_and_used_only_then() -> None:
    scene, _, old = a_scene()
    begins = NOW + timedelta(days=2)
    new = a_new_one_of_theirs(scene, starts_in=timedelta(days=2))
    plan = accept(scene, new)
    assert plan.again_at == begins
    scene.take(plan)
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == old
    assert new in acceptors(scene.assignments, Side.THEIRS, Usage.SIGN)
    scene.take(accept(scene, new, now=begins), begins)
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == new


def test_a_first_certificate_of_theirs_becomes_current() -> None:
    scene, _, old = a_scene()
    scene.assignments = []
    scene.take(accept(scene, old))
    assert scene.states(old, Side.THEIRS, BOTH) == [ACTIVE, ACTIVE]


def test_a_replace_ends_the_matching_one_in_this_agreement_at_once() -> None:
    """SCX-27, SCX-28."""
    scene, _, old = a_scene()
    new = a_new_one_of_theirs(scene)
    scene.take(plan_replace(scene.agreement, new, SIGN_AND_ENCRYPT, [old], scene.assignments, scene.held, NOW))
    assert acceptors(scene.assignments, Side.THEIRS, Usage.SIGN) == (new,)
    assert scene.states(old, Side.THEIRS, BOTH) == [RETIRED, RETIRED]
    assert old in scene.held, "it stays held, so that old signatures can still be checked"


def test_a_replace_leaves_what_it_does_not_match() -> None:
    scene, _, first = a_scene()
    second = a_new_one_of_theirs(scene)
    scene.take(accept(scene, second))
    third = a_new_one_of_theirs(scene)
    scene.take(plan_replace(scene.agreement, third, SIGN_AND_ENCRYPT, [second], scene.assignments, scene.held, NOW))
    assert acceptors(scene.assignments, Side.THEIRS, Usage.SIGN) == (third, first)


def test_a_replace_for_fewer_usages_stops_nothing_and_says_what_is_left() -> None:
    scene, _, old = a_scene()
    new = a_new_one_of_theirs(scene)
    plan = plan_replace(scene.agreement, new, {Usage.SIGN}, [old], scene.assignments, scene.held, NOW)
    scene.take(plan)
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == old
    assert scene.state(old, Side.THEIRS, Usage.SIGN) is RETIRED
    assert [f.code for f in plan.findings] == ["rollover.replaced-still-needed"]


def test_a_replace_that_begins_later_ends_nothing_before() -> None:
    scene, _, old = a_scene()
    new = a_new_one_of_theirs(scene, starts_in=timedelta(days=2))
    plan = plan_replace(scene.agreement, new, SIGN_AND_ENCRYPT, [old], scene.assignments, scene.held, NOW)
    scene.take(plan)
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == old


# retirement, rule 5


def a_changed_scene() -> tuple[Scene, Fingerprint, Fingerprint]:
    scene, _, old = a_scene()
    new = a_new_one_of_theirs(scene)
    scene.take(accept(scene, new))
    return scene, old, new


def see(scene: Scene, fingerprint: Fingerprint, at: datetime) -> None:
    scene.assignments = [
        mark_seen(a, at) if a.fingerprint == fingerprint and a.accepts else a for a in scene.assignments
    ]


def retire(scene: Scene, now: datetime, quiet_for: timedelta | None = QUIET) -> Plan:
    return decide_retirement(scene.assignments, scene.held, now, quiet_for=quiet_for)


def test_silence_alone_retires_nothing_while_the_new_one_was_never_seen() -> None:
    scene, _, _ = a_changed_scene()
    assert retire(scene, NOW + timedelta(days=50)).steps == ()


def test_the_old_one_retires_after_a_quiet_time_behind_the_last_sight_of_it() -> None:
    scene, old, new = a_changed_scene()
    see(scene, new, NOW + timedelta(days=1))
    see(scene, old, NOW + timedelta(days=5))
    due = NOW + timedelta(days=5) + QUIET
    assert retire(scene, due - timedelta(seconds=1)).steps == ()
    assert retire(scene, due - timedelta(seconds=1)).again_at == due
    plan = retire(scene, due)
    assert {(s.fingerprint, s.reason) for s in plan.steps if isinstance(s, Retire)} == {(old, RetirementReason.UNSEEN)}
    assert scene.take(plan, due).states(old, Side.THEIRS, BOTH) == [RETIRED, RETIRED]
    assert retire(scene, due, quiet_for=None).steps == ()


def test_without_a_quiet_time_silence_never_retires() -> None:
    scene, _, new = a_changed_scene()
    see(scene, new, NOW)
    assert retire(scene, NOW + timedelta(days=59), quiet_for=None).steps == ()


def test_at_its_end_the_old_one_retires_although_it_was_just_seen() -> None:
    scene, old, _new = a_changed_scene()
    end = NOW + OLD_ENDS
    see(scene, old, end)
    assert retire(scene, end).steps == ()
    plan = retire(scene, end + timedelta(seconds=1))
    assert {s.fingerprint for s in plan.steps if isinstance(s, Retire)} == {old}


def test_our_old_decryption_key_goes_on_reading_late_traffic_after_its_end() -> None:
    """CEM-48."""
    scene, old, _ = a_scene()
    new = stage_new(scene)
    scene.take(switch_now(our_slots(scene.agreement, SIGN_AND_ENCRYPT), new, scene.assignments, scene.held, NOW))
    end = NOW + OLD_ENDS + timedelta(seconds=1)
    scene.take(retire(scene, end, quiet_for=None), end)
    assert scene.states(old, Side.OURS, BOTH) == [RETIRED, RETIRING]
    end += LATE_TRAFFIC
    scene.take(retire(scene, end, quiet_for=None), end)
    assert scene.state(old, Side.OURS, Usage.ENCRYPT) is RETIRED


def test_an_expired_active_one_stays_and_is_reported() -> None:
    scene, ours, theirs = a_scene()
    plan = retire(scene, NOW + OLD_ENDS + timedelta(days=1))
    assert plan.steps == ()
    assert {f.code for f in plan.findings} == {"rollover.expired-active"}
    assert {f.subject for f in plan.findings} == {ours, theirs}


# by hand


def test_switch_now_and_back_leave_both_accepted() -> None:
    scene, old, _ = a_scene()
    new = stage_new(scene)
    slots = our_slots(scene.agreement, SIGN_AND_ENCRYPT)
    scene.take(switch_now(slots, new, scene.assignments, scene.held, NOW))
    assert scene.states(new, Side.OURS, BOTH) == [ACTIVE, ACTIVE]
    later = NOW + timedelta(hours=1)
    scene.take(switch_back(slots, new, scene.assignments, scene.held, later), later)
    assert scene.states(old, Side.OURS, BOTH) == [ACTIVE, ACTIVE]
    assert scene.states(new, Side.OURS, BOTH) == [STAGED, STAGED]
    scene.take(switch_now(slots, new, scene.assignments, scene.held, later), later)
    assert scene.states(new, Side.OURS, BOTH) == [ACTIVE, ACTIVE]


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        ({"expires_in": timedelta(hours=-1)}, "rollover.expired"),
        ({"starts_in": timedelta(hours=1)}, "rollover.not-yet-valid"),
    ],
)
def test_nothing_outside_its_validity_is_switched_to(certificate: dict[str, Any], code: str) -> None:
    scene, _, _ = a_scene()
    new = stage_new(scene, **certificate)
    plan = switch_now(our_slots(scene.agreement, SIGN_AND_ENCRYPT), new, scene.assignments, scene.held, NOW)
    assert (plan.steps, [f.code for f in plan.findings]) == ((), [code])


def test_what_nobody_staged_is_not_switched_to() -> None:
    scene, _, _ = a_scene()
    new = scene.hold(a_held())
    plan = switch_now(our_slots(scene.agreement, SIGN_AND_ENCRYPT), new, scene.assignments, scene.held, NOW)
    assert plan.refused
    assert plan.findings[0].code == "rollover.not-staged"


def test_assigning_by_hand_needs_a_held_certificate() -> None:
    scene, _, _ = a_scene()
    gone = a_held().fingerprint
    plan = plan_assign(our_slots(scene.agreement, SIGN_AND_ENCRYPT), gone, scene.assignments, scene.held, NOW)
    assert [f.code for f in plan.findings] == ["rollover.not-held"]


@pytest.mark.parametrize("how", ["retired", "revoked", "expired", "none"])
def test_there_is_no_way_back_to_a_retired_revoked_or_expired_one(how: str) -> None:
    """Section 3, rule 7."""
    scene, old, _ = a_scene()
    new = stage_new(scene)
    slots = our_slots(scene.agreement, SIGN_AND_ENCRYPT)
    scene.take(switch_now(slots, new, scene.assignments, scene.held, NOW))
    now = NOW + timedelta(hours=1)
    olds = [a for a in scene.assignments if a.fingerprint == old]
    if how == "retired":
        scene.take(plan_retirement(olds), now)
    elif how == "revoked":
        scene.take(plan_revocation(olds), now)
    elif how == "expired":
        now += OLD_ENDS
    else:
        scene.assignments = [a for a in scene.assignments if a.fingerprint != old]
    plan = switch_back(slots, new, scene.assignments, scene.held, now)
    assert plan.refused
    assert plan.findings[0].code == "rollover.no-way-back"


def test_the_way_back_is_only_the_last_change() -> None:
    """One that left long before is not what the partner knew last."""
    scene, first, _ = a_scene()
    slots = our_slots(scene.agreement, SIGN_AND_ENCRYPT)
    second = stage_new(scene)
    scene.take(switch_now(slots, second, scene.assignments, scene.held, NOW))
    third = stage_new(scene, now=NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=2)
    scene.take(switch_now(slots, third, scene.assignments, scene.held, later), later)
    scene.take(plan_retirement([a for a in scene.assignments if a.fingerprint == second]), later)
    assert scene.states(first, Side.OURS, BOTH) == [RETIRING, RETIRING]
    assert switch_back(slots, third, scene.assignments, scene.held, later).refused


def test_switching_back_what_is_not_active_is_refused() -> None:
    scene, _, _ = a_scene()
    new = stage_new(scene)
    assert switch_back(our_slots(scene.agreement, SIGN_AND_ENCRYPT), new, scene.assignments, scene.held, NOW).refused


def test_retiring_an_active_one_by_hand_is_possible_and_warned_of() -> None:
    scene, ours, _ = a_scene()
    plan = plan_retirement([a for a in scene.assignments if a.side is Side.OURS])
    assert {f.code for f in plan.findings} == {"rollover.active-retired"}
    assert scene.take(plan).states(ours, Side.OURS, BOTH) == [RETIRED, RETIRED]


def test_revocation_marks_also_what_was_retired() -> None:
    scene, ours, _ = a_scene()
    scene.assignments = [apply(a, Retired(), NOW) if a.usage is Usage.SIGN else a for a in scene.assignments]
    scene.take(plan_revocation([a for a in scene.assignments if a.fingerprint == ours]))
    assert scene.states(ours, Side.OURS, BOTH) == [REVOKED, REVOKED]


def test_a_plan_made_for_other_assignments_is_not_carried_out() -> None:
    scene, _, _ = a_scene()
    new = a_new_one_of_theirs(scene)
    scene.take(accept(scene, new))
    plan = switch_back(their_slots(scene.agreement, SIGN_AND_ENCRYPT), new, scene.assignments, scene.held, NOW)
    scene.take(plan_retirement([a for a in scene.assignments if a.state is RETIRING]))
    with pytest.raises(PlanOutOfDate):
        carry_out(plan.steps, scene.assignments, now=NOW, new_id=an_id)


def test_a_place_is_an_agreement_or_a_listener() -> None:
    with pytest.raises(PlanOutOfDate):
        Place(community_id=CommunityId("c"))
    with pytest.raises(PlanOutOfDate):
        Place(community_id=CommunityId("c"), agreement_id=AgreementId("a"), listener_id=ListenerId("l"))
