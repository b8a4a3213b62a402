"""A partner that cannot verify or decrypt after a change is put back by itself, once, and nothing of it is lost (product.md 3, rule 7)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from counterseal.domain.agreement import ReceiptMode
from counterseal.domain.document import DocumentState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, offers, trust_requests
from counterseal.engine.views import home, sent
from counterseal_sim import Offered, ReceiptDial, Wire
from tests.builders import Minted, rsa_key
from tests.engine.world import BRAVO_URL, World, a_party, own_of
from tests.gateway import ADMINISTRATOR

ACTIVE, STAGED, RETIRING = AssignmentState.ACTIVE, AssignmentState.STAGED, AssignmentState.RETIRING
CHANGED_BACK = "agreement.changed-back"


def new_one() -> Minted:
    return own_of("Alpha Arrows", key=rsa_key(2))


def states(world: World) -> tuple[AssignmentState | None, AssignmentState | None]:
    """Of our old and new signing certificate."""
    found = world.alpha.assignments(Side.OURS, Usage.SIGN)
    return found.get(world.alpha.own.certificate.fingerprint), found.get(new_one().certificate.fingerprint)


@pytest.fixture
def changed(world: World) -> World:
    """Bravo has said yes to our new certificate, and then not put it in place."""
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert states(world) == (RETIRING, ACTIVE)
    world.bravo.gateway.verifies_with = [world.alpha.own.certificate]
    world.clock.pass_time(timedelta(minutes=1))
    return world


def codes(world: World, document_id: object) -> list[str]:
    return [f.code for f in world.alpha.document(document_id).findings]  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [ReceiptMode.SYNC, ReceiptMode.ASYNC])
def test_a_signed_proof_puts_the_partner_back_and_the_document_arrives(changed: World, mode: ReceiptMode) -> None:
    """P-20: a partner's Accepted may mean no more than that the certificate lies there."""
    changed.alpha.change_terms(receipt=mode)

    sent = changed.alpha.send()
    changed.work()

    assert states(changed) == (ACTIVE, STAGED)
    document = changed.alpha.document(sent.id)
    assert document.state is DocumentState.DELIVERED
    assert codes(changed, sent.id) == ["healing.changed-back"]
    first, second = [m for m in changed.alpha.messages(sent.id) if not m.refers_to]
    assert (first.signer, second.signer) == (
        new_one().certificate.fingerprint,
        changed.alpha.own.certificate.fingerprint,
    )
    assert first.wire_id != second.wire_id
    (event,) = [e for e in changed.alpha.events() if e.event == CHANGED_BACK]
    assert event.facts["usage"] == "sign"
    assert event.facts["from"] == new_one().certificate.fingerprint
    assert event.facts["back-to"] == changed.alpha.own.certificate.fingerprint
    assert changed.alpha.failures == []


def test_what_they_cannot_decrypt_goes_to_their_certificate_before(world: World) -> None:
    """The encrypting side: Bravo offered one whose key it then does not use."""
    theirs = own_of("Bravo Bows", key=rsa_key(3))
    world.give(world.bravo.cem_request(Offered(certificate=theirs.certificate)))
    offers.accept(world.alpha.ports, ADMINISTRATOR, world.alpha.offers()[-1].id, offered_ids=None)
    world.work()
    world.clock.pass_time(timedelta(minutes=1))

    sent = world.alpha.send()
    world.work()

    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED
    crypt = world.alpha.assignments(Side.THEIRS, Usage.ENCRYPT)
    assert crypt == {world.alpha.theirs.certificate.fingerprint: ACTIVE, theirs.certificate.fingerprint: STAGED}
    assert world.alpha.assignments(Side.THEIRS, Usage.SIGN)[theirs.certificate.fingerprint] is ACTIVE, "another slot"
    assert world.alpha.event_names().count(CHANGED_BACK) == 1


def test_several_that_were_on_their_way_all_arrive_and_it_is_done_once(changed: World) -> None:
    """Asynchronous receipts: the answers come after the first one has changed it back."""
    changed.alpha.change_terms(receipt=ReceiptMode.ASYNC)
    sent = [changed.alpha.send(f"order {n}".encode()) for n in range(3)]

    changed.work()

    assert [changed.alpha.document(d.id).state for d in sent] == [DocumentState.DELIVERED] * 3
    assert changed.alpha.event_names().count(CHANGED_BACK) == 1
    assert [codes(changed, d.id)[0] for d in sent] == ["healing.changed-back", *["healing.sent-again"] * 2]


