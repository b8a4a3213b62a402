"""The three families of error that may cross a layer.

A policy "no" is not here: it is a decision with findings. Anything else that escapes a protocol core is a bug.

    Fault
     +-- PeerFault         the other side broke the protocol
     +-- CallerFault       we, or a person, asked for something that cannot be done
     +-- EnvironmentFault  disk, network, database, vault

Each concrete class carries a stable dotted ``code``; edges map codes to dispositions, reason codes, problem documents and
exit codes in tables that a test enumerates.
"""

from enum import StrEnum
from typing import ClassVar


class Retry(StrEnum):
    """Whether trying the same thing again can help."""

    NEVER = "never"
    LATER = "later"
    OPERATOR = "operator"


class Fault(Exception):
    """A failure with a code. ``detail`` is one sentence that is safe to show to its audience."""

    code: ClassVar[str] = "fault"
    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class PeerFault(Fault):
    """The other side broke the protocol; ``detail`` may be told to it."""

    code = "peer"


class CallerFault(Fault):
    """We misused an interface, or a person asked for something impossible; ``detail`` says what to do."""

    code = "caller"


class EnvironmentFault(Fault):
    """Disk, network, database or vault failed; the same call may work later."""

    code = "environment"
    retry = Retry.LATER
