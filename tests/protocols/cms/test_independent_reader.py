"""What we write, read by asn1crypto and checked with ``cryptography`` alone; what asn1crypto writes, read by us."""

import secrets
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    ContentCipher,
    DecryptionFailed,
    certs_only,
    decrypt,
    read_certs_only,
)
from tests.protocols.cms.keys import HASHES, OAEP, HeldKey, ec_holder, rsa_holder
from tests.protocols.cms.messages import (
    CCM,
    DIGESTS,
    GCM,
    LARGE,
    RSA_TRANSPORTS,
    TEXT,
    attached,
    compressed,
    detached,
    digest_of,
    encrypted,
    encrypting,
    read_compressed,
    read_encrypted,
    read_signed,
    signing,
    whole,
)

SIGNATURES = [(rsa_holder, SignatureScheme.RSA_PKCS1, digest) for digest in DIGESTS]
SIGNATURES += [(rsa_holder, SignatureScheme.RSA_PSS, digest) for digest in DIGESTS]
SIGNATURES += [(ec_holder, SignatureScheme.ECDSA, digest) for digest in DIGESTS]


def rsa_key() -> rsa.RSAPrivateKey:
    key = rsa_holder().key
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def ec_key(holder: HeldKey) -> ec.EllipticCurvePrivateKey:
    assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
    return holder.key


def _check_signature(
    holder: HeldKey, scheme: SignatureScheme, digest: Digest, signature: bytes, covered: bytes
) -> None:
    algorithm = HASHES[digest]
    key = holder.key.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, covered, ec.ECDSA(algorithm))
    elif scheme is SignatureScheme.RSA_PSS:
        pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
        key.verify(signature, covered, pss, algorithm)
    else:
        key.verify(signature, covered, padding.PKCS1v15(), algorithm)


@pytest.mark.parametrize("form", ["detached", "definite", "indefinite"])
@pytest.mark.parametrize(("holder", "scheme", "digest"), SIGNATURES)
def test_asn1crypto_reads_our_signed_data(
    holder: Callable[[], HeldKey], scheme: SignatureScheme, digest: Digest, form: str
) -> None:
    held = holder()
    plan = signing(held, scheme=scheme, digest=digest, certificates=(held.certificate_der,))
    message = detached(TEXT, plan) if form == "detached" else attached(TEXT, plan, definite=form == "definite")
    parsed = cms.ContentInfo.load(message, strict=True)
    assert parsed["content_type"].native == "signed_data"
    signed = parsed["content"]
    content = signed["encap_content_info"]["content"]
    assert content.native == (None if form == "detached" else TEXT)
    (signer,) = signed["signer_infos"]
    attributes = {attribute["type"].native: attribute["values"][0].native for attribute in signer["signed_attrs"]}
    assert attributes["content_type"] == "data"
    assert attributes["message_digest"] == digest_of(TEXT, digest)
    covered = signer["signed_attrs"].untag().dump(force=True)
    _check_signature(held, scheme, digest, signer["signature"].native, covered)
    if form != "indefinite":
        assert parsed.dump(force=True) == message, "not DER"


@pytest.mark.parametrize("transport", RSA_TRANSPORTS)
def test_asn1crypto_reads_our_enveloped_data(transport: KeyTransport) -> None:
    message = encrypted(TEXT, encrypting(transport=transport))
    parsed = cms.ContentInfo.load(message, strict=True)
    assert parsed.dump(force=True) == message, "not DER"
    enveloped = parsed["content"]
    recipient = enveloped["recipient_infos"][0].chosen
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if transport is not KeyTransport.RSA_PKCS1:
        scheme = padding.OAEP(padding.MGF1(OAEP[transport]), OAEP[transport], None)
    key = rsa_key().decrypt(recipient["encrypted_key"].native, scheme)
    inner = enveloped["encrypted_content_info"]
    iv = inner["content_encryption_algorithm"]["parameters"].native
    context = Cipher(AES(key), modes.CBC(iv)).decryptor()
    plain = context.update(inner["encrypted_content"].native) + context.finalize()
    assert plain[: -plain[-1]] == TEXT


