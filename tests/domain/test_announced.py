"""Identities that a partner announced for its first exchange (SCX-22)."""

import pytest

from counterseal.domain.agreement import InvalidAgreement
from counterseal.domain.announced import Announced, UnreadableIdentity, read_announced
from counterseal.kernel.distinguished import issuer_text, subject_text
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, KeyUsageBit
from tests.builders import a_certificate, mint, mint_ca, oftp2_terms, rsa_key

CA = mint_ca("Odette CA", key=rsa_key(90))
BRAVO = mint("Bravo", issuer=CA, key=rsa_key(1), extended_key_usage=[SERVER_AUTH, CLIENT_AUTH]).certificate
SUBJECT, ISSUER = subject_text(BRAVO), issuer_text(BRAVO)
ALL = "digitalSignature keyEncipherment clientAuth serverAuth"

FITS: dict[str, bool] = {
    f"{SUBJECT} | {ISSUER} | {ALL}": True,
    f"{SUBJECT} | {ISSUER} | serverAuth, clientAuth,keyEncipherment digitalSignature": True,
    f"{SUBJECT} |": True,
    f"| {ISSUER}": True,
    f"{', '.join(reversed(SUBJECT.split(',')))} | {ISSUER.lower()}": True,
    f"{SUBJECT} | {ISSUER} | digitalSignature": False,
    f"{SUBJECT} | {ISSUER} |": False,
    f"{SUBJECT} | CN=Other CA": False,
    f"CN=Charlie | {ISSUER}": False,
}


@pytest.mark.parametrize("line", FITS)
def test_subject_issuer_and_flags_are_compared_in_meaning(line: str) -> None:
    """SCX-17, SCX-22. Flags that are written and empty mean none."""
    assert read_announced(line).fits(BRAVO) is FITS[line]


def test_flags_are_exactly_those() -> None:
    signing = a_certificate("Bravo", key_usage=(KeyUsageBit.DIGITAL_SIGNATURE,))
    line = f"{subject_text(signing)} | | digitalSignature"
    assert read_announced(line) == Announced(
        subject=subject_text(signing), issuer="", flags=frozenset({"digitalSignature"})
    )
    assert read_announced(line).fits(signing)


@pytest.mark.parametrize(
    "line", ["", "Bravo", "|", " | | clientAuth", "Bravo | CN=CA", "CN=a | CN=b | king", "CN=a | CN=b | | clientAuth"]
)
def test_a_line_that_names_nobody_is_refused_with_the_agreement(line: str) -> None:
    with pytest.raises(UnreadableIdentity):
        read_announced(line)
    with pytest.raises(InvalidAgreement, match="announced"):
        oftp2_terms(announced=(line,))
