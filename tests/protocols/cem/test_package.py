"""Packages: what we build is strict, what we open is everything that peers were seen to send."""

import base64
import quopri
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.mime import DEFAULT_MIME_LIMITS, ContentType, Headers, open_entity, split
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cem import errors
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import USUAL_LIMITS
from counterseal.protocols.cem.matrix import OfferProblem
from counterseal.protocols.cem.model import CertificateIdentifier, CertUsage, Request, Response
from counterseal.protocols.cem.package import (
    Package,
    Packed,
    build_request,
    build_response,
    content_ids,
    is_cem,
    open_package,
)
from counterseal.protocols.cem.xml import build_cem, parse_cem
from tests.protocols.cem.minting import (
    RESPOND_BY,
    a_request,
    a_response,
    a_trust_request,
    an_answer,
    certificate,
    chain,
    request_for,
)
from tests.protocols.cem.shapes import XML, multipart, nested, p7c, p7c_part, part, pem, xml_part

CHAIN = chain()
LEAF = CHAIN[0]
SELF_SIGNED = certificate("Alpha self-signed")
ID = "7f3c2a.0001@alpha.example"
ROOT_ID = "7f3c2a.0000@alpha.example"
DOCUMENT = build_cem(request_for(CHAIN))
DER = p7c(*CHAIN)

Entity = tuple[Headers, bytes]


def opened(entity: Entity | Packed) -> Package:
    headers, body = (entity.headers, entity.body) if isinstance(entity, Packed) else entity
    return open_package(headers, body, USUAL_LIMITS)


def built(request: Request | None = None, *chains: Sequence[Certificate]) -> Packed:
    return build_request(
        request or request_for(CHAIN),
        chains or (CHAIN,),
        root_content_id=ROOT_ID,
        allow_incomplete_chains=False,
    )


def parts_of(packed: Packed) -> list[tuple[Headers, bytes]]:
    boundary = ContentType.of(packed.headers, default="").parameter("boundary")
    assert boundary
    found = []
    for chunks in split([packed.body], boundary, limits=DEFAULT_MIME_LIMITS):
        entity = open_entity(chunks, limits=DEFAULT_MIME_LIMITS)
        found.append((entity.headers, b"".join(entity.body)))
    return found


# ------------------------------------------------------------------------------------------------------------- built


def test_request_is_multipart_related_with_the_xml_as_its_root() -> None:
    """CEM-4, CEM-5: exactly one XML part, first, ``type`` and ``start`` set, Content-IDs everywhere and distinct."""
    packed = built()
    container = ContentType.of(packed.headers, default="")
    parts = parts_of(packed)
    assert container.media_type == "multipart/related"
    assert (container.parameter("type"), container.parameter("start")) == (XML, f"<{ROOT_ID}>")
    assert [headers.get("Content-Type") for headers, _ in parts] == [
        XML,
        "application/pkcs7-mime; smime-type=certs-only; name=smime.p7c",
    ]
    assert [headers.get("Content-ID") for headers, _ in parts] == [f"<{ROOT_ID}>", f"<{ID}>"]
    assert parse_cem(parts[0][1], USUAL_LIMITS) == request_for(CHAIN)


def test_every_end_entity_has_its_own_part_with_the_whole_chain() -> None:
    """CEM-6, CEM-13, CEM-14: the common CA stands in both parts."""
    one, two = chain("Alpha sign", 1), chain("Alpha encrypt", 2)
    package = opened(built(request_for(one, two), one, two))
    assert len(parts_of(built(request_for(one, two), one, two))) == 3
    assert [(offer.leaf, *offer.chain) for offer in package.offers] == [one, two]
    assert [offer.problem for offer in package.offers] == [None, None]
    assert package.leniencies == frozenset()


def test_self_signed_end_entity_travels_alone() -> None:
    """CEM-13, row 13."""
    package = opened(built(request_for([SELF_SIGNED]), (SELF_SIGNED,)))
    assert (package.offers[0].leaf, package.offers[0].chain) == (SELF_SIGNED, ())
    assert package.leniencies == frozenset()


