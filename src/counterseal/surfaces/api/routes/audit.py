"""The audit trail."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from counterseal.domain.people import Permission
from counterseal.engine import audit_log
from counterseal.engine.audit_log import Proof
from counterseal.engine.views import conversation_records as records
from counterseal.engine.views.conversation_records import AuditRecord
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page, window
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["audit"])

JSON_LINES: Final = "application/jsonl"


@router.get("/audit", summary="List audit entries")
@needs(Permission.VIEW)
def list_entries(
    request: Request,
    limit: Limit = DEFAULT_PAGE,
    after: After = 0,
    subject: Annotated[str, Query(description="Of one thing: `agreement:<id>`.")] = "",
    event: Annotated[str, Query(description="Of one kind: `people.signed-in`.")] = "",
) -> Page[AuditRecord]:
    """Newest first."""
    rows = audit_log.entries(
        ports_of(request), actor_of(request), window=window(limit, after), subject=subject, event=event
    )
    return page(request, rows, lambda some: [records.audit(e) for e in some], limit=limit, after=after)


@router.get("/audit/verification", summary="Verify the hash chain")
@needs(Permission.VIEW)
def verify(request: Request) -> Proof:
    """409 `audit.chain-broken` names the first entry that does not fit."""
    return audit_log.prove(ports_of(request), actor_of(request))


@router.get(
    "/audit/export",
    summary="Export the audit trail",
    response_class=StreamingResponse,
    responses={200: {"content": {JSON_LINES: {}}, "description": "One JSON object per line, oldest first."}},
)
@needs(Permission.VIEW)
def export(
    request: Request, behind: Annotated[int, Query(ge=0, description="Sequence number after which to begin.")] = 0
) -> StreamingResponse:
    lines = audit_log.export(ports_of(request), actor_of(request), after=behind)
    return StreamingResponse(lines, media_type=JSON_LINES)
