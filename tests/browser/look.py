"""Looking at a page as different readers do: width, scheme, axe, sideways scroll, picture."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import OUTPUT

VIEWS = (
    ("wide", 1440, "light"),
    ("wide-dark", 1440, "dark"),
    ("narrow", 390, "light"),
    ("narrow-dark", 390, "dark"),
)


def picture(page: Page, name: str, *, folder: Path = OUTPUT, full_page: bool = True) -> Path:
    """Where the page, as it stands in its window, was photographed to."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=full_page)
    return path


def complaints(page: Page, name: str) -> list[str]:
    """What is wrong with the page in any of the four views; it is photographed in each."""
    found: list[str] = []
    for view, width, scheme in VIEWS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        picture(page, f"{name}-{view}")
        found += [f"{name} {view}: {text}" for text in axe_complaints(page)]
        if view == "narrow":
            found += [f"{name} at {w}: scrolls sideways" for w in (360, 390, 768, 1440) if scrolls_sideways(page, w)]
    return found


def axe_complaints(page: Page) -> list[str]:
    results = Axe().run(page)
    return [
        f"{v['id']}: {v['help']} at {[node['target'] for node in v['nodes'][:3]]}"
        for v in results.response["violations"]
    ]


def scrolls_sideways(page: Page, width: int) -> bool:
    page.set_viewport_size({"width": width, "height": 900})
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
