"""The table of algorithms against a second product of independent parts: asn1crypto for structure, ``cryptography`` for the rest.

``test_openssl.py`` has the same rows. Nothing of ours takes part in ``unseal``, ``seal``, ``unsign`` and ``sign``.
"""

import functools
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.protocols.cms import DEFAULT_LIMITS, ContentCipher, decrypt, verify_detached
from tests.protocols.cms.keys import HASHES, OAEP, HeldKey, ec_holder, rsa_holder
from tests.protocols.cms.messages import (
    CBC,
    DIGESTS,
    GCM,
    LARGE,
    RSA_TRANSPORTS,
    TEXT,
    digest_of,
    encrypted,
    encrypting,
    hash_name,
    pieces,
    read_signed,
    whole,
)
from tests.protocols.cms.test_independent_reader import (
    CIPHER_OIDS,
    AEADAlgorithm,
    AEADParameters,
    AuthEnvelope,
    AuthEnvelopedData,
)

CURVES = ("p256", "p384", "p521")
RECIPIENTS: dict[str, tuple[Callable[[], HeldKey], KeyTransport]] = {
    transport.value: (rsa_holder, transport) for transport in RSA_TRANSPORTS
} | {curve: (functools.partial(ec_holder, curve), KeyTransport.ECDH) for curve in CURVES}
CONTENT = [(cipher, False) for cipher in CBC] + [(cipher, inside) for cipher in GCM for inside in (True, False)]
"""The second: AuthEnvelopedData."""
OIDS = CIPHER_OIDS | {
    ContentCipher.AES_128_CBC: "2.16.840.1.101.3.4.1.2",
    ContentCipher.AES_192_CBC: "2.16.840.1.101.3.4.1.22",
    ContentCipher.AES_256_CBC: "2.16.840.1.101.3.4.1.42",
    ContentCipher.TRIPLE_DES_CBC: "1.2.840.113549.3.7",
}
AUTH_ENVELOPED = "1.2.840.113549.1.9.16.1.23"
STD_DH_KDF = {"1.3.132.1.11.1": hashes.SHA256(), "1.3.132.1.11.2": hashes.SHA384(), "1.3.132.1.11.3": hashes.SHA512()}
KDF_OF_CURVE = dict(zip(CURVES, STD_DH_KDF, strict=True))
WRAPS = {16: "2.16.840.1.101.3.4.1.5", 24: "2.16.840.1.101.3.4.1.25", 32: "2.16.840.1.101.3.4.1.45"}


class WrapAlgorithm(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("algorithm", core.ObjectIdentifier),
        ("parameters", core.Null, {"optional": True}),
    ]


class SharedInfo(core.Sequence):  # type: ignore[misc]
    """ECC-CMS-SharedInfo (RFC 5753 7.2), without user keying material."""

    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("key_info", WrapAlgorithm),
        ("supp_pub_info", core.OctetString, {"explicit": 2}),
    ]


