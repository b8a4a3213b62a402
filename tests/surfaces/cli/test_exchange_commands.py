"""The main job by the command line: certificates made and brought in, partners asked, requests of partners decided."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.document import Direction
from counterseal.domain.exchange import Sent
from counterseal.domain.exchange import apply as apply_to
from counterseal.domain.usage import Protocol
from counterseal.engine.ports import Writer
from counterseal.kernel.ids import ExchangeId
from counterseal.surfaces.cli.exit_codes import Exit
from tests.builders import NOW, a_document, a_message, an_offer, an_offered_certificate, mint, rsa_key
from tests.configurations import OURS, PASSWORD, THEIRS, key_file
from tests.surfaces.cli.terminal import Ran, Terminal

LATER = (NOW + timedelta(days=10)).isoformat()
SEND = ["trust-request", "send", "--certificate", "alpha-2027", "--usage", "sign", "--usage", "encrypt"]


@contextmanager
def writing(terminal: Terminal) -> Iterator[Writer]:
    ports = terminal.ports()
    with ports.store.write() as writer:
        yield writer
    ports.store.close()  # type: ignore[attr-defined]
    terminal.closed += 1


def code_of(ran: Ran) -> str:
    return str(json.loads(ran.err)["code"])


def ours(terminal: Terminal) -> dict[tuple[str, str], str]:
    shown = terminal("agreement", "show", "BRAVO", "--json").json()
    return {(a["usage"], a["state"]): a["certificate"] for a in shown["assignments"] if a["side"] == "ours"}


# certificates


def make(terminal: Terminal, *more: str) -> Ran:
    words = ["--common-name", "Alpha Arrows", "--label", "alpha-2027", "--bits", "2048"]
    return terminal("certificate", "generate", *words, *more, "--json")


def test_a_certificate_is_made_shown_and_printed_in_pem(full: Terminal) -> None:
    made = make(full, "--organisation", "Alpha", "--country", "NO", "--dns-name", "alpha.example").json()
    assert (made["side"], made["origin"]) == ("ours", "generated")
    assert full("certificate", "show", "alpha-2027", "--json").json() == made
    pem = full("certificate", "show", "alpha-2027", "--pem").out
    assert pem.startswith("-----BEGIN CERTIFICATE-----\n")
    assert "PRIVATE" not in pem


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--key", "dsa"], Exit.USAGE),
        (["--valid-days", "0"], Exit.USAGE),
        (["--bits", "1024"], Exit.REFUSED),
        (["--key", "ec", "--curve", "secp112r1"], Exit.REFUSED),
        (["--digest", "sha1"], Exit.REFUSED),
        (["--country", "Norway"], Exit.REFUSED),
        (["--dns-name", "not a name"], Exit.REFUSED),
    ],
    ids=str,
)
def test_a_certificate_that_cannot_be_is_refused(full: Terminal, words: list[str], status: Exit) -> None:
    assert make(full, *words).status == status
    assert full("certificate", "show", "alpha-2027").status == Exit.NOT_FOUND


def test_a_key_file_is_brought_in_with_a_password_from_where_it_is_kept(
    full: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = mint("Alpha Arrows", key=rsa_key(3))
    (tmp_path / "newer.p12").write_bytes(key_file(newer))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    bring = ["certificate", "import", str(tmp_path / "newer.p12"), "--label", "newer", "--json"]
    for words, code in (
        ([], "vault.wrong-password"),
        (["--password-env", "NOTHING_HERE"], "cli.usage"),
        (["--password-file", str(tmp_path / "nothing")], "cli.file"),
    ):
        assert code_of(full(*bring, *words)) == code
    assert full(*bring, "--password-file", str(tmp_path / "password")).json()["label"] == "newer"
    monkeypatch.setenv("NEWER_P12", PASSWORD)
    assert code_of(full(*bring, "--password-env", "NEWER_P12")) == "store.conflict", "a second time"


def test_a_partners_certificate_is_held_and_then_put_to_use(full: Terminal, tmp_path: Path) -> None:
    newer = mint("Bravo Bows", key=rsa_key(3)).certificate
    (tmp_path / "newer.cer").write_bytes(newer.der)
    bring = ["certificate", "import", str(tmp_path / "newer.cer"), "--partner", "bravo", "--json"]
    made = full(*bring).json()
    assert (made["side"], made["partner"], made["assignments"]) == ("theirs", "bravo", [])
    words = ["--agreement", "BRAVO", "--usage", "encrypt", "--json"]
    used = full("certificate", "assign", newer.fingerprint[:12], *words).json()
    assert [(a["usage"], a["state"]) for a in used["assignments"]] == [("encrypt", "active")]
    refused = full("certificate", "assign", "alpha-2026", "--agreement", "BRAVO", "--usage", "file-sign", "--json")
    assert (refused.status, code_of(refused)) == (Exit.CONFLICT, "certificates.not-assignable")
    (tmp_path / "noise.cer").write_bytes(b"noise")
    noise = full("certificate", "import", str(tmp_path / "noise.cer"), "--partner", "bravo", "--json")
    assert (noise.status, code_of(noise)) == (Exit.UNREADABLE, "certificates.unreadable")


# trust requests


@pytest.fixture
def sent(full: Terminal) -> dict[str, Any]:
    """A request whose message has reached Bravo's listener."""
    make(full)
    made: dict[str, Any] = full(*SEND, "--cem", "BRAVO", "--respond-by", LATER, "--json").json()
    with writing(full) as writer:
        exchange = writer.exchange(ExchangeId(made["exchanges"][0]["id"]))
        writer.put(apply_to(exchange, Sent(), NOW))
    return made


