"""A partner's CEM responses of every kind: what they change, and what is only noted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from counterseal.domain.document import Direction, DocumentKind, DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, trust_requests
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import as2, cem
from counterseal_sim import CEMDial, Wire
from tests.builders import Minted, a_partner, an_agreement, as2_terms, rsa_key
from tests.engine.test_documents_in import disposition_of
from tests.engine.world import BOTH, World, a_party, own_of
from tests.gateway import ADMINISTRATOR

ACTIVE, STAGED, RETIRING = AssignmentState.ACTIVE, AssignmentState.STAGED, AssignmentState.RETIRING
YES, NO = cem.CertStatus.ACCEPTED, cem.CertStatus.REJECTED


def new_one() -> Minted:
    return own_of("Alpha Arrows", key=rsa_key(2))


def answer(status: cem.CertStatus = YES, certificate: Certificate | None = None) -> cem.TrustResponse:
    return cem.TrustResponse(
        status=status,
        reason="no" if status is NO else None,
        reference=cem.CertificateIdentifier.of(certificate or new_one().certificate),
    )


@pytest.fixture
def asked(world: World) -> World:
    """Alpha has asked; Bravo has the request and says nothing by itself."""
    world.dial(cem=CEMDial.SILENT)
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    world.bravo.gateway.verifies_with.append(new_one().certificate)
    world.clock.pass_time(timedelta(minutes=1))
    return world


def reference(world: World) -> str:
    return world.alpha.exchange.request_reference


def states(world: World) -> tuple[AssignmentState | None, AssignmentState | None]:
    found = world.alpha.assignments(Side.OURS, Usage.SIGN)
    return found.get(world.alpha.own.certificate.fingerprint), found.get(new_one().certificate.fingerprint)


def codes(world: World) -> list[str]:
    """Of the last response that came."""
    return [f.code for f in world.alpha.documents(Direction.IN, kind=DocumentKind.CEM_RESPONSE)[-1].findings]


def _from_someone_else(world: World) -> Wire:
    """Charlie has an agreement too, and answers what Bravo was asked."""
    charlie = own_of("Charlie", key=rsa_key(5))
    alpha = world.alpha
    other = a_partner(community_id=alpha.community.id, slug="charlie", name="Charlie")
    agreement = an_agreement(
        community_id=alpha.community.id,
        station_id=alpha.agreement.station_id,
        partner_id=other.id,
        partner_identity="CHARLIE",
        terms=as2_terms(),
    )
    alpha.put(other, agreement)
    certificates.add_partner_certificate(alpha.ports, ADMINISTRATOR, other.id, content=charlie.der)
    certificates.assign(
        alpha.ports,
        ADMINISTRATOR,
        agreement.id,
        side=Side.THEIRS,
        usages=BOTH,
        fingerprint=charlie.certificate.fingerprint,
    )
    wire = world.bravo.cem_response(reference(world), answer(), name="CHARLIE", signed_by=a_party("CHARLIE", charlie))
    return wire.with_header("AS2-From", "CHARLIE")


def _twice(world: World) -> Wire:
    def doubled(body: bytes) -> bytes:
        start, end = body.index(b"<TrustResponse>"), body.index(b"</TrustResponse>") + len(b"</TrustResponse>")
        return body[:end] + body[start:end] + body[end:]

    return world.bravo.cem_response(reference(world), answer(), mend=doubled)


NOTHING: dict[str, tuple[Callable[[World], Wire], str]] = {
    "an unknown requestId": (lambda w: w.bravo.cem_response("nobody-asked", answer()), "answer.unknown-request"),
    "another partner": (_from_someone_else, "answer.wrong-partner"),
    "a certificate that was not asked about": (
        lambda w: w.bravo.cem_response(reference(w), answer(certificate=w.alpha.own.certificate)),
        "answer.not-asked",
    ),
    "one certificate twice": (_twice, "answer.given-twice"),
    "no requestId and no fitting certificate": (
        lambda w: w.bravo.cem_response(None, answer(certificate=w.alpha.own.certificate)),
        "answer.no-reference",
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_response_that_changes_nothing_is_noted_and_its_receipt_stays_positive(asked: World, case: str) -> None:
    """CEM-34, CEM-36."""
    make, code = NOTHING[case]
    before = (asked.alpha.exchange, asked.alpha.all_assignments())
    wire = make(asked)

    given = asked.give(wire)
    asked.work()

    assert disposition_of(asked, given) == "processed"
    response = [d for d in asked.alpha.documents(Direction.IN) if d.kind is DocumentKind.CEM_RESPONSE][-1]
    assert [f.code for f in response.findings] == [code]
    assert asked.alpha.exchange == before[0]
    assert {(a.id, a.state) for a in asked.alpha.all_assignments()} == {(a.id, a.state) for a in before[1]}


def test_an_unsigned_response_proves_nothing(asked: World) -> None:
    asked.alpha.change_terms(require_signed=False)

    given = asked.give(asked.bravo.cem_response(reference(asked), answer(), sign=False))

    assert disposition_of(asked, given) == "processed"
    assert "answer.unauthentic" in codes(asked)
    assert asked.alpha.exchange.state is ExchangeState.RECEIVED
    assert states(asked) == (ACTIVE, STAGED)


def test_an_unsigned_response_is_refused_where_signatures_are_agreed(asked: World) -> None:
    given = asked.give(asked.bravo.cem_response(reference(asked), answer(), sign=False))

    assert disposition_of(asked, given) == "processed/error: insufficient-message-security"
    assert asked.alpha.exchange.state is ExchangeState.RECEIVED


def test_a_malformed_response_is_an_error_and_changes_nothing(asked: World) -> None:
    """CEM-26, P-18."""
    wire = asked.bravo.cem_response(reference(asked), answer(NO), mend=lambda b: b.replace(b">no<", b">a & b<"))

    given = asked.give(wire)

    assert disposition_of(asked, given) == "processed/error: unexpected-processing-error"
    assert asked.alpha.documents()[-1].state is DocumentState.REFUSED
    assert asked.alpha.exchange.state is ExchangeState.RECEIVED


@pytest.mark.parametrize("request_id", ["echoed", "absent", "empty"])
def test_a_response_without_the_id_is_placed_by_its_certificate(asked: World, request_id: str) -> None:
    """cem.md row 24; CEM-52: ``requestId=""``."""
    wire = {
        "echoed": lambda: asked.bravo.cem_response(reference(asked), answer()),
        "absent": lambda: asked.bravo.cem_response(None, answer()),
        "empty": lambda: asked.bravo.cem_response("X-X", answer(), mend=lambda b: b.replace(b'"X-X"', b'""')),
    }[request_id]()

    asked.give(wire)

    assert asked.alpha.exchange.state is ExchangeState.ACCEPTED
    assert states(asked) == (RETIRING, ACTIVE)


def test_a_response_without_content_id_is_understood(asked: World) -> None:
    """CEM-52: the widely used product's shape."""

    def without(body: bytes) -> bytes:
        lines = [line for line in body.split(b"\r\n") if not line.startswith(b"Content-ID:")]
        return b"\r\n".join(lines)

    asked.give(asked.bravo.cem_response(reference(asked), answer(), mend=without))

    assert asked.alpha.exchange.state is ExchangeState.ACCEPTED
    assert codes(asked)
    assert all(code.startswith("cem.tolerated.") for code in codes(asked))


