"""Files secured in every way the standard knows, both ways in one session, and keys in every state that may still accept."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.document import DocumentState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.ids import Fingerprint
from tests.builders import Minted, mint, rsa_key
from tests.configurations import key_file
from tests.journeys.oftp2_firms import NAMES, Firm, two_firms, until

CONTENT = b"UNB+UNOC:3+ALPHA+BRAVO+261125:1200+1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+1'\r\n" * 40
COMBINATIONS = list(product((False, True), repeat=3))
"""Signed, compressed, encrypted."""
LAYERS = ("signed", "compressed", "encrypted")
ANYTHING: dict[str, Any] = {"require_signed": False, "require_encrypted": False}


def wishes(combination: tuple[bool, ...]) -> Iterator[str]:
    for wanted, name in zip(combination, ("sign", "compress", "encrypt"), strict=True):
        yield f"--{name}" if wanted else f"--no-{name}"


async def queue_all(firm: Firm, other: str, folder: Path) -> dict[str, tuple[bool, ...]]:
    """One file for each combination, by document id; nobody is called yet."""
    sent = {}
    for number, combination in enumerate(COMBINATIONS):
        file = folder / f"{firm.name}{number}.edi"
        file.write_bytes(CONTENT + b"%d" % number)
        made = await firm.cli("document", "send", "--no-call", str(file), "--agreement", other, *wishes(combination))
        sent[made["id"]] = combination
    return sent


@pytest.mark.parametrize("suite", range(1, 7))
async def test_every_combination_in_every_suite_goes_both_ways_in_one_session(tmp_path: Path, suite: int) -> None:
    """OFTP-40, OFTP-44, OFTP-46, OFTP-47: eight files each way, each with a signed EERP."""
    async with two_firms(tmp_path, cipher_suite=suite, start=False, **ANYTHING) as (alpha, bravo):
        there = await queue_all(alpha, "bravo", tmp_path)
        back = await queue_all(bravo, "alpha", tmp_path)
        await bravo.start()
        await until(lambda: all(message_made(bravo, one) for one in back), about=bravo.about)
        await alpha.start()
        await until(lambda: all(message_made(alpha, one) for one in there), about=alpha.about)
        await alpha.cli("partner", "call", "bravo")
        for firm, sent, other in ((alpha, there, bravo), (bravo, back, alpha)):
            for document in sent:
                await firm.reaches(document, DocumentState.DELIVERED)
            for document, combination in sent.items():
                story = await firm.cli("document", "show", document)
                file, receipt = story["messages"]
                wanted = [layer for layer, on in zip(LAYERS, combination, strict=True) if on]
                assert [layer.split()[0] for layer in file["layers"]] == wanted[::-1]
                assert receipt["signer"] == other.minted.certificate.fingerprint
                assert receipt["mic"] == file["mic"]
        for firm in (alpha, bravo):
            contents = sorted(firm.payload(d) for d in firm.received())
            assert contents == sorted(CONTENT + b"%d" % number for number in range(8))
        await until(lambda: all(s.ended_at for s in alpha.sessions()), about=alpha.about)
        both = [s for s in alpha.sessions() if s.files_sent and s.files_received]
        assert both, alpha.about()


def message_made(firm: Firm, document_id: str) -> bool:
    document = firm.document(document_id)
    with firm.opened.store.read() as reader:
        return any(m.wire is not None for m in reader.messages(document.id))


@pytest.mark.parametrize("state", [AssignmentState.STAGED, AssignmentState.RETIRING])
async def test_a_file_to_a_key_that_is_staged_or_retiring_is_opened(tmp_path: Path, state: AssignmentState) -> None:
    """Spec C 20: the partner encrypts to the other one of our two certificates."""
    async with two_firms(tmp_path) as (alpha, bravo):
        other = await another_certificate(bravo, state)
        with alpha.opened.store.write() as writer:
            (assignment,) = writer.assignments(side=Side.THEIRS, usage=Usage.FILE_ENCRYPT)
            held = writer.certificates(community_id=assignment.community_id)[0]
            writer.put(replace(held, certificate=other.certificate, side=Side.THEIRS))
            writer.put(replace(assignment, fingerprint=other.certificate.fingerprint))
        file = tmp_path / "orders.edi"
        file.write_bytes(CONTENT)
        sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        (received,) = bravo.received()
        assert bravo.payload(received) == CONTENT
        with bravo.opened.store.read() as reader:
            (message,) = [m for m in reader.messages(received.id) if m.kind.value == "oftp2-file"]
            seen = [a for a in reader.assignments(side=Side.OURS) if a.fingerprint == other.certificate.fingerprint]
        assert message.recipient == other.certificate.fingerprint
        assert [a.last_seen_at is not None for a in seen if a.usage is Usage.FILE_ENCRYPT] == [True]


async def hold(firm: Firm, label: str, minted: Minted) -> None:
    """Gives the firm one more certificate of its own."""
    file = firm.folder / f"{label}.p12"
    file.write_bytes(key_file(minted, "x"))
    addition = firm.folder / f"{label}.yaml"
    addition.write_text(
        f"version: 1\ncommunities:\n  - slug: {firm.name}\n    name: {NAMES[firm.name]}\n    certificates:\n"
        f"      - label: {label}\n        key_file: {file}\n        password: {{value: x}}\n"
    )
    await firm.cli("apply", str(addition))


async def another_certificate(firm: Firm, state: AssignmentState) -> Minted:
    """A second certificate of the firm's, in this state for file encryption."""
    made = mint(f"{firm.name} again", now=datetime.now(UTC), key=rsa_key(2), expires_in=timedelta(days=30))
    await hold(firm, "again", made)
    with firm.opened.store.write() as writer:
        (active,) = writer.assignments(side=Side.OURS, usage=Usage.FILE_ENCRYPT)
        writer.put(
            replace(
                active,
                id=type(active.id)("0" * 32),
                fingerprint=Fingerprint(made.certificate.fingerprint),
                state=state,
            )
        )
    return made


