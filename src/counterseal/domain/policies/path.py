"""Whether a certificate reaches a trusted root: RFC 5280 path validation by ``cryptography``, with our extension rules."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError
from cryptography.x509.verification import Policy as PathPolicy

from counterseal.kernel.x509 import Certificate

MAX_DEPTH: Final = 8
"""Longer than any chain of a public or private CA that we know of."""
MAX_INTERMEDIATES: Final = 32


def path_to_root(
    certificate: Certificate, intermediates: Iterable[Certificate], roots: Sequence[Certificate], now: datetime
) -> tuple[Certificate, ...] | None:
    """The chain from the certificate to a trusted root, both included; ``None`` when there is none that is valid now.

    Issuers must be CA certificates, valid now, and allowed to sign certificates; name constraints and path lengths hold. What
    the leaf is for is judged by the usage policies, not here.
    """
    if not roots:
        return None
    pool = [c.load() for c in dict.fromkeys(intermediates) if c.is_ca][:MAX_INTERMEDIATES]
    verifier = (
        PolicyBuilder()
        .store(Store([root.load() for root in roots]))
        .time(now)
        .max_chain_depth(MAX_DEPTH)
        .extension_policies(ee_policy=ExtensionPolicy.permit_all(), ca_policy=_ISSUERS)
        .build_client_verifier()
    )
    try:
        chain = verifier.verify(certificate.load(), pool).chain
    except (VerificationError, ValueError):
        return None
    known = {c.der: c for c in (certificate, *roots)}
    ders = [c.public_bytes(Encoding.DER) for c in chain]
    return tuple(known.get(der) or Certificate.parse(der) for der in ders)


def _must_be_ca(_policy: PathPolicy, _certificate: x509.Certificate, extension: x509.BasicConstraints | None) -> None:
    if extension is None or not extension.ca:
        raise ValueError("an issuer must be a CA certificate")


def _may_sign(_policy: PathPolicy, _certificate: x509.Certificate, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("an issuer must be allowed to sign certificates")


_ISSUERS: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_ca)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
