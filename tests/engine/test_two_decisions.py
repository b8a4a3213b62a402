"""Two people decide about one offer in the same moment: one decision holds, the other is told, the partner gets one answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from counterseal.domain.offer import OfferedState
from counterseal.domain.people import Actor, Permission
from counterseal.engine import offers
from counterseal.engine.offers import DecisionRefused
from counterseal.kernel.ids import OfferId
from counterseal_sim import Offered
from tests.builders import mint, rsa_key
from tests.engine.world import World, a_party

MARA, NILS = (Actor(name=f"user:{name}", permissions=frozenset(Permission)) for name in ("mara", "nils"))


def accepts(world: World, actor: Actor, offer_id: OfferId) -> None:
    offers.accept(world.alpha.ports, actor, offer_id, offered_ids=None)


def rejects(world: World, actor: Actor, offer_id: OfferId) -> None:
    offers.reject(world.alpha.ports, actor, offer_id, offered_ids=None, reason="not now")


@pytest.mark.parametrize("first", [accepts, rejects])
@pytest.mark.parametrize("second", [accepts, rejects])
@pytest.mark.parametrize("round_", range(3))
def test_one_of_two_decisions_holds_and_the_partner_gets_one_answer(
    world: World, first: Callable[..., None], second: Callable[..., None], round_: int
) -> None:
    minted = mint("Bravo Bows", key=rsa_key(3 + round_), now=world.clock.now())
    world.bravo.extra_decrypters.append(a_party("BRAVO", minted))
    world.give(world.bravo.cem_request(Offered(certificate=minted.certificate)))
    offer_id = world.alpha.offers()[-1].id
    together = Barrier(2)

    def decide(how: Callable[..., None], actor: Actor) -> bool:
        together.wait(5)
        try:
            how(world, actor, offer_id)
        except DecisionRefused:
            return False
        return True

    with ThreadPoolExecutor(2) as people:
        done = [one.result() for one in [people.submit(decide, first, MARA), people.submit(decide, second, NILS)]]
    world.work()

    assert sorted(done) == [False, True]
    with world.alpha.ports.store.read() as reader:
        (offered,) = reader.offered((offer_id,))
    winner = (first, second)[done.index(True)]
    assert offered.state is (OfferedState.ACCEPTED if winner is accepts else OfferedState.REJECTED)
    assert offered.decided_by == (MARA, NILS)[done.index(True)].name
    assert len(world.to_bravo()) == 1
    decisions = [e for e in world.alpha.event_names() if e in {"offer.accepted", "offer.rejected"}]
    assert len(decisions) == 1
