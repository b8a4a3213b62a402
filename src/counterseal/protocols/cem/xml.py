"""The XML of CEM: bytes to values and back (draft section 3, Appendix A; cem.md section 5).

Reading: size, then document type, then well-formedness, then depth, then schema, then values. No DTD is ever read, no
entity resolved, no address visited. Wildcard content is ignored (3.1). Writing: every document is checked against the same
schema before it leaves.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from typing import Final

from lxml import etree

from counterseal.protocols.cem.errors import (
    DTDForbidden,
    IllegalValue,
    MalformedXML,
    SchemaInvalid,
    TooLarge,
    WrongRoot,
)
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import Limits
from counterseal.protocols.cem.model import (
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

NAMESPACE: Final = "urn:ietf:params:xml:ns:ediintcertificateexchange"
DS_NAMESPACE: Final = "http://www.w3.org/2000/09/xmldsig#"

_CEM: Final = f"{{{NAMESPACE}}}"
_DS: Final = f"{{{DS_NAMESPACE}}}"
_REQUEST: Final = f"{_CEM}EDIINTCertificateExchangeRequest"
_RESPONSE: Final = f"{_CEM}EDIINTCertificateExchangeResponse"
_PREFIXES: Final[dict[str | None, str]] = {None: NAMESPACE, "ds": DS_NAMESPACE}
_BLANKS: Final = " \t\r\n"
"""XML's white space; str.strip() without it would take more."""
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message, and what had to be overlooked to read it."""

    message: Message
    leniencies: frozenset[Leniency]


def parse_cem(xml: bytes, limits: Limits) -> Message:
    """The message of a CEM document. Raises ``MalformedXML``, ``DTDForbidden``, ``SchemaInvalid``, ``WrongRoot`` or
    ``TooLarge``."""
    return read_cem(xml, limits).message


def read_cem(xml: bytes, limits: Limits) -> ReadMessage:
    """As ``parse_cem``, with the leniencies that were needed."""
    root = _tree(xml, limits)
    if root.tag not in {_REQUEST, _RESPONSE}:
        raise WrongRoot(f"expected a CEM Request or Response, got the root {etree.QName(root).localname[:80]!r}")
    leniencies: set[Leniency] = set()
    _smooth(root, leniencies)
    try:
        _SCHEMA.assertValid(root)
    except etree.DocumentInvalid as error:
        raise SchemaInvalid(f"not valid against the CEM schema: {_plain(error)}") from error
    items = sum(1 for _ in root.iterchildren(f"{_CEM}TrustRequest", f"{_CEM}TrustResponse"))
    if items > limits.max_trust_items:
        raise TooLarge(f"{items} certificates in one message; at most {limits.max_trust_items} are taken")
    try:
        message = _request(root, leniencies) if root.tag == _REQUEST else _response(root, leniencies)
    except IllegalValue as error:
        raise SchemaInvalid(error.detail) from error
    return ReadMessage(message, frozenset(leniencies))


def build_cem(message: Message) -> bytes:
    """The document: UTF-8, CRLF between elements (so that no canonicalisation on the way changes it), dates of exactly
    25 characters. Raises ``IllegalValue`` for what we never send."""
    _refuse_unsendable(message)
    root = _write_request(message) if isinstance(message, Request) else _write_response(message)
    etree.indent(root)
    try:
        _SCHEMA.assertValid(root)
    except etree.DocumentInvalid as error:
        raise IllegalValue(f"would not be valid against the CEM schema: {_plain(error)}") from error
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text.replace(b"\n", b"\r\n")


def normal_content_id(written: str) -> str:
    """A Content-ID or CertificateContentID for exact comparison: blanks collapsed, one pair of ``<>`` and a ``cid:`` taken
    off (cem.md 5.1: the draft writes the header with brackets, the element without, wrapped in line breaks)."""
    text = " ".join(written.split())
    if text[:4].lower() == "cid:":
        text = text[4:].strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip()
    return text[4:] if text[:4].lower() == "cid:" else text


def date_text(time: WireTime) -> str:
    """``YYYY-MM-DDThh:mm:ss+hh:mm``, 25 characters; one product takes no other form (cem.md 9.4)."""
    return time.local.replace(microsecond=0).isoformat()


# ------------------------------------------------------------------------------------------------------------ reading


class _Beside(etree.Resolver):
    """Gives the schema's one import from the package, and nothing else."""

    # The stubs know neither the third argument nor the optional ones.
    def resolve(self, system_url: str, _public_id: str, context: object) -> object:  # type: ignore[override]
        if system_url.rsplit("/", 1)[-1] != "ds.xsd":
            raise LookupError(f"the CEM schema imports nothing but ds.xsd, not {system_url}")
        return self.resolve_string(_resource("ds.xsd"), context)  # type: ignore[call-arg]


