"""Small pure policies in ordered chains; ``trust`` joins them into one verdict. Each looks at one thing of one ``Input``."""

from counterseal.domain.policies.certificate import CERTIFICATE_CHAIN
from counterseal.domain.policies.envelope import ENVELOPE_CHAIN
from counterseal.domain.policies.model import Envelope, Input, Policy, Revocation
from counterseal.domain.policies.relation import RELATION_CHAIN

__all__ = ["CERTIFICATE_CHAIN", "ENVELOPE_CHAIN", "RELATION_CHAIN", "Envelope", "Input", "Policy", "Revocation"]
