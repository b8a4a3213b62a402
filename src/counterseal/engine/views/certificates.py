"""Certificates: the list, and one with every place where it is used."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import Community
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine.ports import NotFound, Reader
from counterseal.engine.views.comparison import digest_text, key_text, key_usage_words, purpose_words, serial_text
from counterseal.engine.views.names import AgreementName, Names, gather, matches
from counterseal.engine.views.paging import Page, page_of
from counterseal.kernel.ids import AgreementId, Fingerprint

SOON: Final = timedelta(days=60)
"""The first rung of the expiry ladder (product.md section 7)."""
_ORDER: Final = list(Usage)
_LIVE: Final = frozenset({AssignmentState.STAGED, AssignmentState.ACTIVE, AssignmentState.RETIRING})


class Shelf(StrEnum):
    """The tabs of the list; a certificate may stand on several."""

    IN_USE = "in-use"
    OURS = "ours"
    PARTNERS = "partners"
    ENDS_SOON = "ends-soon"
    NOT_IN_USE = "not-in-use"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    held: HeldCertificate
    title: str
    owner: str
    """The partner's name; empty: ours."""
    standing: Mapping[AssignmentState, int]
    """In how many agreements (or listeners) it stands in each state."""
    usages: tuple[Usage, ...]
    """Live ones, in the order of product.md section 3."""
    places: int
    last_seen_at: datetime | None
    key: str
    successor: str
    """The title of one that follows it: staged where this one is active, active where it is retiring; empty: nothing is prepared."""
    followed: bool
    """The successor is active already: this one is only still accepted."""

    @property
    def live(self) -> bool:
        return any(state in _LIVE for state in self.standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateList:
    page: Page[CertificateRow]
    counts: Mapping[Shelf, int]
    shelf: Shelf
    search: str
    usage: Usage | None
    state: AssignmentState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One agreement (or listener) with the usages that share one state there."""

    agreement: AgreementName | None
    listener_id: str
    state: AssignmentState
    usages: tuple[Usage, ...]
    since: datetime
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    row: CertificateRow
    serial: str
    digest: str
    key_usage: tuple[str, ...]
    purposes: tuple[str, ...]
    places: tuple[Place, ...]
    requests: tuple[tuple[int, ExchangeState], ...]
    """Trust requests that offered it, with the state of each exchange; by number."""
    default_for: tuple[Usage, ...]

    @property
    def held(self) -> HeldCertificate:
        return self.row.held


def certificates(
    reader: Reader,
    community: Community,
    *,
    now: datetime,
    shelf: Shelf = Shelf.IN_USE,
    usage: Usage | None = None,
    state: AssignmentState | None = None,
    search: str = "",
    page: int = 1,
) -> CertificateList:
    """Those that end first on top; what has ended long ago stands last."""
    names = gather(reader, community)
    rows = certificate_rows(names, reader.assignments(community_id=community.id))
    rows.sort(key=lambda r: (r.held.certificate.not_after < now, r.held.certificate.not_after))
    counts = Counter(s for r in rows for s in _shelves(r, now))
    shown = [
        r
        for r in rows
        if shelf in _shelves(r, now)
        and (usage is None or usage in r.usages)
        and (state is None or state in r.standing)
        and matches(search, r.title, r.owner, r.held.fingerprint, serial_text(r.held.certificate).replace(":", ""))
    ]
    return CertificateList(
        page=page_of(shown, page), counts=counts, shelf=shelf, search=search, usage=usage, state=state
    )


def certificate_rows(names: Names, assignments: Sequence[Assignment]) -> list[CertificateRow]:
    """One row per held certificate, ordered as the store gives them: by end of validity."""
    by_fingerprint: dict[Fingerprint, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        by_fingerprint[assignment.fingerprint].append(assignment)
    followers = _followers(assignments)
    return [_row(names, held, by_fingerprint[held.fingerprint], followers) for held in names.certificates.values()]


def certificate(reader: Reader, community: Community, fingerprint: Fingerprint) -> CertificateView:
    """One held certificate. Raises ``NotFound``."""
    held = reader.find_certificate(community.id, fingerprint)
    if held is None:
        raise NotFound(f"{community.name} holds no certificate {fingerprint}")
    names = gather(reader, community)
    assignments = reader.assignments(community_id=community.id)
    own = [a for a in assignments if a.fingerprint == fingerprint]
    exchanges = reader.exchanges(fingerprint=fingerprint)
    numbers = {i: reader.trust_request(i).number for i in {e.trust_request_id for e in exchanges}}
    return CertificateView(
        row=_row(names, held, own, _followers(assignments)),
        serial=serial_text(held.certificate),
        digest=digest_text(held.certificate),
        key_usage=key_usage_words(held.certificate),
        purposes=purpose_words(held.certificate),
        places=tuple(_places(names, own)),
        requests=tuple(sorted((numbers[e.trust_request_id], e.state) for e in exchanges)),
        default_for=tuple(u for u in _ORDER if community.default_certificates.get(u) == fingerprint),
    )


Spot = tuple[AgreementId | None, Side, Usage]


def _spot(assignment: Assignment) -> Spot:
    return assignment.agreement_id, assignment.side, assignment.usage


_FOLLOWED_BY: Final = {
    AssignmentState.ACTIVE: AssignmentState.STAGED,
    AssignmentState.RETIRING: AssignmentState.ACTIVE,
}


def _followers(assignments: Iterable[Assignment]) -> dict[tuple[Spot, AssignmentState], Fingerprint]:
    """What stands next to each: by spot and the state that the follower has."""
    return {(_spot(a), a.state): a.fingerprint for a in assignments if a.state in _FOLLOWED_BY.values()}


def _row(
    names: Names,
    held: HeldCertificate,
    own: Sequence[Assignment],
    followers: Mapping[tuple[Spot, AssignmentState], Fingerprint],
) -> CertificateRow:
    live = [a for a in own if a.state in _LIVE]
    produces = any(a.state is AssignmentState.ACTIVE for a in live)
    asking = [a for a in live if a.state is AssignmentState.ACTIVE or (a.state in _FOLLOWED_BY and not produces)]
    found = (followers.get((_spot(a), _FOLLOWED_BY[a.state])) for a in asking)
    next_one = next((f for f in found if f and f != held.fingerprint), None)
    return CertificateRow(
        held=held,
        title=names.title(held.fingerprint),
        owner=names.partner_name(held.partner_id) if held.side is Side.THEIRS else "",
        standing={
            state: count for state in AssignmentState if (count := len({_place(a) for a in own if a.state is state}))
        },
        usages=tuple(u for u in _ORDER if any(a.usage is u for a in live)),
        places=len({_place(a) for a in live}),
        last_seen_at=max((a.last_seen_at for a in own if a.last_seen_at), default=None),
        key=key_text(held.certificate),
        successor=names.title(next_one) if next_one else "",
        followed=next_one is not None and not produces,
    )


def _place(assignment: Assignment) -> str:
    return assignment.agreement_id or assignment.listener_id or ""


def _shelves(row: CertificateRow, now: datetime) -> set[Shelf]:
    ours = row.held.side is Side.OURS
    found = {Shelf.OURS if ours else Shelf.PARTNERS} if row.live or ours else set()
    found.add(Shelf.IN_USE if row.live else Shelf.NOT_IN_USE)
    if row.live and row.held.certificate.not_after <= now + SOON:
        found.add(Shelf.ENDS_SOON)
    return found


def _places(names: Names, own: Sequence[Assignment]) -> Iterable[Place]:
    grouped: dict[tuple[str, AssignmentState], list[Assignment]] = defaultdict(list)
    for assignment in own:
        grouped[_place(assignment), assignment.state].append(assignment)
    order = list(AssignmentState)
    for (_, state), group in sorted(grouped.items(), key=lambda item: (order.index(item[0][1]), item[0][0])):
        yield Place(
            agreement=names.agreement(group[0].agreement_id),
            listener_id=group[0].listener_id or "",
            state=state,
            usages=tuple(u for u in _ORDER if any(a.usage is u for a in group)),
            since=min(a.since for a in group),
            first_seen_at=min((a.first_seen_at for a in group if a.first_seen_at), default=None),
            last_seen_at=max((a.last_seen_at for a in group if a.last_seen_at), default=None),
        )
