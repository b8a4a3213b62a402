"""What stands before every page: session, token, permission; and the pages that say no."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, cast

import pytest
from starlette.routing import Route

from counterseal.domain.people import Role
from counterseal.engine.ports import Ports, Reader, Store, StoreUnavailable
from counterseal.surfaces.web.app import PAGES
from tests.surfaces.web.gateway import Browser, Client, add_user, browser, put
from tests.surfaces.web.scene import Scene, fill

ROUTES: Final[tuple[Route, ...]] = tuple(route for pages in PAGES for route in pages.routes())
POSTS: Final = tuple(route for route in ROUTES if "POST" in (route.methods or set()))
GETS: Final = tuple(route for route in ROUTES if "GET" in (route.methods or set()))


def address(route: Route, scene: Scene) -> str:
    """The route's path with things that exist."""
    return (
        route.path.replace("{community}", scene.community.slug)
        .replace("{number:int}", str(scene.request.number))
        .replace("{partner}", scene.partners[0].slug)
        .replace("{agreement}", scene.agreements[0].id)
        .replace("{offer}", scene.offers[0].id)
        .replace("{document}", scene.documents[0].id)
        .replace("{fingerprint}", scene.old.certificate.fingerprint)
        .replace("{station}", scene.station.id)
        .replace("{user}", "viewer")
        .replace("{token}", "none")
        .replace("{draft}", "none")
    )


def test_signed_out_every_post_leads_to_sign_in_and_does_nothing(ports: Ports, client: Client) -> None:
    scene = fill(ports)
    before = contents(ports)
    for route in POSTS:
        answer = client.post(address(route, scene), data={"name": "x"})
        assert answer.status_code == 303, route.path
        assert answer.headers["location"] == "/sign-in", route.path
    assert contents(ports) == before


def test_a_post_without_the_token_is_refused_and_does_nothing(ports: Ports, admin: Browser) -> None:
    scene = fill(ports)
    before = contents(ports)
    for route in POSTS:
        for data in ({"name": "x"}, {"name": "x", "csrf": "guess"}):
            answer = admin.client.post(address(route, scene), data=data)
            assert answer.status_code == 403, route.path
            assert "This form has expired" in answer.text, route.path
    assert contents(ports) == before


def test_a_viewer_is_told_what_is_not_part_of_its_role(ports: Ports) -> None:
    scene = fill(ports)
    add_user(ports, Role.ADMINISTRATOR)
    viewer = browser(ports, add_user(ports, Role.VIEWER))
    guarded = [route for route in GETS if viewer.client.get(address(route, scene)).status_code == 403]
    assert {"/people", "/communities/new", "/c/{community}/wizard"} <= {route.path for route in guarded}
    page = viewer.get("/people", status=403)
    assert "This is not part of your role" in page
    assert "Administrator Person" in page
    viewer.client.close()


def test_a_viewer_sees_no_button_that_would_say_no(ports: Ports) -> None:
    scene = fill(ports)
    viewer = browser(ports, add_user(ports, Role.VIEWER))
    for path in ("", "/community", "/sent", f"/sent/{scene.request.number}", f"/received/{scene.offers[0].id}"):
        page = viewer.get(scene.base + path)
        assert "/wizard" not in page
        assert "Accept and tell" not in page
        assert "/remind" not in page
    viewer.client.close()


def test_things_of_another_community_are_not_shown_under_this_one(ports: Ports, admin: Browser) -> None:
    from tests import builders

    scene = fill(ports)
    other = builders.a_community(slug="other", name="Other")
    put(ports, other)
    for path in (
        f"/documents/{scene.documents[0].id}",
        f"/received/{scene.offers[0].id}",
        f"/agreements/{scene.agreements[0].id}",
        f"/certificates/{scene.old.certificate.fingerprint}",
        f"/sent/{scene.request.number}",
        f"/partners/{scene.partners[0].slug}",
        f"/stations/{scene.station.id}",
    ):
        admin.get(f"/c/other{path}", status=404)


class BrokenStore:
    """The same database, which fails after some reads: like a full disk, or by a bug. All else is the store's own."""

    def __init__(self, store: Store, *, good_reads: int, failure: Exception) -> None:
        self._store = store
        self._left = good_reads
        self._failure = failure

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        self._left -= 1
        if self._left < 0:
            raise self._failure
        with self._store.read() as reader:
            yield reader


def failing(ports: Ports, good_reads: int, failure: Exception) -> Ports:
    broken = BrokenStore(ports.store, good_reads=good_reads, failure=failure)
    return replace(ports, store=cast("Store", broken))


@pytest.mark.parametrize("good_reads", [0, 1, 2, 3])
def test_our_fault_is_a_page_with_a_reference_and_no_trace(ports: Ports, admin: Browser, good_reads: int) -> None:
    fill(ports)
    app_state = admin.client.app.state
    app_state.ports = failing(ports, good_reads, StoreUnavailable("the database did not answer within 5 seconds"))
    answer = admin.client.get("/c/alpha/sent")
    app_state.ports = ports
    assert answer.status_code == 503
    assert "Something went wrong on our side" in answer.text
    assert "store.unavailable" in answer.text
    assert "Traceback" not in answer.text


def test_a_bug_is_shown_as_ours_without_its_insides(ports: Ports, admin: Browser) -> None:
    fill(ports)

    app_state = admin.client.app.state
    app_state.ports = failing(ports, 2, KeyError("secret inside"))
    answer = admin.client.get("/c/alpha/sent")
    app_state.ports = ports
    assert answer.status_code == 500
    assert "secret inside" not in answer.text


def contents(ports: Ports) -> object:
    """Everything that a page could have changed."""
    with ports.store.read() as reader:
        communities = reader.communities()
        return (
            communities,
            [reader.partners(c.id) for c in communities],
            [reader.agreements(c.id) for c in communities],
            [reader.stations(c.id) for c in communities],
            [reader.certificates(c.id) for c in communities],
            [reader.assignments(community_id=c.id) for c in communities],
            [replace(u, last_seen_at=None) for u in reader.users()],
            reader.tokens(),
            reader.exchanges(),
        )
