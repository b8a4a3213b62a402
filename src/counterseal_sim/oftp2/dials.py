"""How a simulated OFTP2 partner behaves: one value, changed while it runs."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class AnswerDial(StrEnum):
    """What it answers in a session, up to the end of a file."""

    GOOD = "good"
    WRONG_PASSWORD = "wrong password"  # noqa: S105  a dial, not a password
    """Its SSID has another password than was agreed."""
    WRONG_CODE = "wrong code"
    """Another node answers at its address."""
    WRONG_CHALLENGE = "wrong challenge"
    """AURP with octets that were not in the envelope."""
    BUSY = "busy"
    """SFNA 14 with "retry later" for every file."""
    REFUSES = "refuses"
    """SFNA 02 for every file, for good."""
    STORES_NOTHING = "stores nothing"
    """EFNA 10 for every file that came whole."""
    REJECTS = "rejects"
    """EFNA 22 for every file that came whole."""
    HANGS_UP = "hangs up"
    """Closes without ESID after its EFPA (oftp2-scx.md C 25)."""
    MUTE = "mute"
    """Takes the connection and says nothing."""


class ReturnDial(StrEnum):
    """What comes back for a delivered file."""

    GOOD = "good"
    """A signed EERP where one is asked for, else an unsigned one."""
    UNSIGNED = "unsigned"
    DETACHED = "detached"
    """Signed with a detached CMS signature (oftp2-scx.md C 27)."""
    WRONG_HASH = "wrong hash"
    STRANGER = "stranger"
    """Signed with a key that nobody knows."""
    OTHER_FILE = "other file"
    """Names a file that was never sent."""
    NERP = "nerp"
    NERP_ODD_REASON = "nerp with a reason of another list"
    """NERPREAS 02 (oftp2-scx.md C 12)."""
    SILENT = "silent"


class OddField(StrEnum):
    """Octets that are not as the standard prints them (oftp2-scx.md C 3, 4)."""

    READY_WITHOUT_CR = "SSRM without its carriage return"
    SSID_WITHOUT_CR = "SSID without its carriage return"
    SHORT_CREDIT = "CDT without its reserved octets"
    BLANK_POSITION = "SFPA with blanks for a number"
    BLANK_FLAG = "EFPA with a blank for N"
    HEADER_ONLY = "a stream header without a buffer before closing"


@dataclass(frozen=True, slots=True, kw_only=True)
class OFTP2Dials:
    answer: AnswerDial = AnswerDial.GOOD
    returns: ReturnDial = ReturnDial.GOOD
    late: bool = False
    """Receipts do not come in the session of their file: the partner brings them when it calls (``OFTP2Partner.call``)."""
    slow_credit: timedelta = timedelta()
    """How long every CDT lets the speaker wait."""
    breaks_after: int | None = None
    """Each connection is reset once so many octets came, and at most one read more."""
    window: int = 32
    """The credit that it offers."""
    odd: frozenset[OddField] = frozenset()
    reason: str = "order 4711 is in it twice"
    """Text of a NERP."""
