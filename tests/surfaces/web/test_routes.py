"""The table of every route: who may, and what answers where nobody is signed in, the role lacks it, or nothing is there."""

from typing import Final

import pytest
from starlette.routing import Route

from counterseal.domain.people import PERMISSIONS, Permission, Role
from counterseal.engine.ports import Ports
from counterseal.surfaces.web.app import PAGES, create_console
from tests.surfaces.web.gateway import Browser, Client, add_user, browser
from tests.surfaces.web.scene import Scene, fill

GET: Final = "GET"
POST: Final = "POST"
BOTH: Final = "GET POST"

TABLE: Final[tuple[tuple[str, str, Permission], ...]] = (
    ("/", GET, Permission.VIEW),
    ("/audit", GET, Permission.VIEW),
    ("/audit.jsonl", GET, Permission.VIEW),
    ("/audit/verify", GET, Permission.VIEW),
    ("/communities/new", BOTH, Permission.CONFIGURE),
    ("/people", GET, Permission.PEOPLE),
    ("/people/new", BOTH, Permission.PEOPLE),
    ("/people/tokens/new", BOTH, Permission.PEOPLE),
    ("/people/tokens/{token}/revoke", BOTH, Permission.PEOPLE),
    ("/people/{user}/link", POST, Permission.PEOPLE),
    ("/people/{user}/off", BOTH, Permission.PEOPLE),
    ("/people/{user}/on", POST, Permission.PEOPLE),
    ("/c/{community}", GET, Permission.VIEW),
    ("/c/{community}/edit", BOTH, Permission.CONFIGURE),
    ("/c/{community}/community", GET, Permission.VIEW),
    ("/c/{community}/stations/new", BOTH, Permission.CONFIGURE),
    ("/c/{community}/stations/{station}", BOTH, Permission.CONFIGURE),
    ("/c/{community}/partners/new", BOTH, Permission.CONFIGURE),
    ("/c/{community}/partners/{partner}", GET, Permission.VIEW),
    ("/c/{community}/partners/{partner}/edit", BOTH, Permission.CONFIGURE),
    ("/c/{community}/partners/{partner}/agreements/new", BOTH, Permission.CONFIGURE),
    ("/c/{community}/partners/{partner}/agreements/new-oftp2", BOTH, Permission.CONFIGURE),
    ("/c/{community}/partners/{partner}/certificate", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/agreements/{agreement}", GET, Permission.VIEW),
    ("/c/{community}/agreements/{agreement}/edit", BOTH, Permission.CONFIGURE),
    ("/c/{community}/agreements/{agreement}/edit-oftp2", BOTH, Permission.CONFIGURE),
    ("/c/{community}/agreements/{agreement}/call", POST, Permission.DOCUMENTS),
    ("/c/{community}/agreements/{agreement}/assign", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/certificates", GET, Permission.VIEW),
    ("/c/{community}/certificates/{fingerprint}", GET, Permission.VIEW),
    ("/c/{community}/certificates/{fingerprint}/pem", GET, Permission.VIEW),
    ("/c/{community}/certificates/{fingerprint}/der", GET, Permission.VIEW),
    ("/c/{community}/documents", GET, Permission.VIEW),
    ("/c/{community}/documents/new", BOTH, Permission.DOCUMENTS),
    ("/c/{community}/documents/{document}", GET, Permission.VIEW),
    ("/c/{community}/documents/{document}/payload", GET, Permission.DOCUMENTS),
    ("/c/{community}/documents/{document}/resend", BOTH, Permission.DOCUMENTS),
    ("/c/{community}/documents/{document}/cancel", BOTH, Permission.DOCUMENTS),
    ("/c/{community}/documents/{document}/release-receipt", BOTH, Permission.DOCUMENTS),
    ("/c/{community}/documents/{document}/reject-receipt", BOTH, Permission.DOCUMENTS),
    ("/c/{community}/listeners", GET, Permission.VIEW),
    ("/c/{community}/listeners", POST, Permission.CONFIGURE),
    ("/c/{community}/sessions", GET, Permission.VIEW),
    ("/c/{community}/sessions/{session}", GET, Permission.VIEW),
    ("/c/{community}/sent", GET, Permission.VIEW),
    ("/c/{community}/sent.csv", GET, Permission.VIEW),
    ("/c/{community}/sent/{number:int}", GET, Permission.VIEW),
    ("/c/{community}/sent/{number:int}/lines.csv", GET, Permission.VIEW),
    ("/c/{community}/sent/{number:int}/remind", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/resend", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/record", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/date", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/switch-now", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/switch-back", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/withdraw", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/sent/{number:int}/withdraw-line", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/received", GET, Permission.VIEW),
    ("/c/{community}/received/{offer}", GET, Permission.VIEW),
    ("/c/{community}/received/{offer}", POST, Permission.CERTIFICATES),
    ("/c/{community}/received/{offer}/undo", POST, Permission.CERTIFICATES),
    ("/c/{community}/wizard", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/wizard/{draft}/choose", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/wizard/{draft}/fill", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/wizard/{draft}/import", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/wizard/{draft}/details", BOTH, Permission.CERTIFICATES),
    ("/c/{community}/wizard/{draft}/cancel", POST, Permission.CERTIFICATES),
)
CALLS: Final = [(path, method, permission) for path, methods, permission in TABLE for method in methods.split()]
NOBODY: Final = "0" * 32
GONE_IS_DONE: Final = {"/c/{community}/wizard/{draft}/cancel"}
"""Cancelling a run of the wizard that is over is no error: what was wanted holds."""


def address(path: str, scene: Scene, *, unknown: bool = False) -> str:
    """With things that exist; ``unknown``: the last of them does not."""
    known = {
        "{community}": scene.community.slug,
        "{number:int}": str(scene.request.number),
        "{partner}": scene.partners[0].slug,
        "{agreement}": scene.agreements[0].id,
        "{offer}": scene.offers[0].id,
        "{document}": scene.documents[0].id,
        "{fingerprint}": scene.old.certificate.fingerprint,
        "{station}": scene.station.id,
        "{user}": "viewer",
        "{token}": NOBODY,
        "{draft}": NOBODY,
        "{session}": NOBODY,
    }
    if unknown:
        last = max((name for name in known if name in path), key=path.index)
        known[last] = "999999" if last == "{number:int}" else "nothing"
    for name, value in known.items():
        path = path.replace(name, value)
    return path


def call(client: Client, method: str, path: str, data: dict[str, str] | None = None) -> tuple[int, str, str]:
    answer = client.get(path) if method == GET else client.post(path, data=data or {})
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_the_table_is_whole() -> None:
    routes = [route for pages in PAGES for route in pages.routes()]
    served = {(r.path, m) for r in routes for m in (r.methods or set()) - {"HEAD"}}
    assert {(path, method) for path, method, _ in CALLS} == served


def test_besides_the_table_only_signing_in_and_files_answer(ports: Ports) -> None:
    served = {r.path for r in create_console(ports).routes if isinstance(r, Route)}
    open_to_all = served - {path for path, _, _ in TABLE}
    assert {p for p in open_to_all if not p.startswith("/static/")} == {"/sign-in", "/once/{secret}", "/sign-out"}


def test_signed_out_every_call_leads_to_sign_in(ports: Ports, client: Client) -> None:
    scene = fill(ports)
    for path, method, _ in CALLS:
        status, location, _ = call(client, method, address(path, scene))
        assert (status, location.partition("?")[0]) == (303, "/sign-in"), (method, path)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.CERTIFICATE_MANAGER])
def test_a_role_without_the_permission_is_told_so(ports: Ports, role: Role) -> None:
    scene = fill(ports)
    visitor = browser(ports, add_user(ports, role))
    token = visitor.token("/audit")
    for path, method, permission in CALLS:
        if permission not in PERMISSIONS[role]:
            status, _, text = call(visitor.client, method, address(path, scene), {"csrf": token})
            assert (status, "This is not part of your role" in text) == (403, True), (method, path)
    visitor.client.close()


def test_a_post_without_the_token_is_refused(ports: Ports, admin: Browser) -> None:
    scene = fill(ports)
    for path, method, _ in CALLS:
        if method == POST:
            status, _, text = call(admin.client, method, address(path, scene), {"csrf": "a guess"})
            assert (status, "This form has expired" in text) == (403, True), path


def test_what_is_not_there_has_a_page_that_says_so(ports: Ports, admin: Browser) -> None:
    scene = fill(ports)
    token = admin.token("/audit")
    for path, method, _ in CALLS:
        if "{" not in path or path in GONE_IS_DONE:
            continue
        status, _, text = call(admin.client, method, address(path, scene, unknown=True), {"csrf": token})
        assert (status, "There is nothing at this address" in text) == (404, True), (method, path)
