"""What a session tells its caller; those marked *answer* stop the session until the named verb is called."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from counterseal.kernel.finding import Finding
from counterseal.protocols.oftp2.commands import SFID, SSID, Receipt
from counterseal.protocols.oftp2.errors import OFTPFault
from counterseal.protocols.oftp2.negotiation import Agreed
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason


class Origin(StrEnum):
    """Who ended the session (§3.4.2 abort origin)."""

    LOCAL = "local"
    PEER = "peer"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerIdentified:
    """The peer's SSID came, level 5. *Answer*: ``accept_partner`` or ``abort`` (03 unknown, 04 password)."""

    ssid: SSID = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeWanted:
    """SECD came: the peer lets itself be challenged. *Answer*: ``send_challenge`` or ``abort`` (11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeReceived:
    """AUCH came. *Answer*: ``answer_challenge`` with the 20 octets in the envelope, or ``abort`` (11)."""

    envelope: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """Start and authentication are over. The initiator now speaks, the responder listens."""

    agreed: Agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReceived:
    """We speak now. After a solicited turn ``end`` is not allowed, after an unsolicited one ``give_turn`` is not."""

    solicited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOffered:
    """SFID came. *Answer*: ``accept_file`` or ``refuse_file``.

    ``problem`` is what the standard itself says against the file; such a file can only be refused.
    """

    sfid: SFID
    problem: FileReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReceived:
    """File octets, buffer compression undone, and the record ends among them (F and V files only)."""

    octets: bytes = field(repr=False)
    record_ends: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEnded:
    """EFID came and its counts fit. *Answer*: ``confirm_file`` (when durable) or ``reject_file``.

    ``octets`` and ``records`` are the totals of the file as transmitted; for a secured F or V file ``records`` is what the
    sender says, 0 or the count of the original (spec C 31).
    """

    octets: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBroken:
    """The file that was being received cannot be whole; EFNA was sent with this reason."""

    reason: FileReason
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccepted:
    """SFPA came: send from here on; for a V file call ``resume_v_file`` first when ``resume_at`` is not 0."""

    resume_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRefused:
    """SFNA came. ``code`` is what stood on the wire; with ``retry`` the file may be offered in a later session."""

    reason: FileReason
    code: str
    retry: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConfirmed:
    """EFPA came: the peer has the whole file. Its receipt comes later. ``turn_kept`` is false when it took the turn."""

    turn_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRejected:
    """EFNA came: the peer does not keep the file."""

    reason: FileReason
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptReceived:
    """EERP or NERP came. *Answer*: ``acknowledge_receipt`` (RTR), when it is durable."""

    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptTaken:
    """RTR came: the peer has our receipt, and we may speak again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A deviation that was tolerated."""

    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """Nothing more will come. ``clean`` is true only for the normal end of 9.12 F or our own ``end``.

    ``reason`` is ``None`` when no ESID was exchanged or its code is unknown (``code`` keeps it). A file whose EFPA was sent
    or received stays delivered, a receipt whose RTR was sent or received stays taken, however the session ended.
    """

    origin: Origin
    clean: bool
    reason: ESIDReason | None
    code: str
    text: str
    fault: OFTPFault | None


Event: TypeAlias = (
    PartnerIdentified
    | ChallengeWanted
    | ChallengeReceived
    | SessionOpened
    | TurnReceived
    | FileOffered
    | DataReceived
    | FileEnded
    | FileBroken
    | FileAccepted
    | FileRefused
    | FileConfirmed
    | FileRejected
    | ReceiptReceived
    | ReceiptTaken
    | Noted
    | SessionEnded
)
