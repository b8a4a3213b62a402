"""Home of a community; before there is one, the first steps."""

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import Permission
from counterseal.engine.views import home as views
from counterseal.surfaces.web.pictures import expiry
from counterseal.surfaces.web.visit import Visit, community_path, page


def routes() -> list[Route]:
    return [
        page("/", front, permission=Permission.VIEW),
        page("/c/{community}", home, permission=Permission.VIEW),
    ]


def front(visit: Visit) -> Response:
    with visit.ports.store.read() as reader:
        communities = reader.communities()
    if communities:
        return visit.go(community_path(communities[0]))
    return visit.show("first-community.html", here="home")


def home(visit: Visit) -> Response:
    community = visit.community()
    with visit.ports.store.read() as reader:
        view = views.home(reader, community, now=visit.now)
    picture = expiry(view, visit.times(community))
    return visit.show("home.html", here="home", community=community, view=view, picture=picture)
