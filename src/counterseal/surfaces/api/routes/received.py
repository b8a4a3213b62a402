"""Received certificate exchange requests."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request

from counterseal.domain.people import Permission
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import OfferRecord
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page, window
from counterseal.surfaces.api.routes.communities import CommunityName
from counterseal.surfaces.api.routing import ScopedRoute, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["received requests"])

OfferName = Annotated[str, Path(description="Id of the received request.")]


@router.get("/communities/{community}/received", summary="List received requests")
@needs(Permission.VIEW)
def list_received(
    request: Request, community: CommunityName, limit: Limit = DEFAULT_PAGE, after: After = 0
) -> Page[OfferRecord]:
    """Newest first."""
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        found = reader.offers(of.id, window=window(limit, after))
        return page(request, found, lambda some: conversations.offers(reader, of, some), limit=limit, after=after)


@router.get("/communities/{community}/received/{offer}", summary="Show a received request")
@needs(Permission.VIEW)
def show_received(request: Request, community: CommunityName, offer: OfferName) -> OfferRecord:
    """With its certificates and the findings about each."""
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        return conversations.offers(reader, of, [conversations.offer_of(reader, of, offer)])[0]
