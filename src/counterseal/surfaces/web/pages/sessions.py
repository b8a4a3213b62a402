"""OFTP2 sessions: the list with the receipts that wait for a person, one session, and a call made now."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.oftp_session import SessionOutcome
from counterseal.domain.people import Permission
from counterseal.engine.oftp2 import calling
from counterseal.engine.ports import NotFound
from counterseal.engine.views import sessions as views
from counterseal.engine.views.names import gather
from counterseal.kernel.ids import AgreementId, SessionId
from counterseal.surfaces.web.lists import keeping, page_of
from counterseal.surfaces.web.visit import Visit, community_path, page


def routes() -> list[Route]:
    return [
        page("/c/{community}/sessions", sessions, permission=Permission.VIEW),
        page("/c/{community}/sessions/{session}", session, permission=Permission.VIEW),
        page("/c/{community}/agreements/{agreement}/call", call, permission=Permission.DOCUMENTS, methods=("POST",)),
    ]


def sessions(visit: Visit) -> Response:
    community, query = visit.community(), visit.query
    with visit.ports.store.read() as reader:
        found = views.sessions(reader, community, agreement=query.text("agreement"), page=page_of(query))
    return visit.show(
        "sessions.html",
        here="sessions",
        community=community,
        found=found,
        query=keeping(query, ("agreement",)),
        moving=any(row.session.outcome is SessionOutcome.OPEN for row in found.page.rows),
    )


def session(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        view = views.session(reader, community, SessionId(visit.path("session")))
    return visit.show(
        "session.html",
        here="sessions",
        community=community,
        view=view,
        moving=view.row.session.outcome is SessionOutcome.OPEN,
    )


def call(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        found = gather(reader, community).agreement(AgreementId(visit.path("agreement")))
    if found is None:
        raise NotFound(f"{community.name} has no such agreement")
    calling.call_now(visit.ports, visit.actor, found.id)
    return visit.done(
        community_path(community, f"/sessions?agreement={found.id}"),
        f"{found.partner_name} is being called",
        "One session for everything that waits. It appears here in a moment; load the page again.",
    )
