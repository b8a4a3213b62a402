"""EERP and NERP: ours, stored before they are sent and owed until RTR; theirs, checked and durable before we say RTR."""

import hashlib
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import (
    Direction,
    Document,
    DocumentEvent,
    DocumentState,
    Message,
    MessageKind,
    ReceiptDiffers,
    ReceiptNegative,
    ReceiptPositive,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.resolve import find
from counterseal.domain.unfinished import OwedReceipt
from counterseal.domain.usage import Side, Usage
from counterseal.engine import scx_outbound
from counterseal.engine.oftp2.line import Line
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship, certificates_of, gather, note_seen
from counterseal.engine.scx_outbound import Verdict
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import BlobId, DocumentId, Fingerprint, MessageRowId
from counterseal.kernel.keys import Signer
from counterseal.protocols.oftp2.commands import EERP, NERP, SFID, Receipt
from counterseal.protocols.oftp2.endresponse import ReceiptProof, verify_receipt
from counterseal.protocols.oftp2.errors import ReceiptFault, ReceiptUnsigned
from counterseal.protocols.oftp2.events import ReceiptReceived
from counterseal.protocols.oftp2.reasons import NERPReason

AT_ONCE: Final = 32

# ours


def positive(
    ports: Ports,
    found: Relationship,
    sfid: SFID,
    document: Document,
    file_digest: bytes,
    signer: Signer | None,
    now: datetime,
) -> Message:
    """The EERP of a delivered file, signed where it was asked for."""
    return _own(ports, found, document, translate.eerp_for(sfid), sfid, file_digest, signer, now)


def negative(
    ports: Ports,
    found: Relationship,
    sfid: SFID,
    document: Document,
    file_digest: bytes,
    signer: Signer | None,
    now: datetime,
    *,
    reason: NERPReason,
    text: str,
) -> Message:
    """The NERP of a file that was taken and cannot be used."""
    nerp = translate.nerp_for(sfid, creator=found.station.identity, reason=reason, text=text)
    return _own(ports, found, document, nerp, sfid, file_digest, signer, now)


def _own(
    ports: Ports,
    found: Relationship,
    document: Document,
    receipt: Receipt,
    sfid: SFID,
    file_digest: bytes,
    signer: Signer | None,
    now: datetime,
) -> Message:
    """Unsigned where we have no certificate for it: the originator decides what that is worth (§4.3.6)."""
    suite = translate.suite_named(sfid.ciph)
    findings: tuple[Finding, ...] = ()
    ours = found.producer(Side.OURS, Usage.RECEIPT_SIGN)
    signed = sfid.sign and suite is not None and signer is not None
    if signed and suite is not None and signer is not None:
        receipt = translate.signed_receipt(receipt, file_digest=file_digest, suite=suite, signer=signer, now=now)
    elif sfid.sign:
        text = "A signed receipt was asked for; it leaves unsigned: assign a certificate for receipt-sign."
        if suite is None:
            text = "A signed receipt was asked for without a cipher suite; it leaves unsigned."
        findings = (
            Finding(
                code="oftp2.receipt-not-signed",
                severity=Severity.WARNING,
                subject=translate.wire_id_of(sfid),
                text=text,
            ),
        )
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=found.community.id,
        document_id=document.id,
        agreement_id=found.agreement.id,
        direction=Direction.OUT,
        kind=MessageKind.EERP if isinstance(receipt, EERP) else MessageKind.NERP,
        wire_id="",
        refers_to=translate.wire_id_of(sfid),
        body=translate.receipt_octets(receipt),
        mic=translate.hash_text(file_digest, suite) if signed and suite is not None else "",
        signer=ours.fingerprint if signed and ours is not None else None,
        disposition=translate.receipt_words(receipt),
        layers=("signed",) if signed else (),
        findings=findings,
        at=now,
    )