@pytest.mark.parametrize("cipher", GCM)
@pytest.mark.parametrize("form", ["definite", "indefinite"])
def test_our_gcm_in_enveloped_data_has_its_tag_behind_the_ciphertext(cipher: ContentCipher, form: str) -> None:
    message = encrypted(LARGE, encrypting(cipher=cipher), definite=form == "definite")
    enveloped = cms.ContentInfo.load(message, strict=True)["content"]
    key = rsa_key().decrypt(enveloped["recipient_infos"][0].chosen["encrypted_key"].native, padding.PKCS1v15())
    inner = enveloped["encrypted_content_info"]
    nonce = inner["content_encryption_algorithm"]["parameters"].parsed[0].native
    assert AESGCM(key).decrypt(nonce, inner["encrypted_content"].native, None) == LARGE


def test_asn1crypto_inflates_our_compressed_data() -> None:
    for content in (b"", TEXT, secrets.token_bytes(200_000)):
        parsed = cms.ContentInfo.load(compressed(content), strict=True)
        assert parsed["content_type"].native == "compressed_data"
        assert parsed["content"]["compression_algorithm"]["algorithm"].native == "zlib"
        assert zlib.decompress(parsed["content"]["encap_content_info"]["content"].native) == content


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_compressed_data_of_zlib_inflates(level: int) -> None:
    for content in (b"", TEXT, LARGE, secrets.token_bytes(200_000)):
        assert read_compressed([compressed_by_zlib(zlib.compress(content, level))]) == content


def compressed_by_zlib(deflated: bytes) -> bytes:
    content = cms.CompressedData(
        {
            "version": "v0",
            "compression_algorithm": {"algorithm": "zlib"},
            "encap_content_info": {"content_type": "data", "content": deflated},
        }
    )
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": content}).dump())


def test_asn1crypto_reads_our_certs_only_message() -> None:
    ours = [rsa_holder().certificate_der, ec_holder().certificate_der]
    message = certs_only(ours)
    parsed = cms.ContentInfo.load(message, strict=True)
    assert parsed.dump(force=True) == message, "not DER"
    assert sorted(certificate.chosen.dump() for certificate in parsed["content"]["certificates"]) == sorted(ours)
    assert len(parsed["content"]["signer_infos"]) == 0


def test_certs_only_of_asn1crypto_is_read_in_its_order() -> None:
    ours = (rsa_holder().certificate_der, ec_holder().certificate_der)
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data"},
            "certificates": [asn1_x509.Certificate.load(der) for der in ours],
            "signer_infos": [],
        }
    )
    message = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    assert sorted(read_certs_only(message, limits=DEFAULT_LIMITS)) == sorted(ours)


# --- envelopes that openssl does not write


class AuthEnvelopedData(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("version", cms.CMSVersion),
        ("recipient_infos", cms.RecipientInfos),
        ("content", cms.EncryptedContentInfo),
        ("auth_attrs", cms.CMSAttributes, {"implicit": 1, "optional": True}),
        ("mac", core.OctetString),
        ("unauth_attrs", cms.CMSAttributes, {"implicit": 2, "optional": True}),
    ]


class AuthEnvelope(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("content_type", core.ObjectIdentifier),
        ("content", AuthEnvelopedData, {"explicit": 0}),
    ]


def envelope(
    cipher_oid: str, parameters: core.Asn1Value, ciphertext: bytes, key: bytes, *, by_key_id: bool = False
) -> dict[str, Any]:
    holder = rsa_holder()
    certificate = asn1_x509.Certificate.load(holder.certificate_der)
    rid = cms.RecipientIdentifier(
        name="issuer_and_serial_number",
        value={"issuer": certificate.issuer, "serial_number": certificate.serial_number},
    )
    if by_key_id:
        rid = cms.RecipientIdentifier(name="subject_key_identifier", value=certificate.key_identifier)
    recipient = cms.KeyTransRecipientInfo(
        {
            "version": "v0",
            "rid": rid,
            "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
            "encrypted_key": rsa_key().public_key().encrypt(key, padding.PKCS1v15()),
        }
    )
    named = AEADAlgorithm if isinstance(parameters, AEADParameters | CCMParameters) else algos.EncryptionAlgorithm
    algorithm = algos.EncryptionAlgorithm.load(named({"algorithm": cipher_oid, "parameters": parameters}).dump())
    return {
        "version": "v0",
        "recipient_infos": [cms.RecipientInfo(name="ktri", value=recipient)],
        "encrypted_content_info": {
            "content_type": "data",
            "content_encryption_algorithm": algorithm,
            "encrypted_content": ciphertext,
        },
    }


