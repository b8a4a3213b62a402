"""A whole inbound AS2 message: open the layers, admit, record document, message, receipt and what follows in one transaction, answer.

The answer leaves after the transaction: what is acknowledged is durable. The same message heard twice gets the stored receipt.

Payloads are written before the row that names them. Whatever fails before the transaction takes its payloads with it; a
transaction that failed may still have been committed (a connection lost in that very moment), so then they stay, and what no row
names is ``leftovers``' to take.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from counterseal.domain.admission import Admitted, Duplicate, Earlier, Opened, Refused, decide_admission
from counterseal.domain.assignment import Assignment
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState, MessageKind
from counterseal.domain.resolve import find
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import cem_inbound
from counterseal.engine.as2 import answering, receipts
from counterseal.engine.as2.answering import Answer
from counterseal.engine.as2.arrivals import (
    document_of,
    finding_of,
    message_of,
    not_kept,
    note_announced,
    refusal_event,
    transfer_of,
)
from counterseal.engine.as2.incoming import Incoming, Party
from counterseal.engine.as2.opening import Taken, open_layers
from counterseal.engine.ports import BlobUnavailable, Conflict, Ports, Reader, Writer
from counterseal.engine.relationship import Relationship, gather, note_seen, signer_of
from counterseal.engine.translate import as2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.ids import BlobId, Fingerprint, OutboxId
from counterseal.kernel.keys import Signer
from counterseal.protocols import as2
from counterseal.protocols.as2 import MessageHead

ANSWER_LIMIT: Final = 64 * 1024
KEPT_OF_REFUSED: Final = 1024 * 1024
"""A larger message that is refused leaves its record only, unless the partner signed it: anybody may claim two names."""


def receive(ports: Ports, incoming: Incoming) -> Answer:
    """The answer to a whole message; everything that it says is durable. Raises only ``EnvironmentFault``, after which nothing
    of the message was kept and the sender will try again."""
    gathered = incoming.known.party
    head = incoming.known.head
    if as2.is_receipt(head, _first(incoming.body())):
        try:
            return _receive_receipt(ports, incoming)
        finally:
            _forget(ports, incoming.wire)  # what a receipt says is kept in its row
    taken, wire = _laid_down(ports, incoming, gathered)
    try:
        recorded = _record(ports, incoming, gathered, taken, wire)
    except Conflict:
        # The same message was being recorded at the same moment: now it is there, and this one is its repetition.
        recorded = _record(ports, incoming, gathered, taken, wire)
    if not recorded.keeps_octets:
        _forget(ports, wire, *(part.blob for part in taken.parts))
    ports.wake()
    return recorded.answer


def _laid_down(ports: Ports, incoming: Incoming, gathered: Party) -> tuple[Taken, BlobId]:
    """What the layers held, and where the message lies; or nothing of it is left."""
    taken: Taken | None = None
    try:
        taken = open_layers(ports, incoming, gathered)
        return taken, incoming.wire if incoming.wire is not None else _store_wire(ports, incoming)
    except BaseException:
        _forget(ports, incoming.wire, *(part.blob for part in (taken.parts if taken else ())))
        raise


def _receive_receipt(ports: Ports, incoming: Incoming) -> Answer:
    """Measured before it is held in memory: anybody who knows two names can post this."""
    if incoming.size > as2.DEFAULT_LIMITS.max_receipt_bytes:
        return answering.plain(413, "A receipt of this size is not read.")
    known = incoming.known
    body = b"".join(bytes(chunk) for chunk in incoming.body())
    answer = receipts.receive(ports, known.party.around, known.head, body, incoming.started_at, remote=incoming.remote)
    ports.wake()
    return answer


def _forget(ports: Ports, *blobs: BlobId | None) -> None:
    for blob in blobs:
        if blob is not None:
            with contextlib.suppress(BlobUnavailable):  # what stays is named by no row: ``leftovers`` takes it
                ports.blobs.delete(blob)


def _first(chunks: Iterable[bytes]) -> bytes:
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) >= ANSWER_LIMIT:
            break
    return bytes(gathered[:ANSWER_LIMIT])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    answer: Answer
    keeps_octets: bool
    """Not those of a message that came before, nor large ones of a refused message that nobody proved to have sent."""


def _record(ports: Ports, incoming: Incoming, gathered: Party, taken: Taken, wire: BlobId) -> _Recorded:
    """Decides and stores everything in one transaction. Raises ``Conflict`` when the same message is stored meanwhile."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        found = gather(writer, gathered.around.agreement.id)
        signer = _signer_now(ports, writer, found, gathered)
        fault, findings, admitted = taken.fault, list(translate.leniency_findings(taken.progress)), None
        if fault is None:
            decided = _decide(writer, found, incoming.known.head, taken, now)
            if isinstance(decided, Duplicate):
                note_seen(writer, _evidence(found, incoming, taken, None), now)
                answer = _again(ports, writer, found, incoming, taken, decided, signer, now)
                return _Recorded(answer=answer, keeps_octets=False)
            if isinstance(decided, Refused):
                fault = translate.fault_of(decided.code, decided.text)
            else:
                admitted = decided
            findings += decided.findings
        else:
            findings.append(finding_of(fault, incoming.known.head))
        keeps = fault is None or taken.signer is not None or incoming.size <= KEPT_OF_REFUSED
        if not keeps:
            findings.append(not_kept(incoming))
            taken = replace(taken, parts=())
        document = document_of(ports, found, incoming, taken, fault, tuple(findings), now)
        message = message_of(ports, found, document, incoming, taken, wire if keeps else None, now)
        writer.put(document, message, transfer_of(message, document, incoming, fault, now))
        answer = answering.answer(
            ports, writer, found, message, incoming.known.head, _outcome(taken, fault), signer, now
        )
        if fault is not None:
            writer.record(refusal_event(found, document, fault, now))
        note_seen(writer, _evidence(found, incoming, taken, admitted), now)
        if admitted is not None:
            note_announced(writer, found.agreement, incoming.known.head, now)
            _follow_up(ports, writer, found, document, taken, now)
    return _Recorded(answer=answer, keeps_octets=keeps)


