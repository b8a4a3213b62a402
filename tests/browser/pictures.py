"""The README's pictures, taken from a running demo with the browser of the tests: ``scripts/pictures LINK LINK``."""

import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM

PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
WIDTH: Final = 1280


def signed_in(browser: Browser, link: str) -> tuple[Page, str]:
    context = browser.new_context(viewport={"width": WIDTH, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.goto(link)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/once" not in url)
    parts = urlsplit(link)
    return page, f"{parts.scheme}://{parts.netloc}"


def take(page: Page, address: str, name: str, *, height: int) -> None:
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.goto(address)
    page.screenshot(path=PICTURES / f"{name}.png")


def main(alpha_link: str, bravo_link: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        alpha, address = signed_in(browser, alpha_link)
        take(alpha, f"{address}/c/alpha/sent/1", "sent", height=1000)
        bravo, address = signed_in(browser, bravo_link)
        bravo.goto(f"{address}/c/bravo/received")
        offer = bravo.locator("main table a").first.get_attribute("href")
        take(bravo, f"{address}{offer}", "received", height=1000)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
