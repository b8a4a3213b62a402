"""Certificate files of partners that lie or repeat: what they name stays untouched, and the receipt says why."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.domain.channel import SCXType
from counterseal.domain.community import HandlingMode
from counterseal.domain.document import DocumentState
from counterseal.domain.offer import OfferedState
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import AssignmentState, Side
from counterseal.engine import certificates, offers
from counterseal.engine.ports import Window
from counterseal.engine.translate import scx_inbound as translate
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH
from tests import builders as b
from tests.engine.oftp2.certificate_sender import (
    NEXT,
    accept,
    alpha_and_bravo,
    answer,
    bring,
    change_agreement,
    offer_of,
    queue,
    receipts,
    theirs,
)
from tests.engine.oftp2.pair import USAGES, Gateway, Session
from tests.engine.oftp2.test_scx_trust import ISSUER, ROOT, trust
from tests.gateway import ADMINISTRATOR

SECOND = Actor(name="user:second", permissions=frozenset(Permission))
CHARLIE = b.mint("Charlie", key=b.rsa_key(5))


def automatic(alpha: Gateway) -> None:
    change_agreement(alpha, mode=HandlingMode.AUTOMATIC)


def mark(alpha: Gateway, state: AssignmentState) -> Fingerprint:
    """What Bravo had is in this state now, and another certificate of the same name is in use."""
    other = b.mint("Bravo", key=b.rsa_key(6))
    held = certificates.add_partner_certificate(
        alpha.ports, ADMINISTRATOR, alpha.agreement.partner_id, content=other.der
    )
    with alpha.ports.store.write() as writer:
        rows = writer.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS)
        writer.put(*(replace(a, state=state) for a in rows))
    certificates.assign(
        alpha.ports,
        ADMINISTRATOR,
        alpha.agreement.id,
        side=Side.THEIRS,
        usages=frozenset(USAGES),
        fingerprint=held.fingerprint,
    )
    return rows[0].fingerprint


@pytest.mark.parametrize(
    ("state", "words"), [(AssignmentState.RETIRED, None), (AssignmentState.REVOKED, "was revoked")]
)
def test_a_certificate_that_went_out_of_service_does_not_come_back_by_itself(
    tmp_path: Path, state: AssignmentState, words: str | None
) -> None:
    """A replayed old file: of a retired one a person decides, a revoked one never comes back."""
    with alpha_and_bravo(tmp_path, secure_authentication=False) as (alpha, bravo):
        automatic(alpha)
        old = mark(alpha, state)
        with alpha.ports.store.read() as reader:
            held = reader.find_certificate(alpha.agreement.community_id, old)
        assert held is not None
        sent = queue(bravo, held.certificate.der)
        Session(alpha, bravo).run()
        if words is None:
            assert receipts(bravo, sent) == []
            assert "history.replay" in {f.code for f in offer_of(alpha)[1].verdict.findings if f.severity == "warning"}
        else:
            assert words in receipts(bravo, sent)[0]


def add_charlie(alpha: Gateway) -> Fingerprint:
    """Another partner of the same station and node."""
    partner = b.a_partner(slug="charlie", community_id=alpha.agreement.community_id)
    agreement = replace(
        b.an_agreement(
            community_id=alpha.agreement.community_id,
            station_id=alpha.agreement.station_id,
            partner_id=partner.id,
            protocol=alpha.agreement.protocol,
            partner_identity="O0013000003CHARLIE",
            terms=replace(alpha.agreement.oftp2, ssid_code="O0013000003CHARLIE"),
        ),
    )
    with alpha.ports.store.write() as writer:
        writer.put(partner, agreement)
    held = certificates.add_partner_certificate(alpha.ports, ADMINISTRATOR, partner.id, content=CHARLIE.der)
    certificates.assign(
        alpha.ports,
        ADMINISTRATOR,
        agreement.id,
        side=Side.THEIRS,
        usages=frozenset(USAGES),
        fingerprint=held.fingerprint,
    )
    return held.fingerprint


def states_of(alpha: Gateway, fingerprint: Fingerprint) -> set[AssignmentState]:
    with alpha.ports.store.read() as reader:
        rows = reader.assignments(community_id=alpha.agreement.community_id, fingerprint=fingerprint)
    return {a.state for a in rows}


def test_a_replace_reaches_no_certificate_of_another_partner(tmp_path: Path) -> None:
    """SCX-10, SCX-27: Charlie's stays in use, named by subject or by CLID."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        charlies = add_charlie(alpha)
        sent = bring(alpha, bravo, b.mint("Charlie", key=b.rsa_key(6)).der, SCXType.REPLACE)
        assert "nothing to replace" in receipts(bravo, sent)[0]
        assert states_of(alpha, charlies) == {AssignmentState.ACTIVE}


