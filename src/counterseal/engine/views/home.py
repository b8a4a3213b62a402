"""Home: what needs a person first, then what runs out, what is open, what is stuck."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from counterseal.domain.assignment import Assignment
from counterseal.domain.community import Community
from counterseal.domain.document import TROUBLE, Direction, DocumentState
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.trust_request import TrustRequestState, derive_state
from counterseal.domain.usage import AssignmentState, Side
from counterseal.engine.ports import Reader, Window
from counterseal.engine.views.certificates import SOON, CertificateRow, certificate_rows
from counterseal.engine.views.changed_back import ChangedBack, changed_back
from counterseal.engine.views.community import StationRow
from counterseal.engine.views.documents import DocumentRow
from counterseal.engine.views.names import AgreementName, Names, gather
from counterseal.engine.views.received import (
    WAITS,
    ReceivedRow,
    ReceivedState,
    received_rows,
    received_state,
    with_certificates,
)
from counterseal.engine.views.sent import SentRow, exchanges_of, sent_rows
from counterseal.engine.views.sessions import held_receipts
from counterseal.kernel.ids import Fingerprint

URGENT: Final = timedelta(days=14)
WEEKS: Final = 13
_WAITING: Final = frozenset({TrustRequestState.OPEN, TrustRequestState.PARTLY_ANSWERED, TrustRequestState.OVERDUE})
_FAILED_SHOWN: Final = 8
_ENDING_SHOWN: Final = 8


class NeedKind(StrEnum):
    """Why a person is needed, the most pressing first."""

    DECISION = "decision"
    RECEIPT = "receipt"
    """A received file whose EERP or NERP waits."""
    CHANGED_BACK = "changed-back"
    TRANSFERS = "transfers"
    REJECTED = "rejected"
    NOT_TOLD = "not-told"
    OVERDUE = "overdue"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that waits for a person; which fields are set depends on ``kind``."""

    kind: NeedKind
    partner: str = ""
    offer: ReceivedRow | None = None
    documents: tuple[DocumentRow, ...] = ()
    request: SentRow | None = None
    exchange: Exchange | None = None
    partners: tuple[str, ...] = ()
    certificate: CertificateRow | None = None
    back: ChangedBack | None = None
    agreement: AgreementName | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """How many of the partners' certificates in use end in seven days from ``begins``."""

    begins: datetime
    ending: int
    prepared: int
    """Of these, with a successor already accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    community: Community
    needs: tuple[Need, ...]
    ending: tuple[CertificateRow, ...]
    """Those in use that end within the thirteen weeks, at most eight; first those that end first."""
    waiting: frozenset[Fingerprint]
    """Of the partners' certificates: those whose successor waits for our decision."""
    ours: tuple[CertificateRow, ...]
    """Ours in use that end within the thirteen weeks."""
    weeks: tuple[Week, ...]
    open_requests: tuple[SentRow, ...]
    trouble: tuple[DocumentRow, ...]
    stations: tuple[StationRow, ...]
    has_certificate: bool
    has_partner: bool
    has_agreement: bool
    has_document: bool

    @property
    def begun(self) -> bool:
        """Whether there is anything to show but the first steps."""
        return bool(self.stations) and self.has_certificate and self.has_agreement


def home(reader: Reader, community: Community, *, now: datetime) -> HomeView:
    names = gather(reader, community)
    assignments = reader.assignments(community_id=community.id)
    live = [r for r in certificate_rows(names, assignments) if r.live]
    live.sort(key=lambda r: r.held.certificate.not_after)
    requests = [row for row, _ in sent_rows(reader, names, now=now)]
    trouble = _trouble(reader, names)
    counts = reader.count_documents(community_id=community.id)
    horizon = now + timedelta(weeks=WEEKS)
    counted = Counter(a.station_id for a in names.agreements.values())
    needs = (*_put_back(reader, names, requests, assignments), *_needs(reader, names, requests, trouble, live, now))
    return HomeView(
        community=community,
        needs=needs,
        ending=tuple(r for r in live if r.held.certificate.not_after <= horizon)[:_ENDING_SHOWN],
        waiting=_waiting(needs, live),
        ours=tuple(r for r in live if r.held.side is Side.OURS and now < r.held.certificate.not_after <= horizon)[:6],
        weeks=_weeks(live, now),
        open_requests=tuple(r for r in requests if r.state in _WAITING),
        trouble=trouble[:_FAILED_SHOWN],
        stations=tuple(StationRow(station=s, agreements=counted[s.id]) for s in names.stations.values()),
        has_certificate=any(c.side is Side.OURS for c in names.certificates.values()),
        has_partner=bool(names.partners),
        has_agreement=bool(names.agreements),
        has_document=bool(sum(counts.values())),
    )


def attention(reader: Reader, community: Community, *, now: datetime) -> Mapping[str, int]:
    """The two figures beside the navigation: ``sent`` requests still open, ``received`` ones that wait for a decision.

    On every page, so it looks only at the newest of each: what is older than five hundred others is not news.
    """
    window = Window(limit=500)
    requests = reader.trust_requests(community.id, window=window)
    exchanges = exchanges_of(reader, requests)
    offers = with_certificates(reader, reader.offers(community.id, window=window))
    return {
        "sent": sum(1 for r in requests if derive_state(r, exchanges[r.id], now) in _WAITING),
        "received": sum(1 for offer, certificates in offers if received_state(offer, certificates) in WAITS),
    }


