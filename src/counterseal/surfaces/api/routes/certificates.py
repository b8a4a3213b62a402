"""What a community holds of certificates."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from counterseal.domain.people import Permission
from counterseal.domain.usage import Side
from counterseal.engine.views import records
from counterseal.engine.views.records import CertificateRecord
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page_of_all
from counterseal.surfaces.api.routes.communities import CommunityName
from counterseal.surfaces.api.routing import ScopedRoute, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["certificates"])

PEM: Final = "application/x-pem-file"
CertificateName = Annotated[
    str, Path(description="Fingerprint (SHA-256, its first 8 digits or more) or label.", examples=["alpha-2026"])
]


@router.get("/communities/{community}/certificates", summary="List certificates")
@needs(Permission.VIEW)
def list_certificates(
    request: Request,
    community: CommunityName,
    limit: Limit = DEFAULT_PAGE,
    after: After = 0,
    side: Annotated[Side | None, Query(description="Only ours, or only theirs.")] = None,
) -> Page[CertificateRecord]:
    """Those that end first on top."""
    with ports_of(request).store.read() as reader:
        found = records.certificates(reader, records.community_named(reader, community), side=side)
        return page_of_all(request, found, lambda c: c, limit=limit, after=after)


@router.get("/communities/{community}/certificates/{certificate}", summary="Show a certificate")
@needs(Permission.VIEW)
def show_certificate(request: Request, community: CommunityName, certificate: CertificateName) -> CertificateRecord:
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        return records.certificate_shown(reader, of, records.certificate_named(reader, of, certificate))


@router.get(
    "/communities/{community}/certificates/{certificate}/pem",
    summary="Download a certificate",
    response_class=Response,
    responses={200: {"content": {PEM: {}}, "description": "The certificate, then its issuers."}},
)
@needs(Permission.VIEW)
def download(request: Request, community: CommunityName, certificate: CertificateName) -> Response:
    with ports_of(request).store.read() as reader:
        found = records.certificate_named(reader, records.community_named(reader, community), certificate)
    return Response(found.certificate.pem + "".join(c.pem for c in found.chain), media_type=PEM)
