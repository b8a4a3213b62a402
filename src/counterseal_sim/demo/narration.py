"""What the demo says, and the checks without which it says nothing."""

import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

WIDTH: Final = 108
_INDENT: Final = "   "
PAUSE_SECONDS: Final = 0.1

Found = TypeVar("Found")


class StepFailed(Exception):
    """Something that the demo was about to claim did not happen."""


@dataclass(slots=True)
class Narrator:
    """Numbered steps on standard output; a line appears only once it is true."""

    started: float = field(default_factory=time.monotonic)
    steps: int = 0
    claims: int = 0

    def step(self, title: str) -> None:
        self.steps += 1
        self._write("")
        self._write(f"{self.steps}. {title}")

    def say(self, text: str) -> None:
        """What is going to be done, or what it means."""
        self._write(textwrap.fill(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT))

    def saw(self, text: str) -> None:
        """One line of evidence, not wrapped, so that ids can be copied."""
        self._write(f"{_INDENT}  | {text}")

    def check(self, claim: str, holds: bool, seen: object = "") -> None:
        """Says ``claim`` when it holds. Raises ``StepFailed`` with what was seen instead."""
        if not holds:
            raise StepFailed(f"{claim}: that did not happen. Seen instead: {str(seen)[:600] or 'nothing'}")
        self.claims += 1
        self._write(textwrap.fill(claim, WIDTH, initial_indent=f"{_INDENT}ok  ", subsequent_indent=f"{_INDENT}    "))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @staticmethod
    def _write(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def wait_for(what: str, look: Callable[[], Found | None], *, within: float = 20.0) -> Found:
    """What ``look`` finds, asked again until then. Raises ``StepFailed`` after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > end:
            raise StepFailed(f"{what}: waited {within:.0f} seconds, and it did not happen")
        time.sleep(PAUSE_SECONDS)


def short(fingerprint: str) -> str:
    """The first 16 digits of a SHA-256 fingerprint, which is how much a person compares."""
    return " ".join(fingerprint[i : i + 4] for i in range(0, 16, 4)) if fingerprint else "none"
