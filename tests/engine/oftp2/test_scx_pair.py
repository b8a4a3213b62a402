"""SCX between two gateways of ours, from Finish at one to the decision at the other and back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import SCXType
from counterseal.domain.community import CutoverRule, HandlingMode
from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.offer import Offer
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import offers
from counterseal.engine.ports import Window
from tests import builders as b
from tests.engine.oftp2.certificate_partner import exchange_of, work
from tests.engine.oftp2.certificate_story import CHANGED, NEW, STAGED, ours, start
from tests.engine.oftp2.pair import USAGES, Gateway, Session, two_gateways
from tests.gateway import ADMINISTRATOR

NEW_PRINT = NEW.certificate.fingerprint


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Gateway, Gateway]]:
    """Both demand that everything is signed and encrypted, which certificate files are exempt from (SCX-3)."""
    with two_gateways(tmp_path) as gateways:
        yield gateways


def handle_by(gateway: Gateway, mode: HandlingMode) -> None:
    agreement = gateway.agreement
    with gateway.ports.store.write() as writer:
        writer.put(replace(agreement, exchange=replace(agreement.exchange, mode=mode)))


def offered_to(gateway: Gateway) -> Offer:
    with gateway.ports.store.read() as reader:
        (only,) = reader.offers(gateway.agreement.community_id, window=Window(limit=9))
        return only


def theirs(gateway: Gateway, usage: Usage = Usage.FILE_SIGN) -> dict[str, AssignmentState]:
    with gateway.ports.store.read() as reader:
        found = reader.assignments(agreement_id=gateway.agreement.id, side=Side.THEIRS)
    return {"new" if a.fingerprint == NEW_PRINT else "old": a.state for a in found if a.usage is usage}


def meet(caller: Gateway, called: Gateway) -> None:
    Session(caller, called).run()
    work(caller)
    work(called)


def test_a_deliver_waits_for_a_person_and_then_both_sides_change(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-3, SCX-6, SCX-34, SCX-36: the receipt comes in a session of its own, after the decision."""
    alpha, bravo = pair
    request = start(alpha)
    meet(alpha, bravo)
    assert exchange_of(alpha, request.id).state is ExchangeState.RECEIVED
    assert (ours(alpha), theirs(bravo)) == (STAGED, {"old": AssignmentState.ACTIVE})
    offers.accept(bravo.ports, ADMINISTRATOR, offered_to(bravo).id, offered_ids=None)
    work(bravo)
    meet(bravo, alpha)
    assert exchange_of(alpha, request.id).state is ExchangeState.ACCEPTED
    assert {usage: ours(alpha, usage) for usage in USAGES} == dict.fromkeys(USAGES, CHANGED)
    assert {usage: theirs(bravo, usage) for usage in USAGES} == dict.fromkeys(USAGES, CHANGED)


