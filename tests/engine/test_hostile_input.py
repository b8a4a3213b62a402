"""What strangers and broken partners send costs no storage without bound, and believes nobody."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from counterseal.domain.document import Direction, DocumentState, MessageKind
from counterseal.engine.as2 import admitting, receiving
from counterseal.engine.as2.incoming import Incoming, Known
from counterseal.engine.as2.parts import Parts
from counterseal.engine.ports import BlobUnavailable
from counterseal.engine.sparing import MOST, MOST_OF_ONE, WINDOW, SparingNotes
from counterseal.kernel.ids import BlobId
from counterseal.kernel.mime import ContentType, Headers
from counterseal.protocols import as2
from tests.builders import NOW, mint, rsa_key
from tests.engine.world import ORDERS, PLAIN_LINK, World, a_party
from tests.gateway import _MemoryWriter


def kept(world: World) -> int:
    return len(world.alpha.ports.blobs.kept)  # type: ignore[attr-defined]


def test_a_repeated_message_costs_no_further_payload(world: World) -> None:
    wire = world.bravo.document(ORDERS)
    world.give(wire)
    before = kept(world)

    for _ in range(5):
        world.give(wire)

    assert kept(world) == before


def test_a_posted_receipt_leaves_no_payload_behind(world: World) -> None:
    """A large one is refused before it is read into memory; either way its octets are gone afterwards."""
    wire = world.bravo.receipt("nothing@alpha.example")
    known = admitting.admit(world.alpha.ports, wire.headers, PLAIN_LINK)
    assert isinstance(known, Known)
    for size, status in ((len(wire.body), 200), (as2.DEFAULT_LIMITS.max_receipt_bytes + 1, 413)):
        blob = _stored(world, wire.body.ljust(size))
        drawn = 0

        def body(blob: str = blob) -> Iterator[bytes]:
            nonlocal drawn
            for chunk in world.alpha.ports.blobs.read(blob):  # type: ignore[arg-type]
                drawn += len(chunk)
                yield chunk

        answer = receiving.receive(
            world.alpha.ports,
            Incoming(
                known=known,
                body=body,
                wire=blob,  # type: ignore[arg-type]
                size=size,
                remote="",
                started_at=world.clock.now(),
            ),
        )

        assert answer.status == status
        assert status == 200 or drawn <= receiving.ANSWER_LIMIT
        assert kept(world) == 0
    assert world.alpha.documents(Direction.IN) == []


@pytest.mark.parametrize(("large", "fails_at"), [(True, 1), (False, 1), (False, 2)])
def test_a_message_that_cannot_be_laid_down_leaves_no_payload(
    world: World, monkeypatch: pytest.MonkeyPatch, fails_at: int, large: bool
) -> None:
    """The disk is full: each time that the partner tries again would make it fuller."""
    wire = world.bravo.document(ORDERS)
    known = admitting.admit(world.alpha.ports, wire.headers, PLAIN_LINK)
    assert isinstance(known, Known)
    blob = BlobId(_stored(world, wire.body)) if large else None
    commits = iter(range(1, 99))
    commit = _MemoryWriter.commit

    def failing(writer: _MemoryWriter) -> BlobId:
        if next(commits) == fails_at:
            raise BlobUnavailable("the disk is full")
        return commit(writer)

    monkeypatch.setattr(_MemoryWriter, "commit", failing)
    with pytest.raises(BlobUnavailable):
        receiving.receive(
            world.alpha.ports,
            Incoming(
                known=known,
                body=lambda: iter((wire.body,)),
                wire=blob,
                size=len(wire.body),
                remote="",
                started_at=world.clock.now(),
            ),
        )
    assert kept(world) == 0
    assert world.alpha.documents(Direction.IN) == []


def test_of_several_parts_none_stays_when_one_cannot_be_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(world.alpha.ports, None)
    for index, content in enumerate((b"one", b"two", b"three")):
        parts.begin(
            as2.PartHead(
                index=index,
                path=(index,),
                headers=Headers(()),
                content_type=ContentType.parse("text/plain"),
                file_name=None,
                content_id="",
                cem=False,
            )
        )
        parts.write(content)
    commit = _MemoryWriter.commit

    def failing(writer: _MemoryWriter) -> BlobId:
        if kept(world) == 2:
            raise BlobUnavailable("the disk is full")
        return commit(writer)

    monkeypatch.setattr(_MemoryWriter, "commit", failing)
    with pytest.raises(BlobUnavailable):
        parts.keep()
    assert kept(world) == 0


def _stored(world: World, content: bytes) -> str:
    writer = world.alpha.ports.blobs.create(max_bytes=None)
    writer.write(content)
    return writer.commit()


def test_strangers_do_not_fill_the_audit_trail(world: World) -> None:
    for number in range(200):
        world.give(world.bravo.document(ORDERS).with_header("AS2-From", f"NOBODY{number}"))
    for _ in range(20):
        world.give(world.bravo.receipt("nothing@alpha.example"))

    events = world.alpha.event_names()
    assert events.count("as2.refused-unknown") == MOST
    assert events.count("receipt.unknown-message") == 0  # the strangers had it all

    world.pass_time(WINDOW)
    for _ in range(20):
        world.give(world.bravo.receipt("nothing@alpha.example"))

    noted = [e for e in world.alpha.events() if e.event == "receipt.unknown-message"]
    assert len(noted) == MOST_OF_ONE
    assert [e.facts.get("left-out-before") for e in noted] == ["170", None, None, None, None]


def test_notes_are_allowed_again_when_the_clock_goes_back() -> None:
    notes = SparingNotes()
    assert [notes.allow("x", NOW) for _ in range(MOST_OF_ONE + 1)] == [{}] * MOST_OF_ONE + [None]

    assert notes.allow("x", NOW - timedelta(days=1)) == {"left-out-before": "1"}


def test_a_large_message_of_nobody_proved_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record stays, with what was wrong; its octets would be a stranger's way to fill the disk."""
    monkeypatch.setattr(receiving, "KEPT_OF_REFUSED", 2000)
    forged = a_party("BRAVO", mint("Bravo Bows", key=rsa_key(3)))
    for wire, kept_of_it in (
        (world.bravo.document(b"x" * 5000, sign=False), 0),
        (world.bravo.document(b"x" * 5000, signed_by=forged), 0),
        (world.bravo.document(b"x" * 5000, encrypts_to=mint("Nobody", key=rsa_key(3)).certificate), 0),
        (world.bravo.document(b"x", sign=False, encrypt=False), 2),
    ):
        before = kept(world)

        world.give(wire)

        document = world.alpha.documents(Direction.IN)[-1]
        (message,) = world.alpha.messages(document.id, MessageKind.AS2)
        assert document.state is DocumentState.REFUSED
        assert kept(world) - before == kept_of_it
        assert (message.wire is None) == (document.payload is None) == (kept_of_it == 0)
        assert ("as2.not-kept" in {f.code for f in document.findings}) == (kept_of_it == 0)


def test_what_nobody_proved_says_nothing_about_the_partner(world: World) -> None:
    """Version, product and CEM are believed of messages that were taken."""
    before = world.alpha.agreement

    world.give(world.bravo.document(ORDERS, sign=False).with_header("AS2-Product", "evil"))

    assert world.alpha.agreement == before
    world.give(world.bravo.document(ORDERS))
    assert world.alpha.agreement.seen.product == "counterseal-sim"
