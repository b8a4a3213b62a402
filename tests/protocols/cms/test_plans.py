"""Plans that must not exist cannot be built; certs-only and algorithm tables hold what they promise."""

import base64
from dataclasses import replace
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.protocols import cms
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    CMSFault,
    ContentCipher,
    EncryptionPlan,
    Malformed,
    SigningPlan,
    UnfitPlan,
    algorithms,
    certs_only,
    read_certs_only,
    tlv,
)
from tests.protocols.cms.keys import ec_holder, mint, rsa_holder
from tests.protocols.cms.messages import CCM, TEXT, attached, encrypted, encrypting, signing


def test_md5_cannot_be_planned() -> None:
    with pytest.raises(UnfitPlan):
        signing(digest=Digest.MD5)


def test_sha1_needs_the_policy_to_name_it() -> None:
    with pytest.raises(UnfitPlan):
        SigningPlan(
            signer=rsa_holder(),
            digest=Digest.SHA1,
            scheme=SignatureScheme.RSA_PKCS1,
            certificates=(),
            signing_time=None,
        )


def test_a_scheme_must_fit_the_key() -> None:
    for holder, scheme in [
        (rsa_holder(), SignatureScheme.ECDSA),
        (ec_holder(), SignatureScheme.RSA_PKCS1),
        (ec_holder(), SignatureScheme.RSA_PSS),
    ]:
        with pytest.raises(UnfitPlan):
            signing(holder, scheme=scheme)


def test_a_signing_time_must_be_aware() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point
    with pytest.raises(UnfitPlan):
        replace(signing(), signing_time=naive)


def test_3des_needs_the_policy_to_name_it() -> None:
    with pytest.raises(UnfitPlan):
        EncryptionPlan(
            recipients=(rsa_holder().certificate,),
            transport=KeyTransport.RSA_PKCS1,
            cipher=ContentCipher.TRIPLE_DES_CBC,
            authenticated=False,
        )


@pytest.mark.parametrize("cipher", CCM)
def test_ccm_is_never_written(cipher: ContentCipher) -> None:
    with pytest.raises(UnfitPlan):
        encrypting(cipher=cipher)


def test_a_message_for_nobody_cannot_be_planned() -> None:
    with pytest.raises(UnfitPlan):
        replace(encrypting(), recipients=())


def test_cbc_is_not_authenticated() -> None:
    with pytest.raises(UnfitPlan):
        encrypting(authenticated=True)


def test_an_rsa_recipient_cannot_be_planned_with_ecdh_alone() -> None:
    with pytest.raises(UnfitPlan):
        encrypting(rsa_holder(), transport=KeyTransport.ECDH)


def test_a_key_that_cannot_take_the_content_key_is_unfit() -> None:
    with pytest.raises(UnfitPlan):
        encrypted(TEXT, encrypting(rsa_holder("small", bits=1024), transport=KeyTransport.RSA_OAEP_SHA512))
    with pytest.raises(UnfitPlan):
        encrypted(TEXT, encrypting(mint(ec.generate_private_key(ec.SECP256K1()), "koblitz", serial=3)))


