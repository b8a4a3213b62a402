"""What the two sides agree for a session, at its edges: small windows, compressed buffers, no restart, different offers."""

import os
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.document import DocumentState
from tests.journeys.oftp2_firms import two_firms, until
from tests.journeys.oftp2_wire import a_line

RUNS = b"".join(bytes([n % 7]) * (n % 150) for n in range(400)) + os.urandom(5_000)
"""Long and short runs, and noise: all kinds of subrecords."""
OPEN: dict[str, Any] = {
    "tls": False,
    "sign": False,
    "compress": False,
    "encrypt": False,
    "receipt_signed": False,
    "require_signed": False,
    "require_encrypted": False,
}


@pytest.mark.parametrize(
    ("alpha_terms", "bravo_terms"),
    [
        ({"buffer_bytes": 128, "credit": 2}, {}),
        ({}, {"buffer_bytes": 129, "credit": 2}),
        ({"buffer_compression": True}, {"buffer_compression": True}),
        ({"buffer_compression": True}, {"buffer_compression": False}),
        ({"restart": True}, {"restart": False}),
        ({"buffer_bytes": 99_999, "credit": 999}, {"buffer_bytes": 99_999, "credit": 999}),
    ],
    ids=["small buffer", "small window", "compressed", "compression of one", "restart of one", "largest"],
)
async def test_the_lower_of_both_offers_holds_and_files_arrive(
    tmp_path: Path, alpha_terms: dict[str, Any], bravo_terms: dict[str, Any]
) -> None:
    """OFTP-11, OFTP-13, OFTP-15, OFTP-33."""
    async with two_firms(tmp_path, alpha_terms=alpha_terms, bravo_terms=bravo_terms, **OPEN) as (alpha, bravo):
        file = tmp_path / "runs.bin"
        file.write_bytes(RUNS)
        sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
        back = await bravo.cli("document", "send", str(file), "--agreement", "alpha")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        await bravo.reaches(back["id"], DocumentState.DELIVERED)
        for firm in (alpha, bravo):
            (received,) = firm.received()
            assert firm.payload(received) == RUNS


async def test_without_restart_a_file_that_broke_off_begins_again(tmp_path: Path) -> None:
    """OFTP-38: SFIDREST is 0 unless restart was agreed."""
    content = os.urandom(900_000)
    async with (
        a_line() as line,
        two_firms(tmp_path, alpha_terms={"port": line.port}, restart=False, **OPEN) as (alpha, bravo),
    ):
        line.target = bravo.port
        line.cuts = [400_000]
        file = tmp_path / "large.bin"
        file.write_bytes(content)
        sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        (received,) = bravo.received()
        assert bravo.payload(received) == content
        await until(lambda: all(s.ended_at for s in alpha.sessions()), about=alpha.about)
        assert max(s.octets_sent for s in alpha.sessions()) == len(content)
        story = await alpha.cli("document", "show", sent["id"])
        assert not any("from octet" in transfer["detail"] for transfer in story["transfers"])
