"""One attempt to send an AS2 document: gather, build and store the message, post it, record what came of it.

    claimed row -> prepare   message stored before it is sent: a repeated attempt repeats the same octets with the same id
                -> post      the only beat that touches the wire
                -> record    transfer, receipt, document, exchange, row: one transaction

A crash between any two beats: the row's lease runs out, and the attempt is repeated from the stored message.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain import agreement as terms_
from counterseal.domain import document as documents_
from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.document import (
    AttemptFailed,
    Document,
    DocumentEvent,
    DocumentState,
    GaveUp,
    LeftUs,
    Message,
    ReceiptPositive,
    SendingStarted,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.resolve import find
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import addresses
from counterseal.engine.as2 import building, refusals
from counterseal.engine.as2.judging import judge
from counterseal.engine.configuration import secrets
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Ports, PostAnswer, PostFailed, PostRequest, TLSIdentity, Writer
from counterseal.engine.relationship import Relationship, gather, note_seen
from counterseal.kernel.errors import CallerFault, Fault, PeerFault
from counterseal.kernel.ids import AgreementId, BlobId, DocumentId, OutboxId
from counterseal.kernel.mime import Headers
from counterseal.kernel.x509 import fingerprint_of
from counterseal.protocols import as2

MAX_ANSWER_BYTES: Final = 1024 * 1024
LONGEST_ASKED_WAIT: Final = timedelta(hours=1)
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
RETRIED_STATUSES: Final = frozenset({408, 425, 429, *range(500, 600)})
"""as2-bis.md BIS-9; 429 asks for it by its meaning. Every other 4xx will not change by repetition."""

_STRANGER: Final = (
    " Some products answer so when they do not know our AS2 name: ask the partner how we are entered there."
)
"""As2-peers P-25 and P-29: neither OpenAS2 nor phase2 sends a receipt to a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the post and its record need."""

    document: Document
    message: Message
    around: Relationship
    request: PostRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one attempt came to, before it is recorded."""

    event: DocumentEvent
    transfer: Transfer
    receipt: Message | None = None
    signed_with: Assignment | None = None
    """Of theirs: what signed the receipt."""
    proved: tuple[Assignment, ...] = ()
    """What the receipt proves that they could use on our message."""


async def perform(ports: Ports, row: Work) -> None:
    """Performs a ``send-document`` row. Raises ``LeaseLost`` when another worker has taken it over."""
    prepared = await asyncio.to_thread(prepare, ports, row)
    if prepared is None:
        return
    started = ports.clock.now()
    try:
        answer: PostAnswer | PostFailed = await ports.poster.post(prepared.request)
    except PostFailed as failure:
        answer = failure
    await asyncio.to_thread(record, ports, row, prepared, started, answer)


def prepare(ports: Ports, row: Work) -> Prepared | None:
    """The message to post, durable. ``None``: there is nothing to send any more, and the row is done. Raises ``LeaseLost``."""
    while True:
        prepared = _prepare(ports, row)
        if not isinstance(prepared, _Outdated):
            return prepared
        ports.blobs.delete(prepared.wire)
        if not prepared.again:
            return None


@dataclass(frozen=True, slots=True)
class _Outdated:
    """A certificate changed while the message was built, so it must not leave (product.md section 3, rule 1) and is built
    ``again``; or the document was settled meanwhile."""

    wire: BlobId
    again: bool


def _prepare(ports: Ports, row: Work) -> Prepared | _Outdated | None:
    document_id = DocumentId(row.subject)
    with ports.store.read() as reader:
        document = reader.document(document_id)
        if document.state not in {DocumentState.QUEUED, DocumentState.SENDING}:
            around = None
        else:
            around = gather(reader, AgreementId(document.agreement_id or ""))
            earlier = building.repeatable(reader.messages(document_id), around)
            keys = building.keys_for(ports, reader, around)
    if around is None:
        with ports.store.write() as writer:
            writer.complete(row)
        return None
    try:
        message = earlier or building.build(ports, document, around, keys)
    except (CallerFault, PeerFault) as fault:
        _give_up(ports, row, document_id, fault)
        return None
    now = ports.clock.now()
    with ports.store.write() as writer:
        writer.hold(row)  # who was overtaken must not store a second message with another id
        document = writer.document(document_id)
        if document.state not in {DocumentState.QUEUED, DocumentState.SENDING}:
            writer.complete(row)
            return _Outdated(message.wire, again=False) if earlier is None and message.wire else None
        if earlier is None and not building.still_current(message, gather(writer, around.agreement.id)):
            return _Outdated(message.wire or BlobId(""), again=True)
        document = documents_.apply(document, SendingStarted(), now)
        writer.put(document, message)
    return Prepared(
        document=document,
        message=message,
        around=around,
        request=_request(ports, document, message, around, keys.identity),
    )


