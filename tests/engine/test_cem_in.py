"""A partner's certificate exchange request: findings first, then policy or people, then one answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.community import HandlingMode
from counterseal.domain.document import Direction, DocumentKind, DocumentState
from counterseal.domain.offer import OfferedState
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import offers
from counterseal.engine.configuration import secrets
from counterseal.kernel.distinguished import issuer_text
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Severity
from counterseal.kernel.x509 import KeyUsageBit
from counterseal.protocols import cem
from counterseal_sim import Offered, Wire
from tests.builders import Minted, mint, mint_ca, rsa_key
from tests.engine.test_documents_in import disposition_of
from tests.engine.world import BRAVO_URL, ORDERS, World, a_party, in_use, own_of
from tests.gateway import ADMINISTRATOR

ACTIVE, STAGED, RETIRING = AssignmentState.ACTIVE, AssignmentState.STAGED, AssignmentState.RETIRING
SIGN, CRYPT = cem.CertUsage.DIGITAL_SIGNATURE, cem.CertUsage.KEY_ENCIPHERMENT
SECOND = Actor(name="user:second", permissions=frozenset(Permission))


def renewal() -> Minted:
    """Bravo's next one: the same subject, self-signed."""
    return own_of("Bravo Bows", key=rsa_key(2))


def offer(world: World, minted: Minted | None = None, **more: Any) -> Wire:
    """Bravo's request for one certificate, given to the gateway; its key decrypts before it is offered (cem.md 3.2)."""
    ready(world, minted or renewal())
    one = Offered(certificate=(minted or renewal()).certificate, respond_by=world.clock.now() + timedelta(days=14))
    chain = more.pop("chain", ())
    usages = more.pop("usages", one.usages)
    url = more.pop("response_url", None)
    wire = world.bravo.cem_request(replace(one, chain=chain, usages=usages, response_url=url), **more)
    world.give(wire)
    return wire


def ready(world: World, *offered: Minted) -> None:
    world.bravo.extra_decrypters += [a_party("BRAVO", one) for one in offered]


def accept(world: World, actor: Actor = ADMINISTRATOR) -> None:
    offers.accept(world.alpha.ports, actor, world.alpha.offers()[-1].id, offered_ids=None)
    world.work()


def reject(world: World, reason: str = "not known here") -> None:
    offers.reject(world.alpha.ports, ADMINISTRATOR, world.alpha.offers()[-1].id, offered_ids=None, reason=reason)
    world.work()


def responses(world: World) -> list[cem.Response]:
    """What Bravo heard as answers."""
    heard = [h.package.message for h in world.bravo.heard if h.package is not None]
    return [m for m in heard if isinstance(m, cem.Response)]


def answers(world: World) -> list[tuple[str, str | None]]:
    return [(a.status.value, a.reason) for r in responses(world) for a in r.trust_responses]


def states(world: World, usage: Usage = Usage.SIGN) -> tuple[AssignmentState | None, AssignmentState | None]:
    """Of Bravo's old and new certificate."""
    found = world.alpha.assignments(Side.THEIRS, usage)
    return found.get(world.alpha.theirs.certificate.fingerprint), found.get(renewal().certificate.fingerprint)


# manual


def test_a_request_waits_for_a_person_and_nothing_is_trusted_before(world: World) -> None:
    """CEM-25, CEM-28: a positive MDN, pending, and the certificate verifies and encrypts nothing."""
    before = world.alpha.all_assignments()

    offer(world)
    world.work()

    assert disposition_of(world, world.answers[-1]) == "processed"
    (offered,) = world.alpha.offered()
    assert (offered.state, offered.certificate) == (OfferedState.PENDING, renewal().certificate)
    assert offered.verdict.findings
    assert not offered.verdict.refused
    assert offered.replaces == (world.alpha.theirs.certificate.fingerprint,)
    assert [(a.fingerprint, a.state) for a in world.alpha.all_assignments()] == [
        (a.fingerprint, a.state) for a in before
    ]
    assert renewal().certificate.fingerprint not in world.alpha.held()
    assert responses(world) == []
    assert world.alpha.work() == []
    assert world.alpha.event_names()[-1] == "offer.received"
    answer = world.give(world.bravo.document(ORDERS, signed_by=a_party("BRAVO", renewal())))
    assert disposition_of(world, answer) == "processed/error: authentication-failed"
    world.alpha.send()
    world.work()
    assert world.bravo.heard[-1].recipient == world.alpha.theirs.der


