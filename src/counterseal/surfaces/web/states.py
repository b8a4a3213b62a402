"""How each state looks: a word, a shape and a tone, in one place (the design's section 5). A test covers every member."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.domain.agreement import CEMCapability
from counterseal.domain.document import Document, DocumentState, TransferOutcome
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.offer import OfferedState
from counterseal.domain.oftp_session import SessionOutcome
from counterseal.domain.trust_request import TrustRequestState
from counterseal.domain.usage import AssignmentState
from counterseal.domain.wizard import Preflight
from counterseal.engine.views.home import NeedKind
from counterseal.engine.views.received import ReceivedState
from counterseal.engine.views.sent import LineState
from counterseal.kernel.finding import Severity


class Tone(StrEnum):
    OK = "ok"
    WAIT = "wait"
    WARN = "warn"
    BAD = "bad"
    SHIFT = "shift"
    IDLE = "idle"


class PersonState(StrEnum):
    ACTIVE = "active"
    INVITED = "invited"
    SWITCHED_OFF = "switched off"


class TokenState(StrEnum):
    ACTIVE = "active"
    ENDED = "ended"
    REVOKED = "revoked"


class Standing(StrEnum):
    """Of a station or an agreement."""

    ACTIVE = "active"
    SWITCHED_OFF = "switched off"


class ChainState(StrEnum):
    HOLDS = "holds"
    BROKEN = "broken"


class Retrying(StrEnum):
    """A document that is queued again after an attempt that failed."""

    RETRYING = "retrying"


@dataclass(frozen=True, slots=True)
class Look:
    word: str
    shape: str
    """An icon of the sprite, without its ``i-``."""
    tone: Tone


_OK, _WAIT, _WARN, _BAD, _SHIFT, _IDLE = Tone.OK, Tone.WAIT, Tone.WARN, Tone.BAD, Tone.SHIFT, Tone.IDLE

TRUST_REQUEST: Final[Mapping[StrEnum, Look]] = {
    TrustRequestState.OPEN: Look("Open", "open", _WAIT),
    TrustRequestState.PARTLY_ANSWERED: Look("Partly answered", "partly", _WAIT),
    TrustRequestState.COMPLETE: Look("Complete", "complete", _OK),
    TrustRequestState.REJECTED: Look("Rejected", "rejected", _BAD),
    TrustRequestState.OVERDUE: Look("Overdue", "overdue", _WARN),
    TrustRequestState.WITHDRAWN: Look("Withdrawn", "withdrawn", _IDLE),
    TrustRequestState.FAILED: Look("Failed", "failed", _BAD),
}
LINE: Final[Mapping[StrEnum, Look]] = {
    LineState.QUEUED: Look("Queued", "queued", _IDLE),
    LineState.WAITING: Look("Waiting", "open", _WAIT),
    LineState.OVERDUE: Look("Overdue", "overdue", _WARN),
    LineState.ACCEPTED: Look("Accepted", "accepted", _OK),
    LineState.IN_USE: Look("In use", "complete", _OK),
    LineState.REJECTED: Look("Rejected", "rejected", _BAD),
    LineState.FAILED: Look("Failed", "failed", _BAD),
    LineState.WITHDRAWN: Look("Withdrawn", "withdrawn", _IDLE),
}
EXCHANGE: Final[Mapping[StrEnum, Look]] = {
    ExchangeState.QUEUED: Look("Queued", "queued", _IDLE),
    ExchangeState.SENT: Look("Sent", "open", _WAIT),
    ExchangeState.RECEIVED: Look("Received", "partly", _WAIT),
    ExchangeState.ACCEPTED: Look("Accepted", "accepted", _OK),
    ExchangeState.REJECTED: Look("Rejected", "rejected", _BAD),
    ExchangeState.FAILED: Look("Failed", "failed", _BAD),
    ExchangeState.WITHDRAWN: Look("Withdrawn", "withdrawn", _IDLE),
}
ASSIGNMENT: Final[Mapping[StrEnum, Look]] = {
    AssignmentState.STAGED: Look("Staged", "staged", _SHIFT),
    AssignmentState.ACTIVE: Look("Active", "active", _OK),
    AssignmentState.RETIRING: Look("Retiring", "retiring", _SHIFT),
    AssignmentState.RETIRED: Look("Retired", "retired", _IDLE),
    AssignmentState.REVOKED: Look("Revoked", "revoked", _BAD),
}
FINDING: Final[Mapping[StrEnum, Look]] = {
    Severity.PASSED: Look("Passed", "check", _OK),
    Severity.NOTE: Look("Note", "note", _WAIT),
    Severity.WARNING: Look("Warning", "warning", _WARN),
    Severity.REFUSAL: Look("Refusal", "rejected", _BAD),
}
RECEIVED: Final[Mapping[StrEnum, Look]] = {
    ReceivedState.NEEDS_DECISION: Look("Needs a decision", "hand", _WARN),
    ReceivedState.NEEDS_SECOND: Look("Needs a second person", "partly", _WARN),
    ReceivedState.ACCEPTED: Look("Accepted", "accepted", _OK),
    ReceivedState.PARTLY: Look("Partly accepted", "split", _WARN),
    ReceivedState.REJECTED: Look("Rejected", "rejected", _BAD),
    ReceivedState.REFUSED: Look("Refused, not valid", "failed", _BAD),
}
OFFERED: Final[Mapping[StrEnum, Look]] = {
    OfferedState.PENDING: Look("Needs a decision", "hand", _WARN),
    OfferedState.ACCEPTED: Look("Accepted", "accepted", _OK),
    OfferedState.REJECTED: Look("Rejected", "rejected", _BAD),
}
DOCUMENT: Final[Mapping[StrEnum, Look]] = {
    DocumentState.QUEUED: Look("Queued", "queued", _IDLE),
    DocumentState.SENDING: Look("Sending", "partly", _WAIT),
    DocumentState.SENT: Look("Sent, receipt awaited", "open", _WAIT),
    DocumentState.DELIVERED: Look("Delivered", "complete", _OK),
    DocumentState.DELIVERED_DIFFERENT: Look("Delivered with a difference", "warning", _WARN),
    DocumentState.UNCERTAIN: Look("Uncertain", "uncertain", _WARN),
    DocumentState.REJECTED: Look("Rejected", "rejected", _BAD),
    DocumentState.FAILED: Look("Failed", "failed", _BAD),
    DocumentState.CANCELLED: Look("Cancelled", "withdrawn", _IDLE),
    DocumentState.RECEIVING: Look("Receiving", "receiving", _WAIT),
    DocumentState.RECEIVED: Look("Received", "accepted", _WAIT),
    DocumentState.REFUSED: Look("Refused", "revoked", _BAD),
}
RETRYING: Final[Mapping[StrEnum, Look]] = {Retrying.RETRYING: Look("Retrying", "overdue", _WARN)}
TRANSFER: Final[Mapping[StrEnum, Look]] = {
    TransferOutcome.OK: Look("Sent", "out", _OK),
    TransferOutcome.FAILED: Look("Failed", "overdue", _WARN),
}
CAPABILITY: Final[Mapping[StrEnum, Look]] = {
    CEMCapability.PROVED: Look("Proved", "complete", _OK),
    CEMCapability.ANNOUNCED: Look("Announced", "open", _WAIT),
    CEMCapability.SILENT: Look("Announced but silent", "overdue", _WARN),
    CEMCapability.UNKNOWN: Look("Unknown", "queued", _IDLE),
    CEMCapability.OFF: Look("Off", "retired", _IDLE),
}
PREFLIGHT: Final[Mapping[StrEnum, Look]] = {
    Preflight.WILL_MATCH: Look("Will match", "check", _OK),
    Preflight.MAY_NOT_MATCH: Look("May not match", "warning", _WARN),
    Preflight.WILL_NOT_MATCH: Look("Will not match", "rejected", _BAD),
}
NEED: Final[Mapping[StrEnum, Look]] = {
    NeedKind.DECISION: Look("Needs a decision", "hand", _WARN),
    NeedKind.RECEIPT: Look("Receipt waits", "held", _WARN),
    NeedKind.CHANGED_BACK: Look("Put back", "swap", _BAD),
    NeedKind.TRANSFERS: Look("Not getting through", "failed", _BAD),
    NeedKind.REJECTED: Look("Rejected", "rejected", _BAD),
    NeedKind.NOT_TOLD: Look("Could not be told", "cut", _BAD),
    NeedKind.OVERDUE: Look("Overdue", "overdue", _WARN),
    NeedKind.EXPIRY: Look("Ends soon", "hourglass", _WARN),
}
PERSON: Final[Mapping[StrEnum, Look]] = {
    PersonState.ACTIVE: Look("Active", "active", _OK),
    PersonState.INVITED: Look("Invited", "mail", _WAIT),
    PersonState.SWITCHED_OFF: Look("Switched off", "retired", _IDLE),
}
TOKEN: Final[Mapping[StrEnum, Look]] = {
    TokenState.ACTIVE: Look("Active", "active", _OK),
    TokenState.ENDED: Look("Ended", "retired", _IDLE),
    TokenState.REVOKED: Look("Revoked", "revoked", _BAD),
}
STANDING: Final[Mapping[StrEnum, Look]] = {
    Standing.ACTIVE: Look("Active", "active", _OK),
    Standing.SWITCHED_OFF: Look("Switched off", "retired", _IDLE),
}
SESSION: Final[Mapping[StrEnum, Look]] = {
    SessionOutcome.OPEN: Look("Running", "partly", _WAIT),
    SessionOutcome.CLEAN: Look("Ended", "complete", _OK),
    SessionOutcome.BROKEN: Look("Broken off", "cut", _WARN),
    SessionOutcome.REFUSED: Look("Refused", "rejected", _BAD),
    SessionOutcome.UNREACHABLE: Look("No answer", "failed", _BAD),
}
CHAIN: Final[Mapping[StrEnum, Look]] = {
    ChainState.HOLDS: Look("Holds", "link", _OK),
    ChainState.BROKEN: Look("Broken", "cut", _BAD),
}

TABLES: Final[tuple[Mapping[StrEnum, Look], ...]] = (
    TRUST_REQUEST,
    LINE,
    EXCHANGE,
    ASSIGNMENT,
    FINDING,
    RECEIVED,
    OFFERED,
    DOCUMENT,
    RETRYING,
    TRANSFER,
    CAPABILITY,
    PREFLIGHT,
    NEED,
    PERSON,
    TOKEN,
    STANDING,
    SESSION,
    CHAIN,
)
_BY_TYPE: Final = {type(next(iter(table))): table for table in TABLES}


def look(state: StrEnum) -> Look:
    """The look of any state that has a table here."""
    return _BY_TYPE[type(state)][state]


def document_look(document: Document) -> Look:
    """A document queued again after a failed attempt is *retrying*, not merely queued."""
    if document.state is DocumentState.QUEUED and document.tries > 0:
        return RETRYING[Retrying.RETRYING]
    return DOCUMENT[document.state]
