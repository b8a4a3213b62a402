"""What can be wrong with an AS2 message or receipt, as faults with stable codes.

Which disposition each code gets stands in ``disposition``, in one table. Some of these are raised by the engine, which knows
the agreement: they are here because their codes and dispositions belong to AS2.
"""

from typing import TYPE_CHECKING

from counterseal.kernel.errors import CallerFault, PeerFault
from counterseal.kernel.keys import Digest

if TYPE_CHECKING:
    from counterseal.protocols.as2.opened import Progress


class AS2Fault(PeerFault):
    """An AS2 message that cannot be taken; the family of everything below."""

    code = "as2.fault"


class HeaderMissing(AS2Fault):
    """A header without which the message belongs to nobody: AS2-From or AS2-To (RFC 4130 6.2)."""

    code = "as2.header-missing"


class InvalidName(AS2Fault):
    """An AS2 name outside RFC 4130 6.2: empty, longer than 128 characters, or not printable ASCII."""

    code = "as2.invalid-name"


class InvalidMessageID(AS2Fault):
    """A Message-ID that is absent, too long, or has blanks or control characters in it (as2-bis.md BIS-7)."""

    code = "as2.invalid-message-id"


class MalformedMessage(AS2Fault):
    """The layers of the message do not fit together: no signature part, two of them, not the content that was declared."""

    code = "as2.malformed"


class TooComplex(AS2Fault):
    """More layers or nested multiparts than the limits allow."""

    code = "as2.too-complex"


class NeedsDigest(AS2Fault):
    """The signature uses digests that nobody announced: open the stored message again and name them.

    Not a refusal. ``open_message(..., also_digest=fault.digests)`` over the same bytes gives the answer.
    """

    code = "as2.needs-digest"

    def __init__(self, digests: frozenset[Digest]) -> None:
        super().__init__("the signature uses a digest that its micalg does not name")
        self.digests = digests


class NotOpened(AS2Fault):
    """``open_message`` failed: ``fault`` says why, ``progress`` what was known by then. Whatever the sink got is void."""

    code = "as2.not-opened"

    def __init__(self, fault: PeerFault, progress: "Progress") -> None:
        super().__init__(fault.detail)
        self.fault = fault
        self.progress = progress


class MalformedReceipt(AS2Fault):
    """Not the multipart/report of a disposition notification (RFC 4130 7.4, RFC 8098 3)."""

    code = "as2.malformed-receipt"


class UnsupportedMICAlgorithm(AS2Fault):
    """The receipt was asked for with digests of which none is computed here (RFC 4130 7.5.3, BIS-14)."""

    code = "as2.unsupported-mic-algorithm"


class UnsupportedReceiptFormat(AS2Fault):
    """A signed receipt was required in a format that is not pkcs7-signature (RFC 4130 7.5.3)."""

    code = "as2.unsupported-receipt-format"


class InsufficientSecurity(AS2Fault):
    """The agreement asks for a signature or encryption that the message does not have."""

    code = "as2.insufficient-security"


class UnknownRelationship(AS2Fault):
    """No agreement exists between these two AS2 names."""

    code = "as2.unknown-relationship"


class SenderEqualsReceiver(AS2Fault):
    """AS2-From and AS2-To are the same name (RFC 4130 7.5.6)."""

    code = "as2.sender-equals-receiver"


class DuplicateMessageID(AS2Fault):
    """The Message-ID of an earlier message with other content."""

    code = "as2.duplicate-message-id"


class DuplicateFileName(AS2Fault):
    """A file of this name was received before, and the agreement refuses that (BIS-17)."""

    code = "as2.duplicate-file-name"


class IllegalFileName(AS2Fault):
    """A file name that the agreement does not allow (BIS-17)."""

    code = "as2.illegal-file-name"


class ReceivingFailed(AS2Fault):
    """We could not take the message, for a reason on our side."""

    code = "as2.receiving-failed"


class IllegalEnvelope(CallerFault):
    """A message or receipt to be written whose parts contradict each other or the standard."""

    code = "as2.illegal-envelope"
