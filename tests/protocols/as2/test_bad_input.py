"""What broken and hostile messages get: the right fault, hence the right disposition; never a part that counts."""

import base64
import functools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.kernel import mime
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest, KeyTransport
from counterseal.protocols import as2, cms
from tests.builders import Minted, mint, rsa_key
from tests.protocols.as2.parties import (
    ORDERS,
    OnWire,
    Parts,
    alpha,
    bravo,
    built,
    decrypter,
    document,
    encryption,
    envelope,
    open_,
    signing,
    wanted,
)

GCM = cms.ContentCipher.AES_256_GCM


def refused(wire: OnWire, **options: object) -> as2.NotOpened:
    with pytest.raises(as2.NotOpened) as caught:
        open_(wire, **options)  # type: ignore[arg-type]
    return caught.value


def extension(fault: PeerFault) -> str:
    return as2.row_of(fault).disposition(as2.Profile.RFC4130).extension


def compressed_by_hand(inner: bytes) -> OnWire:
    content = asn1_cms.CompressedData(
        {
            "version": 0,
            "compression_algorithm": {"algorithm": "zlib"},
            "encap_content_info": {"content_type": "data", "content": zlib.compress(inner, 9)},
        }
    )
    body = asn1_cms.ContentInfo({"content_type": "compressed_data", "content": content}).dump()
    return on_wire(body, "application/pkcs7-mime; smime-type=compressed-data")


def on_wire(body: bytes, content_type: str) -> OnWire:
    return OnWire(
        (("AS2-From", "ALPHA"), ("AS2-To", "BRAVO"), ("Message-ID", "<1@a>"), ("Content-Type", content_type)), body
    )


def flipped(wire: OnWire, at: int) -> OnWire:
    body = bytearray(wire.body)
    body[at] ^= 0x01
    return wire.with_body(bytes(body))


def without_signature_part(wire: OnWire) -> OnWire:
    mark = f"--{wire.boundary}".encode()
    head, content, _, _ = wire.body.split(mark)
    return wire.with_body(head + mark + content + mark + b"--\r\n")


def with_signature(wire: OnWire, signature: bytes) -> OnWire:
    mark = f"--{wire.boundary}".encode()
    head, content, _, _ = wire.body.split(mark)
    part = b"\r\nContent-Type: application/pkcs7-signature\r\n\r\n" + signature + b"\r\n"
    return wire.with_body(head + mark + content + mark + part + mark + b"--\r\n")


@functools.cache
def mallory() -> Minted:
    return mint("Mallory", key=rsa_key(7))


def another() -> cms.SigningPlan:
    return signing(mallory())


