"""Gateways that are killed between any two beats of a use case and started again: nothing is lost, nothing happens twice.

Real processes on real sockets with databases on disk; SIGKILL at the named beat (``crashing.py``). The caller, a person or a
program, repeats what got no answer. ``BEATS`` is the table: use case, side, beats in their order.
"""

import json
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from counterseal import app
from counterseal.domain.agreement import ReceiptMode
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.offer import OfferedState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import audit_log
from counterseal.engine.ports import Ports, Window
from counterseal.settings import Settings
from tests.gateway import ADMINISTRATOR
from tests.journeys.nursery import PATIENCE, Nursery, eventually, free_port
from tests.journeys.setting import CONTENT, DOCUMENT_ID, make_gateway, new_fingerprint

pytestmark = pytest.mark.slow

ALPHA, BRAVO = "alpha", "bravo"


def _sending(*, first: tuple[str, ...]) -> tuple[str, ...]:
    """The beats of every message that leaves."""
    return (
        *first,
        "after claim send-document",
        "after blob building._stored",
        "before commit sending._prepare",
        "after commit sending._prepare",
        "before post message",
        "after post message",
        "before commit sending.record",
        "after commit sending.record",
    )


def _receiving(*, then: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The beats of every message that comes; after the last commit its answer is not on the wire yet."""
    return (
        "after blob parts.keep",
        "after blob receiving._store_wire",
        "before commit receiving._record",
        "after commit receiving._record",
        *then,
    )


BEATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "document out": (
        ALPHA,
        _sending(
            first=(
                "after blob documents.store_payload",
                "before commit documents.send",
                "after commit documents.send",
            )
        ),
    ),
    "document in": (
        BRAVO,
        _receiving(
            then=(
                "after claim hand-over",
                "before deliver",
                "after deliver",
                "before commit handing_over.hand_over",
                "after commit handing_over.hand_over",
            )
        ),
    ),
    "receipt out": (
        BRAVO,
        (
            "after claim send-receipt",
            "before post receipt",
            "after post receipt",
            "before commit answering._record_post",
            "after commit answering._record_post",
        ),
    ),
    "receipt in": (ALPHA, ("before commit receipts.receive", "after commit receipts.receive")),
    "CEM out": (
        ALPHA,
        _sending(
            first=(
                "before commit trust_requests._finish",
                "after commit trust_requests._finish",
                "after claim send-trust-request",
                "after blob documents.store_payload",
                "before commit trust_requests.tell",
                "after commit trust_requests.tell",
            )
        ),
    ),
    "CEM in": (BRAVO, _receiving(then=("before commit offers.accept", "after commit offers.accept"))),
    "response out": (
        BRAVO,
        _sending(
            first=(
                "after claim answer-offer",
                "after blob documents.store_payload",
                "before commit offers.answer",
                "after commit offers.answer",
            )
        ),
    ),
    "response in": (ALPHA, _receiving()),
}
CASES = [(use_case, beat) for use_case, (_, beats) in BEATS.items() for beat in beats]


@dataclass(frozen=True)
class Pattern:
    """Data directories to be copied, and the ports that they name."""

    folder: Path
    ports: dict[str, int]


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> dict[ReceiptMode, Pattern]:
    made = {}
    for receipt in (ReceiptMode.SYNC, ReceiptMode.ASYNC):
        folder = tmp_path_factory.mktemp(receipt.value)
        ports = {ALPHA: free_port(), BRAVO: free_port()}
        for one, other in ((ALPHA, BRAVO), (BRAVO, ALPHA)):
            make_gateway(
                folder / one,
                names=(one.upper(), other.upper()),
                ports=(ports[one], ports[other]),
                receipt=receipt,
            )
        made[receipt] = Pattern(folder, ports)
    return made


@dataclass
class Both:
    """Two gateways of one test."""

    folder: Path
    ports: dict[str, int]
    nursery: Nursery
    acts: dict[str, str]
    running: dict[str, int] = field(default_factory=dict)
    opened: dict[str, Ports] = field(default_factory=dict)

    def start(self, side: str, *, crash_at: str = "") -> None:
        self.running[side] = self.nursery.start(
            self.folder / side, self.ports[side], act=self.acts.get(side, ""), crash_at=crash_at
        )

    def kill_all(self) -> None:
        for pid in self.running.values():
            self.nursery.kill(pid)
        for ports in self.opened.values():
            app.close_ports(ports)

    def look(self) -> None:
        """Opens both databases beside the gateways."""
        for side in (ALPHA, BRAVO):
            self.opened[side] = app.open_ports(Settings(data_dir=self.folder / side))

    def documents(self, side: str, direction: Direction, kind: DocumentKind) -> list[Document]:
        with self.opened[side].store.read() as reader:
            return reader.documents(community_id=None, window=Window(limit=100), direction=direction, kinds=[kind])

    def open_work(self, side: str) -> list[WorkKind]:
        with self.opened[side].store.read() as reader:
            return [w.kind for w in reader.work()]

    def logs(self) -> str:
        return "\n".join(f"{side}:\n{(self.folder / side / 'log').read_text()}" for side in (ALPHA, BRAVO))


@pytest.mark.parametrize(("use_case", "beat"), CASES, ids=[f"{u}: {b}" for u, b in CASES])
def test_killed(
    use_case: str,
    beat: str,
    nursery: Nursery,
    patterns: dict[ReceiptMode, Pattern],
    tmp_path: Path,
) -> None:
    side = BEATS[use_case][0]
    certificates = use_case.startswith(("CEM", "response"))
    pattern = patterns[ReceiptMode.ASYNC if use_case.startswith("receipt") else ReceiptMode.SYNC]
    shutil.copytree(pattern.folder, tmp_path / "gateways")
    acts = {ALPHA: "finish", BRAVO: "decide"} if certificates else {ALPHA: "send"}
    both = Both(tmp_path / "gateways", pattern.ports, nursery, acts)
    check = _exchanged if certificates else _delivered
    try:
        for one in (BRAVO, ALPHA):
            both.start(one, crash_at=beat if side == one else "")

        ended = nursery.ended(both.running[side], seconds=PATIENCE)
        assert ended == -signal.SIGKILL, f"the beat was never reached: {ended}\n{both.logs()}"
        both.start(side)

        both.look()
        assert eventually(lambda: check(both)), f"{_seen(both)}\n{both.logs()}"
        _nothing_twice(both, certificates=certificates)
    finally:
        both.kill_all()


def _delivered(both: Both) -> bool:
    """The document is where it belongs on both sides, and no work is left."""
    out = both.documents(ALPHA, Direction.OUT, DocumentKind.BUSINESS)
    there = both.documents(BRAVO, Direction.IN, DocumentKind.BUSINESS)
    states = [d.state for d in (*out, *there)]
    return states == [DocumentState.DELIVERED] * 2 and _idle(both, may_wait={WorkKind.RECEIPT_TIMEOUT})


def _exchanged(both: Both) -> bool:
    """The certificate was asked for, accepted, answered, and is in use on both sides; no work is left."""
    with both.opened[ALPHA].store.read() as reader:
        states = [e.state for e in reader.exchanges()]
    messages = [d.state for side, direction, kind in MESSAGES for d in both.documents(side, direction, kind)]
    settled = messages == [DocumentState.DELIVERED] * len(MESSAGES)
    return states == [ExchangeState.ACCEPTED] and settled and _idle(both, may_wait={WorkKind.RESPOND_BY})


def _idle(both: Both, *, may_wait: set[WorkKind]) -> bool:
    """Nothing is left but what Alpha may wait for, and the looks after what ends, which every gateway has."""
    looks = {WorkKind.RETIRE, WorkKind.SWEEP}
    return set(both.open_work(ALPHA)) <= may_wait | looks and set(both.open_work(BRAVO)) <= looks


MESSAGES = (
    (ALPHA, Direction.OUT, DocumentKind.CEM_REQUEST),
    (BRAVO, Direction.IN, DocumentKind.CEM_REQUEST),
    (BRAVO, Direction.OUT, DocumentKind.CEM_RESPONSE),
    (ALPHA, Direction.IN, DocumentKind.CEM_RESPONSE),
)


def _nothing_twice(both: Both, *, certificates: bool) -> None:
    for ports in both.opened.values():
        audit_log.prove(ports, ADMINISTRATOR)
    if certificates:
        _one_exchange(both)
    else:
        _one_document(both)


def _one_document(both: Both) -> None:
    """Also in the backend: one set of facts, one payload, no half file."""
    (sent,) = both.documents(ALPHA, Direction.OUT, DocumentKind.BUSINESS)
    assert sent.id == DOCUMENT_ID
    (received,) = both.documents(BRAVO, Direction.IN, DocumentKind.BUSINESS)
    files = sorted(p for p in (both.folder / BRAVO / "inbox").rglob("*") if p.is_file())
    facts = [p for p in files if p.suffix == ".json"]
    payloads = [p for p in files if p.suffix != ".json" and not p.name.startswith(".")]
    assert [json.loads(p.read_text())["document_id"] for p in facts] == [received.id]
    assert [p.read_bytes() for p in payloads] == [CONTENT]


def _one_exchange(both: Both) -> None:
    for side, direction, kind in MESSAGES:
        assert len(both.documents(side, direction, kind)) == 1, f"{side} {direction.value} {kind.value}"
    new = new_fingerprint(both.opened[ALPHA])
    for side, whose in ((ALPHA, Side.OURS), (BRAVO, Side.THEIRS)):
        with both.opened[side].store.read() as reader:
            found = [a for a in reader.assignments() if a.side is whose]
            offered = reader.offered([o.id for c in reader.communities() for o in reader.offers(c.id, window=Window())])
        for usage in (Usage.SIGN, Usage.ENCRYPT):
            states = {a.state: a.fingerprint for a in found if a.usage is usage}
            assert states.keys() == {AssignmentState.ACTIVE, AssignmentState.RETIRING}
            assert states[AssignmentState.ACTIVE] == new
        assert [o.state for o in offered] == ([OfferedState.ACCEPTED] if side == BRAVO else [])


def _seen(both: Both) -> str:
    """For the message of a test that failed."""
    lines = []
    for side, ports in both.opened.items():
        with ports.store.read() as reader:
            found = reader.documents(community_id=None, window=Window(limit=100))
            lines += [f"{side} {d.direction.value} {d.kind.value} {d.state.value} {d.reason}" for d in found]
            lines += [f"{side} {e.state.value}" for e in reader.exchanges()]
            lines += [f"{side} {w.kind.value} due {w.due} tries {w.tries} owner {w.owner}" for w in reader.work()]
    return "\n".join(lines)
