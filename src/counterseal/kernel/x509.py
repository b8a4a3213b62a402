"""A certificate as a value: immutable DER, and the facts that decisions need, read once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.ids import Fingerprint

MAX_CERTIFICATE_BYTES: Final = 64 * 1024
"""Larger than any certificate seen in EDI (post-quantum ones included), small enough to parse without thought."""


_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises for octets that are no certificate, at parsing or when a field is asked for."""


class MalformedCertificate(PeerFault):
    """Not an X.509 certificate, or one that cannot be read."""

    code = "x509.malformed"


class KeyUsageBit(StrEnum):
    """RFC 5280 4.2.1.3, by its names."""

    DIGITAL_SIGNATURE = "digitalSignature"
    NON_REPUDIATION = "nonRepudiation"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DATA_ENCIPHERMENT = "dataEncipherment"
    KEY_AGREEMENT = "keyAgreement"
    KEY_CERT_SIGN = "keyCertSign"
    CRL_SIGN = "cRLSign"


_BITS = {
    KeyUsageBit.DIGITAL_SIGNATURE: "digital_signature",
    KeyUsageBit.NON_REPUDIATION: "content_commitment",
    KeyUsageBit.KEY_ENCIPHERMENT: "key_encipherment",
    KeyUsageBit.DATA_ENCIPHERMENT: "data_encipherment",
    KeyUsageBit.KEY_AGREEMENT: "key_agreement",
    KeyUsageBit.KEY_CERT_SIGN: "key_cert_sign",
    KeyUsageBit.CRL_SIGN: "crl_sign",
}

SERVER_AUTH: Final = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
CLIENT_AUTH: Final = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string

_SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate. Equality and hash are those of its DER. Build with ``Certificate.parse``."""

    der: bytes
    fingerprint: Fingerprint = field(compare=False)
    subject: str = field(compare=False)
    """RFC 4514, most specific first; short names of RFC 4514 section 3 only, everything else dotted."""
    issuer: str = field(compare=False)
    serial: int = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    common_name: str = field(compare=False)
    """The last CN of the subject, or the whole subject when it has none."""
    key_algorithm: str = field(compare=False)
    """``rsa``, ``ec`` or the algorithm's OID."""
    key_bits: int = field(compare=False)
    curve: str = field(compare=False)
    """``secp256r1`` and so on; empty for RSA."""
    signature_digest: str = field(compare=False)
    """``sha256`` and so on; empty where unknown."""
    key_usage: frozenset[KeyUsageBit] | None = field(compare=False)
    """``None``: the extension is absent, which permits everything."""
    extended_key_usage: frozenset[str] | None = field(compare=False)
    """Dotted OIDs; ``None``: the extension is absent."""
    is_ca: bool = field(compare=False)
    self_issued: bool = field(compare=False)
    """Subject equals issuer."""
    san_dns: tuple[str, ...] = field(compare=False)
    subject_key_id: bytes = field(compare=False)
    """From the extension; empty where absent."""
    authority_key_id: bytes = field(compare=False)
    spki: bytes = field(compare=False, repr=False)
    """SubjectPublicKeyInfo DER: two certificates with the same spki hold the same key."""

    @classmethod
    def parse(cls, der: bytes) -> "Certificate":
        """A certificate from DER. Octets behind its end are cut. Raises ``MalformedCertificate``."""
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise MalformedCertificate(f"a certificate of {len(der)} bytes; at most {MAX_CERTIFICATE_BYTES} are read")
        der = _cut(der)
        try:
            return _read(cls, der, x509.load_der_x509_certificate(der))
        except MalformedCertificate:
            raise
        except _UNREADABLE as error:
            raise MalformedCertificate("the bytes are not a readable X.509 certificate") from error

    @classmethod
    def parse_pem(cls, pem: bytes) -> "Certificate":
        """The first certificate of a PEM text. Raises ``MalformedCertificate``."""
        try:
            loaded = x509.load_pem_x509_certificate(pem)
        except (ValueError, TypeError) as error:
            raise MalformedCertificate("the text holds no readable PEM certificate") from error
        return cls.parse(loaded.public_bytes(Encoding.DER))

    @property
    def pem(self) -> str:
        return self.load().public_bytes(Encoding.PEM).decode("ascii")

    def load(self) -> x509.Certificate:
        """The ``cryptography`` object, parsed anew."""
        return x509.load_der_x509_certificate(self.der)

    def valid_at(self, now: datetime) -> bool:
        return self.not_before <= now <= self.not_after

    def issued_by(self, issuer: "Certificate") -> bool:
        """Whether the issuer's name and key fit this certificate's signature."""
        try:
            self.load().verify_directly_issued_by(issuer.load())
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True

    @property
    def self_signed(self) -> bool:
        """Subject equals issuer and its own key verifies it (cem.md section 8: an end entity with issuer = subject)."""
        return self.self_issued and self.issued_by(self)


