"""Content keys and the recipients they are encrypted to (RFC 5652 6.2): RSA key transport and ECDH key agreement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Decrypter, KeyKind, KeyTransport
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cms import algorithms, tlv
from counterseal.protocols.cms.errors import DecryptionFailed
from counterseal.protocols.cms.identity import identity_of, public_key
from counterseal.protocols.cms.key_derivation import unwrap_triple_des, x963_derive
from counterseal.protocols.cms.plans import UnfitPlan
from counterseal.protocols.cms.signer_info import SignerId, issuer_and_serial, read_signer_id

_KDF_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - as a KDF, on reading only (RFC 5753 7.1.1)
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_CURVES: dict[str, tuple[ec.EllipticCurve, int, str]] = {
    # curve, its order, the KDF written for it (RFC 5753 7.1.1: as strong as the curve)
    "secp256r1": (ec.SECP256R1(), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, "sha256"),
    "secp384r1": (
        ec.SECP384R1(),
        int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
        "sha384",
    ),
    "secp521r1": (
        ec.SECP521R1(),
        int("1" + "F" * 64 + "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
        "sha512",
    ),
}


# --- writing


def build_recipient(
    recipient: Certificate, content_key: bytes, transport: KeyTransport, entropy: Callable[[int], bytes]
) -> bytes:
    """One RecipientInfo. Raises ``UnfitPlan`` for a key that cannot take it."""
    identity = identity_of(recipient.der)
    key = public_key(identity.spki)
    if isinstance(key, RSAPublicKey):
        return _transported(recipient.der, key, content_key, transport)
    return _agreed(recipient.der, key, content_key, entropy)


def _transported(certificate: bytes, key: RSAPublicKey, content_key: bytes, transport: KeyTransport) -> bytes:
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if transport is not KeyTransport.RSA_PKCS1:
        digest = algorithms.HASHES[algorithms.OAEP_DIGESTS[transport]]
        scheme = padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)
    try:
        encrypted = key.encrypt(content_key, scheme)
    except ValueError as error:
        raise UnfitPlan(f"a recipient's RSA key of {key.key_size} bits is too small for {transport}") from error
    return tlv.sequence(
        tlv.integer(0),
        issuer_and_serial(certificate),
        algorithms.key_transport_algorithm(transport),
        tlv.octet_string(encrypted),
    )


def _agreed(
    certificate: bytes, key: ec.EllipticCurvePublicKey, content_key: bytes, entropy: Callable[[int], bytes]
) -> bytes:
    if key.curve.name not in _CURVES:
        raise UnfitPlan(f"nothing is encrypted to a key on {key.curve.name}")
    curve, order, kdf = _CURVES[key.curve.name]
    # 64 bits more than the order has: no value is noticeably more likely than another (FIPS 186-5 A.2.1).
    drawn = int.from_bytes(entropy((order.bit_length() + 64 + 7) // 8), "big")
    ephemeral = ec.derive_private_key(drawn % (order - 1) + 1, curve)
    wrap_oid = algorithms.AES_WRAP_OIDS[len(content_key)]
    wrap = algorithms.algorithm(wrap_oid)
    size = algorithms.WRAP_KEY_BYTES[wrap_oid]
    secret = ephemeral.exchange(ec.ECDH(), key)
    wrapping = x963_derive(secret, _KDF_HASHES[kdf], size, _shared_info(wrap, b"", size))
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    originator = tlv.tlv(
        tlv.context(1), algorithms.algorithm(algorithms.EC_PUBLIC_KEY), tlv.tlv(tlv.BIT_STRING, b"\x00" + point)
    )
    encrypted = tlv.sequence(issuer_and_serial(certificate), tlv.octet_string(aes_key_wrap(wrapping, content_key)))
    return tlv.tlv(
        tlv.context(1),
        tlv.integer(3),
        tlv.tlv(tlv.context(0), originator),
        algorithms.algorithm(algorithms.KDF_OIDS[kdf], wrap),
        tlv.sequence(encrypted),
    )


def _shared_info(wrap: bytes, user_keying: bytes, key_bytes: int) -> bytes:
    """ECC-CMS-SharedInfo (RFC 5753 7.2), DER."""
    user = tlv.tlv(tlv.context(0), tlv.octet_string(user_keying)) if user_keying else b""
    return tlv.sequence(wrap, user, tlv.tlv(tlv.context(2), tlv.octet_string((key_bytes * 8).to_bytes(4, "big"))))


# --- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Transported:
    """A KeyTransRecipientInfo."""

    recipient: SignerId
    transport: KeyTransport | None
    encrypted_key: bytes

    def open(self, key: Decrypter) -> tuple[bytes, KeyTransport]:
        if self.transport is None or key.kind is not KeyKind.RSA:
            raise DecryptionFailed("the key transport algorithm is not read, or not for this key")
        return key.decrypt_key(self.encrypted_key, transport=self.transport), self.transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One recipient of a KeyAgreeRecipientInfo with an ephemeral originator key."""

    recipient: SignerId
    point: bytes
    """The BIT STRING's octets; empty: the originator is named by certificate, which is not read here."""
    user_keying: bytes
    kdf: str | None
    wrap_oid: str
    wrap: bytes
    encrypted_key: bytes

    def open(self, key: Decrypter) -> tuple[bytes, KeyTransport]:
        size = algorithms.WRAP_KEY_BYTES.get(self.wrap_oid)
        if not self.point or self.kdf is None or size is None or key.kind is not KeyKind.EC:
            raise DecryptionFailed("the key agreement algorithm is not read, or not for this key")
        # The originator's key has the curve of the recipient's (RFC 5753 3.1.1), whatever parameters it carries.
        own = tlv.Fields(tlv.parse(identity_of(key.certificate_der).spki), "public key").take(tlv.SEQUENCE).raw
        secret = key.agree(tlv.sequence(own, tlv.tlv(tlv.BIT_STRING, self.point)))
        info = _shared_info(self.wrap, self.user_keying, size)
        wrapping = x963_derive(secret, _KDF_HASHES[self.kdf], size, info)
        try:
            if self.wrap_oid == algorithms.TRIPLE_DES_WRAP:
                return unwrap_triple_des(wrapping, self.encrypted_key), KeyTransport.ECDH
            return aes_key_unwrap(wrapping, self.encrypted_key), KeyTransport.ECDH
        except (InvalidUnwrap, ValueError) as error:
            raise DecryptionFailed("the wrapped content key does not open") from error