def _signer_now(ports: Ports, reader: Reader, found: Relationship, gathered: Party) -> Signer | None:
    """Ours may have changed while the body came: only the active one signs (product.md section 3, rule 1)."""
    ours = found.producer(Side.OURS, Usage.SIGN)
    before = gathered.signer
    if ours is not None and before is not None and before.certificate_der == ours.certificate.der:
        return before
    return signer_of(ports, reader, ours)


def _evidence(
    found: Relationship, incoming: Incoming, taken: Taken, admitted: Admitted | None
) -> tuple[Assignment | None, ...]:
    """What the message and its connection used. Of one that was not taken anew (it came before, or was refused for what was
    inside) only where a signature of this partner's makes it evidence: to our certificate anybody can encrypt."""

    def of(side: Side, usage: Usage, fingerprint: Fingerprint | None) -> Assignment | None:
        return find(found.assignments, side, usage, fingerprint) if fingerprint else None

    client = incoming.known.tls_client
    shown = of(Side.THEIRS, Usage.TLS_CLIENT, client.fingerprint if client is not None else None)
    if admitted is not None:
        return admitted.signed_with, admitted.encrypted_to, shown
    signed_with = of(Side.THEIRS, Usage.SIGN, taken.signer)
    decrypted = of(Side.OURS, Usage.ENCRYPT, taken.recipient) if signed_with is not None else None
    return signed_with, decrypted, shown


def _decide(
    writer: Writer, found: Relationship, head: MessageHead, taken: Taken, now: datetime
) -> Admitted | Duplicate | Refused:
    message_id = head.message_id or ""
    earlier = []
    for message in writer.find_messages(
        found.agreement.id, direction=Direction.IN, kind=MessageKind.AS2, wire_id=message_id
    ):
        if message.document_id is not None:
            state = writer.document(message.document_id).state
            earlier.append(
                Earlier(
                    document_id=message.document_id,
                    content_digest=message.content_digest,
                    refused=state is DocumentState.REFUSED,
                )
            )
    opened = Opened(
        kind=taken.kind,
        message_id=message_id,
        content_digest=taken.content_digest,
        signed=bool(taken.opened and taken.opened.signers),
        signer=taken.signer,
        encrypted=taken.progress.encrypted,
        recipient=taken.recipient,
        earlier=tuple(earlier),
    )
    return decide_admission(opened, found.agreement, found.assignments, found.held, now)


def _follow_up(
    ports: Ports, writer: Writer, found: Relationship, document: Document, taken: Taken, now: datetime
) -> None:
    if taken.kind is DocumentKind.BUSINESS:
        writer.enqueue(
            Work(
                id=OutboxId(ports.entropy.new_id()),
                kind=WorkKind.HAND_OVER,
                key=f"hand-over:{document.id}",
                lane=f"inbox:{found.agreement.id}",
                lane_limit=4,
                subject=document.id,
                facts={},
                due=now,
                created_at=now,
            )
        )
    elif taken.package is not None:
        cem_inbound.receive(ports, writer, found, document, taken.package, signer=taken.signer, now=now)


def _outcome(taken: Taken, fault: PeerFault | None) -> answering.Outcome:
    return answering.Outcome(fault=fault, mics=taken.progress.mics, signature=taken.signature)


def _again(
    ports: Ports,
    writer: Writer,
    found: Relationship,
    incoming: Incoming,
    taken: Taken,
    duplicate: Duplicate,
    signer: Signer | None,
    now: datetime,
) -> Answer:
    """The same message once more: the stored receipt, no second delivery. Its octets are not needed a second time."""
    first = next(m for m in writer.messages(duplicate.of) if m.kind is MessageKind.AS2)
    document = writer.document(duplicate.of)
    writer.put(
        replace(
            transfer_of(first, document, incoming, None, now),
            detail="The same message again: answered with the stored receipt.",
        )
    )
    return answering.repeat(ports, writer, found, first, incoming.known.head, _outcome(taken, None), signer, now)


def _store_wire(ports: Ports, incoming: Incoming) -> BlobId:
    writer = ports.blobs.create(max_bytes=None)
    try:
        for chunk in incoming.body():
            writer.write(chunk)
        return writer.commit()
    finally:
        writer.abort()
