"""Certificates: the list, one with every place where it is used, its file."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.domain.usage import AssignmentState, Usage
from counterseal.engine.views import certificates as views
from counterseal.engine.views.certificates import Shelf
from counterseal.kernel.ids import Fingerprint
from counterseal.surfaces.web.lists import keeping, member, page_of, search_of
from counterseal.surfaces.web.visit import Visit, community_path, page
from counterseal.surfaces.web.words import usage_words

_FILTERS = ("q", "shelf", "usage", "state")
_SHELVES = {
    Shelf.IN_USE: "In use",
    Shelf.OURS: "Ours",
    Shelf.PARTNERS: "Partners’",
    Shelf.ENDS_SOON: "Ends within 60 days",
    Shelf.NOT_IN_USE: "Not in use",
}


def routes() -> list[Route]:
    return [
        page("/c/{community}/certificates", certificates, permission=Permission.VIEW),
        page("/c/{community}/certificates/{fingerprint}", certificate, permission=Permission.VIEW),
        page("/c/{community}/certificates/{fingerprint}/pem", pem, permission=Permission.VIEW),
        page("/c/{community}/certificates/{fingerprint}/der", der, permission=Permission.VIEW),
    ]


def certificates(visit: Visit) -> Response:
    community = visit.community()
    query = visit.query
    with visit.ports.store.read() as reader:
        found = views.certificates(
            reader,
            community,
            now=visit.now,
            shelf=member(Shelf, query.text("shelf")) or Shelf.IN_USE,
            usage=member(Usage, query.text("usage")),
            state=member(AssignmentState, query.text("state")),
            search=search_of(query),
            page=page_of(query),
        )
    path = community_path(community, "/certificates")
    written = keeping(query, _FILTERS)
    tabs = [
        (text, found.counts.get(shelf, 0), f"{path}?{written(shelf=shelf.value)}", found.shelf is shelf)
        for shelf, text in _SHELVES.items()
    ]
    return visit.show(
        "certificates.html",
        here="certificates",
        community=community,
        found=found,
        query=written,
        tabs=tabs,
        usages=list(Usage),
        states=list(AssignmentState),
        filtered=bool(found.search or found.usage or found.state),
    )


def certificate(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        view = views.certificate(reader, community, Fingerprint(visit.path("fingerprint")))
    return visit.show(
        "certificate.html",
        here="certificates",
        community=community,
        view=view,
        uses=usage_words(frozenset(view.row.usages)),
    )


def pem(visit: Visit) -> Response:
    return _file(visit, "pem")


def der(visit: Visit) -> Response:
    return _file(visit, "der")


def _file(visit: Visit, kind: str) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        held = views.certificate(reader, community, Fingerprint(visit.path("fingerprint"))).held
    content = held.certificate.pem.encode("ascii") if kind == "pem" else held.certificate.der
    name = f"{held.fingerprint[:16]}.{'pem' if kind == 'pem' else 'cer'}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    media = "application/x-pem-file" if kind == "pem" else "application/pkix-cert"
    return Response(content, media_type=media, headers=headers)