def test_an_accepted_certificate_is_used_at_once_and_the_former_one_still_verifies(world: World) -> None:
    """CEM-39, CEM-41, rule 4."""
    offer(world)

    accept(world)

    assert answers(world) == [("Accepted", None)]
    assert world.alpha.work() == []
    for usage in (Usage.SIGN, Usage.ENCRYPT):
        assert states(world, usage) == (RETIRING, ACTIVE)
    world.alpha.send()
    world.work()
    assert world.bravo.heard[-1].recipient == renewal().der
    for one in (renewal(), world.alpha.theirs):
        answer = world.give(world.bravo.document(ORDERS, signed_by=a_party("BRAVO", one)))
        assert disposition_of(world, answer) == "processed"
    assert "offer.accepted" in world.alpha.event_names()


def test_the_response_is_what_the_draft_wants(world: World) -> None:
    """CEM-7, CEM-8, CEM-10, CEM-19, CEM-29, CEM-30, CEM-31, CEM-32."""
    offer(world, request_id="their request & <id>")

    accept(world)

    heard = next(h for h in world.bravo.heard if h.package is not None)
    assert heard.package is not None
    (response,) = responses(world)
    assert response.request_id == "their request & <id>"
    assert response.partner == cem.TradingPartner(name="ALPHA", qualifier="AS2")
    (only,) = response.trust_responses
    assert only.reference == cem.CertificateIdentifier.of(renewal().certificate)
    assert heard.signer == world.alpha.own.certificate
    assert heard.content.count(b"Content-ID:") == 1
    assert b"certs-only" not in heard.content
    assert heard.head.receipt_request is not None
    assert heard.head.receipt_request.signed
    assert heard.head.announces_cem
    (document,) = world.alpha.documents(Direction.OUT)
    assert (document.kind, document.state) == (DocumentKind.CEM_RESPONSE, DocumentState.DELIVERED)


def test_the_certificate_reference_comes_back_letter_by_letter(world: World) -> None:
    """CEM-31: echoed as it came, in whatever dialect."""
    written = issuer_text(renewal().certificate).encode()
    dialect = b"O=Test,  CN=Bravo Bows"

    offer(world, mend=lambda body: _replaced(body, written, dialect))
    accept(world)

    assert answers(world) == [("Accepted", None)]
    (response,) = responses(world)
    assert response.trust_responses[0].reference.issuer_name == dialect.decode()


def _replaced(body: bytes, old: bytes, new: bytes) -> bytes:
    assert old in body
    return body.replace(old, new)


def test_a_request_without_an_id_is_answered_without_one(world: World) -> None:
    """CEM-30."""
    offer(world, request_id=None)

    accept(world)

    assert [r.request_id for r in responses(world)] == [None]
    assert answers(world) == [("Accepted", None)]


def test_a_rejection_says_why_and_changes_nothing(world: World) -> None:
    """CEM-29, CEM-46."""
    before = world.alpha.all_assignments()
    offer(world)

    reject(world, 'not & never "you" <too>')

    assert answers(world) == [("Rejected", 'not & never "you" <too>')]
    assert states(world) == (ACTIVE, None)
    assert {a.state for a in world.alpha.all_assignments()} == {a.state for a in before}
    assert renewal().certificate.fingerprint not in world.alpha.held()


def test_a_decision_is_taken_once(world: World) -> None:
    offer(world)
    accept(world)

    for act in (accept, reject):
        with pytest.raises(offers.DecisionRefused):
            act(world)

    assert answers(world) == [("Accepted", None)]


def test_a_rejection_needs_a_reason_and_a_stranger_is_not_in_the_request(world: World) -> None:
    offer(world)

    with pytest.raises(offers.DecisionRefused, match="reason"):
        reject(world, "  ")
    with pytest.raises(offers.DecisionRefused, match="has no certificate"):
        offers.accept(world.alpha.ports, ADMINISTRATOR, world.alpha.offers()[0].id, offered_ids=("nobody",))  # type: ignore[arg-type]

    assert world.alpha.offered()[0].state is OfferedState.PENDING