class AEADParameters(core.Sequence):  # type: ignore[misc]
    """AES-ICVlen is left out where it is the default, 12 (but in CCM, where asn1crypto insists on it)."""

    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("nonce", core.OctetString),
        ("icv", core.Integer, {"default": 12}),
    ]


class CCMParameters(core.Sequence):  # type: ignore[misc]
    _fields = [("nonce", core.OctetString), ("icv", core.Integer)]  # noqa: RUF012 - asn1crypto's way


class AEADAlgorithm(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("algorithm", core.ObjectIdentifier),
        ("parameters", core.Any),
    ]


CIPHER_OIDS = {
    ContentCipher.AES_128_GCM: "2.16.840.1.101.3.4.1.6",
    ContentCipher.AES_192_GCM: "2.16.840.1.101.3.4.1.26",
    ContentCipher.AES_256_GCM: "2.16.840.1.101.3.4.1.46",
    ContentCipher.AES_128_CCM: "2.16.840.1.101.3.4.1.7",
    ContentCipher.AES_192_CCM: "2.16.840.1.101.3.4.1.27",
    ContentCipher.AES_256_CCM: "2.16.840.1.101.3.4.1.47",
}


def sealed(cipher: ContentCipher, content: bytes, *, tag_bytes: int, inside: bool, attributes: bool = False) -> bytes:
    """GCM or CCM content; ``inside`` is EnvelopedData."""
    key, nonce = secrets.token_bytes(cipher.key_bytes), secrets.token_bytes(12)
    attrs = cms.CMSAttributes([{"type": "content_type", "values": ["data"]}, {"type": "1.2.3.4", "values": []}])
    aad = attrs.dump() if attributes else None
    if cipher in GCM:
        # AESGCM has no short tags: a tag is truncated to its first octets (SP 800-38D 5.2.1.2).
        full = AESGCM(key).encrypt(nonce, content, aad)
        full = full[: len(content) + tag_bytes]
    else:
        full = AESCCM(key, tag_bytes).encrypt(nonce, content, aad)
    ciphertext, tag = (full, b"") if inside else (full[: len(content)], full[len(content) :])
    fields = envelope(
        CIPHER_OIDS[cipher],
        (AEADParameters if cipher in GCM else CCMParameters)({"nonce": nonce, "icv": tag_bytes}),
        ciphertext,
        key,
    )
    if inside:
        return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": cms.EnvelopedData(fields)}).dump())
    fields["content"] = fields.pop("encrypted_content_info")
    body = AuthEnvelopedData(fields | {"mac": tag} | ({"auth_attrs": attrs} if attributes else {}))
    return bytes(AuthEnvelope({"content_type": "1.2.840.113549.1.9.16.1.23", "content": body}).dump())


@pytest.mark.parametrize("attributes", [False, True], ids=["bare", "attributes"])
@pytest.mark.parametrize("content", [b"", b"x", TEXT, LARGE, LARGE[:65536]], ids=len)
@pytest.mark.parametrize("tag_bytes", [12, 14, 16])
@pytest.mark.parametrize("cipher", GCM + CCM)
def test_auth_enveloped_data_is_read(cipher: ContentCipher, tag_bytes: int, content: bytes, attributes: bool) -> None:
    if cipher in CCM and len(content) > 65535:
        content = content[:65000]
    message = sealed(cipher, content, tag_bytes=tag_bytes, inside=False, attributes=attributes)
    stream = decrypt([message], [rsa_holder()], limits=DEFAULT_LIMITS)
    assert whole(stream.chunks()) == content
    assert (stream.cipher, stream.authenticated) == (cipher, True)
    damaged = message[:-1] + bytes([message[-1] ^ 1])
    with pytest.raises(DecryptionFailed):
        read_encrypted([damaged])


