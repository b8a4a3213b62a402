"""The community's page, a partner's, an agreement's."""

from datetime import timedelta

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.domain.usage import Protocol
from counterseal.engine.views import community as views
from counterseal.kernel.ids import AgreementId
from counterseal.surfaces.web.states import Standing
from counterseal.surfaces.web.visit import Visit, page


def routes() -> list[Route]:
    return [
        page("/c/{community}/community", community, permission=Permission.VIEW),
        page("/c/{community}/partners/{partner}", partner, permission=Permission.VIEW),
        page("/c/{community}/agreements/{agreement}", agreement, permission=Permission.VIEW),
    ]


def community(visit: Visit) -> Response:
    found = visit.community()
    with visit.ports.store.read() as reader:
        view = views.community(reader, found)
    search = visit.query.text("q")
    partners = [p for p in view.partners if not search or _fits(search, p.partner.name, *p.identities)]
    return visit.show(
        "community.html",
        here="community",
        community=found,
        view=view,
        partners=partners[:PARTNERS_SHOWN],
        fitting=len(partners),
        search=search,
        standing=Standing,
    )


PARTNERS_SHOWN = 50


def _fits(search: str, *texts: str) -> bool:
    return any(search.casefold() in text.casefold() for text in texts)


def partner(visit: Visit) -> Response:
    found = visit.community()
    with visit.ports.store.read() as reader:
        view = views.partner(reader, found, visit.path("partner"))
    return visit.show("partner.html", here="community", community=found, view=view, standing=Standing)


def agreement(visit: Visit) -> Response:
    found = visit.community()
    with visit.ports.store.read() as reader:
        view = views.agreement(reader, found, AgreementId(visit.path("agreement")))
    return visit.show(
        "agreement.html",
        here="community",
        community=found,
        view=view,
        standing=Standing,
        is_as2=view.agreement.protocol is Protocol.AS2,
        zero=timedelta(0),
    )
