"""Our certificate on its way to a partner: Finish, the request, the partner's answer, the change-over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from counterseal.domain.agreement import CEMCapability
from counterseal.domain.certificate import Origin
from counterseal.domain.community import CutoverRule
from counterseal.domain.document import DocumentKind, DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.trust_request import TrustRequestState, derive_state
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import offers, trust_requests
from counterseal.engine.field_errors import FieldErrors
from counterseal.kernel.errors import CallerFault
from counterseal.protocols import cem
from counterseal_sim import CEMDial, Heard, ReceiptDial, Wire
from tests.builders import Minted, ec_key, mint, mint_ca, rsa_key
from tests.engine.world import BOTH, BRAVO_URL, ORDERS, RETRIES, Gateway, Pair, World, own_of, sealed
from tests.gateway import ADMINISTRATOR

ACTIVE, STAGED, RETIRING = AssignmentState.ACTIVE, AssignmentState.STAGED, AssignmentState.RETIRING


def new_one() -> Minted:
    return own_of("Alpha Arrows", key=rsa_key(2))


def states(gateway: Gateway, usage: Usage = Usage.SIGN) -> tuple[AssignmentState | None, AssignmentState | None]:
    """Of the old and the new certificate of ours."""
    found = gateway.assignments(Side.OURS, usage)
    return found.get(gateway.own.certificate.fingerprint), found.get(new_one().certificate.fingerprint)


def request_heard(world: World) -> tuple[Heard, cem.Request]:
    heard = next(h for h in world.bravo.heard if h.package is not None)
    assert heard.package is not None
    assert isinstance(heard.package.message, cem.Request)
    return heard, heard.package.message


# Finish


def test_finish_stages_the_certificate_before_anybody_is_told(world: World) -> None:
    """Rule 2; CEM-38: ready to decrypt from the generation of the request."""
    new = world.alpha.hold(new_one())

    request = world.alpha.start(new)

    assert world.wire.posted == []
    for usage in BOTH:
        assert states(world.alpha, usage) == (ACTIVE, STAGED)
    assert world.alpha.exchange.state is ExchangeState.QUEUED
    assert {r.kind for r in world.alpha.work()} == {WorkKind.SEND_TRUST_REQUEST, WorkKind.RESPOND_BY}
    assert request.number == 1
    assert world.alpha.event_names()[-1] == "trust-request.started"


def test_finish_with_a_new_certificate_stores_it_with_its_key_in_the_same_transaction(world: World) -> None:
    minted = mint("Alpha Arrows", key=rsa_key(6))
    source = trust_requests.NewCertificate(
        key=sealed(minted).key, certificate_der=minted.der, chain_der=(), origin=Origin.GENERATED, label="2027"
    )
    order = replace(world.alpha.order(minted.certificate.fingerprint), source=source)

    trust_requests.start(world.alpha.ports, ADMINISTRATOR, order)

    assert minted.certificate.fingerprint in world.alpha.held()
    world.work()
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    with pytest.raises(FieldErrors, match="here already"):
        trust_requests.start(world.alpha.ports, ADMINISTRATOR, order)


REFUSED = {
    "a past date": ({"days": -1}, "respond_by_date", "past"),
    "a date that is now": ({"days": 0}, "respond_by_date", "past"),
    "no usage": ({"usages": frozenset()}, "usages", "Tick"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_finish_is_refused_and_nothing_is_stored(world: World, case: str) -> None:
    """product.md section 8, first row."""
    changes, field, words = REFUSED[case]
    minted = mint("Alpha Arrows", key=rsa_key(6))
    source = trust_requests.NewCertificate(
        key=sealed(minted).key, certificate_der=minted.der, chain_der=(), origin=Origin.GENERATED
    )
    order = replace(world.alpha.order(minted.certificate.fingerprint, **changes), source=source)  # type: ignore[arg-type]
    before = (world.alpha.held(), world.alpha.all_assignments(), world.alpha.events())

    with pytest.raises(FieldErrors) as refused:
        trust_requests.start(world.alpha.ports, ADMINISTRATOR, order)

    assert [e.field for e in refused.value.errors] == [field]
    assert words in refused.value.errors[0].text
    assert before == (world.alpha.held(), world.alpha.all_assignments(), world.alpha.events())
    assert not [*world.alpha.exchanges(), *world.alpha.work(), *world.alpha.documents()]


def test_finish_without_partners_expired_or_foreign_is_refused_and_nothing_is_stored(world: World) -> None:
    expired = world.alpha.hold(mint("Old", key=rsa_key(3), starts_in=timedelta(days=-9), expires_in=timedelta(days=-1)))
    good = world.alpha.hold(new_one())
    nobody = replace(world.alpha.order(good), cem=())
    foreign = world.alpha.order(world.alpha.theirs.certificate.fingerprint)
    for order, field in ((nobody, "partners"), (world.alpha.order(expired), "certificate"), (foreign, "certificate")):
        with pytest.raises(FieldErrors) as refused:
            trust_requests.start(world.alpha.ports, ADMINISTRATOR, order)
        assert field in {e.field for e in refused.value.errors}

    assert not [*world.alpha.exchanges(), *world.alpha.work()]


# the request


def test_the_request_says_what_the_draft_wants(world: World) -> None:
    """CEM-4, CEM-5, CEM-6, CEM-8, CEM-9, CEM-10, CEM-19, CEM-20, CEM-21."""
    new = world.alpha.hold(new_one())
    world.dial(cem=CEMDial.SILENT)

    started = world.alpha.start(new, zone="Asia/Kolkata")
    world.work()

    heard, request = request_heard(world)
    assert heard.head.content_type.media_type == "application/pkcs7-mime"  # encrypted, as the agreement says
    assert heard.signer == world.alpha.own.certificate  # CEM-9: today's, never the new one
    assert heard.opened is not None
    assert heard.opened.progress.embedded == (world.alpha.own.der,)
    assert heard.head.receipt_request is not None
    assert heard.head.receipt_request.signed
    assert heard.head.announces_cem
    assert request.partner == cem.TradingPartner(name="ALPHA", qualifier="AS2")
    (item,) = request.trust_requests
    assert item.respond_by is not None
    assert item.respond_by.offset == timedelta(hours=5, minutes=30)
    assert item.respond_by.instant == started.respond_by
    assert item.response_url == "http://alpha.example/as2"
    assert heard.package is not None
    assert [o.leaf for o in heard.package.offers] == [new_one().certificate]
    assert heard.package.leniencies == frozenset()
    assert request.request_id == world.alpha.exchange.request_reference


def test_two_usages_are_one_trust_request_and_the_chain_goes_with_it(world: World) -> None:
    """CEM-13, CEM-15."""
    root = mint_ca()
    leaf = mint("Alpha Arrows", key=rsa_key(7), issuer=root)
    world.alpha.start(world.alpha.hold(leaf, (root,)))

    world.work()

    heard, request = request_heard(world)
    (item,) = request.trust_requests
    assert item.usages == {cem.CertUsage.DIGITAL_SIGNATURE, cem.CertUsage.KEY_ENCIPHERMENT}
    assert heard.package is not None
    assert heard.package.offers[0].chain == (root.certificate,)


def test_an_ec_certificate_is_offered_too(world: World) -> None:
    minted = mint("Alpha EC", key=ec_key(0))
    world.alpha.start(world.alpha.hold(minted), usages=frozenset({Usage.SIGN}))
    world.work()
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED

    world.alpha.send()
    world.work()

    assert world.bravo.heard[-1].signer == minted.certificate
    assert world.alpha.documents()[-1].state is DocumentState.DELIVERED


def test_the_receipts_mic_covers_the_whole_entity(world: World) -> None:
    """CEM-49."""
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))

    world.work()

    (document,) = world.alpha.documents(kind=DocumentKind.CEM_REQUEST)
    assert document.state is DocumentState.DELIVERED
    (receipt,) = world.alpha.receipts(document.id)
    (message,) = world.alpha.messages(document.id)[:1]
    assert receipt.mic.replace(" ", "").lower() == message.mic.replace(" ", "").lower()


# the answer


def test_an_acceptance_changes_the_partner_over(world: World) -> None:
    """CEM-40; rule 3: on acceptance."""
    request = world.alpha.start(world.alpha.hold(new_one()))

    world.work()

    exchange = world.alpha.exchange
    assert (exchange.state, exchange.answered_by) == (ExchangeState.ACCEPTED, "wire")
    for usage in BOTH:
        assert states(world.alpha, usage) == (RETIRING, ACTIVE)
    assert derive_state(request, [exchange], world.clock.now()) is TrustRequestState.COMPLETE
    assert world.alpha.agreement.cem_capability is CEMCapability.PROVED
    assert "exchange.accepted" in world.alpha.event_names()
    assert [a.status for a in world.answers] == [200]

    world.alpha.send()
    world.work()
    assert world.bravo.heard[-1].signer == new_one().certificate


def test_a_rejection_changes_nothing_also_after_the_date(world: World) -> None:
    """Rule 3; cem.md 3.2: no automatic switch after a rejection."""
    world.alpha.change_exchange(cutover=CutoverRule.ON_ACCEPTANCE_OR_DATE)
    world.dial(cem=CEMDial.REJECT)
    request = world.alpha.start(world.alpha.hold(new_one()))

    world.work()
    world.pass_time(timedelta(days=15))

    exchange = world.alpha.exchange
    assert exchange.state is ExchangeState.REJECTED
    assert exchange.reason == world.bravo.dials.reason
    for usage in BOTH:
        assert states(world.alpha, usage) == (ACTIVE, STAGED)
    assert derive_state(request, [exchange], world.clock.now()) is TrustRequestState.REJECTED
    assert world.alpha.work() == []


DATE = [
    (CutoverRule.ON_ACCEPTANCE, (ACTIVE, STAGED)),
    (CutoverRule.ON_ACCEPTANCE_OR_DATE, (RETIRING, ACTIVE)),
    (CutoverRule.MANUAL, (ACTIVE, STAGED)),
]


@pytest.mark.parametrize(("rule", "expected"), DATE)
@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=3)])
def test_a_silent_partner_at_the_date(
    world: World, rule: CutoverRule, expected: tuple[AssignmentState, AssignmentState], late: timedelta
) -> None:
    """CEM-40: only what we produce changes without an answer; decryption stays with both."""
    world.alpha.change_exchange(cutover=rule)
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()

    world.pass_time(timedelta(days=13))
    assert states(world.alpha) == (ACTIVE, STAGED)
    world.pass_time(timedelta(days=1) + late)
    world.pass_time(timedelta(seconds=2))

    assert states(world.alpha) == expected
    assert states(world.alpha, Usage.ENCRYPT) == (ACTIVE, STAGED)
    assert world.alpha.exchange.state is ExchangeState.RECEIVED
    assert world.alpha.work() == []


def test_a_partner_that_announces_cem_and_stays_silent_is_known_for_it(world: World) -> None:
    """cem.md 9.1: a peer that says it speaks CEM and never answers is real."""
    world.give(world.bravo.document(ORDERS))
    assert world.alpha.agreement.cem_capability.value == "announced"
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()

    world.pass_time(timedelta(days=15))

    assert world.alpha.agreement.cem_capability is CEMCapability.SILENT


@pytest.mark.parametrize("rule", [CutoverRule.MANUAL])
def test_with_the_manual_rule_a_person_switches(world: World, rule: CutoverRule) -> None:
    world.alpha.change_exchange(cutover=rule)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    assert states(world.alpha) == (ACTIVE, STAGED)

    trust_requests.switch_now(world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id)

    assert states(world.alpha) == (RETIRING, ACTIVE)
    assert world.alpha.event_names()[-1] == "exchange.switched-now"


def test_switch_back_restores_the_former_one_and_no_answer_moves_it_again(world: World) -> None:
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    world.clock.pass_time(timedelta(minutes=1))

    trust_requests.switch_back(world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id)

    assert states(world.alpha) == (ACTIVE, STAGED)
    world.alpha.send()
    world.work()
    assert world.bravo.heard[-1].signer == world.alpha.own.certificate
    world.pass_time(timedelta(days=20))
    assert states(world.alpha) == (ACTIVE, STAGED)
    with pytest.raises(trust_requests.NotPossible):
        trust_requests.switch_back(world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id)


def test_an_acceptance_before_the_validity_begins_changes_over_when_it_begins(world: World) -> None:
    later = mint("Alpha Arrows", key=rsa_key(8), starts_in=timedelta(days=3))
    fingerprint = world.alpha.hold(later)
    world.alpha.start(fingerprint)
    world.work()
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    assert world.alpha.assignments(Side.OURS, Usage.SIGN)[fingerprint] is STAGED

    trust_requests.change_respond_by(
        world.alpha.ports,
        ADMINISTRATOR,
        world.alpha.exchange.trust_request_id,
        respond_by=world.clock.now() + timedelta(days=30),
        time_zone="UTC",
    )
    world.pass_time(timedelta(days=3))

    assert world.alpha.assignments(Side.OURS, Usage.SIGN)[fingerprint] is ACTIVE


# delivery of the request itself


def test_a_request_that_cannot_be_delivered_fails_and_is_sent_again(world: World) -> None:
    """CEM-27's transport half."""
    world.wire.down.add(BRAVO_URL)
    request = world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert world.alpha.exchange.state.value == "queued"
    for pause in RETRIES:
        world.pass_time(pause)
    failed = world.alpha.exchange
    assert failed.state is ExchangeState.FAILED
    assert "could not be reached" in failed.reason
    assert derive_state(request, [failed], world.clock.now()) is TrustRequestState.FAILED
    world.wire.down.clear()

    trust_requests.resend(world.alpha.ports, ADMINISTRATOR, [failed.id])
    world.work()

    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    assert world.alpha.exchange.reminders == 1