@pytest.mark.parametrize("attribute", [b"\x06\x03\x2a\x03\x04"])
def test_changed_authenticated_attributes_are_found(attribute: bytes) -> None:
    message = sealed(ContentCipher.AES_256_GCM, TEXT, tag_bytes=16, inside=False, attributes=True)
    with pytest.raises(DecryptionFailed):
        read_encrypted([message.replace(attribute, attribute[:-1] + b"\x05")])


@pytest.mark.parametrize("step", [1, 7, 16, 10_000])
@pytest.mark.parametrize("content", [b"", b"x", TEXT], ids=len)
@pytest.mark.parametrize("tag_bytes", [12, 16])
@pytest.mark.parametrize("cipher", [ContentCipher.AES_256_GCM, ContentCipher.AES_128_CCM])
def test_authenticated_ciphers_inside_enveloped_data_are_read(
    cipher: ContentCipher, tag_bytes: int, content: bytes, step: int
) -> None:
    message = sealed(cipher, content, tag_bytes=tag_bytes, inside=True)
    parts = [message[start : start + step] for start in range(0, len(message), step)]
    assert read_encrypted(parts) == content
    with pytest.raises(DecryptionFailed):
        read_encrypted([message[:-1] + bytes([message[-1] ^ 1])])


def test_a_recipient_named_by_key_identifier_is_found() -> None:
    key, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    context = Cipher(AES(key), modes.CBC(iv)).encryptor()
    ciphertext = context.update(b"four" + b"\x0c" * 12) + context.finalize()
    fields = envelope("aes128_cbc", core.OctetString(iv), ciphertext, key, by_key_id=True)
    message = cms.ContentInfo({"content_type": "enveloped_data", "content": cms.EnvelopedData(fields)}).dump()
    assert read_encrypted([message]) == b"four"


def test_signatures_with_a_signer_named_otherwise_spelled_verify() -> None:
    """A peer that re-encodes the issuer's strings (PrintableString for UTF8String, other case) is still found."""
    content_digest = digest_of(TEXT)
    certificate = asn1_x509.Certificate.load(rsa_holder().certificate_der)
    spelled = asn1_x509.Name.build({"country_name": "de", "common_name": "ALPHA"}, use_printable=True)
    assert spelled.dump() != certificate.issuer.dump()
    attributes = cms.CMSAttributes(
        [{"type": "content_type", "values": ["data"]}, {"type": "message_digest", "values": [content_digest]}]
    )
    signature = rsa_key().sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256())
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                name="issuer_and_serial_number",
                value={"issuer": spelled, "serial_number": certificate.serial_number},
            ),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_rsa"},
            "signature": signature,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "data", "content": TEXT},
            "signer_infos": [signer],
        }
    )
    message = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    assert read_signed([message])[0] == TEXT


@pytest.mark.parametrize("curve", ["p256", "p384", "p521"])
def test_our_key_agreement_names_the_curve_strong_kdf(curve: str) -> None:
    holder = ec_holder(curve)
    enveloped = cms.ContentInfo.load(encrypted(TEXT, encrypting(holder)), strict=True)["content"]
    agreed = enveloped["recipient_infos"][0].chosen
    assert enveloped["version"].native == "v2"
    expected = {"p256": "1.3.132.1.11.1", "p384": "1.3.132.1.11.2", "p521": "1.3.132.1.11.3"}[curve]
    assert agreed["key_encryption_algorithm"]["algorithm"].dotted == expected
    point = agreed["originator"].chosen["public_key"].native
    assert (
        ec.EllipticCurvePublicKey.from_encoded_point(ec_key(holder).curve, point).key_size
        == holder.certificate.key_bits
    )