async def test_a_pinned_server_needs_no_name_and_no_client_purpose(tmp_path: Path) -> None:
    """Spec C 22: a certificate for another host name, for serverAuth alone, without its chain."""
    async with two_firms(tmp_path, start=False) as (alpha, bravo):
        plain = mint(
            "elsewhere",
            now=datetime.now(UTC),
            key=rsa_key(2),
            extended_key_usage=("1.3.6.1.5.5.7.3.1",),
            dns_names=("elsewhere.example",),
            expires_in=timedelta(days=30),
        )
        await hold(bravo, "plain", plain)
        await bravo.cli("listener", "certificate", "plain")
        await alpha.start()
        await bravo.start()
        file = tmp_path / "orders.edi"
        file.write_bytes(CONTENT)
        sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
        await until(lambda: bool(alpha.sessions()) and alpha.sessions()[0].ended_at is not None, about=alpha.about)
        assert alpha.sessions()[0].outcome.value == "unreachable"  # not pinned yet
        with alpha.opened.store.write() as writer:
            (assignment,) = writer.assignments(side=Side.THEIRS, usage=Usage.TLS_SERVER)
            held = next(h for h in writer.certificates(community_id=assignment.community_id) if h.side is Side.THEIRS)
            writer.put(replace(held, certificate=plain.certificate))
            writer.put(replace(assignment, fingerprint=plain.certificate.fingerprint))
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)


async def test_received_files_are_found_by_partner_name_date_and_time(tmp_path: Path) -> None:
    async with two_firms(tmp_path) as (alpha, bravo):
        for name in ("ORDERS.ONE", "ORDERS.TWO"):
            file = tmp_path / name
            file.write_bytes(CONTENT)
            sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
            await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        story = await alpha.cli("document", "show", sent["id"])
        dataset, date, time, _ = story["messages"][0]["wire_id"].split(" ")

        async def found(*options: str) -> list[str]:
            rows = await bravo.cli("document", "list", "--direction", "in", *options)
            return [row["file_name"] for row in rows]

        assert await found("--agreement", "alpha") == ["ORDERS.TWO", "ORDERS.ONE"]
        assert await found("--agreement", "alpha", "--search", dataset) == ["ORDERS.TWO"]
        assert await found("--search", f"{dataset} {date} {time}") == ["ORDERS.TWO"]
        assert await found("--search", f"{dataset} {date} 000000") == []
        missing = await bravo.cli("document", "list", "--agreement", "nobody", status=4)
        assert missing["code"] == "store.not-found"