def _give_up(ports: Ports, row: Work, document_id: DocumentId, fault: Fault) -> None:
    """It cannot be built as agreed: trying again by itself cannot help."""
    with ports.store.write() as writer:
        settle(writer, writer.document(document_id), GaveUp(fault.detail), ports.clock.now())
        writer.complete(row)


def _request(
    ports: Ports, document: Document, message: Message, around: Relationship, identity: TLSIdentity | None
) -> PostRequest:
    terms = around.agreement.as2
    wire = message.wire or BlobId("")

    def body() -> Iterator[bytes]:
        return ports.blobs.read(wire)

    url = document.address or terms.url
    its_server = addresses.same_server(url, terms.url)
    return PostRequest(
        url=url,
        headers=message.headers,
        body=body,
        size=message.wire_size,
        chunked=terms.chunked,
        connect_timeout=terms.connect_timeout,
        answer_timeout=terms.receipt_timeout,
        max_answer_bytes=MAX_ANSWER_BYTES,
        trust=tuple(h.certificate.der for h in around.acceptors(Side.THEIRS, Usage.TLS_SERVER)),
        identity=identity if its_server else None,
        basic=_basic(ports, around.agreement) if its_server else None,
    )


def _basic(ports: Ports, agreement: Agreement) -> tuple[str, str] | None:
    """The agreement's password is for the agreement's server; a ResponseURL may name another one."""
    terms = agreement.as2
    if not terms.basic_user:
        return None
    password = secrets.opened(ports.vault, terms.basic_password_sealed, agreement.id, "basic_password_sealed")
    return terms.basic_user, password


def record(ports: Ports, row: Work, prepared: Prepared, started: datetime, answer: PostAnswer | PostFailed) -> None:
    """One transaction for everything that this attempt changed. Raises ``LeaseLost``: then nothing of it is stored."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        document = writer.document(prepared.document.id)
        around = gather(writer, prepared.around.agreement.id)
        result = _result(ports, document, around, prepared, (started, now), answer)
        writer.put(result.transfer)
        note_seen(writer, (_server_seen(around, answer),), now)
        if result.receipt is not None:
            writer.put(result.receipt)
            note_seen(writer, (result.signed_with, *result.proved), now)
        retries = around.agreement.as2.retries
        if isinstance(result.event, AttemptFailed) and row.tries < len(retries):
            settle(writer, document, result.event, now)
            wait = max(retries[row.tries], _asked_to_wait(answer))
            writer.reschedule(row, due=now + wait, tries=row.tries + 1)
            return
        event = GaveUp(result.event.reason) if isinstance(result.event, AttemptFailed) else result.event
        settled = settle(writer, document, event, now)
        writer.complete(row)
        if settled.state is DocumentState.SENT:
            _await_receipt(ports, writer, settled, around, now)
        if result.receipt is not None:
            url = prepared.request.url
            refusals.hear(ports, writer, around, settled, prepared.message, result.receipt, answered_on=url, now=now)


def _server_seen(around: Relationship, answer: PostAnswer | PostFailed) -> Assignment | None:
    """Of theirs: what their server presented, where the agreement knows it itself."""
    if isinstance(answer, PostFailed) or not answer.tls_peer:
        return None
    return find(around.assignments, Side.THEIRS, Usage.TLS_SERVER, fingerprint_of(answer.tls_peer))


def _asked_to_wait(answer: PostAnswer | PostFailed) -> timedelta:
    """Retry-After in seconds (RFC 9110 10.2.3), as far as it is reasonable."""
    if isinstance(answer, PostFailed):
        return timedelta()
    asked = (Headers(answer.headers).get("Retry-After") or "").strip()
    return min(timedelta(seconds=int(asked)), LONGEST_ASKED_WAIT) if _SECONDS.fullmatch(asked) else timedelta()


def _await_receipt(ports: Ports, writer: Writer, document: Document, around: Relationship, now: datetime) -> None:
    writer.enqueue(
        Work(
            id=OutboxId(ports.entropy.new_id()),
            kind=WorkKind.RECEIPT_TIMEOUT,
            key=f"receipt-timeout:{document.id}:{document.tries}",
            lane="",
            subject=document.id,
            facts={"tries": str(document.tries)},
            due=now + around.agreement.as2.receipt_timeout,
            created_at=now,
        )
    )


def _result(
    ports: Ports,
    document: Document,
    around: Relationship,
    prepared: Prepared,
    times: tuple[datetime, datetime],
    answer: PostAnswer | PostFailed,
) -> Result:
    if isinstance(answer, PostFailed):
        reason = f"The partner could not be reached: {answer.detail}"
        return Result(event=AttemptFailed(reason), transfer=_transfer(prepared, times, answer.kind, reason, remote=""))
    status = str(answer.status)
    found = _receipt_in(answer, prepared)
    if found is not None:
        judged = judge(ports, around, document, prepared.message, found, answer.body, times[1])
        detail = judged.receipt.disposition or getattr(judged.event, "reason", "")
        transfer = _transfer(prepared, times, status, detail, remote=answer.remote, ok=True)
        return Result(
            event=judged.event,
            transfer=transfer,
            receipt=judged.receipt,
            signed_with=judged.signed_with,
            proved=judged.proved,
        )
    event = _without_receipt(answer, around)
    reason = getattr(event, "reason", "") or "taken"
    taken = isinstance(event, LeftUs | ReceiptPositive)
    return Result(event=event, transfer=_transfer(prepared, times, status, reason, remote=answer.remote, ok=taken))


def _receipt_in(answer: PostAnswer, prepared: Prepared) -> as2.MessageHead | None:
    """The head of the receipt in the answer. Some products leave the AS2 names out there: the request's are meant."""
    headers = Headers(answer.headers)
    sent = Headers(prepared.message.headers)
    missing = [
        (name, sent.get(other) or "")
        for name, other in (("AS2-From", "AS2-To"), ("AS2-To", "AS2-From"))
        if headers.get(name) is None
    ]
    try:
        head = as2.MessageHead.parse(Headers((*headers.items, *missing)))
    except PeerFault:
        return None
    return head if as2.is_receipt(head, answer.body[:65536]) else None