def test_two_certificates_are_decided_one_by_one_and_answered_in_one_response(world: World) -> None:
    """CEM-33's other side."""
    second = own_of("Bravo Signing", key=rsa_key(3))
    ready(world, renewal(), second)
    world.give(
        world.bravo.cem_request(
            Offered(certificate=renewal().certificate, usages=frozenset({CRYPT})),
            Offered(certificate=second.certificate, usages=frozenset({SIGN})),
        )
    )
    one, two = world.alpha.offered()
    offer_id = world.alpha.offers()[0].id

    offers.accept(world.alpha.ports, ADMINISTRATOR, offer_id, offered_ids=(one.id,))
    world.work()
    assert responses(world) == []
    assert states(world, Usage.ENCRYPT) == (RETIRING, ACTIVE)
    offers.reject(world.alpha.ports, ADMINISTRATOR, offer_id, offered_ids=(two.id,), reason="not this one")
    world.work()

    assert answers(world) == [("Accepted", None), ("Rejected", "not this one")]
    assert len(responses(world)) == 1
    assert states(world, Usage.SIGN) == (ACTIVE, None)


def test_two_people_must_agree_where_the_community_wants_that(world: World) -> None:
    world.alpha.change_rules(two_people=True)
    offer(world)

    accept(world)
    assert world.alpha.offered()[0].state is OfferedState.PENDING
    assert states(world) == (ACTIVE, None)
    assert responses(world) == []
    with pytest.raises(offers.DecisionRefused, match="Another person"):
        accept(world)
    accept(world, SECOND)

    assert answers(world) == [("Accepted", None)]
    assert states(world) == (RETIRING, ACTIVE)
    assert world.alpha.event_names().count("offer.approved-first") == 1


def test_without_the_permission_nothing_is_decided(world: World) -> None:
    offer(world)
    viewer = Actor(name="user:viewer", permissions=frozenset({Permission.VIEW}))

    with pytest.raises(CallerFault):
        accept(world, viewer)

    assert world.alpha.offered()[0].state is OfferedState.PENDING


# by policy


MODES = [
    (HandlingMode.OFF, "renewal", ["Rejected"]),
    (HandlingMode.MANUAL, "renewal", []),
    (HandlingMode.RENEWALS, "renewal", ["Accepted"]),
    (HandlingMode.RENEWALS, "stranger", []),
    (HandlingMode.AUTOMATIC, "renewal", ["Accepted"]),
    (HandlingMode.AUTOMATIC, "stranger", []),
]


@pytest.mark.parametrize("by", ["community", "agreement"])
@pytest.mark.parametrize(("mode", "which", "expected"), MODES)
def test_a_handling_mode(world: World, mode: HandlingMode, which: str, expected: list[str], by: str) -> None:
    """product.md section 2, the Received page; the agreement overrides the community."""
    if by == "community":
        world.alpha.change_rules(cem_mode=mode)
    else:
        world.alpha.change_exchange(mode=mode)

    offer(world, renewal() if which == "renewal" else own_of("Somebody Else", key=rsa_key(3)))
    world.work()

    assert [status for status, _ in answers(world)] == expected
    (offered,) = world.alpha.offered()
    assert offered.decided_by == ("policy" if expected else "")
    accepted = expected == ["Accepted"]
    assert states(world) == ((RETIRING, ACTIVE) if accepted else (ACTIVE, None))
    assert bool(offered.findings)


def test_exchange_switched_off_for_a_partner_is_told_to_it(world: World) -> None:
    world.alpha.change_exchange(enabled=False)

    offer(world)
    world.work()

    ((status, reason),) = answers(world)
    assert status == "Rejected"
    assert "switched off" in (reason or "")
    assert renewal().certificate.fingerprint not in world.alpha.held()


@pytest.mark.parametrize("mode", [HandlingMode.RENEWALS, HandlingMode.AUTOMATIC])
def test_an_unsigned_request_is_never_automatic(world: World, mode: HandlingMode) -> None:
    """CEM-47; product.md section 9."""
    world.alpha.change_rules(cem_mode=mode)
    world.alpha.change_terms(require_signed=False, require_encrypted=False)

    offer(world, sign=False)
    world.work()

    assert world.alpha.offered()[0].state is OfferedState.PENDING
    assert not world.alpha.offers()[0].signed
    assert answers(world) == []