Recipient = Transported | Agreed


def read_recipient(encoded: bytes) -> list[Recipient]:
    """The recipients of one RecipientInfo; other kinds than these two give none."""
    node = tlv.parse(encoded)
    if node.tag == tlv.SEQUENCE:
        fields = tlv.Fields(node, "KeyTransRecipientInfo")
        tlv.read_integer(fields.take(tlv.INTEGER))
        recipient = read_signer_id(fields.take(tlv.SEQUENCE, 0x80, tlv.context(0)))
        transport = algorithms.read_key_transport(fields.take(tlv.SEQUENCE))
        encrypted_key = fields.take(tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS).octets()
        fields.end()
        return [Transported(recipient=recipient, transport=transport, encrypted_key=encrypted_key)]
    return _read_agreement(node) if node.tag == tlv.context(1) else []


def _read_agreement(node: tlv.Node) -> list[Recipient]:
    fields = tlv.Fields(node, "KeyAgreeRecipientInfo")
    tlv.read_integer(fields.take(tlv.INTEGER))
    originator = tlv.Fields(fields.take(tlv.context(0)), "originator")
    key = originator.optional(tlv.context(1))
    point = b""
    if key is not None:
        parts = tlv.Fields(key, "originator key")
        parts.take(tlv.SEQUENCE)
        point = parts.take(tlv.BIT_STRING).body
    user = fields.optional(tlv.context(1))
    user_keying = tlv.Fields(user, "ukm").take(tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS).octets() if user else b""
    kdf_oid, wrap_node = algorithms.read_algorithm(fields.take(tlv.SEQUENCE))
    wrap_oid = algorithms.read_algorithm(wrap_node)[0] if wrap_node else ""
    keys = fields.take(tlv.SEQUENCE)
    fields.end()
    return [
        Agreed(
            recipient=recipient,
            point=point,
            user_keying=user_keying,
            kdf=algorithms.KDF_HASHES.get(kdf_oid),
            wrap_oid=wrap_oid,
            wrap=wrap_node.der() if wrap_node else b"",
            encrypted_key=encrypted_key,
        )
        for recipient, encrypted_key in map(_read_encrypted_key, keys.children())
    ]


def _read_encrypted_key(node: tlv.Node) -> tuple[SignerId, bytes]:
    """RecipientEncryptedKey: IssuerAndSerialNumber or ``[0]`` RecipientKeyIdentifier, then the wrapped key."""
    fields = tlv.Fields(node, "RecipientEncryptedKey")
    rid = fields.take(tlv.SEQUENCE, tlv.context(0))
    if rid.tag == tlv.SEQUENCE:
        recipient = read_signer_id(rid)
    else:
        key_id = tlv.Fields(rid, "RecipientKeyIdentifier").take(tlv.OCTET_STRING).octets()
        recipient = SignerId(issuer_der=b"", serial=None, subject_key_id=key_id)
    encrypted_key = fields.take(tlv.OCTET_STRING, tlv.SEGMENTED_OCTETS).octets()
    fields.end()
    return recipient, encrypted_key


def open_content_key(
    recipients: Sequence[Recipient], keys: Sequence[Decrypter]
) -> tuple[Decrypter, bytes, KeyTransport]:
    """The first of ``keys`` that is a recipient and opens its content key. Raises ``DecryptionFailed``.

    An RSA PKCS#1 v1.5 key always "opens" (``Decrypter`` rejects implicitly), so nothing here tells good padding from bad.
    """
    cause = "none of the keys is a recipient"
    for key in keys:
        for recipient in recipients:
            if not recipient.recipient.names(key.certificate_der):
                continue
            try:
                content_key, transport = recipient.open(key)
            except DecryptionFailed as fault:
                cause = fault.cause
            except PeerFault:
                cause = "the encrypted content key does not open"
            else:
                return key, content_key, transport
    raise DecryptionFailed(cause)
