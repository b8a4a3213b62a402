"""Every form of a message, built by us and opened by us: content, layers, signer and MIC (issue 6, point 1)."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.kernel.keys import Digest, KeyTransport, SignatureScheme
from counterseal.kernel.mime import TransferEncoding
from counterseal.protocols import as2, cms
from tests.protocols.as2.parties import (
    BINARY,
    ORDERS,
    alpha,
    alpha_ec,
    bravo,
    bravo_ec,
    built,
    document,
    encryption,
    envelope,
    in_pieces,
    open_,
    signing,
    wanted,
)

SIGNINGS = {
    "unsigned": None,
    "rsa-pkcs1": SignatureScheme.RSA_PKCS1,
    "rsa-pss": SignatureScheme.RSA_PSS,
    "ecdsa": SignatureScheme.ECDSA,
}
DIGESTS = (Digest.SHA1, Digest.SHA256, Digest.SHA384, Digest.SHA512)
CIPHERS = {
    "aes-128-cbc": (cms.ContentCipher.AES_128_CBC, False),
    "aes-192-cbc": (cms.ContentCipher.AES_192_CBC, False),
    "aes-256-cbc": (cms.ContentCipher.AES_256_CBC, False),
    "3des-cbc": (cms.ContentCipher.TRIPLE_DES_CBC, False),
    "aes-128-gcm": (cms.ContentCipher.AES_128_GCM, True),
    "aes-256-gcm": (cms.ContentCipher.AES_256_GCM, True),
    "aes-128-gcm in EnvelopedData (P-7)": (cms.ContentCipher.AES_128_GCM, False),
    "aes-256-gcm in EnvelopedData (P-7)": (cms.ContentCipher.AES_256_GCM, False),
}
TRANSPORTS = (
    KeyTransport.RSA_PKCS1,
    KeyTransport.RSA_OAEP_SHA1,
    KeyTransport.RSA_OAEP_SHA256,
    KeyTransport.ECDH,
)
ENCODINGS = (
    TransferEncoding.BINARY,
    TransferEncoding.EIGHT_BIT,
    TransferEncoding.BASE64,
    TransferEncoding.QUOTED_PRINTABLE,
    None,
)
FORMS = list(itertools.product((False, True), (False, True), as2.Compression))


def content_of(wire_body: bytes, boundary: str) -> bytes:
    """The signed part of a multipart/signed, cut out by hand."""
    return wire_body.split(f"--{boundary}\r\n".encode())[1].removesuffix(b"\r\n")


@pytest.mark.parametrize(("sign", "encrypt", "compress"), FORMS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_form_with_every_transfer_encoding_arrives_with_equal_mic(
    sign: bool, encrypt: bool, compress: as2.Compression, encoding: TransferEncoding | None
) -> None:
    wire = built(
        document(BINARY, transfer_encoding=encoding),
        sign=signing() if sign else None,
        encrypt=encryption() if encrypt else None,
        compress=compress,
    )
    result = open_(wire)
    progress = result.message.progress
    assert result.content == BINARY
    assert result.parts.heads[0].file_name == "orders.edi"
    assert result.parts.heads[0].content_type.media_type == "application/edifact"
    assert progress.encrypted is encrypt
    assert progress.compressed is (compress is not as2.Compression.NONE)
    assert [s.certificate for s in result.message.signers] == ([alpha().certificate] if sign else [])
    assert progress.mics[Digest.SHA256] == wire.mics[Digest.SHA256]
    assert not result.leniencies


ORDER_OF_LAYERS = {
    (True, True, as2.Compression.BEFORE_SIGNING): (as2.EncryptedLayer, as2.SignedLayer, as2.CompressedLayer),
    (True, True, as2.Compression.AFTER_SIGNING): (as2.EncryptedLayer, as2.CompressedLayer, as2.SignedLayer),
    (True, False, as2.Compression.BEFORE_SIGNING): (as2.SignedLayer, as2.CompressedLayer),
    (True, False, as2.Compression.AFTER_SIGNING): (as2.CompressedLayer, as2.SignedLayer),
    (False, True, as2.Compression.AFTER_SIGNING): (as2.EncryptedLayer, as2.CompressedLayer),
}


@pytest.mark.parametrize("form", ORDER_OF_LAYERS)
def test_layers_are_found_in_the_order_in_which_they_stand(form: tuple[bool, bool, as2.Compression]) -> None:
    sign, encrypt, compress = form
    wire = built(sign=signing() if sign else None, encrypt=encryption() if encrypt else None, compress=compress)
    assert tuple(type(layer) for layer in open_(wire).message.progress.layers) == ORDER_OF_LAYERS[form]


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("scheme", SIGNINGS)
def test_bis_4_every_digest_and_signature_scheme_verifies_with_its_mic(scheme: str, digest: Digest) -> None:
    chosen = SIGNINGS[scheme]
    plan = None if chosen is None else signing(digest=digest, scheme=chosen)
    receipt = wanted(micalgs=(digest,))
    wire = built(sign=plan, encrypt=encryption(), envelope_=envelope(receipt=receipt))
    result = open_(wire)
    assert result.content == ORDERS
    assert result.message.progress.mics[digest] == wire.mics[digest]
    if chosen is not None:
        (signer,) = result.message.signers
        assert (signer.digest, signer.scheme) == (digest, chosen)
        assert signer.certificate == (alpha_ec() if chosen is SignatureScheme.ECDSA else alpha()).certificate


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("encoding", [TransferEncoding.BINARY, TransferEncoding.BASE64])
def test_bis_5_every_cipher_and_key_transport_opens_with_the_key_that_was_used(
    transport: KeyTransport, cipher: str, encoding: TransferEncoding
) -> None:
    chosen, authenticated = CIPHERS[cipher]
    plan = encryption(cipher=chosen, transport=transport, authenticated=authenticated)
    result = open_(built(sign=signing(), encrypt=plan, transfer_encoding=encoding))
    assert result.content == ORDERS
    layer = result.message.progress.layers[0]
    assert isinstance(layer, as2.EncryptedLayer)
    owner = bravo_ec() if transport is KeyTransport.ECDH else bravo()
    assert layer.key.certificate_der == owner.der
    assert (layer.cipher, layer.transport) == (chosen, transport)
    assert layer.authenticated is (chosen.mode == "gcm")


# MIC: RFC 4130 7.3.1, RFC 5402 4, RFC 6362 2.3

HEADER = (
    b"Content-Type: application/edifact\r\n"
    b"Content-Disposition: attachment; filename=orders.edi\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n"
)


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


@pytest.mark.parametrize("encrypt", [False, True])
def test_bis_18_mic_of_a_signed_message_covers_header_and_content(encrypt: bool) -> None:
    wire = built(sign=signing(), encrypt=encryption() if encrypt else None)
    assert wire.mics == {Digest.SHA256: sha256(HEADER + ORDERS)}
    assert open_(wire).message.progress.mics == wire.mics


def test_bis_18_mic_of_an_encrypted_message_covers_the_decrypted_header_and_content() -> None:
    wire = built(encrypt=encryption())
    assert wire.mics == {Digest.SHA256: sha256(HEADER + ORDERS)}
    assert open_(wire).message.progress.mics == wire.mics


@pytest.mark.parametrize("encoding", [TransferEncoding.BINARY, TransferEncoding.BASE64, None])
def test_bis_18_mic_of_a_plain_message_covers_the_content_without_headers(encoding: TransferEncoding | None) -> None:
    wire = built(document(transfer_encoding=encoding))
    assert wire.mics == {Digest.SHA256: sha256(ORDERS)}
    assert open_(wire).message.progress.mics == wire.mics


@pytest.mark.parametrize("encrypt", [False, True])
def test_mic_of_a_compressed_unsigned_message_covers_the_uncompressed_entity(encrypt: bool) -> None:
    wire = built(compress=as2.Compression.BEFORE_SIGNING, encrypt=encryption() if encrypt else None)
    assert wire.mics == {Digest.SHA256: sha256(HEADER + ORDERS)}
    assert open_(wire).message.progress.mics == wire.mics


def test_mic_of_a_message_compressed_before_signing_covers_the_compressed_part() -> None:
    wire = built(sign=signing(), compress=as2.Compression.BEFORE_SIGNING)
    assert wire.mics == {Digest.SHA256: sha256(content_of(wire.body, wire.boundary))}
    assert wire.mics != {Digest.SHA256: sha256(HEADER + ORDERS)}
    assert open_(wire).message.progress.mics == wire.mics


def test_mic_of_a_message_compressed_after_signing_covers_the_uncompressed_part() -> None:
    wire = built(sign=signing(), compress=as2.Compression.AFTER_SIGNING)
    assert wire.mics == {Digest.SHA256: sha256(HEADER + ORDERS)}
    assert open_(wire).message.progress.mics == wire.mics


@pytest.mark.parametrize(
    ("signed", "profile", "sha1"),
    [(False, as2.Profile.RFC4130, True), (True, as2.Profile.RFC4130, False), (False, as2.Profile.MODERN, False)],
)
def test_an_unsigned_receipt_may_have_a_sha_1_mic(*, signed: bool, profile: as2.Profile, sha1: bool) -> None:
    """No algorithm is asked for with it, and RFC 4130 7.3.1 means SHA-1 then; as2-lib answers so."""
    wire = built(envelope_=envelope(receipt=wanted(signed=signed), profile=profile))
    assert set(wire.mics) == {Digest.SHA256, *([Digest.SHA1] if sha1 else [])}


def test_the_mic_is_taken_in_the_requested_digest_and_in_that_of_the_signature() -> None:
    receipt = wanted(micalgs=(Digest.SHA512, Digest.SHA384))
    wire = built(sign=signing(digest=Digest.SHA256), envelope_=envelope(receipt=receipt))
    assert set(wire.mics) == {Digest.SHA256, Digest.SHA384, Digest.SHA512}
    mics = open_(wire).message.progress.mics
    assert set(mics) == {Digest.SHA256, Digest.SHA512}
    assert all(wire.mics[digest] == mic for digest, mic in mics.items())


# attachments: RFC 6362

SPLITS = st.lists(st.integers(0, 4000), max_size=12)


def attachments(encoding: TransferEncoding | None = TransferEncoding.BINARY) -> as2.Entity:
    return as2.attachments_entity(
        [
            document(b"<order/>", content_type="application/xml", file_name="order.xml", content_id="root@a"),
            document(BINARY, content_type="application/pdf", file_name="Plan Ü.pdf", content_id="2@a", transfer_encoding=encoding),
        ],
        entropy=lambda n: b"\x5a" * n,
    )  # fmt: skip


@pytest.mark.parametrize(("sign", "encrypt", "compress"), FORMS)
def test_attachments_arrive_one_by_one_in_every_form(sign: bool, encrypt: bool, compress: as2.Compression) -> None:
    wire = built(
        attachments(),
        sign=signing() if sign else None,
        encrypt=encryption() if encrypt else None,
        compress=compress,
    )
    result = open_(wire)
    assert result.parts.contents == [b"<order/>", BINARY]
    assert [p.file_name for p in result.parts.heads] == ["order.xml", "Plan Ü.pdf"]
    assert [p.content_id for p in result.parts.heads] == ["root@a", "2@a"]
    assert [p.path for p in result.parts.heads] == [(0,), (1,)]
    assert result.message.progress.mics == wire.mics


def test_attachments_name_their_root_as_rfc_2387_asks() -> None:
    value = dict(attachments().headers)["Content-Type"]
    assert 'type="application/xml"' in value
    assert "start=<root@a>" in value.replace('"', "")


@pytest.mark.parametrize("identifiers", [(), ("a", None), ("a", "a")])
def test_attachments_without_their_own_content_ids_are_not_written(identifiers: tuple[str | None, ...]) -> None:
    with pytest.raises(as2.IllegalEnvelope):
        as2.attachments_entity([document(content_id=i) for i in identifiers], entropy=bytes)


# whole input equals any split

WHOLE = {
    "plain": lambda: built(document(BINARY)),
    "signed": lambda: built(document(BINARY), sign=signing()),
    "encrypted": lambda: built(document(BINARY), encrypt=encryption()),
    "signed, encrypted": lambda: built(document(BINARY), sign=signing(), encrypt=encryption()),
    "compressed, signed, encrypted": lambda: built(
        document(BINARY), sign=signing(), encrypt=encryption(), compress=as2.Compression.BEFORE_SIGNING
    ),
    "signed, compressed, base64": lambda: built(
        document(BINARY, transfer_encoding=TransferEncoding.BASE64),
        sign=signing(),
        compress=as2.Compression.AFTER_SIGNING,
        transfer_encoding=TransferEncoding.BASE64,
    ),
}


@pytest.mark.parametrize("form", WHOLE)
@given(cuts=SPLITS)
@settings(max_examples=25, deadline=None)
def test_a_whole_message_equals_any_split_of_it(form: str, cuts: list[int]) -> None:
    wire = WHOLE[form]()
    result = open_(wire, chunks=in_pieces(wire.body, cuts))
    assert result.content == BINARY
    assert result.message.progress.mics == wire.mics


@pytest.mark.parametrize("form", WHOLE)
def test_a_message_may_come_octet_by_octet(form: str) -> None:
    wire = WHOLE[form]()
    assert open_(wire, chunks=[bytes([octet]) for octet in wire.body]).content == BINARY