def test_a_file_in_the_name_of_another_partner_is_not_taken(tmp_path: Path) -> None:
    """SCX-10: SFIDORIG is no station of the partner that the session belongs to."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        add_charlie(alpha)
        with bravo.ports.store.write() as writer:
            station = writer.station(bravo.agreement.station_id)
            writer.put(replace(station, identity="O0013000003CHARLIE"))
            terms = replace(bravo.agreement.oftp2, our_ssid_code=station.identity)
            writer.put(replace(bravo.agreement, terms=terms))
        bravo.agreement = replace(bravo.agreement, terms=terms)

        sent = bring(alpha, bravo, NEXT.der)

        assert sent.state is DocumentState.FAILED
        assert "no agreement is known here between O0013000003CHARLIE" in sent.reason
        with alpha.ports.store.read() as reader:
            assert reader.documents(community_id=None, window=Window(limit=10)) == []


def test_a_certificate_that_another_partner_has_too_waits_for_a_person(tmp_path: Path) -> None:
    """The same key in two hands (oftp2-scx.md 6.8)."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        add_charlie(alpha)
        sent = bring(alpha, bravo, b.mint("Bravo", key=b.rsa_key(5)).der)
        assert receipts(bravo, sent) == []
        assert theirs(alpha) == {"old": AssignmentState.ACTIVE}


def test_a_first_tls_certificate_waits_for_a_person_also_with_a_trusted_chain(tmp_path: Path) -> None:
    """Once it is accepted, a partner that shows none is let in no more."""
    tls = b.mint("bravo.example", key=b.rsa_key(6), issuer=ISSUER, extended_key_usage=[SERVER_AUTH, CLIENT_AUTH])
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        trust(alpha, ROOT, ISSUER)
        sent = bring(alpha, bravo, tls.der)
        assert receipts(bravo, sent) == []
        assert offer_of(alpha)[1].state is OfferedState.PENDING


def test_where_two_people_must_agree_the_receipt_waits_for_the_second(tmp_path: Path) -> None:
    """SCX-36."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        with alpha.ports.store.write() as writer:
            community = writer.community(alpha.agreement.community_id)
            writer.put(replace(community, rules=replace(community.rules, two_people=True)))
        sent = bring(alpha, bravo, NEXT.der)
        accept(alpha)
        Session(bravo, alpha).run()
        assert receipts(bravo, sent) == []
        offers.accept(alpha.ports, SECOND, offer_of(alpha)[0].id, offered_ids=None)
        answer(alpha)
        Session(bravo, alpha).run()
        assert receipts(bravo, sent) == ["EERP"]


LINES = st.one_of(
    st.text(max_size=50),
    st.builds(lambda key, value: f"{key}={value}", st.sampled_from("INABES"), st.text(max_size=60)),
    st.builds(lambda number: f"N={number:x}", st.integers(min_value=0, max_value=2**80)),
)
KNOWN = [b.mint("Bravo").certificate, b.mint("Bravo, Ltd+x", issuer=ROOT).certificate]


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=8))
def test_whatever_stands_in_sfiddesc_names_ours_or_nothing(lines: list[str]) -> None:
    assert translate.named_by("\n".join(lines), KNOWN) <= {c.fingerprint for c in KNOWN}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["alone", "behind", "instead of the end", "in front"]))
def test_whatever_is_in_the_file_gives_a_certificate_or_a_problem(noise: bytes, where: str) -> None:
    der = KNOWN[0].der
    content = {
        "alone": noise,
        "behind": der + noise,
        "instead of the end": der[: -len(noise) - 1] + noise,
        "in front": noise + der,
    }[where]
    read = translate.read(content, "file", size=len(content))
    assert (read.leaf is None) == bool(read.problem)
    assert len(read.problem) < 999