def test_two_people_are_not_replaced_by_a_policy_that_waits(world: World) -> None:
    world.alpha.change_rules(cem_mode=HandlingMode.RENEWALS, two_people=True)
    offer(world, own_of("Somebody Else", key=rsa_key(3)))
    world.work()

    assert answers(world) == []


def _expired(_: World) -> Minted:
    return mint("Bravo Bows", key=rsa_key(2), starts_in=timedelta(days=-9), expires_in=timedelta(days=-1))


def _no_signing(_: World) -> Minted:
    return mint("Bravo Bows", key=rsa_key(2), key_usage=(KeyUsageBit.KEY_ENCIPHERMENT,))


def _ours(world: World) -> Minted:
    return world.alpha.own


def _authority(_: World) -> Minted:
    return mint("Bravo Bows", key=rsa_key(2), issuer=mint_ca(), ca=True)


BAD: dict[str, Callable[[World], Minted]] = {
    "expired": _expired,
    "key usage forbids signing": _no_signing,
    "one of ours": _ours,
    "an issued authority": _authority,
}


@pytest.mark.parametrize("case", BAD)
def test_a_certificate_that_we_do_not_trust_gets_a_positive_receipt_and_a_rejection(world: World, case: str) -> None:
    """CEM-48, CEM-51; product.md section 8: positive MDN and Response Rejected with reason, never both negative."""
    world.alpha.change_rules(cem_mode=HandlingMode.AUTOMATIC)
    before = world.alpha.held()

    offer(world, BAD[case](world))
    world.work()

    assert disposition_of(world, world.answers[0]) == "processed"
    ((status, reason),) = answers(world)
    assert status == "Rejected"
    assert reason
    (offered,) = world.alpha.offered()
    assert offered.verdict.refused
    assert world.alpha.held() == before
    assert states(world) == (ACTIVE, None)


@pytest.mark.parametrize("case", BAD)
def test_a_person_cannot_accept_what_the_checks_refuse(world: World, case: str) -> None:
    offer(world, BAD[case](world))
    assert world.alpha.offered()[0].state is OfferedState.PENDING

    with pytest.raises(offers.DecisionRefused, match="cannot be accepted"):
        accept(world)

    assert answers(world) == []
    assert states(world) == (ACTIVE, None)
    reject(world, "see the findings")
    assert answers(world) == [("Rejected", "see the findings")]


def test_a_leaf_without_its_chain_from_an_unknown_issuer_waits_for_a_person(world: World) -> None:
    """CEM-45, CEM-52: EE-only P7C."""
    world.alpha.change_rules(cem_mode=HandlingMode.AUTOMATIC)

    offer(world, mint("Bravo Bows", key=rsa_key(2), issuer=mint_ca()))
    world.work()

    statuses = [status for status, _ in answers(world)]
    assert statuses in ([], ["Rejected"])
    assert world.alpha.offered()[0].state is not OfferedState.ACCEPTED
    assert states(world) == (ACTIVE, None)


@pytest.mark.parametrize("mode", [HandlingMode.MANUAL, HandlingMode.AUTOMATIC])
def test_another_certificate_in_the_part_than_the_xml_names_is_rejected(world: World, mode: HandlingMode) -> None:
    """CEM-51; with the mode manual a person may only word the reason."""
    world.alpha.change_rules(cem_mode=mode)
    serial = str(renewal().certificate.serial).encode()

    offer(world, mend=lambda body: _replaced(body, serial, b"4711"))
    world.work()

    assert disposition_of(world, world.answers[0]) == "processed"
    if mode is HandlingMode.MANUAL:
        with pytest.raises(offers.DecisionRefused):
            accept(world)
        reject(world, "the XML names another certificate")
    ((status, reason),) = answers(world)
    assert (status, bool(reason)) == ("Rejected", True)
    assert states(world) == (ACTIVE, None)


def test_a_certificate_that_was_retired_or_revoked_here_does_not_come_back_by_itself(world: World) -> None:
    """cem.md section 7, replay."""
    world.alpha.change_rules(cem_mode=HandlingMode.AUTOMATIC)
    wire = offer(world)
    world.work()
    for one in world.alpha.all_assignments():
        if one.fingerprint == renewal().certificate.fingerprint:
            world.alpha.put(replace(one, state=AssignmentState.REVOKED))
    world.clock.pass_time(timedelta(days=1))

    offer(world)
    world.work()

    assert world.alpha.offered()[-1].state is not OfferedState.ACCEPTED
    assert states(world)[1] is AssignmentState.REVOKED
    world.give(wire)
    world.work()
    assert states(world)[1] is AssignmentState.REVOKED