def test_response_is_the_same_container_with_the_xml_alone() -> None:
    """CEM-7."""
    packed = build_response(a_response(), root_content_id=ROOT_ID)
    assert ContentType.of(packed.headers, default="").parameter("type") == XML
    assert [headers.get("Content-Type") for headers, _ in parts_of(packed)] == [XML]
    assert opened(packed) == Package(message=a_response(), offers=(), leniencies=frozenset())


def test_content_ids_of_many_certificates_are_of_one_length() -> None:
    """CEM-16: one product looks for them as substrings."""
    ids = content_ids("7f3c2a", "alpha.example", 12)
    assert ids[:2] == (ROOT_ID, ID)
    assert len(ids) == len(set(ids)) == 13
    assert {len(one) for one in content_ids("t", "h", 12_345)} == {len("t.00000@h")}


UNFIT: dict[str, Callable[[], Packed]] = {
    "no requestId": lambda: built(request_for(CHAIN, request_id=None)),
    "a chain too many": lambda: built(request_for(CHAIN), CHAIN, CHAIN),
    "no certificate": lambda: built(request_for(CHAIN), ()),
    "another certificate than named": lambda: built(request_for(CHAIN), (SELF_SIGNED,)),
    "issuer missing": lambda: built(request_for(CHAIN), CHAIN[:2]),
    "a stranger in the chain": lambda: built(request_for(CHAIN), (*CHAIN, SELF_SIGNED)),
    "Content-ID without host": lambda: built(a_request(a_trust_request(LEAF, content_id="c1"))),
    "Content-ID with brackets": lambda: built(a_request(a_trust_request(LEAF, content_id=f"<{ID}>"))),
    "Content-ID of the XML part again": lambda: built(a_request(a_trust_request(LEAF, content_id=ROOT_ID.upper()))),
    "Content-ID that is part of another": lambda: built(a_request(a_trust_request(LEAF, content_id=ROOT_ID[1:]))),
    "two certificates with one Content-ID": lambda: built(
        a_request(a_trust_request(LEAF), a_trust_request(SELF_SIGNED)), CHAIN, (SELF_SIGNED,)
    ),
}


@pytest.mark.parametrize("build", UNFIT.values(), ids=UNFIT.keys())
def test_unfit_request_is_not_built(build: Callable[[], Packed]) -> None:
    with pytest.raises(errors.IllegalValue):
        build()


def test_incomplete_chain_is_sent_only_where_it_is_allowed() -> None:
    packed = build_request(request_for(CHAIN), [CHAIN[:1]], root_content_id=ROOT_ID, allow_incomplete_chains=True)
    assert opened(packed).leniencies == {Leniency.ISSUER_MISSING}


def test_issuers_may_be_given_in_any_order() -> None:
    assert opened(built(request_for(CHAIN), (CHAIN[0], CHAIN[2], CHAIN[1]))).offers[0].chain == CHAIN[1:]


def test_same_request_gives_the_same_octets() -> None:
    """What is sent again is sent with the same bytes."""
    assert built() == built()


# ------------------------------------------------------------------------------------------------------------ accepted

GOOD = (xml_part(DOCUMENT, f"<{ROOT_ID}>"), p7c_part(DER, f"<{ID}>"))
START = f'multipart/related; type="{XML}"; start="<{ROOT_ID}>"'
BASE64 = ("Content-Transfer-Encoding", "base64")

