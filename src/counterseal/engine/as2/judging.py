"""A partner's receipt measured by what we sent: what it proves for the document, and the record of it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.agreement import AS2Terms
from counterseal.domain.assignment import Assignment
from counterseal.domain.document import (
    Direction,
    Document,
    DocumentEvent,
    Message,
    MessageKind,
    ReceiptDiffers,
    ReceiptDoubtful,
    ReceiptNegative,
    ReceiptPositive,
)
from counterseal.domain.resolve import find
from counterseal.domain.usage import Side, Usage
from counterseal.engine.ports import Ports
from counterseal.engine.relationship import Relationship, certificates_of
from counterseal.engine.translate import as2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint, MessageRowId
from counterseal.kernel.keys import Digest
from counterseal.protocols import as2
from counterseal.protocols.as2 import MICVerdict, Modifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a receipt comes to."""

    event: DocumentEvent
    receipt: Message
    """To be stored."""
    signed_with: Assignment | None
    """Of theirs, to be marked as seen."""
    proved: tuple[Assignment, ...] = ()
    """What they could verify and decrypt our message with, to be marked as seen too: the receipt is signed, and says that they
    took it."""


def judge(
    ports: Ports,
    around: Relationship,
    document: Document,
    sent: Message,
    head: as2.MessageHead,
    body: bytes,
    now: datetime,
) -> Judged:
    """The receipt for ``sent``. Nothing that is not clearly positive is a success (product.md section 4)."""
    signers = certificates_of(around.acceptors(Side.THEIRS, Usage.SIGN))
    try:
        opened = as2.open_receipt(head, body, signers=signers, limits=as2.DEFAULT_LIMITS)
    except PeerFault as fault:
        reason = f"The receipt cannot be trusted: {fault.detail}"
        row = _row(
            ports,
            around,
            document,
            sent,
            head,
            body,
            now,
            disposition="",
            findings=(_finding(fault.code, sent, reason),),
        )
        return Judged(event=ReceiptDoubtful(reason), receipt=row, signed_with=None)
    signer = _signer(opened)
    event = _event(ports, around.agreement.as2, document, sent, opened)
    findings = [*translate.findings_about(opened.leniencies, head.message_id or sent.wire_id)]
    if _is_of_uncompressed(sent, opened):
        findings += translate.findings_about(frozenset({as2.Leniency.MIC_UNCOMPRESSED}), sent.wire_id)
    reason = getattr(event, "reason", "")
    if reason:
        findings.append(_finding("receipt.not-a-success", sent, reason))
    row = _row(
        ports,
        around,
        document,
        sent,
        head,
        body,
        now,
        disposition=opened.disposition.format(),
        findings=tuple(findings),
        mic=opened.mic_text,
        signer=signer,
    )
    seen = find(around.assignments, Side.THEIRS, Usage.SIGN, signer) if signer else None
    taken = seen is not None and isinstance(event, ReceiptPositive | ReceiptDiffers)
    return Judged(event=event, receipt=row, signed_with=seen, proved=_used(around, sent) if taken else ())


def _used(around: Relationship, sent: Message) -> tuple[Assignment, ...]:
    used = ((Side.OURS, Usage.SIGN, sent.signer), (Side.THEIRS, Usage.ENCRYPT, sent.recipient))
    found = (find(around.assignments, side, usage, fingerprint) for side, usage, fingerprint in used if fingerprint)
    return tuple(a for a in found if a is not None)


def _event(
    ports: Ports, terms: AS2Terms, document: Document, sent: Message, opened: as2.OpenedReceipt
) -> DocumentEvent:
    if opened.original_message_id is not None and opened.original_message_id != sent.wire_id:
        return ReceiptDoubtful(f"The receipt is for another message: {opened.original_message_id}.")
    disposition = opened.disposition
    if not disposition.positive:
        reason = as2.meaning(disposition)
        if opened.text:
            reason += f" In its words: {opened.text[:500]}"
        # as2-peers P-13: an error on a retry is no proof that the first attempt failed.
        if document.tries > 1 and disposition.extension.lower() == "unexpected-processing-error":
            return ReceiptDoubtful(
                f"The retry was answered with an error; the first attempt may have arrived. {reason}"
            )
        return ReceiptNegative(reason)
    if terms.receipt_signed and not opened.signed:
        return ReceiptDiffers(
            "The partner took the message, but its receipt is not signed as asked: it proves nothing."
        )
    differs = _mic_difference(ports, terms, sent, opened)
    if differs:
        return ReceiptDiffers(differs)
    if disposition.modifier is Modifier.WARNING:
        return ReceiptDiffers(f"The partner took the message with a warning: {as2.meaning(disposition)}")
    return ReceiptPositive()


