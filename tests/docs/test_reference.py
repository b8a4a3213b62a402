"""The reference pages say what the code says."""

import re

import pytest

from counterseal.engine.audit_events import EVENTS
from tests.docs.audit_events import recorded
from tests.docs.reference import FOLDER, pages

WRITTEN = pages()


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == WRITTEN[name], "run scripts/reference"


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_nothing_on_the_page_is_left_unsaid(name: str) -> None:
    rows = [line for line in WRITTEN[name].splitlines() if line.startswith("| `")]
    cells = [[c.strip() for c in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    meaning = 2 if name in {"configuration.md", "api.md", "settings.md"} else -1
    assert [row[0] for row in cells if not row[meaning]] == []


def test_every_audit_event_is_explained() -> None:
    assert [made for made in sorted(recorded()) if not any(re.fullmatch(made, name) for name in EVENTS)] == []


def test_every_explained_audit_event_can_be_recorded() -> None:
    made = recorded()
    assert [name for name in EVENTS if not any(re.fullmatch(pattern, name) for pattern in made)] == []


def test_the_source_is_read_through_every_kind_of_carrier() -> None:
    plain = {pattern.replace("\\", "") for pattern in recorded()}
    assert {
        "offer.received",  # written where the event is made
        "document.queued",  # through a function of the module
        "exchange.reminded",  # through two functions
        "certificate.changed",  # through a method of another module
        "people.user-disabled",  # through a variable and a condition
        "people.first-start-link-made",  # through a constant
        "offer.[a-z0-9-]+",  # put together
    } <= plain