def test_what_was_refused_before_a_proof_counted_is_sent_again_with_it(changed: World) -> None:
    changed.alpha.change_exchange(self_healing=False)
    early = [changed.alpha.send(f"order {n}".encode()) for n in range(2)]
    changed.work()
    assert [changed.alpha.document(d.id).state for d in early] == [DocumentState.REJECTED] * 2
    changed.alpha.change_exchange(self_healing=True)

    sent = changed.alpha.send()
    changed.work()

    assert [changed.alpha.document(d.id).state for d in (*early, sent)] == [DocumentState.DELIVERED] * 3
    (event,) = [e for e in changed.alpha.events() if e.event == CHANGED_BACK]
    assert event.facts["sent-again"] == "3"


def test_a_second_proof_after_a_person_tried_again_heals_that_change_too_but_never_the_same_one_twice(
    changed: World,
) -> None:
    changed.alpha.send()
    changed.work()
    assert states(changed) == (ACTIVE, STAGED)
    changed.bravo.gateway.verifies_with = []  # now not even the old one
    changed.alpha.send()
    changed.work()
    assert states(changed) == (ACTIVE, STAGED), "a slot that was changed back waits for a person"
    assert changed.alpha.event_names().count(CHANGED_BACK) == 1

    changed.bravo.gateway.verifies_with = [changed.alpha.own.certificate]
    changed.clock.pass_time(timedelta(minutes=1))
    trust_requests.switch_now(changed.alpha.ports, ADMINISTRATOR, changed.alpha.exchange.id)
    assert states(changed) == (RETIRING, ACTIVE)
    changed.clock.pass_time(timedelta(minutes=1))
    sent = changed.alpha.send()
    changed.work()

    assert states(changed) == (ACTIVE, STAGED)
    assert changed.alpha.document(sent.id).state is DocumentState.DELIVERED
    assert changed.alpha.event_names().count(CHANGED_BACK) == 2


def _off(world: World) -> None:
    world.alpha.change_exchange(self_healing=False)


def _unsigned(world: World) -> None:
    world.dial(receipt=ReceiptDial.AUTHENTICATION_FAILED)
    real = world.bravo.receipt

    def unsigned(original: str, **more: object) -> Wire:
        return real(original, **{**more, "sign": False})  # type: ignore[arg-type]

    world.bravo.receipt = unsigned  # type: ignore[method-assign]


def _unreachable(world: World) -> None:
    world.wire.down.add(BRAVO_URL)


def _busy(world: World) -> None:
    world.dial(receipt=ReceiptDial.BUSY)


def _other_reason(world: World) -> None:
    world.bravo.gateway.verifies_with.append(new_one().certificate)
    world.dial(receipt=ReceiptDial.PROCESSING_ERROR)


def _signed_by_a_stranger(world: World) -> None:
    stranger = a_party("BRAVO", own_of("Mallory", key=rsa_key(5)))
    real = world.bravo.receipt

    def forged(original: str, **more: object) -> Wire:
        return real(original, **{**more, "signed_by": stranger})  # type: ignore[arg-type]

    world.bravo.receipt = forged  # type: ignore[method-assign]


def _expired(world: World) -> None:
    """The certificate before has ended meanwhile."""
    world.clock.pass_time(timedelta(days=4000))


def _replaced(world: World) -> None:
    """The certificate before was ended by a person."""
    old = world.alpha.own.certificate.fingerprint
    for one in world.alpha.all_assignments():
        if one.fingerprint == old and one.side is Side.OURS:
            world.alpha.put(replace(one, state=AssignmentState.RETIRED, since=world.clock.now()))


