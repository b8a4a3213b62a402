"""The XML: build and read are inverse, the schema's traps are known, hostile documents are refused."""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.protocols.cem import errors
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import USUAL_LIMITS
from counterseal.protocols.cem.model import (
    MAX_REQUEST_ID,
    CertificateIdentifier,
    CertStatus,
    CertUsage,
    Message,
    Request,
    Response,
    TradingPartner,
    TrustRequest,
    TrustResponse,
    WireTime,
)
from counterseal.protocols.cem.xml import build_cem, date_text, normal_content_id, parse_cem, read_cem
from tests.protocols.cem.minting import a_request, a_response, a_trust_request, an_answer

REQUEST = build_cem(a_request()).decode()
RESPONSE = build_cem(a_response(an_answer(CertStatus.REJECTED))).decode()


def parse(text: str | bytes) -> Message:
    return parse_cem(text if isinstance(text, bytes) else text.encode(), USUAL_LIMITS)


def changed(pattern: str, replacement: str, *, of: str = REQUEST) -> str:
    text, count = re.subn(pattern, lambda _: replacement, of, count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text


# ------------------------------------------------------------------------------------------------------------ the samples


def test_request_is_written_as_the_sample_of_the_digest() -> None:
    """CEM-12, CEM-15 (one TrustRequest, two CertUsage), CEM-20, CEM-21."""
    assert REQUEST.replace("\r\n", "\n") == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<EDIINTCertificateExchangeRequest xmlns="urn:ietf:params:xml:ns:ediintcertificateexchange"'
        ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#" requestId="cem-7f3c2a@alpha.example">\n'
        "  <TradingPartnerInfo>\n"
        '    <Name qualifier="AS2">ALPHA</Name>\n'
        "    <MessageOriginated>2026-03-01T09:15:00+01:00</MessageOriginated>\n"
        "  </TradingPartnerInfo>\n"
        "  <TrustRequest>\n"
        "    <CertUsage>digitalSignature</CertUsage>\n"
        "    <CertUsage>keyEncipherment</CertUsage>\n"
        "    <RespondByDate>2026-03-15T18:00:00+01:00</RespondByDate>\n"
        "    <ResponseURL>https://as2.alpha.example/as2</ResponseURL>\n"
        "    <EndEntity>\n"
        "      <CertificateIdentifier>\n"
        "        <ds:X509IssuerName>CN=Alpha AS2 2026,O=Alpha\\, Ltd.,C=DE</ds:X509IssuerName>\n"
        "        <ds:X509SerialNumber>1208925819614629174706177</ds:X509SerialNumber>\n"
        "      </CertificateIdentifier>\n"
        "      <CertificateContentID>7f3c2a.0001@alpha.example</CertificateContentID>\n"
        "    </EndEntity>\n"
        "  </TrustRequest>\n"
        "</EDIINTCertificateExchangeRequest>"
    )


@pytest.mark.parametrize("message", [a_request(), a_response(), a_response(an_answer(CertStatus.REJECTED))])
def test_what_is_built_is_read_back(message: Message) -> None:
    assert parse(build_cem(message)) == message


@pytest.mark.parametrize("message", [a_request(), a_response(an_answer(CertStatus.REJECTED, reason="two\nlines"))])
def test_every_line_ends_with_crlf_so_that_canonicalisation_changes_nothing(message: Message) -> None:
    document = build_cem(message)
    assert document.count(b"\n") == document.count(b"\r\n") > 5
    assert b"\r\r" not in document


def test_reference_is_echoed_letter_by_letter() -> None:
    """CEM-31: X509IssuerName and serial come back string-equal, with their blanks, breaks and dialect."""
    theirs = CertificateIdentifier.of_text('\n   E=a@b.c,\r\n  O="A & B",\n  S=X\n', "\n  0017 ")
    request = parse(build_cem(a_request(a_trust_request(identifier=theirs))))
    assert isinstance(request, Request)
    echoed = parse(build_cem(a_response(an_answer(reference=request.trust_requests[0].identifier))))
    assert isinstance(echoed, Response)
    assert echoed.trust_responses[0].reference == theirs


