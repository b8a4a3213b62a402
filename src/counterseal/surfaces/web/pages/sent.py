"""Sent certificate exchange trust requests: the list, its CSV, one request with a line per partner."""

import csv
import io
from collections.abc import Iterable
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.channel import Channel
from counterseal.domain.people import Permission
from counterseal.domain.trust_request import TrustRequestState
from counterseal.engine.ports import NotFound
from counterseal.engine.views import sent as views
from counterseal.engine.views.names import gather
from counterseal.engine.views.sent import NEEDS_PERSON, Line, LineState, TrustRequestView
from counterseal.kernel.x509 import pretty_fingerprint
from counterseal.surfaces.web.lists import keeping, member, page_of, search_of
from counterseal.surfaces.web.pictures import timeline
from counterseal.surfaces.web.states import look
from counterseal.surfaces.web.visit import Visit, community_path, page
from counterseal.surfaces.web.words import usage_words
from counterseal.surfaces.web.zones import zone_choices, zoned

_FILTERS = ("q", "state", "channel")
_TAB_ORDER = (
    TrustRequestState.OPEN,
    TrustRequestState.PARTLY_ANSWERED,
    TrustRequestState.OVERDUE,
    TrustRequestState.REJECTED,
    TrustRequestState.FAILED,
    TrustRequestState.COMPLETE,
    TrustRequestState.WITHDRAWN,
)


def routes() -> list[Route]:
    return [
        page("/c/{community}/sent", sent, permission=Permission.VIEW),
        page("/c/{community}/sent.csv", sent_csv, permission=Permission.VIEW),
        page("/c/{community}/sent/{number:int}", trust_request, permission=Permission.VIEW),
        page("/c/{community}/sent/{number:int}/lines.csv", lines_csv, permission=Permission.VIEW),
    ]


def sent(visit: Visit) -> Response:
    community = visit.community()
    query = visit.query
    with visit.ports.store.read() as reader:
        found = views.sent_list(
            reader,
            community,
            now=visit.now,
            state=member(TrustRequestState, query.text("state")),
            channel=member(Channel, query.text("channel")),
            search=search_of(query),
            page=page_of(query),
        )
    path = community_path(community, "/sent")
    written = keeping(query, _FILTERS)
    tabs = [("All", found.total, f"{path}?{written(state='')}", found.state is None)]
    tabs += [
        (look(state).word, found.counts.get(state, 0), f"{path}?{written(state=state.value)}", found.state is state)
        for state in _TAB_ORDER
        if found.counts.get(state) or found.state is state
    ]
    return visit.show(
        "sent.html", here="sent", community=community, found=found, query=written, tabs=tabs, channels=list(Channel)
    )


def trust_request(visit: Visit) -> Response:
    community = visit.community()
    view = view_of(visit)
    show = visit.query.text("show")
    lines = [line for line in view.lines if _shown(line, show)]
    return visit.show(
        "trust-request.html",
        here="sent",
        community=community,
        view=view,
        lines=lines,
        show=show,
        opened=visit.query.text("line"),
        line_tabs=list(_line_tabs(view, show, visit.request.url.path)),
        line_states=LineState,
        uses=usage_words(view.request.usages),
        zone_times=zoned(visit, view.request.time_zone),
        zones=zone_choices(view.request.time_zone, community.time_zone),
        picture=timeline(view, visit.times(community)),
        moving=any(line.state is LineState.QUEUED for line in view.lines),
    )


def _line_tabs(view: TrustRequestView, show: str, path: str) -> Iterable[tuple[str, int, str, bool]]:
    need = sum(1 for line in view.lines if line.state in NEEDS_PERSON)
    yield "All", len(view.lines), path, not show
    if need:
        yield "Need you", need, f"{path}?show=need", show == "need"
    for state in LineState:
        if view.counts.get(state):
            yield look(state).word, view.counts[state], f"{path}?show={quote(state.value)}", show == state.value


def view_of(visit: Visit) -> TrustRequestView:
    """The request that the address names. Raises ``NotFound``."""
    community = visit.community()
    with visit.ports.store.read() as reader:
        return views.trust_request(reader, community, int(visit.path("number")), now=visit.now)


def line_of(view: TrustRequestView, exchange_id: str) -> Line:
    """Raises ``NotFound`` for a line of another request."""
    for line in view.lines:
        if line.exchange.id == exchange_id:
            return line
    raise NotFound(f"request {view.request.number} has no such line")


def _shown(line: Line, show: str) -> bool:
    if show == "need":
        return line.state in NEEDS_PERSON
    return not show or line.state.value == show


def sent_csv(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        rows = views.sent_rows(reader, gather(reader, community), now=visit.now)
    head = (
        "number",
        "certificate",
        "fingerprint",
        "state",
        "channels",
        "sent",
        "respond_by",
        "partners",
        "answered",
        "accepted",
        "rejected",
        "failed",
        "in_use",
    )
    lines = (
        (
            row.request.number,
            row.certificate.title,
            pretty_fingerprint(row.request.fingerprint),
            row.state.value,
            ", ".join(row.channels),
            row.request.created_at.isoformat(),
            row.request.respond_by.isoformat(),
            row.progress.total,
            row.progress.answered,
            row.progress.accepted,
            row.progress.rejected,
            row.progress.failed,
            row.in_use,
        )
        for row, _ in rows
    )
    return table(f"sent-{community.slug}.csv", head, lines)


def lines_csv(visit: Visit) -> Response:
    view = view_of(visit)
    head = (
        "partner",
        "identity",
        "channel",
        "state",
        "queued",
        "sent",
        "received",
        "answered",
        "answered_by",
        "reason",
        "switched",
        "in_use_since",
        "old_last_seen",
        "request_id",
    )
    lines = (
        (
            line.partner_name,
            line.partner_identity,
            line.channel,
            line.state.value,
            *(
                at.isoformat() if at else ""
                for at in (
                    line.exchange.queued_at,
                    line.exchange.sent_at,
                    line.exchange.received_at,
                    line.exchange.answered_at,
                )
            ),
            line.exchange.answered_by,
            line.exchange.reason,
            *(at.isoformat() if at else "" for at in (line.switched_at, line.in_use_since, line.old_last_seen_at)),
            line.exchange.request_reference,
        )
        for line in view.lines
    )
    return table(f"request-{view.request.number}.csv", head, lines)


def table(name: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Response:
    """CSV with CRLF (RFC 4180). A cell that a spreadsheet would run as a formula gets an apostrophe in front: partners choose texts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> str:
    text = str(value)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
