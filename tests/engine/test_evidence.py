"""What arrives says which certificate was used: "accepted" becomes "seen in use" (product.md section 3, rule 6)."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from counterseal.domain.agreement import ReceiptMode
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.usage import Side, Usage
from counterseal.engine.views import sent
from counterseal_sim import CEMDial, Offered, ReceiptDial
from tests.builders import Minted, rsa_key
from tests.engine.test_documents_in import disposition_of
from tests.engine.world import ORDERS, World, a_party, own_of

LATER = timedelta(minutes=5)
OURS_SIGN, OURS_CRYPT = (Side.OURS, Usage.SIGN), (Side.OURS, Usage.ENCRYPT)
THEIRS_SIGN, THEIRS_CRYPT = (Side.THEIRS, Usage.SIGN), (Side.THEIRS, Usage.ENCRYPT)


def new_one() -> Minted:
    return own_of("Alpha Arrows", key=rsa_key(2))


def seen(world: World) -> dict[tuple[Side, Usage], datetime | None]:
    """When each of the two certificates in use was seen last."""
    return {(a.side, a.usage): a.last_seen_at for a in world.alpha.all_assignments() if a.produces and a.last_seen_at}


def firsts(world: World) -> Counter[tuple[str, str]]:
    found = [e.facts for e in world.alpha.events() if e.event == "certificate.first-used"]
    return Counter((f["side"], f["usage"]) for f in found)


def test_a_document_is_evidence_of_what_signed_it_and_of_what_it_was_encrypted_to(world: World) -> None:
    world.give(world.bravo.document(ORDERS))

    assert set(seen(world)) == {THEIRS_SIGN, OURS_CRYPT}


def test_the_same_message_again_is_evidence_again(world: World) -> None:
    wire = world.bravo.document(ORDERS)
    world.give(wire)
    world.clock.pass_time(LATER)

    world.give(wire)

    assert seen(world) == {THEIRS_SIGN: world.clock.now(), OURS_CRYPT: world.clock.now()}
    assert len(world.alpha.documents()) == 1


def test_a_message_that_was_refused_before_is_evidence_when_it_comes_again(world: World) -> None:
    """The first time it came unencrypted."""
    plain = world.bravo.document(ORDERS, encrypt=False)
    assert disposition_of(world, world.give(plain)) == "processed/error: insufficient-message-security"
    assert set(seen(world)) == {THEIRS_SIGN}, "refused, and yet signed with it"
    world.clock.pass_time(LATER)

    world.give(world.bravo.document(ORDERS))

    assert seen(world) == {THEIRS_SIGN: world.clock.now(), OURS_CRYPT: world.clock.now()}


def test_a_certificate_message_is_evidence_also_when_its_content_is_refused(world: World) -> None:
    offered = Offered(certificate=own_of("Bravo Bows", key=rsa_key(3)).certificate)

    given = world.give(
        world.bravo.cem_request(offered, mend=lambda b: b.replace(b"</TrustRequest>", b"<TrustRequest>"))
    )

    assert disposition_of(world, given) == "processed/error: unexpected-processing-error"
    assert set(seen(world)) == {THEIRS_SIGN}


def test_encrypting_to_us_proves_nothing_without_a_signature_of_theirs(world: World) -> None:
    """Our certificate is public."""
    stranger = a_party("BRAVO", own_of("Mallory", key=rsa_key(5)))

    given = world.give(world.bravo.document(ORDERS, signed_by=stranger))

    assert disposition_of(world, given) == "processed/error: authentication-failed"
    assert seen(world) == {}


@pytest.mark.parametrize("mode", [ReceiptMode.SYNC, ReceiptMode.ASYNC])
def test_a_signed_receipt_is_evidence_of_its_signer_and_of_what_our_message_used(
    world: World, mode: ReceiptMode
) -> None:
    world.alpha.change_terms(receipt=mode)

    world.alpha.send()
    world.work()

    assert set(seen(world)) == {THEIRS_SIGN, OURS_SIGN, THEIRS_CRYPT}


@pytest.mark.parametrize(
    ("dial", "expected"),
    [
        (ReceiptDial.AUTHENTICATION_FAILED, {THEIRS_SIGN}),
        (ReceiptDial.DECRYPTION_FAILED, {THEIRS_SIGN}),
        (ReceiptDial.UNSIGNED, set()),
        (ReceiptDial.SILENT, set()),
        (ReceiptDial.BUSY, set()),
    ],
)
def test_a_receipt_proves_no_more_than_it_says(world: World, dial: ReceiptDial, expected: set[object]) -> None:
    world.dial(receipt=dial)
    world.alpha.change_terms(retries=())

    world.alpha.send()
    world.work()

    assert set(seen(world)) == expected


def test_a_repeated_receipt_and_one_for_nothing_are_evidence_of_their_signer(world: World) -> None:
    world.alpha.change_terms(receipt=ReceiptMode.ASYNC)
    world.alpha.send()
    while world.alpha.work_once():
        pass
    (posted,) = world.later
    world.work()
    for wire in (posted.wire, world.bravo.receipt("nothing@alpha.example")):
        world.clock.pass_time(LATER)
        world.give(wire)
        assert seen(world)[THEIRS_SIGN] == world.clock.now()


def test_the_first_use_is_in_the_audit_trail_once(world: World) -> None:
    for number in range(3):
        world.give(world.bravo.document(f"order {number}".encode()))
        world.alpha.send(f"order {number}".encode())
        world.work()
        world.clock.pass_time(LATER)

    assert set(firsts(world).values()) == {1}
    assert len(firsts(world)) == 4


def line(world: World) -> sent.Line:
    with world.alpha.ports.store.read() as reader:
        (only,) = sent.trust_request(reader, world.alpha.community, 1, now=world.clock.now()).lines
    return only


def test_a_partner_that_never_answered_and_uses_the_new_one_is_a_hint_and_no_answer(world: World) -> None:
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert line(world).findings == ()

    world.bravo.gateway.encrypts_to = new_one().certificate
    world.give(world.bravo.document(ORDERS))

    assert world.alpha.exchange.state is ExchangeState.RECEIVED
    assert [f.code for f in line(world).findings] == ["rollover.used-unanswered"]
    assert line(world).in_use_since == world.clock.now()


def test_the_request_shows_since_when_the_new_one_is_in_use_and_when_the_old_one_was_seen_last(world: World) -> None:
    world.give(world.bravo.document(b"with the old one"))
    with_old = world.clock.now()
    world.clock.pass_time(LATER)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    world.clock.pass_time(LATER)

    world.bravo.gateway.encrypts_to = new_one().certificate
    world.give(world.bravo.document(b"with the new one"))

    assert line(world).in_use_since is not None
    assert line(world).old_last_seen_at is not None
    assert with_old <= line(world).old_last_seen_at < world.clock.now()  # type: ignore[operator]
    assert line(world).state is sent.LineState.IN_USE


def test_each_message_names_the_certificates_that_it_used(world: World) -> None:
    world.give(world.bravo.document(ORDERS))
    answered = world.alpha.send()
    world.work()

    received, *_ = world.alpha.documents()
    (message, receipt) = world.alpha.messages(received.id)
    theirs, own = world.alpha.theirs.certificate.fingerprint, world.alpha.own.certificate.fingerprint
    assert (message.signer, message.recipient, receipt.signer) == (theirs, own, own)
    (message, receipt) = world.alpha.messages(answered.id)
    assert (message.signer, message.recipient, receipt.signer) == (own, theirs, theirs)


def test_a_request_of_theirs_is_signed_evidence_too(world: World) -> None:
    world.give(world.bravo.cem_request(Offered(certificate=own_of("Bravo Bows", key=rsa_key(3)).certificate)))

    (only,) = [a for a in world.alpha.all_assignments() if a.last_seen_at]
    assert (only.side, only.usage) == THEIRS_SIGN
