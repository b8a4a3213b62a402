"""Partners as they are (as2-peers.md): one test for each row that concerns the core, and for the oddities of issue 6."""

import re
from collections.abc import Callable

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import core

from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import TransferEncoding
from counterseal.protocols import as2, cms
from counterseal.protocols.as2.disposition import meaning
from tests.protocols.as2.parties import (
    BINARY,
    ORDERS,
    OnWire,
    alpha,
    bravo,
    bravo_ec,
    built,
    document,
    encryption,
    entropy,
    envelope,
    open_,
    signing,
)
from tests.protocols.as2.test_receipt import a_receipt, built_receipt

L = as2.Leniency


def on_wire(body: bytes, content_type: str, **more: str) -> OnWire:
    names = (("AS2-From", "ALPHA"), ("AS2-To", "BRAVO"), ("Message-ID", "<1@a>"), ("Content-Type", content_type))
    return OnWire((*names, *((n.replace("_", "-"), v) for n, v in more.items())), body)


def enveloped(content: bytes) -> bytes:
    return b"".join(bytes(c) for c in cms.encrypt((content,), encryption(), entropy=entropy, size=len(content)))


def signed_by_hand(
    part: bytes,
    *,
    plan: cms.SigningPlan,
    micalg: str | None = "sha-256",
    media_type: str = "application/pkcs7-signature",
    rebuild: Callable[[bytes], bytes] = bytes,
) -> OnWire:
    digests = as2.Digests((plan.digest,))
    digests.update(part)
    signature = rebuild(cms.sign_detached(digests.values()[plan.digest], plan))
    body = b"--s\r\n" + part + f"\r\n--s\r\nContent-Type: {media_type}\r\n\r\n".encode() + signature + b"\r\n--s--\r\n"
    parameter = f"micalg={micalg}; " if micalg is not None else ""
    return on_wire(body, f"multipart/signed; {parameter}boundary=s; protocol=application/pkcs7-signature")


PART = b"Content-Type: application/edifact\r\n\r\n" + ORDERS


def test_p_3_a_preamble_and_a_blank_line_stand_before_the_first_boundary() -> None:
    for wire in (built(sign=signing()), built_receipt(a_receipt(), sign=signing(bravo()))):
        first, blank, boundary = wire.body.split(b"\r\n", 3)[:3]
        assert first
        assert blank == b""
        assert boundary == f"--{wire.boundary}".encode()
    assert built(sign=signing(), preamble=False).body.startswith(b"--")


@pytest.mark.parametrize(
    "preamble", [b"Date: Sun, 01 Mar 2026 08:15:00 GMT\r\n\r\n", b"hello\r\n", b"\n", b"x" * 60_000 + b"\r\n"]
)
def test_p_4_any_preamble_is_accepted(preamble: bytes) -> None:
    wire = signed_by_hand(PART, plan=signing())
    assert open_(wire.with_body(preamble + wire.body)).content == ORDERS


def test_p_5_an_encrypted_bare_document_is_the_document() -> None:
    result = open_(on_wire(enveloped(BINARY), "application/pkcs7-mime; smime-type=enveloped-data"))
    assert result.content == BINARY
    assert result.leniencies == {L.HEADERLESS_DOCUMENT, L.MEDIA_TYPE_MISSING}
    assert result.message.progress.mics[Digest.SHA256] == digest_of(BINARY)


def test_p_5_the_bare_document_is_refused_where_the_agreement_wants_signatures() -> None:
    with pytest.raises(as2.NotOpened) as caught:
        open_(on_wire(enveloped(BINARY), "application/pkcs7-mime; smime-type=enveloped-data"), headerless=False)
    assert isinstance(caught.value.fault, cms.DecryptionFailed)


def test_p_5_a_switch_sends_the_bare_document() -> None:
    wire = built(document(BINARY), encrypt=encryption(), bare_document=True)
    result = open_(wire)
    assert result.content == BINARY
    assert result.message.progress.mics == wire.mics == {Digest.SHA256: digest_of(BINARY)}


def digest_of(octets: bytes) -> bytes:
    digests = as2.Digests((Digest.SHA256,))
    digests.update(octets)
    return digests.values()[Digest.SHA256]


def test_p_6_a_compressed_data_header_at_the_start_of_the_body_is_found() -> None:
    wire = built(compress=as2.Compression.BEFORE_SIGNING)
    body = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data;\r\n\tname=smime.p7z\r\n\r\n" + wire.body
    odd = (
        wire.with_body(body)
        .with_header("Content-Type", "application/edifact")
        .with_header("Content-Transfer-Encoding", None)
    )
    result = open_(odd)
    assert result.content == ORDERS
    assert result.message.progress.compressed
    assert result.leniencies == {L.COMPRESSED_HEADER_IN_BODY}
    assert result.message.progress.mics == wire.mics