# case: (how the message is made, fault, disposition towards old partners)
CASES: dict[str, tuple[Callable[[], OnWire], type[PeerFault], str]] = {
    "tampered content": (
        lambda: built(sign=signing()).replaced(b"ORDERS:D", b"0RDERS:D"),
        cms.SignatureInvalid,
        "integrity-check-failed",
    ),
    "tampered part header": (
        lambda: built(sign=signing()).replaced(b"filename=orders.edi", b"filename=0rders.edi"),
        cms.SignatureInvalid,
        "integrity-check-failed",
    ),
    "tampered content inside encryption": (
        lambda: built(
            replace(document(), transfer_encoding=None, headers=(("Content-Type", "multipart/signed; boundary=b; micalg=sha256"),), body=(b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\n" + SIGNATURE_OF_OTHER() + b"\r\n--b--",), size=None),
            encrypt=encryption(),
        ),
        cms.SignatureInvalid,
        "integrity-check-failed",
    ),
    "foreign signer": (lambda: built(sign=another()), cms.SignerUnknown, "authentication-failed"),
    "foreign signer inside encryption": (
        lambda: built(sign=another(), encrypt=encryption()),
        cms.SignerUnknown,
        "authentication-failed",
    ),
    "zero signers": (
        lambda: with_signature(built(sign=signing()), cms.certs_only([alpha().der])),
        cms.NoSigner,
        "authentication-failed",
    ),
    "no signature part": (
        lambda: without_signature_part(built(sign=signing())),
        as2.MalformedMessage,
        "unexpected-processing-error",
    ),
    "garbage as signature": (
        lambda: with_signature(built(sign=signing()), b"0\x03\x02\x01\x01"),
        cms.Malformed,
        "unexpected-processing-error",
    ),
    "huge signature": (
        lambda: with_signature(built(sign=signing()), b"0" * (1024 * 1024 + 1)),
        as2.TooComplex,
        "unexpected-processing-error",
    ),
    "three parts": (
        lambda: (w := built(sign=signing())).with_body(w.body.replace(f"--{w.boundary}--".encode(), f"--{w.boundary}\r\n\r\nx\r\n--{w.boundary}--".encode())),
        as2.MalformedMessage,
        "unexpected-processing-error",
    ),
    "signed, cut off": (
        lambda: (w := built(sign=signing())).with_body(w.body[:-40]),
        mime.MalformedMIME,
        "unexpected-processing-error",
    ),
    "no boundary": (
        lambda: built(sign=signing()).with_header("Content-Type", "multipart/signed; micalg=sha256"),
        mime.MalformedMIME,
        "unexpected-processing-error",
    ),
    "encrypted to a foreign key": (
        lambda: built(encrypt=encryption(mallory())),
        cms.DecryptionFailed,
        "decryption-failed",
    ),
    "ciphertext tampered at its end (CBC)": (
        lambda: flipped(built(encrypt=encryption()), -1),
        cms.DecryptionFailed,
        "decryption-failed",
    ),
    "ciphertext tampered (GCM)": (
        lambda: flipped(built(encrypt=encryption(cipher=GCM, authenticated=True)), -60),
        cms.DecryptionFailed,
        "decryption-failed",
    ),
    "tag tampered (GCM)": (
        lambda: flipped(built(encrypt=encryption(cipher=GCM, authenticated=True)), -1),
        cms.DecryptionFailed,
        "decryption-failed",
    ),
    "tag tampered (GCM in EnvelopedData)": (
        lambda: flipped(built(encrypt=encryption(cipher=GCM)), -1),
        cms.DecryptionFailed,
        "decryption-failed",
    ),
    "encrypted, cut off": (
        lambda: (w := built(encrypt=encryption())).with_body(w.body[:-5]),
        cms.DecryptionFailed,
        "decryption-failed",
    ),
    "compressed, cut off inside": (
        lambda: compressed_by_hand(b"Content-Type: text/plain\r\n\r\nx").replaced(zlib.compress(b"Content-Type: text/plain\r\n\r\nx", 9)[-4:], b"\0\0\0\0"),
        cms.DecompressionFailed,
        "decompression-failed",
    ),
    "decompression bomb": (
        lambda: compressed_by_hand(b"Content-Type: text/plain\r\n\r\n" + bytes(64 * 1024 * 1024)),
        cms.LimitExceeded,
        "unexpected-processing-error",
    ),
    "no CMS at all": (
        lambda: on_wire(b"hello", "application/pkcs7-mime; smime-type=enveloped-data"),
        as2.MalformedMessage,
        "unexpected-processing-error",
    ),
    "empty CMS body": (
        lambda: on_wire(b"", "application/pkcs7-mime; smime-type=enveloped-data"),
        as2.MalformedMessage,
        "unexpected-processing-error",
    ),
    "detached signature as a message": (
        lambda: on_wire(cms.sign_detached(bytes(32), signing()), "application/pkcs7-mime; smime-type=signed-data"),
        as2.MalformedMessage,
        "unexpected-processing-error",
    ),
    "Message-ID malformed": (
        lambda: built().with_header("Message-ID", "<a b>"),
        as2.InvalidMessageID,
        "unexpected-processing-error",
    ),
    "Message-ID missing": (
        lambda: built().with_header("Message-ID", None),
        as2.InvalidMessageID,
        "unexpected-processing-error",
    ),
    "multiparts nested too deep": (
        lambda: on_wire(
            b"".join(f"--{n}\r\nContent-Type: multipart/mixed; boundary={n + 1}\r\n\r\n".encode() for n in range(20))
            + b"".join(f"\r\n--{n}--\r\n".encode() for n in reversed(range(20))),
            "multipart/mixed; boundary=0",
        ),
        as2.TooComplex,
        "unexpected-processing-error",
    ),
    "too many parts": (
        lambda: on_wire(b"--b\r\n\r\nx\r\n" * 1001 + b"--b--", "multipart/mixed; boundary=b"),
        mime.MIMELimitExceeded,
        "unexpected-processing-error",
    ),
    "endless part header": (
        lambda: on_wire(b"--b\r\n" + b"x" * 100_000, "multipart/mixed; boundary=b"),
        mime.MIMELimitExceeded,
        "unexpected-processing-error",
    ),
    "endless preamble": (
        lambda: on_wire(b"x" * 100_000 + b"\r\n--b\r\n\r\n--b--", "multipart/mixed; boundary=b"),
        mime.MIMELimitExceeded,
        "unexpected-processing-error",
    ),
    "multipart of attachments cut off": (
        lambda: on_wire(b"--b\r\nContent-Type: text/plain\r\n\r\nhalf a doc", "multipart/related; boundary=b"),
        mime.MalformedMIME,
        "unexpected-processing-error",
    ),
    "damaged base64 document": (
        lambda: on_wire(b"QUJD" * 1000 + b"*", "text/plain").with_header("Content-Transfer-Encoding", "base64"),
        mime.MalformedMIME,
        "unexpected-processing-error",
    ),
}  # fmt: skip


def SIGNATURE_OF_OTHER() -> bytes:  # noqa: N802 - a constant made on demand
    return cms.sign_detached(bytes(32), signing())


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_its_fault_and_its_disposition(case: str) -> None:
    make, fault, disposition = CASES[case]
    caught = refused(make())
    assert type(caught.fault) is fault
    assert extension(caught.fault) == disposition


@pytest.mark.parametrize("case", [c for c in CASES if "many parts" not in c and "bomb" not in c])
def test_bad_input_gets_the_same_fault_octet_by_octet(case: str) -> None:
    make, fault, _ = CASES[case]
    wire = make()
    step = max(1, len(wire.body) // 5000)
    caught = refused(wire, chunks=[wire.body[i : i + step] for i in range(0, len(wire.body), step)])
    assert type(caught.fault) is fault


def test_layers_without_end_are_refused() -> None:
    entity = document()
    for _ in range(8):
        wire = built(entity, compress=as2.Compression.BEFORE_SIGNING)
        headers = tuple((n, v) for n, v in wire.headers if n.startswith("Content-"))
        entity = as2.Entity(headers=headers, body=(wire.body,), size=None, transfer_encoding=None)
    assert isinstance(refused(built(entity)).fault, as2.TooComplex)


# one decryption-failed for every cause (product.md section 8)

INSIDE = {
    "no header": b"\x00\x01\x02 nothing like a header",
    "broken multipart": b"Content-Type: multipart/signed; boundary=b; micalg=sha256\r\n\r\nnothing",
    "broken CMS": b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\nnothing",
    "broken compression": b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n"
    + compressed_by_hand(b"x").body[:-6]
    + bytes(6),
}


@pytest.mark.parametrize("case", INSIDE)
def test_structure_that_is_broken_inside_an_unauthenticated_cipher_looks_like_a_failed_decryption(case: str) -> None:
    fault = refused(encrypted_by_hand(INSIDE[case], encryption()), headerless=False).fault
    foreign = refused(built(encrypt=encryption(mallory()))).fault
    assert (fault.code, fault.detail) == (foreign.code, foreign.detail)
    assert isinstance(fault, cms.DecryptionFailed)
    assert fault.cause


@pytest.mark.parametrize("case", [case for case in INSIDE if case != "no header"])
def test_inside_an_authenticated_cipher_the_same_is_named(case: str) -> None:
    plan = encryption(cipher=GCM, authenticated=True)
    fault = refused(encrypted_by_hand(INSIDE[case], plan), headerless=False).fault
    assert not isinstance(fault, cms.DecryptionFailed)


def encrypted_by_hand(inner: bytes, plan: cms.EncryptionPlan) -> OnWire:
    body = b"".join(bytes(c) for c in cms.encrypt((inner,), plan, entropy=lambda n: b"\x07" * n, size=len(inner)))
    return on_wire(body, "application/pkcs7-mime; smime-type=enveloped-data")


def test_what_was_known_before_it_failed_is_in_the_progress() -> None:
    receipt = wanted(micalgs=(Digest.SHA512,))
    wire = built(sign=another(), encrypt=encryption(), envelope_=envelope(receipt=receipt))
    progress = refused(wire).progress
    assert progress.encrypted
    assert [key.certificate_der for key in progress.keys] == [bravo().der]
    assert progress.embedded == (mallory().der,)
    assert progress.mics[Digest.SHA512] == wire.mics[Digest.SHA512]
    assert progress.head.message_id == "0001.4711@alpha.example"


def test_the_sink_may_refuse_for_its_own_reasons() -> None:
    class Full(Exception):
        pass

    class Sink(Parts):
        def write(self, chunk: mime.Chunk) -> None:
            raise Full

    with pytest.raises(Full):
        as2.open_message(
            as2.MessageHead.parse(built().headers),
            (ORDERS,),
            keys=(),
            signers=(),
            sink=Sink(),
            limits=as2.DEFAULT_LIMITS,
            strictness=as2.Strictness(headerless_documents=False),
        )


# the modern profile (BIS-3), contradictions of our own

FORBIDDEN: list[Callable[[], OnWire]] = [
    lambda: built(sign=signing(digest=Digest.SHA1), envelope_=envelope(profile=as2.Profile.MODERN)),
    lambda: built(
        encrypt=encryption(cipher=cms.ContentCipher.TRIPLE_DES_CBC), envelope_=envelope(profile=as2.Profile.MODERN)
    ),
    lambda: built(envelope_=envelope(profile=as2.Profile.MODERN, receipt=wanted(micalgs=(Digest.SHA1,)))),
    lambda: built(sign=signing(), encrypt=encryption(), bare_document=True),
    lambda: built(bare_document=True),
    lambda: built(encrypt=encryption(), transfer_encoding=mime.TransferEncoding.QUOTED_PRINTABLE),
]


@pytest.mark.parametrize("make", FORBIDDEN)
def test_bis_3_what_the_profile_forbids_is_not_written(make: Callable[[], OnWire]) -> None:
    with pytest.raises(as2.IllegalEnvelope):
        make()


# garbage

BODIES = {
    "signed": built(sign=signing()),
    "encrypted": built(sign=signing(), encrypt=encryption(), compress=as2.Compression.BEFORE_SIGNING),
    "gcm": built(sign=signing(), encrypt=encryption(cipher=GCM, authenticated=True)),
    "compressed": built(compress=as2.Compression.BEFORE_SIGNING),
}


@pytest.mark.parametrize("form", BODIES)
@given(at=st.integers(0, 4000), noise=st.binary(min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_changed_message_is_refused_or_unsigned_or_delivers_the_same_document(
    form: str, at: int, noise: bytes
) -> None:
    wire = BODIES[form]
    changed = wire.with_body(wire.body[:at] + noise + wire.body[at + len(noise) :])
    try:
        result = open_(changed, headerless=False)
    except as2.NotOpened:
        return
    if result.message.signers:
        assert result.content == ORDERS
    else:
        assert form in {"compressed", "encrypted"}


def test_a_media_type_spoiled_through_the_iv_leaves_no_signature_standing() -> None:
    """CBC lets anybody change the first block: here multipart becomes lultipart. What comes out is unsigned, so that an
    agreement that asks for signatures refuses it."""
    wire = BODIES["encrypted"]
    iv = wire.body.index(bytes.fromhex("060960864801650304012a0410")) + 13
    at = iv + len(b"Content-Type: ")
    spoiled = wire.body[:at] + bytes([wire.body[at] ^ 0x01]) + wire.body[at + 1 :]
    result = open_(wire.with_body(spoiled), headerless=False)
    assert result.message.signers == ()
    assert result.parts.contents != [ORDERS]


@pytest.mark.parametrize("form", ["encrypted", "gcm"])
@pytest.mark.parametrize("size", [1, 13, 245, 100_000])
@pytest.mark.parametrize("spoiled", [0, 14, 40, 300])
def test_a_changed_ciphertext_says_no_more_than_that_it_failed(form: str, size: int, spoiled: int) -> None:
    """Also where the changed plaintext is found malformed before padding or tag are reached, and however the body is cut."""
    wire = BODIES[form]
    start = wire.body.index(bytes.fromhex("06096086480165030401")) + 40
    at, last = start + spoiled, len(wire.body) - 1
    body = bytearray(wire.body)
    body[at] ^= 0x55
    body[last] ^= 0x01
    chunks = [bytes(body[n : n + size]) for n in range(0, len(body), size)]
    assert type(refused(wire.with_body(bytes(body)), chunks=chunks).fault) is cms.DecryptionFailed


@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_the_outer_layer_is_judged_even_where_a_reader_inside_gave_up(size: int) -> None:
    """Nonsense that the sender did encrypt is told as such; what somebody changed on the way is a failed decryption."""
    gcm = encryption(cipher=GCM, authenticated=True)
    wire = built(document(b"no header\r\n\r\n" + bytes(5000)), encrypt=gcm, bare_document=True)
    changed = wire.body[:-1] + bytes([wire.body[-1] ^ 1])
    for body, fault in ((wire.body, as2.MalformedMessage), (changed, cms.DecryptionFailed)):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert type(refused(wire, chunks=chunks, headerless=False).fault) is fault


TYPES = [
    "application/pkcs7-mime",
    "application/pkcs7-mime; smime-type=signed-data",
    "multipart/signed; boundary=b; micalg=sha1",
    "multipart/related; boundary=b",
    "multipart/report; boundary=b",
    "application/ediint-cert-exchange+xml",
    "text/plain",
    "",
]


@given(
    st.sampled_from(TYPES),
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b"--b\r\n",
                    b"--b--\r\n",
                    b"\r\n\r\n",
                    b"\n",
                    b"Content-Type: application/pkcs7-mime\r\n",
                    b"Content-Type: multipart/signed; boundary=b\r\n",
                    b"Content-Transfer-Encoding: base64\r\n",
                    BODIES["compressed"].body,
                    BODIES["encrypted"].body[:300],
                ]
            ),
        ),
        max_size=12,
    ),
)
@settings(max_examples=300, deadline=None)
def test_garbage_is_refused_or_a_document_and_never_anything_else(content_type: str, pieces: list[bytes]) -> None:
    wire = on_wire(b"".join(pieces), content_type)
    try:
        result = open_(wire, chunks=pieces)
    except as2.NotOpened:
        return
    assert result.message.signers == ()


def test_an_endless_body_is_cut_off_by_the_limits() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    for content_type in ("multipart/related; boundary=b", "application/pkcs7-mime", "multipart/signed; boundary=b"):
        assert isinstance(refused(on_wire(b"", content_type), chunks=endless()).fault, PeerFault)


def test_a_recipient_without_its_key_transport_is_one_more_failed_decryption() -> None:
    wire = built(encrypt=encryption(transport=KeyTransport.RSA_OAEP_SHA256))
    assert isinstance(refused(wire, keys=[alpha()]).fault, cms.DecryptionFailed)
    assert isinstance(refused(wire, keys=[]).fault, cms.DecryptionFailed)
    assert decrypter(bravo()).kind == "rsa"


def test_base64_of_a_document_is_not_confused_with_its_content() -> None:
    text = base64.encodebytes(ORDERS)
    plain = on_wire(text, "text/plain")
    assert open_(plain).content == text
    assert open_(plain.with_header("Content-Transfer-Encoding", "base64")).content == ORDERS
