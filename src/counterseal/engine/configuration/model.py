"""What a configuration says: typed values, each with the place where it was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from counterseal.domain.agreement import AS2Terms, ExchangeTerms, OFTP2Terms
from counterseal.domain.community import CommunityRules
from counterseal.domain.root_role import RootRole
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.engine.ports import CertificateForm, KeyFile
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands: line and column from 1, and its path (``communities[0].partners[2].name``)."""

    line: int
    column: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationError:
    """One thing that is wrong, for a person: where, what was expected, what came."""

    place: Place
    expected: str
    came: str

    def __str__(self) -> str:
        where = f"line {self.place.line}, {self.place.path}" if self.place.path else f"line {self.place.line}"
        return f"{where}: expected {self.expected}, got {self.came}"


class ConfigurationRefused(CallerFault):
    """A configuration with errors; nothing of it was applied. ``errors`` are in the order of the text."""

    code = "configuration.refused"

    def __init__(self, errors: tuple[ConfigurationError, ...]) -> None:
        shown = "; ".join(str(e) for e in errors[:5])
        more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
        super().__init__(shown + more)
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A certificate without a private key: a partner's, or one of ours that is already held."""

    certificate: Certificate
    chain: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A key file that was opened."""

    file: KeyFile
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """A self-signed certificate to make when none of ours has the label yet."""

    form: CertificateForm
    kind: str
    bits: int
    curve: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEntry:
    place: Place
    label: str
    source: Shown | Brought | Generate


@dataclass(frozen=True, slots=True, kw_only=True)
class RootEntry:
    """A CA that is trusted."""

    place: Place
    certificate: Certificate
    role: RootRole


@dataclass(frozen=True, slots=True, kw_only=True)
class StationEntry:
    place: Place
    protocol: Protocol
    identity: str
    name: str
    url: str
    email: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentEntry:
    """``certificate`` is a label of the community's certificates or a fingerprint."""

    place: Place
    side: Side
    usage: Usage
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEntry:
    place: Place
    protocol: Protocol
    station: str
    """The station's identity."""
    partner_identity: str
    active: bool
    terms: AS2Terms | OFTP2Terms
    """Sealed fields are empty here; their clear text is in ``secrets``."""
    secrets: Mapping[str, str] = field(repr=False)
    """By the terms' field; an absent one keeps what is stored."""
    exchange: ExchangeTerms
    assignments: tuple[AssignmentEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerEntry:
    place: Place
    slug: str
    name: str
    owner: str
    contact_name: str
    contact_email: str
    note: str
    certificates: tuple[CertificateEntry, ...]
    trusted_roots: tuple[RootEntry, ...]
    agreements: tuple[AgreementEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityEntry:
    place: Place
    slug: str
    name: str
    time_zone: str
    contact_email: str
    rules: CommunityRules
    certificates: tuple[CertificateEntry, ...]
    default_certificates: tuple[AssignmentEntry, ...]
    trusted_roots: tuple[RootEntry, ...]
    stations: tuple[StationEntry, ...]
    partners: tuple[PartnerEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Communities with everything in them. What it does not name stays as it is; nothing is removed by applying."""

    communities: tuple[CommunityEntry, ...]