def test_one_that_is_accepted_already_is_accepted_again_without_a_change(world: World) -> None:
    """CEM-43."""
    before = {(a.fingerprint, a.usage, a.state) for a in world.alpha.all_assignments()}

    offer(world, world.alpha.theirs)
    world.work()

    assert answers(world) == [("Accepted", None)]
    assert {(a.fingerprint, a.usage, a.state) for a in world.alpha.all_assignments()} == before


def test_usages_accumulate_over_requests(world: World) -> None:
    """CEM-44."""
    offer(world, usages=frozenset({SIGN}))
    accept(world)
    assert states(world, Usage.ENCRYPT) == (ACTIVE, None)
    world.clock.pass_time(timedelta(minutes=1))

    offer(world, usages=frozenset({CRYPT}))
    accept(world)
    assert (states(world, Usage.SIGN), states(world, Usage.ENCRYPT)) == ((RETIRING, ACTIVE), (RETIRING, ACTIVE))

    offer(world, usages=frozenset({SIGN}))
    world.work()
    assert (states(world, Usage.SIGN), states(world, Usage.ENCRYPT)) == ((RETIRING, ACTIVE), (RETIRING, ACTIVE))
    assert [status for status, _ in answers(world)] == ["Accepted"] * 3


def test_tls_certificates_of_theirs_are_trusted_together(world: World) -> None:
    """CEM-42: recipient trusts both concurrently."""
    usages = frozenset({cem.CertUsage.TLS_SERVER, cem.CertUsage.TLS_CLIENT})
    tls = mint("bravo.example", key=rsa_key(3), extended_key_usage=("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"))
    next_one = mint("bravo.example", key=rsa_key(4), extended_key_usage=("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"))

    for one in (tls, next_one):
        offer(world, one, usages=usages)
        accept(world)
        world.clock.pass_time(timedelta(minutes=1))

    for usage in (Usage.TLS_SERVER, Usage.TLS_CLIENT):
        assert world.alpha.assignments(Side.THEIRS, usage) == {
            tls.certificate.fingerprint: RETIRING,
            next_one.certificate.fingerprint: ACTIVE,
        }


# validity that begins later (cem.md row 15)


def test_one_whose_validity_begins_before_the_date_is_accepted_when_it_begins(world: World) -> None:
    world.alpha.change_rules(cem_mode=HandlingMode.RENEWALS)
    later = mint("Bravo Bows", key=rsa_key(2), starts_in=timedelta(days=3))

    offer(world, later)
    world.work()
    assert world.alpha.offered()[0].state is OfferedState.PENDING
    assert [r.kind for r in world.alpha.work()] == [WorkKind.DECIDE_LATER]
    world.pass_time(timedelta(days=2, hours=23))
    assert answers(world) == []
    world.pass_time(timedelta(hours=1))

    assert answers(world) == [("Accepted", None)]
    assert world.alpha.assignments(Side.THEIRS, Usage.SIGN)[later.certificate.fingerprint] is ACTIVE


def test_one_whose_validity_begins_after_the_date_is_rejected(world: World) -> None:
    world.alpha.change_rules(cem_mode=HandlingMode.RENEWALS)

    offer(world, mint("Bravo Bows", key=rsa_key(2), starts_in=timedelta(days=30)))
    world.work()

    ((status, reason),) = answers(world)
    assert (status, bool(reason)) == ("Rejected", True)


def test_one_accepted_by_a_person_before_its_validity_is_staged_and_active_when_it_begins(world: World) -> None:
    later = mint("Bravo Bows", key=rsa_key(2), starts_in=timedelta(days=3))
    offer(world, later)

    accept(world)
    assert answers(world) == [("Accepted", None)]
    assert world.alpha.assignments(Side.THEIRS, Usage.ENCRYPT) == {
        world.alpha.theirs.certificate.fingerprint: ACTIVE,
        later.certificate.fingerprint: STAGED,
    }
    world.pass_time(timedelta(days=3))

    assert world.alpha.assignments(Side.THEIRS, Usage.ENCRYPT) == {
        world.alpha.theirs.certificate.fingerprint: RETIRING,
        later.certificate.fingerprint: ACTIVE,
    }
    assert len(responses(world)) == 1


