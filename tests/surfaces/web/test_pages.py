"""Every page that can be reached by a link answers, and says what it should."""

import re
from html import unescape
from urllib.parse import urljoin

from counterseal.engine.ports import Ports
from tests.surfaces.web.gateway import Browser
from tests.surfaces.web.scene import fill


def links_on(page: str, path: str) -> set[str]:
    found = {urljoin(path, unescape(href)).partition("#")[0] for href in re.findall(r'<a [^>]*href="([^"]+)"', page)}
    return {href for href in found if href.startswith("/")}


def crawl(visitor: Browser, start: str) -> set[str]:
    """Follows every link from ``start``; each must answer 200 or lead on."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = visitor.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status_code)
        if answer.headers["content-type"].startswith("text/html"):
            waiting += sorted(links_on(answer.text, path) - seen)
    return seen


def test_every_link_of_the_console_leads_somewhere(ports: Ports, admin: Browser) -> None:
    fill(ports)
    seen = crawl(admin, "/")
    assert len(seen) > 60