@pytest.mark.parametrize("repeat", ["the same message", "a new message"])
def test_the_same_answer_again_has_no_effect(asked: World, repeat: str) -> None:
    """CEM-35, first half."""
    wire = asked.bravo.cem_response(reference(asked), answer())
    asked.give(wire)
    before = (asked.alpha.exchange, asked.alpha.all_assignments(), asked.alpha.event_names())

    again = wire if repeat == "the same message" else asked.bravo.cem_response(reference(asked), answer())
    given = asked.give(again)

    assert disposition_of(asked, given) == "processed"
    assert (asked.alpha.exchange, asked.alpha.all_assignments(), asked.alpha.event_names()) == before


def test_a_changed_mind_counts_until_the_certificate_is_in_use(asked: World) -> None:
    """CEM-35; cem.md row 28."""
    asked.give(asked.bravo.cem_response(reference(asked), answer(NO)))
    assert asked.alpha.exchange.state.value == "rejected"

    asked.give(asked.bravo.cem_response(reference(asked), answer(YES)))
    assert asked.alpha.exchange.state.value == "accepted"
    assert codes(asked) == ["answer.changed"]
    assert states(asked) == (RETIRING, ACTIVE)

    asked.give(asked.bravo.cem_response(reference(asked), answer(NO)))
    assert asked.alpha.exchange.state.value == "accepted"
    assert codes(asked) == ["answer.after-use"]
    assert states(asked) == (RETIRING, ACTIVE)


