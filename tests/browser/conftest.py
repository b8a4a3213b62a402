"""A console on a loopback port and a headless Chromium that looks at it. Screenshots go to ``test-output/``."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from counterseal.domain.people import Role
from counterseal.engine.ports import Ports
from counterseal.surfaces.web import create_console
from tests.surfaces.web.gateway import PASSWORD, add_user, make_ports

CHROMIUM = os.environ.get("COUNTERSEAL_TEST_CHROMIUM") or which("chromium") or which("chromium-browser") or ""
OUTPUT = Path(__file__).resolve().parents[2] / "test-output" / "browser"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@dataclass(frozen=True, slots=True)
class Live:
    """A console that listens."""

    url: str
    ports: Ports


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    ports = make_ports(tmp_path)
    add_user(ports, Role.ADMINISTRATOR)
    config = uvicorn.Config(
        create_console(ports), host="127.0.0.1", port=0, log_level="error", http="h11", ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Live(f"http://127.0.0.1:{port}", ports)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def playwright_() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright_: Playwright) -> Iterator[Browser]:
    browser = playwright_.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser
    browser.close()


def sign_in(page: Page, live: Live, name: str = "administrator") -> None:
    page.goto(f"{live.url}/sign-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, live: Live) -> Page:
    """A page whose console and policy must stay silent: nothing inline, nothing from elsewhere."""
    made = context.new_page()
    sign_in(made, live)
    return made
