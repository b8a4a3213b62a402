"""An inbound AS2 message from its head to its answer.

    admit    the head: names, agreement, size; before a byte of the body is stored
    receive  open the layers, admit, record document, message, receipt and what follows in one transaction, then answer

The answer leaves after the transaction: what is acknowledged is durable. The same message heard twice gets the stored receipt.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from counterseal.domain import document as documents_
from counterseal.domain.admission import (
    Admitted,
    Duplicate,
    Earlier,
    Head,
    Opened,
    Refused,
    decide_admission,
    decide_head,
)
from counterseal.domain.agreement import Agreement, CEMCapability, Seen
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.document import (
    Arrived,
    Direction,
    Document,
    DocumentKind,
    DocumentState,
    Message,
    MessageKind,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.document import Refused as RefusedEvent
from counterseal.domain.resolve import find
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import cem_inbound
from counterseal.engine.as2 import answering, receipts
from counterseal.engine.as2.answering import Answer
from counterseal.engine.as2.parts import Part, Parts
from counterseal.engine.ports import Conflict, Link, Ports, Reader, Writer
from counterseal.engine.relationship import (
    Relationship,
    around,
    certificates_of,
    decrypters_of,
    gather,
    note_seen,
    signer_of,
)
from counterseal.engine.translate import as2 as translate
from counterseal.engine.translate import cem as translate_cem
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import BlobId, DocumentId, Fingerprint, MessageRowId, OutboxId
from counterseal.kernel.keys import Decrypter, Digest, Signer
from counterseal.kernel.x509 import Certificate, fingerprint_of
from counterseal.protocols import as2
from counterseal.protocols.as2 import MessageHead, OpenedMessage, Progress

ANSWER_LIMIT: Final = 64 * 1024
KEPT_OF_REFUSED: Final = 1024 * 1024
"""A larger message that is refused leaves its record only, unless the partner signed it: anybody may claim two names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The relationship that a message belongs to, with what opens and answers it."""

    around: Relationship
    keys: tuple[Decrypter, ...]
    signers: tuple[Certificate, ...]
    signer: Signer | None
    """Of ours, for the receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The head of a message that may come in, with the keys that may open it."""

    head: MessageHead
    party: Party
    tls_client: Assignment | None
    """Of theirs: the client certificate that the connection showed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message whose body has arrived whole."""

    known: Known
    body: Callable[[], Iterable[bytes]]
    """Can be called again: a signature may need a second pass."""
    wire: BlobId | None
    """Where the body lies already; ``None``: it is small, and is stored together with its record."""
    size: int
    remote: str
    started_at: datetime


def admit(ports: Ports, headers: tuple[tuple[str, str], ...], link: Link) -> Known | Answer:
    """Whether the sender may go on with the body; an ``Answer`` refuses it at once."""
    now = ports.clock.now()
    try:
        head = MessageHead.parse(headers)
    except PeerFault as fault:
        return answering.plain(400, f"This is no AS2 message: {fault.detail}.")
    with ports.store.read() as reader:
        station = reader.find_station(Protocol.AS2, head.as2_to)
        agreement = reader.find_agreement(station.id, head.as2_from) if station is not None else None
        decided = decide_head(Head(sender=head.as2_from, receiver=head.as2_to, station=station, agreement=agreement))
        if isinstance(decided, Agreement):
            party = _party(ports, reader, decided)
    if isinstance(decided, Agreement):
        client = _client(party.around, link)
        if not isinstance(client, str):
            return Known(head=head, party=party, tls_client=client)
        _note_client(ports, party.around, link, client, now)
        return answering.plain(403, client)
    _note_stranger(ports, head, decided, now)
    return answering.unsigned(ports, head, translate.fault_of(decided.code, decided.text), now)


def _client(found: Relationship, link: Link) -> Assignment | str | None:
    """The client certificate, where it is required, has to be of *this* partner: the handshake only knew the union of all
    (architecture.md section 2). A private root that was agreed stands for what chains to it. A sentence refuses."""
    accepted = found.acceptors(Side.THEIRS, Usage.TLS_CLIENT)
    required = found.agreement.as2.require_tls_client_certificate
    if not link.peer_chain and required:
        return (
            "A TLS client certificate is required, and this connection shows none. Send over HTTPS with the one agreed."
        )
    shown = {fingerprint_of(der) for der in link.peer_chain}
    match = next((held.fingerprint for held in accepted if held.fingerprint in shown), None)
    if match is None:
        wrong = "The TLS client certificate of this connection is not the one agreed. Send with the one agreed."
        return wrong if required else None
    return find(found.assignments, Side.THEIRS, Usage.TLS_CLIENT, match)


def _note_client(ports: Ports, found: Relationship, link: Link, text: str, now: datetime) -> None:
    subject = f"agreement:{found.agreement.id}"
    left_out = ports.strangers.allow(subject, now)
    if left_out is None:
        return
    with ports.store.write() as writer:
        writer.record(
            AuditEvent(
                at=now,
                actor="partner:unknown",
                event="as2.refused-client-certificate",
                subject=subject,
                community_id=found.community.id,
                facts={
                    "reason": text,
                    "remote": link.remote,
                    "shown": fingerprint_of(link.peer_chain[0]) if link.peer_chain else "",
                    **left_out,
                },
            )
        )


def _party(ports: Ports, reader: Reader, agreement: Agreement) -> Party:
    found = around(reader, agreement)
    return Party(
        around=found,
        keys=decrypters_of(ports, reader, found.acceptors(Side.OURS, Usage.ENCRYPT)),
        signers=certificates_of(found.acceptors(Side.THEIRS, Usage.SIGN)),
        signer=signer_of(ports, reader, found.producer(Side.OURS, Usage.SIGN)),
    )


def _note_stranger(ports: Ports, head: MessageHead, refused: Refused, now: datetime) -> None:
    subject = f"as2:{head.as2_from}"[:200]
    left_out = ports.strangers.allow(subject, now)
    if left_out is None:
        return
    finding = refused.findings[0].code if refused.findings else ""
    with ports.store.write() as writer:
        writer.record(
            AuditEvent(
                at=now,
                actor="partner:unknown",
                event="as2.refused-unknown",
                subject=subject,
                facts={"as2-to": head.as2_to[:200], "finding": finding, **left_out},
            )
        )


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
    taken = _open(ports, incoming, gathered)
    wire = incoming.wire if incoming.wire is not None else _store_wire(ports, incoming)
    try:
        recorded = _record(ports, incoming, gathered, taken, wire)
    except Conflict:
        # The same message was being recorded at the same moment: now it is there, and this one is its repetition.
        recorded = _record(ports, incoming, gathered, taken, wire)
    if not recorded.keeps_octets:
        _forget(ports, wire, *(part.blob for part in taken.parts))
    ports.wake()
    return recorded.answer


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
            ports.blobs.delete(blob)


def _first(chunks: Iterable[bytes]) -> bytes:
    gathered = bytearray()
    for chunk in chunks:
        gathered += chunk
        if len(gathered) >= ANSWER_LIMIT:
            break
    return bytes(gathered[:ANSWER_LIMIT])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What the layers held."""

    progress: Progress
    opened: OpenedMessage | None
    fault: PeerFault | None
    parts: tuple[Part, ...]
    content_digest: str
    package: translate_cem.Package | None
    kind: DocumentKind

    @property
    def signature(self) -> Digest | None:
        return self.opened.signature_digest if self.opened else None

    @property
    def signer(self) -> Fingerprint | None:
        return self.opened.signers[0].certificate.fingerprint if self.opened and self.opened.signers else None

    @property
    def recipient(self) -> Fingerprint | None:
        keys = self.progress.keys
        return fingerprint_of(keys[0].certificate_der) if keys else None


