"""Receipts: written, read, and read as real products write them."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest, SignatureScheme
from counterseal.protocols import as2, cms
from tests.builders import Minted
from tests.protocols.as2.parties import NOW, OnWire, alpha, alpha_ec, bravo, entropy, signing

MIC = as2.MIC(digest=Digest.SHA256, octets=bytes(range(32)))


def a_receipt(**changes: Any) -> as2.Receipt:
    made = as2.Receipt(
        as2_from="Bravo Bows",
        as2_to="ALPHA",
        message_id="mdn1@bravo.example",
        date=NOW,
        subject="Receipt",
        original_message_id="<0001.4711@alpha.example>",
        disposition=as2.PROCESSED,
        mic=MIC,
        text="The message was received.\nIt was stored.",
        details=(),
        profile=as2.Profile.RFC4130,
        features=("CEM",),
        product="counterseal:0.1.0",
    )
    return replace(made, **changes)


def built_receipt(receipt: as2.Receipt, *, sign: cms.SigningPlan | None) -> OnWire:
    made = as2.build_receipt(receipt, sign=sign, preamble=True, entropy=entropy)
    return OnWire(made.headers, made.body)


def opened(wire: OnWire, *signers: Minted) -> as2.OpenedReceipt:
    return as2.open_receipt(
        as2.MessageHead.parse(wire.headers),
        wire.body,
        signers=[s.certificate for s in signers or (alpha(), bravo())],
        limits=as2.DEFAULT_LIMITS,
    )


@pytest.mark.parametrize("sign", [False, True], ids=["unsigned", "signed"])
def test_a_receipt_says_what_was_meant(sign: bool) -> None:
    wire = built_receipt(a_receipt(), sign=signing(bravo()) if sign else None)
    found = opened(wire)
    assert found.disposition == as2.PROCESSED
    assert found.original_message_id == "0001.4711@alpha.example"
    assert found.mic == MIC
    assert found.text == "The message was received.\nIt was stored."
    assert found.final_recipient == '"Bravo Bows"'
    assert found.signed is sign
    assert [s.certificate for s in found.signers] == ([bravo().certificate] if sign else [])
    assert not found.leniencies
    assert (found.head.as2_from, found.head.as2_to) == ("Bravo Bows", "ALPHA")
    assert as2.is_receipt(found.head, wire.body[:4096])


def test_bis_16_bis_19_the_report_has_two_parts_and_the_fields_of_the_standard() -> None:
    body = built_receipt(a_receipt(), sign=None).body
    assert body.count(b"Content-Type:") == 2
    for field in (
        b'Final-Recipient: rfc822; "Bravo Bows"\r\n',
        b"Original-Message-ID: <0001.4711@alpha.example>\r\n",
        b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n",
        b"Received-Content-MIC: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=, sha-256\r\n",
    ):
        assert field in body


def test_a_signed_receipt_is_named_by_its_first_octets_and_a_signed_message_is_not() -> None:
    signed = built_receipt(a_receipt(), sign=signing(bravo()))
    head = as2.MessageHead.parse(signed.headers)
    assert as2.is_receipt(head, signed.body[:2000])
    other = signed.body.replace(b"multipart/report", b"multipart/related")
    assert not as2.is_receipt(head, other)


@pytest.mark.parametrize("scheme", SignatureScheme)
def test_receipts_are_signed_with_every_scheme(scheme: SignatureScheme) -> None:
    owner = alpha_ec() if scheme is SignatureScheme.ECDSA else bravo()
    wire = built_receipt(a_receipt(), sign=signing(owner, scheme=scheme, digest=Digest.SHA512))
    assert opened(wire, owner).signers[0].scheme is scheme


@pytest.mark.parametrize("text", ["Zu groß.", "x" * 5000, "ab\r\nDisposition: evil\x00\r\n--b--", ""])
def test_any_text_for_people_stays_in_its_part(text: str) -> None:
    found = opened(built_receipt(a_receipt(text=text, subject=text), sign=signing(bravo())))
    assert found.disposition.clean
    assert found.text[:4] == text.replace("\r", "")[:4]


def test_a_malformed_original_message_id_is_not_repeated() -> None:
    found = opened(built_receipt(a_receipt(original_message_id=None), sign=None))
    assert found.original_message_id is None
    with pytest.raises(as2.InvalidMessageID):
        built_receipt(a_receipt(original_message_id="<a b>\r\nX: y"), sign=None)


def test_negative_receipts_carry_their_fields() -> None:
    disposition = as2.TABLE["cms.decryption-failed"].disposition(as2.Profile.RFC4130)
    found = opened(
        built_receipt(a_receipt(disposition=disposition, mic=None, details=("No key.", "ü\r\nX: y")), sign=None)
    )
    assert found.disposition == disposition
    assert not found.disposition.positive
    assert found.details == ("No key.", "? X: y")
    assert found.mic is None


def test_bis_2_the_modern_profile_names_version_and_product_and_never_without() -> None:
    wire = built_receipt(a_receipt(profile=as2.Profile.MODERN), sign=None)
    assert wire.header("AS2-Version") == "1.3"
    assert wire.header("AS2-Product") == "counterseal:0.1.0"
    assert wire.header("EDIINT-Features") == "CEM"
    with pytest.raises(as2.IllegalEnvelope):
        built_receipt(a_receipt(profile=as2.Profile.MODERN, product=""), sign=None)


# --- as real products write them -----------------------------------------------------------------------------------------


def plain(fields: str, *, text: str = "Hello.", line_end: str = "\r\n", head: str = "multipart/report; report-type=disposition-notification; boundary=b") -> OnWire:  # fmt: skip
    body = (
        f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: message/disposition-notification\n\n{fields}\n--b--\n"
    ).replace("\n", line_end)
    headers = (("AS2-From", "BRAVO"), ("AS2-To", "ALPHA"), ("Message-ID", "<m@b>"), ("Content-Type", head))
    return OnWire(headers, body.encode())


FIELDS = (
    "Reporting-UA: Peer\nOriginal-Recipient: rfc822; B\nFinal-Recipient: rfc822; B\nOriginal-Message-ID: <1@a>\n"
    "Disposition: automatic-action/MDN-sent-automatically; processed\nReceived-Content-MIC: AAE=, sha-256\n"
)
VARIANTS = {
    "as the standard says": (FIELDS, set()),
    "lower-case names": (FIELDS.lower().replace("aae=", "AAE="), set()),
    "folded with tab": (FIELDS.replace("; processed", ";\n\tprocessed"), set()),
    "blank lines between groups": (FIELDS.replace("Final", "\nFinal"), set()),
    "blank line first": ("\n" + FIELDS, set()),
    "no blank behind the colon": (FIELDS.replace(": ", ":"), set()),
    "Message-ID without brackets": (FIELDS.replace("<1@a>", "1@a"), {as2.Leniency.MESSAGE_ID_WITHOUT_BRACKETS}),
    "a line that is no field": (FIELDS + "What is this?\n", {as2.Leniency.RECEIPT_FIELD_MALFORMED}),
    "extra fields": (FIELDS + "X-Something: 1\nExtension: 2\n", set()),
}


@pytest.mark.parametrize("line_end", ["\r\n", "\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize("case", VARIANTS)
def test_receipts_are_read_as_peers_write_them(case: str, line_end: str) -> None:
    fields, leniencies = VARIANTS[case]
    found = opened(plain(fields, line_end=line_end))
    assert found.disposition.clean
    assert found.original_message_id == "1@a"
    assert found.mic == as2.MIC(digest=Digest.SHA256, octets=b"\x00\x01")
    assert found.leniencies == leniencies


HEADS = {
    "report-type missing": 'multipart/report; boundary="b"',
    "boundary unquoted": "multipart/report; report-type=disposition-notification; boundary=b",
    "folded, upper case": "Multipart/Report;\treport-type=Disposition-Notification; BOUNDARY=b",
}


@pytest.mark.parametrize("case", HEADS)
def test_report_headers_are_read_as_peers_write_them(case: str) -> None:
    assert opened(plain(FIELDS, head=HEADS[case])).disposition.clean


MICS = {
    "sha-256": (Digest.SHA256, "AAE=, sha-256"),
    "sha256": (Digest.SHA256, "AAE=,sha256"),
    "SHA256": (Digest.SHA256, "AAE= , SHA256"),
    "sha1": (Digest.SHA1, "AAE=, sha1"),
    "sha-1": (Digest.SHA1, "AAE=, sha-1"),
    "SHA-512": (Digest.SHA512, "AAE=,\tSHA-512"),
    "rsa-sha384": (Digest.SHA384, "AAE=, rsa-sha384"),
    "as2-lib with PSS": (Digest.SHA256, "AAE=, rsassa-pss-sha-256"),
    "quoted": (Digest.SHA384, '"AAE=, sha384"'),
    "folded base64": (Digest.SHA256, "AA E=, sha-256"),
    "unknown": (None, "AAE=, whirlpool"),
    "no algorithm": (None, "AAE="),
    "no base64": (None, "!!!, sha-256"),
    "empty": (None, ""),
}


@pytest.mark.parametrize("case", MICS)
def test_mic_spellings(case: str) -> None:
    digest, text = MICS[case]
    found = opened(plain(FIELDS.replace("AAE=, sha-256", text)))
    assert found.mic == (None if digest is None else as2.MIC(digest=digest, octets=b"\x00\x01"))
    assert bool(found.mic_text) is bool(text)


SPELLED = {
    "as2-lib with PSS": (("rsassa-pss-sha-256",), "rsassa-pss-sha-256"),
    "without hyphen": (("md5", "SHA256"), "SHA256"),
    "the first of two": (("sha-256", "sha256"), "sha-256"),
    "nothing requested": ((), ""),
    "marked up": (("sha\t<256>",), ""),
}


@pytest.mark.parametrize("case", SPELLED)
def test_the_mic_repeats_the_partners_word_for_its_algorithm(case: str) -> None:
    requested, spelled = SPELLED[case]
    digest = as2.choose_digest(requested, signature=None)
    assert digest is Digest.SHA256
    assert as2.spelling_of(digest, requested) == spelled
    assert as2.MIC(digest=digest, octets=b"\x00\x01", spelled=spelled).format() == f"AAE=, {spelled or 'sha-256'}"


BROKEN: dict[str, OnWire] = {
    "no machine-readable part": OnWire(plain(FIELDS).headers, plain(FIELDS).body.replace(b"message/", b"text/")),
    "no disposition": plain(FIELDS.replace("Disposition:", "X:")),
    "nonsense disposition": plain(FIELDS.replace("; processed", "; ???")),
    "unknown disposition type": plain(FIELDS.replace("; processed", "; exploded")),
    "no report": plain(FIELDS, head="text/plain"),
    "no boundary": plain(FIELDS, head="multipart/report; report-type=disposition-notification"),
    "cut off": OnWire(plain(FIELDS).headers, plain(FIELDS).body[:-10]),
    "empty (P-29)": OnWire(plain(FIELDS).headers, b""),
    "too large": plain(FIELDS, text="x" * (1024 * 1024)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_receipt_is_a_peer_fault_and_never_a_success(case: str) -> None:
    with pytest.raises(PeerFault):
        opened(BROKEN[case])


def tampered(wire: OnWire, old: bytes, new: bytes) -> OnWire:
    assert old in wire.body
    return wire.with_body(wire.body.replace(old, new))


def test_a_tampered_signed_receipt_is_refused() -> None:
    wire = built_receipt(a_receipt(), sign=signing(bravo()))
    with pytest.raises(cms.SignatureInvalid):
        opened(tampered(wire, b"0001.4711", b"0002.4711"))


def test_a_receipt_of_a_foreign_signer_is_refused_and_shows_who_it_was() -> None:
    wire = built_receipt(a_receipt(), sign=signing(bravo()))
    with pytest.raises(cms.SignerUnknown):
        opened(wire, alpha())


def test_a_signed_receipt_without_its_signature_part_is_no_unsigned_receipt() -> None:
    wire = built_receipt(a_receipt(), sign=signing(bravo()))
    first = wire.body.split(f"\r\n--{wire.boundary}\r\n".encode())[1]
    only = f"--{wire.boundary}\r\n".encode() + first + f"\r\n--{wire.boundary}--\r\n".encode()
    with pytest.raises(as2.MalformedReceipt):
        opened(wire.with_body(only))


def test_a_receipt_with_a_lying_micalg_verifies_all_the_same() -> None:
    wire = built_receipt(a_receipt(), sign=signing(bravo(), digest=Digest.SHA384))
    lying = wire.with_header("Content-Type", wire.header("Content-Type").replace("sha-384", "md5"))
    assert opened(lying).signed


def test_a_receipt_signed_without_its_last_line_break_verifies_with_a_finding() -> None:
    """libas2 sends one that it did not sign."""
    wire = built_receipt(a_receipt(), sign=signing(bravo()))
    mark = f"\r\n--{wire.boundary}\r\nContent-Type: application/pkcs7-signature".encode()
    longer = wire.with_body(wire.body.replace(mark, b"\r\n" + mark))
    found = opened(longer)
    assert found.signed
    assert found.leniencies == {as2.Leniency.RECEIPT_LINE_ENDS}
    with pytest.raises(cms.SignatureInvalid):
        opened(tampered(longer, b"stored", b"burned"))


def test_p_2_a_receipt_signed_over_crlf_but_sent_with_lone_lf_verifies_with_a_finding() -> None:
    wire = built_receipt(a_receipt(), sign=signing(bravo()))
    text = b"The message was received.\r\nIt was stored.\r\n"
    found = opened(tampered(wire, text, text.replace(b"\r\n", b"\n")))
    assert found.signed
    assert found.leniencies == {as2.Leniency.RECEIPT_LINE_ENDS}
    both = tampered(wire, text, text.replace(b"\r\n", b"\n").replace(b"stored", b"burned"))
    with pytest.raises(cms.SignatureInvalid):
        opened(both)


def test_p_10_p_12_raw_names_in_message_ids_extra_headers_in_the_report_and_sha256_are_fine() -> None:
    signer = signing(bravo())
    inner = plain(FIELDS.replace("<1@a>", "<mendelson_opensource_AS2-1234_ALPHA_B&W@host>"))
    block = (
        f"Date: Sun, 01 Mar 2026 08:15:00 GMT\r\nMessage-ID: <x@y>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: {inner.header('Content-Type')}\r\n\r\n"
    ).encode()
    digests = as2.Digests((Digest.SHA256,))
    digests.update(block + inner.body)
    signature = cms.sign_detached(digests.values()[Digest.SHA256], signer)
    body = (
        b"Date: x\r\n\r\n--s\r\n" + block + inner.body
        + b"\r\n--s\r\nContent-Type: application/x-pkcs7-signature\r\n\r\n" + signature + b"\r\n--s--\r\n"
    )  # fmt: skip
    wire = inner.with_header("Content-Type", 'multipart/signed; micalg=sha256;\tboundary="s"').with_body(body)
    found = opened(wire)
    assert found.signed
    assert found.original_message_id == "mendelson_opensource_AS2-1234_ALPHA_B&W@host"
    assert not found.leniencies


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_garbage_as_receipt_is_a_peer_fault(noise: bytes) -> None:
    for wire in (
        plain(FIELDS).with_body(noise),
        plain("").with_body(plain(FIELDS).body.replace(b"Disposition", noise[:50])),
    ):
        try:
            opened(wire)
        except PeerFault:
            continue


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_a_changed_signed_receipt_never_verifies_with_other_content(at: int, noise: bytes) -> None:
    wire = SIGNED_RECEIPT[0]
    changed = wire.body[:at] + noise + wire.body[at + len(noise) :]
    try:
        found = opened(wire.with_body(changed))
    except PeerFault:
        return
    assert found.disposition.clean
    assert found.original_message_id == "0001.4711@alpha.example"
    assert found.mic == MIC
    assert re.sub(r"\s", "", found.text) == "Themessagewasreceived.Itwasstored."


SIGNED_RECEIPT = (built_receipt(a_receipt(), sign=signing(bravo())),)