def _trouble(reader: Reader, names: Names) -> tuple[DocumentRow, ...]:
    found = reader.documents(
        community_id=names.community.id,
        window=Window(limit=200),
        states=(*TROUBLE, DocumentState.REFUSED),
    )
    return tuple(DocumentRow(document=d, agreement=names.agreement(d.agreement_id)) for d in found)


def _needs(
    reader: Reader,
    names: Names,
    requests: Sequence[SentRow],
    trouble: Sequence[DocumentRow],
    live: Sequence[CertificateRow],
    now: datetime,
) -> Iterable[Need]:
    received = [row for row, _ in received_rows(reader, names) if row.state in WAITS]
    for offer in sorted(received, key=lambda row: row.state is ReceivedState.NEEDS_SECOND):
        yield Need(kind=NeedKind.DECISION, offer=offer, partner=offer.partner_name, urgent=True)
    for held in held_receipts(reader, names):
        partner = held.agreement.partner_name if held.agreement else ""
        brought = DocumentRow(document=held.document, agreement=held.agreement)
        yield Need(kind=NeedKind.RECEIPT, partner=partner, documents=(brought,), urgent=True)
    yield from _stuck(trouble)
    yield from _unanswered(reader, names, requests)
    for row in live:
        end = row.held.certificate.not_after
        if row.held.side is Side.OURS and end <= now + SOON and not row.successor and _produces(row):
            yield Need(kind=NeedKind.EXPIRY, certificate=row, urgent=end <= now + URGENT)


def _put_back(
    reader: Reader, names: Names, requests: Sequence[SentRow], assignments: Sequence[Assignment]
) -> Iterable[Need]:
    """What self-healing changed back waits for a person (product.md section 3, rule 7)."""
    numbered = {r.request.id: r for r in requests}
    for back in changed_back(reader, assignments):
        agreement = names.agreement(back.agreement_id)
        exchange = reader.exchange(back.exchange_id) if back.exchange_id else None
        yield Need(
            kind=NeedKind.CHANGED_BACK,
            partner=agreement.partner_name if agreement else "",
            back=back,
            agreement=agreement,
            exchange=exchange,
            request=numbered.get(exchange.trust_request_id) if exchange else None,
            urgent=True,
        )


def _waiting(needs: Sequence[Need], live: Sequence[CertificateRow]) -> frozenset[Fingerprint]:
    partners = {n.offer.offer.partner_id for n in needs if n.offer is not None}
    return frozenset(
        r.held.fingerprint
        for r in live
        if r.held.side is Side.THEIRS and r.held.partner_id in partners and _produces(r) and not r.successor
    )


def _produces(row: CertificateRow) -> bool:
    return AssignmentState.ACTIVE in row.standing


def _stuck(trouble: Sequence[DocumentRow]) -> Iterable[Need]:
    grouped: dict[str, list[DocumentRow]] = defaultdict(list)
    for row in trouble:
        if row.document.direction is Direction.OUT:
            grouped[row.agreement.partner_name if row.agreement else ""].append(row)
    for partner, rows in grouped.items():
        yield Need(kind=NeedKind.TRANSFERS, partner=partner, documents=tuple(rows), urgent=True)


def _unanswered(reader: Reader, names: Names, requests: Sequence[SentRow]) -> Iterable[Need]:
    """Rejections, failures and missing answers of requests that still run: one need per partner that said no, one per request else."""
    running = {r.request.id: r for r in requests if r.state is not TrustRequestState.WITHDRAWN}
    troubled = [i for i, r in running.items() if r.progress.rejected or r.progress.failed or r.overdue]
    if not troubled:
        return
    by_request: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in _latest(reader.exchanges(trust_request_ids=list(running))):
        by_request[exchange.trust_request_id].append(exchange)
    for request_id in troubled:
        row, exchanges = running[request_id], by_request[request_id]
        for exchange in exchanges:
            name = names.partner_name(exchange.partner_id)
            if exchange.state is ExchangeState.REJECTED:
                yield Need(kind=NeedKind.REJECTED, partner=name, request=row, exchange=exchange)
            elif exchange.state is ExchangeState.FAILED:
                yield Need(kind=NeedKind.NOT_TOLD, partner=name, request=row, exchange=exchange)
        if row.overdue:
            late = [
                e for e in exchanges if e.state in {ExchangeState.QUEUED, ExchangeState.SENT, ExchangeState.RECEIVED}
            ]
            partners = tuple(names.partner_name(e.partner_id) for e in late)
            if partners:
                yield Need(kind=NeedKind.OVERDUE, request=row, partners=partners)


def _latest(exchanges: Iterable[Exchange]) -> Iterable[Exchange]:
    """What was asked of an agreement last: a rejection is over as soon as another certificate was offered there."""
    latest: dict[str, Exchange] = {}
    for exchange in exchanges:
        before = latest.get(exchange.agreement_id)
        if exchange.state is not ExchangeState.WITHDRAWN and (before is None or exchange.queued_at >= before.queued_at):
            latest[exchange.agreement_id] = exchange
    return latest.values()


def _weeks(live: Sequence[CertificateRow], now: datetime) -> tuple[Week, ...]:
    weeks = []
    for number in range(WEEKS):
        begins = now + timedelta(weeks=number)
        ends = begins + timedelta(weeks=1)
        theirs = [r for r in live if r.held.side is Side.THEIRS and begins <= r.held.certificate.not_after < ends]
        weeks.append(Week(begins=begins, ending=len(theirs), prepared=sum(1 for r in theirs if r.successor)))
    return tuple(weeks)
