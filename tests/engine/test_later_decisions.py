"""A decision that is taken after the request came believes what the request proved then and what holds today, never less."""

from dataclasses import replace
from datetime import timedelta

import pytest

from counterseal.domain.community import HandlingMode
from counterseal.domain.offer import OfferedState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import offers
from counterseal_sim import Offered
from tests.builders import Minted, mint, rsa_key
from tests.engine.world import World, a_party
from tests.gateway import ADMINISTRATOR

RETIRED, REVOKED = AssignmentState.RETIRED, AssignmentState.REVOKED


def early(world: World) -> Minted:
    """Bravo's next one, valid from tomorrow."""
    return mint("Bravo Bows", key=rsa_key(2), now=world.clock.now(), starts_in=timedelta(days=1))


def offer(world: World, minted: Minted, **more: object) -> None:
    world.give(world.bravo.cem_request(Offered(certificate=minted.certificate), **more))  # type: ignore[arg-type]


def end(world: World, fingerprint: str, state: AssignmentState) -> None:
    """A person takes it out of service."""
    found = [a for a in world.alpha.all_assignments() if a.fingerprint == fingerprint]
    world.alpha.put(*(replace(a, state=state, since=world.clock.now()) for a in found))


@pytest.mark.parametrize("state", [RETIRED, REVOKED])
def test_an_accepted_one_that_a_person_ended_before_its_day_does_not_come_back(
    world: World, state: AssignmentState
) -> None:
    """Rules 1 and 5: what is retired or revoked is never activated by a timer."""
    minted = early(world)
    offer(world, minted)
    offers.accept(world.alpha.ports, ADMINISTRATOR, world.alpha.offers()[-1].id, offered_ids=None)
    world.work()
    end(world, minted.certificate.fingerprint, state)

    world.pass_time(timedelta(days=2))

    for usage in (Usage.SIGN, Usage.ENCRYPT):
        states = world.alpha.assignments(Side.THEIRS, usage)
        assert states[minted.certificate.fingerprint] is state
        assert states[world.alpha.theirs.certificate.fingerprint] is AssignmentState.ACTIVE


def test_policy_does_not_accept_later_what_a_revoked_certificate_signed(world: World) -> None:
    """CEM-9: the signer counts, not whoever of theirs may sign today."""
    world.alpha.change_rules(cem_mode=HandlingMode.RENEWALS)
    second = mint("Bravo Bows", key=rsa_key(3), now=world.clock.now())
    offer(world, second)
    minted = early(world)
    offer(world, minted, signed_by=a_party("BRAVO", world.alpha.theirs))
    assert [o.state for o in world.alpha.offered()] == [OfferedState.ACCEPTED, OfferedState.PENDING]
    end(world, world.alpha.theirs.certificate.fingerprint, REVOKED)

    world.pass_time(timedelta(days=2))

    assert world.alpha.offered()[-1].state is not OfferedState.ACCEPTED
    assert minted.certificate.fingerprint not in world.alpha.held()