# repetition


def test_the_same_message_again_is_answered_with_its_receipt_and_processed_once(world: World) -> None:
    """cem.md row 22."""
    wire = offer(world)
    first = world.answers[-1]
    accept(world)

    again = world.give(wire)
    world.work()

    assert again.body == first.body
    assert len(world.alpha.offers()) == len(responses(world)) == 1


def test_a_repeated_request_in_a_new_message_is_answered_with_the_stored_decision(world: World) -> None:
    """cem.md row 20."""
    offer(world, request_id="r-1")
    reject(world, "no")

    offer(world, request_id="r-1")
    world.work()

    assert len(world.alpha.offers()) == 1
    assert answers(world) == [("Rejected", "no")] * 2
    assert "cem.request-repeated" in {f.code for f in world.alpha.documents(Direction.IN)[-1].findings}


def test_a_repeated_request_that_still_waits_is_answered_once_when_it_is_decided(world: World) -> None:
    offer(world, request_id="r-1")
    offer(world, request_id="r-1")
    world.work()
    assert responses(world) == []

    accept(world)

    assert answers(world) == [("Accepted", None)]


def test_the_same_request_id_with_another_certificate_is_another_request(world: World) -> None:
    """cem.md row 21: never overwrites a decided one."""
    offer(world, request_id="r-1")
    accept(world)
    world.clock.pass_time(timedelta(minutes=1))

    offer(world, own_of("Somebody Else", key=rsa_key(3)), request_id="r-1")
    world.work()

    assert len(world.alpha.offers()) == 2
    assert [o.state for o in world.alpha.offered()] == [OfferedState.ACCEPTED, OfferedState.PENDING]
    assert answers(world) == [("Accepted", None)]


def test_the_response_is_retried_like_any_document_and_there_is_only_one(world: World) -> None:
    world.wire.lost.add(BRAVO_URL)
    offer(world)
    accept(world)
    world.wire.lost.clear()

    world.pass_time(timedelta(seconds=30))

    assert len({h.message_id for h in world.bravo.heard}) == 1
    assert len(world.alpha.documents(kind=DocumentKind.CEM_RESPONSE)) == 1
    assert world.alpha.documents(kind=DocumentKind.CEM_RESPONSE)[0].state is DocumentState.DELIVERED


# dates


def test_a_date_in_the_past_is_processed_and_flagged(world: World) -> None:
    """cem.md 3.3."""
    ready(world, renewal())
    world.give(
        world.bravo.cem_request(
            Offered(certificate=renewal().certificate, respond_by=world.clock.now() - timedelta(days=1))
        )
    )

    (document,) = world.alpha.documents()
    assert "cem.respond-by-past" in {f.code for f in document.findings}
    accept(world)
    assert answers(world) == [("Accepted", None)]


def test_a_request_without_a_date_is_processed(world: World) -> None:
    """CEM-22."""
    ready(world, renewal())
    world.give(world.bravo.cem_request(Offered(certificate=renewal().certificate)))

    assert world.alpha.offers()[0].respond_by is None
    accept(world)
    assert answers(world) == [("Accepted", None)]


# where the answer goes (CEM-37, cem.md row 33)


URLS = [
    ("http://bravo.example/cem", (), "http://bravo.example/cem"),
    ("http://BRAVO.example:8080/cem", (), "http://BRAVO.example:8080/cem"),
    ("https://cem.bravo.example/in", ("cem.bravo.example",), "https://cem.bravo.example/in"),
    ("http://169.254.169.254/latest", (), ""),
    ("file:///etc/passwd", (), ""),
    ("ftp://bravo.example/in", (), ""),
    ("http://bravo.example@evil.example/", (), ""),
    ("http://bravo.example\u2100.evil/", (), ""),  # no address at all, though the schema takes it
    ("", (), ""),
]


