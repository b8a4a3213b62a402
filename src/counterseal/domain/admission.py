"""Whether an inbound message is taken: known names first, then what the agreement requires, then its evidence.

    decide_head       before a byte of the body is stored      names, agreement active
    decide_admission  after the layers were opened             duplicate, signed, encrypted, by whom, for whom

A refusal is a value with the word that the edge maps to its wire code (MDN disposition, OFTP2 reason). Findings never stop a
message that the agreement allows: they are recorded with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.community import Station
from counterseal.domain.document import DocumentKind
from counterseal.domain.resolve import Held, find, finding_about_use
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import DocumentId, Fingerprint

CERTIFICATE_KINDS = frozenset({DocumentKind.CEM_REQUEST, DocumentKind.CEM_RESPONSE, DocumentKind.SCX})


class RefusalCode(StrEnum):
    UNKNOWN_RELATIONSHIP = "unknown-relationship"
    """No agreement between these names, or it is switched off."""
    INSUFFICIENT_SECURITY = "insufficient-security"
    """Not signed or not encrypted, although the agreement requires it."""
    AUTHENTICATION_FAILED = "authentication-failed"
    """Signed by a certificate that is not accepted from this partner today (cem.md row 3)."""
    DUPLICATE_ID = "duplicate-id"
    """The Message-ID of an earlier message with other content: one of the two is not what its sender meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    code: RefusalCode
    text: str
    """What the sender may read: what was expected, what came, what to do."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The same message came before: no new document, the stored receipt is the answer (product.md section 9)."""

    of: DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    findings: tuple[Finding, ...]
    signed_with: Assignment | None
    """Of theirs, to be marked as seen; ``None``: unsigned."""
    encrypted_to: Assignment | None
    """Of ours, to be marked as seen; ``None``: not encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is known before the body."""

    sender: str
    receiver: str
    station: Station | None
    """The station with the receiver's name."""
    agreement: Agreement | None
    """Between that station and the sender."""


def decide_head(head: Head) -> Agreement | Refused:
    """The agreement under which the message is received, or the refusal. It tells a stranger nothing but its own names."""
    if head.station is None or not head.station.enabled:
        return _stranger(head, "admission.unknown-station", f"No station here is called {head.receiver!r}.")
    if head.agreement is None:
        return _stranger(head, "admission.unknown-partner", f"{head.sender!r} has no agreement with {head.receiver!r}.")
    if not head.agreement.active:
        return _stranger(
            head, "admission.inactive", f"The agreement of {head.receiver!r} with {head.sender!r} is switched off."
        )
    return head.agreement


def _stranger(head: Head, code: str, internal: str) -> Refused:
    finding = Finding(
        code=code,
        severity=Severity.REFUSAL,
        subject=head.sender,
        text=f"{internal} Compare both names with the agreement, or make one.",
    )
    return Refused(
        code=RefusalCode.UNKNOWN_RELATIONSHIP,
        text=f"No agreement is known here between {head.sender!r} and {head.receiver!r}. Compare both names.",
        findings=(finding,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An inbound message of the same sender, receiver and Message-ID."""

    document_id: DocumentId
    content_digest: str
    refused: bool
    """It was answered with an error: its content was ignored, and the same id may come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the layers said, once they were opened and their own checks passed."""

    kind: DocumentKind
    message_id: str
    content_digest: str
    signed: bool
    signer: Fingerprint | None
    """The certificate that verified the signature; ``None``: unsigned, or none of the accepted ones did."""
    encrypted: bool
    recipient: Fingerprint | None
    """The certificate of ours that opened it."""
    earlier: tuple[Earlier, ...]


def decide_admission(
    opened: Opened, agreement: Agreement, assignments: Sequence[Assignment], held: Held, now: datetime
) -> Admitted | Duplicate | Refused:
    """Whether an opened message is taken (product.md section 8; cem.md section 6, rows 2, 3 and 22).

    Certificate messages need not be encrypted: CEM leaves it open (cem.md 2.5), and SCX files are never signed or encrypted
    (SCX-3). A CEM message must be signed where the agreement requires it.
    """
    sign, encrypt = _usages(agreement)
    signed_with = find(assignments, Side.THEIRS, sign, opened.signer) if opened.signer else None
    if opened.signed and signed_with is None:
        return _refuse(
            RefusalCode.AUTHENTICATION_FAILED,
            "admission.signer",
            opened,
            "The message is signed by a certificate that is not in use between us. Sign it with the one that is.",
        )
    missing = _missing(opened, agreement)
    if missing is not None:
        return missing
    same = next((e for e in opened.earlier if e.content_digest == opened.content_digest and not e.refused), None)
    if same is not None:
        return Duplicate(of=same.document_id)
    encrypted_to = find(assignments, Side.OURS, encrypt, opened.recipient) if opened.recipient else None
    if any(not e.refused for e in opened.earlier):
        text = "A message with this Message-ID and other content came before. Send it with a Message-ID of its own."
        return _refuse(RefusalCode.DUPLICATE_ID, "admission.id-reused", opened, text)
    findings: list[Finding] = []
    if not opened.signed and opened.kind is not DocumentKind.SCX:
        findings.append(_note("admission.unsigned", opened, "It came unsigned, as the agreement allows."))
    for used, usage in ((signed_with, sign), (encrypted_to, encrypt)):
        if used is not None:
            about = finding_about_use(held, used.fingerprint, usage, now)
            findings += [about] if about is not None else []
            findings += [_old(used)] if used.state is AssignmentState.RETIRING else []
    return Admitted(findings=tuple(findings), signed_with=signed_with, encrypted_to=encrypted_to)


def _usages(agreement: Agreement) -> tuple[Usage, Usage]:
    if agreement.protocol is Protocol.AS2:
        return Usage.SIGN, Usage.ENCRYPT
    return Usage.FILE_SIGN, Usage.FILE_ENCRYPT


def _missing(opened: Opened, agreement: Agreement) -> Refused | None:
    """The first requirement that the message does not meet."""
    code = RefusalCode.INSUFFICIENT_SECURITY
    if opened.kind is DocumentKind.SCX:
        return None
    if agreement.terms.require_signed and not opened.signed:
        return _refuse(
            code, "admission.unsigned", opened, "The message is not signed; this agreement requires it. Sign it."
        )
    if agreement.terms.require_encrypted and not opened.encrypted and opened.kind not in CERTIFICATE_KINDS:
        text = "The message is not encrypted; this agreement requires it. Encrypt it to our certificate that is in use."
        return _refuse(code, "admission.unencrypted", opened, text)
    return None


def _refuse(code: RefusalCode, finding_code: str, opened: Opened, text: str) -> Refused:
    finding = Finding(code=finding_code, severity=Severity.REFUSAL, subject=opened.message_id, text=text)
    return Refused(code=code, text=text, findings=(finding,))


def _note(code: str, opened: Opened, text: str) -> Finding:
    return Finding(code=code, severity=Severity.NOTE, subject=opened.message_id, text=text)


def _old(used: Assignment) -> Finding:
    whose = "its" if used.side is Side.THEIRS else "our"
    return Finding(
        code="admission.old-certificate",
        severity=Severity.NOTE,
        subject=used.fingerprint,
        text=f"The partner still uses {whose} earlier certificate for {used.usage.value}. Both are accepted.",
    )