@pytest.mark.parametrize("dial", [ReceiptDial.PROCESSING_ERROR, ReceiptDial.AUTHENTICATION_FAILED])
def test_an_error_receipt_means_undelivered_and_a_resend_is_possible(world: World, dial: ReceiptDial) -> None:
    """CEM-27."""
    world.dial(receipt=dial, cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    exchange = world.alpha.exchange
    assert (exchange.state, exchange.answered_at) == (ExchangeState.FAILED, None)
    assert states(world.alpha) == (ACTIVE, STAGED)
    world.dial(receipt=ReceiptDial.GOOD, cem=CEMDial.ACCEPT)

    trust_requests.resend(world.alpha.ports, ADMINISTRATOR, [exchange.id])
    world.work()

    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    first, second = [h for h in world.bravo.heard if h.package is not None]
    assert first.message_id != second.message_id
    assert first.package is not None
    assert second.package is not None
    assert first.package.message.request_id == second.package.message.request_id


def test_a_reminder_repeats_the_request_with_its_request_id(world: World) -> None:
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert world.alpha.exchange.state is ExchangeState.RECEIVED

    trust_requests.remind(world.alpha.ports, ADMINISTRATOR, [world.alpha.exchange.id])
    world.work()

    exchange = world.alpha.exchange
    assert (exchange.state, exchange.reminders) == (ExchangeState.RECEIVED, 1)
    ids = {h.package.message.request_id for h in world.bravo.heard if h.package is not None}
    assert ids == {exchange.request_reference}
    assert world.alpha.event_names()[-1] == "exchange.reminded"


# what a person does


def test_a_withdrawn_request_that_still_waits_never_leaves(world: World) -> None:
    request = world.alpha.start(world.alpha.hold(new_one()))

    trust_requests.withdraw(world.alpha.ports, ADMINISTRATOR, request.id)
    world.pass_time(timedelta(days=20))

    assert world.wire.posted == []
    assert world.alpha.exchange.state is ExchangeState.WITHDRAWN
    assert states(world.alpha) == (ACTIVE, STAGED)
    with pytest.raises(trust_requests.NotPossible, match="withdrawn already"):
        trust_requests.withdraw(world.alpha.ports, ADMINISTRATOR, request.id)


@pytest.mark.parametrize("whole", [True, False])
def test_withdrawing_also_stops_a_message_that_waits_for_its_next_attempt(world: World, *, whole: bool) -> None:
    world.wire.down.add(BRAVO_URL)
    request = world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    (document,) = world.alpha.documents()
    assert document.state is DocumentState.QUEUED

    if whole:
        trust_requests.withdraw(world.alpha.ports, ADMINISTRATOR, request.id)
    else:
        trust_requests.withdraw_exchange(world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id)
    world.wire.down.clear()
    world.pass_time(timedelta(days=1))

    assert world.bravo.heard == []
    assert world.alpha.document(document.id).state is DocumentState.CANCELLED


def test_an_answer_to_a_withdrawn_exchange_is_noted_and_changes_nothing(world: World) -> None:
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    trust_requests.withdraw_exchange(world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id)

    world.give(answer_to(world, accepted=True))

    assert world.alpha.exchange.state is ExchangeState.WITHDRAWN
    assert states(world.alpha) == (ACTIVE, STAGED)
    assert [f.code for f in world.alpha.documents()[-1].findings] == ["answer.withdrawn"]


def answer_to(world: World, *, accepted: bool) -> Wire:
    _, request = request_heard(world)
    return world.bravo.cem_response(
        request.request_id,
        cem.TrustResponse(
            status=cem.CertStatus.ACCEPTED if accepted else cem.CertStatus.REJECTED,
            reason=None if accepted else "no",
            reference=request.trust_requests[0].identifier,
        ),
    )


def test_an_answer_by_phone_counts_like_one_by_wire(world: World) -> None:
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    with pytest.raises(trust_requests.NotPossible, match="reason"):
        trust_requests.record_answer(
            world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id, accepted=False, reason=" "
        )

    trust_requests.record_answer(world.alpha.ports, ADMINISTRATOR, world.alpha.exchange.id, accepted=True, reason="")

    exchange = world.alpha.exchange
    assert (exchange.state, exchange.answered_by) == (ExchangeState.ACCEPTED, "local:tester")
    assert states(world.alpha) == (RETIRING, ACTIVE)
    with pytest.raises(CallerFault):
        trust_requests.record_answer(
            world.alpha.ports, ADMINISTRATOR, exchange.id, accepted=False, reason="they changed their mind"
        )
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED


def test_a_changed_date_is_the_one_that_counts_also_when_it_is_changed_back(world: World) -> None:
    world.alpha.change_exchange(cutover=CutoverRule.ON_ACCEPTANCE_OR_DATE)
    world.dial(cem=CEMDial.SILENT)
    request = world.alpha.start(world.alpha.hold(new_one()))
    world.work()

    def change(days: int) -> None:
        trust_requests.change_respond_by(
            world.alpha.ports,
            ADMINISTRATOR,
            request.id,
            respond_by=request.created_at + timedelta(days=days),
            time_zone="UTC",
        )

    change(20)
    world.pass_time(timedelta(days=15))
    assert states(world.alpha) == (ACTIVE, STAGED)
    change(16)
    change(20)
    change(16)
    world.pass_time(timedelta(days=1, seconds=1))
    assert states(world.alpha) == (RETIRING, ACTIVE)
    with pytest.raises(trust_requests.NotPossible, match="past"):
        change(1)


def test_withdrawing_after_the_answer_keeps_what_changed(world: World) -> None:
    request = world.alpha.start(world.alpha.hold(new_one()))
    world.work()

    trust_requests.withdraw(world.alpha.ports, ADMINISTRATOR, request.id)

    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    assert states(world.alpha) == (RETIRING, ACTIVE)


# races


@pytest.mark.parametrize("accepted", [True, False])
def test_a_response_before_the_receipt_counts(world: World, *, accepted: bool) -> None:
    """CEM-50."""
    world.dial(early=True, cem=CEMDial.ACCEPT if accepted else CEMDial.REJECT)
    world.alpha.start(world.alpha.hold(new_one()))

    world.work()

    wanted = ExchangeState.ACCEPTED if accepted else ExchangeState.REJECTED
    assert world.alpha.exchange.state is wanted
    assert states(world.alpha) == ((RETIRING, ACTIVE) if accepted else (ACTIVE, STAGED))
    assert world.alpha.documents(kind=DocumentKind.CEM_REQUEST)[0].state is DocumentState.DELIVERED


def test_an_error_receipt_after_an_early_acceptance_drops_it(world: World) -> None:
    """cem.md section 6, race: if the MDN turns negative, the decision is dropped."""
    world.dial(early=True, receipt=ReceiptDial.PROCESSING_ERROR)
    world.alpha.start(world.alpha.hold(new_one()))

    world.work()

    assert world.alpha.exchange.state is ExchangeState.FAILED
    assert states(world.alpha) == (ACTIVE, STAGED)
    world.alpha.send()
    world.work()
    assert world.bravo.heard[-1].signer == world.alpha.own.certificate


def test_an_acceptance_outlives_a_request_whose_receipt_never_came(world: World) -> None:
    """Giving up on our own message is no word of the partner's."""
    world.dial(early=True)
    world.wire.lost.add(BRAVO_URL)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED

    for pause in RETRIES:
        world.pass_time(pause)

    assert world.alpha.documents(kind=DocumentKind.CEM_REQUEST)[0].state is DocumentState.FAILED
    assert world.alpha.exchange.state is ExchangeState.ACCEPTED
    assert states(world.alpha) == (RETIRING, ACTIVE)


# two gateways of ours


def test_the_whole_exchange_between_two_gateways(pair: Pair) -> None:
    """CEM-1 to CEM-10 on both sides; CEM-25, CEM-29, CEM-39, CEM-41."""
    new = pair.alpha.hold(new_one())
    pair.alpha.start(new)
    pair.work()
    assert pair.alpha.exchange.state.value == "received"  # CEM-25: the receipt is no answer
    (offer,) = pair.bravo.offers()
    assert pair.bravo.assignments(Side.THEIRS, Usage.SIGN) == {pair.alpha.own.certificate.fingerprint: ACTIVE}

    offers.accept(pair.bravo.ports, ADMINISTRATOR, offer.id, offered_ids=None)
    pair.work()

    assert pair.alpha.exchange.state is ExchangeState.ACCEPTED
    assert states(pair.alpha) == (RETIRING, ACTIVE)
    pair.clock.pass_time(timedelta(minutes=2))
    out = pair.alpha.send()
    back = pair.bravo.send()
    pair.work()
    assert pair.alpha.document(out.id).state is pair.bravo.document(back.id).state is DocumentState.DELIVERED
    (received,) = [d for d in pair.alpha.documents() if d.direction.value == "in" and d.kind is DocumentKind.BUSINESS]
    assert pair.alpha.messages(received.id)[0].recipient == new
    assert pair.alpha.messages(out.id)[0].signer == new