ACCEPTED: dict[str, tuple[Entity, set[Leniency]]] = {
    "as the draft's samples": (multipart(*GOOD), set()),
    "with start": (multipart(*GOOD, kind=START), set()),
    "start without brackets": (multipart(*GOOD, kind=START.replace("<", "").replace(">", "")), set()),
    "start that names nothing": (multipart(*GOOD, kind=START.replace(ROOT_ID, "gone@x")), set()),
    "media types in another case": (
        multipart(
            xml_part(DOCUMENT, f"<{ROOT_ID}>", kind="application/EDIINT-cert-exchange+xml"),
            p7c_part(DER, f"<{ID}>", kind="Application/PKCS7-MIME; SMIME-Type=Certs-Only"),
            kind='Multipart/Related; Type="application/EDIINT-cert-exchange+xml"',
        ),
        set(),
    ),
    "charset on the XML": (multipart(xml_part(DOCUMENT, kind=f"{XML}; charset=utf-8"), GOOD[1]), set()),
    "XML last, with start": (multipart(*reversed(GOOD), kind=START), set()),
    "XML last, without start": (multipart(*reversed(GOOD)), {Leniency.XML_NOT_FIRST}),
    "XML without Content-ID": (multipart(xml_part(DOCUMENT, None), GOOD[1]), {Leniency.XML_CONTENT_ID_MISSING}),
    "Content-ID without brackets": (
        multipart(xml_part(DOCUMENT, "root"), p7c_part(DER, ID)),
        {Leniency.CONTENT_ID_WITHOUT_BRACKETS},
    ),
    "Content-ID with blanks": (multipart(GOOD[0], p7c_part(DER, f"  < {ID} >  ")), set()),
    "certificate part without Content-ID": (
        multipart(GOOD[0], p7c_part(DER, None)),
        {Leniency.CONTENT_ID_MISSING},
    ),
    "type missing": (multipart(*GOOD, kind="multipart/related"), {Leniency.TYPE_MISSING}),
    "type of another kind": (multipart(*GOOD, kind='multipart/related; type="text/xml"'), {Leniency.TYPE_MISSING}),
    "multipart/mixed in place of related": (multipart(*GOOD, kind="multipart/mixed"), {Leniency.NOT_RELATED}),
    "nested in multipart/mixed": (nested(multipart(*GOOD)), {Leniency.NESTED}),
    "nested beside a signature": (
        nested(multipart(*GOOD), part(b"x", ("Content-Type", "application/pkcs7-signature"))),
        {Leniency.NESTED},
    ),
    "nested twice": (nested(nested(multipart(*GOOD))), {Leniency.NESTED}),
    "XML as application/xml": (
        multipart(xml_part(DOCUMENT, kind="application/xml"), GOOD[1]),
        {Leniency.PART_TYPE_UNUSUAL},
    ),
    "XML in base64": (multipart(xml_part(base64.encodebytes(DOCUMENT), "<r>", BASE64), GOOD[1]), set()),
    "XML in quoted-printable": (
        multipart(
            xml_part(quopri.encodestring(DOCUMENT), "<r>", ("Content-Transfer-Encoding", "Quoted-Printable")), GOOD[1]
        ),
        set(),
    ),
    **{
        f"everything in {name}": (
            multipart(
                xml_part(DOCUMENT, f"<{ROOT_ID}>", ("Content-Transfer-Encoding", name)),
                p7c_part(DER, f"<{ID}>", ("content-transfer-encoding", name)),
            ),
            set[Leniency](),
        )
        for name in ("7bit", "8bit", "binary")
    },
    "P7C in base64": (multipart(GOOD[0], p7c_part(base64.encodebytes(DER), f"<{ID}>", BASE64)), set()),
    "P7C in base64, one line": (multipart(GOOD[0], p7c_part(base64.b64encode(DER), f"<{ID}>", BASE64)), set()),
    "P7C as base64 without saying so": (
        multipart(GOOD[0], p7c_part(base64.encodebytes(DER), f"<{ID}>")),
        {Leniency.TEXT_ENCODED_P7C},
    ),
    "P7C as PEM": (multipart(GOOD[0], p7c_part(pem("PKCS7", DER), f"<{ID}>")), {Leniency.TEXT_ENCODED_P7C}),
    "P7C in another order": (multipart(GOOD[0], p7c_part(p7c(*reversed(CHAIN)), f"<{ID}>")), set()),
    "P7C without smime-type": (
        multipart(GOOD[0], p7c_part(DER, f"<{ID}>", kind="application/pkcs7-mime")),
        {Leniency.PART_TYPE_UNUSUAL},
    ),
    "P7C as x-pkcs7-mime": (
        multipart(GOOD[0], p7c_part(DER, f"<{ID}>", kind="application/x-pkcs7-mime; smime-type=certs-only")),
        {Leniency.PART_TYPE_UNUSUAL},
    ),
    "P7C as octets": (
        multipart(GOOD[0], p7c_part(DER, f"<{ID}>", kind="application/octet-stream")),
        {Leniency.PART_TYPE_UNUSUAL},
    ),
    "a text part beside": (
        multipart(*GOOD, part(b"Dear partner", ("Content-Type", "text/plain"), ("Content-ID", "<note@x>"))),
        {Leniency.PART_SURPLUS},
    ),
    "preamble and LF lines": (
        (
            multipart(*GOOD)[0],
            b"This is MIME.\r\n" + multipart(GOOD[0], p7c_part(base64.encodebytes(DER), f"<{ID}>", BASE64))[1],
        ),
        set(),
    ),
}


