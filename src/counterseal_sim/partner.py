"""The simulated partner without a socket: what it answers to what it hears."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import Chunk
from counterseal.protocols import as2, cem
from counterseal_sim.dials import CEMDial, Dials, ReceiptDial
from counterseal_sim.party import Counterpart, Party
from counterseal_sim.speaking import Speaker
from counterseal_sim.wire import Header, Heard, Outgoing, Reply, Wire


class Partner(Speaker):
    """Speaks for one party with one gateway, and hears what the gateway sends."""

    def __init__(self, party: Party, gateway: Counterpart, *, now: Callable[[], datetime], dials: Dials) -> None:
        super().__init__(party, gateway, now=now, dials=dials)
        self.extra_decrypters: list[Party] = []
        """Former certificates that still decrypt."""
        self.heard: list[Heard] = []
        self.receipts: list[as2.OpenedReceipt] = []
        self._last: Wire | None = None

    def hear(self, headers: Sequence[Header], body: bytes) -> Reply:
        """The answer to one HTTP request, by the dials."""
        head = as2.MessageHead.parse(headers)
        if as2.is_receipt(head, body[:65536]):
            opened = as2.open_receipt(head, body, signers=self.gateway.verifies_with, limits=as2.DEFAULT_LIMITS)
            self.receipts.append(opened)
            return _plain(200, "thank you")
        heard = self.open(headers, body)
        self.heard.append(heard)
        plain = {
            ReceiptDial.SILENT: 200,
            ReceiptDial.BUSY: 503,
            ReceiptDial.SERVER_ERROR: 500,
            ReceiptDial.UNKNOWN_SENDER: 403,
        }
        if self.dials.receipt in plain:
            return _plain(plain[self.dials.receipt], "")
        follow = self._answers(heard)
        early = follow if self.dials.early else ()
        later = () if self.dials.early else follow
        request = head.receipt_request
        if request is None:
            return replace(_plain(200, "taken"), before=early, then=later)
        receipt = self._receipt_for(heard)
        if request.delivery_url is None:
            return Reply(status=200, headers=receipt.headers, body=receipt.body, before=early, then=later)
        posted = self.outgoing(receipt, url=request.delivery_url)
        return replace(_plain(200, "taken"), before=early, then=(*posted, *later))

    def open(self, headers: Sequence[Header], body: bytes) -> Heard:
        """The message without any answer."""
        head = as2.MessageHead.parse(headers)
        sink = _Sink()
        decrypters = [self.party.decrypter, *(p.decrypter for p in self.extra_decrypters)]
        try:
            opened = as2.open_message(
                head,
                (body,),
                keys=decrypters,
                signers=self.gateway.verifies_with,
                sink=sink,
                limits=as2.DEFAULT_LIMITS,
                strictness=as2.Strictness(headerless_documents=False),
            )
        except as2.NotOpened as failure:
            return Heard(head=head, opened=None, fault=failure.fault, content=b"", package=None, body=body)
        part = opened.parts[0]
        content = bytes(sink.contents[0])
        package = cem.open_package(part.headers, content, cem.USUAL_LIMITS) if part.cem else None
        return Heard(head=head, opened=opened, fault=None, content=content, package=package, body=body)

    def outgoing(self, wire: Wire, *, url: str | None = None) -> tuple[Outgoing, ...]:
        """How a message of its own leaves, by the dials: late, twice, with the one before it."""
        one = Outgoing(url=url or self.gateway.url, wire=wire, after=self.dials.late)
        before = self._last if self.dials.replay else None
        self._last = wire
        posts = [one, one] if self.dials.duplicate else [one]
        if before is not None:
            posts.insert(0, Outgoing(url=url or self.gateway.url, wire=before, after=self.dials.late))
        return tuple(posts)

    def _answers(self, heard: Heard) -> tuple[Outgoing, ...]:
        if heard.package is None or not isinstance(heard.package.message, cem.Request):
            return ()
        if self.dials.cem is CEMDial.SILENT:
            return ()
        accepted = self.dials.cem is CEMDial.ACCEPT
        if accepted:
            self.gateway.verifies_with += [o.leaf for o in heard.package.offers if o.leaf is not None]
        answers = [
            cem.TrustResponse(
                status=cem.CertStatus.ACCEPTED if accepted else cem.CertStatus.REJECTED,
                reason=None if accepted else self.dials.reason,
                reference=one.trust_request.identifier,
            )
            for one in heard.package.offers
        ]
        return self.outgoing(self.cem_response(heard.package.message.request_id, *answers))

    def _receipt_for(self, heard: Heard) -> Wire:
        dial = self.dials.receipt
        mics = heard.opened.progress.mics if heard.opened else {}
        octets = mics.get(Digest.SHA256, b"")
        if dial is ReceiptDial.WRONG_MIC:
            octets = hashlib.sha256(b"another document").digest()
        elif dial is ReceiptDial.ENVELOPE_MIC:
            octets = hashlib.sha256(heard.body).digest()
        mic = as2.MIC(digest=Digest.SHA256, octets=octets) if octets and dial is not ReceiptDial.NO_MIC else None
        disposition = _DISPOSITIONS.get(dial, as2.PROCESSED)
        if heard.fault is not None:
            disposition = as2.row_of(heard.fault).disposition(as2.Profile.RFC4130)
        if not disposition.positive:
            mic = None
        request = heard.head.receipt_request
        sign = dial is not ReceiptDial.UNSIGNED and request is not None and request.signed
        return self.receipt(heard.message_id, disposition=disposition, mic=mic, sign=sign)


def _error(extension: str, modifier: as2.Modifier = as2.Modifier.ERROR) -> as2.Disposition:
    return as2.Disposition(type=as2.DispositionType.PROCESSED, modifier=modifier, extension=extension)


_DISPOSITIONS: Final = {
    ReceiptDial.WARNING: _error("duplicate-document", as2.Modifier.WARNING),
    ReceiptDial.AUTHENTICATION_FAILED: _error("authentication-failed"),
    ReceiptDial.DECRYPTION_FAILED: _error("decryption-failed"),
    ReceiptDial.PROCESSING_ERROR: _error("unexpected-processing-error"),
}


def _plain(status: int, text: str) -> Reply:
    return Reply(status=status, headers=(("Content-Type", "text/plain"),), body=text.encode())


class _Sink:
    """Keeps the parts of a message in memory."""

    def __init__(self) -> None:
        self.contents: list[bytearray] = []

    def begin(self, _part: as2.PartHead) -> None:
        self.contents.append(bytearray())

    def write(self, chunk: Chunk) -> None:
        self.contents[-1] += chunk

    def end(self) -> None:
        """Nothing."""
