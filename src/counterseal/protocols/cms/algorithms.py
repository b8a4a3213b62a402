"""Algorithm identifiers: the tables between OIDs and our words, and the parameters that go with them.

Sources: RFC 5754 (SHA-2, ECDSA), RFC 4056 (PSS), RFC 3560 (OAEP), RFC 3565 (AES-CBC), RFC 5084 (GCM, CCM), RFC 5753 (ECDH),
RFC 3370 (the old ones).
"""

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.protocols.cms import tlv
from counterseal.protocols.cms.errors import Malformed, UnsupportedAlgorithm
from counterseal.protocols.cms.plans import ContentCipher

# --- digests. MD5 is in no table: it is refused wherever it stands.

DIGEST_OIDS: Final = {
    Digest.SHA1: "1.3.14.3.2.26",
    Digest.SHA256: "2.16.840.1.101.3.4.2.1",
    Digest.SHA384: "2.16.840.1.101.3.4.2.2",
    Digest.SHA512: "2.16.840.1.101.3.4.2.3",
}
_DIGESTS = {oid: digest for digest, oid in DIGEST_OIDS.items()}
HASHES: Final[dict[Digest, hashes.HashAlgorithm]] = {
    Digest.SHA1: hashes.SHA1(),  # noqa: S303 - verified for old partners, reported, written only by policy
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}

# --- signatures

RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"
RSASSA_PSS: Final = "1.2.840.113549.1.1.10"
EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
MGF1: Final = "1.2.840.113549.1.1.8"
P_SPECIFIED: Final = "1.2.840.113549.1.1.9"
RSAES_OAEP: Final = "1.2.840.113549.1.1.7"

ECDSA_OIDS: Final = {
    Digest.SHA1: "1.2.840.10045.4.1",
    Digest.SHA256: "1.2.840.10045.4.3.2",
    Digest.SHA384: "1.2.840.10045.4.3.3",
    Digest.SHA512: "1.2.840.10045.4.3.4",
}
_SIGNATURES: Final[dict[str, tuple[SignatureScheme, Digest | None]]] = {
    RSA_ENCRYPTION: (SignatureScheme.RSA_PKCS1, None),
    "1.2.840.113549.1.1.5": (SignatureScheme.RSA_PKCS1, Digest.SHA1),
    "1.3.14.3.2.29": (SignatureScheme.RSA_PKCS1, Digest.SHA1),
    "1.2.840.113549.1.1.11": (SignatureScheme.RSA_PKCS1, Digest.SHA256),
    "1.2.840.113549.1.1.12": (SignatureScheme.RSA_PKCS1, Digest.SHA384),
    "1.2.840.113549.1.1.13": (SignatureScheme.RSA_PKCS1, Digest.SHA512),
    # Interop: some write the key's OID; the digest is then that of digestAlgorithm, as with rsaEncryption.
    EC_PUBLIC_KEY: (SignatureScheme.ECDSA, None),
    **{oid: (SignatureScheme.ECDSA, digest) for digest, oid in ECDSA_OIDS.items()},
}

# --- content ciphers

CIPHER_OIDS: Final = {
    ContentCipher.AES_128_CBC: "2.16.840.1.101.3.4.1.2",
    ContentCipher.AES_192_CBC: "2.16.840.1.101.3.4.1.22",
    ContentCipher.AES_256_CBC: "2.16.840.1.101.3.4.1.42",
    ContentCipher.TRIPLE_DES_CBC: "1.2.840.113549.3.7",
    ContentCipher.AES_128_GCM: "2.16.840.1.101.3.4.1.6",
    ContentCipher.AES_192_GCM: "2.16.840.1.101.3.4.1.26",
    ContentCipher.AES_256_GCM: "2.16.840.1.101.3.4.1.46",
    ContentCipher.AES_128_CCM: "2.16.840.1.101.3.4.1.7",
    ContentCipher.AES_192_CCM: "2.16.840.1.101.3.4.1.27",
    ContentCipher.AES_256_CCM: "2.16.840.1.101.3.4.1.47",
}
_CIPHERS = {oid: cipher for cipher, oid in CIPHER_OIDS.items()}
DEFAULT_TAG_BYTES: Final = 12
"""aes-ICVlen DEFAULT 12 (RFC 5084 3.2)."""
WRITTEN_TAG_BYTES: Final = 16

# --- key transport and agreement

_OAEP = {
    Digest.SHA1: KeyTransport.RSA_OAEP_SHA1,
    Digest.SHA256: KeyTransport.RSA_OAEP_SHA256,
    Digest.SHA384: KeyTransport.RSA_OAEP_SHA384,
    Digest.SHA512: KeyTransport.RSA_OAEP_SHA512,
}
OAEP_DIGESTS: Final = {transport: digest for digest, transport in _OAEP.items()}

