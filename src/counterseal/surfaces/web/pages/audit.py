"""The audit record: who did what, filtered; the proof that nothing in it was changed; its export."""

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from counterseal.domain.audit import ChainBroken
from counterseal.domain.people import Permission
from counterseal.engine import audit_log
from counterseal.engine.ports import Window
from counterseal.engine.views.paging import PAGE_ROWS
from counterseal.surfaces.web.lists import keeping, page_of
from counterseal.surfaces.web.states import ChainState
from counterseal.surfaces.web.visit import Visit, page

_FILTERS = ("subject", "event", "community")


def routes() -> list[Route]:
    return [
        page("/audit", audit, permission=Permission.VIEW),
        page("/audit/verify", verify, permission=Permission.VIEW),
        page("/audit.jsonl", export, permission=Permission.VIEW),
    ]


def audit(visit: Visit) -> Response:
    query = visit.query
    number = page_of(query)
    with visit.ports.store.read() as reader:
        communities = reader.communities()
    chosen = next((c for c in communities if c.slug == query.text("community")), None)
    window = Window(limit=PAGE_ROWS + 1, offset=(number - 1) * PAGE_ROWS)
    found = audit_log.entries(
        visit.ports,
        visit.actor,
        window=window,
        subject=query.text("subject"),
        event=query.text("event"),
        community_id=chosen.id if chosen else None,
    )
    return visit.show(
        "audit.html",
        here="audit",
        entries=found[:PAGE_ROWS],
        more=len(found) > PAGE_ROWS,
        number=number,
        first=window.offset + 1,
        query=keeping(query, _FILTERS),
        subject=query.text("subject"),
        event=query.text("event"),
        chosen=chosen,
        filtered=any(query.text(name) for name in _FILTERS),
    )


def verify(visit: Visit) -> Response:
    """Walks the chain while the reader waits: a page per check, nothing stored."""
    try:
        proof = audit_log.prove(visit.ports, visit.actor)
    except ChainBroken as fault:
        return visit.show("audit-verify.html", here="audit", state=ChainState.BROKEN, proof=None, detail=fault.detail)
    return visit.show("audit-verify.html", here="audit", state=ChainState.HOLDS, proof=proof, detail="")


def export(visit: Visit) -> Response:
    lines = audit_log.export(visit.ports, visit.actor, after=0)
    headers = {"content-disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)
