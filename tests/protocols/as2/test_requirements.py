"""Every requirement of the two AS2 lists is named by a test, or by the divergence page where it belongs elsewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LISTS = {"BIS": ROOT / "tests/requirements/bis.txt", "P": ROOT / "tests/requirements/peers.txt"}
COUNTS = {"BIS": 26, "P": 29}


def identifiers(kind: str) -> list[str]:
    return [line.split()[0] for line in LISTS[kind].read_text().splitlines()]


def named_in_page(kind: str) -> set[str]:
    text = (ROOT / "docs/divergences/as2.md").read_text()
    found = set(re.findall(rf"\b{kind}-\d+", text))
    for first, last in re.findall(rf"\b{kind}-(\d+) to {kind}-(\d+)", text):
        found |= {f"{kind}-{number}" for number in range(int(first), int(last) + 1)}
    return found


def named_in_tests(kind: str) -> set[str]:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    return {f"{kind}-{number}" for number in re.findall(rf"(?<![a-z]){kind.lower()}_(\d+)(?=_)", tests)}


@pytest.mark.parametrize("kind", LISTS)
def test_the_lists_are_complete(kind: str) -> None:
    assert identifiers(kind) == [f"{kind}-{number}" for number in range(1, COUNTS[kind] + 1)]


@pytest.mark.parametrize("kind", LISTS)
def test_each_requirement_is_named_by_a_test_or_by_the_divergence_page(kind: str) -> None:
    assert set(identifiers(kind)) <= named_in_tests(kind) | named_in_page(kind)


CORE = {
    "BIS": (1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 16, 17, 18, 19),
    "P": (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 19, 23, 28),
}
"""Those that the reading and writing of messages must carry: a test each, a line on a page is not enough."""


@pytest.mark.parametrize("kind", LISTS)
def test_what_concerns_messages_is_tested_by_name(kind: str) -> None:
    assert {f"{kind}-{number}" for number in CORE[kind]} <= named_in_tests(kind)
