"""What both gateways recorded about one document, beside what passed on the wire, and whether it proves what the demo says."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterseal_sim.demo.gateway import Gateway, Story
from counterseal_sim.demo.narration import Narrator, StepFailed, short, wait_for
from counterseal_sim.demo.papers import Paper
from counterseal_sim.demo.wire import Passed, Wire

SETTLED_OUT: Final = frozenset({"delivered", "delivered with a difference", "uncertain", "rejected", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One document from sender to receiver."""

    sent: Story
    received: Story
    passed: Passed

    @property
    def signer(self) -> str:
        """The certificate whose signature the receiver verified."""
        return str(self.received.message["signer"])

    @property
    def recipient(self) -> str:
        """The certificate whose key opened it at the receiver."""
        return str(self.received.message["recipient"])


def settled(gateway: Gateway, document_id: str) -> Story:
    """The sender's record once nothing more happens to the document."""

    def look() -> Story | None:
        found = gateway.story(document_id)
        return found if found.document["state"] in SETTLED_OUT else None

    return wait_for(f"document {document_id} of {gateway.name} is settled", look)


def arrived(gateway: Gateway, message_id: str) -> Story:
    """The receiver's record of the message with this Message-ID, once it was handed on."""

    def look() -> Story | None:
        rows = gateway.get("/documents", direction="in", search=message_id)["items"]
        stories = [gateway.story(row["id"]) for row in rows if row["state"] in ("delivered", "refused")]
        return next((s for s in stories if any(m["wire_id"] == message_id for m in s.messages)), None)

    return wait_for(f"message {message_id} reaches {gateway.name}", look)


def follow(sender: Gateway, receiver: Gateway, wire: Wire, document_id: str) -> Trip:
    """The document when both sides are done with it."""
    sent = settled(sender, document_id)
    message_id = str(sent.message["wire_id"])
    received = arrived(receiver, message_id)
    passed = wire.find(message_id)
    if passed is None:
        raise StepFailed(f"message {message_id} did not pass on the wire")
    return Trip(sent=sent, received=received, passed=passed)


def tell_trip(narrator: Narrator, trip: Trip) -> None:
    """The evidence of one message and its receipt, line by line."""
    passed, message, receipt = trip.passed, trip.received.message, trip.sent.receipt
    headers = passed.headers
    narrator.saw(
        f"POST      AS2-From {headers.get('as2-from')}, AS2-To {headers.get('as2-to')}, {len(passed.body)} octets"
    )
    narrator.saw(f"          Message-ID <{passed.message_id}>")
    narrator.saw(f"          Content-Type {headers.get('content-type')}")
    narrator.saw(f"layers    {'; inside: '.join(message['layers'])}")
    narrator.saw(f"keys      signed with {short(message['signer'])}, encrypted to {short(message['recipient'])}")
    narrator.saw(
        f"HTTP {passed.status}  {passed.answer_headers.get('content-type', '').split(';')[0]}, {len(passed.answer)} octets"
    )
    narrator.saw(f"MDN       {receipt['disposition']}")
    narrator.saw(f"MIC       {receipt['mic']}")


def check_trip(narrator: Narrator, trip: Trip, *, claim: str, plain: bytes) -> None:
    """Everything that makes a delivery a delivery; one claim when all of it holds. ``plain`` must not be readable on the wire."""
    sent, received, receipt = trip.sent, trip.received, trip.sent.receipt
    ours, theirs = _mic(sent.message["mic"]), _mic(receipt["mic"])
    reasons: list[tuple[str, Callable[[], bool]]] = [
        ("the sender calls it delivered", lambda: sent.document["state"] == "delivered"),
        ("the receiver calls it delivered", lambda: received.document["state"] == "delivered"),
        ("the digests of both sides are equal", lambda: sent.document["digest"] == received.document["digest"]),
        ("it was encrypted outside and signed inside", lambda: _layered(received.message["layers"])),
        ("the content cannot be read on the wire", lambda: plain not in trip.passed.body),
        ("the answer was HTTP 200", lambda: trip.passed.status == 200),
        ("the receipt is signed", lambda: "multipart/signed" in trip.passed.answer_headers.get("content-type", "")),
        ("the receipt's signer is known", lambda: bool(receipt["signer"])),
        ("the receipt refers to the message", lambda: receipt["refers_to"] == sent.message["wire_id"]),
        ("the receipt is positive", lambda: receipt["disposition"].rstrip().endswith("processed")),
        ("the MIC came back unchanged", lambda: bool(ours) and ours == theirs),
    ]
    for reason, holds in reasons:
        if not holds():
            seen = [
                sent.document["state"],
                sent.document["reason"],
                received.document,
                receipt["disposition"],
                ours,
                theirs,
            ]
            raise StepFailed(f"{claim}: not true that {reason}. Seen instead: {str(seen)[:900]}")
    narrator.check(claim, holds=True)


def check_inbox(gateway: Gateway, paper: Paper) -> Path:
    """The file in the receiver's inbox with exactly these octets. Raises ``StepFailed``."""

    def look() -> Path | None:
        folder = gateway.data_dir / "inbox"
        found = [p for p in folder.rglob(f"*--{paper.file_name}") if p.read_bytes() == paper.content]
        return found[0] if found else None

    return wait_for(f"{paper.file_name} lies in the inbox of {gateway.name}, octet for octet", look)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _layered(layers: list[str]) -> bool:
    return len(layers) == 2 and layers[0].startswith("encrypted") and layers[1].startswith("signed")


def _mic(text: str) -> tuple[str, str]:
    """Digest and algorithm, whose spelling is free (sha-256, sha256)."""
    digest, _, algorithm = text.partition(",")
    return digest.strip(), algorithm.strip().lower().replace("-", "")


def find(rows: list[dict[str, Any]], **wanted: object) -> dict[str, Any] | None:
    """The first row with these values."""
    return next((row for row in rows if all(row.get(name) == value for name, value in wanted.items())), None)
