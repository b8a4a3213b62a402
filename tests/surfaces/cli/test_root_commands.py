"""Trusted CAs by the command line."""

from pathlib import Path

from counterseal.surfaces.cli.exit_codes import Exit
from tests.builders import a_revocation_list, mint_ca, rsa_key
from tests.configurations import OURS
from tests.surfaces.cli.terminal import Terminal

CA = mint_ca("Odette Root", key=rsa_key(90))


def test_a_root_is_added_listed_and_taken_out(full: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_text(CA.certificate.pem, encoding="ascii")
    (added,) = full("root", "add", str(file), "--role", "issuer", "--partner", "bravo", "--json").json()
    assert (added["fingerprint"], added["role"], added["partner"]) == (CA.certificate.fingerprint, "issuer", "bravo")
    assert full("root", "add", str(file), "--role", "issuer", "--partner", "bravo").status == Exit.CONFLICT
    assert full("root", "list", "--json").json() == [added]
    assert "Odette Root" in full("root", "list").out
    assert full("root", "remove", CA.certificate.fingerprint[:8], "--json").json() == added
    assert "no trusted CA yet" in full("root", "list").out


def test_an_end_entity_is_no_root(full: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "alpha.pem"
    file.write_text(OURS.certificate.pem, encoding="ascii")
    answer = full("root", "add", str(file))
    assert answer.status == Exit.UNREADABLE
    assert "no CA certificate" in answer.err


def test_a_revocation_list_is_brought_in(full: Terminal, tmp_path: Path) -> None:
    root, crl = tmp_path / "root.pem", tmp_path / "root.crl"
    root.write_text(CA.certificate.pem, encoding="ascii")
    crl.write_bytes(a_revocation_list(CA, 7).der)
    assert full("root", "revocations", str(crl)).status == Exit.UNREADABLE, "its CA is not trusted"
    assert full("root", "add", str(root)).status == 0
    (changed,) = full("root", "revocations", str(crl), "--json").json()
    assert changed["revocations_at"]
    assert full("root", "revocations", str(crl)).status == Exit.CONFLICT
    assert full("root", "revocations", str(root)).status == Exit.UNREADABLE
