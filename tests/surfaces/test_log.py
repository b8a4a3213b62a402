"""The log of a serving process: one form for our lines and for those of libraries."""

import json
import subprocess
import sys


def told(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the test runner has handlers of its own on Python's log."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def test_a_librarys_line_comes_in_our_form_with_its_facts() -> None:
    code = (
        "import logging; from counterseal.log import Log; from counterseal.settings import LogFormat;"
        "Log(LogFormat.JSON).take_over();"
        "logging.getLogger('a_library').error('console.failed', extra={'facts': {'reference': 'R-1'}})"
    )
    line = json.loads(told(code).stderr)
    assert (line["event"], line["level"], line["logger"], line["reference"]) == (
        "console.failed",
        "error",
        "a_library",
        "R-1",
    )


def test_nothing_of_it_is_loaded_before_the_first_line() -> None:
    """A start does not wait for it."""
    found = told("import sys, counterseal.app; print('structlog' in sys.modules, 'rich' in sys.modules)")
    assert found.stdout.split() == ["False", "False"]
