"""Who we are and whom we trade with: community, station, partner."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from counterseal.domain.usage import Protocol, Usage
from counterseal.kernel.ids import CommunityId, Fingerprint, PartnerId, StationId


class HandlingMode(StrEnum):
    """What happens to a received certificate exchange request (product.md section 2, the Received page)."""

    OFF = "off"
    MANUAL = "manual"
    RENEWALS = "renewals"
    AUTOMATIC = "automatic"


class CutoverRule(StrEnum):
    """When our own certificate changes for one partner (product.md section 3, rule 3)."""

    ON_ACCEPTANCE = "on-acceptance"
    ON_ACCEPTANCE_OR_DATE = "on-acceptance-or-date"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityRules:
    """Decided once for the community; an agreement may override each (``None`` there means: as the community)."""

    cem_mode: HandlingMode = HandlingMode.MANUAL
    scx_mode: HandlingMode = HandlingMode.MANUAL
    two_people: bool = False
    """Accepting a received certificate needs a second person."""
    minimum_rsa_bits: int = 2048
    maximum_validity_days: int = 1200
    """Longer ones get a note."""
    retire_unseen_after: timedelta | None = None
    """How long an old certificate must be unseen, its successor in use, until it leaves service; ``None``: only when it expires
    (section 3, rule 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """Our trading organisation inside the gateway."""

    id: CommunityId
    slug: str
    """Short name in addresses and YAML: lower case, digits, hyphens; unique."""
    name: str
    time_zone: str
    """IANA name; dates that a person enters are read in it."""
    contact_email: str
    rules: CommunityRules = field(default_factory=CommunityRules)
    default_certificates: dict[Usage, Fingerprint] = field(default_factory=dict)
    """What an SCX Request is answered with, chosen on the Certificates page."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One of our identities on a wire: an AS2 name, or an Odette identification code."""

    id: StationId
    community_id: CommunityId
    protocol: Protocol
    identity: str
    """The AS2 name, case-sensitive, or the 25-character Odette code; unique per protocol."""
    name: str
    url: str
    """Where partners reach this station: the AS2 URL (also our ResponseURL), or ``oftps://host:port``. May be empty."""
    email: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """The other party."""

    id: PartnerId
    community_id: CommunityId
    slug: str
    name: str
    owner: str = ""
    """User name of the person who is told of this partner's alerts; empty: everybody with the role."""
    contact_name: str = ""
    contact_email: str = ""
    note: str = ""
    created_at: datetime