def fingerprint_of(der: bytes) -> Fingerprint:
    """The identity of a certificate of which nothing else is needed; ``der`` must have no surplus octets."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return Fingerprint(digest.finalize().hex())


def permits(certificate: Certificate, *bits: KeyUsageBit) -> bool:
    """Whether the key usage allows at least one of ``bits``; an absent extension allows everything."""
    return certificate.key_usage is None or any(bit in certificate.key_usage for bit in bits)


def pretty_fingerprint(fingerprint: str) -> str:
    """``35:43:BB:...``: pairs, upper case, as people compare them."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def order_chain(leaf: Certificate, others: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The leaf's issuers out of ``others``, nearest first, ending at a self-issued one or where none fits."""
    pool = list(dict.fromkeys(others))
    chain: list[Certificate] = []
    current = leaf
    while not current.self_issued:
        found = next((c for c in pool if c.subject == current.issuer and c not in chain and current.issued_by(c)), None)
        if found is None:
            break
        chain.append(found)
        current = found
    return tuple(chain)


def _cut(der: bytes) -> bytes:
    """The first DER element of ``der``: trailing octets are removed (a trap found with real peers)."""
    if len(der) < 4 or der[0] != 0x30:
        raise MalformedCertificate("expected a DER SEQUENCE")
    first = der[1]
    if first < 0x80:
        end = 2 + first
    else:
        count = first & 0x7F
        if not 1 <= count <= 3:
            raise MalformedCertificate("expected a DER length of one to three octets")
        end = 2 + count + int.from_bytes(der[2 : 2 + count], "big")
    if end > len(der):
        raise MalformedCertificate(f"the certificate is cut off: {end} bytes announced, {len(der)} came")
    return der[:end]


def name_text(name: x509.Name) -> str:
    """RFC 4514 text of a name; attributes outside RFC 4514 section 3's table as ``OID=#hex``-free escaped values."""
    return name.rfc4514_string({x509.ObjectIdentifier(oid): short for oid, short in _SHORT_NAMES.items()} | _DOTTED)


_DOTTED = {
    oid: oid.dotted_string
    for oid in (x509.NameOID.EMAIL_ADDRESS, x509.NameOID.SERIAL_NUMBER, x509.NameOID.SURNAME, x509.NameOID.GIVEN_NAME)
}


def _read(cls: type[Certificate], der: bytes, loaded: x509.Certificate) -> Certificate:
    extensions = {e.oid: e.value for e in loaded.extensions}
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    purposes = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    basic = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    names = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    ski = extensions.get(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    aki = extensions.get(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    algorithm, bits, curve = _key_facts(loaded)
    common = loaded.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    subject = name_text(loaded.subject)
    return cls(
        der=der,
        fingerprint=fingerprint_of(der),
        subject=subject,
        issuer=name_text(loaded.issuer),
        serial=loaded.serial_number,
        not_before=loaded.not_valid_before_utc.astimezone(UTC),
        not_after=loaded.not_valid_after_utc.astimezone(UTC),
        common_name=str(common[-1].value) if common else subject,
        key_algorithm=algorithm,
        key_bits=bits,
        curve=curve,
        signature_digest=_digest_name(loaded),
        key_usage=frozenset(b for b, attribute in _BITS.items() if getattr(usage, attribute))
        if isinstance(usage, x509.KeyUsage)
        else None,
        extended_key_usage=frozenset(p.dotted_string for p in purposes)
        if isinstance(purposes, x509.ExtendedKeyUsage)
        else None,
        is_ca=isinstance(basic, x509.BasicConstraints) and basic.ca,
        self_issued=loaded.subject == loaded.issuer,
        san_dns=tuple(names.get_values_for_type(x509.DNSName))
        if isinstance(names, x509.SubjectAlternativeName)
        else (),
        subject_key_id=ski.digest if isinstance(ski, x509.SubjectKeyIdentifier) else b"",
        authority_key_id=(aki.key_identifier or b"") if isinstance(aki, x509.AuthorityKeyIdentifier) else b"",
        spki=loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def _digest_name(loaded: x509.Certificate) -> str:
    try:
        algorithm = loaded.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return algorithm.name if algorithm else ""


def _key_facts(loaded: x509.Certificate) -> tuple[str, int, str]:
    key = loaded.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size, ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.curve.key_size, key.curve.name
    return loaded.public_key_algorithm_oid.dotted_string, 0, ""