class AgreementAlgorithm(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", WrapAlgorithm)]  # noqa: RUF012 - asn1crypto's way


def wrapping_key(shared: bytes, kdf: str, wrap: WrapAlgorithm) -> bytes:
    size = next(size for size, oid in WRAPS.items() if oid == wrap["algorithm"].dotted)
    info = SharedInfo({"key_info": wrap, "supp_pub_info": (size * 8).to_bytes(4, "big")}).dump()
    return X963KDF(STD_DH_KDF[kdf], size, info).derive(shared)


def names(holder: HeldKey) -> dict[str, Any]:
    certificate = asn1_x509.Certificate.load(holder.certificate_der)
    return {"issuer": certificate.issuer, "serial_number": certificate.serial_number}


# --- envelopes


def unsealed_key(recipient: cms.RecipientInfo, holder: HeldKey) -> bytes:
    info = recipient.chosen
    if recipient.name == "ktri":
        assert isinstance(holder.key, rsa.RSAPrivateKey)
        named = info["key_encryption_algorithm"]
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if named["algorithm"].native == "rsaes_oaep":
            digest = named["parameters"]["hash_algorithm"]["algorithm"].native
            assert named["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native == digest
            chosen = next(h for h in OAEP.values() if h.name == digest)
            scheme = padding.OAEP(padding.MGF1(chosen), chosen, None)
        return holder.key.decrypt(info["encrypted_key"].native, scheme)
    assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
    agreement = AgreementAlgorithm.load(info["key_encryption_algorithm"].dump(), strict=True)
    point = info["originator"].chosen["public_key"].native
    peer = ec.EllipticCurvePublicKey.from_encoded_point(holder.key.curve, point)
    shared = holder.key.exchange(ec.ECDH(), peer)
    key = wrapping_key(shared, agreement["algorithm"].dotted, agreement["parameters"])
    return aes_key_unwrap(key, info["recipient_encrypted_keys"][0]["encrypted_key"].native)


def unseal(message: bytes, holder: HeldKey) -> bytes:
    outer = core.Sequence.load(message, strict=True)
    sealed = outer[0].dotted == AUTH_ENVELOPED
    content = (AuthEnvelope if sealed else cms.ContentInfo).load(message, strict=True)["content"]
    key = unsealed_key(content["recipient_infos"][0], holder)
    inner = content["content" if sealed else "encrypted_content_info"]
    algorithm = AEADAlgorithm.load(inner["content_encryption_algorithm"].dump(), strict=True)
    cipher = next(cipher for cipher, oid in OIDS.items() if oid == algorithm["algorithm"].dotted)
    octets = inner["encrypted_content"].native
    if cipher in GCM:
        nonce = AEADParameters.load(algorithm["parameters"].dump(), strict=True)["nonce"].native
        tag = content["mac"].native if sealed else b""
        return AESGCM(key).decrypt(nonce, octets + tag, None)
    plain = cbc(cipher, key, algorithm["parameters"].parse(core.OctetString).native).decryptor().update(octets)
    assert plain[-plain[-1] :] == plain[-1:] * plain[-1]
    return plain[: -plain[-1]]


def cbc(cipher: ContentCipher, key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(TripleDES(key) if cipher is ContentCipher.TRIPLE_DES_CBC else AES(key), modes.CBC(iv))


def sealed_key(key: bytes, holder: HeldKey, transport: KeyTransport, curve: str) -> cms.RecipientInfo:
    if transport is KeyTransport.ECDH:
        return agreed_key(key, holder, curve)
    assert isinstance(holder.key, rsa.RSAPrivateKey)
    public = holder.key.public_key()
    named: dict[str, Any] = {"algorithm": "rsaes_pkcs1v15", "parameters": core.Null()}
    octets = public.encrypt(key, padding.PKCS1v15()) if transport is KeyTransport.RSA_PKCS1 else b""
    if transport is not KeyTransport.RSA_PKCS1:
        chosen = OAEP[transport]
        octets = public.encrypt(key, padding.OAEP(padding.MGF1(chosen), chosen, None))
        mask = {"algorithm": "mgf1", "parameters": {"algorithm": chosen.name}}
        named = {
            "algorithm": "rsaes_oaep",
            "parameters": {"hash_algorithm": {"algorithm": chosen.name}, "mask_gen_algorithm": mask},
        }
    rid = cms.RecipientIdentifier(name="issuer_and_serial_number", value=names(holder))
    info = {"version": "v0", "rid": rid, "key_encryption_algorithm": named, "encrypted_key": octets}
    return cms.RecipientInfo(name="ktri", value=cms.KeyTransRecipientInfo(info))


def agreed_key(key: bytes, holder: HeldKey, curve: str) -> cms.RecipientInfo:
    assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
    ephemeral = ec.generate_private_key(holder.key.curve)
    wrap = WrapAlgorithm({"algorithm": WRAPS[len(key) if len(key) in {16, 32} else 24]})
    shared = ephemeral.exchange(ec.ECDH(), holder.key.public_key())
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    agreement = AgreementAlgorithm({"algorithm": KDF_OF_CURVE[curve], "parameters": wrap})
    rid = cms.KeyAgreementRecipientIdentifier(name="issuer_and_serial_number", value=names(holder))
    wrapped = aes_key_wrap(wrapping_key(shared, KDF_OF_CURVE[curve], wrap), key)
    info = {
        "version": "v3",
        "originator": cms.OriginatorIdentifierOrKey(
            name="originator_key", value={"algorithm": {"algorithm": "ec"}, "public_key": point}
        ),
        "key_encryption_algorithm": cms.KeyEncryptionAlgorithm.load(agreement.dump()),
        "recipient_encrypted_keys": [{"rid": rid, "encrypted_key": wrapped}],
    }
    return cms.RecipientInfo(name="kari", value=cms.KeyAgreeRecipientInfo(info))


def seal(content: bytes, recipient: str, cipher: ContentCipher, *, authenticated: bool) -> bytes:
    holder, transport = RECIPIENTS[recipient]
    key, nonce = secrets.token_bytes(cipher.key_bytes), secrets.token_bytes(12)
    parameters: core.Asn1Value = AEADParameters({"nonce": nonce, "icv": 16})
    tag = b""
    if cipher in GCM:
        octets = AESGCM(key).encrypt(nonce, content, None)
        if authenticated:
            octets, tag = octets[:-16], octets[-16:]
    else:
        block = 8 if cipher is ContentCipher.TRIPLE_DES_CBC else 16
        iv = secrets.token_bytes(block)
        pad = block - len(content) % block
        octets = cbc(cipher, key, iv).encryptor().update(content + bytes([pad]) * pad)
        parameters = core.OctetString(iv)
    algorithm = AEADAlgorithm({"algorithm": OIDS[cipher], "parameters": parameters})
    inner = {
        "content_type": "data",
        "content_encryption_algorithm": cms.EncryptionAlgorithm.load(algorithm.dump()),
        "encrypted_content": octets,
    }
    infos = [sealed_key(key, holder(), transport, recipient)]
    if authenticated:
        body = AuthEnvelopedData({"version": "v0", "recipient_infos": infos, "content": inner, "mac": tag})
        return bytes(AuthEnvelope({"content_type": AUTH_ENVELOPED, "content": body}).dump())
    fields = {"version": "v2", "recipient_infos": infos, "encrypted_content_info": inner}
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": cms.EnvelopedData(fields)}).dump())


@pytest.mark.parametrize(("cipher", "authenticated"), CONTENT)
@pytest.mark.parametrize("recipient", RECIPIENTS)
@pytest.mark.parametrize("definite", [True, False], ids=["definite", "indefinite"])
def test_the_second_reader_opens_our_envelopes(
    recipient: str, cipher: ContentCipher, authenticated: bool, definite: bool
) -> None:
    holder, transport = RECIPIENTS[recipient]
    plan = encrypting(holder(), cipher=cipher, transport=transport, authenticated=authenticated)
    for content in (b"", TEXT, LARGE):
        assert unseal(encrypted(content, plan, definite=definite), holder()) == content


@pytest.mark.parametrize(("cipher", "authenticated"), CONTENT)
@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_envelopes_of_the_second_writer_open(recipient: str, cipher: ContentCipher, authenticated: bool) -> None:
    holder, transport = RECIPIENTS[recipient]
    for content in (b"", TEXT, LARGE):
        message = seal(content, recipient, cipher, authenticated=authenticated)
        assert unseal(message, holder()) == content
        stream = decrypt(pieces(message, 4096), [holder()], limits=DEFAULT_LIMITS)
        assert whole(stream.chunks()) == content
        assert (stream.cipher, stream.transport) == (cipher, transport)


# --- signatures: what asn1crypto writes (test_independent_reader.py has it reading ours)

SIGNATURES = [(rsa_holder, scheme, digest) for scheme in (SignatureScheme.RSA_PKCS1, SignatureScheme.RSA_PSS) for digest in DIGESTS]  # fmt: skip
SIGNATURES += [
    (RECIPIENTS[curve][0], SignatureScheme.ECDSA, digest)  # type: ignore[misc]
    for curve in CURVES
    for digest in DIGESTS
]


def sign(content: bytes, holder: HeldKey, scheme: SignatureScheme, digest: Digest, *, attached: bool) -> bytes:
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["data"]},
            {"type": "message_digest", "values": [digest_of(content, digest)]},
        ]
    )
    name, algorithm = hash_name(digest), HASHES[digest]
    covered = attributes.dump()
    named: dict[str, Any] = {"algorithm": f"{name}_rsa"}
    if isinstance(holder.key, ec.EllipticCurvePrivateKey):
        named = {"algorithm": f"{name}_ecdsa"}
        signature = holder.key.sign(covered, ec.ECDSA(algorithm))
    elif scheme is SignatureScheme.RSA_PSS:
        mask = {"algorithm": "mgf1", "parameters": {"algorithm": name}}
        parameters = {
            "hash_algorithm": {"algorithm": name},
            "mask_gen_algorithm": mask,
            "salt_length": algorithm.digest_size,
        }
        named = {"algorithm": "rsassa_pss", "parameters": parameters}
        pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
        signature = holder.key.sign(covered, pss, algorithm)
    else:
        signature = holder.key.sign(covered, padding.PKCS1v15(), algorithm)
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier(name="issuer_and_serial_number", value=names(holder)),
        "digest_algorithm": {"algorithm": name},
        "signed_attrs": attributes,
        "signature_algorithm": named,
        "signature": signature,
    }
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": name}],
            "encap_content_info": {"content_type": "data"} | ({"content": content} if attached else {}),
            "certificates": [asn1_x509.Certificate.load(holder.certificate_der)],
            "signer_infos": [cms.SignerInfo(info)],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


@pytest.mark.parametrize(("make", "scheme", "digest"), SIGNATURES)
def test_signatures_of_the_second_writer_verify(
    make: Callable[[], HeldKey], scheme: SignatureScheme, digest: Digest
) -> None:
    holder = make()
    digests = {digest: digest_of(LARGE, digest)}
    detached = sign(LARGE, holder, scheme, digest, attached=False)
    found = [verify_detached(detached, digests, candidates=[holder.certificate], limits=DEFAULT_LIMITS)]
    content, signed = read_signed(pieces(sign(LARGE, holder, scheme, digest, attached=True), 4096), holder)
    assert content == LARGE
    found.append(signed)
    expected: Sequence[object] = (holder.certificate, digest, scheme)
    for one in found:
        (signer,) = one.signers
        assert (signer.certificate, signer.digest, signer.scheme) == expected
