"""``Backend``: inbound documents lie whole in their agreement's folder, once, under names that no partner can abuse."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.adapters.backend import FolderBackend
from counterseal.adapters.backend.names import safe_name
from counterseal.domain.document import Direction, DocumentState
from counterseal.engine.ports import BackendUnavailable, BlobUnavailable, Delivery
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import BlobId
from tests import builders as b

PAYLOADS = {"one": [b"UNA:+.? '", b"UNB+"], "two": [b"second"], "three": []}


def stored(blob_id: BlobId) -> Iterator[bytes]:
    return iter(PAYLOADS[blob_id])


def a_delivery(**document: Any) -> Delivery:
    world = b.a_relationship()
    made: dict[str, Any] = {
        "community_id": world.community.id,
        "agreement_id": world.agreement.id,
        "direction": Direction.IN,
        "state": DocumentState.RECEIVED,
        "file_name": "ORDERS 4711.edi",
        "payload": BlobId("one"),
    }
    return Delivery(
        document=b.a_document(**(made | document)),
        community=world.community,
        partner=world.partner,
        agreement=world.agreement,
        message_id="1@bravo.example",
        content=stored,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_document_lies_in_its_agreement_s_folder_with_its_facts(tmp_path: Path) -> None:
    finding = Finding(code="x.y", severity=Severity.NOTE, subject="s", text="Hinweis: ü")
    delivery = a_delivery(findings=(finding,))
    where = FolderBackend(tmp_path).deliver(delivery)
    document, agreement = delivery.document, delivery.agreement
    folder = f"{delivery.community.slug}/{delivery.partner.slug}-as2-{agreement.id}"
    found = files(tmp_path)
    assert set(found) == {f"{folder}/{document.id}--ORDERS_4711.edi", f"{folder}/{document.id}.json"}
    assert found[f"{folder}/{document.id}--ORDERS_4711.edi"] == b"UNA:+.? 'UNB+"
    facts = json.loads(found[f"{folder}/{document.id}.json"])
    assert facts == {
        "version": 1,
        "document_id": document.id,
        "community": delivery.community.slug,
        "partner": delivery.partner.slug,
        "partner_name": "Bravo Bows",
        "partner_identity": agreement.partner_identity,
        "agreement_id": agreement.id,
        "protocol": "as2",
        "message_id": "1@bravo.example",
        "received_at": "2026-11-25T12:00:00+00:00",
        "file_name": "ORDERS 4711.edi",
        "content_type": "application/edifact",
        "subject": "",
        "size": document.size,
        "sha256": document.digest,
        "files": [f"{document.id}--ORDERS_4711.edi"],
        "findings": [{"code": "x.y", "severity": "note", "text": "Hinweis: ü"}],
    }
    assert document.id in where
    assert str(tmp_path) not in where


def test_attachments_lie_beside_it(tmp_path: Path) -> None:
    delivery = a_delivery(attachments=("two", "three"))
    FolderBackend(tmp_path).deliver(delivery)
    names = [Path(name).name for name in files(tmp_path)]
    identity = delivery.document.id
    assert sorted(names) == sorted(
        [f"{identity}--ORDERS_4711.edi", f"{identity}--2--attachment", f"{identity}--3--attachment", f"{identity}.json"]
    )


def test_delivering_again_changes_nothing_even_when_the_payload_was_picked_up(tmp_path: Path) -> None:
    delivery = a_delivery()
    backend = FolderBackend(tmp_path)
    first = backend.deliver(delivery)
    before = files(tmp_path)
    assert backend.deliver(delivery) == first
    assert files(tmp_path) == before
    payload = next(p for p in tmp_path.rglob("*.edi"))
    payload.unlink()
    assert backend.deliver(delivery) == first
    assert not payload.exists()


def test_a_crash_before_the_facts_is_made_good_by_the_next_delivery(tmp_path: Path) -> None:
    delivery = a_delivery(attachments=("two",))

    def breaks(blob_id: BlobId) -> Iterator[bytes]:
        if blob_id == "two":
            raise BlobUnavailable("gone")
        return stored(blob_id)

    backend = FolderBackend(tmp_path)
    with pytest.raises(BlobUnavailable):
        backend.deliver(replace(delivery, content=breaks))
    assert list(tmp_path.rglob("*.json")) == []
    backend.deliver(delivery)
    assert len(files(tmp_path)) == 3


def test_a_payload_that_breaks_off_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    def breaks(_: BlobId) -> Iterator[bytes]:
        yield b"half"
        raise BlobUnavailable("gone")

    with pytest.raises(BlobUnavailable):
        FolderBackend(tmp_path).deliver(replace(a_delivery(), content=breaks))
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/x",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a\0b",
        ".hidden",
        "x" * 5000,
        "con.txt",
        "a\nb",
        "-rf",
        "\u202egnp.exe",
        "\ud800",
    ],
)
def test_a_partner_s_file_name_stays_inside_the_folder(tmp_path: Path, name: str) -> None:
    delivery = a_delivery(file_name=name)
    FolderBackend(tmp_path / "inbox").deliver(delivery)
    assert {p.name for p in tmp_path.iterdir()} == {"inbox"}
    payload, facts = sorted(files(tmp_path), key=lambda n: n.endswith(".json"))
    assert Path(payload).parent == Path(facts).parent
    assert Path(payload).name.startswith(f"{delivery.document.id}--")


@pytest.mark.parametrize("name", ["facts.json", "FACTS.JSON", "x.Json", ".json", "a/b.json"])
def test_a_partner_s_file_is_never_taken_for_facts(tmp_path: Path, name: str) -> None:
    """Whoever waits for ``.json`` must find our facts, not what a partner calls so."""
    delivery = a_delivery(file_name=name)
    FolderBackend(tmp_path).deliver(delivery)

    found = [Path(f).name for f in files(tmp_path) if f.casefold().endswith(".json")]
    assert found == [f"{delivery.document.id}.json"]


def test_two_documents_of_one_name_lie_side_by_side(tmp_path: Path) -> None:
    backend = FolderBackend(tmp_path)
    first = a_delivery()
    second = replace(first, document=replace(first.document, id=b.a_document().id, payload=BlobId("two")))
    backend.deliver(first)
    backend.deliver(second)
    assert sorted(content for name, content in files(tmp_path).items() if name.endswith(".edi")) == [
        b"UNA:+.? 'UNB+",
        b"second",
    ]


def test_a_folder_that_cannot_be_written_is_unavailable_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file is in the way")
    with pytest.raises(BackendUnavailable) as caught:
        FolderBackend(tmp_path / "inbox").deliver(a_delivery())
    assert str(tmp_path) not in caught.value.detail


def test_the_facts_are_written_last_and_each_file_is_durable_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        steps.append("sync")
        real_fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        steps.append(target.suffix)
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    FolderBackend(tmp_path).deliver(a_delivery())
    assert steps[-6:] == ["sync", ".edi", "sync", "sync", ".json", "sync"]


@given(st.text(max_size=300))
def test_a_safe_name_is_one_harmless_component(text: str) -> None:
    name = safe_name(text, fallback="document")
    assert name not in {"", ".", ".."}
    assert "/" not in name
    assert "\\" not in name
    assert not name.startswith(".")
    assert all(c.isprintable() for c in name)
    assert len(name.encode()) <= 121


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ORDERS 4711.edi", "ORDERS_4711.edi"),
        ("Rechnung-März.xml", "Rechnung-März.xml"),
        ("a/b\\c:d.txt", "a_b_c_d.txt"),
        ("...", "document"),
        ("NUL", "_NUL"),
        ("com1.edi", "_com1.edi"),
        ("ä" * 200 + ".edi", "ä" * 58 + ".edi"),
        ("x" * 200, "x" * 120),
    ],
)
def test_safe_names_stay_recognisable(text: str, expected: str) -> None:
    assert safe_name(text, fallback="document") == expected
