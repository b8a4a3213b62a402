"""Who we are and whom we trade with, read; changes go through the configuration."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request

from counterseal.domain.people import Permission
from counterseal.engine.views import records
from counterseal.engine.views.records import AgreementRecord, CommunityRecord, PartnerRecord, StationRecord
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page_of_all
from counterseal.surfaces.api.routing import ScopedRoute, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["communities"])

CommunityName = Annotated[str, Path(description="Slug or id of the community.", examples=["alpha"])]
PartnerName = Annotated[str, Path(description="Slug or id of the partner.", examples=["bravo"])]
StationName = Annotated[str, Path(description="Identity or id of the station.", examples=["ALPHA"])]
AgreementName = Annotated[str, Path(description="Id, partner identity, or slug of a partner with one agreement.")]


@router.get("/communities", summary="List communities")
@needs(Permission.VIEW)
def list_communities(request: Request, limit: Limit = DEFAULT_PAGE, after: After = 0) -> Page[CommunityRecord]:
    """By name."""
    with ports_of(request).store.read() as reader:
        return page_of_all(request, reader.communities(), records.community, limit=limit, after=after)


@router.get("/communities/{community}", summary="Show a community")
@needs(Permission.VIEW)
def show_community(request: Request, community: CommunityName) -> CommunityRecord:
    with ports_of(request).store.read() as reader:
        return records.community(records.community_named(reader, community))


@router.get("/communities/{community}/stations", summary="List stations")
@needs(Permission.VIEW)
def list_stations(
    request: Request, community: CommunityName, limit: Limit = DEFAULT_PAGE, after: After = 0
) -> Page[StationRecord]:
    with ports_of(request).store.read() as reader:
        found = reader.stations(records.community_named(reader, community).id)
        return page_of_all(request, found, records.station, limit=limit, after=after)


@router.get("/communities/{community}/stations/{station}", summary="Show a station")
@needs(Permission.VIEW)
def show_station(request: Request, community: CommunityName, station: StationName) -> StationRecord:
    with ports_of(request).store.read() as reader:
        return records.station(records.station_named(reader, records.community_named(reader, community), station))


@router.get("/communities/{community}/partners", summary="List partners")
@needs(Permission.VIEW)
def list_partners(
    request: Request, community: CommunityName, limit: Limit = DEFAULT_PAGE, after: After = 0
) -> Page[PartnerRecord]:
    """By name."""
    with ports_of(request).store.read() as reader:
        found = records.partners(reader, records.community_named(reader, community))
        return page_of_all(request, found, lambda p: p, limit=limit, after=after)


@router.get("/communities/{community}/partners/{partner}", summary="Show a partner")
@needs(Permission.VIEW)
def show_partner(request: Request, community: CommunityName, partner: PartnerName) -> PartnerRecord:
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        return records.partner(records.partner_named(reader, of, partner), reader.agreements(of.id))


@router.get("/communities/{community}/agreements", summary="List agreements")
@needs(Permission.VIEW)
def list_agreements(
    request: Request, community: CommunityName, limit: Limit = DEFAULT_PAGE, after: After = 0
) -> Page[AgreementRecord]:
    with ports_of(request).store.read() as reader:
        found = records.agreements(reader, records.community_named(reader, community))
        return page_of_all(request, found, lambda a: a, limit=limit, after=after)


@router.get("/communities/{community}/agreements/{agreement}", summary="Show an agreement")
@needs(Permission.VIEW)
def show_agreement(request: Request, community: CommunityName, agreement: AgreementName) -> AgreementRecord:
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        found = records.agreement_named(reader, of, agreement)
        return records.agreements(reader, of, only=found.id)[0]