@pytest.mark.parametrize("request_id", ["a&b<c>'\"", "with\nbreak\tand tab", " padded ", "ü" * 255, None])
def test_request_id_is_echoed_letter_by_letter(request_id: str | None) -> None:
    """CEM-30: verbatim; absent when the Request had none."""
    assert parse(build_cem(a_response(request_id=request_id))).request_id == request_id


def test_reason_is_escaped() -> None:
    """CEM-46."""
    reason = "expected <RSA> & 'SHA-256', got ]]> \"MD5\""
    response = parse(build_cem(a_response(an_answer(CertStatus.REJECTED, reason=reason))))
    assert isinstance(response, Response)
    assert response.trust_responses[0].reason == reason


def test_reason_with_an_acceptance_is_dropped() -> None:
    """CEM-46: the schema allows it, the draft gives it no meaning (3.2)."""
    text = changed("Rejected", "Accepted", of=RESPONSE)
    read = read_cem(text.encode(), USUAL_LIMITS)
    assert isinstance(read.message, Response)
    assert read.message.trust_responses[0].reason is None
    assert read.leniencies == {Leniency.REASON_WITH_ACCEPTANCE}


@pytest.mark.parametrize("offset", ["+05:30", "-03:30", "+00:00", "-05:00", "+14:00", "+12:45"])
def test_dates_have_25_characters_and_their_own_offset(offset: str) -> None:
    """CEM-20: half-hour zones too. P-17: never ``Z``, which one product cannot read."""
    written = f"2026-03-01T09:15:00{offset}"
    time = WireTime.of(datetime.fromisoformat(written))
    assert date_text(time) == written
    assert len(date_text(time)) == 25
    request = parse(build_cem(a_request(originated_at=time, trust_requests=(a_trust_request(respond_by=time),))))
    assert isinstance(request, Request)
    assert (request.originated_at, request.trust_requests[0].respond_by) == (time, time)


REFUSED_TO_SEND: dict[str, Message] = {
    "certificate answered twice (CEM-34)": a_response(an_answer(), an_answer()),
    "certificate listed twice (CEM-15)": a_request(a_trust_request(), a_trust_request(content_id="other")),
    "no ResponseURL": a_request(a_trust_request(response_url="")),
    "ResponseURL that is no URI": a_request(a_trust_request(response_url="http://[::1")),
}


@pytest.mark.parametrize("message", REFUSED_TO_SEND.values(), ids=REFUSED_TO_SEND.keys())
def test_what_we_never_send_is_not_written(message: Message) -> None:
    with pytest.raises(errors.IllegalValue):
        build_cem(message)


# ------------------------------------------------------------------------------------------------------ the schema's traps