def _resource(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _load_schema() -> etree.XMLSchema:
    parser = _parser()
    parser.resolvers.add(_Beside())
    return etree.XMLSchema(etree.fromstring(_resource("cem.xsd"), parser))


_SCHEMA: Final = _load_schema()


def _plain(error: Exception) -> str:
    return str(error).replace(_CEM, "").replace(_DS, "ds:")[:300]


def _tree(xml: bytes, limits: Limits) -> etree._Element:
    if len(xml) > limits.max_xml_bytes:
        raise TooLarge(f"a CEM document of {len(xml)} bytes; at most {limits.max_xml_bytes} are read")
    # Before any parser sees it, in every encoding of which ASCII is a part; what hides in another is found below.
    if b"<!DOCTYPE" in xml.replace(b"\x00", b""):
        raise DTDForbidden("a CEM document must not carry a document type declaration")
    try:
        root = etree.fromstring(xml, _parser())
    except etree.XMLSyntaxError as error:
        raise MalformedXML(f"not well-formed XML: {_plain(error)}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise DTDForbidden("a CEM document must not carry a document type declaration")
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > limits.max_xml_depth:
            raise TooLarge(f"elements nested deeper than {limits.max_xml_depth} levels")
    return root


def _smooth(root: etree._Element, leniencies: set[Leniency]) -> None:
    """Two changes before the schema looks: blanks around dates, which XSD allows and libxml2 does not, and the empty
    requestId of a Response."""
    for date in root.iter(f"{_CEM}MessageOriginated", f"{_CEM}RespondByDate"):
        date.text = _text(date).strip(_BLANKS)
    if root.tag == _RESPONSE and root.get("requestId") == "":
        del root.attrib["requestId"]
        leniencies.add(Leniency.REQUEST_ID_EMPTY)


def _text(element: etree._Element) -> str:
    return element.text or ""


def _child(parent: etree._Element, name: str) -> etree._Element:
    """The element of that name; the schema has seen that it is there."""
    found = parent.find(name)
    if found is None:
        raise SchemaInvalid(f"{etree.QName(name).localname} is missing")
    return found


def _request(root: etree._Element, leniencies: set[Leniency]) -> Request:
    partner, originated_at = _partner(root, leniencies)
    return Request(
        request_id=root.get("requestId"),
        partner=partner,
        originated_at=originated_at,
        trust_requests=tuple(_trust_request(item, leniencies) for item in root.iterchildren(f"{_CEM}TrustRequest")),
    )


def _response(root: etree._Element, leniencies: set[Leniency]) -> Response:
    partner, originated_at = _partner(root, leniencies)
    return Response(
        request_id=root.get("requestId"),
        partner=partner,
        originated_at=originated_at,
        trust_responses=tuple(_trust_response(item, leniencies) for item in root.iterchildren(f"{_CEM}TrustResponse")),
    )


def _partner(root: etree._Element, leniencies: set[Leniency]) -> tuple[TradingPartner, WireTime]:
    info = _child(root, f"{_CEM}TradingPartnerInfo")
    name = _child(info, f"{_CEM}Name")
    originated_at = _date_time(_child(info, f"{_CEM}MessageOriginated"))
    if originated_at.offset is None:
        leniencies.add(Leniency.ORIGINATED_WITHOUT_OFFSET)
    return TradingPartner(name=_text(name), qualifier=name.get("qualifier")), originated_at


def _trust_request(item: etree._Element, leniencies: set[Leniency]) -> TrustRequest:
    usages = [CertUsage(_text(usage)) for usage in _before(item, "EndEntity", "CertUsage")]
    if len(usages) > len(set(usages)):
        leniencies.add(Leniency.USAGE_REPEATED)
    respond_by = next((_date_time(date) for date in _before(item, "EndEntity", "RespondByDate")), None)
    if respond_by is not None and respond_by.offset is None:
        leniencies.add(Leniency.RESPOND_BY_WITHOUT_OFFSET)
    url = _text(_child(item, f"{_CEM}ResponseURL")).strip(_BLANKS)
    if not url:
        leniencies.add(Leniency.RESPONSE_URL_EMPTY)
    entity = _child(item, f"{_CEM}EndEntity")
    return TrustRequest(
        usages=frozenset(usages),
        respond_by=respond_by,
        response_url=url,
        identifier=_identifier(_child(entity, f"{_CEM}CertificateIdentifier")),
        content_id=_text(_child(entity, f"{_CEM}CertificateContentID")),
    )


def _trust_response(item: etree._Element, leniencies: set[Leniency]) -> TrustResponse:
    status = CertStatus(_text(_child(item, f"{_CEM}CertStatus")))
    reason = next((_text(reason) for reason in _before(item, "CertificateReference", "ReasonForRejection")), None)
    if status is CertStatus.ACCEPTED and reason is not None:
        leniencies.add(Leniency.REASON_WITH_ACCEPTANCE)
        reason = None
    return TrustResponse(
        status=status,
        reason=reason,
        reference=_identifier(_child(item, f"{_CEM}CertificateReference")),
    )


def _before(item: etree._Element, stop: str, name: str) -> Iterator[etree._Element]:
    """The children of that name in front of ``stop``: behind it the wildcard begins, where the same names mean nothing."""
    for child in item:
        if child.tag == f"{_CEM}{stop}":
            return
        if child.tag == f"{_CEM}{name}":
            yield child


def _identifier(element: etree._Element) -> CertificateIdentifier:
    return CertificateIdentifier.of_text(
        _text(_child(element, f"{_DS}X509IssuerName")), _text(_child(element, f"{_DS}X509SerialNumber"))
    )


def _date_time(element: etree._Element) -> WireTime:
    name, text = etree.QName(element).localname, _text(element)
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise SchemaInvalid(f"{name}: {text[:60]!r} is no date of the years 1 to 9999")
    year, month, day, hour, minute, second = (int(group) for group in found.groups()[:6])
    fraction, zone = found.group(7), found.group(8)
    offset = None if zone is None else _offset(zone)
    try:
        # 24:00:00 is the first instant of the next day (XSD part 2, 3.2.7.1).
        midnight = datetime(year, month, day, tzinfo=timezone(offset or timedelta()))
        micros = int((fraction or "0").ljust(6, "0")[:6])
        local = midnight + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
        return WireTime(local.astimezone(UTC), offset)
    except (ValueError, OverflowError, IllegalValue) as error:
        raise SchemaInvalid(f"{name}: {text[:60]!r} is no date of the years 1 to 9999") from error


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -size if zone[0] == "-" else size


# ------------------------------------------------------------------------------------------------------------ writing


def _refuse_unsendable(message: Message) -> None:
    if isinstance(message, Response):
        if message.answers_twice:
            raise IllegalValue("TrustResponse: one certificate must be answered once (2.5)")
        return
    if any(not item.response_url for item in message.trust_requests):
        raise IllegalValue("ResponseURL: expected an address, got none")
    if len({item.identifier.key for item in message.trust_requests}) < len(message.trust_requests):
        raise IllegalValue("TrustRequest: a certificate must be listed once, with all of its usages (2.3)")


def _root(name: str, message: Message) -> etree._Element:
    root = etree.Element(name, nsmap=_PREFIXES)  # type: ignore[arg-type]  # the stubs forget the default namespace
    if message.request_id is not None:
        root.set("requestId", message.request_id)
    info = etree.SubElement(root, f"{_CEM}TradingPartnerInfo")
    name_element = _add(info, f"{_CEM}Name", message.partner.name)
    if message.partner.qualifier is not None:
        name_element.set("qualifier", message.partner.qualifier)
    _add(info, f"{_CEM}MessageOriginated", date_text(message.originated_at))
    return root


def _write_request(request: Request) -> etree._Element:
    root = _root(_REQUEST, request)
    for item in request.trust_requests:
        element = etree.SubElement(root, f"{_CEM}TrustRequest")
        for usage in sorted(item.usages):
            _add(element, f"{_CEM}CertUsage", usage)
        if item.respond_by is not None:
            _add(element, f"{_CEM}RespondByDate", date_text(item.respond_by))
        _add(element, f"{_CEM}ResponseURL", item.response_url)
        entity = etree.SubElement(element, f"{_CEM}EndEntity")
        _add_identifier(entity, f"{_CEM}CertificateIdentifier", item.identifier)
        _add(entity, f"{_CEM}CertificateContentID", item.content_id)
    return root


def _write_response(response: Response) -> etree._Element:
    root = _root(_RESPONSE, response)
    for item in response.trust_responses:
        element = etree.SubElement(root, f"{_CEM}TrustResponse")
        _add(element, f"{_CEM}CertStatus", item.status)
        if item.reason is not None:
            _add(element, f"{_CEM}ReasonForRejection", item.reason)
        _add_identifier(element, f"{_CEM}CertificateReference", item.reference)
    return root


def _add(parent: etree._Element, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, name)
    element.text = text
    return element


def _add_identifier(parent: etree._Element, name: str, identifier: CertificateIdentifier) -> None:
    element = etree.SubElement(parent, name)
    _add(element, f"{_DS}X509IssuerName", identifier.issuer_name)
    _add(element, f"{_DS}X509SerialNumber", identifier.serial_text)