NOTHING: dict[str, tuple[Callable[[World], None], str | None]] = {
    "self-healing is off": (_off, "healing.off"),
    "the answer is not signed": (_unsigned, "healing.unauthenticated"),
    "the answer is signed by a stranger": (_signed_by_a_stranger, None),
    "nobody answers": (_unreachable, None),
    "the partner is busy": (_busy, None),
    "another reason": (_other_reason, None),
    "the one before has expired": (_expired, "healing.no-way-back"),
    "the one before is out of service": (_replaced, "healing.no-way-back"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_is_put_back_when(changed: World, case: str) -> None:
    prepare, code = NOTHING[case]
    changed.alpha.change_terms(retries=())
    prepare(changed)
    before = {a.id: a.state for a in changed.alpha.all_assignments()}

    sent = changed.alpha.send()
    changed.work()

    assert {a.id: a.state for a in changed.alpha.all_assignments()} == before
    assert [c for c in codes(changed, sent.id) if c.startswith("healing.")] == ([code] if code else [])
    assert CHANGED_BACK not in changed.alpha.event_names()
    assert changed.alpha.document(sent.id).state is not DocumentState.DELIVERED


def test_a_message_from_before_the_change_proves_nothing_about_it(world: World) -> None:
    world.alpha.change_terms(receipt=ReceiptMode.ASYNC)
    sent = world.alpha.send()
    while world.alpha.work_once():
        pass
    world.later = []
    world.clock.pass_time(timedelta(seconds=10))
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert states(world) == (RETIRING, ACTIVE)
    (message,) = [m for m in world.alpha.messages(sent.id) if not m.refers_to]
    world.dial(receipt=ReceiptDial.AUTHENTICATION_FAILED)

    refusal = world.bravo._receipt_for(next(h for h in world.bravo.heard if h.message_id == message.wire_id))
    world.give(refusal)

    assert states(world) == (RETIRING, ACTIVE)
    assert codes(world, sent.id) == ["healing.other-certificate"]


def test_an_answer_on_our_tls_connection_counts_where_no_signed_receipt_is_agreed(changed: World) -> None:
    """As well authenticated as the agreement allows; over plain HTTP it is not."""
    changed.alpha.change_terms(receipt_signed=False, url="https://bravo.example/as2")
    changed.wire.listeners["https://bravo.example/as2"] = changed.wire.listeners[BRAVO_URL]

    changed.alpha.send()
    changed.work()

    assert states(changed) == (ACTIVE, STAGED)


def test_an_answer_over_plain_http_without_signature_never_counts(changed: World) -> None:
    changed.alpha.change_terms(receipt_signed=False)

    sent = changed.alpha.send()
    changed.work()

    assert states(changed) == (RETIRING, ACTIVE)
    assert codes(changed, sent.id) == ["healing.unauthenticated"]


def test_a_request_of_ours_that_failed_for_this_reason_is_asked_again(changed: World) -> None:
    """Its exchange is open once more, and the answer counts."""
    third = own_of("Alpha Arrows", key=rsa_key(4))

    changed.alpha.start(changed.alpha.hold(third))
    changed.work()

    newest = max(changed.alpha.exchanges(), key=lambda e: e.queued_at)
    assert newest.fingerprint == third.certificate.fingerprint
    assert newest.state.value == "accepted"
    assert changed.alpha.event_names().count(CHANGED_BACK) == 1


def test_a_person_finds_it_on_home_and_in_the_request_until_it_is_switched_again(changed: World) -> None:
    changed.alpha.send()
    changed.work()
    alpha = changed.alpha
    alpha.ports.store.seal()

    with alpha.ports.store.read() as reader:
        needs = home.home(reader, alpha.community, now=changed.clock.now()).needs
        (line,) = sent.trust_request(reader, alpha.community, 1, now=changed.clock.now()).lines

    assert needs[0].kind is home.NeedKind.CHANGED_BACK
    assert (needs[0].partner, needs[0].exchange, needs[0].urgent) == ("BRAVO", alpha.exchange, True)
    assert [f.code for f in line.findings] == ["healing.changed-back"]
    assert sent.LineAction.SWITCH_NOW in line.actions

    changed.bravo.gateway.verifies_with.append(new_one().certificate)
    trust_requests.switch_now(alpha.ports, ADMINISTRATOR, alpha.exchange.id)
    with alpha.ports.store.read() as reader:
        assert home.home(reader, alpha.community, now=changed.clock.now()).needs == ()


def test_what_a_person_switched_back_is_no_news_to_people(changed: World) -> None:
    alpha = changed.alpha
    trust_requests.switch_back(alpha.ports, ADMINISTRATOR, alpha.exchange.id)
    alpha.ports.store.seal()

    with alpha.ports.store.read() as reader:
        assert home.home(reader, alpha.community, now=changed.clock.now()).needs == ()
        (line,) = sent.trust_request(reader, alpha.community, 1, now=changed.clock.now()).lines
    assert line.findings == ()


def test_where_a_certificate_was_put_in_place_by_hand_it_heals_as_well(world: World) -> None:
    """No exchange brought it."""
    new = world.alpha.hold(new_one())
    certificates.assign(
        world.alpha.ports,
        ADMINISTRATOR,
        world.alpha.agreement_id,
        side=Side.OURS,
        usages=frozenset({Usage.SIGN}),
        fingerprint=new,
    )
    world.clock.pass_time(timedelta(minutes=1))

    sent = world.alpha.send()
    world.work()

    assert world.alpha.document(sent.id).state is DocumentState.DELIVERED
    assert states(world) == (ACTIVE, STAGED)