def test_p_7_gcm_leaves_in_either_structure_as_the_agreement_says() -> None:
    gcm = cms.ContentCipher.AES_256_GCM
    old = built(encrypt=encryption(cipher=gcm, authenticated=False))
    new = built(encrypt=encryption(cipher=gcm, authenticated=True))
    assert "smime-type=enveloped-data" in old.header("Content-Type")
    assert cms.content_kind(old.body[:32]) is cms.ContentKind.ENVELOPED
    assert "smime-type=authEnveloped-data" in new.header("Content-Type")
    assert cms.content_kind(new.body[:32]) is cms.ContentKind.AUTH_ENVELOPED


def test_p_8_a_receipt_is_known_as_one_whether_it_was_asked_for_or_not() -> None:
    for sign in (None, signing(bravo())):
        wire = built_receipt(a_receipt(), sign=sign)
        assert as2.is_receipt(as2.MessageHead.parse(wire.headers), wire.body[:65536])
    assert not as2.is_receipt(as2.MessageHead.parse(built(sign=signing()).headers), built(sign=signing()).body)


@pytest.mark.parametrize("encoding", [TransferEncoding.BINARY, TransferEncoding.BASE64])
def test_p_9_content_with_lone_lf_is_labelled_so_that_nobody_canonicalises_it(encoding: TransferEncoding) -> None:
    wire = built(document(BINARY, transfer_encoding=encoding), sign=signing())
    part = wire.body.split(f"--{wire.boundary}".encode())[1]
    assert f"Content-Transfer-Encoding: {encoding}".encode() in part
    if encoding is TransferEncoding.BASE64:
        assert not re.search(rb"(?<!\r)\n", part)


def test_p_11_folded_content_types_lower_case_names_and_dispositions_everywhere() -> None:
    wire = built(sign=signing())
    folded = wire.header("Content-Type").replace("; ", ";\r\n\t")
    headers = tuple((name.lower(), folded if name == "Content-Type" else value) for name, value in wire.headers)
    odd = OnWire(
        (*headers, ("content-disposition", 'attachment; filename="smime.p7m"'), ("expect", "100-continue")), wire.body
    )
    assert open_(odd).content == ORDERS
    inner = PART.replace(b"application/edifact", b"application/edifact;\r\n\tcharset=x")
    assert open_(signed_by_hand(inner, plan=signing())).content == ORDERS


def test_p_15_an_answer_about_security_tells_the_operator_what_to_compare() -> None:
    sent = as2.TABLE["as2.insufficient-security"].disposition(as2.Profile.RFC4130)
    assert "signature or encryption" in meaning(sent)


def test_p_16_bis_1_bis_2_features_version_and_product_are_on_every_message_and_receipt() -> None:
    for profile, version in ((as2.Profile.RFC4130, "1.2"), (as2.Profile.MODERN, "1.3")):
        for wire in (built(envelope_=envelope(profile=profile)), built_receipt(a_receipt(profile=profile), sign=None)):
            assert "CEM" in wire.header("EDIINT-Features")
            assert wire.header("AS2-Version") == version
            assert wire.header("AS2-Product") == "counterseal:0.1.0"


CEM = (
    b"--c\r\nContent-Type: application/ediint-cert-exchange+xml\r\nContent-ID: <x@a>\r\n\r\n<x/>"
    b"\r\n--c\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-ID: <y@a>\r\n\r\nP7C\r\n--c--\r\n"
)
CEM_TYPE = 'multipart/related; type="application/ediint-cert-exchange+xml"; boundary=c'


@pytest.mark.parametrize("content_type", [CEM_TYPE, CEM_TYPE.upper().replace("BOUNDARY=C", "boundary=c"), "multipart/related; boundary=c", "multipart/mixed; boundary=c"])  # fmt: skip
@pytest.mark.parametrize("signed", [True, False])
def test_a_cem_message_is_delivered_in_one_piece_as_it_came(content_type: str, signed: bool) -> None:
    entity = as2.Entity(headers=(("Content-Type", content_type),), body=(CEM,), size=len(CEM), transfer_encoding=None)
    result = open_(built(entity, sign=signing() if signed else None, encrypt=encryption()))
    assert result.content == CEM
    (part,) = result.parts.heads
    assert part.cem
    assert part.headers.get("Content-Type") == content_type
    assert bool(result.message.signers) is signed


