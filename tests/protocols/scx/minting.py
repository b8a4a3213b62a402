"""Certificates with any name, usage and issuer, made at test time."""

import functools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BOTH = (SERVER_AUTH, CLIENT_AUTH)
_ALL = {
    "DS": "digital_signature",
    "NR": "content_commitment",
    "KE": "key_encipherment",
    "DE": "data_encipherment",
    "KA": "key_agreement",
    "CS": "key_cert_sign",
    "CRL": "crl_sign",
    "EO": "encipher_only",
    "DO": "decipher_only",
}


@functools.cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def name(text: str, organisation: str = "Alpha, Ltd.") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def certificate(
    subject: str | x509.Name = "A0",
    *,
    issuer: str | x509.Name | None = "CA",
    usage: str | None = "DS KE",
    purposes: Iterable[str] | None = BOTH,
    number: int = 0,
    issuer_number: int = 90,
    serial: int | None = None,
    ca: bool = False,
) -> Certificate:
    """Issued by ``issuer``, or self-signed where it is ``None``. ``usage``: short names of ``_ALL``."""
    subject_name = name(subject) if isinstance(subject, str) else subject
    issuer_name = subject_name if issuer is None else name(issuer) if isinstance(issuer, str) else issuer
    signer = key(number if issuer is None else issuer_number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer_name)
        .public_key(key(number).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key(number).public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if usage is not None:
        wanted = {_ALL[short] for short in usage.split()}
        builder = builder.add_extension(
            x509.KeyUsage(**{attribute: attribute in wanted for attribute in _ALL.values()}), critical=True
        )
    if purposes is not None:
        oids = [x509.ObjectIdentifier(purpose) for purpose in purposes]
        builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
    return Certificate.parse(builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER))
