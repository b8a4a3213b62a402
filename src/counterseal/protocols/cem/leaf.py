"""Which certificate of a certs-only part is the offered one (2.3; cem.md 2.3, 5.2, rows 8, 9 and 12).

The order inside a P7C means nothing (it is a SET); the CertificateIdentifier names the leaf, and the certificate itself is
authoritative. Whether it may be trusted is not asked here.
"""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterseal.kernel.x509 import Certificate, MalformedCertificate, order_chain
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import Limits
from counterseal.protocols.cem.matrix import OfferProblem
from counterseal.protocols.cem.model import CertificateIdentifier
from counterseal.protocols.cem.names import NameMatch, match_issuer
from counterseal.protocols.cms import DEFAULT_LIMITS as CMS_LIMITS
from counterseal.protocols.cms import CMSFault, read_certs_only

_PEM: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END")
_RANK: Final = {NameMatch.SAME: 0, NameMatch.REORDERED: 1, NameMatch.ABRIDGED: 2}
_NAME_LENIENCY: Final = {
    NameMatch.SAME: None,
    NameMatch.REORDERED: Leniency.ISSUER_NAME_REORDERED,
    NameMatch.ABRIDGED: Leniency.ISSUER_NAME_ABRIDGED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLeaf:
    """The fields of an ``Offer`` that the part decides."""

    leaf: Certificate | None
    chain: tuple[Certificate, ...] = ()
    problem: OfferProblem | None = None
    leniencies: frozenset[Leniency] = frozenset()


def read_part(octets: bytes, identifier: CertificateIdentifier, limits: Limits) -> FoundLeaf:
    """What a certificate part offers under this identifier. Never raises: what is wrong is its ``problem``."""
    leniencies: set[Leniency] = set()
    try:
        certificates = _certificates(octets, limits, leniencies)
    except (CMSFault, MalformedCertificate):
        return FoundLeaf(leaf=None, problem=OfferProblem.PART_UNREADABLE)
    return _find(tuple(dict.fromkeys(certificates)), identifier, leniencies)


def _certificates(octets: bytes, limits: Limits, leniencies: set[Leniency]) -> list[Certificate]:
    text = octets.strip()
    if not octets.startswith(b"\x30"):
        leniencies.add(Leniency.TEXT_ENCODED_P7C)
        blocks = _PEM.findall(text)
        if blocks:
            leniencies.add(Leniency.BARE_CERTIFICATE)
            return [Certificate.parse(_from_base64(block)) for block in blocks[: limits.max_certificates]]
    try:
        bounds = replace(CMS_LIMITS, max_certificates=limits.max_certificates)
        return [Certificate.parse(der) for der in read_certs_only(octets, limits=bounds)]
    except CMSFault:
        bare = Certificate.parse(octets if octets.startswith(b"\x30") else _from_base64(text))
        leniencies.add(Leniency.BARE_CERTIFICATE)
        return [bare]


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(text.split()), strict_mode=True)
    except binascii.Error as error:
        raise MalformedCertificate("not base64") from error


def _find(
    certificates: Sequence[Certificate], identifier: CertificateIdentifier, leniencies: set[Leniency]
) -> FoundLeaf:
    ends = [one for one in certificates if not one.is_ca and not _issues_another(one, certificates)]
    matches = [
        (match, one)
        for one in certificates
        if one.serial == identifier.serial
        and (match := match_issuer(identifier.issuer_name, one)) is not NameMatch.DIFFERENT
    ]
    if not matches:
        return _unnamed(certificates, ends, leniencies)
    match, leaf = min(matches, key=lambda found: (_RANK[found[0]], found[1] not in ends))
    if (leniency := _NAME_LENIENCY[match]) is not None:
        leniencies.add(leniency)
    chain = order_chain(leaf, certificates)
    if any(end != leaf and end not in chain for end in ends):
        return FoundLeaf(
            leaf=leaf, chain=chain, problem=OfferProblem.SEVERAL_END_ENTITIES, leniencies=frozenset(leniencies)
        )
    if len(certificates) > 1 + len(chain):
        leniencies.add(Leniency.CERTIFICATES_SURPLUS)
    if not (chain[-1] if chain else leaf).self_issued:
        leniencies.add(Leniency.ISSUER_MISSING)
    return FoundLeaf(leaf=leaf, chain=chain, leniencies=frozenset(leniencies))


def _unnamed(certificates: Sequence[Certificate], ends: Sequence[Certificate], leniencies: set[Leniency]) -> FoundLeaf:
    """No certificate is the identifier's: the only possible one is shown to the operator, and rejected."""
    # A lone certificate is what is offered, even with CA:TRUE, as self-signed ones often are.
    possible = certificates if len(certificates) == 1 else ends
    if len(possible) == 1:
        leaf = possible[0]
        return FoundLeaf(
            leaf=leaf,
            chain=order_chain(leaf, certificates),
            problem=OfferProblem.IDENTIFIER_MISMATCH,
            leniencies=frozenset(leniencies),
        )
    problem = OfferProblem.SEVERAL_END_ENTITIES if possible else OfferProblem.NO_END_ENTITY
    return FoundLeaf(leaf=None, problem=problem, leniencies=frozenset(leniencies))


def _issues_another(one: Certificate, certificates: Sequence[Certificate]) -> bool:
    """By name alone: enough to tell roles apart, and no signature is checked for a stranger's sake."""
    return any(other.issuer == one.subject for other in certificates if other != one)
