"""Certificates that a person brings: what cannot be read, opened or used is refused, and nothing is stored."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates
from counterseal.engine.ports import Conflict, UnreadableKeyFile, WrongPassword
from counterseal.engine.translate.certificates import UnreadableCertificate
from counterseal.kernel.errors import CallerFault
from tests.builders import mint, mint_ca, rsa_key
from tests.configurations import PASSWORD, key_file
from tests.engine.world import BOTH, World, own_of
from tests.gateway import ADMINISTRATOR


def _imports(world: World, content: bytes, password: str | None = None) -> None:
    certificates.import_key_file(
        world.alpha.ports, ADMINISTRATOR, world.alpha.community.id, content=content, password=password
    )


def _adds(world: World, content: bytes) -> None:
    certificates.add_partner_certificate(
        world.alpha.ports, ADMINISTRATOR, world.alpha.agreement.partner_id, content=content
    )


BAD: dict[str, tuple[Callable[[World], None], type[CallerFault]]] = {
    "a wrong PKCS#12 password": (lambda w: _imports(w, key_file(own_of("New", key=rsa_key(2))), "no"), WrongPassword),
    "no PKCS#12 password": (lambda w: _imports(w, key_file(own_of("New", key=rsa_key(2)))), WrongPassword),
    "garbage for a key file": (lambda w: _imports(w, b"garbage", PASSWORD), UnreadableKeyFile),
    "a certificate without its key": (lambda w: _imports(w, own_of("New", key=rsa_key(2)).pem), UnreadableKeyFile),
    "a key that does not fit": (
        lambda w: _imports(w, own_of("New", key=rsa_key(2)).pem + own_of("Other", key=rsa_key(3)).key_pem),
        UnreadableKeyFile,
    ),
    "one that is here already": (lambda w: _imports(w, w.alpha.own.pem + w.alpha.own.key_pem), Conflict),
    "a huge file": (lambda w: _imports(w, b"x" * (2 * 1024 * 1024)), UnreadableCertificate),
    "garbage for a certificate": (lambda w: _adds(w, b"garbage"), UnreadableCertificate),
    "two end entities": (
        lambda w: _adds(w, own_of("One", key=rsa_key(2)).pem + own_of("Two", key=rsa_key(3)).pem),
        UnreadableCertificate,
    ),
    "one of ours as a partner's": (lambda w: _adds(w, w.alpha.own.der), Conflict),
}


@pytest.mark.parametrize("case", BAD)
def test_it_is_refused_and_nothing_is_stored(world: World, case: str) -> None:
    """product.md section 8."""
    act, fault = BAD[case]
    before = (world.alpha.held(), world.alpha.all_assignments(), world.alpha.events())

    with pytest.raises(fault) as refused:
        act(world)

    assert refused.value.detail
    assert (world.alpha.held(), world.alpha.all_assignments(), world.alpha.events()) == before


def test_a_chain_is_kept_with_its_leaf(world: World) -> None:
    root = mint_ca()
    leaf = mint("Bravo Bows", key=rsa_key(2), issuer=root)

    _adds(world, root.pem + leaf.pem)

    assert leaf.certificate.fingerprint in world.alpha.held()
    assert root.certificate.fingerprint not in world.alpha.held()


def test_held_is_not_trusted(world: World) -> None:
    before = world.alpha.all_assignments()

    _adds(world, own_of("Bravo Bows", key=rsa_key(2)).der)

    assert world.alpha.all_assignments() == before


def test_assigning_makes_one_active_and_keeps_the_former_accepted(world: World) -> None:
    world.clock.pass_time(timedelta(minutes=1))
    new = world.alpha.hold(own_of("Alpha Arrows", key=rsa_key(2)))

    certificates.assign(
        world.alpha.ports, ADMINISTRATOR, world.alpha.agreement_id, side=Side.OURS, usages=BOTH, fingerprint=new
    )

    assert world.alpha.assignments(Side.OURS, Usage.SIGN) == {
        world.alpha.own.certificate.fingerprint: AssignmentState.RETIRING,
        new: AssignmentState.ACTIVE,
    }
    assert world.alpha.event_names()[-1] == "certificate.assigned"


@pytest.mark.parametrize("case", ["the wrong side", "a usage of another protocol", "expired"])
def test_what_cannot_be_used_is_not_assigned(world: World, case: str) -> None:
    side, usages, fingerprint = Side.OURS, BOTH, world.alpha.own.certificate.fingerprint
    if case == "the wrong side":
        side = Side.THEIRS
    elif case == "expired":
        old = mint("Old", key=rsa_key(3), starts_in=timedelta(days=-9), expires_in=timedelta(days=-1))
        fingerprint = world.alpha.hold(old)
    else:
        usages = frozenset({Usage.FILE_SIGN})
    before = world.alpha.all_assignments()

    with pytest.raises(certificates.NotAssignable):
        certificates.assign(
            world.alpha.ports,
            ADMINISTRATOR,
            world.alpha.agreement_id,
            side=side,
            usages=usages,
            fingerprint=fingerprint,
        )

    assert world.alpha.all_assignments() == before
