"""The AS2 message of a document: built once, stored whole, repeated from the store."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from counterseal.domain import agreement as terms_
from counterseal.domain.document import Direction, Document, DocumentKind, Message, MessageKind
from counterseal.domain.resolve import find, producer
from counterseal.domain.usage import Side, Usage
from counterseal.engine.ports import BlobUnavailable, Ports, Reader, TLSIdentity
from counterseal.engine.relationship import Relationship, signer_of, tls_identity_of
from counterseal.engine.translate import as2 as translate
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import BlobId, MessageRowId
from counterseal.kernel.keys import Signer
from counterseal.protocols import as2


class NoCertificate(CallerFault):
    """There is no active certificate for something that the agreement asks for."""

    code = "sending.no-certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    signer: Signer | None
    identity: TLSIdentity | None
    """Our client certificate for the connection."""


def keys_for(ports: Ports, reader: Reader, around: Relationship) -> Keys:
    """The keys that sign and connect for this agreement today."""
    signs = around.agreement.as2.sign
    return Keys(
        signer=signer_of(ports, reader, around.producer(Side.OURS, Usage.SIGN)) if signs else None,
        identity=tls_identity_of(ports, reader, around),
    )


def repeatable(messages: Sequence[Message], around: Relationship) -> Message | None:
    """The stored message that a repeated attempt repeats; ``None``: one has to be built.

    Built anew after a receipt spoke about the last one, and where the certificate that signed it or that it was encrypted to is no
    longer in service (oftp2-scx.md 6.7: never send again what was made for a replaced one). A receipt that could not be trusted
    says nothing: the message may have arrived, and only its own id lets the partner see that.
    """
    sent = [m for m in messages if m.kind is MessageKind.AS2 and m.direction is Direction.OUT and m.wire is not None]
    if not sent:
        return None
    last = sent[-1]
    if any(m.kind is MessageKind.MDN and m.refers_to == last.wire_id and m.disposition for m in messages):
        return None
    used = ((Side.THEIRS, Usage.ENCRYPT, last.recipient), (Side.OURS, Usage.SIGN, last.signer))
    live = all(f is None or find(around.assignments, side, usage, f) is not None for side, usage, f in used)
    return last if live else None


def still_current(message: Message, around: Relationship) -> bool:
    """Whether the certificates with which a message was just made are still those that produce: it may have taken a while."""
    used = ((Side.THEIRS, Usage.ENCRYPT, message.recipient), (Side.OURS, Usage.SIGN, message.signer))
    return all(f is None or producer(around.assignments, side, usage) == f for side, usage, f in used)


def build(ports: Ports, document: Document, around: Relationship, keys: Keys) -> Message:
    """The message, its octets durable as a blob; its row is not stored yet. Raises ``NoCertificate``, ``BlobUnavailable``."""
    terms = around.agreement.as2
    now = ports.clock.now()
    message_id = as2.new_message_id(ports.entropy.new_id(), ports.host_name)
    sign = None
    if terms.sign:
        ours = around.producer(Side.OURS, Usage.SIGN)
        if ours is None or keys.signer is None:
            raise NoCertificate(
                "the agreement signs, but there is no active signing certificate of ours for it: assign one, then send again"
            )
        sign = translate.signing_plan(terms, keys.signer, ours.chain, now)
    theirs = around.producer(Side.THEIRS, Usage.ENCRYPT)
    encrypt = None
    if terms.encrypt:
        if theirs is None:
            raise NoCertificate(
                "the agreement encrypts, but the partner has no active encryption certificate here: assign one, then send again"
            )
        encrypt = translate.encryption_plan(terms, theirs.certificate)
    out = translate.Outgoing(
        terms=terms,
        as2_from=around.station.identity,
        as2_to=around.agreement.partner_identity,
        message_id=message_id,
        subject=document.subject or terms.subject,
        receipt_to=around.station.email or around.community.contact_email or f"as2@{ports.host_name}",
        receipt_url=terms.receipt_url or around.station.url,
        product=ports.product,
        sign=sign,
        encrypt=encrypt,
        now=now,
    )
    if terms.receipt is terms_.ReceiptMode.ASYNC and not out.receipt_url:
        raise NoCertificate("asynchronous receipts need the station's URL: fill it in, then send again")
    built = _built(ports, out, document)
    wire, size = _stored(ports, built)
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=document.community_id,
        document_id=document.id,
        agreement_id=around.agreement.id,
        direction=Direction.OUT,
        kind=MessageKind.AS2,
        wire_id=message_id,
        headers=built.headers,
        wire=wire,
        wire_size=size,
        content_digest=document.digest,
        mic=translate.format_mics(built.mics, built.uncompressed_mics),
        signer=around.producer(Side.OURS, Usage.SIGN).fingerprint if sign else None,  # type: ignore[union-attr]
        recipient=theirs.fingerprint if encrypt and theirs else None,
        receipt_url=out.receipt_url if terms.receipt is terms_.ReceiptMode.ASYNC else "",
        layers=translate.built_layers(terms, sign=sign, encrypt=encrypt),
        at=now,
    )


def _built(ports: Ports, out: translate.Outgoing, document: Document) -> as2.BuiltMessage:
    if document.payload is None:
        raise BlobUnavailable("the document's payload is not here any more")
    content = ports.blobs.read(document.payload)
    entropy: Callable[[int], bytes] = ports.entropy.octets
    if document.kind is DocumentKind.BUSINESS:
        return translate.build_document(
            out,
            content,
            content_type=document.content_type,
            file_name=document.file_name or None,
            size=document.size,
            entropy=entropy,
        )
    return translate.build_raw(out, content, content_type=document.content_type, size=document.size, entropy=entropy)


def _stored(ports: Ports, built: as2.BuiltMessage) -> tuple[BlobId, int]:
    writer = ports.blobs.create(max_bytes=None)
    try:
        chunks: Iterator[bytes | bytearray | memoryview] = built.chunks()
        for chunk in chunks:
            writer.write(chunk)
        return writer.commit(), writer.size
    finally:
        writer.abort()
