"""Sent certificate exchange trust requests."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request

from counterseal.domain.people import Permission
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import TrustRequestRecord
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page, window
from counterseal.surfaces.api.routes.communities import CommunityName
from counterseal.surfaces.api.routing import ScopedRoute, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["trust requests"])

RequestName = Annotated[str, Path(description="Number or id of the trust request.", examples=["12"])]


@router.get("/communities/{community}/trust-requests", summary="List trust requests")
@needs(Permission.VIEW)
def list_trust_requests(
    request: Request, community: CommunityName, limit: Limit = DEFAULT_PAGE, after: After = 0
) -> Page[TrustRequestRecord]:
    """Newest first."""
    ports = ports_of(request)
    now = ports.clock.now()
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = reader.trust_requests(of.id, window=window(limit, after))
        return page(
            request,
            found,
            lambda some: conversations.trust_requests(reader, of, some, now),
            limit=limit,
            after=after,
        )


@router.get("/communities/{community}/trust-requests/{trust_request}", summary="Show a trust request")
@needs(Permission.VIEW)
def show_trust_request(request: Request, community: CommunityName, trust_request: RequestName) -> TrustRequestRecord:
    """With a line per partner."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = conversations.trust_request_named(reader, of, trust_request)
        return conversations.trust_requests(reader, of, [found], ports.clock.now())[0]
