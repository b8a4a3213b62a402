"""One SignerInfo (RFC 5652 5.3): reading it, writing it, and what its signature covers (5.4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from cryptography.hazmat.primitives import hashes

from counterseal.kernel.keys import Digest
from counterseal.protocols.cms import algorithms, tlv
from counterseal.protocols.cms.errors import Malformed
from counterseal.protocols.cms.identity import identity_of
from counterseal.protocols.cms.plans import SigningPlan

CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
SMIME_CAPABILITIES: Final = "1.2.840.113549.1.9.15"
_SINGLE = frozenset({CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerId:
    """Whom a SignerInfo names: issuer and serial, or a subject key identifier."""

    issuer_der: bytes
    """Empty where the key identifier is used."""
    serial: int | None
    subject_key_id: bytes
    """Empty where issuer and serial are used."""

    def names(self, certificate_der: bytes) -> bool:
        identity = identity_of(certificate_der)
        if self.serial is None:
            return self.subject_key_id == identity.subject_key_id
        return identity.is_issuer_and_serial(self.issuer_der, self.serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The signed attributes that decide, and the octets that the signature covers."""

    content_type: str | None
    message_digest: bytes | None
    signing_time: datetime | None
    encodings: tuple[bytes, ...]
    """DER, which RFC 5652 5.4 demands; then, where it differs, the octets as sent: some sign unsorted sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    signer: SignerId
    digest: Digest | None
    """``None``: one that is not read here."""
    attributes: Attributes | None
    algorithm: tlv.Node
    signature: bytes


def read_signer_info(encoded: bytes) -> SignerInfo:
    """Raises ``Malformed``, ``LimitExceeded``."""
    fields = tlv.Fields(tlv.parse(encoded), "SignerInfo")
    tlv.read_integer(fields.take(tlv.INTEGER))
    signer = read_signer_id(fields.take(tlv.SEQUENCE, 0x80, tlv.context(0)))
    digest = algorithms.read_digest(fields.take(tlv.SEQUENCE))
    attributes = fields.optional(tlv.context(0))
    algorithm = fields.take(tlv.SEQUENCE)
    algorithms.read_algorithm(algorithm)
    signature = fields.take(tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS).octets()
    fields.optional(tlv.context(1))
    fields.end()
    return SignerInfo(
        signer=signer,
        digest=digest,
        attributes=_read_attributes(attributes) if attributes else None,
        algorithm=algorithm,
        signature=signature,
    )


def read_signer_id(node: tlv.Node) -> SignerId:
    """IssuerAndSerialNumber, or ``[0]`` SubjectKeyIdentifier."""
    if node.tag != tlv.SEQUENCE:
        return SignerId(issuer_der=b"", serial=None, subject_key_id=node.octets())
    fields = tlv.Fields(node, "IssuerAndSerialNumber")
    issuer = fields.take(tlv.SEQUENCE).raw
    serial = tlv.read_integer(fields.take(tlv.INTEGER))
    fields.end()
    return SignerId(issuer_der=issuer, serial=serial, subject_key_id=b"")


def issuer_and_serial(certificate_der: bytes) -> bytes:
    identity = identity_of(certificate_der)
    return tlv.sequence(identity.issuer_der, tlv.integer(identity.serial))


def _read_attributes(node: tlv.Node) -> Attributes:
    found: dict[str, tlv.Node] = {}
    encoded = []
    for attribute in node.children():
        fields = tlv.Fields(attribute, "attribute")
        kind = tlv.read_oid(fields.take(tlv.OID))
        values = tuple(fields.take(tlv.SET).children())
        fields.end()
        encoded.append(attribute.der())
        if kind in _SINGLE:
            # RFC 5652 11.1-11.3: one attribute of each, with exactly one value.
            if kind in found or len(values) != 1:
                raise Malformed("a signed attribute that must stand once, with one value, does not")
            found[kind] = values[0]
    der = tlv.set_of(*encoded)
    sent = tlv.tlv(tlv.SET, node.body)
    kind_node, digest_node, time_node = (found.get(k) for k in (CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME))
    return Attributes(
        content_type=tlv.read_oid(kind_node) if kind_node else None,
        message_digest=_octets(digest_node) if digest_node else None,
        signing_time=read_time(time_node) if time_node else None,
        encodings=(der,) if der == sent else (der, sent),
    )


def _octets(node: tlv.Node) -> bytes:
    if node.tag not in (tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS):
        raise Malformed("expected an octet string")
    return node.octets()


def read_time(node: tlv.Node) -> datetime:
    """UTCTime or GeneralizedTime, with or without seconds, Z or an offset (X.680 46, 47)."""
    try:
        text = node.body.decode("ascii")
        if node.tag == tlv.UTC_TIME:
            # RFC 5652 11.3: 50 to 99 are 1950 to 1999.
            text = ("19" if int(text[:2]) >= 50 else "20") + text
        elif node.tag != tlv.GENERALIZED_TIME:
            raise Malformed("a signing time of another type")
        digits = text[: len(text) - 1 if text.endswith("Z") else -5].split(".")[0]
        moment = datetime.strptime(digits, "%Y%m%d%H%M%S" if len(digits) == 14 else "%Y%m%d%H%M").replace(tzinfo=UTC)
        if text.endswith("Z"):
            return moment
        offset = timedelta(hours=int(text[-4:-2]), minutes=int(text[-2:]))
        return moment.replace(tzinfo=timezone(offset if text[-5] == "+" else -offset)).astimezone(UTC)
    except (ValueError, IndexError, OverflowError) as error:
        raise Malformed("a signing time cannot be read") from error


def time_value(moment: datetime) -> bytes:
    """UTCTime up to 2049, GeneralizedTime from then on (RFC 5652 11.3)."""
    utc = moment.astimezone(UTC)
    if 1950 <= utc.year < 2050:
        return tlv.tlv(tlv.UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return tlv.tlv(tlv.GENERALIZED_TIME, utc.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def attributes_to_sign(content_digest: bytes, plan: SigningPlan, content_type: str) -> bytes:
    """The signed attributes as a DER SET OF."""
    parts = [
        _attribute(CONTENT_TYPE, tlv.oid(content_type)),
        _attribute(MESSAGE_DIGEST, tlv.octet_string(content_digest)),
    ]
    if plan.signing_time is not None:
        parts.append(_attribute(SIGNING_TIME, time_value(plan.signing_time)))
    if plan.capabilities:
        offered: Iterable[bytes] = (algorithms.algorithm(algorithms.CIPHER_OIDS[c]) for c in plan.capabilities)
        parts.append(_attribute(SMIME_CAPABILITIES, tlv.sequence(*offered)))
    return tlv.set_of(*parts)


def build_signer_info(attributes: bytes, signature: bytes, plan: SigningPlan) -> bytes:
    return tlv.sequence(
        tlv.integer(1),
        issuer_and_serial(plan.signer.certificate_der),
        algorithms.digest_algorithm(plan.digest),
        bytes((tlv.context(0),)) + attributes[1:],
        algorithms.signature_algorithm(plan.scheme, plan.digest),
        tlv.octet_string(signature),
    )


def _attribute(kind: str, value: bytes) -> bytes:
    return tlv.sequence(tlv.oid(kind), tlv.set_of(value))


def digest_of(value: bytes, digest: Digest) -> bytes:
    hashed = hashes.Hash(algorithms.HASHES[digest])
    hashed.update(value)
    return hashed.finalize()
