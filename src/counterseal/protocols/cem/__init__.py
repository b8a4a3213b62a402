"""Certificate Exchange Messaging (draft-meadors-certificate-exchange-14): bytes to values and back, no decisions."""

from counterseal.protocols.cem.errors import CEMFault, IllegalValue, NameMismatch
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.limits import USUAL_LIMITS, Limits
from counterseal.protocols.cem.matrix import PROBLEM_REASONS, OfferProblem
from counterseal.protocols.cem.model import (
    CertificateIdentifier,
    CertStatus,
    CertUsage,
    Request,
    Response,
    TradingPartner,
    TrustRequest,
    TrustResponse,
    WireTime,
)
from counterseal.protocols.cem.package import (
    Offer,
    Package,
    Packed,
    build_request,
    build_response,
    content_ids,
    open_package,
)

__all__ = [
    "PROBLEM_REASONS",
    "USUAL_LIMITS",
    "CEMFault",
    "CertStatus",
    "CertUsage",
    "CertificateIdentifier",
    "IllegalValue",
    "Leniency",
    "Limits",
    "NameMismatch",
    "Offer",
    "OfferProblem",
    "Package",
    "Packed",
    "Request",
    "Response",
    "TradingPartner",
    "TrustRequest",
    "TrustResponse",
    "WireTime",
    "build_request",
    "build_response",
    "content_ids",
    "open_package",
]
