"""Received certificate exchange requests: accepted and rejected."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from counterseal.domain.people import Permission
from counterseal.engine import offers, replacement
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import OfferRecord
from counterseal.kernel.ids import OfferedCertificateId, OfferId
from counterseal.surfaces.api.routes.communities import CommunityName
from counterseal.surfaces.api.routes.received import OfferName
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["received requests"])

Chosen = Annotated[
    list[Annotated[str, Field(max_length=100)]] | None,
    Field(max_length=100, description="Ids of certificates in the request; null: all that are pending."),
]


class Acceptance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    certificates: Chosen = None


class Rejection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=1000, description="The partner is told.")]
    certificates: Chosen = None


@router.post("/communities/{community}/received/{offer}/accept", summary="Accept a received request")
@needs(Permission.CERTIFICATES)
def accept(request: Request, community: CommunityName, offer: OfferName, body: Acceptance) -> OfferRecord:
    """Where two people must agree, the first acceptance leaves it pending."""
    offer_id = _named(request, community, offer)
    offers.accept(ports_of(request), actor_of(request), offer_id, offered_ids=_ids(body.certificates))
    return _shown(request, community, offer_id)


@router.post("/communities/{community}/received/{offer}/reject", summary="Reject a received request")
@needs(Permission.CERTIFICATES)
def reject(request: Request, community: CommunityName, offer: OfferName, body: Rejection) -> OfferRecord:
    offer_id = _named(request, community, offer)
    offers.reject(
        ports_of(request), actor_of(request), offer_id, offered_ids=_ids(body.certificates), reason=body.reason
    )
    return _shown(request, community, offer_id)


@router.post("/communities/{community}/received/{offer}/undo", summary="Take an accepted SCX Replace back")
@needs(Permission.CERTIFICATES)
def undo(request: Request, community: CommunityName, offer: OfferName) -> OfferRecord:
    """The certificate that it ended is the current one again; the new one goes on being accepted."""
    offer_id = _named(request, community, offer)
    replacement.undo(ports_of(request), actor_of(request), offer_id)
    return _shown(request, community, offer_id)


def _ids(names: list[str] | None) -> tuple[OfferedCertificateId, ...] | None:
    return None if names is None else tuple(OfferedCertificateId(name) for name in names)


def _named(request: Request, community: str, name: str) -> OfferId:
    with ports_of(request).store.read() as reader:
        return conversations.offer_of(reader, records.community_named(reader, community), name).id


def _shown(request: Request, community: str, offer_id: OfferId) -> OfferRecord:
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        return conversations.offers(reader, of, [reader.offer(offer_id)])[0]
