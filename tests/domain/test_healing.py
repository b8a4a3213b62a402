"""Self-healing: only a tied, authentic, first signal changes a partner back (section 3, rule 7; issue point "self-healing")."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from counterseal.domain.resolve import producer
from counterseal.domain.rollover import (
    FailureSignal,
    Healed,
    NotHealed,
    changed_back,
    decide_healing,
    our_slots,
    plan_accept_theirs,
    plan_revocation,
    switch_now,
)
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.kernel.ids import Fingerprint
from tests.builders import NOW
from tests.domain.rollover_cases import OLD_ENDS, SIGN_AND_ENCRYPT, Scene, a_held, a_scene, stage_new

AFTER = NOW + timedelta(hours=1)


def switched(
    protocol: Protocol = Protocol.AS2, usages: frozenset[Usage] = SIGN_AND_ENCRYPT, **terms: Any
) -> tuple[Scene, Fingerprint, Fingerprint]:
    scene, old, _ = a_scene(protocol=protocol, usages=usages, **terms)
    new = stage_new(scene, usages)
    scene.take(switch_now(our_slots(scene.agreement, usages), new, scene.assignments, scene.held, NOW))
    return scene, old, new


def a_signal(used: Fingerprint | None, /, **changes: Any) -> FailureSignal:
    made = FailureSignal(usage=Usage.SIGN, sent_at=AFTER, used=used, authenticated=True, can_authenticate=True)
    return replace(made, **changes)


def decide(scene: Scene, signal: FailureSignal, now: datetime = AFTER) -> Healed | NotHealed:
    return decide_healing(signal, scene.agreement, scene.assignments, scene.held, now)


def test_a_partner_that_cannot_verify_is_changed_back() -> None:
    scene, old, new = switched()
    decision = decide(scene, a_signal(new))
    assert isinstance(decision, Healed)
    assert (decision.failed, decision.restored, decision.usage) == (new, old, Usage.SIGN)
    scene.take(decision.plan, AFTER)
    assert producer(scene.assignments, Side.OURS, Usage.SIGN) == old


def test_a_partner_that_cannot_decrypt_is_changed_back_to_its_own_old_certificate() -> None:
    scene, _, old = a_scene()
    new = scene.hold(a_held(Side.THEIRS, common_name="Bravo Bows"))
    scene.take(plan_accept_theirs(scene.agreement, new, SIGN_AND_ENCRYPT, scene.assignments, scene.held, NOW))
    decision = decide(scene, a_signal(new, usage=Usage.ENCRYPT))
    assert isinstance(decision, Healed)
    scene.take(decision.plan, AFTER)
    assert producer(scene.assignments, Side.THEIRS, Usage.ENCRYPT) == old
    assert scene.active(Side.THEIRS, Usage.SIGN) == new, "only the usage that failed goes back"


@pytest.mark.parametrize("usage", [Usage.FILE_SIGN, Usage.RECEIPT_SIGN])
def test_oftp2_signing_usages_heal_alike(usage: Usage) -> None:
    scene, old, new = switched(Protocol.OFTP2, frozenset({Usage.FILE_SIGN, Usage.RECEIPT_SIGN}))
    decision = decide(scene, a_signal(new, usage=usage))
    assert isinstance(decision, Healed)
    assert decision.restored == old


NOT = {
    "unauthenticated although the agreement allows more": ({"authenticated": False}, "healing.unauthenticated"),
    "for a message made with another certificate": ({"used": "cd" * 32}, "healing.other-certificate"),
    "for a message whose certificate was not recorded": ({"used": None}, "healing.other-certificate"),
    "for a message sent before the change": ({"sent_at": NOW - timedelta(seconds=1)}, "healing.before-change"),
    "from a TLS handshake": ({"usage": Usage.TLS_CLIENT}, "healing.connection"),
}


@pytest.mark.parametrize(("changes", "code"), NOT.values(), ids=NOT)
def test_a_signal_does_not_count(changes: dict[str, Any], code: str) -> None:
    scene, _, new = switched()
    decision = decide(scene, a_signal(new, **changes))
    assert isinstance(decision, NotHealed)
    assert decision.finding.code == code


def test_an_unauthenticated_signal_counts_only_where_the_agreement_knows_no_better() -> None:
    scene, _, new = switched()
    assert isinstance(decide(scene, a_signal(new, authenticated=False, can_authenticate=False)), Healed)


def test_a_message_sent_at_the_change_itself_counts() -> None:
    scene, _, new = switched()
    assert isinstance(decide(scene, a_signal(new, sent_at=NOW)), Healed)


def test_it_can_be_switched_off() -> None:
    scene, _, new = switched(self_healing=False)
    decision = decide(scene, a_signal(new))
    assert isinstance(decision, NotHealed)
    assert decision.finding.code == "healing.off"


def test_it_happens_once_per_change_and_then_waits_for_a_person() -> None:
    scene, old, new = switched()
    decision = decide(scene, a_signal(new))
    assert isinstance(decision, Healed)
    scene.take(decision.plan, AFTER)
    slot = our_slots(scene.agreement, {Usage.SIGN})[0]
    assert changed_back(scene.assignments, slot) is not None
    again = decide(scene, a_signal(old, sent_at=AFTER + timedelta(hours=1)), AFTER + timedelta(hours=1))
    assert isinstance(again, NotHealed)
    assert again.finding.code == "healing.already"
    assert producer(scene.assignments, Side.OURS, Usage.SIGN) == old


def test_after_a_person_switched_again_it_may_heal_again() -> None:
    scene, old, new = switched()
    first = decide(scene, a_signal(new))
    assert isinstance(first, Healed)
    scene.take(first.plan, AFTER)
    later = AFTER + timedelta(hours=1)
    scene.take(switch_now(our_slots(scene.agreement, {Usage.SIGN}), new, scene.assignments, scene.held, later), later)
    second = decide(scene, a_signal(new, sent_at=later), later)
    assert isinstance(second, Healed)
    assert second.restored == old


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_it_never_goes_back_to_a_revoked_or_expired_one(how: str) -> None:
    scene, old, new = switched()
    now = AFTER
    if how == "revoked":
        scene.take(plan_revocation([a for a in scene.assignments if a.fingerprint == old]))
    else:
        now += OLD_ENDS
    decision = decide(scene, a_signal(new, sent_at=now), now)
    assert isinstance(decision, NotHealed)
    assert decision.finding.code == "healing.no-way-back"


def test_without_a_recorded_change_nothing_is_undone() -> None:
    scene, old, _ = a_scene()
    scene.assignments = [replace(a, activated_at=None) for a in scene.assignments]
    decision = decide(scene, a_signal(old))
    assert isinstance(decision, NotHealed)
    assert decision.finding.code == "healing.no-change"
    scene.assignments = []
    assert isinstance(decide(scene, a_signal(old)), NotHealed)