class ReceiptDesk:
    """Receipts of one conversation, both ways."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._queue: deque[tuple[OwedReceipt, Message]] = deque()
        self._sent: set[DocumentId] = set()
        self._current: tuple[OwedReceipt, Message, datetime] | None = None
        self._taken: list[tuple[OwedReceipt, Message, datetime]] = []

    def send_next(self) -> bool:
        """Sends the oldest receipt that is owed; false when there is none."""
        if not self._queue:
            self._load()
        if not self._queue:
            return False
        owed, message = self._queue.popleft()
        self._current = (owed, message, self._line.now())
        self._sent.add(owed.document_id)
        receipt = translate.receipt_from(message.body)
        self._line.say(self._line.session.send_receipt(receipt, self._line.now()))
        return True

    def _load(self) -> None:
        self.flush()
        with self._line.ports.store.read() as reader:
            owed = reader.owed_receipts(self._line.known.agreement_ids, held=False, limit=AT_ONCE + len(self._sent))
            for one in owed:
                if one.message_id is not None and one.document_id not in self._sent:
                    self._queue.append((one, reader.message(one.message_id)))

    def on_taken(self) -> None:
        """RTR. If we die before it is written down, the receipt is sent once more, which harms nobody."""
        assert self._current is not None
        self._taken.append(self._current)
        self._current = None
        self._line.tally.receipts_sent += 1
        if len(self._taken) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if not self._taken:
            return
        now = self._line.now()
        with self._line.ports.store.write() as writer:
            for owed, message, started_at in self._taken:
                writer.remove(owed)
                writer.put(self._transfer(message, started_at, now))
        for owed, _, _ in self._taken:
            self._sent.discard(owed.document_id)
        self._taken.clear()

    def _transfer(self, message: Message, started_at: datetime, now: datetime) -> Transfer:
        return Transfer(
            message_id=message.id,
            document_id=message.document_id,
            started_at=started_at,
            ended_at=now,
            outcome=TransferOutcome.OK,
            status="RTR",
            detail="The partner has the receipt." if message.direction is Direction.OUT else "The receipt came.",
            remote=self._line.link.remote,
            session_id=self._line.session_id,
        )

    # theirs

    def on_received(self, event: ReceiptReceived) -> None:
        """Whatever is wrong with it is our operator's matter: the peer gets its RTR (§3.3.5 note 4)."""
        line = self._line
        line.tally.receipts_received += 1
        with line.ports.store.write() as writer:
            let_go = self._take(writer, event.receipt)
        if let_go is not None:
            line.ports.blobs.delete(let_go)
        line.say(line.session.acknowledge_receipt(line.now()))

    def _take(self, writer: Writer, receipt: Receipt) -> BlobId | None:
        """The ciphertext that is not needed any more."""
        line, now = self._line, self._line.now()
        wire_id = translate.wire_id_of(receipt)
        sent = self._sent_file(writer, wire_id)
        if sent is None or sent.document_id is None or sent.agreement_id is None:
            line.note(
                "oftp2.unknown-receipt", Severity.WARNING, wire_id, "A receipt came for a file that we never sent."
            )
            writer.record(self._event("receipt.unknown-file", wire_id, now))
            return None
        octets = translate.receipt_octets(receipt)
        digest = hashlib.sha256(octets).hexdigest()
        if any(m.content_digest == digest for m in writer.messages(sent.document_id) if m.refers_to == wire_id):
            return None
        found = gather(writer, sent.agreement_id)
        judged = judge(found, sent, receipt)
        document = settle(writer, writer.document(sent.document_id), judged.event, now)
        verdict = _verdict(judged, receipt, wire_id)
        heard = scx_outbound.hear(line.ports, writer, document, verdict, now) if verdict is not None else ()
        message = Message(
            id=MessageRowId(line.ports.entropy.new_id()),
            community_id=found.community.id,
            document_id=sent.document_id,
            agreement_id=found.agreement.id,
            direction=Direction.IN,
            kind=MessageKind.EERP if isinstance(receipt, EERP) else MessageKind.NERP,
            wire_id="",
            refers_to=wire_id,
            body=octets,
            wire_size=len(octets),
            content_digest=digest,
            mic=_claimed(receipt, sent),
            signer=judged.signer,
            disposition=translate.receipt_words(receipt),
            layers=("signed",) if receipt.sig else (),
            findings=judged.findings + heard,
            at=now,
        )
        writer.put(message, self._transfer(message, now, now))
        if judged.signer is not None:
            note_seen(writer, (find(found.assignments, Side.THEIRS, Usage.RECEIPT_SIGN, judged.signer),), now)
        return self._let_go(writer, sent, document) if document.state is DocumentState.DELIVERED else None

    def _sent_file(self, writer: Writer, wire_id: str) -> Message | None:
        for agreement_id in self._line.known.agreement_ids:
            found = writer.find_messages(
                agreement_id, direction=Direction.OUT, kind=MessageKind.OFTP2_FILE, wire_id=wire_id
            )
            if found:
                return found[-1]
        return None

    @staticmethod
    def _let_go(writer: Writer, sent: Message, document: Document) -> BlobId | None:
        """The ciphertext was kept until now (§1.5.4); its hash stays as evidence."""
        if sent.wire is None or sent.wire == document.payload:
            return None
        writer.put(replace(sent, wire=None))
        return sent.wire

    def _event(self, event: str, wire_id: str, now: datetime) -> AuditEvent:
        primary = self._line.known.primary
        return AuditEvent(
            at=now,
            actor=f"partner:{primary.partner.slug}",
            event=event,
            subject=f"file:{wire_id}"[:200],
            community_id=primary.community.id,
            facts={"session": self._line.session_id},
        )


