"""Every requirement of the lists beside this file is named by a test, by a line on a divergence page, or marked as open.

A name is the id (``CEM-9``, or ``cem_9_`` in the name of a test), or lies in a range (``CEM-31 to CEM-35``). A line of a list is the
id, what it asks in a few words, and where nothing carries it yet ``# open: issue N``.
"""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNTS = {"bis": 26, "cem": 52, "oftp": 54, "peers": 29, "scx": 37}
PREFIXES = {"bis": "BIS", "cem": "CEM", "oftp": "OFTP", "peers": "P", "scx": "SCX"}
LINE = re.compile(r"(?P<id>[A-Z]+-\d+) +(?P<words>[^#]+?)(?:  # open: issue (?P<issue>\d+))?")
NAME = re.compile(r"(?<![A-Za-z0-9])(BIS|CEM|OFTP|P|SCX)-(\d+)(?!\d)")
RANGE = re.compile(r"\b(BIS|CEM|OFTP|P|SCX)-(\d+) to (?:(?:BIS|CEM|OFTP|P|SCX)-)?(\d+)\b")
TEST_NAME = re.compile(r"(?<=_)(bis|cem|oftp|p|scx)_(\d+)(?=_)")


def read_list(name: str) -> dict[str, str | None]:
    """Ids in order, each with the number of the issue that it waits for, or ``None``."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text().splitlines()
    read = [LINE.fullmatch(line) for line in lines]
    assert None not in read, lines[read.index(None)]
    return {line["id"]: line["issue"] for line in read if line is not None}


def names_in(text: str) -> set[str]:
    found = {f"{kind}-{number}" for kind, number in NAME.findall(text)}
    for kind, first, last in RANGE.findall(text):
        found |= {f"{kind}-{number}" for number in range(int(first), int(last) + 1)}
    return found


@cache
def named_by_tests() -> frozenset[str]:
    """But not by the tests that only look for names."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name != "test_requirements.py":
            text = path.read_text()
            found |= names_in(text)
            for name in re.findall(r"def (test_\w+)", text):
                found |= {f"{kind.upper()}-{number}" for kind, number in TEST_NAME.findall(name)}
    return frozenset(found)


@cache
def named_on_pages() -> frozenset[str]:
    return frozenset().union(*(names_in(path.read_text()) for path in (ROOT / "docs" / "divergences").glob("*.md")))


@pytest.mark.parametrize("name", COUNTS)
def test_each_list_is_complete_and_in_order(name: str) -> None:
    assert list(read_list(name)) == [f"{PREFIXES[name]}-{n}" for n in range(1, COUNTS[name] + 1)]


def test_every_list_is_looked_at() -> None:
    assert {path.stem for path in Path(__file__).parent.glob("*.txt")} == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_each_requirement_is_named_by_a_test_or_on_a_divergence_page_or_open(name: str) -> None:
    named = named_by_tests() | named_on_pages()
    missing = [wanted for wanted, issue in read_list(name).items() if issue is None and wanted not in named]
    assert missing == [], "no test and no divergence page names these"


@pytest.mark.parametrize("name", COUNTS)
def test_no_requirement_stays_marked_open_once_a_test_names_it(name: str) -> None:
    done = [wanted for wanted, issue in read_list(name).items() if issue is not None and wanted in named_by_tests()]
    assert done == [], "take the mark off these lines"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P-1, CEM-12", {"P-1", "CEM-12"}),
        ("BIS-8 to BIS-11", {"BIS-8", "BIS-9", "BIS-10", "BIS-11"}),
        ("SCX-1 to 3", {"SCX-1", "SCX-2", "SCX-3"}),
        ("OP-1, HTTP-2, cem-3", set()),
    ],
)
def test_names_are_found_alone_and_in_ranges(text: str, expected: set[str]) -> None:
    assert names_in(text) == expected
