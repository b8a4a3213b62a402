"""A certificate as this community holds it: whose it is, where it came from, which key belongs to it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.domain.usage import Side
from counterseal.kernel.ids import CommunityId, Fingerprint, KeyId, PartnerId
from counterseal.kernel.x509 import Certificate


class Origin(StrEnum):
    GENERATED = "generated"
    IMPORTED = "imported"
    CSR = "csr"
    CEM = "cem"
    SCX = "scx"
    PORTAL = "portal"
    APPLIED = "applied"
    """From a YAML file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCertificate:
    """One certificate in one community. Held is not trusted: only an assignment gives it a use."""

    community_id: CommunityId
    certificate: Certificate
    side: Side
    key_id: KeyId | None = None
    """The vault record of its private key; always there for ours."""
    partner_id: PartnerId | None = None
    """For theirs: who showed it."""
    label: str = ""
    chain: tuple[Certificate, ...] = ()
    """Its issuers, nearest first, as they came with it."""
    origin: Origin
    added_by: str
    added_at: datetime

    @property
    def fingerprint(self) -> Fingerprint:
        return self.certificate.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A private key as the vault sealed it; meaningless without the vault."""

    id: KeyId
    community_id: CommunityId
    sealed: bytes
    kind: str
    """``rsa`` or ``ec``."""
    spki: bytes
    """The public half, SubjectPublicKeyInfo DER."""
    created_at: datetime
