"""What rows refer to by id, read once per page: stations, partners, agreements and certificates of one community."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from counterseal.domain.agreement import Agreement
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.usage import Protocol, Side
from counterseal.engine.ports import Reader
from counterseal.kernel.ids import AgreementId, Fingerprint, PartnerId, StationId
from counterseal.kernel.x509 import pretty_fingerprint

_Name = TypeVar("_Name", str, tuple[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateName:
    """How a certificate is called on a page; ``held`` is false for one that this community does not hold."""

    fingerprint: Fingerprint
    title: str
    side: Side | None
    not_before: datetime | None
    not_after: datetime | None
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementName:
    """How an agreement is called: both identities, and whose they are."""

    id: AgreementId
    protocol: Protocol
    station_identity: str
    station_name: str
    partner_identity: str
    partner_name: str
    partner_slug: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """One community's names."""

    community: Community
    stations: Mapping[StationId, Station]
    partners: Mapping[PartnerId, Partner]
    agreements: Mapping[AgreementId, Agreement]
    certificates: Mapping[Fingerprint, HeldCertificate]
    shared_names: frozenset[str]
    """Common names that several certificates bear: there the year of the beginning tells them apart."""
    shared_years: frozenset[tuple[str, int]]
    """Names with a year that several bear: there the fingerprint begins to tell them apart."""

    def title(self, fingerprint: Fingerprint) -> str:
        held = self.certificates.get(fingerprint)
        if held is None:
            return fingerprint[:16]
        year = _year(held)
        return title_of(held, shared=year[0] in self.shared_names, shared_year=year in self.shared_years)

    def certificate(self, fingerprint: Fingerprint) -> CertificateName:
        held = self.certificates.get(fingerprint)
        return CertificateName(
            fingerprint=fingerprint,
            title=self.title(fingerprint),
            side=held.side if held else None,
            not_before=held.certificate.not_before if held else None,
            not_after=held.certificate.not_after if held else None,
            held=held is not None,
        )

    def partner_name(self, partner_id: PartnerId | None) -> str:
        partner = self.partners.get(partner_id) if partner_id else None
        return partner.name if partner else ""

    def agreement(self, agreement_id: AgreementId | None) -> AgreementName | None:
        found = self.agreements.get(agreement_id) if agreement_id else None
        if found is None:
            return None
        station = self.stations[found.station_id]
        partner = self.partners[found.partner_id]
        return AgreementName(
            id=found.id,
            protocol=found.protocol,
            station_identity=station.identity,
            station_name=station.name,
            partner_identity=found.partner_identity,
            partner_name=partner.name,
            partner_slug=partner.slug,
            active=found.active,
        )

    def agreements_of(self, partner_id: PartnerId) -> list[Agreement]:
        return [a for a in self.agreements.values() if a.partner_id == partner_id]


def title_of(held: HeldCertificate, *, shared: bool, shared_year: bool = False) -> str:
    """The label, or (where that says no more) the common name; where others bear the same, with the year of its beginning,
    and where that is the same too with the first two bytes of its fingerprint."""
    name = held.certificate.common_name
    if held.label and held.label != name:
        return held.label
    dated = f"{name} {held.certificate.not_before.year}" if shared else name
    return f"{dated} ({pretty_fingerprint(held.fingerprint)[:5]})" if shared_year else dated


def _year(held: HeldCertificate) -> tuple[str, int]:
    return held.certificate.common_name, held.certificate.not_before.year


def gather(reader: Reader, community: Community) -> Names:
    """Four queries, whatever the size of the page."""
    certificates = reader.certificates(community.id)
    return Names(
        community=community,
        stations={s.id: s for s in reader.stations(community.id)},
        partners={p.id: p for p in reader.partners(community.id)},
        agreements={a.id: a for a in reader.agreements(community.id)},
        certificates={c.fingerprint: c for c in certificates},
        shared_names=_shared(c.certificate.common_name for c in certificates),
        shared_years=_shared(_year(c) for c in certificates if c.label in {"", c.certificate.common_name}),
    )


def _shared(names: Iterable[_Name]) -> frozenset[_Name]:
    return frozenset(name for name, count in Counter(names).items() if count > 1)


def matches(search: str, *texts: str) -> bool:
    """Whether every word of ``search`` stands in one of the texts; colons of a pasted fingerprint do not count."""
    haystack = "\n".join(texts).casefold()
    return all(word in haystack or word.replace(":", "") in haystack for word in search.casefold().split())
