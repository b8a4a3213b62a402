"""Old certificates leave service by expiry or silence, never while a partner is seen using them (product.md section 3, rule 5)."""

from datetime import timedelta

import pytest

from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import offers, retirement
from counterseal_sim import CEMDial, Offered
from tests.builders import Minted, mint, rsa_key
from tests.engine.world import World, a_party, own_of
from tests.gateway import ADMINISTRATOR

ACTIVE, RETIRING, RETIRED = AssignmentState.ACTIVE, AssignmentState.RETIRING, AssignmentState.RETIRED
QUIET = timedelta(days=10)


def theirs_new() -> Minted:
    return own_of("Bravo Bows", key=rsa_key(3))


@pytest.fixture
def renewed(world: World) -> World:
    """Bravo has a new certificate with us, and the gateway looks after what ends, by silence after ten days."""
    world.alpha.change_rules(retire_unseen_after=QUIET)
    world.give(world.bravo.cem_request(Offered(certificate=theirs_new().certificate)))
    world.bravo.extra_decrypters.append(a_party("BRAVO", theirs_new()))
    offers.accept(world.alpha.ports, ADMINISTRATOR, world.alpha.offers()[-1].id, offered_ids=None)
    world.work()
    retirement.seed(world.alpha.ports)
    world.work()
    return world


def old_one(world: World) -> AssignmentState:
    return world.alpha.assignments(Side.THEIRS, Usage.SIGN)[world.alpha.theirs.certificate.fingerprint]


def days_pass(world: World, days: int) -> None:
    """Day by day, as the gateway's own rows come due."""
    for _ in range(days):
        world.pass_time(timedelta(days=1))


def signs_with_the_new_one(world: World) -> None:
    world.give(world.bravo.document(b"signed with the new one", signed_by=a_party("BRAVO", theirs_new())))
    world.work()


def signs_with_the_old_one(world: World) -> None:
    world.give(world.bravo.document(f"with the old one {world.clock.now()}".encode()))
    world.work()


def retirements(world: World) -> list[dict[str, str]]:
    return [dict(e.facts) for e in world.alpha.events() if e.event == "certificate.retired"]


def test_what_is_unseen_since_its_successor_is_used_leaves_service_and_the_audit_says_why(renewed: World) -> None:
    signs_with_the_old_one(renewed)
    signs_with_the_new_one(renewed)

    days_pass(renewed, 9)
    assert old_one(renewed) is RETIRING
    days_pass(renewed, 2)

    assert old_one(renewed) is RETIRED
    (facts,) = [f for f in retirements(renewed) if f["usage"] == "sign"]
    assert facts["certificate"] == renewed.alpha.theirs.certificate.fingerprint
    assert (facts["side"], facts["was"], facts["reason"]) == ("theirs", "retiring", "unseen")
    assert facts["last-seen"] != "never"
    assert renewed.alpha.failures == []


def test_one_that_is_still_seen_stays_however_long(renewed: World) -> None:
    signs_with_the_new_one(renewed)

    for _ in range(6):
        days_pass(renewed, 5)
        signs_with_the_old_one(renewed)

    assert old_one(renewed) is RETIRING
    days_pass(renewed, 11)
    assert old_one(renewed) is RETIRED


def test_silence_proves_nothing_before_the_successor_is_in_use(renewed: World) -> None:
    days_pass(renewed, 40)

    assert old_one(renewed) is RETIRING


def test_without_a_quiet_period_only_expiry_ends_it(renewed: World) -> None:
    renewed.alpha.change_rules(retire_unseen_after=None)
    signs_with_the_new_one(renewed)
    days_pass(renewed, 60)
    assert old_one(renewed) is RETIRING

    renewed.clock.pass_time(renewed.alpha.theirs.certificate.not_after - renewed.clock.now() + timedelta(minutes=1))
    renewed.pass_time(retirement.AT_LEAST_EVERY)

    assert old_one(renewed) is RETIRED
    assert {f["reason"] for f in retirements(renewed)} == {"expired"}


def test_the_active_one_never_ends_by_itself_also_expired(world: World) -> None:
    retirement.seed(world.alpha.ports)
    world.work()

    world.clock.pass_time(timedelta(days=5000))
    world.work()

    assert old_one(world) is ACTIVE
    assert retirements(world) == []


def test_a_staged_one_that_expired_ends(world: World) -> None:
    short = mint("Alpha Arrows", key=rsa_key(4), expires_in=timedelta(days=20))
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(short))
    retirement.seed(world.alpha.ports)
    world.work()

    world.clock.pass_time(timedelta(days=21))
    world.work()

    assert world.alpha.assignments(Side.OURS, Usage.SIGN)[short.certificate.fingerprint] is RETIRED
    decrypts = world.alpha.assignments(Side.OURS, Usage.ENCRYPT)[short.certificate.fingerprint]
    assert decrypts is AssignmentState.STAGED, "what was encrypted in time may arrive late"


def test_each_community_has_one_row_that_follows_itself(world: World) -> None:
    for _ in range(3):
        retirement.seed(world.alpha.ports)
        world.pass_time(timedelta(hours=7))

    (row,) = world.alpha.work(WorkKind.RETIRE)
    assert row.subject == world.alpha.community.id
    assert timedelta() < row.due - world.clock.now() <= retirement.AT_LEAST_EVERY
