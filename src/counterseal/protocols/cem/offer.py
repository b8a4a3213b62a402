"""What a received CEM message comes to: its values, and for a Request one offer per certificate."""

from dataclasses import dataclass

from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cem.leniency import Leniency
from counterseal.protocols.cem.matrix import OfferProblem
from counterseal.protocols.cem.model import Message, TrustRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One certificate that a Request offers, with what was found beside the XML."""

    trust_request: TrustRequest
    """As it came; where one certificate stood in several TrustRequests the first, with the usages of all and the earliest
    date (row 10)."""
    leaf: Certificate | None
    """``None``: no certificate could be found; ``problem`` says why, and it can only be rejected."""
    chain: tuple[Certificate, ...]
    """The leaf's issuers as they came, nearest first, without the leaf. Trusted in nothing for having come."""
    problem: OfferProblem | None
    """``None``: the part, the certificate and its identifier agree. Otherwise the certificate is answered ``Rejected``."""
    leniencies: frozenset[Leniency]
    """What was overlooked for this certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A received CEM message."""

    message: Message
    offers: tuple[Offer, ...]
    """One per certificate of a Request, in document order; empty for a Response."""
    leniencies: frozenset[Leniency]
    """Everything that was overlooked, the offers' leniencies included."""