KDF_OIDS: Final = {"sha1": "1.3.133.16.840.63.0.2", "sha224": "1.3.132.1.11.0", "sha256": "1.3.132.1.11.1"} | {
    "sha384": "1.3.132.1.11.2",
    "sha512": "1.3.132.1.11.3",
}
# The cofactor of P-256, P-384 and P-521 is 1: cofactor ECDH gives the same secret (RFC 5753 7.1.2).
_COFACTOR_KDF_OIDS = {"sha1": "1.3.133.16.840.63.0.3", "sha224": "1.3.132.1.14.0", "sha256": "1.3.132.1.14.1"} | {
    "sha384": "1.3.132.1.14.2",
    "sha512": "1.3.132.1.14.3",
}
KDF_HASHES: Final = {oid: name for table in (KDF_OIDS, _COFACTOR_KDF_OIDS) for name, oid in table.items()}

AES_WRAP_OIDS: Final = {
    16: "2.16.840.1.101.3.4.1.5",
    24: "2.16.840.1.101.3.4.1.25",
    32: "2.16.840.1.101.3.4.1.45",
}
TRIPLE_DES_WRAP: Final = "1.2.840.113549.1.9.16.3.6"
WRAP_KEY_BYTES: Final = {oid: size for size, oid in AES_WRAP_OIDS.items()} | {TRIPLE_DES_WRAP: 24}


def read_algorithm(node: tlv.Node) -> tuple[str, tlv.Node | None]:
    """OID and parameters; NULL parameters are no parameters (RFC 5754 2 asks readers to take both)."""
    if node.tag != tlv.SEQUENCE and not node.constructed:
        raise Malformed("expected an AlgorithmIdentifier")
    fields = tlv.Fields(node, "algorithm identifier")
    oid = tlv.read_oid(fields.take(tlv.OID))
    parameters = fields.any()
    fields.end()
    return oid, None if parameters is None or parameters.tag == tlv.NULL else parameters


def algorithm(oid: str, *parameters: bytes) -> bytes:
    return tlv.sequence(tlv.oid(oid), *parameters)


def read_digest(node: tlv.Node) -> Digest | None:
    """``None``: a digest that is not read here."""
    return _DIGESTS.get(read_algorithm(node)[0])


def digest_algorithm(digest: Digest) -> bytes:
    """Without parameters, as RFC 5754 section 2 asks."""
    return algorithm(DIGEST_OIDS[digest])


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureParameters:
    scheme: SignatureScheme
    digest: Digest
    mask_digest: Digest
    """PSS only: of MGF1."""
    salt_bytes: int | None
    """PSS only; ``None``: it is read from the signature."""


def read_signature_algorithm(node: tlv.Node, digest: Digest) -> SignatureParameters:
    """The scheme of a SignerInfo with this digestAlgorithm. Raises ``UnsupportedAlgorithm`` where the two disagree."""
    oid, parameters = read_algorithm(node)
    mask: Digest = digest
    salt: int | None = 0
    if oid == RSASSA_PSS:
        scheme, signed, mask, salt = SignatureScheme.RSA_PSS, *_read_pss(parameters, digest)
    elif oid in _SIGNATURES:
        scheme, fixed = _SIGNATURES[oid]
        signed = fixed or digest
    else:
        raise UnsupportedAlgorithm(f"signature algorithm {oid} is not read")
    if signed is not digest:
        raise UnsupportedAlgorithm("digest algorithm and signature algorithm name different digests")
    return SignatureParameters(scheme=scheme, digest=digest, mask_digest=mask, salt_bytes=salt)


def _read_pss(parameters: tlv.Node | None, announced: Digest) -> tuple[Digest, Digest, int | None]:
    """RSASSA-PSS-params (RFC 4056 2.2): hash, MGF1 hash, salt length; DEFAULTs are SHA-1 and 20.

    Interop: pyas2lib leaves the parameters out, which RFC 4056 3 forbids in a signature, and means the digest of the
    digestAlgorithm, a mask of the same and the longest salt. A salt of any length proves as much.
    """
    if parameters is None:
        return announced, announced, None
    digest, mask, salt = Digest.SHA1, Digest.SHA1, 20
    fields = tlv.Fields(parameters, "PSS parameters")
    if (node := fields.optional(tlv.context(0))) is not None:
        digest = _known_digest(_only(node))
    if (node := fields.optional(tlv.context(1))) is not None:
        mask = _read_mgf1(_only(node))
    if (node := fields.optional(tlv.context(2))) is not None:
        salt = tlv.read_integer(_only(node))
    if (node := fields.optional(tlv.context(3))) is not None and tlv.read_integer(_only(node)) != 1:
        raise UnsupportedAlgorithm("PSS trailer fields other than 1 are not read")
    fields.end()
    if not 0 <= salt <= 1024:
        raise Malformed("a PSS salt length out of reason")
    return digest, mask, salt