VALID_TRAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "ResponseURL empty": (changed("<ResponseURL>.*?<", "<ResponseURL><"), {"response_url": ""}),
    "ResponseURL with blanks around": (
        changed("<ResponseURL>.*?<", "<ResponseURL>\n  https://a.example/as2\n<"),
        {"response_url": "https://a.example/as2"},
    ),
    "issuer name empty": (
        changed("<ds:X509IssuerName>.*?<", "<ds:X509IssuerName><"),
        {"identifier": CertificateIdentifier.of_text("", "1208925819614629174706177")},
    ),
    "serial negative": (
        changed("<ds:X509SerialNumber>.*?<", "<ds:X509SerialNumber>-5<"),
        {"identifier": CertificateIdentifier.of_text(r"CN=Alpha AS2 2026,O=Alpha\, Ltd.,C=DE", "-5")},
    ),
    "date with Z": (
        changed("<RespondByDate>.*?<", "<RespondByDate>2026-03-15T17:00:00Z<"),
        {"respond_by": WireTime(datetime(2026, 3, 15, 17, tzinfo=UTC), timedelta())},
    ),
    "date with a fraction": (
        changed("<RespondByDate>.*?<", "<RespondByDate>2026-03-15T17:00:00.1234567+00:00<"),
        {"respond_by": WireTime(datetime(2026, 3, 15, 17, 0, 0, 123456, tzinfo=UTC), timedelta())},
    ),
    "date without offset, read as UTC": (
        changed("<RespondByDate>.*?<", "<RespondByDate>2026-03-15T17:00:00<"),
        {"respond_by": WireTime(datetime(2026, 3, 15, 17, tzinfo=UTC), None)},
    ),
    "date with blanks around": (
        changed("<RespondByDate>.*?<", "<RespondByDate>\r\n\t2026-03-15T17:00:00Z  <"),
        {"respond_by": WireTime(datetime(2026, 3, 15, 17, tzinfo=UTC), timedelta())},
    ),
    "24 o'clock": (
        changed("<RespondByDate>.*?<", "<RespondByDate>2026-03-15T24:00:00Z<"),
        {"respond_by": WireTime(datetime(2026, 3, 16, tzinfo=UTC), timedelta())},
    ),
    "RespondByDate missing (CEM-22)": (changed("<RespondByDate>.*?</RespondByDate>", ""), {"respond_by": None}),
    "usage repeated": (
        changed("<CertUsage>digitalSignature", "<CertUsage>keyEncipherment"),
        {"usages": frozenset({CertUsage.KEY_ENCIPHERMENT})},
    ),
    "all four usages (CEM-23)": (
        changed("<CertUsage>", "<CertUsage>tlsClient</CertUsage><CertUsage>tlsServer</CertUsage><CertUsage>"),
        {"usages": frozenset(CertUsage)},
    ),
    "comment inside a value": (
        changed("https://as2", "https<!-- why -->://as2"),
        {"response_url": "https://as2.alpha.example/as2"},
    ),
    "CDATA": (
        changed("https://as2.alpha.example/as2", "<![CDATA[https://a.example/?a=1&b=2]]>"),
        {"response_url": "https://a.example/?a=1&b=2"},
    ),
}


@pytest.mark.parametrize(("text", "fields"), VALID_TRAPS.values(), ids=VALID_TRAPS.keys())
def test_schema_valid_surprise_is_read(text: str, fields: dict[str, Any]) -> None:
    assert parse(text) == a_request(a_trust_request(**fields))


def test_request_id_may_be_absent() -> None:
    assert parse(changed(' requestId=".*?"', "")).request_id is None


INVALID_TRAPS = {
    "requestId empty in a Request (CEM-18)": changed(' requestId=".*?"', ' requestId=""'),
    "requestId of 256 (CEM-18)": changed(' requestId=".*?"', f' requestId="{"x" * 256}"'),
    "serial in hex": changed("<ds:X509SerialNumber>.*?<", "<ds:X509SerialNumber>0x5A<"),
    "serial empty": changed("<ds:X509SerialNumber>.*?<", "<ds:X509SerialNumber><"),
    "usage with a blank": changed("<CertUsage>digital", "<CertUsage> digital"),
    "usage in another case": changed("<CertUsage>digitalSignature", "<CertUsage>DigitalSignature"),
    "usage unknown (CEM-23, row 30)": changed("<CertUsage>digitalSignature", "<CertUsage>codeSigning"),
    "issuer in the CEM namespace": changed("<ds:X509IssuerName>.*?</ds:X509IssuerName>", "<X509IssuerName/>"),
    "usage after the date": changed(
        "<CertUsage>keyEncipherment</CertUsage>(.*?)</RespondByDate>",
        "<RespondByDate>2026-03-15T18:00:00+01:00</RespondByDate><CertUsage>keyEncipherment</CertUsage>",
    ),
    "foreign element under the root": changed("</EDIINT", '<x xmlns="urn:x"/></EDIINT'),
    "accepted in lower case": changed("Rejected", "accepted", of=RESPONSE),
    "no TrustRequest": changed("<TrustRequest>.*</TrustRequest>", ""),
    "no TradingPartnerInfo": changed("<TradingPartnerInfo>.*</TradingPartnerInfo>", ""),
    "no ResponseURL": changed("<ResponseURL>.*</ResponseURL>", ""),
    "30 February": changed("2026-03-15T", "2026-02-30T"),
    "year 12026": changed("2026-03-15T", "12026-03-15T"),
    "year -1": changed("2026-03-15T", "-0001-03-15T"),
    "offset of 15 hours": changed("18:00:00.01:00", "18:00:00+15:00"),
    "before the year 1 in UTC": changed("2026-03-15T18:00:00.01:00", "0001-01-01T00:00:00+01:00"),
    "serial of 5000 digits": changed("<ds:X509SerialNumber>.*?<", f"<ds:X509SerialNumber>{'9' * 5000}<"),
    "Extensions with an attribute": changed("</EDIINT", '<Extensions a="b"/></EDIINT'),
}


