"""Every page in four views: no axe violation, no sideways scroll, nothing that the policy blocks; pictures for people."""

import pytest
from playwright.sync_api import Page

from counterseal.domain.oftp_session import SessionOutcome
from tests.browser.conftest import Live
from tests.browser.look import complaints
from tests.surfaces.web.oftp2_scene import Added, fill_oftp2
from tests.surfaces.web.scene import Scene, fill

PAGES = (
    ("home", ""),
    ("community", "/community"),
    ("community-form", "/edit"),
    ("station-form", "/stations/new"),
    ("partner", "/partners/partner-1"),
    ("partner-form", "/partners/new"),
    ("agreement", "/agreements/{agreement}"),
    ("agreement-form", "/agreements/{agreement}/edit"),
    ("certificates", "/certificates"),
    ("certificate", "/certificates/{old}"),
    ("documents", "/documents"),
    ("document", "/documents/{document}"),
    ("send", "/documents/new"),
    ("resend", "/documents/{failed}/resend"),
    ("sent", "/sent"),
    ("trust-request", "/sent/138?line={line}"),
    ("received", "/received"),
    ("received-detail", "/received/{offer}"),
    ("received-two", "/received/{two}"),
    ("received-second", "/received/{second}"),
    ("wizard-1", "/wizard"),
)
GATEWAY = (
    ("people", "/people"),
    ("person-new", "/people/new"),
    ("token-new", "/people/tokens/new"),
    ("audit", "/audit"),
    ("audit-verify", "/audit/verify"),
    ("missing", "/c/alpha/sent/999"),
)


OFTP2 = (
    ("oftp2-sessions", "/sessions"),
    ("oftp2-sessions-partner", "/sessions?agreement={agreement}"),
    ("oftp2-session", "/sessions/{session}"),
    ("oftp2-session-broken", "/sessions/{broken}"),
    ("oftp2-document", "/documents/{resumed}"),
    ("oftp2-document-cut", "/documents/{cut}"),
    ("oftp2-document-held", "/documents/{held}"),
    ("oftp2-release", "/documents/{held}/release-receipt"),
    ("oftp2-reject", "/documents/{held}/reject-receipt"),
    ("oftp2-agreement", "/agreements/{agreement}"),
    ("oftp2-agreement-form", "/agreements/{agreement}/edit-oftp2"),
    ("oftp2-agreement-new", "/partners/partner-3/agreements/new-oftp2"),
    ("oftp2-partner", "/partners/partner-2"),
    ("oftp2-send", "/documents/new"),
    ("listeners", "/listeners"),
)


def place_of_oftp2(path: str, added: Added) -> str:
    return path.format(
        agreement=added.agreement.id,
        session=added.sessions[SessionOutcome.CLEAN].id,
        broken=added.sessions[SessionOutcome.BROKEN].id,
        resumed=added.resumed.id,
        cut=added.cut.id,
        held=added.held.id,
    )


def place(path: str, scene: Scene) -> str:
    failed = next(d for d in scene.documents if d.state.value == "failed")
    return path.format(
        agreement=scene.agreements[0].id,
        old=scene.old.certificate.fingerprint,
        document=scene.documents[3].id,
        failed=failed.id,
        line=scene.exchanges[1].id,
        offer=scene.offers[0].id,
        two=scene.offers[1].id,
        second=scene.offers[2].id,
    )


@pytest.mark.parametrize("part", range(4))
def test_every_page_is_fit_for_every_reader(page: Page, live: Live, part: int) -> None:
    scene = fill(live.ports)
    places = [(n, scene.base + place(p, scene)) for n, p in PAGES] + list(GATEWAY)
    found: list[str] = []
    for name, path in places[part::4]:
        page.goto(live.url + path)
        found += complaints(page, name)
    assert found == []


@pytest.mark.parametrize("part", range(3))
def test_every_page_of_oftp2_is_fit_for_every_reader(page: Page, live: Live, part: int) -> None:
    scene = fill(live.ports)
    added = fill_oftp2(live.ports, scene)
    found: list[str] = []
    for name, path in OFTP2[part::3]:
        page.goto(live.url + scene.base + place_of_oftp2(path, added))
        found += complaints(page, name)
    assert found == []


def test_signed_out_pages_are_fit_for_every_reader(chromium: object, live: Live, page: Page) -> None:
    page.context.clear_cookies()
    page.goto(f"{live.url}/sign-in")
    found = complaints(page, "sign-in")
    page.fill("#name", "administrator")
    page.fill("#password", "wrong")
    page.click("button[type=submit]")
    found += complaints(page, "sign-in-refused")
    page.goto(f"{live.url}/once/nothing")
    found += complaints(page, "link-gone")
    assert found == []


def test_the_empty_places_are_fit_for_every_reader(page: Page, live: Live) -> None:
    from tests import builders
    from tests.surfaces.web.gateway import put

    page.goto(live.url)
    found = complaints(page, "first-community")
    put(live.ports, builders.a_community(slug="alpha"))
    for name, path in (
        ("home-empty", ""),
        ("sent-empty", "/sent"),
        ("received-empty", "/received"),
        ("documents-empty", "/documents"),
        ("certificates-empty", "/certificates"),
        ("community-empty", "/community"),
    ):
        page.goto(f"{live.url}/c/alpha{path}")
        found += complaints(page, name)
    assert found == []


def test_pages_work_at_double_text_size(page: Page, live: Live) -> None:
    """The design's section 9: no sideways scroll at 390 px with 200 % text."""
    scene = fill(live.ports)
    page.set_viewport_size({"width": 390, "height": 900})
    wide = []
    for name, path in PAGES:
        page.goto(live.url + scene.base + place(path, scene))
        page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(name)
    assert wide == []


def test_nothing_on_any_page_is_blocked_by_the_policy(page: Page, live: Live) -> None:
    """Without axe, which styles by itself: no inline style or script, nothing from elsewhere, no error in a script."""
    scene = fill(live.ports)
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(live.url) else found.append(request.url))
    for _, path in PAGES:
        page.goto(live.url + scene.base + place(path, scene))
    page.goto(f"{live.url}{scene.base}/sent/138")
    with page.expect_response(lambda r: "hx-request" in r.request.headers):
        page.wait_for_selector("text=messages are leaving")
    page.wait_for_timeout(200)
    page.goto(f"{live.url}{scene.base}/sent")
    page.fill("#q", "nothing fits this")
    page.click("form.filters button[type=submit]")
    page.wait_for_selector("text=No request fits this filter")
    assert "q=nothing" in page.url
    assert found == []
