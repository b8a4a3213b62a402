"""The reference pages say what the code says."""

import re

import pytest

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
