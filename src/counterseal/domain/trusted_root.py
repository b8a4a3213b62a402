"""The certification authorities that a community trusts, for all of its partners or for one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.kernel.ids import CommunityId, Fingerprint, PartnerId, TrustedRootId
from counterseal.kernel.x509 import Certificate


class RootRole(StrEnum):
    """What a CA certificate is trusted for."""

    ROOT = "root"
    """A chain may end here."""
    ISSUER = "issuer"
    """On the list of issuers, which stands in for the Odette TSL: over SCX, where there is such a list, a certificate is taken only
    when one of its CAs issued it. Self-signed ones are there to verify the others; what they issue themselves is refused (OP08 2.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoot:
    id: TrustedRootId
    community_id: CommunityId
    certificate: Certificate
    role: RootRole
    partner_id: PartnerId | None
    """For this partner alone; ``None``: for all of the community's."""
    added_by: str
    added_at: datetime

    @property
    def fingerprint(self) -> Fingerprint:
        return self.certificate.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What counts for one partner."""

    roots: tuple[Certificate, ...]
    """Where its chains may end. A listed issuer is vouched for like a root."""
    issuers: tuple[Certificate, ...]
    """The list of issuers; empty: there is none, and none is asked for."""


def anchors_for(trusted: Iterable[TrustedRoot], partner_id: PartnerId) -> Anchors:
    """Each certificate once, in the order in which they were added."""
    mine = [t for t in trusted if t.partner_id in {None, partner_id}]
    return Anchors(
        roots=tuple(dict.fromkeys(t.certificate for t in mine)),
        issuers=tuple(dict.fromkeys(t.certificate for t in mine if t.role is RootRole.ISSUER)),
    )
