"""Our receipts: the answer to an inbound message, made once, stored with it, and repeated when it is asked for again."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.agreement import AS2Terms, Profile
from counterseal.domain.document import Direction, Message, MessageKind, Transfer, TransferOutcome
from counterseal.domain.usage import Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.engine import addresses
from counterseal.engine.ports import Ports, PostFailed, PostRequest, TLSIdentity, Writer
from counterseal.engine.relationship import Relationship, gather, tls_identity_of
from counterseal.engine.translate import as2 as translate
from counterseal.kernel.errors import PeerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import AgreementId, DocumentId, Fingerprint, MessageRowId, OutboxId
from counterseal.kernel.keys import Digest, Signer
from counterseal.protocols import as2
from counterseal.protocols.as2 import MessageHead

PLAIN: Final = (("Content-Type", "text/plain; charset=utf-8"),)
TAKEN: Final = b"The message was received and is stored.\r\n"
"""Never empty: one product takes an empty 2xx for a failure (as2-peers P-1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the message, for its receipt."""

    fault: PeerFault | None
    mics: Mapping[Digest, bytes]
    signature: Digest | None


def plain(status: int, text: str) -> Answer:
    return Answer(status=status, headers=PLAIN, body=f"{text}\r\n".encode())


def unsigned(ports: Ports, head: MessageHead, fault: PeerFault, now: datetime) -> Answer:
    """For a sender without an agreement: an unsigned receipt where one was asked for in the answer (BIS-13), else HTTP 403.
    Nothing is stored, and nothing is ever posted to an address that a stranger names."""
    request = head.receipt_request
    if request is None or request.delivery_url is not None:
        return plain(403, fault.detail)
    said = _said(ports, head, as2.Profile.RFC4130, now)
    built = as2.build_receipt(
        translate.receipt_about(said, fault), sign=None, preamble=True, entropy=ports.entropy.octets
    )
    return Answer(status=200, headers=built.headers, body=built.body)


def answer(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    message: Message,
    head: MessageHead,
    outcome: Outcome,
    signer: Signer | None,
    now: datetime,
) -> Answer:
    """The answer to a message that was just recorded; its receipt is stored in the same transaction, and queued where it is to
    be posted."""
    request = head.receipt_request
    if request is None:
        return _without_receipt(around, outcome)
    receipt = _receipt(ports, around, message, head, outcome, signer, now)
    writer.put(receipt)
    return _given(ports, writer, around, receipt, head, now)


def repeat(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    message: Message,
    head: MessageHead,
    outcome: Outcome,
    signer: Signer | None,
    now: datetime,
) -> Answer:
    """The stored receipt of ``message`` again (BIS-11); a new one only where none was asked for the first time."""
    if head.receipt_request is None:
        return _without_receipt(around, outcome)
    stored = writer.find_receipts(around.agreement.id, direction=Direction.OUT, refers_to=message.wire_id)
    fitting = [m for m in stored if m.kind is MessageKind.MDN and m.document_id == message.document_id]
    if fitting:
        return _given(ports, writer, around, fitting[0], head, now)
    receipt = _receipt(ports, around, message, head, outcome, signer, now)
    writer.put(receipt)
    return _given(ports, writer, around, receipt, head, now)


def _without_receipt(around: Relationship, outcome: Outcome) -> Answer:
    if outcome.fault is not None:
        return plain(400, as2.row_of(outcome.fault).sentence)
    return _taken(around.agreement.as2)


def _taken(terms: AS2Terms) -> Answer:
    if terms.profile is Profile.MODERN and terms.answer_204:
        return Answer(status=204, headers=(), body=b"")
    return Answer(status=200, headers=PLAIN, body=TAKEN)


def _given(
    ports: Ports, writer: Writer, around: Relationship, receipt: Message, head: MessageHead, now: datetime
) -> Answer:
    """The receipt as the answer, or posted later by the worker where the sender asked for that."""
    request = head.receipt_request
    if request is None or request.delivery_url is None:
        return Answer(status=200, headers=receipt.headers, body=receipt.body)
    if _may_post(around.agreement.as2, request.delivery_url):
        writer.enqueue(
            Work(
                id=OutboxId(ports.entropy.new_id()),
                kind=WorkKind.SEND_RECEIPT,
                key=f"send-receipt:{receipt.id}:{ports.entropy.new_id()}",
                lane=f"receipts:{around.agreement.id}",
                lane_limit=around.agreement.as2.max_parallel,
                subject=receipt.id,
                facts={"url": request.delivery_url, "document": receipt.document_id or ""},
                due=now,
                created_at=now,
            )
        )
    return _taken(around.agreement.as2)


def _may_post(terms: AS2Terms, url: str) -> bool:
    """Whether the agreement allows a receipt to be posted there: no request forgery through a header."""
    return addresses.known(url, agreed=terms.url, hosts=terms.async_receipt_hosts)


def _said(ports: Ports, head: MessageHead, profile: as2.Profile, now: datetime) -> translate.Answering:
    receipt_id = as2.new_message_id(ports.entropy.new_id(), ports.host_name)
    return translate.Answering(head=head, receipt_id=receipt_id, profile=profile, product=ports.product, now=now)


def _receipt(
    ports: Ports,
    around: Relationship,
    message: Message,
    head: MessageHead,
    outcome: Outcome,
    signer: Signer | None,
    now: datetime,
) -> Message:
    """The receipt as a message row, its octets in it."""
    terms = around.agreement.as2
    said = _said(ports, head, translate.profile_of(terms), now)
    fault = outcome.fault
    if fault is None:
        try:
            receipt = translate.receipt_for(said, mics=outcome.mics, signature=outcome.signature)
        except PeerFault as refused:
            receipt = translate.receipt_about(said, refused)
    else:
        receipt = translate.receipt_about(said, fault)
    request = head.receipt_request
    plan = None
    if request is not None and request.signed and signer is not None:
        ours = around.producer(Side.OURS, Usage.SIGN)
        plan = translate.signing_plan(terms, signer, ours.chain if ours else (), now)
    built = as2.build_receipt(receipt, sign=plan, preamble=True, entropy=ports.entropy.octets)
    unsigned_though_asked = request is not None and request.signed and plan is None
    return Message(
        id=MessageRowId(ports.entropy.new_id()),
        community_id=around.community.id,
        document_id=message.document_id,
        agreement_id=around.agreement.id,
        direction=Direction.OUT,
        kind=MessageKind.MDN,
        wire_id=receipt.message_id,
        refers_to=message.wire_id,
        headers=built.headers,
        wire_size=len(built.body),
        body=built.body,
        content_digest=hashlib.sha256(built.body).hexdigest(),
        mic=receipt.mic.format() if receipt.mic else "",
        signer=_fingerprint(around) if plan else None,
        disposition=receipt.disposition.format(),
        receipt_url=(request.delivery_url or "") if request else "",
        layers=(f"signed {plan.digest.value}, {plan.scheme.value}",) if plan else (),
        findings=_findings(terms, message, request, unsigned_though_asked=unsigned_though_asked),
        at=now,
    )


def _fingerprint(around: Relationship) -> Fingerprint | None:
    ours = around.producer(Side.OURS, Usage.SIGN)
    return ours.fingerprint if ours else None


def _findings(
    terms: AS2Terms, message: Message, request: as2.ReceiptRequest | None, *, unsigned_though_asked: bool
) -> tuple[Finding, ...]:
    found = []
    if unsigned_though_asked:
        text = "A signed receipt was asked for, but there is no active signing certificate of ours: it left unsigned."
        found.append(Finding(code="receipt.unsigned", severity=Severity.WARNING, subject=message.wire_id, text=text))
    if request is not None and request.delivery_url is not None and not _may_post(terms, request.delivery_url):
        text = (
            "The partner asked for its receipt at an address that the agreement does not allow. It was not sent: "
            "add the host to the agreement if it is right."
        )
        found.append(
            Finding(code="receipt.address-not-allowed", severity=Severity.WARNING, subject=message.wire_id, text=text)
        )
    return tuple(found)


async def post(ports: Ports, row: Work) -> None:
    """Performs a ``send-receipt`` row: posts a stored receipt, again by the agreement's schedule until it is taken."""
    document_id = DocumentId(row.facts["document"])

    def read() -> tuple[Message, Relationship, TLSIdentity | None]:
        with ports.store.read() as reader:
            found = next(m for m in reader.messages(document_id) if m.id == row.subject)
            around = gather(reader, AgreementId(found.agreement_id or ""))
            return found, around, tls_identity_of(ports, reader, around)

    receipt, around, identity = await asyncio.to_thread(read)
    terms = around.agreement.as2
    started = ports.clock.now()
    request = PostRequest(
        url=row.facts["url"],
        headers=receipt.headers,
        body=lambda: iter((receipt.body,)),
        size=len(receipt.body),
        chunked=False,
        connect_timeout=terms.connect_timeout,
        answer_timeout=timedelta(seconds=60),
        max_answer_bytes=64 * 1024,
        trust=tuple(h.certificate.der for h in around.acceptors(Side.THEIRS, Usage.TLS_SERVER)),
        identity=identity if addresses.same_server(row.facts["url"], terms.url) else None,
    )
    try:
        answered = await ports.poster.post(request)
        failure = "" if 200 <= answered.status < 300 else f"HTTP {answered.status}"
        status, remote = str(answered.status), answered.remote
    except PostFailed as fault:
        failure, status, remote = fault.detail, fault.kind, ""
    await asyncio.to_thread(_record_post, ports, row, receipt, terms, (started, failure, status, remote))


def _record_post(
    ports: Ports, row: Work, receipt: Message, terms: AS2Terms, came: tuple[datetime, str, str, str]
) -> None:
    started, failure, status, remote = came
    now = ports.clock.now()
    with ports.store.write() as writer:
        writer.put(
            Transfer(
                message_id=receipt.id,
                document_id=receipt.document_id,
                started_at=started,
                ended_at=now,
                outcome=TransferOutcome.FAILED if failure else TransferOutcome.OK,
                status=status,
                detail=f"The receipt was not taken: {failure}" if failure else "The receipt was taken.",
                remote=remote,
            )
        )
        if failure and row.tries < len(terms.retries):
            writer.reschedule(row, due=now + terms.retries[row.tries], tries=row.tries + 1)
        else:
            writer.complete(row)
