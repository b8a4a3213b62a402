"""A document becomes the file that will be sent: secured outside any session (RFC 5024 §6.3), stored with its SFID.

The same octets are sent until the receipt has come, in whatever session: what is encrypted again is another file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from counterseal.domain.document import Direction, Document, DocumentState, GaveUp, Message, MessageKind
from counterseal.domain.resolve import find
from counterseal.domain.usage import Side, Usage
from counterseal.domain.virtual_file import RecordFormat, VirtualFile, name_from
from counterseal.domain.work import Work
from counterseal.engine.as2.building import NoCertificate
from counterseal.engine.oftp2.planning import plan_call
from counterseal.engine.oftp2.records import read_records, record_count
from counterseal.engine.outcome import settle
from counterseal.engine.ports import BlobUnavailable, Ports, Reader, Writer
from counterseal.engine.relationship import Relationship, gather, signer_of
from counterseal.engine.translate import oftp2 as translate
from counterseal.kernel.errors import CallerFault, PeerFault
from counterseal.kernel.ids import AgreementId, BlobId, DocumentId, Fingerprint, MessageRowId
from counterseal.kernel.keys import Signer
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.endresponse import Hash, file_hash
from counterseal.protocols.oftp2.records import insert_lengths
from counterseal.protocols.oftp2.security import FilePlan, secure_file

STAMPS: Final = 9999
"""SFIDTIME's counter goes from 1 to here (§5.3.3)."""
Octets = bytes | bytearray | memoryview


def secure(ports: Ports, row: Work) -> None:
    """Performs a ``secure-file`` row: stores the file, then plans the call. Raises ``LeaseLost``."""
    with ports.store.read() as reader:
        document = reader.document(DocumentId(row.subject))
        found = gather(reader, AgreementId(document.agreement_id or ""))
        earlier = repeatable(reader, document, found)
        signer = signer_of(ports, reader, found.producer(Side.OURS, Usage.FILE_SIGN))
    try:
        message = None if earlier is not None else build(ports, document, found, signer)
    except (CallerFault, PeerFault) as fault:
        with ports.store.write() as writer:
            settle(writer, writer.document(document.id), GaveUp(fault.detail), ports.clock.now())
            writer.complete(row)
        return
    with ports.store.write() as writer:
        writer.complete(row)
        if writer.document(document.id).state is not DocumentState.QUEUED:
            return
        if message is not None:
            writer.put(_stamped(ports, writer, message))
        if row.facts.get("call", "yes") == "yes":
            plan_call(ports, writer, found.agreement, why="documents", due=ports.clock.now())


def put_ready(ports: Ports, writer: Writer, document: Document, found: Relationship) -> None:
    """Stores a document that travels unsecured together with its file, so that it can leave in the session that is open now. Raises
    ``CallerFault`` where it asks for more."""
    writer.put(document, _stamped(ports, writer, build(ports, document, found, signer=None)))


def repeatable(reader: Reader, document: Document, found: Relationship) -> Message | None:
    """The stored file that is sent again; ``None``: one has to be made.

    Made anew after a receipt refused the last one, and where the certificate that it was encrypted to, or signed with, is no
    longer accepted.
    """
    messages = reader.messages(document.id)
    sent = [m for m in messages if m.kind is MessageKind.OFTP2_FILE and m.direction is Direction.OUT and m.wire]
    if not sent:
        return None
    last = sent[-1]
    answered = any(m.refers_to == last.wire_id and m.direction is Direction.IN for m in messages)
    live = last.recipient is None or find(found.assignments, Side.THEIRS, Usage.FILE_ENCRYPT, last.recipient)
    known = last.signer is None or find(found.assignments, Side.OURS, Usage.FILE_SIGN, last.signer)
    return last if live and known and not answered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    plan: FilePlan
    signer: Fingerprint | None
    recipient: Fingerprint | None


def _choose(ports: Ports, file: VirtualFile, found: Relationship, signer: Signer | None) -> _Chosen:
    """By the agreement, overridden by the document's own wishes. Raises ``NoCertificate``."""
    terms = found.agreement.oftp2
    ours = found.producer(Side.OURS, Usage.FILE_SIGN)
    theirs = found.producer(Side.THEIRS, Usage.FILE_ENCRYPT)
    sign = terms.sign if file.sign is None else file.sign
    encrypt = terms.encrypt if file.encrypt is None else file.encrypt
    if sign and (signer is None or ours is None):
        raise NoCertificate(
            "the file is to be signed, but there is no active certificate of ours for file-sign: assign one, then send again"
        )
    if encrypt and theirs is None:
        raise NoCertificate(
            "the file is to be encrypted, but the partner has no active certificate for file-encrypt here: "
            "assign one, then send again"
        )
    plan = translate.plan_of(
        terms,
        file,
        signer=signer if sign else None,
        recipient=theirs.certificate if encrypt and theirs else None,
        now=ports.clock.now(),
    )
    return _Chosen(
        plan=plan,
        signer=ours.fingerprint if sign and ours else None,
        recipient=theirs.fingerprint if encrypt and theirs else None,
    )


