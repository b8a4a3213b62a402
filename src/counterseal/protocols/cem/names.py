"""How well a written X509IssuerName fits a certificate (draft 3.1; cem.md 5.2).

In order first, then as a multiset (products write names in both directions), then as a part of the real one (cem.md 9.2: one
product drops every RDN but seven types). The certificate that lies beside the name is authoritative, so a leniency here can at
most choose among the certificates that the same message brought.
"""

from collections import Counter
from enum import StrEnum

from counterseal.kernel.distinguished import issuer_text, parse_name
from counterseal.kernel.x509 import Certificate


class NameMatch(StrEnum):
    """Best first."""

    SAME = "same"
    REORDERED = "reordered"
    """The same RDNs in another order."""
    ABRIDGED = "abridged"
    """Some RDNs were left out, and none contradicts."""
    DIFFERENT = "different"


def match_issuer(text: str, certificate: Certificate) -> NameMatch:
    """How well a written issuer name fits the certificate's issuer."""
    written = parse_name(text)
    real = parse_name(issuer_text(certificate))
    if written == real:
        return NameMatch.SAME
    have, want = Counter(written), Counter(real)
    if have == want:
        return NameMatch.REORDERED
    if written and have <= want:
        return NameMatch.ABRIDGED
    return NameMatch.DIFFERENT
