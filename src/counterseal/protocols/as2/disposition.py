"""Dispositions (RFC 4130 7.5, RFC 8098 3.2.6, as2-bis.md BIS-17): the wire form, and one table from fault codes to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.kernel.errors import PeerFault
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.text import clean_text

MAX_TEXT: Final = 256


class Profile(StrEnum):
    """Which AS2 is spoken (as2-bis.md)."""

    RFC4130 = "rfc4130"
    MODERN = "modern"


class DispositionType(StrEnum):
    PROCESSED = "processed"
    FAILED = "failed"


class Modifier(StrEnum):
    ERROR = "error"
    FAILURE = "failure"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """What became of a message, as a receipt says it."""

    type: DispositionType
    modifier: Modifier | None
    """``None``: plain success (or a plain failure)."""
    extension: str
    """What follows the modifier: ``decryption-failed``; empty where nothing does."""
    mode: str = "automatic-action/MDN-sent-automatically"

    @property
    def positive(self) -> bool:
        """The message was taken. A warning is (RFC 4130 7.5.5)."""
        return self.type is DispositionType.PROCESSED and self.modifier in (None, Modifier.WARNING)

    @property
    def clean(self) -> bool:
        return self.type is DispositionType.PROCESSED and self.modifier is None

    def format(self) -> str:
        """The field's value: ``mode; processed/error: decryption-failed``."""
        text = f"{self.mode}; {self.type.value}"
        if self.modifier is not None:
            text += f"/{self.modifier.value}"
            if self.extension:
                text += f": {self.extension}"
        return text


