"""Files and receipts through two conversations: cut anywhere, with trouble of our own, they end whole and once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.oftp_session import SessionOutcome
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine.oftp2 import planning
from counterseal.engine.oftp2.incoming import WORTH_KEEPING
from counterseal.engine.ports import BlobUnavailable, Window
from tests.engine.oftp2.pair import Gateway, Session, two_gateways
from tests.gateway import MemoryBlobs, clock_of

CONTENT = bytes(range(256)) * 1200
OPEN: dict[str, Any] = {"sign": False, "compress": False, "encrypt": False, "receipt_signed": False}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Gateway, Gateway]]:
    with two_gateways(tmp_path, require_signed=False, require_encrypted=False) as gateways:
        yield gateways


def payload(gateway: Gateway, number: int = 0) -> bytes:
    document = gateway.documents(Direction.IN)[number]
    assert document.payload is not None
    return b"".join(gateway.ports.blobs.read(document.payload))


def states(gateway: Gateway, direction: Direction) -> list[str]:
    return [d.state.value for d in gateway.documents(direction)]


@pytest.mark.parametrize("wishes", [{}, OPEN, {"encrypt": False}, {"sign": False, "compress": False}])
@pytest.mark.parametrize("cut", [None, 10, 300, 90_000, 200_000, 320_000])
def test_wherever_it_is_cut_the_next_session_ends_it(
    pair: tuple[Gateway, Gateway], wishes: dict[str, Any], cut: int | None
) -> None:
    """OFTP-38, OFTP-39, OFTP-40, OFTP-46: whole, once, with one receipt; nothing is left behind."""
    alpha, bravo = pair
    document = alpha.send(CONTENT, **wishes)
    if cut is not None:
        Session(alpha, bravo).run(cut=cut)
    Session(alpha, bravo).run()
    assert alpha.document(document).state is DocumentState.DELIVERED
    assert payload(bravo) == CONTENT
    assert len(bravo.documents(Direction.IN)) == 1
    with bravo.ports.store.read() as reader:
        agreement = bravo.agreement.id
        assert reader.owed_receipts([agreement], held=False, limit=9) == []
        assert reader.restart_positions(before=clock_of(bravo.ports).at.replace(year=2100)) == []
    assert isinstance(bravo.ports.blobs, MemoryBlobs)
    assert bravo.ports.blobs.unfinished == {}


def test_a_session_that_broke_says_so_and_gives_its_documents_back(pair: tuple[Gateway, Gateway]) -> None:
    alpha, bravo = pair
    sent = [alpha.send(CONTENT, **OPEN) for _ in range(3)]
    session = Session(alpha, bravo).run(cut=100_000)
    assert [alpha.document(d).state for d in sent] == [DocumentState.QUEUED] * 3
    assert session.caller.ending is not None
    assert session.caller.ending.worth_another
    with alpha.ports.store.read() as reader:
        (record,) = reader.oftp_sessions(community_id=None, window=Window())
        (broken,) = reader.transfers(sent[0].id)
    assert record.outcome is SessionOutcome.BROKEN
    assert broken.status == "broken"
    Session(alpha, bravo).run()
    assert [alpha.document(d).state for d in sent] == [DocumentState.DELIVERED] * 3


def test_a_file_encrypted_to_a_replaced_certificate_is_made_again(pair: tuple[Gateway, Gateway]) -> None:
    """oftp2-scx.md 6.7: never send again what was made for a replaced one."""
    alpha, bravo = pair
    document = alpha.send(CONTENT, compress=False)
    Session(alpha, bravo).run(cut=90_000)
    other = _ours(alpha)
    with alpha.ports.store.write() as writer:
        before = writer.messages(document.id)
        for assignment in writer.assignments(side=Side.THEIRS, usage=Usage.FILE_ENCRYPT):
            writer.put(
                replace(assignment, state=AssignmentState.RETIRED),
                replace(assignment, id=type(assignment.id)("again"), fingerprint=other),
            )
    Session(alpha, bravo).run()
    assert alpha.document(document).state is DocumentState.QUEUED
    with alpha.ports.store.read() as reader:
        assert len(reader.work(kinds={WorkKind.SECURE_FILE}, subject=document.id)) == 1
    alpha.work()
    with alpha.ports.store.read() as reader:
        after = reader.messages(document.id)
    assert len(before) == 1
    assert len(after) == 2
    assert after[1].recipient == other
    assert after[0].wire_id != after[1].wire_id


def _ours(gateway: Gateway) -> Any:
    with gateway.ports.store.read() as reader:
        return reader.assignments(side=Side.OURS)[0].fingerprint


class FullDisk(MemoryBlobs):
    """Nothing can be written."""

    def create(self, *, max_bytes: int | None) -> Any:
        raise BlobUnavailable("the disk is full")


def test_a_full_disk_ends_the_session_with_08_and_the_file_comes_later(pair: tuple[Gateway, Gateway]) -> None:
    """product.md section 8, environment: retried by schedule; no receipt before the file is durable."""
    alpha, bravo = pair
    document = alpha.send(CONTENT, **OPEN)
    good, bravo.ports = bravo.ports, replace(bravo.ports, blobs=FullDisk())
    session = Session(alpha, bravo).run()
    assert session.caller.ending is not None
    assert "08" in session.caller.ending.text
    assert session.caller.ending.worth_another
    assert alpha.document(document).state is DocumentState.QUEUED
    with good.store.read() as reader:
        (record,) = reader.oftp_sessions(community_id=None, window=Window())
    assert (record.outcome, record.reason) == (SessionOutcome.BROKEN, "08")
    bravo.ports = good
    Session(alpha, bravo).run()
    assert alpha.document(document).state is DocumentState.DELIVERED


def test_an_old_restart_position_is_given_up_with_its_octets(pair: tuple[Gateway, Gateway]) -> None:
    alpha, bravo = pair
    alpha.send(CONTENT, **OPEN)
    Session(alpha, bravo).run(cut=200_000)
    assert isinstance(bravo.ports.blobs, MemoryBlobs)
    (kept,) = bravo.ports.blobs.unfinished.values()
    assert len(kept) >= WORTH_KEEPING
    assert planning.sweep_positions(bravo.ports) == 0
    clock_of(bravo.ports).pass_time(planning.POSITIONS_KEPT * 2)
    assert planning.sweep_positions(bravo.ports) == 1
    assert bravo.ports.blobs.unfinished == {}
    Session(alpha, bravo).run()
    assert payload(bravo) == CONTENT


def test_ten_documents_are_one_call(pair: tuple[Gateway, Gateway]) -> None:
    alpha, _ = pair
    for _ in range(10):
        alpha.send(b"x", **OPEN)
    with alpha.ports.store.read() as reader:
        assert len(reader.work(kinds={WorkKind.CALL_PARTNER}, subject=alpha.agreement.id)) == 1


def test_a_received_file_is_found_by_its_dataset_name(pair: tuple[Gateway, Gateway]) -> None:
    alpha, bravo = pair
    alpha.send(b"UNB'", **OPEN)
    Session(alpha, bravo).run()
    with bravo.ports.store.read() as reader:
        found = reader.documents(community_id=None, window=Window(), search="orders 2026")
    assert [d.file_name for d in found] == ["ORDERS"]
    assert states(bravo, Direction.IN) == ["received"]
