"""Sent certificate exchange trust requests: the list, and one request with a line per partner."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain import rollover
from counterseal.domain.agreement import cutover_rule
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel
from counterseal.domain.community import Community, CutoverRule
from counterseal.domain.exchange import ANSWERED, TRANSITIONS, Exchange, ExchangeState, Resent, overdue
from counterseal.domain.trust_request import Progress, TrustRequest, TrustRequestState, derive_state, progress
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.engine.ports import NotFound, Reader
from counterseal.engine.views.changed_back import changed_back
from counterseal.engine.views.names import CertificateName, Names, gather, matches
from counterseal.engine.views.paging import Page, everything, page_of
from counterseal.kernel.conversation import allows
from counterseal.kernel.finding import Finding
from counterseal.kernel.ids import AgreementId, Fingerprint, TrustRequestId


class LineState(StrEnum):
    """One partner's line: the exchange's state, *overdue* and *in use* told apart."""

    QUEUED = "queued"
    WAITING = "waiting"
    OVERDUE = "overdue"
    ACCEPTED = "accepted"
    """Their word."""
    IN_USE = "in use"
    """Seen in their traffic."""
    REJECTED = "rejected"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class LineAction(StrEnum):
    REMIND = "remind"
    RESEND = "resend"
    RECORD = "record"
    SWITCH_NOW = "switch-now"
    SWITCH_BACK = "switch-back"
    WITHDRAW = "withdraw"


NEEDS_PERSON: Final = frozenset({LineState.REJECTED, LineState.FAILED, LineState.OVERDUE})
_NOT_ENDED: Final = frozenset({AssignmentState.STAGED, AssignmentState.ACTIVE, AssignmentState.RETIRING})
PRODUCING: Final = frozenset({Usage.SIGN, Usage.FILE_SIGN, Usage.RECEIPT_SIGN, Usage.TLS_CLIENT})
"""Usages of ours that change per partner: where a switch means something (product.md section 3, rule 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    request: TrustRequest
    certificate: CertificateName
    state: TrustRequestState
    progress: Progress
    in_use: int
    overdue: int
    withdrawn: int
    channels: tuple[str, ...]
    """``CEM``, ``SCX Deliver``, ``mail``: what was used, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentList:
    page: Page[SentRow]
    counts: Mapping[TrustRequestState, int]
    """Of all requests, whatever the filter says."""
    total: int
    search: str
    state: TrustRequestState | None
    channel: Channel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One partner in one request."""

    exchange: Exchange
    state: LineState
    partner_name: str
    partner_slug: str
    partner_identity: str
    station_identity: str
    channel: str
    rule: CutoverRule
    switched_at: datetime | None
    """When our producing usages went over to the new certificate; ``None``: they have not."""
    in_use_since: datetime | None
    old_last_seen_at: datetime | None
    actions: frozenset[LineAction]
    findings: tuple[Finding, ...]
    """What a person should know: put back by self-healing, or used without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStanding:
    """A certificate with the number of agreements in each state."""

    certificate: CertificateName
    agreements: Mapping[AssignmentState, int]
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRequestView:
    request: TrustRequest
    state: TrustRequestState
    progress: Progress
    new: CertificateStanding
    old: CertificateStanding | None
    """The one that most of these agreements used before; ``None``: there was none."""
    lines: tuple[Line, ...]
    """Those who need a person first, then the open ones, then the rest; by partner within."""
    counts: Mapping[LineState, int]
    channels: tuple[str, ...]

    @property
    def in_use(self) -> int:
        return self.counts.get(LineState.IN_USE, 0)

    def with_action(self, action: LineAction) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if action in line.actions)


def sent_list(
    reader: Reader,
    community: Community,
    *,
    now: datetime,
    state: TrustRequestState | None = None,
    channel: Channel | None = None,
    search: str = "",
    page: int = 1,
) -> SentList:
    """Newest first. States are derived, so the filter sees every request of the community; a request's number finds that one."""
    rows = sent_rows(reader, gather(reader, community), now=now)
    numbered = [(r, (str(r.request.number),)) for r, _ in rows if str(r.request.number) == search.strip()]
    shown = [r for r, texts in numbered or rows if _lets_through(r, texts, state=state, channel=channel, search=search)]
    return SentList(
        page=page_of(shown, page),
        counts=Counter(r.state for r, _ in rows),
        total=len(rows),
        search=search,
        state=state,
        channel=channel,
    )


def sent_rows(reader: Reader, names: Names, *, now: datetime) -> list[tuple[SentRow, tuple[str, ...]]]:
    """Every request as a row, each with the texts that a search looks through; newest first."""
    community_id = names.community.id
    requests = list(everything(lambda window: reader.trust_requests(community_id, window=window)))
    by_request = exchanges_of(reader, requests)
    seen = _seen(reader.assignments(community_id=community_id, side=Side.OURS))
    return [_row(names, r, by_request[r.id], seen, now) for r in requests]


def exchanges_of(reader: Reader, requests: Sequence[TrustRequest]) -> Mapping[TrustRequestId, list[Exchange]]:
    """The exchanges of all these requests in one query; an empty list for one without."""
    grouped: dict[TrustRequestId, list[Exchange]] = defaultdict(list)
    for exchange in reader.exchanges(trust_request_ids=[r.id for r in requests]) if requests else ():
        grouped[exchange.trust_request_id].append(exchange)
    return grouped


def trust_request(reader: Reader, community: Community, number: int, *, now: datetime) -> TrustRequestView:
    """One request by its number. Raises ``NotFound``."""
    request = reader.find_trust_request(community.id, number)
    if request is None:
        raise NotFound(f"{community.name} has no trust request {number}")
    names = gather(reader, community)
    exchanges = reader.exchanges(trust_request_ids=[request.id])
    ours = reader.assignments(community_id=community.id, side=Side.OURS)
    by_agreement: dict[AgreementId, list[Assignment]] = defaultdict(list)
    for assignment in ours:
        if assignment.agreement_id and assignment.usage in request.usages:
            by_agreement[assignment.agreement_id].append(assignment)
    back = _put_back(reader, ours)
    lines = [
        _line(names, request, e, by_agreement[e.agreement_id], back[e.agreement_id, e.fingerprint], now)
        for e in exchanges
    ]
    lines.sort(key=lambda line: (_RANK[line.state], line.partner_name.casefold()))
    concerned = [a for e in exchanges for a in by_agreement[e.agreement_id]]
    old = _old_fingerprint(request, concerned)
    return TrustRequestView(
        request=request,
        state=derive_state(request, exchanges, now),
        progress=progress(exchanges),
        new=_standing(names, request.fingerprint, concerned),
        old=_standing(names, old, concerned) if old else None,
        lines=tuple(lines),
        counts=Counter(line.state for line in lines),
        channels=_channels(exchanges),
    )


_RANK: Final = {
    LineState.REJECTED: 0,
    LineState.FAILED: 1,
    LineState.OVERDUE: 2,
    LineState.QUEUED: 3,
    LineState.WAITING: 4,
    LineState.ACCEPTED: 5,
    LineState.IN_USE: 6,
    LineState.WITHDRAWN: 7,
}
_PLAIN: Final = {
    ExchangeState.QUEUED: LineState.QUEUED,
    ExchangeState.SENT: LineState.WAITING,
    ExchangeState.RECEIVED: LineState.WAITING,
    ExchangeState.ACCEPTED: LineState.ACCEPTED,
    ExchangeState.REJECTED: LineState.REJECTED,
    ExchangeState.FAILED: LineState.FAILED,
    ExchangeState.WITHDRAWN: LineState.WITHDRAWN,
}


def line_state(exchange: Exchange, respond_by: datetime, *, in_use: bool, now: datetime) -> LineState:
    if exchange.state is ExchangeState.ACCEPTED and in_use:
        return LineState.IN_USE
    if exchange.state is not ExchangeState.FAILED and overdue(exchange, respond_by, now):
        return LineState.OVERDUE
    return _PLAIN[exchange.state]


def channel_text(exchange: Exchange) -> str:
    match exchange.channel:
        case Channel.CEM:
            return "CEM"
        case Channel.SCX:
            return f"SCX {exchange.scx_type.value.capitalize()}" if exchange.scx_type else "SCX"
        case Channel.MAIL:
            return "mail"
        case Channel.PORTAL:
            return "portal"


def _channels(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    return tuple(sorted({channel_text(e) for e in exchanges}, key=lambda t: (t.islower(), t)))


def _seen(assignments: Iterable[Assignment]) -> frozenset[tuple[AgreementId | None, Fingerprint]]:
    return frozenset((a.agreement_id, a.fingerprint) for a in assignments if a.first_seen_at is not None)


def _row(
    names: Names,
    request: TrustRequest,
    exchanges: Sequence[Exchange],
    seen: frozenset[tuple[AgreementId | None, Fingerprint]],
    now: datetime,
) -> tuple[SentRow, tuple[str, ...]]:
    state = derive_state(request, exchanges, now)
    counts = Counter(
        line_state(e, request.respond_by, in_use=(e.agreement_id, e.fingerprint) in seen, now=now) for e in exchanges
    )
    row = SentRow(
        request=request,
        certificate=names.certificate(request.fingerprint),
        state=state,
        progress=progress(exchanges),
        in_use=counts[LineState.IN_USE],
        overdue=counts[LineState.OVERDUE] if state is not TrustRequestState.WITHDRAWN else 0,
        withdrawn=counts[LineState.WITHDRAWN],
        channels=_channels(exchanges),
    )
    partners = [names.partner_name(e.partner_id) for e in exchanges]
    return row, (str(request.number), row.certificate.title, request.fingerprint, *partners)


def _lets_through(
    row: SentRow,
    texts: tuple[str, ...],
    *,
    state: TrustRequestState | None,
    channel: Channel | None,
    search: str,
) -> bool:
    return (
        (state is None or row.state is state)
        and (channel is None or any(c.casefold().startswith(channel.value) for c in row.channels))
        and matches(search, *texts)
    )


def _put_back(
    reader: Reader, assignments: Sequence[Assignment]
) -> Mapping[tuple[AgreementId, Fingerprint], list[Finding]]:
    found: dict[tuple[AgreementId, Fingerprint], list[Finding]] = defaultdict(list)
    for back in changed_back(reader, assignments):
        found[back.agreement_id, back.fingerprint].append(back.finding)
    return found


def _line(
    names: Names,
    request: TrustRequest,
    exchange: Exchange,
    ours: Sequence[Assignment],
    back: Sequence[Finding],
    now: datetime,
) -> Line:
    new = [a for a in ours if a.fingerprint == request.fingerprint]
    old = [a for a in ours if a.fingerprint != request.fingerprint]
    agreement = names.agreements.get(exchange.agreement_id)
    partner = names.partners.get(exchange.partner_id)
    station = names.stations.get(agreement.station_id) if agreement else None
    in_use_since = min((a.first_seen_at for a in new if a.first_seen_at), default=None)
    hint = rollover.hint_of_use(exchange, ours)
    return Line(
        exchange=exchange,
        state=line_state(exchange, request.respond_by, in_use=in_use_since is not None, now=now),
        partner_name=partner.name if partner else "",
        partner_slug=partner.slug if partner else "",
        partner_identity=agreement.partner_identity if agreement else "",
        station_identity=station.identity if station else "",
        channel=channel_text(exchange),
        rule=_rule(names, exchange),
        switched_at=max((a.activated_at for a in new if a.produces and a.activated_at), default=None),
        in_use_since=in_use_since,
        old_last_seen_at=max((a.last_seen_at for a in old if a.last_seen_at), default=None),
        actions=_actions(request, exchange, new, old),
        findings=(*back, *((hint,) if hint is not None else ())),
    )


def _rule(names: Names, exchange: Exchange) -> CutoverRule:
    agreement = names.agreements.get(exchange.agreement_id)
    if agreement is None:
        return CutoverRule.MANUAL
    rule = cutover_rule(agreement)
    if agreement.protocol is Protocol.OFTP2 and agreement.exchange.cutover is None:
        return CutoverRule.ON_ACCEPTANCE
    return rule


def _actions(
    request: TrustRequest, exchange: Exchange, new: Sequence[Assignment], old: Sequence[Assignment]
) -> frozenset[LineAction]:
    found = set(_switches(exchange, new, old))
    if request.withdrawn_at is not None or exchange.state is ExchangeState.WITHDRAWN:
        return frozenset(found)
    if exchange.state in {ExchangeState.SENT, ExchangeState.RECEIVED}:
        found.add(LineAction.REMIND)
    if allows(TRANSITIONS, exchange.state, Resent):
        found.add(LineAction.RESEND)
    if exchange.state is not ExchangeState.ACCEPTED:
        found.add(LineAction.RECORD)
    if exchange.state not in ANSWERED:
        found.add(LineAction.WITHDRAW)
    return frozenset(found)


def _switches(exchange: Exchange, new: Sequence[Assignment], old: Sequence[Assignment]) -> Iterable[LineAction]:
    if exchange.state is not ExchangeState.REJECTED and any(
        a.usage in PRODUCING and a.state in {AssignmentState.STAGED, AssignmentState.RETIRING} for a in new
    ):
        yield LineAction.SWITCH_NOW
    backs = {a.usage for a in old if a.state is AssignmentState.RETIRING}
    if any(a.usage in PRODUCING and a.produces and a.usage in backs for a in new):
        yield LineAction.SWITCH_BACK


def _old_fingerprint(request: TrustRequest, assignments: Iterable[Assignment]) -> Fingerprint | None:
    counted = Counter(
        a.fingerprint for a in assignments if a.fingerprint != request.fingerprint and a.state in _NOT_ENDED
    )
    return counted.most_common(1)[0][0] if counted else None


def _standing(names: Names, fingerprint: Fingerprint, assignments: Sequence[Assignment]) -> CertificateStanding:
    own = [a for a in assignments if a.fingerprint == fingerprint]
    return CertificateStanding(
        certificate=names.certificate(fingerprint),
        agreements={
            state: count
            for state in AssignmentState
            if (count := len({a.agreement_id for a in own if a.state is state}))
        },
        last_seen_at=max((a.last_seen_at for a in own if a.last_seen_at), default=None),
    )
