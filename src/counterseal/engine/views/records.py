"""Flat records of everything that the API and the command line show: one shape for both, in the words of the product.

A record holds what a program needs: ids beside names, instants as instants, states by their stored names. Secrets, sealed
fields and internal references have no place in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.people import ApiToken, User
from counterseal.domain.usage import Side
from counterseal.engine.configuration.kinds import duration_text
from counterseal.engine.configuration.secrets import SEALED
from counterseal.engine.ports import NotFound, Reader
from counterseal.kernel.finding import Finding
from counterseal.kernel.ids import AgreementId, PartnerId, StationId

Plain = str | int | bool | None | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityRecord:
    id: str
    slug: str
    name: str
    time_zone: str
    contact_email: str
    rules: dict[str, Plain]
    default_certificates: dict[str, str]
    """Fingerprints by usage."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRecord:
    id: str
    protocol: str
    identity: str
    name: str
    url: str
    email: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRecord:
    id: str
    slug: str
    name: str
    owner: str
    contact_name: str
    contact_email: str
    note: str
    agreements: list[str]
    """Ids."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRecord:
    agreement: str
    listener: str
    certificate: str
    """Fingerprint."""
    side: str
    usage: str
    state: str
    since: datetime
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRecord:
    id: str
    protocol: str
    station: str
    """Identity."""
    partner: str
    """Slug."""
    partner_identity: str
    active: bool
    terms: dict[str, Plain]
    """As the configuration writes them; passwords are left out."""
    exchange: dict[str, Plain]
    cem_capability: str
    scx_learned: list[str]
    """OFTP2: the matching rules that the partner's answers left possible; empty: they taught nothing yet."""
    assignments: list[AssignmentRecord]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRecord:
    fingerprint: str
    label: str
    side: str
    partner: str
    """Slug; empty for ours."""
    has_key: bool
    subject: str
    issuer: str
    serial: str
    """Hexadecimal."""
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    key_bits: int
    self_signed: bool
    origin: str
    added_by: str
    added_at: datetime
    assignments: list[AssignmentRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecord:
    code: str
    severity: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    id: str
    name: str
    full_name: str
    email: str
    role: str
    enabled: bool
    has_password: bool
    created_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    id: str
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


# which one is meant


def community_named(reader: Reader, name: str) -> Community:
    """By slug or id; empty: the only one there is. Raises ``NotFound``."""
    there = reader.communities()
    if not name and len(there) == 1:
        return there[0]
    if not name:
        slugs = ", ".join(c.slug for c in there) or "none yet"
        raise NotFound(f"say which community: {slugs}")
    found = next((c for c in there if name in {c.slug, c.id}), None)
    if found is None:
        raise NotFound(f"there is no community {name[:80]!r}")
    return found


def partner_named(reader: Reader, community: Community, name: str) -> Partner:
    """By slug or id. Raises ``NotFound``."""
    found = reader.find_partner(community.id, name)
    if found is None:
        found = next((p for p in reader.partners(community.id) if p.id == name), None)
    if found is None:
        raise NotFound(f"{community.name} has no partner {name[:80]!r}")
    return found


def station_named(reader: Reader, community: Community, name: str) -> Station:
    """By identity or id. Raises ``NotFound``."""
    found = next((s for s in reader.stations(community.id) if name in {s.identity, s.id}), None)
    if found is None:
        raise NotFound(f"{community.name} has no station {name[:80]!r}")
    return found


def agreement_named(reader: Reader, community: Community, name: str) -> Agreement:
    """By id, partner identity, or partner slug where that names only one. Raises ``NotFound``."""
    slugs = {p.id: p.slug for p in reader.partners(community.id)}
    there = reader.agreements(community.id)
    found = [a for a in there if name in {a.id, a.partner_identity}]
    found = found or [a for a in there if slugs[a.partner_id] == name]
    if len(found) > 1:
        raise NotFound(
            f"{name[:80]!r} names {len(found)} agreements: use the id of one ({', '.join(a.id for a in found[:5])})"
        )
    if not found:
        raise NotFound(f"{community.name} has no agreement {name[:80]!r}")
    return found[0]


def certificate_named(reader: Reader, community: Community, name: str) -> HeldCertificate:
    """By fingerprint (its beginning of 8 digits or more, colons allowed) or label. Raises ``NotFound``."""
    short = name.replace(":", "").lower()
    there = reader.certificates(community.id)
    found = [c for c in there if c.label == name and name]
    if not found and len(short) >= 8:
        found = [c for c in there if c.fingerprint.startswith(short)]
    if len(found) > 1:
        raise NotFound(f"{name[:80]!r} names {len(found)} certificates: use a fingerprint")
    if not found:
        raise NotFound(f"{community.name} holds no certificate {name[:80]!r}")
    return found[0]


# records


def community(found: Community) -> CommunityRecord:
    return CommunityRecord(
        id=found.id,
        slug=found.slug,
        name=found.name,
        time_zone=found.time_zone,
        contact_email=found.contact_email,
        rules=_plain_fields(found.rules),
        default_certificates={u.value: f for u, f in found.default_certificates.items()},
        created_at=found.created_at,
    )


def station(found: Station) -> StationRecord:
    return StationRecord(
        id=found.id,
        protocol=found.protocol.value,
        identity=found.identity,
        name=found.name,
        url=found.url,
        email=found.email,
        enabled=found.enabled,
    )


def partner(found: Partner, agreements: Sequence[Agreement]) -> PartnerRecord:
    return PartnerRecord(
        id=found.id,
        slug=found.slug,
        name=found.name,
        owner=found.owner,
        contact_name=found.contact_name,
        contact_email=found.contact_email,
        note=found.note,
        agreements=[a.id for a in agreements if a.partner_id == found.id],
        created_at=found.created_at,
    )


def assignment(found: Assignment) -> AssignmentRecord:
    return AssignmentRecord(
        agreement=found.agreement_id or "",
        listener=found.listener_id or "",
        certificate=found.fingerprint,
        side=found.side.value,
        usage=found.usage.value,
        state=found.state.value,
        since=found.since,
        first_seen_at=found.first_seen_at,
        last_seen_at=found.last_seen_at,
    )


def agreement(
    found: Agreement,
    stations: Mapping[StationId, str],
    partners: Mapping[PartnerId, str],
    assignments: Sequence[Assignment],
) -> AgreementRecord:
    """``stations`` are identities, ``partners`` slugs, both by id."""
    return AgreementRecord(
        id=found.id,
        protocol=found.protocol.value,
        station=stations[found.station_id],
        partner=partners[found.partner_id],
        partner_identity=found.partner_identity,
        active=found.active,
        terms=_plain_fields(found.terms),
        exchange=_plain_fields(found.exchange),
        cem_capability=found.cem_capability.value,
        scx_learned=(found.scx_learned or "").split(),
        assignments=[assignment(a) for a in assignments if a.agreement_id == found.id],
        created_at=found.created_at,
    )


def certificate(
    found: HeldCertificate, partners: Mapping[PartnerId, str], assignments: Sequence[Assignment]
) -> CertificateRecord:
    """``partners`` are slugs by id."""
    parsed = found.certificate
    return CertificateRecord(
        fingerprint=found.fingerprint,
        label=found.label,
        side=found.side.value,
        partner=partners.get(found.partner_id, "") if found.partner_id else "",
        has_key=found.key_id is not None,
        subject=parsed.subject,
        issuer=parsed.issuer,
        serial=f"{parsed.serial:x}",
        not_before=parsed.not_before,
        not_after=parsed.not_after,
        key_algorithm=parsed.key_algorithm,
        key_bits=parsed.key_bits,
        self_signed=parsed.self_signed,
        origin=found.origin.value,
        added_by=found.added_by,
        added_at=found.added_at,
        assignments=[assignment(a) for a in assignments if a.fingerprint == found.fingerprint],
    )


def finding(found: Finding) -> FindingRecord:
    return FindingRecord(code=found.code, severity=found.severity.value, subject=found.subject, text=found.text)


def user(found: User) -> UserRecord:
    return UserRecord(
        id=found.id,
        name=found.name,
        full_name=found.full_name,
        email=found.email,
        role=found.role.value,
        enabled=found.enabled,
        has_password=found.password_hash != "",
        created_at=found.created_at,
        last_seen_at=found.last_seen_at,
    )


def token(found: ApiToken) -> TokenRecord:
    return TokenRecord(
        id=found.id,
        name=found.name,
        scopes=sorted(s.value for s in found.scopes),
        created_by=found.created_by,
        created_at=found.created_at,
        expires_at=found.expires_at,
        last_used_at=found.last_used_at,
        revoked_at=found.revoked_at,
    )


# reading


def stations(reader: Reader, of: Community) -> list[StationRecord]:
    return [station(s) for s in reader.stations(of.id)]


def partners(reader: Reader, of: Community) -> list[PartnerRecord]:
    agreements_ = reader.agreements(of.id)
    return [partner(p, agreements_) for p in reader.partners(of.id)]


def agreements(
    reader: Reader, of: Community, *, partner_id: PartnerId | None = None, only: AgreementId | None = None
) -> list[AgreementRecord]:
    """All of the community, of one partner, or just one."""
    identities = {s.id: s.identity for s in reader.stations(of.id)}
    slugs = {p.id: p.slug for p in reader.partners(of.id)}
    assigned = reader.assignments(community_id=of.id, agreement_id=only)
    there = [reader.agreement(only)] if only else reader.agreements(of.id, partner_id=partner_id)
    return [agreement(a, identities, slugs, assigned) for a in there]


def certificates(reader: Reader, of: Community, *, side: Side | None = None) -> list[CertificateRecord]:
    """Those that end first on top."""
    slugs = {p.id: p.slug for p in reader.partners(of.id)}
    assigned = reader.assignments(community_id=of.id)
    return [certificate(c, slugs, assigned) for c in reader.certificates(of.id, side=side)]


def certificate_shown(reader: Reader, of: Community, found: HeldCertificate) -> CertificateRecord:
    """One that was found already."""
    slugs = {p.id: p.slug for p in reader.partners(of.id)}
    return certificate(found, slugs, reader.assignments(community_id=of.id, fingerprint=found.fingerprint))


def _plain_fields(value: object) -> dict[str, Plain]:
    named = [f.name for f in fields(value) if f.name not in SEALED]  # type: ignore[arg-type]  # dataclasses only
    return {name: _plain(getattr(value, name)) for name in named}


def _plain(value: object) -> Plain:
    match value:
        case StrEnum():
            return value.value
        case timedelta():
            return duration_text(value)
        case tuple():
            return [str(_plain(v)) for v in value]
        case str() | int() | bool() | None:
            return value
        case _:
            return str(value)
