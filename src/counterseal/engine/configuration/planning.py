"""Compares a configuration with what is stored: the plan of changes, and the values that carry it out.

Pure but for its reads, so that a dry run and the real thing are the same code. A file never turns a rollover back: where it
names a certificate that was active once and has been replaced since, the assignment stays and a note says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace

from counterseal.domain import assignment as assignments
from counterseal.domain.agreement import Agreement, AS2Terms, OFTP2Terms
from counterseal.domain.assignment import Activated, Assignment, Superseded
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.usage import AssignmentState, Protocol
from counterseal.engine.configuration.authorities import plan_roots
from counterseal.engine.configuration.changes import Change, Note, Recording, Verb, differences
from counterseal.engine.configuration.holding import Context, Holding
from counterseal.engine.configuration.model import (
    AgreementEntry,
    AssignmentEntry,
    CommunityEntry,
    Configuration,
    PartnerEntry,
    Place,
    StationEntry,
)
from counterseal.engine.configuration.secrets import SEALED, opened, sealed
from counterseal.kernel.ids import AgreementId, AssignmentId, CommunityId, PartnerId, StationId


class Planner:
    """Plans one configuration within a context; what the plan needs made first is left in ``context.wanted``."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = context.reader
        self._vault = context.vault
        self._entropy = context.entropy
        self._now = context.now
        self._errors = context.errors
        self._recording = context.recording
        self._stations: dict[tuple[Protocol, str], Station] = {}

    def plan(self, configuration: Configuration) -> Recording:
        """Raises ``ConfigurationRefused`` for what contradicts the store or itself."""
        self._refuse_twice([(c.slug, c.place) for c in configuration.communities], "community")
        for entry in configuration.communities:
            self._community(entry)
        self._errors.raise_any()
        return self._recording

    # community, stations, partners

    def _community(self, entry: CommunityEntry) -> None:
        stored = self._reader.find_community(entry.slug)
        wished = Community(
            id=stored.id if stored else CommunityId(self._entropy.new_id()),
            slug=entry.slug,
            name=entry.name,
            time_zone=entry.time_zone,
            contact_email=entry.contact_email,
            rules=entry.rules,
            default_certificates=dict(stored.default_certificates) if stored else {},
            created_at=stored.created_at if stored else self._now,
        )
        self._put("community", entry.slug, wished.id, stored, wished, wished)
        held = {c.fingerprint: c for c in self._reader.certificates(wished.id)} if stored else {}
        inside = Holding(self._context, wished, held)
        labels = [
            (c.label, c.place) for c in (*entry.certificates, *(c for p in entry.partners for c in p.certificates))
        ]
        self._refuse_twice(labels, "certificate label")
        for certificate in entry.certificates:
            inside.own(certificate)
        self._defaults(inside, entry)
        plan_roots(self._context, inside.community, entry.trusted_roots, None)
        self._refuse_twice([(f"{s.protocol.value} {s.identity}", s.place) for s in entry.stations], "station")
        for station in entry.stations:
            self._station(inside, station)
        self._refuse_twice([(p.slug, p.place) for p in entry.partners], "partner")
        for partner in entry.partners:
            self._partner(inside, partner)

    def _defaults(self, inside: Holding, entry: CommunityEntry) -> None:
        if not entry.default_certificates:
            return
        community = inside.community
        chosen = {e.usage: inside.resolve(e) for e in entry.default_certificates}
        wished = {u: f for u, f in chosen.items() if f}
        if wished != community.default_certificates:
            inside.community = replace(community, default_certificates=wished)
            self._put("community", entry.slug, community.id, community, inside.community, inside.community)

    def _station(self, inside: Holding, entry: StationEntry) -> None:
        stored = self._reader.find_station(entry.protocol, entry.identity)
        if stored is not None and stored.community_id != inside.community.id:
            self._errors.add(entry.place, "an identity of this community", "one that another community has")
            return
        wished = Station(
            id=stored.id if stored else StationId(self._entropy.new_id()),
            community_id=inside.community.id,
            protocol=entry.protocol,
            identity=entry.identity,
            name=entry.name,
            url=entry.url,
            email=entry.email,
            enabled=entry.enabled,
        )
        self._stations[entry.protocol, entry.identity] = wished
        self._put("station", entry.identity, wished.id, stored, wished, inside.community)

    def _partner(self, inside: Holding, entry: PartnerEntry) -> None:
        stored = self._reader.find_partner(inside.community.id, entry.slug)
        wished = Partner(
            id=stored.id if stored else PartnerId(self._entropy.new_id()),
            community_id=inside.community.id,
            slug=entry.slug,
            name=entry.name,
            owner=entry.owner,
            contact_name=entry.contact_name,
            contact_email=entry.contact_email,
            note=entry.note,
            created_at=stored.created_at if stored else self._now,
        )
        self._put("partner", entry.slug, wished.id, stored, wished, inside.community)
        for certificate in entry.certificates:
            inside.shown(certificate, partner=wished)
        plan_roots(self._context, inside.community, entry.trusted_roots, wished)
        pairs = [(f"{a.protocol.value} {a.station} and {a.partner_identity}", a.place) for a in entry.agreements]
        self._refuse_twice(pairs, "agreement")
        for agreement in entry.agreements:
            self._agreement(inside, wished, agreement)

    # agreements

    def _agreement(self, inside: Holding, partner: Partner, entry: AgreementEntry) -> None:
        station = self._stations.get((entry.protocol, entry.station)) or self._reader.find_station(
            entry.protocol, entry.station
        )
        if station is None or station.community_id != inside.community.id:
            expected = f"the identity of an {entry.protocol.value} station of this community"
            self._errors.add(entry.place, expected, repr(entry.station))
            return
        stored = self._reader.find_agreement(station.id, entry.partner_identity)
        if stored is not None and stored.partner_id != partner.id:
            came = f"{entry.partner_identity!r}, which belongs to another partner of this station"
            self._errors.add(entry.place, "a partner identity of its own", came)
            return
        agreement_id = stored.id if stored else AgreementId(self._entropy.new_id())
        wished = Agreement(
            id=agreement_id,
            community_id=inside.community.id,
            station_id=station.id,
            partner_id=partner.id,
            protocol=entry.protocol,
            partner_identity=entry.partner_identity,
            active=entry.active,
            terms=self._terms(entry, stored, agreement_id),
            exchange=entry.exchange,
            created_at=stored.created_at if stored else self._now,
        )
        if stored is not None:  # what the wire taught us is no matter of configuration
            wished = replace(
                wished, seen=stored.seen, cem_capability=stored.cem_capability, scx_learned=stored.scx_learned
            )
        name = f"{entry.station} - {entry.partner_identity}"
        self._put("agreement", name, wished.id, stored, wished, inside.community)
        live = self._reader.assignments(agreement_id=wished.id) if stored else []
        for assignment in entry.assignments:
            self._assignment(inside, wished, name, live, assignment)

    def _terms(
        self, entry: AgreementEntry, stored: Agreement | None, agreement_id: AgreementId
    ) -> AS2Terms | OFTP2Terms:
        kept: dict[str, str] = {}
        for name in (f.name for f in fields(entry.terms) if f.name in SEALED):
            before = getattr(stored.terms, name, "") if stored else ""
            clear = entry.secrets.get(name)
            same = clear is None or (before and opened(self._vault, before, agreement_id, name) == clear)
            kept[name] = before if same else sealed(self._vault, clear or "", agreement_id, name)
        return _replaced(entry.terms, kept)

    def _assignment(
        self, inside: Holding, agreement: Agreement, name: str, live: list[Assignment], entry: AssignmentEntry
    ) -> None:
        fingerprint = inside.resolve(entry)
        if fingerprint is None:
            return
        label = f"{name}: {entry.side.value} {entry.usage.value}"
        spot = [a for a in live if (a.side, a.usage) == (entry.side, entry.usage)]
        active = next((a for a in spot if a.state is AssignmentState.ACTIVE), None)
        known = next((a for a in spot if a.fingerprint == fingerprint), None)
        if active is not None and active.fingerprint == fingerprint:
            return
        if known is not None:
            self._recording.notes.append(Note(place=entry.place, text=_left(label, known.state)))
            return
        activated = Assignment(
            id=AssignmentId(self._entropy.new_id()),
            community_id=agreement.community_id,
            agreement_id=agreement.id,
            fingerprint=fingerprint,
            side=entry.side,
            usage=entry.usage,
            state=AssignmentState.STAGED,
            since=self._now,
            created_at=self._now,
        )
        entities = [assignments.apply(activated, Activated(), self._now)]
        if active is not None:
            entities.insert(0, assignments.apply(active, Superseded(), self._now))
        before = active.fingerprint[:16] if active else ""
        change = Change(
            verb=Verb.ASSIGN,
            thing="assignment",
            name=label,
            fields={"certificate": (before, fingerprint[:16] or f"{entry.certificate} (to be made)")},
        )
        self._context.record("certificate.assigned", f"agreement:{agreement.id}", change, inside.community, *entities)

    # what these share

    def _put(
        self,
        thing: str,
        name: str,
        identity: str,
        stored: Community | Station | Partner | Agreement | None,
        wished: Community | Station | Partner | Agreement,
        community: Community,
    ) -> None:
        if stored == wished:
            return
        changed = differences(stored, wished, secret=SEALED) if stored else {}
        change = Change(verb=Verb.CHANGE if stored else Verb.CREATE, thing=thing, name=name, fields=changed)
        event = f"{thing}.changed" if stored else f"{thing}.created"
        self._context.record(event, f"{thing}:{identity}", change, community, wished)

    def _refuse_twice(self, names: list[tuple[str, Place]], thing: str) -> None:
        first: dict[str, Place] = {}
        for name, place in names:
            if name and name in first:
                self._errors.add(place, f"each {thing} once", f"{name!r} again (first in line {first[name].line})")
            first.setdefault(name, place)


def _replaced(terms: AS2Terms | OFTP2Terms, kept: Mapping[str, str]) -> AS2Terms | OFTP2Terms:
    change: Callable[..., AS2Terms | OFTP2Terms] = replace
    return change(terms, **kept)


def _left(label: str, state: AssignmentState) -> str:
    if state is AssignmentState.STAGED:
        return f"{label} stays: the certificate is staged and changes over by its exchange; switch it now to hurry"
    return (
        f"{label} stays: the certificate was in use before and is {state.value}; a file does not turn a rollover back"
    )