def _without_receipt(answer: PostAnswer, around: Relationship) -> DocumentEvent:
    said = " ".join(answer.body[:300].decode("utf-8", "replace").split())
    words = f" It says: {said}" if said and said.isprintable() else ""
    if not 200 <= answer.status < 300:
        reason = f"The partner answered HTTP {answer.status}.{words}{_STRANGER if answer.status == 500 else ''}"
        return AttemptFailed(reason) if answer.status in RETRIED_STATUSES else GaveUp(reason)
    match around.agreement.as2.receipt:
        case terms_.ReceiptMode.NONE:
            return ReceiptPositive()
        case terms_.ReceiptMode.ASYNC:
            return LeftUs()
        case _:
            # as2-peers P-29: an asked-for receipt that is absent is no success.
            return AttemptFailed(
                f"The partner answered HTTP {answer.status} without the receipt that was asked for.{words}{_STRANGER}"
            )


def _transfer(
    prepared: Prepared, times: tuple[datetime, datetime], status: str, detail: str, *, remote: str, ok: bool = False
) -> Transfer:
    return Transfer(
        message_id=prepared.message.id,
        document_id=prepared.document.id,
        started_at=times[0],
        ended_at=times[1],
        outcome=TransferOutcome.OK if ok else TransferOutcome.FAILED,
        status=status,
        detail=detail[:1000],
        remote=remote,
    )


def receipt_overdue(ports: Ports, row: Work) -> None:
    """Performs a ``receipt-timeout`` row: the asynchronous receipt did not come; the same message leaves again."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        document = writer.document(DocumentId(row.subject))
        writer.complete(row)
        if document.state is not DocumentState.SENT or str(document.tries) != row.facts.get("tries"):
            return
        agreement = writer.agreement(AgreementId(document.agreement_id or ""))
        waited = agreement.as2.receipt_timeout
        reason = f"No receipt came within {waited}."
        if document.tries > len(agreement.as2.retries):
            settle(writer, document, GaveUp(reason), now)
            return
        settle(writer, document, AttemptFailed(reason), now)
        writer.enqueue(
            Work(
                id=OutboxId(ports.entropy.new_id()),
                kind=WorkKind.SEND_DOCUMENT,
                key=f"send-document:{document.id}:{ports.entropy.new_id()}",
                lane=f"agreement:{agreement.id}",
                lane_limit=agreement.as2.max_parallel,
                subject=document.id,
                facts={},
                due=now,
                tries=document.tries,
                created_at=now,
            )
        )