def _mic_difference(ports: Ports, terms: AS2Terms, sent: Message, opened: as2.OpenedReceipt) -> str:
    """Empty when the MIC proves that they have what we sent."""
    ours = translate.parse_mics(sent.mic)
    verdict = as2.compare_mic(ours, opened.mic, envelope={})
    if verdict is MICVerdict.EQUAL or _is_of_uncompressed(sent, opened):
        return ""
    if verdict is MICVerdict.DIFFERENT:
        verdict = as2.compare_mic(ours, opened.mic, envelope=_envelope_digests(ports, sent, opened.mic))
    theirs = opened.mic_text or "none"
    if verdict is MICVerdict.ENVELOPE:
        if _told_as_authenticated(terms, sent):
            return (
                "The MIC in the receipt is that of the AES-GCM envelope: the partner has probably delivered it unopened. "
                f"Ours is {sent.mic}, theirs {theirs}. Ask the partner; choose AES-CBC where its software has no AES-GCM."
            )
        if terms.accept_envelope_mic:
            return ""
        return (
            "The MIC in the receipt is that of the encrypted envelope, a known fault of some products: ours is "
            f"{sent.mic}, theirs {theirs}. The agreement can allow exactly that."
        )
    if verdict is MICVerdict.ABSENT:
        if not terms.receipt_signed:
            return ""
        return f"The receipt has no MIC: ours is {sent.mic}. Ask the partner whether it has the whole document."
    return f"The MIC in the receipt is another: ours is {sent.mic}, theirs {theirs}. Compare the document with the partner."


def _is_of_uncompressed(sent: Message, opened: as2.OpenedReceipt) -> bool:
    """Whether the MIC is that of the part before it was compressed and signed: it proves the document just as well (as2-lib)."""
    inner = translate.parse_uncompressed_mics(sent.mic)
    return as2.compare_mic(inner, opened.mic, envelope={}) is MICVerdict.EQUAL


def _told_as_authenticated(terms: AS2Terms, sent: Message) -> bool:
    """Whether it went as AuthEnvelopedData. Interop: OpenAS2 2.10 takes that for a document and says ``processed``."""
    return not terms.gcm_in_enveloped_data and any("-gcm," in layer for layer in sent.layers)


def _envelope_digests(ports: Ports, sent: Message, mic: as2.MIC | None) -> dict[Digest, bytes]:
    """The digest of the body as it was on the wire, in the receipt's algorithm (as2-peers P-28)."""
    if mic is None or sent.wire is None or not any(layer.startswith("encrypted") for layer in sent.layers):
        return {}
    digests = as2.Digests((mic.digest,))
    for chunk in ports.blobs.read(sent.wire):
        digests.update(chunk)
    return digests.values()


def _signer(opened: as2.OpenedReceipt) -> Fingerprint | None:
    return opened.signers[0].certificate.fingerprint if opened.signers else None


def _row(
    ports: Ports,
    around: Relationship,
    document: Document,
    sent: Message,
    head: as2.MessageHead,
    body: bytes,
    now: datetime,
    *,
    disposition: str,
    findings: tuple[Finding, ...],
    mic: str = "",
    signer: Fingerprint | None = None,
) -> Message:
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=around.community.id,
        document_id=document.id,
        agreement_id=around.agreement.id,
        direction=Direction.IN,
        kind=MessageKind.MDN,
        wire_id=head.message_id or "",
        refers_to=sent.wire_id,
        headers=head.headers.items,
        wire_size=len(body),
        body=body,
        content_digest=hashlib.sha256(body).hexdigest(),
        mic=mic,
        signer=signer,
        disposition=disposition,
        layers=("signed",) if signer else (),
        findings=findings,
        at=now,
    )


def _finding(code: str, sent: Message, text: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, subject=sent.wire_id, text=text)