def test_p_19_unsigned_cem_wrapped_in_multipart_mixed_is_found_and_is_unsigned() -> None:
    body = f"--m\r\nContent-Type: {CEM_TYPE}\r\n\r\n".encode() + CEM + b"\r\n--m--\r\n"
    result = open_(on_wire(body, "multipart/mixed; boundary=m"))
    assert [p.cem for p in result.parts.heads] == [True]
    assert result.content == CEM
    assert result.message.signers == ()


def test_a_related_document_that_only_speaks_of_cem_is_not_cem() -> None:
    body = b"--c\r\nContent-Type: text/plain\r\n\r\nContent-Type: application/ediint-cert-exchange+xml\r\n--c--\r\n"
    result = open_(on_wire(body, "multipart/related; boundary=c"))
    assert [p.cem for p in result.parts.heads] == [False]


def test_p_23_the_size_of_a_message_can_be_known_only_when_it_is_built() -> None:
    message = as2.build_message(
        document(),
        envelope=envelope(),
        protection=as2.Protection(sign=signing(), encrypt=None, compress=as2.Compression.NONE),
        entropy=entropy,
    )
    assert all(name.lower() not in ("content-length", "transfer-encoding") for name, _ in message.headers)


def test_p_28_the_digest_of_the_cms_envelope_is_recognised_and_is_not_equal() -> None:
    wire = built(sign=signing(), encrypt=encryption())
    outer = {Digest.SHA256: digest_of(wire.body)}
    theirs = as2.MIC(digest=Digest.SHA256, octets=digest_of(wire.body))
    assert as2.compare_mic(wire.mics, theirs, envelope=outer) is as2.MICVerdict.ENVELOPE
    assert as2.compare_mic(wire.mics, theirs, envelope={}) is as2.MICVerdict.DIFFERENT


# issue 6, point 5


MICALGS = ["sha1", "sha-1", "SHA1", "rsa-sha1", '"sha1"', "sha-256, sha1", "SHA-1 "]


@pytest.mark.parametrize("micalg", MICALGS)
def test_micalg_spellings(micalg: str) -> None:
    result = open_(signed_by_hand(PART, plan=signing(digest=Digest.SHA1), micalg=micalg))
    assert result.content == ORDERS
    assert not result.leniencies


@pytest.mark.parametrize("digest", [Digest.SHA1, Digest.SHA384, Digest.SHA512])
def test_a_micalg_that_lies_is_found_and_a_second_pass_verifies(digest: Digest) -> None:
    wire = signed_by_hand(PART, plan=signing(digest=digest), micalg="sha-256")
    with pytest.raises(as2.NotOpened) as caught:
        open_(wire)
    fault = caught.value.fault
    assert isinstance(fault, as2.NeedsDigest)
    assert fault.digests == {digest}
    result = open_(wire, also_digest=fault.digests)
    assert result.message.signature_digest is digest
    assert result.leniencies == {L.MICALG_WRONG}


def test_a_micalg_that_lies_about_sha_256_needs_no_second_pass() -> None:
    result = open_(signed_by_hand(PART, plan=signing(), micalg="sha1"))
    assert result.leniencies == {L.MICALG_WRONG}


@pytest.mark.parametrize("micalg", [None, "unknown", '""'])
def test_a_micalg_that_says_nothing_is_tolerated(micalg: str | None) -> None:
    assert open_(signed_by_hand(PART, plan=signing(), micalg=micalg)).leniencies == {L.MICALG_MISSING}


def test_bis_6_two_recipients_each_open_the_message_with_their_own_key() -> None:
    wire = built(encrypt=encryption(alpha(), bravo(), bravo_ec()))
    for owner in (alpha(), bravo(), bravo_ec()):
        result = open_(wire, keys=[owner])
        assert [key.certificate_der for key in result.message.progress.keys] == [owner.der]


def test_the_signer_certificate_may_be_absent_from_the_signature() -> None:
    result = open_(built(sign=signing(certificates=())))
    assert [s.certificate for s in result.message.signers] == [alpha().certificate]
    assert result.message.progress.embedded == ()


def test_the_signer_certificate_need_not_be_first_in_the_signature() -> None:
    result = open_(built(sign=signing(certificates=(bravo().der, alpha().der))))
    assert [s.certificate for s in result.message.signers] == [alpha().certificate]
    assert set(result.message.progress.embedded) == {alpha().der, bravo().der}


def test_an_embedded_certificate_is_never_trusted_by_itself() -> None:
    with pytest.raises(as2.NotOpened) as caught:
        open_(built(sign=signing()), signers=[bravo().certificate])
    assert isinstance(caught.value.fault, cms.SignerUnknown)
    assert caught.value.progress.embedded == (alpha().der,)