@pytest.mark.parametrize(("entity", "leniencies"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_package_is_opened(entity: Entity, leniencies: set[Leniency]) -> None:
    """CEM-16, CEM-52, cem.md section 11 (accept)."""
    package = opened(entity)
    assert package.message == request_for(CHAIN)
    assert [(offer.leaf, offer.chain, offer.problem) for offer in package.offers] == [(LEAF, CHAIN[1:], None)]
    assert package.leniencies == leniencies


SHORTER: dict[str, tuple[bytes, set[Leniency]]] = {
    "P7C with the end entity only": (p7c(LEAF), {Leniency.ISSUER_MISSING}),
    "a bare certificate": (LEAF.der, {Leniency.ISSUER_MISSING, Leniency.BARE_CERTIFICATE}),
    "a bare certificate as PEM": (
        pem("CERTIFICATE", LEAF.der),
        {Leniency.ISSUER_MISSING, Leniency.BARE_CERTIFICATE, Leniency.TEXT_ENCODED_P7C},
    ),
    "a bare certificate as base64": (
        base64.encodebytes(LEAF.der),
        {Leniency.ISSUER_MISSING, Leniency.BARE_CERTIFICATE, Leniency.TEXT_ENCODED_P7C},
    ),
}


@pytest.mark.parametrize(("octets", "leniencies"), SHORTER.values(), ids=SHORTER.keys())
def test_end_entity_alone_is_an_offer_with_its_chain_missing(octets: bytes, leniencies: set[Leniency]) -> None:
    """CEM-52, row 12: whether the issuer is known locally is the receiver's question."""
    package = opened(multipart(GOOD[0], p7c_part(octets, f"<{ID}>")))
    assert [(offer.leaf, offer.chain, offer.problem) for offer in package.offers] == [(LEAF, (), None)]
    assert package.leniencies == leniencies


def test_pem_certificates_in_a_row_are_leaf_and_chain() -> None:
    text = b"".join(pem("CERTIFICATE", one.der) for one in reversed(CHAIN))
    offer = opened(multipart(GOOD[0], p7c_part(text, f"<{ID}>"))).offers[0]
    assert (offer.leaf, offer.chain, offer.problem) == (LEAF, CHAIN[1:], None)


def test_ids_that_are_part_of_one_another_are_not_confused() -> None:
    """CEM-16: ``c1`` and ``c10``, and ``1`` inside the XML part's."""
    leaves = [certificate(f"leaf {number}") for number in range(12)]
    request = a_request(*(a_trust_request(one, content_id=f"c{number}") for number, one in enumerate(leaves)))
    parts = [p7c_part(p7c(one), f"<c{number}>") for number, one in enumerate(leaves)]
    package = opened(multipart(xml_part(build_cem(request), "<root-c1>"), *reversed(parts)))
    assert [offer.leaf for offer in package.offers] == leaves
    assert {offer.problem for offer in package.offers} == {None}


def test_id_with_a_blank_finds_its_part() -> None:
    """cem.md section 10: a toolkit's sample id is ``New Certificate``."""
    document = build_cem(a_request(a_trust_request(LEAF, content_id="New Certificate")))
    assert opened(multipart(xml_part(document), p7c_part(DER, "New Certificate"))).offers[0].leaf == LEAF


def test_wrapped_element_finds_the_bracketed_header() -> None:
    """CEM-16: Appendix A.2 wraps the element's value in line breaks."""
    document = build_cem(a_request(a_trust_request(LEAF, content_id=f"\n          {ID}\n       ")))
    assert opened(multipart(xml_part(document), GOOD[1])).offers[0].problem is None


def test_issuer_in_another_dialect_names_the_certificate() -> None:
    """CEM-52: mendelson's ``, ``."""
    theirs = CertificateIdentifier.of_text("CN=Test Intermediate, C=DE", str(LEAF.serial))
    package = opened(multipart(xml_part(build_cem(a_request(a_trust_request(LEAF, identifier=theirs)))), GOOD[1]))
    assert package.offers[0].problem is None
    assert package.offers[0].trust_request.identifier == theirs


@pytest.mark.parametrize(
    ("issuer", "leniency"),
    [
        ("C=DE, CN=Test Intermediate", Leniency.ISSUER_NAME_REORDERED),
        ("CN=Test Intermediate", Leniency.ISSUER_NAME_ABRIDGED),
    ],
)
def test_issuer_that_fits_loosely_is_reported(issuer: str, leniency: Leniency) -> None:
    theirs = CertificateIdentifier.of_text(issuer, str(LEAF.serial))
    package = opened(multipart(xml_part(build_cem(a_request(a_trust_request(LEAF, identifier=theirs)))), GOOD[1]))
    assert package.offers[0].problem is None
    assert package.leniencies == {leniency}


def test_certificate_in_two_trust_requests_is_one_offer_with_all_usages() -> None:
    """Row 10: one answer, and no partial acceptance (CEM-32)."""
    one = a_trust_request(LEAF, usages=frozenset({CertUsage.DIGITAL_SIGNATURE}), respond_by=None, content_id=ID)
    two = replace(one, usages=frozenset({CertUsage.TLS_SERVER}), respond_by=RESPOND_BY)
    document = build_cem(a_request(one)).replace(b"</TrustRequest>", b"</TrustRequest>@@")
    second = build_cem(a_request(two)).split(b"<TrustRequest>")[1].split(b"</TrustRequest>")[0]
    document = document.replace(b"@@", b"<TrustRequest>" + second + b"</TrustRequest>")
    package = opened(multipart(xml_part(document), GOOD[1]))
    assert isinstance(package.message, Request)
    assert len(package.message.trust_requests) == 2
    assert [offer.trust_request for offer in package.offers] == [
        replace(one, usages=one.usages | two.usages, respond_by=RESPOND_BY)
    ]
    assert package.leniencies == {Leniency.CERTIFICATE_TWICE}


RESPONSE = build_cem(a_response())
RESPONSES: dict[str, tuple[Entity, set[Leniency]]] = {
    "as we send it": (multipart(xml_part(RESPONSE)), set()),
    "mendelson: no Content-ID": (multipart(xml_part(RESPONSE, None)), {Leniency.XML_CONTENT_ID_MISSING}),
    "the XML without a multipart": (
        (Headers((("Content-Type", XML),)), RESPONSE),
        {Leniency.NOT_RELATED, Leniency.XML_CONTENT_ID_MISSING},
    ),
    "a lone part of any type": (multipart(xml_part(RESPONSE, kind="text/plain")), {Leniency.PART_TYPE_UNUSUAL}),
    "with certificates, which are not read": (
        multipart(xml_part(RESPONSE), p7c_part(b"not even one", "<c@x>")),
        {Leniency.CERTIFICATES_IN_RESPONSE},
    ),
}


@pytest.mark.parametrize(("entity", "leniencies"), RESPONSES.values(), ids=RESPONSES.keys())
def test_response_is_opened(entity: Entity, leniencies: set[Leniency]) -> None:
    """CEM-52."""
    assert opened(entity) == Package(message=a_response(), offers=(), leniencies=frozenset(leniencies))


def test_consolidated_and_split_responses_are_read() -> None:
    """CEM-33."""
    other = CertificateIdentifier.of_text("CN=a", "5")
    merged = a_response(an_answer(), an_answer(reference=other))
    for response in (merged, a_response(an_answer()), a_response(an_answer(reference=other))):
        assert opened(build_response(response, root_content_id=ROOT_ID)).message == response


def test_response_that_answers_twice_is_read_and_not_refused() -> None:
    """CEM-34, row 27: the MDN stays positive; the engine discards the Response."""
    answer = RESPONSE.split(b"<TrustResponse>")[1].split(b"</TrustResponse>")[0]
    document = RESPONSE.replace(b"<TrustResponse>", b"<TrustResponse>" + answer + b"</TrustResponse><TrustResponse>")
    response = opened(multipart(xml_part(document))).message
    assert isinstance(response, Response)
    assert response.answers_twice


# ------------------------------------------------------------------------------------------- channel R: one certificate

TWO = chain("Alpha two", 3)
OTHER = request_for(CHAIN, TWO)
PROBLEMS: dict[str, tuple[bytes | None, OfferProblem, bool]] = {
    "no such part": (None, OfferProblem.PART_MISSING, False),
    "part is not CMS": (b"%PDF-1.7", OfferProblem.PART_UNREADABLE, False),
    "part is empty": (b"", OfferProblem.PART_UNREADABLE, False),
    "part is cut off": (DER[:-50], OfferProblem.PART_UNREADABLE, False),
    "part is base64 of nothing": (b"AAAA", OfferProblem.PART_UNREADABLE, False),
    "no certificate in it": (p7c(), OfferProblem.NO_END_ENTITY, False),
    "CA certificates only": (p7c(*CHAIN[1:]), OfferProblem.NO_END_ENTITY, False),
    "two end entities, one of them named": (p7c(LEAF, TWO[0]), OfferProblem.SEVERAL_END_ENTITIES, True),
    "two end entities, none of them named": (
        p7c(TWO[0], SELF_SIGNED),
        OfferProblem.SEVERAL_END_ENTITIES,
        False,
    ),
    "another certificate": (p7c(*TWO), OfferProblem.IDENTIFIER_MISMATCH, True),
    "another self-signed CA certificate alone": (
        p7c(certificate("x", ca=True)),
        OfferProblem.IDENTIFIER_MISMATCH,
        True,
    ),
    "more certificates than any chain": (
        p7c(*(certificate(f"c{number}") for number in range(20))),
        OfferProblem.PART_UNREADABLE,
        False,
    ),
}


@pytest.mark.parametrize(("octets", "problem", "has_leaf"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_bad_certificate_beside_a_good_one_is_that_certificates_problem(
    octets: bytes | None, problem: OfferProblem, has_leaf: bool
) -> None:
    """CEM-13, CEM-51; rows 8 and 9: channel R, the message stands."""
    parts = [] if octets is None else [p7c_part(octets, f"<{ID}>")]
    good = p7c_part(p7c(*TWO), "<7f3c2a.0002@alpha.example>")
    bad, fine = opened(multipart(xml_part(build_cem(OTHER)), *parts, good)).offers
    assert (bad.problem, bad.leaf is not None) == (problem, has_leaf)
    assert (fine.problem, fine.leaf) == (None, TWO[0])


NOTHING = {name: row for name, row in PROBLEMS.items() if not row[2]}


@pytest.mark.parametrize(("octets", "problem", "_leaf"), NOTHING.values(), ids=NOTHING.keys())
def test_nothing_usable_refuses_the_message(octets: bytes | None, problem: OfferProblem, _leaf: bool) -> None:
    """Row 8: channel M."""
    parts = [] if octets is None else [p7c_part(octets, f"<{ID}>")]
    with pytest.raises(errors.NothingUsable):
        opened(multipart(xml_part(DOCUMENT), *parts))


def test_same_serial_of_another_issuer_is_another_certificate() -> None:
    """CEM-51."""
    twin = certificate("Alpha AS2", key_number=0, serial=LEAF.serial)
    offer = opened(multipart(GOOD[0], p7c_part(p7c(twin), f"<{ID}>"))).offers[0]
    assert (offer.leaf, offer.problem) == (twin, OfferProblem.IDENTIFIER_MISMATCH)


def test_certificate_of_another_part_is_never_taken() -> None:
    """A part that no TrustRequest names is no offer, whatever is in it."""
    package = opened(multipart(*GOOD, p7c_part(p7c(SELF_SIGNED), "<extra@x>")))
    assert [offer.leaf for offer in package.offers] == [LEAF]
    assert package.leniencies == {Leniency.PART_SURPLUS}


def test_strangers_in_a_p7c_are_dropped() -> None:
    """2.3: "no other certificates". A CA that is none of the leaf's never reaches the chain."""
    stranger = certificate("Some CA", key_number=5, ca=True)
    package = opened(multipart(GOOD[0], p7c_part(p7c(*CHAIN, stranger), f"<{ID}>")))
    assert (package.offers[0].chain, package.offers[0].problem) == (CHAIN[1:], None)
    assert package.leniencies == {Leniency.CERTIFICATES_SURPLUS}


def test_issuer_of_the_right_name_and_the_wrong_key_is_no_issuer() -> None:
    forged = certificate(CHAIN[1].load().subject, key_number=7, ca=True)
    package = opened(multipart(GOOD[0], p7c_part(p7c(LEAF, forged), f"<{ID}>")))
    assert package.offers[0].chain == ()
    assert package.leniencies == {Leniency.CERTIFICATES_SURPLUS, Leniency.ISSUER_MISSING}


def test_self_signed_ca_certificate_can_be_offered() -> None:
    """``openssl req -x509`` sets CA:TRUE; whether that is taken is the policy's decision (row 18)."""
    leaf = certificate("Alpha", ca=True)
    document = build_cem(a_request(a_trust_request(leaf, content_id=ID)))
    assert opened(multipart(xml_part(document), p7c_part(p7c(leaf), f"<{ID}>"))).offers[0].problem is None


# ------------------------------------------------------------------------------------------ channel M: the whole message

REFUSED: dict[str, tuple[Entity, type[errors.CEMFault]]] = {
    "no XML part": (multipart(GOOD[1], p7c_part(DER, "<b@x>")), errors.XMLPartMissing),
    "two XML parts": (multipart(GOOD[0], xml_part(DOCUMENT, "<b@x>"), GOOD[1]), errors.XMLPartAmbiguous),
    "two CEM multiparts": (
        multipart(
            *(b"".join((h.encode(), b)) for h, b in [multipart(*GOOD, boundary="in")] * 2), kind="multipart/mixed"
        ),
        errors.XMLPartAmbiguous,
    ),
    "start names a certificate": (
        multipart(*GOOD, kind=f'multipart/related; type="{XML}"; start="<{ID}>"'),
        errors.XMLPartNotRoot,
    ),
    "Content-ID twice": (multipart(GOOD[0], p7c_part(DER, f"<{ROOT_ID}>")), errors.ContentIDDuplicate),
    "Content-ID twice but for its brackets": (multipart(*GOOD, p7c_part(DER, ID)), errors.ContentIDDuplicate),
    "two certificate parts without Content-ID": (
        multipart(xml_part(build_cem(OTHER)), p7c_part(DER, None), p7c_part(p7c(*TWO), None)),
        errors.ContentIDMissing,
    ),
    "two certificate parts without Content-ID for one trust request": (
        multipart(GOOD[0], p7c_part(DER, None), p7c_part(p7c(*TWO), None)),
        errors.ContentIDMissing,
    ),
    "a part without Content-ID that nothing needs": (multipart(*GOOD, p7c_part(DER, None)), errors.ContentIDMissing),
    "a Request without any certificate part": (multipart(GOOD[0]), errors.NothingUsable),
    "a Request as bare XML": ((Headers((("Content-Type", XML),)), DOCUMENT), errors.NothingUsable),
    "not multipart": ((Headers((("Content-Type", "application/edifact"),)), b"UNB"), errors.NotCEM),
    "no Content-Type": ((Headers(), DOCUMENT), errors.NotCEM),
    "Content-Type that is none": ((Headers((("Content-Type", "xml"),)), DOCUMENT), errors.MalformedPackage),
    "multipart/mixed without CEM": (
        multipart(part(b"a", ("Content-Type", "text/plain")), kind="multipart/mixed"),
        errors.NotCEM,
    ),
    "nested five times": (nested(nested(nested(nested(nested(multipart(*GOOD)))))), errors.NotCEM),
    "no boundary parameter": (
        (Headers((("Content-Type", f'multipart/related; type="{XML}"'),)), multipart(*GOOD)[1]),
        errors.MalformedPackage,
    ),
    "no boundary in the body": ((multipart(*GOOD)[0], b"nothing here"), errors.MalformedPackage),
    "empty body": ((multipart(*GOOD)[0], b""), errors.MalformedPackage),
    "unknown transfer encoding of the XML": (
        multipart(xml_part(DOCUMENT, "<r>", ("Content-Transfer-Encoding", "x-uuencode")), GOOD[1]),
        errors.MalformedPackage,
    ),
    "base64 that is none": (multipart(xml_part(DOCUMENT, "<r>", BASE64), GOOD[1]), errors.MalformedPackage),
    "XML not well-formed (CEM-26)": (multipart(xml_part(DOCUMENT[:-9]), GOOD[1]), errors.MalformedXML),
    "XML with a DTD": (multipart(xml_part(b"<!DOCTYPE a>" + DOCUMENT.split(b"?>")[1]), GOOD[1]), errors.DTDForbidden),
    "unknown usage (CEM-23)": (
        multipart(xml_part(DOCUMENT.replace(b"digitalSignature", b"codeSigning")), GOOD[1]),
        errors.SchemaInvalid,
    ),
    "another root": (multipart(xml_part(b"<html/>"), GOOD[1]), errors.WrongRoot),
    "too many parts": (
        multipart(GOOD[0], *(p7c_part(b"", f"<c{number}@x>") for number in range(1200))),
        errors.TooLarge,
    ),
    "10 MB": (multipart(GOOD[0], p7c_part(b"\x30" * 10_000_000, f"<{ID}>")), errors.TooLarge),
}


@pytest.mark.parametrize(("entity", "fault"), REFUSED.values(), ids=REFUSED.keys())
def test_message_that_cannot_be_understood_is_refused(entity: Entity, fault: type[errors.CEMFault]) -> None:
    """CEM-26, rows 4 to 6, 8 and 30: channel M."""
    with pytest.raises(fault):
        opened(entity)


# ---------------------------------------------------------------------------------------------------------- recognition

RECOGNISED: dict[str, tuple[str, bytes, bool]] = {
    "multipart/related with our type": (f'multipart/related; type="{XML}"; boundary=x', b"", True),
    "type in another case": ("multipart/related; type=APPLICATION/EDIINT-CERT-EXCHANGE+XML; boundary=x", b"", True),
    "the XML itself": (XML, b"", True),
    "nested in multipart/mixed": (
        "multipart/mixed; boundary=x",
        b'--x\r\nContent-Type: multipart/related;\r\n\ttype="application/ediint-cert-exchange+xml"; boundary=y\r\n\r\n',
        True,
    ),
    "multipart/mixed": ("multipart/mixed; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nhello", False),
    "a document that only speaks of it": (
        "multipart/mixed; boundary=x",
        b"--x\r\nContent-Type: text/plain\r\n\r\nabout application/ediint-cert-exchange+xml",
        False,
    ),
    "EDIFACT": ("application/edifact", b"application/ediint-cert-exchange+xml", False),
    "nonsense": ("nonsense", b"", False),
}


@pytest.mark.parametrize(("content_type", "head", "expected"), RECOGNISED.values(), ids=RECOGNISED.keys())
def test_cem_is_told_from_business_documents(content_type: str, head: bytes, expected: bool) -> None:
    assert is_cem(Headers((("Content-Type", content_type),)), head) is expected


# ------------------------------------------------------------------------------------------------------------ properties

_WHOLE = [built(), Packed(headers=multipart(*GOOD)[0], body=nested(multipart(*GOOD))[1])]


@given(
    st.sampled_from(_WHOLE),
    st.lists(st.tuples(st.integers(0, 7000), st.integers(0, 3), st.binary(max_size=6)), max_size=4),
)
def test_damaged_package_raises_peer_faults_only(packed: Packed, hits: list[tuple[int, int, bytes]]) -> None:
    body = bytearray(packed.body)
    for at, length, octets in hits:
        body[at : at + length] = octets
    try:
        package = open_package(packed.headers, bytes(body), USUAL_LIMITS)
    except PeerFault:
        return
    assert isinstance(package.message, Request | Response)


@given(st.text(max_size=80), st.binary(max_size=300))
def test_garbage_raises_peer_faults_only(content_type: str, body: bytes) -> None:
    with pytest.raises(PeerFault):
        open_package(Headers((("Content-Type", content_type),)), body, USUAL_LIMITS)
