"""What a partner's certificate file rests on: trusted roots, the list of issuers, a first exchange."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.channel import SCXType
from counterseal.domain.community import HandlingMode
from counterseal.domain.document import Document
from counterseal.domain.offer import OfferedState
from counterseal.domain.people import Actor, Permission
from counterseal.domain.root_role import RootRole
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import roots
from counterseal.engine.ports import Conflict, NotFound, Window
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import PartnerId, TrustedRootId
from counterseal.protocols.scx.logical_id import logical_id, write_clid
from tests import builders as b
from tests.engine.oftp2.certificate_sender import (
    NEXT,
    accept,
    alpha_and_bravo,
    bring,
    change_agreement,
    offer_of,
    queue,
    receipts,
)
from tests.engine.oftp2.pair import Gateway, Session
from tests.gateway import ADMINISTRATOR

ROOT = b.mint_ca("Odette Root", key=b.rsa_key(90))
ISSUER = b.mint_ca("Odette CA", key=b.rsa_key(91), issuer=ROOT)
STRANGE = b.mint_ca("Strange Root", key=b.rsa_key(92))
ISSUED = b.mint("Bravo Limited", key=b.rsa_key(3), issuer=ISSUER)
"""By a CA, another subject than the one in use."""


def trust(
    alpha: Gateway, *authorities: b.Minted, role: RootRole = RootRole.ROOT, partner: PartnerId | None = None
) -> list[TrustedRoot]:
    content = b"".join(one.certificate.pem.encode() for one in authorities)
    return roots.add(
        alpha.ports, ADMINISTRATOR, alpha.agreement.community_id, content=content, role=role, partner_id=partner
    )


def automatic(alpha: Gateway) -> None:
    change_agreement(alpha, mode=HandlingMode.AUTOMATIC)


def test_a_chain_to_a_trusted_root_is_accepted_where_the_rule_is_automatic(tmp_path: Path) -> None:
    """SCX-12, SCX-23: unmatched with a trusted chain; the issuer came with an earlier root file."""
    with alpha_and_bravo(tmp_path, secure_authentication=False) as (alpha, bravo):
        automatic(alpha)
        without = bring(alpha, bravo, ISSUED.der)
        assert "not trusted here" in receipts(bravo, without)[0]

    # Whoever calls proves itself by its key, so that the session is authenticated.
    with alpha_and_bravo(tmp_path / "again") as (alpha, bravo):
        automatic(alpha)
        trust(alpha, ROOT, ISSUER)
        sent = bring(alpha, bravo, ISSUED.der)
        assert receipts(bravo, sent) == ["EERP"]
        assert offer_of(alpha)[1].state is OfferedState.ACCEPTED


def test_a_root_of_one_partner_says_nothing_about_another(tmp_path: Path) -> None:
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        other = b.a_partner(slug="charlie", community_id=alpha.agreement.community_id)
        with alpha.ports.store.write() as writer:
            writer.put(other)
        trust(alpha, ROOT, ISSUER, partner=other.id)
        refused = bring(alpha, bravo, ISSUED.der)
        assert receipts(bravo, refused)[0].startswith("NERP")

        trust(alpha, ROOT, ISSUER, partner=alpha.agreement.partner_id)
        assert receipts(bravo, bring(alpha, bravo, ISSUED.der)) == ["EERP"]


def test_a_root_that_was_taken_out_is_trusted_no_more(tmp_path: Path) -> None:
    """What was accepted stays in use."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        added = trust(alpha, ROOT, ISSUER)
        community = alpha.agreement.community_id
        for root in added:
            roots.remove(alpha.ports, ADMINISTRATOR, community, root.id)
        assert receipts(bravo, bring(alpha, bravo, ISSUED.der))[0].startswith("NERP")
        with pytest.raises(NotFound):
            roots.remove(alpha.ports, ADMINISTRATOR, community, added[0].id)
        alpha.ports.store.seal()
        with alpha.ports.store.read() as reader:
            names = [e.event.event for e in reader.audit(window=Window(limit=100))]
        assert names.count("root.added") == names.count("root.removed") == 2


@pytest.mark.parametrize(
    ("issuer", "words"),
    [(ISSUER, "EERP"), (STRANGE, "not on the list of issuers"), (ROOT, "by a root itself")],
    ids=["listed", "off the list", "a listed root"],
)
def test_where_there_is_a_list_of_issuers_one_of_them_issued_the_certificate(
    tmp_path: Path, issuer: b.Minted, words: str
) -> None:
    """SCX-12, SCX-14 (tests 7.2 and 7.3 of Odette's matrix), also where the chain ends at a trusted root."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        trust(alpha, ROOT, ISSUER, role=RootRole.ISSUER)
        trust(alpha, STRANGE)
        sent = bring(alpha, bravo, b.mint("Bravo Limited", key=b.rsa_key(3), issuer=issuer).der)
        (receipt,) = receipts(bravo, sent)
        assert words in receipt


def test_a_self_signed_successor_needs_no_list(tmp_path: Path) -> None:
    """SCX-15."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        trust(alpha, ROOT, ISSUER, role=RootRole.ISSUER)
        assert receipts(bravo, bring(alpha, bravo, NEXT.der)) == ["EERP"]


_BAD: dict[str, Any] = {
    "no certificate": b"hello",
    "an end entity": NEXT.certificate.pem.encode(),
    "an end entity beside a CA": (ROOT.certificate.pem + NEXT.certificate.pem).encode(),
}