def ber(der: bytes) -> bytes:
    """The ContentInfo again with indefinite lengths on its two outer levels."""
    parsed = asn1_cms.ContentInfo.load(der)
    kind = parsed["content_type"].dump()
    inner = parsed["content"].untag().contents
    return bytes(b"\x30\x80" + kind + b"\xa0\x80\x30\x80" + inner + b"\x00\x00" * 3)


def test_ber_is_read_wherever_cms_stands() -> None:
    assert open_(signed_by_hand(PART, plan=signing(), rebuild=ber)).content == ORDERS
    wire = built(encrypt=encryption())
    assert open_(wire.with_body(ber(wire.body))).content == ORDERS
    assert isinstance(core.Sequence.load(wire.body), core.Sequence)


@pytest.mark.parametrize(
    ("content_type", "leniency"),
    [
        ("application/x-pkcs7-mime; smime-type=enveloped-data", set()),
        ("application/pkcs7-mime", {L.SMIME_TYPE_WRONG}),
        ("application/pkcs7-mime; smime-type=signed-data", {L.SMIME_TYPE_WRONG}),
        ("application/PKCS7-MIME; SMIME-TYPE=Enveloped-Data", set()),
    ],
)
def test_cms_is_taken_for_what_it_is(content_type: str, leniency: set[as2.Leniency]) -> None:
    result = open_(built(encrypt=encryption()).with_header("Content-Type", content_type))
    assert result.content == ORDERS
    assert result.leniencies == leniency


@pytest.mark.parametrize("media_type", ["application/x-pkcs7-signature", "application/octet-stream"])
def test_the_signature_part_may_be_named_otherwise(media_type: str) -> None:
    result = open_(signed_by_hand(PART, plan=signing(), media_type=media_type))
    assert result.leniencies == (set() if "x-pkcs7" in media_type else {L.SIGNATURE_TYPE_UNUSUAL})


@pytest.mark.parametrize(
    ("actual", "declared"),
    [(TransferEncoding.BINARY, "base64"), (TransferEncoding.BASE64, "binary"), (TransferEncoding.BASE64, None), (TransferEncoding.BINARY, "x-odd")],
)  # fmt: skip
def test_a_wrong_transfer_encoding_around_cms_is_seen_through(actual: TransferEncoding, declared: str | None) -> None:
    wire = built(sign=signing(), encrypt=encryption(), transfer_encoding=actual)
    result = open_(wire.with_header("Content-Transfer-Encoding", declared))
    assert result.content == ORDERS
    assert result.leniencies == {L.TRANSFER_ENCODING_WRONG}


@pytest.mark.parametrize("declared", ["base64", "x-odd"])
def test_a_wrong_transfer_encoding_of_a_document_is_seen_through(declared: str) -> None:
    result = open_(built(document(transfer_encoding=None)).with_header("Content-Transfer-Encoding", declared))
    assert result.content == ORDERS
    assert result.leniencies == {L.TRANSFER_ENCODING_WRONG}


def test_lone_lf_around_the_parts_is_read() -> None:
    wire = signed_by_hand(PART, plan=signing())
    head, rest = wire.body.split(PART)
    lines = head.replace(b"\r\n", b"\n") + PART + rest.replace(b"\r\n--s", b"\n--s").replace(b"Content-Type: application/pkcs7-signature\r\n\r\n", b"Content-Type: application/pkcs7-signature\n\n")  # fmt: skip
    assert open_(wire.with_body(lines)).content == ORDERS


def test_any_nesting_is_opened_even_encryption_inside_a_signature() -> None:
    inner = built(encrypt=encryption(), compress=as2.Compression.BEFORE_SIGNING)
    headers = tuple((n, v) for n, v in inner.headers if n.startswith("Content-"))
    entity = as2.Entity(headers=headers, body=(inner.body,), size=None, transfer_encoding=None)
    wire = built(entity, sign=signing())
    result = open_(wire)
    assert result.content == ORDERS
    assert [type(layer) for layer in result.message.progress.layers] == [
        as2.SignedLayer,
        as2.EncryptedLayer,
        as2.CompressedLayer,
    ]
    assert result.message.progress.mics == wire.mics


def test_a_p7c_as_document_is_delivered_as_it_is() -> None:
    p7c = cms.certs_only([alpha().der])
    entity = document(p7c, content_type="application/pkcs7-mime; smime-type=certs-only", file_name="a.p7c")
    result = open_(built(entity, sign=signing()))
    assert result.content == p7c


def test_a_part_without_content_type_is_octets() -> None:
    result = open_(signed_by_hand(b"\r\nhello", plan=signing()))
    assert result.content == b"hello"
    assert result.leniencies == {L.MEDIA_TYPE_MISSING}