def _open(ports: Ports, incoming: Incoming, gathered: Party) -> _Taken:
    also: frozenset[Digest] = frozenset()
    terms = gathered.around.agreement.as2
    while True:
        parts = Parts(ports, None)
        try:
            opened = as2.open_message(
                incoming.known.head,
                incoming.body(),
                keys=gathered.keys,
                signers=gathered.signers,
                sink=parts,
                limits=as2.DEFAULT_LIMITS,
                strictness=as2.Strictness(headerless_documents=not terms.require_signed),
                also_digest=also,
            )
        except as2.NotOpened as failure:
            parts.discard()
            if isinstance(failure.fault, as2.NeedsDigest) and not also:
                also = failure.fault.digests
                continue
            return _refused(failure.progress, failure.fault)
        except BaseException:
            parts.discard()
            raise
        return _taken(opened, parts, gathered)


def _refused(progress: Progress, fault: PeerFault) -> _Taken:
    return _Taken(
        progress=progress,
        opened=None,
        fault=fault,
        parts=(),
        content_digest="",
        package=None,
        kind=DocumentKind.BUSINESS,
    )


def _taken(opened: OpenedMessage, sink: Parts, gathered: Party) -> _Taken:
    """The opened message; a certificate message is read here, because what it says may refuse all of it (channel M)."""
    parts = sink.keep()
    digest = sink.digest.hexdigest()
    certificate = next((part for part in parts if part.head.cem), None)
    taken = _Taken(
        progress=opened.progress,
        opened=opened,
        fault=None,
        parts=parts,
        content_digest=digest,
        package=None,
        kind=DocumentKind.BUSINESS,
    )
    if certificate is None:
        return taken
    try:
        package = translate_cem.open_package(certificate, sender=gathered.around.agreement.partner_identity)
    except PeerFault as fault:
        return replace(taken, fault=fault, kind=DocumentKind.CEM_REQUEST)
    kind = DocumentKind.CEM_REQUEST if translate_cem.is_request(package) else DocumentKind.CEM_RESPONSE
    return replace(taken, package=package, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    answer: Answer
    keeps_octets: bool
    """Not those of a message that came before, nor large ones of a refused message that nobody proved to have sent."""


def _record(ports: Ports, incoming: Incoming, gathered: Party, taken: _Taken, wire: BlobId) -> _Recorded:
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
            findings.append(_finding(fault, incoming.known.head))
        keeps = fault is None or taken.signer is not None or incoming.size <= KEPT_OF_REFUSED
        if not keeps:
            findings.append(_not_kept(incoming))
            taken = replace(taken, parts=())
        document = _document(ports, found, incoming, taken, fault, tuple(findings), now)
        message = _message(ports, found, document, incoming, taken, wire if keeps else None, now)
        writer.put(document, message, _transfer(message, document, incoming, fault, now))
        answer = answering.answer(
            ports, writer, found, message, incoming.known.head, _outcome(taken, fault), signer, now
        )
        if fault is not None:
            writer.record(_event(found, document, fault, now))
        note_seen(writer, _evidence(found, incoming, taken, admitted), now)
        if admitted is not None:
            _note_announced(writer, found.agreement, incoming.known.head, now)
            _follow_up(ports, writer, found, document, taken, now)
    return _Recorded(answer=answer, keeps_octets=keeps)


def _signer_now(ports: Ports, reader: Reader, found: Relationship, gathered: Party) -> Signer | None:
    """Ours may have changed while the body came: only the active one signs (product.md section 3, rule 1)."""
    ours = found.producer(Side.OURS, Usage.SIGN)
    before = gathered.signer
    if ours is not None and before is not None and before.certificate_der == ours.certificate.der:
        return before
    return signer_of(ports, reader, ours)


def _not_kept(incoming: Incoming) -> Finding:
    text = (
        f"Its {incoming.size} bytes were not kept: it was refused, and nothing in it proves that the partner sent it. "
        "Ask the partner to send it again once the cause is mended."
    )
    subject = incoming.known.head.message_id or incoming.known.head.as2_from
    return Finding(code="as2.not-kept", severity=Severity.NOTE, subject=subject, text=text)


def _evidence(
    found: Relationship, incoming: Incoming, taken: _Taken, admitted: Admitted | None
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
    writer: Writer, found: Relationship, head: MessageHead, taken: _Taken, now: datetime
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
    ports: Ports, writer: Writer, found: Relationship, document: Document, taken: _Taken, now: datetime
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


def _outcome(taken: _Taken, fault: PeerFault | None) -> answering.Outcome:
    return answering.Outcome(fault=fault, mics=taken.progress.mics, signature=taken.signature)


def _again(
    ports: Ports,
    writer: Writer,
    found: Relationship,
    incoming: Incoming,
    taken: _Taken,
    duplicate: Duplicate,
    signer: Signer | None,
    now: datetime,
) -> Answer:
    """The same message once more: the stored receipt, no second delivery. Its octets are not needed a second time."""
    first = next(m for m in writer.messages(duplicate.of) if m.kind is MessageKind.AS2)
    document = writer.document(duplicate.of)
    writer.put(
        replace(
            _transfer(first, document, incoming, None, now),
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


def _document(
    ports: Ports,
    found: Relationship,
    incoming: Incoming,
    taken: _Taken,
    fault: PeerFault | None,
    findings: tuple[Finding, ...],
    now: datetime,
) -> Document:
    head = incoming.known.head
    first = taken.parts[0] if taken.parts else None
    received = Document(
        id=DocumentId(ports.entropy.new_id()),
        community_id=found.community.id,
        agreement_id=found.agreement.id,
        direction=Direction.IN,
        kind=taken.kind,
        state=DocumentState.RECEIVING,
        file_name=(first.head.file_name if first else None) or head.file_name or "",
        content_type=(first.head.content_type.media_type if first else head.content_type.media_type),
        size=sum(part.size for part in taken.parts),
        digest=taken.content_digest,
        payload=first.blob if first else None,
        attachments=tuple(part.blob for part in taken.parts[1:]),
        subject=head.subject,
        created_by=f"partner:{found.partner.slug}",
        created_at=now,
        findings=findings,
    )
    if fault is not None:
        return documents_.apply(received, RefusedEvent(fault.detail), now)
    received = documents_.apply(received, Arrived(), now)
    if taken.kind is DocumentKind.BUSINESS:
        return received
    # A certificate message has no backend: it has arrived where it belongs.
    return documents_.apply(received, documents_.HandedOver(), now)


def _message(
    ports: Ports,
    found: Relationship,
    document: Document,
    incoming: Incoming,
    taken: _Taken,
    wire: BlobId | None,
    now: datetime,
) -> Message:
    head = incoming.known.head
    request = head.receipt_request
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=found.community.id,
        document_id=document.id,
        agreement_id=found.agreement.id,
        direction=Direction.IN,
        kind=MessageKind.AS2,
        wire_id=head.message_id or "",
        headers=head.headers.items,
        wire=wire,
        wire_size=incoming.size,
        content_digest=taken.content_digest,
        mic=translate.format_mics(taken.progress.mics),
        signer=taken.signer,
        recipient=taken.recipient,
        receipt_url=(request.delivery_url or "") if request else "",
        layers=tuple(translate.words_of(layer) for layer in taken.progress.layers),
        findings=document.findings,
        at=now,
    )


def _transfer(
    message: Message, document: Document, incoming: Incoming, fault: PeerFault | None, now: datetime
) -> Transfer:
    return Transfer(
        message_id=message.id,
        document_id=document.id,
        started_at=incoming.started_at,
        ended_at=now,
        outcome=TransferOutcome.OK,
        status="received" if fault is None else fault.code,
        detail="Received." if fault is None else fault.detail,
        remote=incoming.remote,
    )


def _note_announced(writer: Writer, agreement: Agreement, head: MessageHead, now: datetime) -> None:
    """What the partner says of itself; written only when it changes."""
    seen = Seen(as2_version=head.version, product=head.product, features=head.features, at=now)
    announced = head.announces_cem and agreement.cem_capability is CEMCapability.UNKNOWN
    same = (seen.as2_version, seen.product, seen.features) == (
        agreement.seen.as2_version,
        agreement.seen.product,
        agreement.seen.features,
    )
    if same and not announced:
        return
    capability = CEMCapability.ANNOUNCED if announced else agreement.cem_capability
    writer.put(replace(agreement, seen=seen, cem_capability=capability))


def _finding(fault: PeerFault, head: MessageHead) -> Finding:
    return Finding(
        code=fault.code, severity=Severity.REFUSAL, subject=head.message_id or head.as2_from, text=_text_for_us(fault)
    )


def _text_for_us(fault: PeerFault) -> str:
    """Our operator may know the cause that the partner must not be told."""
    cause = getattr(fault, "cause", "") or ""
    return f"{fault.detail} ({cause})" if cause and cause != fault.detail else fault.detail


def _event(found: Relationship, document: Document, fault: PeerFault, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now,
        actor=f"partner:{found.partner.slug}",
        event="document.refused",
        subject=f"document:{document.id}",
        community_id=found.community.id,
        facts={"kind": document.kind.value, "sha256": document.digest, "fault": fault.code},
    )
