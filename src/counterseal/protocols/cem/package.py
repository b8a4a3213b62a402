"""A CEM message as MIME: multipart/related with the XML as its root and one certs-only part per certificate (2.1, 2.3).

    multipart/related; type="application/ediint-cert-exchange+xml"; start="<...>"
     +-- application/ediint-cert-exchange+xml           Content-ID, first, root
     +-- application/pkcs7-mime; smime-type=certs-only  Content-ID, one per end entity (Request only)

What is written is strict (cem.md section 11): no Content-ID is part of another, because one product searches for them as
substrings; chains are complete and hold nothing else; the certificates travel in base64, which survives every gateway.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.kernel.mime import (
    ContentType,
    Headers,
    TransferEncoding,
    close_delimiter,
    delimiter,
    encode_transfer,
)
from counterseal.kernel.x509 import Certificate, order_chain
from counterseal.protocols.cem.errors import IllegalValue
from counterseal.protocols.cem.model import Request, Response, TrustRequest
from counterseal.protocols.cem.names import NameMatch, match_issuer
from counterseal.protocols.cem.offer import Offer, Package
from counterseal.protocols.cem.opening import XML_TYPE, is_cem, open_package
from counterseal.protocols.cem.xml import build_cem
from counterseal.protocols.cms import certs_only

__all__ = [
    "XML_TYPE",
    "Offer",
    "Package",
    "Packed",
    "build_request",
    "build_response",
    "content_ids",
    "is_cem",
    "open_package",
]

_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
"""RFC 2045 7 with RFC 5322 3.6.4, without quoted and literal forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A MIME entity, to be signed and sent as it is: the MIC is taken over exactly these octets (RFC 6362 2.3)."""

    headers: Headers
    body: bytes


def content_ids(token: str, host: str, count: int) -> tuple[str, ...]:
    """``count`` + 1 Content-IDs without brackets: the XML part's, then one per certificate. All of one length, so that none
    is part of another. ``token`` is unguessable text of the caller's."""
    width = max(4, len(str(count)))
    return tuple(f"{token}.{number:0{width}d}@{host}" for number in range(count + 1))


def build_request(
    request: Request,
    certificates: Sequence[Sequence[Certificate]],
    *,
    root_content_id: str,
    allow_incomplete_chains: bool,
) -> Packed:
    """The Request with one certs-only part per TrustRequest.

    Args:
        certificates: ``certificates[n]`` is the leaf of ``trust_requests[n]``, then its issuers in any order.
        root_content_id: of the XML part, without brackets (the first of ``content_ids``).
        allow_incomplete_chains: send a leaf although an issuer is missing (against 2.3), as its owner has nothing else.

    Raises ``IllegalValue`` where Request and certificates do not fit each other.
    """
    if request.request_id is None:
        raise IllegalValue("requestId: a Request of ours always carries one")
    if len(certificates) != len(request.trust_requests):
        raise IllegalValue(f"{len(certificates)} chains for {len(request.trust_requests)} trust requests")
    parts = [_xml_part(build_cem(request), root_content_id)]
    for item, given in zip(request.trust_requests, certificates, strict=True):
        parts.append(_certificate_part(item, _checked_chain(item, given, allow_incomplete=allow_incomplete_chains)))
    _check_content_ids([root_content_id, *(item.content_id for item in request.trust_requests)])
    return _related(parts, root_content_id)


def build_response(response: Response, *, root_content_id: str) -> Packed:
    """The Response: the same container with the XML alone (2.1)."""
    _check_content_ids([root_content_id])
    return _related([_xml_part(build_cem(response), root_content_id)], root_content_id)


def _xml_part(xml: bytes, content_id: str) -> bytes:
    headers = Headers.of(
        [
            ("Content-Type", XML_TYPE),
            ("Content-Transfer-Encoding", TransferEncoding.BINARY),
            ("Content-ID", f"<{content_id}>"),
        ]
    )
    return headers.encode() + xml


def _certificate_part(item: TrustRequest, chain: Sequence[Certificate]) -> bytes:
    p7c = ContentType("application/pkcs7-mime", (("smime-type", "certs-only"), ("name", "smime.p7c")))
    headers = Headers.of(
        [
            ("Content-Type", p7c.format()),
            ("Content-Transfer-Encoding", TransferEncoding.BASE64),
            ("Content-ID", f"<{item.content_id}>"),
            ("Content-Disposition", 'attachment; filename="smime.p7c"'),
        ]
    )
    body = certs_only([certificate.der for certificate in chain])
    return headers.encode() + b"".join(encode_transfer([body], TransferEncoding.BASE64))


def _checked_chain(
    item: TrustRequest, given: Sequence[Certificate], *, allow_incomplete: bool
) -> tuple[Certificate, ...]:
    """Leaf and issuers, nearest first: exactly one end entity, every issuer, nothing else (2.3)."""
    if not given:
        raise IllegalValue("a trust request without its certificate")
    leaf, others = given[0], dict.fromkeys(given[1:])
    if leaf.serial != item.identifier.serial or match_issuer(item.identifier.issuer_name, leaf) is not NameMatch.SAME:
        raise IllegalValue(f"CertificateIdentifier does not name the certificate {leaf.subject}")
    others.pop(leaf, None)
    chain = order_chain(leaf, others)
    if len(chain) != len(others):
        strangers = ", ".join(other.subject for other in others if other not in chain)
        raise IllegalValue(f"certificates that are not issuers of {leaf.subject}: {strangers}")
    last = chain[-1] if chain else leaf
    if not last.self_issued and not allow_incomplete:
        raise IllegalValue(f"the chain of {leaf.subject} is incomplete: {last.issuer} is missing")
    return leaf, *chain


def _check_content_ids(ids: Sequence[str]) -> None:
    for content_id in ids:
        if not _CONTENT_ID.fullmatch(content_id):
            raise IllegalValue(f"Content-ID: expected token@host, got {content_id[:80]!r}")
    # Sorted by length, an id can only be part of one behind it; equal lengths need only be compared as a set.
    folded = [content_id.lower() for content_id in ids]
    if len(set(folded)) < len(folded):
        raise IllegalValue("Content-ID: two parts have the same")
    lengths = sorted({len(content_id) for content_id in folded})
    if len(lengths) > 1 and any(one in other for one, other in _unequal(folded)):
        raise IllegalValue("Content-ID: one is part of another")


def _unequal(ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((one, other) for one in ids for other in ids if len(one) < len(other))


def _related(parts: Sequence[bytes], root_content_id: str) -> Packed:
    boundary = "=_cem_" + hashlib.sha256(b"".join(parts)).hexdigest()[:40]
    content_type = ContentType(
        "multipart/related", (("type", XML_TYPE), ("start", f"<{root_content_id}>"), ("boundary", boundary))
    )
    # The line break that "delimiter" puts first belongs to a part before it; at the beginning there is none.
    opened = delimiter(boundary).removeprefix(b"\r\n")
    body = opened + delimiter(boundary).join(parts) + close_delimiter(boundary)
    return Packed(headers=Headers.of([("Content-Type", content_type.format())]), body=body)
