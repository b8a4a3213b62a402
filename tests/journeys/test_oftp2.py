"""A file over OFTP2 between two gateways, from the command that sends it to the receipt that settles it."""

import os
from pathlib import Path

import pytest

from counterseal.domain.document import DocumentState
from tests.journeys.oftp2_firms import two_firms, until

TEXT = b"UNB+UNOC:3+ALPHA+BRAVO+261125:1200+1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+1'\r\n" * 300


def a_file(folder: Path, content: bytes, name: str = "orders.edi") -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "tcp"])
async def test_a_secured_file_arrives_and_is_delivered_by_its_signed_receipt(tmp_path: Path, tls: bool) -> None:
    content = os.urandom(100_000) + TEXT
    async with two_firms(tmp_path, tls=tls) as (alpha, bravo):
        sent = await alpha.cli("document", "send", a_file(tmp_path, content), "--agreement", "bravo")
        assert sent["state"] == "queued"
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        (received,) = bravo.received()
        assert bravo.payload(received) == content
        await bravo.reaches(received.id, DocumentState.DELIVERED)

        shown = await alpha.cli("document", "show", sent["id"])
        file, receipt = shown["messages"]
        assert file["kind"] == "oftp2-file"
        assert [layer.split()[0] for layer in file["layers"]] == ["encrypted", "compressed", "signed"]
        assert file["signer"] == alpha.minted.certificate.fingerprint
        assert file["recipient"] == bravo.minted.certificate.fingerprint
        assert (receipt["kind"], receipt["disposition"]) == ("eerp", "EERP")
        assert receipt["signer"] == bravo.minted.certificate.fingerprint
        assert receipt["mic"] == file["mic"]

        (session,) = await alpha.cli("oftp2", "sessions", "list")
        assert (session["we_called"], session["outcome"]) == (True, "clean")
        assert (session["files_sent"], session["receipts_received"]) == (1, 1)
        assert session["tls"].startswith("TLSv1.3") is tls
        await until(lambda: [s.outcome.value for s in bravo.sessions()] == ["clean"], about=bravo.about)
