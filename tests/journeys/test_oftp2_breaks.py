"""OFTP2 over lines that break: files go on where they stopped, receipts come in later sessions, nothing comes twice."""

import os
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.document import DocumentState
from tests.journeys.oftp2_firms import Firm, two_firms, until
from tests.journeys.oftp2_wire import a_line

LARGE = os.urandom(3_000_000)


def a_file(folder: Path, content: bytes, name: str = "orders.edi") -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


def resumed(story: dict[str, Any]) -> bool:
    """Whether a session says that it went on where another stopped."""
    return any("from octet" in transfer["detail"] for transfer in story["transfers"])


UNSECURED: dict[str, Any] = {
    "sign": False,
    "compress": False,
    "encrypt": False,
    "receipt_signed": False,
    "require_signed": False,
    "require_encrypted": False,
}


@pytest.mark.parametrize("terms", [{}, UNSECURED], ids=["secured", "unsecured"])
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
async def test_a_file_that_is_cut_goes_on_where_it_stopped(tmp_path: Path, terms: dict[str, Any], tls: bool) -> None:
    """OFTP-38, OFTP-39: the same octets are kept; the restart position is what is durable there."""
    async with (
        a_line() as line,
        two_firms(tmp_path, tls=tls, alpha_terms={"port": line.port}, **terms) as (alpha, bravo),
    ):
        line.target = bravo.port
        line.cuts = [700_000, 900_000]
        sent = await alpha.cli("document", "send", a_file(tmp_path, LARGE), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        (received,) = bravo.received()
        assert bravo.payload(received) == LARGE
        story = await alpha.cli("document", "show", sent["id"])
        assert resumed(story)
        assert [t["outcome"] for t in story["transfers"]] == ["failed", "failed", "ok", "ok"]
        assert len([m for m in story["messages"] if m["kind"] == "oftp2-file"]) == 1
        assert line.connections == 3
        with bravo.opened.store.read() as reader:
            assert reader.restart_positions(before=bravo.opened.clock.now()) == []
        assert not any((bravo.folder / "payloads" / "kept").iterdir())


async def test_a_held_receipt_is_released_after_a_restart_and_comes_in_a_later_one(tmp_path: Path) -> None:
    """OFTP-46: over a restart of the program too."""
    async with two_firms(tmp_path, tls=False, bravo_terms={"hold_receipts": True}) as (alpha, bravo):
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.SENT)
        (received,) = bravo.received()
        await until(lambda: len(alpha.sessions()) == 1 and alpha.sessions()[0].ended_at is not None, about=alpha.about)
        assert alpha.sessions()[0].receipts_received == 0
        await restart(bravo)
        await bravo.cli("document", "release-receipt", received.id)
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        story = await alpha.cli("document", "show", sent["id"])
        assert story["messages"][-1]["kind"] == "eerp"
        assert len(alpha.sessions()) == 2


async def restart(firm: Firm) -> None:
    await firm.stop()
    await firm.start()


async def test_a_receipt_under_way_when_the_line_breaks_is_sent_again(tmp_path: Path) -> None:
    """The turn came over, the EERP left, RTR did not come: the partner hears it twice and counts it once."""
    async with a_line() as line, two_firms(tmp_path, tls=False, bravo_terms={"port": line.port}) as (alpha, bravo):
        line.target = alpha.port
        line.cuts = [300]  # of bravo's call: its SSID and a part of the EERP
        await bravo.stop()
        sent = await alpha.cli("document", "send", "--no-call", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await bravo.start()
        await bravo.cli("partner", "call", "alpha")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        story = await alpha.cli("document", "show", sent["id"])
        assert [m["kind"] for m in story["messages"]] == ["oftp2-file", "eerp"]
        assert len(bravo.received()) == 1


async def test_a_partner_that_is_down_is_called_again_by_schedule_and_then_no_more(tmp_path: Path) -> None:
    async with two_firms(tmp_path, start=False, alpha_terms={"retries": ["1s", "1s"]}) as (alpha, bravo):
        await alpha.start()
        assert bravo.bound is not None
        bravo.bound.close()
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        failed = await alpha.reaches(sent["id"], DocumentState.FAILED)
        assert "called 3 times" in failed.reason
        assert [s.outcome.value for s in alpha.sessions()] == ["unreachable"] * 3
        bravo.bind(bravo_port(alpha))
        await bravo.start()
        await alpha.cli("document", "resend", sent["id"])
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)


def bravo_port(alpha: Firm) -> int:
    with alpha.opened.store.read() as reader:
        community = reader.communities()[0]
        return reader.agreements(community.id)[0].oftp2.port
