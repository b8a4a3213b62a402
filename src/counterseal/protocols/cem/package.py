"""A CEM message as MIME: multipart/related with the XML as its root and one certs-only part per certificate (2.1, 2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import Limits
from counterseal.protocols.cem.matrix import OfferProblem
from counterseal.protocols.cem.model import Message, Request, Response, TrustRequest

XML_TYPE: Final = "application/ediint-cert-exchange+xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A MIME entity to be signed and sent as it is."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One certificate that a Request offers, with what was found beside the XML."""

    trust_request: TrustRequest
    """As it came; the union of usages where one certificate stood in several TrustRequests (row 10)."""
    leaf: Certificate | None
    """``None``: no certificate could be found; ``problem`` says why, and it can only be rejected."""
    chain: tuple[Certificate, ...]
    """The leaf's issuers as they came, nearest first, without the leaf; trusted in nothing for having come."""
    problem: OfferProblem | None
    """``None``: the part, the certificate and its identifier agree. Otherwise the certificate is answered ``Rejected``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A received CEM message."""

    message: Message
    offers: tuple[Offer, ...]
    """One per certificate of a Request, in document order; empty for a Response."""
    leniencies: frozenset[Leniency]


def content_ids(token: str, host: str, count: int) -> tuple[str, ...]:
    """``count`` + 1 Content-IDs without brackets: the XML part's, then one per certificate. Same length, so that none is
    part of another (cem.md 9.4, point 6). ``token`` is unguessable text of the caller."""
    raise NotImplementedError


def build_request(request: Request, certificates: Sequence[Sequence[Certificate]], *, root_content_id: str) -> Entity:
    """The Request with one certs-only part per TrustRequest: ``certificates[n]`` is the leaf of ``trust_requests[n]``, then
    its issuers up to the root. Raises ``IllegalValue`` where they do not fit each other."""
    raise NotImplementedError


def build_response(response: Response, *, root_content_id: str) -> Entity:
    """The Response: the same container with the XML alone."""
    raise NotImplementedError


def open_package(headers: Sequence[tuple[str, str]], body: bytes, limits: Limits) -> Package:
    """What a received entity says. Raises a ``CEMFault`` for everything that an error MDN answers (channel M)."""
    raise NotImplementedError


def is_cem(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether an entity of these headers is a CEM message by its own Content-Type (``type`` or the XML type itself)."""
    raise NotImplementedError