def _claimed(receipt: Receipt, sent: Message) -> str:
    """The hash in the receipt, as it is shown beside ours."""
    suite = translate.suite_named(dict(sent.headers).get("SFIDCIPH", "00"))
    return translate.hash_text(receipt.hsh, suite) if receipt.hsh and suite is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    event: DocumentEvent
    signer: Fingerprint | None = None
    findings: tuple[Finding, ...] = ()


def _verdict(judged: Judged, receipt: Receipt, wire_id: str) -> Verdict | None:
    """What the receipt of a certificate file means; ``None``: it is signed, and not by this partner, so it decides nothing."""
    if isinstance(receipt, NERP):
        said = receipt.reast.strip() or translate.receipt_words(receipt)
        return Verdict(accepted=False, reason=said, wire_id=wire_id)
    if isinstance(judged.event, ReceiptPositive):
        return Verdict(accepted=True, reason="", wire_id=wire_id)
    return None


def judge(found: Relationship, sent: Message, receipt: Receipt) -> Judged:
    """What a receipt proves about the file that we sent (§4.3.6), by the agreement's policy.

    A NERP is believed also unsigned: the session knew its partner, and its reason is never signed anyway (§5.3.14).
    """
    sfid = translate.sfid_of(sent.headers, rest=0)
    proof, fault = _proof(found, sent, sfid, receipt)
    findings = _findings(sent, proof, fault)
    signer = proof.signed.signers[0].certificate.fingerprint if proof else None
    if isinstance(receipt, NERP):
        said = translate.receipt_words(receipt)
        return Judged(event=ReceiptNegative(f"The partner answered {said}."), signer=signer, findings=findings)
    if fault is None:
        return Judged(event=ReceiptPositive(), signer=signer, findings=findings)
    if isinstance(fault, ReceiptUnsigned) and not found.agreement.oftp2.require_signed_receipt:
        return Judged(event=ReceiptPositive(), findings=findings)
    text = f"The partner took the file, but its receipt does not prove it: {fault.detail}."
    return Judged(event=ReceiptDiffers(text), findings=findings)


def _proof(
    found: Relationship, sent: Message, sfid: SFID, receipt: Receipt
) -> tuple[ReceiptProof | None, ReceiptFault | None]:
    """A signed receipt is checked also where none was asked for."""
    if not sfid.sign and not receipt.sig:
        return None, None
    candidates = certificates_of(found.acceptors(Side.THEIRS, Usage.RECEIPT_SIGN))
    try:
        proof = verify_receipt(
            receipt,
            sfid,
            file_digest=translate.hash_of(sent.mic),
            candidates=candidates,
            limits=translate.LIMITS,
        )
    except ReceiptFault as fault:
        return None, fault
    return proof, None


def _findings(sent: Message, proof: ReceiptProof | None, fault: ReceiptFault | None) -> tuple[Finding, ...]:
    if fault is not None:
        return (Finding(code=fault.code, severity=Severity.WARNING, subject=sent.wire_id, text=f"{fault.detail}."),)
    if proof is not None and proof.detached:
        text = "The receipt's signature is detached, which the standard does not know; it was checked over the fields."
        return (Finding(code="oftp2.detached-receipt", severity=Severity.NOTE, subject=sent.wire_id, text=text),)
    return ()