@pytest.mark.parametrize("text", INVALID_TRAPS.values(), ids=INVALID_TRAPS.keys())
def test_schema_invalid_document_is_refused(text: str) -> None:
    with pytest.raises(errors.SchemaInvalid):
        parse(text)


def test_empty_request_id_of_a_response_is_read_as_absent() -> None:
    """cem.md 9.3: one product writes it when the Request had none."""
    read = read_cem(changed(' requestId=".*?"', ' requestId=""', of=RESPONSE).encode(), USUAL_LIMITS)
    assert read.message.request_id is None
    assert read.leniencies == {Leniency.REQUEST_ID_EMPTY}


FOREIGN = '<x:future xmlns:x="urn:x" a="b"><x:more>text</x:more></x:future>'
WILDCARDS = {
    "Extensions": changed("</EDIINT", f"<Extensions>{FOREIGN}</Extensions></EDIINT"),
    "attribute of the root": changed(" requestId", ' xmlns:x="urn:x" x:future="1" requestId'),
    "schema location": changed(
        " requestId",
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x file:///etc/passwd" requestId',
    ),
    "in TradingPartnerInfo": changed("</TradingPartnerInfo>", f"{FOREIGN}</TradingPartnerInfo>"),
    "in TrustRequest": changed("</TrustRequest>", f"{FOREIGN}</TrustRequest>"),
    "in EndEntity": changed("</EndEntity>", f"{FOREIGN}</EndEntity>"),
    "our own names behind the sequence": changed(
        "</TrustRequest>",
        "<CertUsage>tlsServer</CertUsage><RespondByDate>2030-01-01T00:00:00Z</RespondByDate>"
        "<ResponseURL>https://evil.example/</ResponseURL></TrustRequest>",
    ),
}


@pytest.mark.parametrize("text", WILDCARDS.values(), ids=WILDCARDS.keys())
def test_wildcard_content_is_ignored(text: str) -> None:
    """CEM-24, row 31."""
    assert parse(text) == a_request()


def test_name_of_a_date_behind_the_sequence_is_not_the_date() -> None:
    text = changed("<RespondByDate>.*?</RespondByDate>", "")
    text = changed("</TrustRequest>", "<RespondByDate>2030-01-01T00:00:00Z</RespondByDate></TrustRequest>", of=text)
    assert parse(text) == a_request(a_trust_request(respond_by=None))


# --------------------------------------------------------------------------------------------------------------- hostile

LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
_BODY = REQUEST.split("?>", 1)[1]
HOSTILE: dict[str, tuple[bytes, type[PeerFault]]] = {
    "DTD": (f"<!DOCTYPE a>{_BODY}".encode(), errors.DTDForbidden),
    "DTD that hides in UTF-7": (
        b"<?xml version='1.0' encoding='UTF-7'?>+ADw-!DOCTYPE a>" + _BODY.encode("utf-7"),
        errors.DTDForbidden,
    ),
    "DTD in UTF-16": (f"<!DOCTYPE a>{_BODY}".encode("utf-16"), errors.DTDForbidden),
    "DTD in EBCDIC": (
        f"<?xml version='1.0' encoding='cp037'?><!DOCTYPE a>{_BODY}".encode("cp037"),
        PeerFault,
    ),
    "billion laughs": (
        f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>{_BODY.replace("ALPHA", "&l9;")}'.encode(),
        errors.DTDForbidden,
    ),
    "external entity": (
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{_BODY.replace("ALPHA", "&x;")}'.encode(),
        errors.DTDForbidden,
    ),
    "external DTD": (f'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">{_BODY}'.encode(), errors.DTDForbidden),
    "undeclared entity": (REQUEST.replace("ALPHA", "&x;").encode(), errors.MalformedXML),
    "10 MB": (REQUEST.encode() + b" " * 10_000_000, errors.TooLarge),
    "nested 100 deep": (
        changed("</EDIINT", f"<Extensions>{'<a>' * 100}{'</a>' * 100}</Extensions></EDIINT").encode(),
        errors.TooLarge,
    ),
    "nested 100,000 deep": (b"<a>" * 100_000 + b"</a>" * 100_000, errors.MalformedXML),
    "NUL": (REQUEST.replace("ALPHA", "AL\x00PHA").encode(), errors.MalformedXML),
    "character reference to NUL": (REQUEST.replace("ALPHA", "AL&#0;PHA").encode(), errors.MalformedXML),
    "not UTF-8": (REQUEST.replace("ALPHA", "ÄLPHA").encode("latin-1"), errors.MalformedXML),
    "unknown encoding": (REQUEST.replace("UTF-8", "x-none").encode(), errors.MalformedXML),
    "empty": (b"", errors.MalformedXML),
    "blank": (b"  \r\n", errors.MalformedXML),
    "cut off": (REQUEST.encode()[:-20], errors.MalformedXML),
    "two roots": (REQUEST.encode() + b"<a/>", errors.MalformedXML),
    "not XML": (b"UNA:+.? 'UNB+UNOA:1", errors.MalformedXML),
    "unescaped ampersand": (REQUEST.replace("/as2<", "/as2?a=1&b=2<").encode(), errors.MalformedXML),
    "1001 trust requests": (
        changed(
            "<TrustRequest>.*</TrustRequest>", re.findall("(?s)<TrustRequest>.*</TrustRequest>", REQUEST)[0] * 1001
        ).encode(),
        errors.TooLarge,
    ),
    "another root": (b"<html/>", errors.WrongRoot),
    "root without namespace": (REQUEST.replace(' xmlns="urn', ' xmlns:u="urn').encode(), errors.WrongRoot),
    "root that the schema would allow (CEM-26)": (
        b'<CertUsage xmlns="urn:ietf:params:xml:ns:ediintcertificateexchange">tlsServer</CertUsage>',
        errors.WrongRoot,
    ),
    "requestId with a control character": (REQUEST.replace("cem-7", "cem&#x1;7").encode(), errors.MalformedXML),
}