def test_what_a_person_writes_with_a_rejection_reaches_the_sent_page(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-8, SCX-34."""
    alpha, bravo = pair
    request = start(alpha)
    meet(alpha, bravo)
    reason = "We take only certificates of our CA."
    offers.reject(bravo.ports, ADMINISTRATOR, offered_to(bravo).id, offered_ids=None, reason=reason)
    work(bravo)
    meet(bravo, alpha)
    exchange = exchange_of(alpha, request.id)
    assert (exchange.state, reason in exchange.reason) == (ExchangeState.REJECTED, True)
    assert (ours(alpha), theirs(bravo)) == (STAGED, {"old": AssignmentState.ACTIVE})


def test_files_flow_both_ways_before_and_after_the_change(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-26, SCX-35: what Bravo encrypted to the old one is read after the change, what we sign with the new one is verified."""
    alpha, bravo = pair
    before = bravo.send(b"secured for the old key")
    start(alpha)
    Session(alpha, bravo).run()
    offers.accept(bravo.ports, ADMINISTRATOR, offered_to(bravo).id, offered_ids=None)
    work(bravo)
    meet(bravo, alpha)
    assert ours(alpha) == CHANGED
    after_theirs, after_ours = bravo.send(b"to the new key"), alpha.send(b"signed by the new key")
    meet(bravo, alpha)
    meet(alpha, bravo)
    assert {bravo.document(d).state for d in (before, after_theirs)} == {DocumentState.DELIVERED}
    assert alpha.document(after_ours).state is DocumentState.DELIVERED
    assert {d.state for d in alpha.documents(Direction.IN)} <= {DocumentState.RECEIVED, DocumentState.DELIVERED}


def test_a_replace_takes_the_old_one_out_of_service_on_both_sides(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-27."""
    alpha, bravo = pair
    start(alpha, SCXType.REPLACE)
    meet(alpha, bravo)
    offers.accept(bravo.ports, ADMINISTRATOR, offered_to(bravo).id, offered_ids=None)
    work(bravo)
    meet(bravo, alpha)
    replaced = {"old": AssignmentState.RETIRED, "new": AssignmentState.ACTIVE}
    assert {usage: ours(alpha, usage) for usage in USAGES} == dict.fromkeys(USAGES, replaced)
    assert {usage: theirs(bravo, usage) for usage in USAGES} == dict.fromkeys(USAGES, replaced)
    document = alpha.send(b"signed by the new key alone")
    meet(alpha, bravo)
    assert alpha.document(document).state is DocumentState.DELIVERED


def test_where_exchange_is_switched_off_the_answer_is_no(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-9."""
    alpha, bravo = pair
    handle_by(bravo, HandlingMode.OFF)
    request = start(alpha)
    meet(alpha, bravo)
    exchange = exchange_of(alpha, request.id)
    assert exchange.state is ExchangeState.REJECTED
    assert exchange.reason


def test_a_certificate_that_matches_nothing_by_itself_is_found_by_its_name(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-20: our CLID, read by our own other half."""
    alpha, bravo = pair
    renamed = b.mint("Alpha of another name", key=b.rsa_key(2))
    start(alpha, minted=renamed)
    meet(alpha, bravo)
    offer = offered_to(bravo)
    with bravo.ports.store.read() as reader:
        (offered,) = reader.offered([offer.id])
        (old,) = {
            a.fingerprint for a in reader.assignments(agreement_id=bravo.agreement.id, side=Side.THEIRS) if a.accepts
        }
    assert offered.replaces == (old,)


def test_a_request_brings_the_partners_certificates_and_they_are_tied_to_it(pair: tuple[Gateway, Gateway]) -> None:
    """SCX-29 to SCX-32: accepted by a person, answered with what Bravo uses here, each once, and no Deliver asks for another."""
    alpha, bravo = pair
    request = start(alpha, SCXType.REQUEST)
    meet(alpha, bravo)
    assert exchange_of(alpha, request.id).delivered is None
    offers.accept(bravo.ports, ADMINISTRATOR, offered_to(bravo).id, offered_ids=None)
    work(bravo)
    meet(bravo, alpha)
    meet(bravo, alpha)
    exchange = exchange_of(alpha, request.id)
    with bravo.ports.store.read() as reader:
        mine = reader.assignments(agreement_id=bravo.agreement.id, side=Side.OURS)
    assert exchange.state is ExchangeState.ACCEPTED
    assert exchange.delivered == tuple({a.fingerprint for a in mine})
    meet(alpha, bravo)
    meet(bravo, alpha)
    kinds = [d.file_name for d in bravo.documents(Direction.IN) if d.file_name.startswith("ODETTE")]
    assert kinds == ["ODETTE_CERTIFICATE_REQUEST"]


@pytest.mark.parametrize(
    ("rule", "after"),
    [(None, AssignmentState.ACTIVE), (CutoverRule.MANUAL, AssignmentState.STAGED)],
)
def test_a_default_that_answered_a_request_goes_into_use_when_it_is_accepted(
    pair: tuple[Gateway, Gateway], rule: CutoverRule | None, after: AssignmentState
) -> None:
    """SCX-29, SCX-34: Bravo had no signing certificate with this partner; staged before it is told, active from the EERP on."""
    alpha, bravo = pair
    agreement = bravo.agreement
    with bravo.ports.store.write() as writer:
        (signing,) = [
            a for a in writer.assignments(agreement_id=agreement.id, side=Side.OURS) if a.usage is Usage.FILE_SIGN
        ]
        writer.put(replace(signing, state=AssignmentState.RETIRED))
        community = writer.community(agreement.community_id)
        writer.put(replace(community, default_certificates={Usage.FILE_SIGN: signing.fingerprint}))
        writer.put(replace(agreement, exchange=replace(agreement.exchange, cutover=rule)))
    start(alpha, SCXType.REQUEST)
    meet(alpha, bravo)
    offers.accept(bravo.ports, ADMINISTRATOR, offered_to(bravo).id, offered_ids=None)
    work(bravo)
    with bravo.ports.store.read() as reader:
        assert AssignmentState.STAGED in states_of(reader.assignments(agreement_id=agreement.id), signing)
    meet(bravo, alpha)
    offers.accept(alpha.ports, ADMINISTRATOR, offered_to(alpha).id, offered_ids=None)
    work(alpha)
    meet(alpha, bravo)
    with bravo.ports.store.read() as reader:
        assert after in states_of(reader.assignments(agreement_id=agreement.id), signing)


def states_of(found: list[Assignment], like: Assignment) -> set[AssignmentState]:
    return {a.state for a in found if (a.side, a.usage, a.fingerprint) == (like.side, like.usage, like.fingerprint)}
