"""Only the active certificate produces (product.md section 3, rule 1), also when it changes in the middle of something."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.assignment import Assignment
from counterseal.domain.document import Direction, DocumentState, MessageKind
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import Work
from counterseal.engine import certificates
from counterseal.engine.as2 import admitting, building, receiving
from counterseal.engine.as2.incoming import Incoming, Known
from counterseal.engine.ports import Link
from counterseal.kernel.ids import Fingerprint
from counterseal.protocols import as2
from counterseal.protocols.as2 import MessageHead
from counterseal_sim import ReceiptDial
from tests.builders import Minted, mint, rsa_key
from tests.engine.world import BOTH, BRAVO_URL, ORDERS, RETRIES, World
from tests.gateway import ADMINISTRATOR

RETIRED, REVOKED = AssignmentState.RETIRED, AssignmentState.REVOKED


def next_one(world: World) -> Minted:
    return mint("Alpha Arrows", key=rsa_key(2), now=world.clock.now())


def switch(world: World, minted: Minted) -> Fingerprint:
    """A person puts another one of ours to use."""
    fingerprint = world.alpha.hold(minted)
    certificates.assign(
        world.alpha.ports,
        ADMINISTRATOR,
        world.alpha.agreement_id,
        side=Side.OURS,
        usages=BOTH,
        fingerprint=fingerprint,
    )
    world.bravo.gateway.verifies_with.append(minted.certificate)
    return fingerprint


def test_a_receipt_is_signed_by_the_one_that_is_active_when_it_is_made(world: World) -> None:
    """The body of a large message takes hours; the certificate may change meanwhile."""
    wire = world.bravo.document(ORDERS)
    known = admitting.admit(world.alpha.ports, wire.headers, Link(remote=""))
    assert isinstance(known, Known)
    fingerprint = switch(world, next_one(world))

    receiving.receive(
        world.alpha.ports,
        Incoming(
            known=known,
            body=lambda: iter((wire.body,)),
            wire=None,
            size=len(wire.body),
            remote="",
            started_at=world.clock.now(),
        ),
    )

    (document,) = world.alpha.documents(Direction.IN)
    (receipt,) = world.alpha.receipts(document.id)
    assert receipt.signer == fingerprint
    head = MessageHead.parse(receipt.headers)
    opened = as2.open_receipt(head, receipt.body, signers=world.bravo.gateway.verifies_with, limits=as2.DEFAULT_LIMITS)
    assert [s.certificate.fingerprint for s in opened.signers] == [fingerprint]


def test_a_message_is_not_sent_with_a_certificate_that_changed_while_it_was_built(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = next_one(world)
    build = building.build
    switched: list[Fingerprint] = []

    def slow(*arguments: Any) -> Any:
        message = build(*arguments)
        if not switched:
            switched.append(switch(world, minted))
        return message

    monkeypatch.setattr(building, "build", slow)

    document = world.alpha.send()
    world.work()

    assert world.alpha.document(document.id).state is DocumentState.DELIVERED
    assert [m.signer for m in world.alpha.messages(document.id, MessageKind.AS2)] == switched
    assert [h.signer for h in world.bravo.heard] == [minted.certificate]


@pytest.mark.parametrize("state", [RETIRED, REVOKED])
def test_a_repeated_attempt_does_not_use_a_certificate_that_was_taken_out_of_service(
    world: World, state: AssignmentState
) -> None:
    world.dial(receipt=ReceiptDial.BUSY)
    document = world.alpha.send()
    world.work()
    fingerprint = switch(world, next_one(world))
    world.alpha.put(*(replace(a, state=state) for a in _of(world, world.alpha.own)))
    world.dial(receipt=ReceiptDial.GOOD)

    world.pass_time(RETRIES[0])

    assert world.alpha.document(document.id).state is DocumentState.DELIVERED
    assert world.bravo.heard[-1].signer is not None
    assert world.bravo.heard[-1].signer.fingerprint == fingerprint


def _of(world: World, minted: Minted) -> list[Assignment]:
    return [
        a
        for a in world.alpha.all_assignments()
        if a.fingerprint == minted.certificate.fingerprint and a.usage is Usage.SIGN and a.side is Side.OURS
    ]


def test_a_repeated_attempt_repeats_its_octets_while_its_certificate_is_still_accepted(world: World) -> None:
    world.wire.down.add(BRAVO_URL)
    document = world.alpha.send()
    world.work()
    switch(world, next_one(world))
    world.wire.down.clear()

    world.pass_time(RETRIES[0])

    assert len(world.alpha.messages(document.id, MessageKind.AS2)) == 1
    assert world.bravo.heard[-1].signer == world.alpha.own.certificate


def test_who_was_overtaken_while_building_stores_and_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that slept longer than its lease: the same document must not leave twice under two Message-IDs."""
    build = building.build
    claimed: list[Work] = []

    def slow(*arguments: Any) -> Any:
        message = build(*arguments)
        if not claimed:
            later = world.clock.now() + timedelta(minutes=3)
            claimed.extend(world.alpha.ports.store.claim(now=later, owner="other", lease=timedelta(minutes=2), limit=5))
        return message

    monkeypatch.setattr(building, "build", slow)

    document = world.alpha.send()
    world.alpha.work_once()

    assert len(claimed) == 1
    assert world.alpha.messages(document.id) == []
    assert world.bravo.heard == []
    assert world.alpha.failures[-1][0] == "worker.lease-lost"