@pytest.mark.parametrize("content", _BAD)
def test_what_cannot_vouch_for_others_is_no_root_and_nothing_is_stored(tmp_path: Path, content: str) -> None:
    with alpha_and_bravo(tmp_path) as (alpha, _):
        community = alpha.agreement.community_id
        with pytest.raises(CallerFault):
            roots.add(alpha.ports, ADMINISTRATOR, community, content=_BAD[content], role=RootRole.ROOT, partner_id=None)
        with alpha.ports.store.read() as reader:
            assert reader.trusted_roots(community) == []


def test_a_root_is_added_once_by_somebody_who_may(tmp_path: Path) -> None:
    with alpha_and_bravo(tmp_path) as (alpha, _):
        trust(alpha, ROOT)
        with pytest.raises(Conflict):
            trust(alpha, ROOT)
        assert [r.certificate for r in trust(alpha, ROOT, ISSUER)] == [ISSUER.certificate]
        viewer = Actor(name="user:viewer", permissions=frozenset({Permission.VIEW}))
        community = alpha.agreement.community_id
        with pytest.raises(CallerFault):
            roots.remove(alpha.ports, viewer, community, TrustedRootId("x"))


# first exchange


def nothing_in_use(alpha: Gateway) -> None:
    with alpha.ports.store.write() as writer:
        for row in writer.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS):
            writer.put(replace(row, state=AssignmentState.RETIRED))


FIRST: dict[str, tuple[bool, SCXType, bool, str]] = {
    # allowed, type, trusted root, what comes of it
    "switched off": (False, SCXType.REQUEST, False, "NERP"),
    "a Deliver is no first exchange": (True, SCXType.DELIVER, False, "NERP"),
    "a person compares the fingerprint": (True, SCXType.REQUEST, False, "waits"),
    "a trusted chain": (True, SCXType.REQUEST, True, "EERP"),
}


@pytest.mark.parametrize("case", FIRST)
def test_a_request_begins_a_relationship_where_the_agreement_lets_it(tmp_path: Path, case: str) -> None:
    """SCX-22, SCX-23. The session is authenticated because we called; a password alone always waits for a person."""
    allowed, kind, trusted, outcome = FIRST[case]
    terms = {"secure_authentication": False, "first_exchange": allowed}
    with alpha_and_bravo(tmp_path, **terms) as (alpha, bravo):
        automatic(alpha)
        nothing_in_use(alpha)
        if trusted:
            trust(alpha, ROOT, ISSUER)
        sent = call_for(alpha, bravo, ISSUED.der, kind)

        heard = receipts(bravo, sent)
        if outcome != "waits":
            assert heard[0].startswith(outcome)
            assert (Usage.FILE_SIGN in in_use(alpha)) == (outcome == "EERP")
            return
        assert heard == []
        assert in_use(alpha) == set()
        assert "chain.trusted" in {f.code for f in offer_of(alpha)[1].verdict.findings if f.severity.value == "warning"}
        accept(alpha)
        assert in_use(alpha) == {Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN, Usage.SESSION_AUTH}


def call_for(alpha: Gateway, bravo: Gateway, content: bytes, kind: SCXType) -> Document:
    """Bravo's file in a session that Alpha opens."""
    sent = queue(bravo, content, kind)
    Session(alpha, bravo).run()
    return sent


def in_use(alpha: Gateway) -> set[Usage]:
    with alpha.ports.store.read() as reader:
        rows = reader.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS)
    return {a.usage for a in rows if a.produces}


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("mode", [HandlingMode.RENEWALS, HandlingMode.AUTOMATIC])
def test_the_name_of_the_old_one_alone_brings_no_other_subject_into_use(
    tmp_path: Path, mode: HandlingMode, *, trusted: bool
) -> None:
    """SCX-20: whoever read the old certificate can name it; a trusted chain (CA13 of the Odette tests) or a person decides."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        change_agreement(alpha, mode=mode)
        if trusted:
            trust(alpha, ROOT, ISSUER)
        with alpha.ports.store.read() as reader:
            rows = reader.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS)
            old = reader.find_certificate(alpha.agreement.community_id, rows[0].fingerprint)
        assert old is not None
        new = ISSUED if trusted else b.mint("Bravo Limited", key=b.rsa_key(3))

        sent = bring(alpha, bravo, new.der, description=write_clid(logical_id(old.certificate)) or "")

        by_rule = trusted and mode is HandlingMode.AUTOMATIC
        assert receipts(bravo, sent) == (["EERP"] if by_rule else [])
        assert offer_of(alpha)[1].replaces == (old.fingerprint,)


@pytest.mark.parametrize(
    ("announced", "outcome"),
    [("CN=Bravo Limited, O=Test | CN=Odette CA, O=Test", "EERP"), ("CN=Bravo Limited, O=Test | CN=Other CA", "NERP")],
)
def test_an_identity_entered_beforehand_begins_the_relationship_and_no_other(
    tmp_path: Path, announced: str, outcome: str
) -> None:
    """SCX-22: without any root; a mismatch is NERP."""
    terms = {"secure_authentication": False, "first_exchange": True, "announced": (announced,)}
    with alpha_and_bravo(tmp_path, **terms) as (alpha, bravo):
        automatic(alpha)
        nothing_in_use(alpha)
        sent = call_for(alpha, bravo, ISSUED.der, SCXType.REQUEST)
        assert receipts(bravo, sent)[0].startswith(outcome)
        assert (Usage.FILE_SIGN in in_use(alpha)) == (outcome == "EERP")
