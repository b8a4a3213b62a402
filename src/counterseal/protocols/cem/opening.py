"""Reading a CEM package: from a MIME entity to a message and its offers (2.1, 2.3; cem.md 2, 5.1, 6, 11).

Two questions, in this order. Can the message as a whole be understood? If not a ``CEMFault`` is raised, and the peer gets an
error MDN. Then, for each certificate: is it there and is it the one? If not the ``Offer`` says so, and the peer gets
``Rejected`` for it. When not one certificate is there the first answer is the better one (row 8).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from counterseal.kernel.mime import (
    DEFAULT_MIME_LIMITS,
    ContentType,
    Headers,
    MalformedMIME,
    MIMELimitExceeded,
    MIMELimits,
    decode_transfer,
    open_entity,
    split,
    transfer_encoding,
)
from counterseal.protocols.cem.errors import (
    ContentIDDuplicate,
    ContentIDMissing,
    MalformedPackage,
    NotCEM,
    NothingUsable,
    TooLarge,
    XMLPartAmbiguous,
    XMLPartMissing,
    XMLPartNotRoot,
)
from counterseal.protocols.cem.leaf import read_part
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import Limits
from counterseal.protocols.cem.matrix import PROBLEM_REASONS, OfferProblem
from counterseal.protocols.cem.model import Request, TrustRequest
from counterseal.protocols.cem.offer import Offer, Package
from counterseal.protocols.cem.xml import normal_content_id, read_cem

XML_TYPE: Final = "application/ediint-cert-exchange+xml"

_XML_TYPES: Final = frozenset({"application/xml", "text/xml"})
_MAX_NESTING: Final = 3
_NESTED: Final = re.compile(
    rb"^content-type:[ \t]*multipart/related[^\r\n]*(?:\r?\n[ \t][^\r\n]*){0,8}?ediint-cert-exchange\+xml",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    headers: Headers
    content_type: ContentType
    content_id: str | None
    """Normalised; ``None``: absent."""
    octets: bytes
    """Still in its transfer encoding."""


def is_cem(headers: Headers, head: bytes) -> bool:
    """Whether an entity is a CEM message, so that it goes here and not into the business inbox: by its own Content-Type, or
    because one nested multipart/related says so within ``head``, the first octets of the body."""
    try:
        content_type = ContentType.of(headers, default="application/octet-stream")
    except MalformedMIME:
        return False
    if content_type.media_type == XML_TYPE:
        return True
    if not content_type.is_multipart:
        return False
    return (content_type.parameter("type") or "").strip().lower() == XML_TYPE or _NESTED.search(head) is not None


def open_package(headers: Headers, body: bytes, limits: Limits) -> Package:
    """What a received entity says. Raises a ``CEMFault`` for everything that an error MDN answers (channel M)."""
    if len(body) > limits.max_package_bytes:
        raise TooLarge(f"a CEM message of {len(body)} bytes; at most {limits.max_package_bytes} are read")
    leniencies: set[Leniency] = set()
    try:
        container, parts = _container(headers, body, limits, leniencies)
        xml_part = _xml_part(container, parts, leniencies)
        xml = _decoded(xml_part)
    except MalformedMIME as error:
        raise MalformedPackage(error.detail) from error
    except MIMELimitExceeded as error:
        raise TooLarge(error.detail) from error
    _check_duplicate_ids(parts)
    read = read_cem(xml, limits)
    leniencies |= read.leniencies
    others = [part for part in parts if part is not xml_part]
    if not isinstance(read.message, Request):
        if others:
            leniencies.add(Leniency.CERTIFICATES_IN_RESPONSE)
        return Package(message=read.message, offers=(), leniencies=frozenset(leniencies))
    offers = _offers(read.message, others, limits, leniencies)
    if all(offer.leaf is None for offer in offers):
        problems = {offer.problem for offer in offers} - {None}
        raise NothingUsable(" ".join(PROBLEM_REASONS[problem] for problem in OfferProblem if problem in problems))
    leniencies.update(*(offer.leniencies for offer in offers))
    return Package(message=read.message, offers=offers, leniencies=frozenset(leniencies))


# ------------------------------------------------------------------------------------------------------------- container


def _container(
    headers: Headers, body: bytes, limits: Limits, leniencies: set[Leniency]
) -> tuple[ContentType, list[_Part]]:
    """The container of the XML part with its parts; descends into other multiparts (unsigned messages of one product come
    in a multipart/mixed)."""
    content_type = ContentType.of(headers, default="application/octet-stream")
    if content_type.media_type == XML_TYPE:
        leniencies.add(Leniency.NOT_RELATED)
        return content_type, [_part_of(headers, body)]
    for _ in range(_MAX_NESTING):
        if not content_type.is_multipart:
            break
        parts = _split(content_type, body, limits)
        if content_type.media_type == "multipart/related":
            if (content_type.parameter("type") or "").strip().lower() != XML_TYPE:
                leniencies.add(Leniency.TYPE_MISSING)
            return content_type, parts
        inner = [part for part in parts if part.content_type.is_multipart]
        if any(part.content_type.media_type == XML_TYPE for part in parts):
            leniencies.add(Leniency.NOT_RELATED)
            return content_type, parts
        if not inner:
            break
        if len(inner) > 1:
            raise XMLPartAmbiguous(f"{len(inner)} multiparts stand side by side; a CEM message is one")
        leniencies.add(Leniency.NESTED)
        content_type, body = inner[0].content_type, _decoded(inner[0])
    raise NotCEM(f"expected multipart/related with {XML_TYPE}, got {content_type.media_type[:80]}")


def _mime_limits(limits: Limits) -> MIMELimits:
    return replace(DEFAULT_MIME_LIMITS, max_parts=limits.max_parts)


def _split(content_type: ContentType, body: bytes, limits: Limits) -> list[_Part]:
    bounds = _mime_limits(limits)
    parts = []
    for chunks in split([body], content_type.parameter("boundary") or "", limits=bounds):
        entity = open_entity(chunks, limits=bounds)
        parts.append(_part_of(entity.headers, b"".join(entity.body)))
    return parts


def _part_of(headers: Headers, octets: bytes) -> _Part:
    written = headers.get("Content-ID")
    return _Part(
        headers=headers,
        content_type=ContentType.of(headers, default="application/octet-stream"),
        content_id=normal_content_id(written) or None if written is not None else None,
        octets=octets,
    )


def _decoded(part: _Part) -> bytes:
    encoding = transfer_encoding(part.headers)
    if encoding is None:
        raise MalformedPackage("a part has an unknown Content-Transfer-Encoding")
    return b"".join(decode_transfer([part.octets], encoding))


# --------------------------------------------------------------------------------------------------------------- the root


def _xml_part(container: ContentType, parts: Sequence[_Part], leniencies: set[Leniency]) -> _Part:
    found = _xml_candidates(parts, leniencies)
    if not found:
        raise XMLPartMissing(f"no part of the message is {XML_TYPE}")
    if len(found) > 1:
        raise XMLPartAmbiguous(f"{len(found)} parts of the message are {XML_TYPE}; expected one")
    root = found[0]
    if root.content_id is None:
        leniencies.add(Leniency.XML_CONTENT_ID_MISSING)
    start = normal_content_id(container.parameter("start") or "")
    named = next((part for part in parts if start and part.content_id == start), None)
    if named is not None and named is not root:
        raise XMLPartNotRoot("start names another part than the XML; the XML must be the root (2.1)")
    if named is None and parts[0] is not root:
        leniencies.add(Leniency.XML_NOT_FIRST)
    return root


def _xml_candidates(parts: Sequence[_Part], leniencies: set[Leniency]) -> list[_Part]:
    exact = [part for part in parts if part.content_type.media_type == XML_TYPE]
    if exact:
        return exact
    # A lone part is the XML whatever it calls itself (cem.md 9.4, 1), and a generic XML type is better than none.
    loose = list(parts) if len(parts) == 1 else [part for part in parts if part.content_type.media_type in _XML_TYPES]
    if loose:
        leniencies.add(Leniency.PART_TYPE_UNUSUAL)
    return loose


def _check_duplicate_ids(parts: Sequence[_Part]) -> None:
    ids = [part.content_id for part in parts if part.content_id is not None]
    if len(set(ids)) < len(ids):
        raise ContentIDDuplicate("two parts have the same Content-ID (2.1)")


# ----------------------------------------------------------------------------------------------------------------- offers


def _offers(request: Request, parts: Sequence[_Part], limits: Limits, leniencies: set[Leniency]) -> tuple[Offer, ...]:
    merged = _merged(request, leniencies)
    by_id = {part.content_id: part for part in parts if part.content_id is not None}
    chosen = [by_id.get(normal_content_id(item.content_id)) for item in merged]
    nameless = [part for part in parts if part.content_id is None]
    unmatched = [place for place, part in enumerate(chosen) if part is None]
    if nameless:
        if len(nameless) > 1 or len(unmatched) != 1:
            raise ContentIDMissing("a certificate part has no Content-ID (2.1)")
        chosen[unmatched[0]] = nameless[0]
        leniencies.add(Leniency.CONTENT_ID_MISSING)
    used = {id(part) for part in chosen}
    if any(id(part) not in used for part in parts):
        leniencies.add(Leniency.PART_SURPLUS)
    return tuple(_offer(item, part, limits) for item, part in zip(merged, chosen, strict=True))


def _offer(item: TrustRequest, part: _Part | None, limits: Limits) -> Offer:
    if part is None:
        return Offer(trust_request=item, leaf=None, chain=(), problem=OfferProblem.PART_MISSING, leniencies=frozenset())
    leniencies: set[Leniency] = set()
    if part.content_type.media_type != "application/pkcs7-mime" or (
        (part.content_type.parameter("smime-type") or "").lower() != "certs-only"
    ):
        leniencies.add(Leniency.PART_TYPE_UNUSUAL)
    if not (part.headers.get("Content-ID") or "<").lstrip().startswith("<"):
        leniencies.add(Leniency.CONTENT_ID_WITHOUT_BRACKETS)
    try:
        octets = _decoded(part)
    except (MalformedMIME, MalformedPackage):
        octets = b""
    found = read_part(octets, item.identifier, limits)
    return Offer(
        trust_request=item,
        leaf=found.leaf,
        chain=found.chain,
        problem=found.problem,
        leniencies=frozenset(leniencies | found.leniencies),
    )


def _merged(request: Request, leniencies: set[Leniency]) -> list[TrustRequest]:
    """One TrustRequest per certificate (row 10): all usages, because one answer covers them all (2.5); the earliest date."""
    merged: dict[object, TrustRequest] = {}
    for item in request.trust_requests:
        first = merged.setdefault(item.identifier.key, item)
        if first is item:
            continue
        leniencies.add(Leniency.CERTIFICATE_TWICE)
        dates = [date for date in (first.respond_by, item.respond_by) if date is not None]
        merged[item.identifier.key] = replace(
            first,
            usages=first.usages | item.usages,
            respond_by=min(dates, key=lambda date: date.instant, default=None),
        )
    return list(merged.values())
