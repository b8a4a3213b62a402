"""What a certificate is called in CMS, read from its DER: issuer and serial, key identifier, public key."""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm as NotInOpenSSL
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from counterseal.protocols.cms import tlv
from counterseal.protocols.cms.errors import Malformed

PublicKey = RSAPublicKey | EllipticCurvePublicKey

_SUBJECT_KEY_ID = "2.5.29.14"
_TEXT_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    issuer_der: bytes
    serial: int
    subject_key_id: bytes
    """From the extension; where absent, RFC 5280 4.2.1.2 method 1, which peers use then."""
    spki: bytes
    """SubjectPublicKeyInfo as it stands in the certificate (an RSASSA-PSS key keeps its own OID there)."""
    key_oid: str

    def is_issuer_and_serial(self, issuer_der: bytes, serial: int) -> bool:
        """Serials are compared as numbers, names as RFC 5280 7.1 says: peers re-encode strings and change case."""
        return serial == self.serial and (issuer_der == self.issuer_der or same_name(issuer_der, self.issuer_der))


@lru_cache(maxsize=512)
def identity_of(certificate_der: bytes) -> Identity:
    """Raises ``Malformed``. Cached: the same few certificates serve thousands of messages."""
    tbs = tlv.Fields(tlv.Fields(tlv.parse(certificate_der), "certificate").take(tlv.SEQUENCE), "certificate")
    tbs.optional(tlv.context(0))
    serial = tlv.read_integer(tbs.take(tlv.INTEGER))
    tbs.take(tlv.SEQUENCE)
    issuer = tbs.take(tlv.SEQUENCE)
    tbs.take(tlv.SEQUENCE)
    tbs.take(tlv.SEQUENCE)
    spki = tbs.take(tlv.SEQUENCE)
    key = tlv.Fields(spki, "public key")
    algorithm = tlv.Fields(key.take(tlv.SEQUENCE), "public key").take(tlv.OID)
    bits = key.take(tlv.BIT_STRING).body[1:]
    while (field := tbs.any()) is not None and field.tag != tlv.context(3):
        pass
    return Identity(
        issuer_der=issuer.raw,
        serial=serial,
        subject_key_id=(_extension(field) if field else b"") or _sha1(bits),
        spki=spki.raw,
        key_oid=tlv.read_oid(algorithm),
    )


@lru_cache(maxsize=512)
def public_key(spki: bytes) -> PublicKey:
    """Raises ``Malformed`` for anything but a readable RSA or EC key."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, NotInOpenSSL) as error:
        raise Malformed("a public key cannot be read") from error
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        raise Malformed("a public key is neither RSA nor EC")
    return key


def same_name(left_der: bytes, right_der: bytes) -> bool:
    """Whether two distinguished names say the same, whatever string types and letter case they use."""
    left = _comparable(left_der)
    return left is not None and left == _comparable(right_der)


def _comparable(name_der: bytes) -> tuple[frozenset[tuple[str, str]], ...] | None:
    try:
        return tuple(
            frozenset(_attribute(attribute) for attribute in rdn.children()) for rdn in tlv.parse(name_der).children()
        )
    except Malformed:
        return None


def _attribute(node: tlv.Node) -> tuple[str, str]:
    fields = tlv.Fields(node, "name")
    kind = tlv.read_oid(fields.take(tlv.OID))
    value = fields.any()
    if value is None:
        raise Malformed("a name attribute has no value")
    try:
        text = value.body.decode(_TEXT_ENCODINGS[value.tag])
    except (KeyError, UnicodeDecodeError):
        return kind, value.raw.hex()
    return kind, " ".join(text.casefold().split())


def _extension(extensions: tlv.Node) -> bytes:
    for extension in tlv.Fields(extensions, "extensions").take(tlv.SEQUENCE).children():
        fields = tlv.Fields(extension, "extension")
        if tlv.read_oid(fields.take(tlv.OID)) == _SUBJECT_KEY_ID:
            fields.optional(0x01)
            return tlv.parse(fields.take(tlv.OCTET_STRING).octets()).octets()
    return b""


def _sha1(value: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - a name for a key, no protection (RFC 5280 4.2.1.2)
    digest.update(value)
    return digest.finalize()
