"""Certificates with any issuer name, made at test time, and the CEM values that the tests vary."""

import functools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cem.model import (
    CertificateIdentifier,
    CertStatus,
    CertUsage,
    Request,
    Response,
    TradingPartner,
    TrustRequest,
    TrustResponse,
    WireTime,
)

NOW = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
ORIGINATED = WireTime.of(datetime.fromisoformat("2026-03-01T09:15:00+01:00"))
RESPOND_BY = WireTime.of(datetime.fromisoformat("2026-03-15T18:00:00+01:00"))
ALPHA = TradingPartner(name="ALPHA", qualifier="AS2")
BRAVO = TradingPartner(name="BRAVO", qualifier="AS2")


@functools.cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rdns(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """A name in the order of the certificate: most general first."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


ROOT = rdns((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Test, Ltd."), (NameOID.COMMON_NAME, "Test Root"))
INTERMEDIATE = rdns((NameOID.COUNTRY_NAME, "DE"), (NameOID.COMMON_NAME, "Test Intermediate"))


def certificate(
    subject: x509.Name | str = "Alpha AS2",
    *,
    issuer: x509.Name | None = None,
    key_number: int = 0,
    issuer_key: int | None = None,
    serial: int | None = None,
    ca: bool = False,
) -> Certificate:
    """Self-signed unless ``issuer`` is given; then signed with the key ``issuer_key``."""
    name = rdns((NameOID.COMMON_NAME, subject)) if isinstance(subject, str) else subject
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(key(key_number).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key(key_number if issuer_key is None else issuer_key), hashes.SHA256())
    )
    return Certificate.parse(built.public_bytes(Encoding.DER))


@functools.cache
def chain(common_name: str = "Alpha AS2", number: int = 0) -> tuple[Certificate, ...]:
    """Leaf, intermediate, root."""
    root = certificate(ROOT, key_number=90, ca=True)
    intermediate = certificate(INTERMEDIATE, issuer=ROOT, key_number=91, issuer_key=90, ca=True)
    return certificate(common_name, issuer=INTERMEDIATE, key_number=number, issuer_key=91), intermediate, root


def a_trust_request(leaf: Certificate | None = None, **changes: Any) -> TrustRequest:
    identifier = (
        CertificateIdentifier.of_text(r"CN=Alpha AS2 2026,O=Alpha\, Ltd.,C=DE", "1208925819614629174706177")
        if leaf is None
        else CertificateIdentifier.of(leaf)
    )
    made = TrustRequest(
        usages=frozenset({CertUsage.DIGITAL_SIGNATURE, CertUsage.KEY_ENCIPHERMENT}),
        respond_by=RESPOND_BY,
        response_url="https://as2.alpha.example/as2",
        identifier=identifier,
        content_id="7f3c2a.0001@alpha.example",
    )
    return replace(made, **changes)


def a_request(*trust_requests: TrustRequest, **changes: Any) -> Request:
    made = Request(
        request_id="cem-7f3c2a@alpha.example",
        partner=ALPHA,
        originated_at=ORIGINATED,
        trust_requests=trust_requests or (a_trust_request(),),
    )
    return replace(made, **changes)


def an_answer(status: CertStatus = CertStatus.ACCEPTED, **changes: Any) -> TrustResponse:
    made = TrustResponse(
        status=status,
        reason="keyUsage does not permit digitalSignature" if status is CertStatus.REJECTED else None,
        reference=a_trust_request().identifier,
    )
    return replace(made, **changes)


def a_response(*answers: TrustResponse, **changes: Any) -> Response:
    made = Response(
        request_id="cem-7f3c2a@alpha.example",
        partner=BRAVO,
        originated_at=ORIGINATED,
        trust_responses=answers or (an_answer(),),
    )
    return replace(made, **changes)


def request_for(*chains: Iterable[Certificate], **changes: Any) -> Request:
    """One trust request for the leaf of each chain, with the Content-IDs that ``content_ids("7f3c2a", ...)`` makes."""
    leaves = [next(iter(one)) for one in chains]
    return a_request(
        *(
            a_trust_request(leaf, content_id=f"7f3c2a.{number:04d}@alpha.example")
            for number, leaf in enumerate(leaves, start=1)
        ),
        **changes,
    )