@pytest.mark.parametrize(("url", "hosts", "goes_to"), URLS)
def test_a_response_url_is_followed_only_where_the_agreement_knows_its_host(
    world: World, url: str, hosts: tuple[str, ...], goes_to: str
) -> None:
    """CEM-37."""
    world.alpha.change_exchange(response_url_hosts=hosts)
    world.wire.listeners[url] = world.wire.listeners[BRAVO_URL]
    written = f"<ResponseURL>{url}</ResponseURL>".encode()
    usual = f"<ResponseURL>{BRAVO_URL}</ResponseURL>".encode()
    offer(world, mend=lambda body: _replaced(body, usual, written))

    accept(world)

    (document,) = world.alpha.documents(Direction.OUT)
    assert document.address == goes_to
    assert [p.url for p in world.wire.posted] == [goes_to or BRAVO_URL]
    codes = [f.code for f in document.findings]
    assert codes == ([] if goes_to or not url else ["cem.response-url-not-allowed"])
    assert document.state is DocumentState.DELIVERED


def test_the_password_of_an_agreement_never_goes_to_another_host(world: World) -> None:
    sealed = secrets.sealed(world.alpha.ports.vault, "let me in", world.alpha.agreement_id, "basic_password_sealed")
    world.alpha.change_terms(basic_user="alpha", basic_password_sealed=sealed)
    world.alpha.change_exchange(response_url_hosts=("cem.bravo.example",))
    url = "http://cem.bravo.example/in"
    world.wire.listeners[url] = world.wire.listeners[BRAVO_URL]
    offer(world, response_url=url)
    accept(world)
    world.alpha.send()
    world.work()

    elsewhere, usual = world.wire.posted
    assert (elsewhere.url, elsewhere.basic) == (url, None)
    assert (usual.url, usual.basic) == (BRAVO_URL, ("alpha", "let me in"))


# what is refused as a message (channel M)


def _other(minted: Minted) -> Callable[[World], Wire]:
    return lambda w: w.bravo.cem_request(Offered(certificate=minted.certificate), signed_by=a_party("BRAVO", minted))


def _mended(old: bytes, new: bytes) -> Callable[[World], Wire]:
    return lambda w: w.bravo.cem_request(
        Offered(certificate=renewal().certificate), mend=lambda body: _replaced(body, old, new)
    )


REFUSED: dict[str, tuple[Callable[[World], Wire], str, str]] = {
    "signed by the certificate that it introduces": (
        _other(renewal()),
        "authentication-failed",
        "cms.signer-unknown",
    ),
    "unsigned": (
        lambda w: w.bravo.cem_request(Offered(certificate=renewal().certificate), sign=False),
        "insufficient-message-security",
        "admission.unsigned",
    ),
    "malformed XML": (
        _mended(b"</TrustRequest>", b"<TrustRequest>"),
        "unexpected-processing-error",
        "cem.malformed-xml",
    ),
    "a DTD": (
        _mended(b"<EDIINTCertificateExchangeRequest", b"<!DOCTYPE x><EDIINTCertificateExchangeRequest"),
        "unexpected-processing-error",
        "cem.dtd-forbidden",
    ),
    "an unknown usage": (
        _mended(b">digitalSignature<", b">signing<"),
        "unexpected-processing-error",
        "cem.schema-invalid",
    ),
    "another name": (
        lambda w: w.bravo.cem_request(Offered(certificate=renewal().certificate), name="CHARLIE"),
        "unexpected-processing-error",
        "cem.name-mismatch",
    ),
}


@pytest.mark.parametrize("mode", [HandlingMode.MANUAL, HandlingMode.AUTOMATIC])
@pytest.mark.parametrize("case", REFUSED)
def test_a_request_is_refused_as_a_message_and_never_answered(world: World, case: str, mode: HandlingMode) -> None:
    """CEM-26; cem.md section 6: an error MDN and no Response, never both."""
    make, extension, code = REFUSED[case]
    world.alpha.change_rules(cem_mode=mode)
    before = (world.alpha.held(), in_use(world))

    answer = world.give(make(world))
    world.work()

    assert disposition_of(world, answer) == f"processed/error: {extension}"
    (document,) = world.alpha.documents()
    assert document.state is DocumentState.REFUSED
    assert [f.code for f in document.findings if f.severity is Severity.REFUSAL] == [code]
    assert (world.alpha.held(), in_use(world)) == before
    assert not [*world.alpha.offers(), *world.alpha.work(), *world.wire.posted]


def test_an_encrypted_and_compressed_request_is_read(world: World) -> None:
    """CEM-11."""
    offer(world, encrypt=True, compress=True)

    accept(world)

    assert answers(world) == [("Accepted", None)]