def test_a_late_answer_is_still_an_answer(asked: World) -> None:
    """cem.md 3.3: the date is no limit on the response."""
    asked.pass_time(timedelta(days=30))

    asked.give(asked.bravo.cem_response(reference(asked), answer()))

    assert asked.alpha.exchange.state is ExchangeState.ACCEPTED
    assert states(asked) == (RETIRING, ACTIVE)


def test_an_answer_signed_with_a_stranger_s_certificate_is_refused(asked: World) -> None:
    stranger = a_party("BRAVO", own_of("Bravo Bows", key=rsa_key(5)))

    given = asked.give(asked.bravo.cem_response(reference(asked), answer(), signed_by=stranger))

    assert disposition_of(asked, given) == "processed/error: authentication-failed"
    assert asked.alpha.exchange.state is ExchangeState.RECEIVED
    assert states(asked) == (ACTIVE, STAGED)


@pytest.mark.parametrize("split", [True, False])
def test_answers_to_two_requests_come_split_or_merged(world: World, *, split: bool) -> None:
    """CEM-33: two open requests, each certificate answered by its own response or both without an id in one."""
    world.dial(cem=CEMDial.SILENT)
    second = own_of("Alpha Encryption", key=rsa_key(4))
    world.alpha.start(world.alpha.hold(new_one()), usages=frozenset({Usage.SIGN}))
    world.clock.pass_time(timedelta(seconds=1))
    world.alpha.start(world.alpha.hold(second), usages=frozenset({Usage.ENCRYPT}))
    world.work()
    yes, no = answer(YES), answer(NO, second.certificate)
    by_certificate = {e.fingerprint: e for e in world.alpha.exchanges()}
    first_id = by_certificate[new_one().certificate.fingerprint].request_reference

    if split:
        world.give(world.bravo.cem_response(first_id, yes))
        partly = {e.fingerprint: e.state for e in world.alpha.exchanges()}
        assert partly[second.certificate.fingerprint] is ExchangeState.RECEIVED
        world.give(world.bravo.cem_response(by_certificate[second.certificate.fingerprint].request_reference, no))
    else:
        world.give(world.bravo.cem_response(None, yes, no))

    found = {e.fingerprint: e.state for e in world.alpha.exchanges()}
    assert found[new_one().certificate.fingerprint] is ExchangeState.ACCEPTED
    assert found[second.certificate.fingerprint] is ExchangeState.REJECTED
    assert states(world) == (RETIRING, ACTIVE)


def test_a_response_arrives_over_the_usual_address_encrypted_to_the_new_certificate(asked: World) -> None:
    """cem.md 2.5: the response may use the just-accepted certificate."""
    asked.bravo.gateway.encrypts_to = new_one().certificate
    wire = asked.bravo.cem_response(reference(asked), answer())
    assert as2.MessageHead.parse(wire.headers).as2_to == "ALPHA"
    asked.give(wire)
    assert asked.alpha.exchange.state is ExchangeState.ACCEPTED

    given = asked.give(asked.bravo.document(b"first with the new one"))

    assert disposition_of(asked, given) == "processed"
    ours = [a for a in asked.alpha.all_assignments() if (a.side, a.usage) == (Side.OURS, Usage.ENCRYPT)]
    seen = {a.fingerprint for a in ours if a.first_seen_at}
    assert seen == {new_one().certificate.fingerprint}


def test_an_answer_to_a_request_that_failed_still_counts(world: World) -> None:
    """It had arrived after all."""
    world.dial(cem=CEMDial.SILENT)
    world.wire.lost.add("http://bravo.example/as2")
    world.alpha.change_terms(retries=())
    world.alpha.start(world.alpha.hold(new_one()))
    world.work()
    assert world.alpha.exchange.state.value == "failed"

    world.give(world.bravo.cem_response(reference(world), answer()))

    assert world.alpha.exchange.state.value == "accepted"
    assert states(world) == (RETIRING, ACTIVE)


def test_a_withdrawn_trust_request_is_not_revived_by_an_answer(asked: World) -> None:
    trust_requests.withdraw(asked.alpha.ports, ADMINISTRATOR, asked.alpha.exchange.trust_request_id)
    before = replace(asked.alpha.exchange)

    asked.give(asked.bravo.cem_response(reference(asked), answer()))

    assert asked.alpha.exchange == before
    assert codes(asked) == ["answer.withdrawn"]
    assert states(asked) == (ACTIVE, STAGED)
