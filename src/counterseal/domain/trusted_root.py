"""The certification authorities that a community trusts, for all of its partners or for one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.root_role import RootRole
from counterseal.kernel.crl import RevocationList
from counterseal.kernel.ids import CommunityId, Fingerprint, PartnerId, TrustedRootId
from counterseal.kernel.x509 import Certificate


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
    revocation_list: RevocationList | None = None
    """Its own, the newest that was brought; ``None``: none was, and nothing is checked by it."""

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