@pytest.mark.parametrize(("document", "fault"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_document_is_refused(document: bytes, fault: type[PeerFault]) -> None:
    """CEM-26: raised before anything could change state."""
    with pytest.raises(fault) as caught:
        parse(document)
    assert caught.value.code.startswith("cem.")
    assert "/etc/passwd" not in caught.value.detail
    assert "root:" not in caught.value.detail


def test_a_thousand_trust_requests_are_read() -> None:
    many = tuple(
        a_trust_request(identifier=CertificateIdentifier.of_text("CN=a", str(number))) for number in range(1000)
    )
    request = parse(build_cem(a_request(trust_requests=many)))
    assert isinstance(request, Request)
    assert request.trust_requests == many


# ------------------------------------------------------------------------------------------------------------ Content-ID

CONTENT_IDS = [
    "<20040101-2.alpha@example.org>",
    "20040101-2.alpha@example.org",
    "\r\n      20040101-2.alpha@example.org\r\n    ",
    " < 20040101-2.alpha@example.org > ",
    "cid:20040101-2.alpha@example.org",
    "CID:20040101-2.alpha@example.org",
    "<cid:20040101-2.alpha@example.org>",
]


@pytest.mark.parametrize("written", CONTENT_IDS)
def test_content_id_is_compared_without_its_dress(written: str) -> None:
    """CEM-16, cem.md 5.1."""
    assert normal_content_id(written) == "20040101-2.alpha@example.org"


def test_blank_inside_a_content_id_stays_one() -> None:
    """cem.md section 10: one product's sample id is ``New Certificate``."""
    assert normal_content_id("New \r\n Certificate") == "New Certificate"


def test_only_one_pair_of_brackets_comes_off() -> None:
    assert normal_content_id("<<a>>") == "<a>"


# ------------------------------------------------------------------------------------------------------------- properties

_CHARACTERS = st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", include_characters="\t\n\r"
)
_TEXT = st.text(_CHARACTERS, max_size=40)
_URLS = st.builds("https://as2.example/{}".format, st.text(st.sampled_from("abc/?&=.-_~1"), max_size=20))
_TIMES = st.builds(
    lambda instant, minutes: WireTime(instant.replace(tzinfo=UTC, microsecond=0), timedelta(minutes=minutes)),
    st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001 - aware two lines above
    st.integers(-14 * 60, 14 * 60),
)
_IDENTIFIERS = st.builds(
    lambda name, serial: CertificateIdentifier(issuer_name=name, serial=serial, serial_text=str(serial)),
    _TEXT,
    st.integers(-5, 2**160),
)
_TRUST_REQUESTS = st.builds(
    TrustRequest,
    usages=st.frozensets(st.sampled_from(CertUsage), min_size=1),
    respond_by=st.none() | _TIMES,
    response_url=_URLS,
    identifier=_IDENTIFIERS,
    content_id=_TEXT,
)
_ANSWERS = st.one_of(
    st.builds(TrustResponse, status=st.just(CertStatus.ACCEPTED), reason=st.none(), reference=_IDENTIFIERS),
    st.builds(TrustResponse, status=st.just(CertStatus.REJECTED), reason=st.none() | _TEXT, reference=_IDENTIFIERS),
)
_HEADS: dict[str, Any] = {
    "request_id": st.none() | st.text(_CHARACTERS, min_size=1, max_size=MAX_REQUEST_ID),
    "partner": st.builds(TradingPartner, name=_TEXT, qualifier=st.none() | _TEXT),
    "originated_at": _TIMES,
}
_MESSAGES = st.one_of(
    st.builds(
        Request,
        trust_requests=st.lists(_TRUST_REQUESTS, min_size=1, max_size=3, unique_by=lambda t: t.identifier.key).map(
            tuple
        ),
        **_HEADS,
    ),
    st.builds(
        Response,
        trust_responses=st.lists(_ANSWERS, min_size=1, max_size=3, unique_by=lambda t: t.reference.key).map(tuple),
        **_HEADS,
    ),
)


@given(_MESSAGES)
def test_every_message_survives_building_and_reading(message: Message) -> None:
    """CEM-12: what is built is schema-valid, or building would have raised."""
    assert parse(build_cem(message)) == message


@given(st.binary(max_size=300))
def test_garbage_raises_peer_faults_only(noise: bytes) -> None:
    with pytest.raises(PeerFault):
        parse(noise)


@given(
    st.sampled_from([REQUEST.encode(), RESPONSE.encode()]),
    st.lists(st.tuples(st.integers(0, 1800), st.binary(max_size=4)), max_size=4),
)
def test_damaged_document_raises_peer_faults_only(document: bytes, hits: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(document)
    for at, octets in hits:
        damaged[at : at + 1] = octets
    with contextlib.suppress(PeerFault):
        assert isinstance(parse(bytes(damaged)), Request | Response)
