"""Revocation lists: brought in as files, believed when a trusted CA made them, old after fifteen days (SCX-13)."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.domain.policies import Revocation
from counterseal.domain.revocation import MAX_AGE, decide_revocation
from counterseal.engine import roots
from counterseal.engine.ports import Conflict
from counterseal.kernel.crl import MAX_OCTETS, RevocationList, UnreadableList
from counterseal.kernel.ids import PartnerId
from tests import builders as b
from tests.engine.oftp2.certificate_sender import alpha_and_bravo, bring, offer_of, receipts
from tests.engine.oftp2.pair import Gateway
from tests.engine.oftp2.test_scx_trust import ISSUED, ISSUER, ROOT, STRANGE, automatic, trust
from tests.gateway import ADMINISTRATOR

SERIAL = ISSUED.certificate.serial
BRAVO = PartnerId("bravo")


def add(alpha: Gateway, found: RevocationList) -> None:
    roots.add_revocation_list(alpha.ports, ADMINISTRATOR, alpha.agreement.community_id, content=found.der)


LISTS: dict[str, tuple[RevocationList, str | None]] = {
    "names it": (b.a_revocation_list(ISSUER, 1, SERIAL), "revoked"),
    "names it, and is old": (b.a_revocation_list(ISSUER, SERIAL, age=timedelta(days=40)), "revoked"),
    "does not name it": (b.a_revocation_list(ISSUER, 1), "EERP"),
    "does not name it, and is old": (b.a_revocation_list(ISSUER, age=MAX_AGE + timedelta(hours=1)), None),
}


@pytest.mark.parametrize("case", LISTS)
def test_what_the_issuers_list_says_decides(tmp_path: Path, case: str) -> None:
    """SCX-13 (test 7.1 of Odette's matrix): revoked is NERP, an old list leaves it to a person."""
    found, outcome = LISTS[case]
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        automatic(alpha)
        trust(alpha, ROOT, ISSUER)
        add(alpha, found)
        heard = receipts(bravo, bring(alpha, bravo, ISSUED.der))
        if outcome is None:
            assert heard == []
            stale = next(f for f in offer_of(alpha)[1].findings if f.code == "chain.revoked")
            assert "stale" in stale.text
        else:
            assert outcome in heard[0]


def test_a_list_is_believed_of_a_trusted_ca_and_only_when_it_is_newer(tmp_path: Path) -> None:
    with alpha_and_bravo(tmp_path) as (alpha, _):
        trust(alpha, ROOT, ISSUER)
        for wrong in (
            b.a_revocation_list(STRANGE),
            b.a_revocation_list(b.mint_ca("Odette CA", key=b.rsa_key(92))),
            b.a_revocation_list(ISSUER, age=timedelta(hours=-1)),
        ):
            with pytest.raises(roots.RootRefused):
                add(alpha, wrong)
        newest = b.a_revocation_list(ISSUER, 1)
        add(alpha, newest)
        for older in (newest, b.a_revocation_list(ISSUER, age=timedelta(days=2))):
            with pytest.raises(Conflict):
                add(alpha, older)
        with alpha.ports.store.read() as reader:
            kept = {t.certificate: t.revocation_list for t in reader.trusted_roots(alpha.agreement.community_id)}
        assert kept == {ROOT.certificate: None, ISSUER.certificate: newest}


def test_only_the_list_of_its_own_issuer_in_this_partners_scope_is_looked_at() -> None:
    """``None``: nothing is configured for it."""
    revoking = b.a_revocation_list(ISSUER, SERIAL)
    entry = b.a_trusted_root(certificate=ISSUER.certificate, revocation_list=revoking)
    other = b.a_trusted_root(certificate=ISSUER.certificate, revocation_list=revoking, partner_id=PartnerId("charlie"))
    root = b.a_trusted_root(certificate=ROOT.certificate, revocation_list=b.a_revocation_list(ROOT, SERIAL))
    decide = [decide_revocation(ISSUED.certificate, [one], BRAVO, b.NOW) for one in (entry, other, root)]
    assert decide == [Revocation.REVOKED, None, None]


def _partial(extension: x509.ExtensionType) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ISSUER.certificate.load().subject)
        .last_update(b.NOW)
        .next_update(b.NOW + timedelta(days=1))
        .add_extension(extension, critical=True)
    )
    return builder.sign(ISSUER.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hello",
        ISSUER.der,
        bytes(MAX_OCTETS + 1),
        _partial(x509.DeltaCRLIndicator(1)),
        _partial(
            x509.IssuingDistributionPoint(
                full_name=None,
                relative_name=None,
                only_contains_user_certs=False,
                only_contains_ca_certs=False,
                only_some_reasons=None,
                indirect_crl=True,
                only_contains_attribute_certs=False,
            )
        ),
    ],
    ids=["empty", "text", "a certificate", "too large", "delta", "indirect"],
)
def test_what_is_no_complete_list_is_refused(octets: bytes) -> None:
    with pytest.raises(UnreadableList):
        RevocationList.parse(octets)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=400), st.binary(max_size=20))
def test_damaged_lists_are_unreadable_or_not_signed(at: int, noise: bytes) -> None:
    der = b.a_revocation_list(ISSUER, 1, 2).der
    damaged = der[:at] + noise + der[at + len(noise) :]
    if damaged == der:
        return
    try:
        found = RevocationList.parse(damaged)
    except UnreadableList:
        return
    assert not found.issued_by(ISSUER.certificate) or found.der == der