def test_an_unreadable_public_key_is_malformed() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from counterseal.protocols.cms.identity import public_key

    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    for spki in (b"", tlv.sequence(), edwards.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        with pytest.raises(Malformed):
            public_key(spki)


# --- certs-only


CERTIFICATES = tuple(sorted((rsa_holder().certificate_der, ec_holder().certificate_der)))


@pytest.mark.parametrize(
    "form",
    [
        lambda der: der,
        base64.b64encode,
        base64.encodebytes,
        lambda der: base64.encodebytes(der).replace(b"\n", b"\r\n"),
        lambda der: b"-----BEGIN PKCS7-----\n" + base64.encodebytes(der) + b"-----END PKCS7-----\n",
        lambda der: b"-----BEGIN CMS-----\r\n" + base64.b64encode(der) + b"\r\n-----END CMS-----",
        lambda der: b"subject=/CN=x\n\n-----BEGIN PKCS7-----\n" + base64.encodebytes(der) + b"-----END PKCS7-----\n",
        lambda der: der + b"\r\n",
    ],
    ids=["der", "base64", "lines", "crlf", "pem", "pem-cms", "pem-with-preface", "surplus"],
)
def test_certs_only_in_every_form_is_read(form) -> None:  # type: ignore[no-untyped-def]
    assert read_certs_only(form(certs_only(CERTIFICATES)), limits=DEFAULT_LIMITS) == CERTIFICATES


def test_certificates_of_a_signed_message_are_listed_without_trust() -> None:
    message = attached(TEXT, signing(certificates=CERTIFICATES))
    assert read_certs_only(message, limits=DEFAULT_LIMITS) == CERTIFICATES


def test_no_certificate_at_all_is_none() -> None:
    assert read_certs_only(certs_only([]), limits=DEFAULT_LIMITS) == ()
    assert read_certs_only(attached(), limits=DEFAULT_LIMITS) == ()


def test_other_kinds_of_certificate_are_passed_over() -> None:
    message = certs_only([*CERTIFICATES, tlv.tlv(tlv.context(1), tlv.null())])
    assert read_certs_only(message, limits=DEFAULT_LIMITS) == CERTIFICATES


def test_crls_are_passed_over() -> None:
    content = tlv.sequence(
        tlv.integer(1),
        tlv.set_of(),
        tlv.sequence(tlv.oid("1.2.840.113549.1.7.1")),
        tlv.tlv(tlv.context(0), *CERTIFICATES),
        tlv.tlv(tlv.context(1), tlv.sequence(tlv.sequence())),
        tlv.set_of(),
    )
    message = tlv.sequence(tlv.oid("1.2.840.113549.1.7.2"), tlv.tlv(tlv.context(0), content))
    assert read_certs_only(message, limits=DEFAULT_LIMITS) == CERTIFICATES


@pytest.mark.parametrize(
    "text", [b"", b"not a certificate!", b"MII", b"M" * 21, b"-----BEGIN PKCS7-----\n%%\n-----END "]
)
def test_text_that_is_no_message_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_certs_only(text, limits=DEFAULT_LIMITS)


# --- tables


def test_every_fault_has_its_own_code_and_is_the_peers() -> None:
    faults = [thing for thing in vars(cms).values() if isinstance(thing, type) and issubclass(thing, CMSFault)]
    assert len({fault.code for fault in faults}) == len(faults) == 9
    assert all(issubclass(fault, PeerFault) and fault.code.startswith("cms.") for fault in faults)


def test_every_cipher_and_digest_has_an_identifier() -> None:
    assert set(algorithms.CIPHER_OIDS) == set(ContentCipher)
    assert set(algorithms.DIGEST_OIDS) == set(algorithms.HASHES) == set(Digest) - {Digest.MD5}
    assert len(algorithms.KDF_HASHES) == 10


@pytest.mark.parametrize(
    "dotted", ["1.2.840.113549.1.7.2", "2.16.840.1.101.3.4.1.42", "2.999.1", "0.9.2342.19200300.100.1.25", "1.3.14"]
)
def test_object_identifiers_read_back(dotted: str) -> None:
    assert tlv.read_oid(tlv.parse(tlv.oid(dotted))) == dotted


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 2**63, -1, -128, -129, 2**158 + 5])
def test_integers_read_back_in_their_shortest_form(value: int) -> None:
    encoded = tlv.integer(value)
    assert tlv.read_integer(tlv.parse(encoded)) == value
    assert encoded[2:4] not in (b"\x00\x00", b"\xff\xff")


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32])
def test_lengths_are_written_in_their_shortest_form(length: int) -> None:
    octets = tlv.length_octets(length)
    assert len(octets) == (1 if length < 128 else 1 + (length.bit_length() + 7) // 8)
