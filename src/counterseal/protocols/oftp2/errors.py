"""Faults of an OFTP2 session and of its files; each carries the reason code that tells the peer (RFC 5024 §5.3.10, §5.3.11).

OFTPFault (PeerFault)      ends the session; ``esid`` is what the peer is told
FileFault (PeerFault)      spoils one file; ``efna`` is what the peer is told
ReceiptFault (PeerFault)   a received EERP or NERP that proves nothing; the peer is told nothing (§3.3.5 note 4)
WrongState, InvalidValue (CallerFault)
"""

from typing import ClassVar

from counterseal.kernel.errors import CallerFault, PeerFault, Retry
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason


class OFTPFault(PeerFault):
    """The peer broke the session."""

    code = "oftp2.session"
    esid: ClassVar[ESIDReason] = ESIDReason.UNSPECIFIED


class UnknownCommand(OFTPFault):
    """The first octet of an exchange buffer names no command."""

    code = "oftp2.unknown-command"
    esid = ESIDReason.COMMAND_NOT_RECOGNISED


class ProtocolViolation(OFTPFault):
    """A command that the state tables do not allow now."""

    code = "oftp2.protocol-violation"
    esid = ESIDReason.PROTOCOL_VIOLATION


class InvalidField(OFTPFault):
    """A field holds what its format does not allow."""

    code = "oftp2.invalid-field"
    esid = ESIDReason.INVALID_DATA


class BufferSizeError(OFTPFault):
    """The length in the stream transmission header disagrees with the command, the range or the agreement."""

    code = "oftp2.buffer-size"
    esid = ESIDReason.BUFFER_SIZE_ERROR


class TimedOut(OFTPFault):
    """Nothing came within the inactivity time."""

    code = "oftp2.time-out"
    retry = Retry.LATER
    esid = ESIDReason.TIME_OUT


class Incompatible(OFTPFault):
    """The two SSIDs do not fit together: mode, level, buffer size or credit."""

    code = "oftp2.incompatible"
    retry = Retry.OPERATOR
    esid = ESIDReason.INCOMPATIBLE_MODE


class LevelTooOld(Incompatible):
    """The peer offers or answers a level below 5; going down would drop the agreed security."""

    code = "oftp2.level-too-old"


class ChallengeFailed(OFTPFault):
    """The authentication response is not the challenge."""

    code = "oftp2.challenge-failed"
    retry = Retry.OPERATOR
    esid = ESIDReason.INVALID_CHALLENGE_RESPONSE


class AuthenticationMismatch(OFTPFault):
    """One side wants secure authentication, the other does not."""

    code = "oftp2.authentication-mismatch"
    retry = Retry.OPERATOR
    esid = ESIDReason.AUTHENTICATION_INCOMPATIBLE


class Overrun(OFTPFault):
    """The peer goes on sending far beyond what was admitted."""

    code = "oftp2.overrun"


class ConnectionLost(OFTPFault):
    """The connection went away without an ESID."""

    code = "oftp2.connection-lost"
    retry = Retry.LATER


class FileFault(PeerFault):
    """The content of one file is not what its SFID promised."""

    code = "oftp2.file"
    efna: ClassVar[FileReason] = FileReason.UNSPECIFIED


class SignatureInvalid(FileFault):
    """No signature of the file verifies."""

    code = "oftp2.file-signature"
    efna = FileReason.INVALID_SIGNATURE


class DecryptionFailed(FileFault):
    """The file opens with none of our keys; one text for every cause."""

    code = "oftp2.file-decryption"
    efna = FileReason.DECRYPTION_FAILURE


class DecompressionFailed(FileFault):
    """The compressed content is damaged or larger than allowed."""

    code = "oftp2.file-decompression"
    efna = FileReason.DECOMPRESSION_FAILURE


class RecordsBroken(FileFault):
    """The record lengths inside a secured V file do not add up (§6.5)."""

    code = "oftp2.file-records"
    efna = FileReason.INVALID_RECORD_COUNT


class FileTooBig(FileFault):
    """The opened file is larger than admitted."""

    code = "oftp2.file-too-big"
    efna = FileReason.FILE_TOO_BIG


class ReceiptFault(PeerFault):
    """A receipt that proves nothing."""

    code = "oftp2.receipt"


class ReceiptUnsigned(ReceiptFault):
    """A signed receipt was asked for; an unsigned one came."""

    code = "oftp2.receipt-unsigned"


class ReceiptMismatch(ReceiptFault):
    """The receipt, its signed content or its hash names another file."""

    code = "oftp2.receipt-mismatch"


class ReceiptSignatureInvalid(ReceiptFault):
    """The signature does not verify with any certificate that may sign receipts."""

    code = "oftp2.receipt-signature"


class WrongState(CallerFault):
    """The verb is not allowed in this state."""

    code = "oftp2.wrong-state"


class SessionOver(WrongState):
    """The session has ended; a late answer is void and nothing is lost by dropping it."""

    code = "oftp2.session-over"


class InvalidValue(CallerFault):
    """A value that cannot be put on the wire."""

    code = "oftp2.invalid-value"