def signature_algorithm(scheme: SignatureScheme, digest: Digest) -> bytes:
    """PKCS#1 is written as rsaEncryption: every reader knows it (RFC 3370 3.2 allows both forms)."""
    if scheme is SignatureScheme.RSA_PKCS1:
        return algorithm(RSA_ENCRYPTION, tlv.null())
    if scheme is SignatureScheme.ECDSA:
        return algorithm(ECDSA_OIDS[digest])
    if digest is Digest.SHA1:
        # The parameters are the DEFAULTs then, which DER leaves out (X.690 11.5).
        return algorithm(RSASSA_PSS, tlv.sequence())
    hash_id = digest_algorithm(digest)
    return algorithm(
        RSASSA_PSS,
        tlv.sequence(
            tlv.tlv(tlv.context(0), hash_id),
            tlv.tlv(tlv.context(1), algorithm(MGF1, hash_id)),
            tlv.tlv(tlv.context(2), tlv.integer(HASHES[digest].digest_size)),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherParameters:
    cipher: ContentCipher
    nonce: bytes
    """The IV in CBC."""
    tag_bytes: int
    """0 in CBC."""


def read_cipher(node: tlv.Node) -> CipherParameters:
    """Raises ``UnsupportedAlgorithm``, ``Malformed``."""
    oid, parameters = read_algorithm(node)
    cipher = _CIPHERS.get(oid)
    if cipher is None:
        raise UnsupportedAlgorithm(f"content encryption algorithm {oid} is not read")
    if parameters is None:
        raise Malformed("the content encryption algorithm lacks its parameters")
    if cipher.mode == "cbc":
        nonce, tag = parameters.octets(), 0
        fits = len(nonce) == (8 if cipher is ContentCipher.TRIPLE_DES_CBC else 16)
    elif cipher.mode == "gcm" and parameters.tag == tlv.OCTET_STRING:
        # Interop: PKI.js (libas2) writes the bare nonce where RFC 5084 3.2 has a sequence, and a whole tag.
        nonce, tag = parameters.octets(), WRITTEN_TAG_BYTES
        fits = 8 <= len(nonce) <= 128
    else:
        fields = tlv.Fields(parameters, "GCM or CCM parameters")
        nonce = fields.take(tlv.OCTET_STRING).octets()
        icv = fields.optional(tlv.INTEGER)
        tag = tlv.read_integer(icv) if icv else DEFAULT_TAG_BYTES
        # GCM tags under 12 octets are not allowed (RFC 5084 3.2); CCM may have fewer, and is held to the same here.
        fits = 12 <= tag <= 16 and (8 <= len(nonce) <= 128 if cipher.mode == "gcm" else 7 <= len(nonce) <= 13)
        fits = fits and not (cipher.mode == "ccm" and tag % 2)
    if not fits:
        raise Malformed("the content encryption algorithm's parameters do not fit it")
    return CipherParameters(cipher=cipher, nonce=nonce, tag_bytes=tag)


def cipher_algorithm(cipher: ContentCipher, nonce: bytes) -> bytes:
    value = tlv.octet_string(nonce)
    if cipher.mode != "cbc":
        value = tlv.sequence(value, tlv.integer(WRITTEN_TAG_BYTES))
    return algorithm(CIPHER_OIDS[cipher], value)


def read_key_transport(node: tlv.Node) -> KeyTransport | None:
    """``None``: a transport, or parameters of OAEP, that are not read here."""
    oid, parameters = read_algorithm(node)
    if oid == RSA_ENCRYPTION:
        return KeyTransport.RSA_PKCS1
    if oid != RSAES_OAEP:
        return None
    digest, mask, label = Digest.SHA1, Digest.SHA1, b""
    if parameters is not None:
        fields = tlv.Fields(parameters, "OAEP parameters")
        try:
            if (part := fields.optional(tlv.context(0))) is not None:
                digest = _known_digest(_only(part))
            if (part := fields.optional(tlv.context(1))) is not None:
                mask = _read_mgf1(_only(part))
        except UnsupportedAlgorithm:
            return None
        if (part := fields.optional(tlv.context(2))) is not None:
            source = read_algorithm(_only(part))[1]
            label = source.octets() if source else b""
        fields.end()
    return _OAEP[digest] if mask is digest and not label else None


def key_transport_algorithm(transport: KeyTransport) -> bytes:
    """RFC 3560 section 3: SHA-1 is the DEFAULT and therefore left out (DER)."""
    if transport is KeyTransport.RSA_PKCS1:
        return algorithm(RSA_ENCRYPTION, tlv.null())
    digest = OAEP_DIGESTS[transport]
    if digest is Digest.SHA1:
        return algorithm(RSAES_OAEP, tlv.sequence())
    hash_id = digest_algorithm(digest)
    return algorithm(
        RSAES_OAEP,
        tlv.sequence(tlv.tlv(tlv.context(0), hash_id), tlv.tlv(tlv.context(1), algorithm(MGF1, hash_id))),
    )


def _known_digest(node: tlv.Node) -> Digest:
    digest = read_digest(node)
    if digest is None:
        raise UnsupportedAlgorithm("a digest in the parameters is not read")
    return digest


def _read_mgf1(node: tlv.Node) -> Digest:
    oid, parameters = read_algorithm(node)
    if oid != MGF1 or parameters is None:
        raise UnsupportedAlgorithm("mask generation functions other than MGF1 are not read")
    return _known_digest(parameters)


def _only(node: tlv.Node) -> tlv.Node:
    """The one element inside an explicit tag."""
    fields = tlv.Fields(node, "explicit tag")
    inner = fields.any()
    fields.end()
    if inner is None:
        raise Malformed("an explicit tag holds nothing")
    return inner