def test_a_request_is_sent_listed_and_shown(full: Terminal, sent: dict[str, Any]) -> None:
    assert (sent["number"], sent["usages"], sent["state"]) == (1, ["encrypt", "sign"], "open")
    assert [r["number"] for r in full("trust-request", "list", "--json").json()] == [1]
    shown = full("trust-request", "show", "1", "--json").json()
    assert [(e["partner"], e["state"]) for e in shown["exchanges"]] == [("bravo", "sent")]
    assert full("trust-request", "show", sent["id"], "--json").json() == shown
    assert ours(full)["sign", "staged"] == sent["certificate"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--respond-by", LATER], Exit.REFUSED),
        (["--cem", "BRAVO", "--respond-by", "2020-01-01"], Exit.REFUSED),
        (["--cem", "BRAVO", "--respond-by", "soon"], Exit.REFUSED),
        (["--cem", "BRAVO", "--respond-by", LATER, "--time-zone", "Europe"], Exit.REFUSED),
        (["--cem", "OMEGA", "--respond-by", LATER], Exit.NOT_FOUND),
        (["--cem", "BRAVO"], Exit.USAGE),
        (["--cem", "BRAVO", "--respond-by", LATER, "--usage", "everything"], Exit.USAGE),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_stores_and_sends_nothing(full: Terminal, words: list[str], status: Exit) -> None:
    make(full)
    before = ours(full)
    assert full(*SEND, *words).status == status
    assert full("trust-request", "list", "--json").json() == []
    assert ours(full) == before


def test_a_field_that_is_wrong_is_named_in_words_and_in_json(full: Terminal) -> None:
    make(full)
    words = [*SEND, "--cem", "BRAVO", "--respond-by", "2020-01-01"]
    assert full(*words).err.startswith("counterseal: respond_by_date: ")
    problem = json.loads(full(*words, "--json").err)
    assert (problem["code"], problem["errors"][0]["field"]) == ("engine.field-errors", "respond_by_date")


def test_partners_are_reminded_and_sent_to_again(full: Terminal, sent: dict[str, Any]) -> None:
    assert full("trust-request", "remind", "1", "bravo").status == 0
    assert code_of(full("trust-request", "remind", "1", "bravo", "--json")) == "trust-requests.not-possible"
    assert full("trust-request", "resend", "1", "omega").status == Exit.NOT_FOUND
    assert full("trust-request", "resend", "7", "bravo").status == Exit.NOT_FOUND


def test_a_person_switches_now_and_back(full: Terminal, sent: dict[str, Any]) -> None:
    assert full("trust-request", "switch-now", "1", "bravo").status == 0
    assert ours(full)["sign", "active"] == sent["certificate"]
    assert full("trust-request", "switch-back", "1", "bravo").status == 0
    assert ours(full)["sign", "active"] == OURS.certificate.fingerprint


def test_an_answer_by_phone_is_yes_or_no(full: Terminal, sent: dict[str, Any]) -> None:
    record = ["trust-request", "record-answer", "1", "bravo"]
    assert full(*record).status == Exit.USAGE
    assert full(*record, "--accepted", "--rejected").status == Exit.USAGE
    answered = full(*record, "--accepted", "--reason", "Ms Bow, by phone", "--json").json()
    assert [(e["state"], e["answered_by"][:6]) for e in answered["exchanges"]] == [("accepted", "local:")]


def test_the_date_is_changed_and_the_request_withdrawn(full: Terminal, sent: dict[str, Any]) -> None:
    changed = full("trust-request", "respond-by", "1", "2027-01-15T18:00", "--json").json()
    assert changed["respond_by"] == "2027-01-15T17:00:00Z", "read in the community's time zone"
    assert full("trust-request", "respond-by", "1", "2020-01-01").status == Exit.CONFLICT
    one = full("trust-request", "withdraw", "1", "--partner", "bravo", "--json").json()
    assert [e["state"] for e in one["exchanges"]] == ["withdrawn"]
    assert full("trust-request", "withdraw", "1", "--json").json()["withdrawn_at"]
    assert full("trust-request", "withdraw", "1").status == Exit.CONFLICT


# received requests


def received(terminal: Terminal) -> tuple[str, str]:
    """A renewal of Bravo's certificate, signed by the one in use: ids of request and certificate."""
    newer = mint("Bravo Bows", key=rsa_key(2)).certificate
    with writing(terminal) as writer:
        station = writer.find_station(Protocol.AS2, "ALPHA")
        assert station is not None
        agreement = writer.find_agreement(station.id, "BRAVO")
        assert agreement is not None
        shared = {"community_id": agreement.community_id, "agreement_id": agreement.id}
        document = a_document(**shared)
        carrier = a_message(
            **shared, document_id=document.id, direction=Direction.IN, signer=THEIRS.certificate.fingerprint
        )
        offer = an_offer(**shared, partner_id=agreement.partner_id, document_id=document.id)
        offered = an_offered_certificate(
            offer_id=offer.id,
            certificate=newer,
            issuer_name=newer.issuer,
            serial_text=str(newer.serial),
            replaces=(THEIRS.certificate.fingerprint,),
        )
        writer.put(document, carrier, offer, offered)
    return offer.id, offered.id


def test_a_received_request_is_listed_and_shown_with_its_certificates(full: Terminal) -> None:
    offer, offered = received(full)
    assert [o["id"] for o in full("received", "list", "--json").json()] == [offer]
    shown = full("received", "show", offer, "--json").json()
    assert [c["id"] for c in shown["certificates"]] == [offered]
    assert "bravo" in full("received", "list").out


def test_a_received_request_is_rejected_with_a_reason_once(full: Terminal) -> None:
    offer, offered = received(full)
    assert full("received", "reject", offer).status == Exit.USAGE, "a reason is asked for"
    done = full("received", "reject", offer, "--reason", "not the one we agreed on", "--json").json()
    assert (done["state"], done["certificates"][0]["reason"]) == ("rejected", "not the one we agreed on")
    again = full("received", "accept", offer, "--certificate", offered, "--json")
    assert (again.status, code_of(again)) == (Exit.CONFLICT, "offers.decision-refused")


def test_a_received_request_is_accepted_by_two_people_where_two_are_asked_for(
    full: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, _ = received(full)
    accept: Callable[[], Ran] = lambda: full("received", "accept", offer, "--json")  # noqa: E731  said often below
    monkeypatch.setenv("LOGNAME", "edi")
    first = accept().json()
    assert (first["state"], first["certificates"][0]["first_approver"]) == ("pending", "local:edi")
    assert accept().status == Exit.CONFLICT, "the same person is no second one"
    monkeypatch.setenv("LOGNAME", "mara")
    assert accept().json()["state"] == "accepted"
