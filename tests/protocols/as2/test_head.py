"""Names, Message-IDs and the head of a message: exact where it matters, tolerant where peers are odd, bounded everywhere."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import Headers
from counterseal.protocols import as2
from counterseal.protocols.as2.names import format_as2_name, format_message_id
from counterseal.protocols.as2.text import MAX_FILE_NAME_BYTES
from tests.protocols.as2.parties import built, document, envelope, open_, wanted

NAMES = {
    "atomic": ("ALPHA", "ALPHA", True),
    "quoted": ('"ALPHA"', "ALPHA", True),
    "quoted with blank": ('"Bravo Bows"', "Bravo Bows", True),
    "blank without quotes": ("Bravo Bows", "Bravo Bows", False),
    "escaped": (r'"a\"b\\c"', r'a"b\c', True),
    "lower case is another name": ("alpha", "alpha", True),
    "specials": ("!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", True),
    "128 characters": ("x" * 128, "x" * 128, True),
    "one quote": ('a"', 'a"', False),
}


@pytest.mark.parametrize("case", NAMES)
def test_bis_13_names_are_read_exactly(case: str) -> None:
    value, name, regular = NAMES[case]
    assert as2.parse_as2_name(value) == (name, regular)


@pytest.mark.parametrize("value", ["", '""', " ", "x" * 129, '"' + "x" * 129 + '"', "ü", "a\tb", "a\x00", "a\nb"])
def test_values_that_are_no_name_are_refused(value: str) -> None:
    with pytest.raises(as2.InvalidName):
        as2.parse_as2_name(value)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_a_written_name_is_read_back(name: str) -> None:
    assert as2.parse_as2_name(format_as2_name(name)) == (name, True)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\r\nX: y", "ü"])
def test_a_name_that_cannot_be_read_back_is_not_written(name: str) -> None:
    with pytest.raises(as2.IllegalEnvelope):
        format_as2_name(name)


MESSAGE_IDS = {
    "brackets": ("<a@b>", "a@b"),
    "no brackets (BIS-7)": ("a@b", "a@b"),
    "raw AS2 names inside (P-10)": ("<m-1_ALPHA_B&W/x@host>", "m-1_ALPHA_B&W/x@host"),
    "no host": ("<4711>", "4711"),
    "longest": ("<" + "x" * 996 + ">", "x" * 996),
}


@pytest.mark.parametrize("case", MESSAGE_IDS)
def test_bis_7_message_ids_are_opaque_and_compared_without_brackets(case: str) -> None:
    value, bare = MESSAGE_IDS[case]
    assert as2.parse_message_id(value) == bare


@pytest.mark.parametrize("value", ["", "<>", "<a b>", "a\tb", "<a\x01>", "<" + "x" * 997 + ">", "ü@b"])
def test_bis_7_malformed_message_ids_are_refused(value: str) -> None:
    with pytest.raises(as2.InvalidMessageID):
        as2.parse_message_id(value)


def test_our_message_ids_are_short_and_hold_no_names() -> None:
    assert as2.new_message_id("0a1b", "alpha.example") == "0a1b@alpha.example"
    assert format_message_id("0a1b@alpha.example") == "<0a1b@alpha.example>"
    for token, host in (("a b", "h"), ("x" * 200, "h"), ("a", "h\r\nX: y"), ("", "h")):
        with pytest.raises(as2.IllegalEnvelope):
            as2.new_message_id(token, host)
    with pytest.raises(as2.IllegalEnvelope):
        format_message_id("a>\r\nX: y")


NAMES_ONLY = (("AS2-From", "ALPHA"), ("AS2-To", "BRAVO"), ("Message-ID", "<1@a>"), ("Content-Type", "text/plain"))


def head(*more: tuple[str, str]) -> as2.MessageHead:
    return as2.MessageHead.parse((*NAMES_ONLY, *more))


def test_a_head_without_anything_else_is_version_1_0_and_asks_for_nothing() -> None:
    found = head()
    assert (found.version, found.product, found.features, found.receipt_request) == ("1.0", "", (), None)
    assert (found.as2_from, found.as2_to, found.message_id, found.message_id_as_sent) == (
        "ALPHA",
        "BRAVO",
        "1@a",
        "<1@a>",
    )
    assert not found.leniencies


def test_header_names_have_no_case() -> None:
    found = as2.MessageHead.parse((n.lower(), v) for n, v in NAMES_ONLY)
    assert found.as2_from == "ALPHA"


@pytest.mark.parametrize("missing", ["AS2-From", "AS2-To"])
def test_without_a_name_there_is_nobody_to_answer(missing: str) -> None:
    with pytest.raises(as2.HeaderMissing):
        as2.MessageHead.parse(tuple(item for item in NAMES_ONLY if item[0] != missing))


@pytest.mark.parametrize("value", [None, "", "<a b>", "x" * 2000])
def test_a_bad_message_id_is_known_as_absent_so_that_it_is_answered_and_not_repeated(value: str | None) -> None:
    items = [item for item in NAMES_ONLY if item[0] != "Message-ID"]
    found = as2.MessageHead.parse(items if value is None else [*items, ("Message-ID", value)])
    assert found.message_id is None
    assert found.message_id_as_sent is None


def test_bis_1_any_version_and_product_are_shown_and_decide_nothing() -> None:
    found = head(
        ("AS2-Version", "1.9"), ("AS2-Product", "peer:1.2.3"), ("EDIINT-Features", "CEM , Multiple-Attachments,, x y")
    )
    assert (found.version, found.product) == ("1.9", "peer:1.2.3")
    assert found.features == ("cem", "multiple-attachments")
    assert found.announces_cem
    assert head(("Server", "Peer/1")).product == "Peer/1"


def test_hostile_text_is_cleaned_and_bounded() -> None:
    found = head(
        ("Subject", "a\u202eb\x07" + "x" * 5000), ("AS2-Product", "p\x1b[31m"), ("EDIINT-Features", "a," * 5000)
    )
    assert found.subject.startswith("abx")
    assert len(found.subject) <= 256
    assert found.product == "p[31m"
    assert found.features == ("a",)
    assert head(("Subject", "=?utf-8?B?w5xiZXI=?= x")).subject == "Über x"


REQUESTS = {
    "signed, as RFC 4130 writes it": (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha1, md5",
        (True, True, ("sha1", "md5"), (Digest.SHA1,)),
    ),
    "no blanks": (
        "signed-receipt-protocol=optional,pkcs7-signature;signed-receipt-micalg=optional,sha-256,sha1",
        (True, True, ("sha-256", "sha1"), (Digest.SHA256, Digest.SHA1)),
    ),
    "upper case and quotes": (
        'Signed-Receipt-Protocol="Optional", "pkcs7-signature"; Signed-Receipt-Micalg=Optional, "SHA256"',
        (True, True, ("sha256",), (Digest.SHA256,)),
    ),
    "folded (RFC 6362 section 3)": (
        "signed-receipt-protocol=optional,pkcs7-signature; signed-receipt-micalg=optional,sha-1",
        (True, True, ("sha-1",), (Digest.SHA1,)),
    ),
    "required": (
        "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha512",
        (True, True, ("sha512",), (Digest.SHA512,)),
    ),
    "micalg alone": ("signed-receipt-micalg=optional, sha256", (True, True, ("sha256",), (Digest.SHA256,))),
    "protocol alone": ("signed-receipt-protocol=optional, pkcs7-signature", (True, True, (), ())),
    "importance missing": (
        "signed-receipt-protocol=pkcs7-signature; signed-receipt-micalg=sha256",
        (True, True, ("sha256",), (Digest.SHA256,)),
    ),
    "unknown micalg": (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, whirlpool",
        (True, True, ("whirlpool",), ()),
    ),
    "another format, optional": (
        "signed-receipt-protocol=optional, pgp-signature; signed-receipt-micalg=optional, sha256",
        (False, True, ("sha256",), (Digest.SHA256,)),
    ),
    "another format, required": (
        "signed-receipt-protocol=required, pgp-signature; signed-receipt-micalg=required, sha256",
        (False, False, ("sha256",), (Digest.SHA256,)),
    ),
    "unknown options": ("something=optional, else", (False, True, (), ())),
    "empty": ("", (False, True, (), ())),
    "garbage": (";;==,;=,", (False, True, (), ())),
}
INCOMPLETE = {"micalg alone", "protocol alone", "importance missing", "garbage"}


@pytest.mark.parametrize("case", REQUESTS)
def test_receipt_requests_are_read_as_peers_write_them(case: str) -> None:
    value, expected = REQUESTS[case]
    found = head(("Disposition-Notification-To", "anything at all"), ("Disposition-Notification-Options", value))
    request = found.receipt_request
    assert request is not None
    assert (request.signed, request.format_supported, request.micalgs, request.digests) == expected
    assert (as2.Leniency.RECEIPT_OPTIONS_INCOMPLETE in found.leniencies) is (case in INCOMPLETE)


def test_bis_16_a_receipt_is_asked_for_by_any_address_and_by_nothing_else() -> None:
    assert (
        head(("Disposition-Notification-Options", "signed-receipt-protocol=optional, pkcs7-signature")).receipt_request
        is None
    )
    for address in ("", "http://x", "<<>>", "a b"):
        assert head(("Disposition-Notification-To", address)).receipt_request is not None


@pytest.mark.parametrize(
    ("value", "url"),
    [("http://a/b", "http://a/b"), (" <http://a/b> ", "http://a/b"), ("mailto:x@y", "mailto:x@y"), ("", ""), ("a b", ""), ("x" * 3000, "")],
)  # fmt: skip
def test_a_delivery_option_is_hostile_text_and_makes_the_receipt_asynchronous_even_if_unusable(
    value: str, url: str
) -> None:
    request = head(("Disposition-Notification-To", "x"), ("Receipt-Delivery-Option", value)).receipt_request
    assert request is not None
    assert request.delivery_url == url
    sync = head(("Disposition-Notification-To", "x")).receipt_request
    assert sync is not None
    assert sync.delivery_url is None


CHOICES = {
    "first listed that is supported": (("md5", "sha-512", "sha1"), Digest.SHA256, Digest.SHA512),
    "SHA-1 where the partner asks for nothing else": (("sha1",), Digest.SHA256, Digest.SHA1),
    "the signature's where none is asked for": ((), Digest.SHA384, Digest.SHA384),
    "SHA-256 for an unsigned message": ((), None, Digest.SHA256),
}


@pytest.mark.parametrize("case", CHOICES)
def test_bis_14_bis_15_the_digest_of_the_mic_is_the_requested_one(case: str) -> None:
    requested, signature, expected = CHOICES[case]
    assert as2.choose_digest(requested, signature=signature) is expected


@pytest.mark.parametrize("requested", [("md5",), ("whirlpool", "crc32")])
def test_bis_14_a_digest_that_was_not_listed_is_never_used(requested: tuple[str, ...]) -> None:
    with pytest.raises(as2.UnsupportedMICAlgorithm):
        as2.choose_digest(requested, signature=Digest.SHA256)


SENT = {Digest.SHA256: b"a" * 32, Digest.SHA1: b"b" * 20}
ENVELOPE = {Digest.SHA256: b"e" * 32}
COMPARED = {
    as2.MICVerdict.EQUAL: as2.MIC(digest=Digest.SHA1, octets=b"b" * 20),
    as2.MICVerdict.DIFFERENT: as2.MIC(digest=Digest.SHA256, octets=b"x" * 32),
    as2.MICVerdict.ENVELOPE: as2.MIC(digest=Digest.SHA256, octets=b"e" * 32),
    as2.MICVerdict.ABSENT: None,
    as2.MICVerdict.NOT_COMPARABLE: as2.MIC(digest=Digest.SHA512, octets=b"a" * 64),
}


@pytest.mark.parametrize("verdict", as2.MICVerdict)
def test_mics_are_compared_and_only_the_same_digest_of_the_same_octets_is_equal(verdict: as2.MICVerdict) -> None:
    assert as2.compare_mic(SENT, COMPARED[verdict], envelope=ENVELOPE) is verdict


# file names

FILE_NAMES = {
    "plain": ("orders.edi", "orders.edi"),
    "path": ("../../etc/passwd", "passwd"),
    "absolute": ("/etc/passwd", "passwd"),
    "Windows path": (r"C:\edi\orders.edi", "orders.edi"),
    "mixed": (r"..\../x/..\orders.edi", "orders.edi"),
    "dots only": ("..", None),
    "a directory": ("x/", None),
    "hidden": (".bashrc", "bashrc"),
    "control characters": ("a\x00b\r\nc\x7f.edi", "ab c.edi"),
    "right-to-left override": ("invoice\u202efdp.exe", "invoicefdp.exe"),
    "reserved characters": ('a<b>:"|?*.edi', "a_b______.edi"),
    "device": ("CON.txt", "_CON.txt"),
    "trailing dots and blanks": ("a.edi . .", "a.edi"),
    "unicode": ("Bestellung Ü.edi", "Bestellung Ü.edi"),
    "empty": ("", None),
}


@pytest.mark.parametrize("case", FILE_NAMES)
def test_file_names_cannot_leave_their_folder(case: str) -> None:
    text, name = FILE_NAMES[case]
    assert as2.clean_file_name(text) == name


@given(st.text(max_size=600))
def test_a_cleaned_file_name_is_safe_whatever_came(text: str) -> None:
    name = as2.clean_file_name(text)
    if name is not None:
        assert 0 < len(name.encode()) <= MAX_FILE_NAME_BYTES
        assert not set(name) & set('/\\\x00\r\n:*?"<>|')
        assert not name.startswith(".")
        assert name.isprintable()


def test_a_long_file_name_keeps_its_extension() -> None:
    name = as2.clean_file_name("Ü" * 300 + ".edi")
    assert name is not None
    assert name.endswith("Ü.edi")


@pytest.mark.parametrize("name", ["orders.edi", "my orders.edi", "Bestellung Ü.edi", 'a"b.edi'])
def test_file_names_are_preserved(name: str) -> None:
    expected = name.replace('"', "_")
    assert open_(built(document(file_name=name))).parts.heads[0].file_name == expected


@pytest.mark.parametrize(
    ("content_type", "written", "name"),
    [
        ("application/pkcs7-mime", "smime.p7m", None),
        ("application/pkcs7-mime", "SMIME.P7Z", None),
        ("multipart/signed", "orders.edi", "orders.edi"),
        ("application/edifact", "orders.p7m", "orders.p7m"),
    ],
)
def test_the_name_of_an_envelope_is_not_that_of_the_document(content_type: str, written: str, name: str | None) -> None:
    head = as2.MessageHead.parse(
        [
            ("AS2-From", "a"),
            ("AS2-To", "b"),
            ("Content-Type", content_type),
            ("Content-Disposition", f'attachment; filename="{written}"'),
        ]
    )
    assert head.file_name == name


# what we write

BAD_ENVELOPES: dict[str, dict[str, Any]] = {
    "name": {"as2_from": "a\r\nb"},
    "message id": {"message_id": "a b"},
    "naive date": {"date": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the case
    "feature": {"features": ("a b",)},
    "modern without product": {"profile": as2.Profile.MODERN, "product": ""},
}


@pytest.mark.parametrize("case", BAD_ENVELOPES)
def test_an_envelope_that_breaks_the_standard_is_not_written(case: str) -> None:
    with pytest.raises(as2.IllegalEnvelope):
        built(envelope_=envelope(**BAD_ENVELOPES[case]))


CONTRADICTIONS: list[dict[str, Any]] = [
    {"mode": as2.ReceiptMode.ASYNC, "url": None},
    {"mode": as2.ReceiptMode.SYNC, "url": "http://a"},
    {"signed": True, "micalgs": ()},
    {"micalgs": (Digest.MD5,)},
]


@pytest.mark.parametrize("changes", CONTRADICTIONS, ids=str)
def test_a_receipt_that_cannot_come_is_not_asked_for(changes: dict[str, Any]) -> None:
    with pytest.raises(as2.IllegalEnvelope):
        wanted(**changes)


def test_what_we_ask_for_is_what_a_receiver_reads() -> None:
    receipt = wanted(mode=as2.ReceiptMode.ASYNC, url="https://a.example/mdn", micalgs=(Digest.SHA384, Digest.SHA1))
    wire = built(envelope_=envelope(receipt=receipt, subject="Bestellung für Übersee " * 5))
    found = as2.MessageHead.parse(wire.headers)
    assert found.receipt_request is not None
    assert found.receipt_request.digests == (Digest.SHA384, Digest.SHA1)
    assert found.receipt_request.delivery_url == "https://a.example/mdn"
    assert found.as2_to == "Bravo Bows"
    assert found.version == "1.2"
    assert found.features == ("cem", "multiple-attachments")
    assert found.subject.startswith("Bestellung für Übersee Bestellung")
    assert not found.leniencies


def test_a_built_message_is_read_once_and_its_mic_is_known_afterwards() -> None:
    message = as2.build_message(
        document(),
        envelope=envelope(),
        protection=as2.Protection(sign=None, encrypt=None, compress=as2.Compression.NONE),
        entropy=bytes,
    )
    with pytest.raises(as2.IllegalEnvelope):
        _ = message.mic
    for _ in message.chunks():
        pass
    assert message.mic.digest is Digest.SHA256
    with pytest.raises(as2.IllegalEnvelope):
        next(message.chunks())


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=80)), max_size=8))
def test_any_headers_give_a_head_or_a_peer_fault(items: list[tuple[str, str]]) -> None:
    for extra in ((), NAMES_ONLY):
        try:
            as2.MessageHead.parse(Headers((*items, *extra)))
        except PeerFault:
            continue


@given(
    st.sampled_from(
        [
            "Content-Type",
            "Message-ID",
            "Subject",
            "Disposition-Notification-Options",
            "EDIINT-Features",
            "Content-Disposition",
        ]
    ),
    st.text(max_size=200),
)
def test_any_value_of_a_known_header_gives_a_head(name: str, value: str) -> None:
    found = as2.MessageHead.parse(
        (("AS2-From", "A"), ("AS2-To", "B"), ("Disposition-Notification-To", "x"), (name, value))
    )
    assert len(found.subject) <= 256