PROCESSED: Final = Disposition(type=DispositionType.PROCESSED, modifier=None, extension="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How one fault is told to the partner."""

    type: DispositionType
    modifier: Modifier
    rfc4130: str
    """What RFC 4130 7.4.3 and 7.5 know; old partners get the nearest of it."""
    modern: str
    """BIS-17."""
    sentence: str
    """For people: in the text part of the receipt, and on the document's page when a partner sends it to us."""

    def disposition(self, profile: Profile) -> Disposition:
        extension = self.modern if profile is Profile.MODERN else self.rfc4130
        return Disposition(type=self.type, modifier=self.modifier, extension=extension)


AUTHENTICATION: Final = "authentication-failed"
DECRYPTION: Final = "decryption-failed"
DECOMPRESSION: Final = "decompression-failed"
INTEGRITY: Final = "integrity-check-failed"
SECURITY: Final = "insufficient-message-security"
UNEXPECTED: Final = "unexpected-processing-error"


def _error(rfc4130: str, sentence: str, *, modern: str = "") -> Row:
    return Row(
        type=DispositionType.PROCESSED,
        modifier=Modifier.ERROR,
        rfc4130=rfc4130,
        modern=modern or rfc4130,
        sentence=sentence,
    )


def _failure(rfc4130: str, sentence: str, *, modern: str = "") -> Row:
    return Row(
        type=DispositionType.FAILED,
        modifier=Modifier.FAILURE,
        rfc4130=rfc4130,
        modern=modern or rfc4130,
        sentence=sentence,
    )


FALLBACK: Final = _error(UNEXPECTED, "The message could not be processed.")
"""For codes of other packages (what is inside the message), whose detail says what is wrong."""

_UNREADABLE = "The structure of the message could not be read."
_TOO_LARGE = "The message, or something in it, exceeds a limit of the receiver."
_DECRYPTION = "The message could not be decrypted."

TABLE: Final[Mapping[str, Row]] = {
    # RFC 4130 7.5.4: decryption-failed, one for every cause (RFC 3218)
    "cms.decryption-failed": _error(DECRYPTION, _DECRYPTION),
    # RFC 4130 7.4.3 (RFC 5402 5): decompression-failed
    "cms.decompression-failed": _error(DECOMPRESSION, "The message could not be decompressed."),
    # RFC 4130 7.5.4: authentication-failed, the sender is not who it should be
    "cms.signer-unknown": _error(
        AUTHENTICATION, "The signature was made with a certificate that is not agreed for this relationship."
    ),
    "cms.no-signer": _error(AUTHENTICATION, "The signature names no signer."),
    # RFC 4130 7.5.4: integrity-check-failed, the content is not what was signed
    "cms.signature-invalid": _error(INTEGRITY, "The signature does not fit the content of the message."),
    # RFC 4130 7.4.3: insufficient-message-security
    "as2.insufficient-security": _error(SECURITY, "The message is not signed or encrypted as agreed."),
    # RFC 4130 7.5.3: failures that keep a receipt from being made as asked
    "as2.unsupported-mic-algorithm": _failure(
        "unsupported MIC-algorithms",
        "None of the requested MIC algorithms is supported.",
        modern="unsupported-mic-algorithm",
    ),
    "as2.unsupported-receipt-format": _failure(
        "unsupported format", "The requested format of the signed receipt is not supported."
    ),
    "as2.sender-equals-receiver": _failure(
        "sender-equals-receiver", "The AS2-To name is identical to the AS2-From name."
    ),
    # BIS-17
    "as2.unknown-relationship": _error(
        AUTHENTICATION,
        "These AS2 names have no trading relationship here.",
        modern="unknown-trading-relationship",
    ),
    "as2.header-missing": _error(
        UNEXPECTED, "A header that AS2 requires is missing.", modern="unknown-trading-relationship"
    ),
    "as2.invalid-name": _error(
        UNEXPECTED, "An AS2 name is not of the form that AS2 requires.", modern="unknown-trading-relationship"
    ),
    "as2.invalid-message-id": _error(
        UNEXPECTED, "The Message-ID is missing or malformed.", modern="invalid-message-id"
    ),
    "as2.duplicate-message-id": _error(
        UNEXPECTED, "A message with this Message-ID and other content came before.", modern="invalid-message-id"
    ),
    "as2.duplicate-file-name": _error(
        UNEXPECTED, "A file of this name was received before.", modern="duplicate-filename"
    ),
    "as2.illegal-file-name": _error(UNEXPECTED, "The file name is not allowed.", modern="illegal-filename"),
    # RFC 4130 7.5.4: unexpected-processing-error, everything else
    "cms.unsupported-algorithm": _error(UNEXPECTED, "The message uses an algorithm that is not supported."),
    "cms.limit-exceeded": _error(UNEXPECTED, _TOO_LARGE),
    "cms.malformed": _error(UNEXPECTED, _UNREADABLE),
    "cms.fault": _error(UNEXPECTED, _UNREADABLE),
    "mime.limit-exceeded": _error(UNEXPECTED, _TOO_LARGE),
    "mime.malformed": _error(UNEXPECTED, _UNREADABLE),
    "x509.malformed": _error(UNEXPECTED, "A certificate in the message could not be read."),
    "as2.too-complex": _error(UNEXPECTED, _TOO_LARGE),
    "as2.malformed": _error(UNEXPECTED, _UNREADABLE),
    "as2.malformed-receipt": _error(UNEXPECTED, "The receipt could not be read."),
    "as2.needs-digest": _error(UNEXPECTED, "The signature uses a digest that its micalg does not name."),
    "as2.not-opened": FALLBACK,
    "as2.receiving-failed": FALLBACK,
    "as2.fault": FALLBACK,
}


def row_of(fault: PeerFault) -> Row:
    """How ``fault`` is told; ``FALLBACK`` for codes of other packages."""
    return TABLE.get(fault.code, FALLBACK)


_MEANINGS: Final[Mapping[str, str]] = {
    AUTHENTICATION: "The partner could not verify who sent the message: does it have our current certificate?",
    INTEGRITY: "The partner found the content changed on the way, or could not verify the signature over it.",
    DECRYPTION: "The partner could not decrypt the message: do we have its current certificate?",
    DECOMPRESSION: "The partner could not decompress the message: does it support compression?",
    SECURITY: "The partner asks for a signature or encryption that the agreement here does not have.",
    UNEXPECTED: "The partner reports a fault on its side without a nearer reason.",
    "unknown-trading-relationship": "The partner does not know these AS2 names.",
    "invalid-message-id": "The partner does not take the Message-ID.",
    "duplicate-filename": "The partner has received a file of this name before.",
    "illegal-filename": "The partner does not take the file name.",
    "duplicate-document": "The partner has received this document before.",
    "sender-equals-receiver": "The partner sees its own name as the sender.",
    "unsupported mic-algorithms": "The partner supports none of the requested MIC algorithms.",
    "unsupported-mic-algorithm": "The partner supports none of the requested MIC algorithms.",
    "unsupported format": "The partner does not support the requested format of a signed receipt.",
    "authentication-failed, processing continued": "The partner could not verify who sent the message, and took it.",
}


def meaning(disposition: Disposition) -> str:
    """A received disposition in a sentence for our operator."""
    if disposition.clean:
        return "The partner has taken the message."
    return _MEANINGS.get(disposition.extension.lower(), f"The partner says: {disposition.format()}")


_FORM: Final = re.compile(
    r"""(?:(?P<mode>[^;]*);)?\s*(?P<type>[A-Za-z-]+)\s*(?:/\s*(?P<modifier>[A-Za-z-]+)\s*[:;,]?\s*(?P<extension>.*))?""",
    re.DOTALL,
)
_POSITIVE_TYPES: Final = frozenset({"processed", "displayed", "dispatched"})
"""RFC 3798's older types are read as ``processed``: some mail-based products answer so."""


def parse_disposition(value: str, *, fields: Mapping[str, str], leniencies: set[Leniency]) -> Disposition | None:
    """A Disposition field as real peers write it; ``None`` where it says nothing that can be understood.

    ``fields`` are the Error, Failure and Warning fields (names in lower case), which RFC 3798's own form uses in place of an
    extension (RFC 4130 7.5.6). What is not clearly positive is negative: a tolerance never makes a success.
    """
    match = _FORM.fullmatch(clean_text(value, 4 * MAX_TEXT).strip("\"' "))
    if match is None:
        return None
    kind = match["type"].lower()
    if kind not in _POSITIVE_TYPES and kind != "failed":
        return None
    if not match["mode"] or "/" not in match["mode"]:
        leniencies.add(Leniency.DISPOSITION_MODE_MISSING)
    modifier, extension = _modifier(match["modifier"], match["extension"] or "", leniencies)
    if modifier is not None and not extension:
        extension = clean_text(fields.get(modifier.value, ""), MAX_TEXT)
    return Disposition(
        type=DispositionType.PROCESSED if kind in _POSITIVE_TYPES else DispositionType.FAILED,
        modifier=modifier,
        extension=extension[:MAX_TEXT],
        mode=(match["mode"] or "").strip()[:MAX_TEXT],
    )


def _modifier(word: str | None, rest: str, leniencies: set[Leniency]) -> tuple[Modifier | None, str]:
    if word is None:
        return None, ""
    known = next((m for m in Modifier if m.value == word.lower()), None)
    if known is not None:
        return known, rest.strip("\"' ")
    leniencies.add(Leniency.DISPOSITION_MODIFIER_UNUSUAL)
    return Modifier.ERROR, f"{word} {rest}".strip()