def build(ports: Ports, document: Document, found: Relationship, signer: Signer | None) -> Message:
    """The file, durable, and its SFID without a stamp. Raises ``NoCertificate``, ``BlobUnavailable``."""
    if document.payload is None:
        raise BlobUnavailable("the document's payload is not here any more")
    terms = found.agreement.oftp2
    file = document.virtual_file or VirtualFile(dataset_name=terms.dataset_name or name_from(document.file_name))
    chosen = _choose(ports, file, found, signer)
    plan = chosen.plan
    wants_signed = terms.receipt_signed if file.receipt_signed is None else file.receipt_signed
    secured = plan.env == "1"
    records = record_count(ports.blobs.read(document.payload), file, document.size)
    running = file_hash(plan.suite)
    if secured:
        content = _content(ports, document, file)
        transmitted = secure_file(content, plan, entropy=ports.entropy.octets, size=_size(document, file))
        wire, size = _store(ports, transmitted, running)
    else:
        wire = document.payload
        size = 0
        for octets, _ in read_records(ports.blobs.read(wire), file):
            running.update(octets)
            size += len(octets)
    sfid = SFID(
        dsn=file.dataset_name,
        date="00000000",
        time="0000000000",
        dest=found.agreement.partner_identity,
        orig=found.station.identity,
        fmt=file.format.value,
        lrecl=file.record_length,
        fsiz=translate.blocks(size),
        osiz=translate.blocks(document.size) if secured else translate.blocks(size),
        rest=0,
        sec=plan.sec,
        ciph=plan.ciph if secured or wants_signed else "00",
        comp=plan.comp,
        env=plan.env,
        sign=wants_signed,
        desc=file.description,
    )
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=document.community_id,
        document_id=document.id,
        agreement_id=found.agreement.id,
        direction=Direction.OUT,
        kind=MessageKind.OFTP2_FILE,
        wire_id="",
        headers=translate.headers_of(sfid, records=records if secured else 0),
        wire=wire,
        wire_size=size,
        content_digest=document.digest,
        mic=translate.hash_text(running.digest(), plan.suite),
        signer=chosen.signer,
        recipient=chosen.recipient,
        layers=translate.layers_of(sfid),
        at=ports.clock.now(),
    )


def _content(ports: Ports, document: Document, file: VirtualFile) -> Iterator[Octets]:
    """What is signed: the payload; of a V file each record behind its length in two octets (§6.5)."""
    chunks = ports.blobs.read(document.payload or BlobId(""))
    if file.format is not RecordFormat.VARIABLE:
        return chunks
    return insert_lengths(read_records(chunks, file))


def _size(document: Document, file: VirtualFile) -> int | None:
    return None if file.format is RecordFormat.VARIABLE else document.size


def _store(ports: Ports, chunks: Iterator[Octets], running: Hash) -> tuple[BlobId, int]:
    writer = ports.blobs.create(max_bytes=None)
    try:
        for chunk in chunks:
            running.update(bytes(chunk))
            writer.write(chunk)
        return writer.commit(), writer.size
    finally:
        writer.abort()


def _stamped(ports: Ports, writer: Writer, message: Message) -> Message:
    """With a date and time that this name never had (§1.5.2): what identifies the file from now on."""
    now = ports.clock.now()
    sfid = translate.sfid_of(message.headers, rest=0)
    records = translate.records_of(message.headers)
    first = int.from_bytes(ports.entropy.octets(2), "big") % STAMPS
    for step in range(STAMPS):
        date, time = translate.stamp_of(now, 1 + (first + step) % STAMPS)
        stamped = replace(sfid, date=date, time=time)
        wire_id = translate.wire_id_of(stamped)
        taken = writer.find_messages(
            message.agreement_id, direction=Direction.OUT, kind=MessageKind.OFTP2_FILE, wire_id=wire_id
        )
        if not taken:
            return replace(message, wire_id=wire_id, headers=translate.headers_of(stamped, records=records))
    raise CallerFault(f"{STAMPS} files called {sfid.dsn} were made within one second; send this one again")
