"""What two parties can agree on over OFTP2: proofs of identity, stations, formats, wishes, who calls, who decides."""

import asyncio
import copy
import os
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from counterseal.domain.document import DocumentState
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.protocols.oftp2.commands import EFPA, NERP
from tests.builders import mint, rsa_key
from tests.configurations import key_file
from tests.journeys.oftp2_firms import CODES, Firm, configuration, two_firms, until
from tests.journeys.oftp2_wire import a_wire_peer
from tests.journeys.test_oftp2_breaks import UNSECURED, a_file

PLAIN: dict[str, Any] = {**UNSECURED, "tls": False}


async def test_secure_authentication_proves_both_ends(tmp_path: Path) -> None:
    """OFTP-18, OFTP-19: challenges go to the certificates of the usage session-auth."""
    async with two_firms(tmp_path, secure_authentication=True) as (alpha, bravo):
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        await until(lambda: bravo.sessions()[0].ended_at is not None)
        assert [s.authenticated for s in (*alpha.sessions(), *bravo.sessions())] == [True, True]


async def test_a_key_that_is_not_the_partners_fails_the_challenge(tmp_path: Path) -> None:
    """OFTP-19: bravo holds another certificate of alpha's for session-auth; ESID 11."""
    async with two_firms(tmp_path, start=False, secure_authentication=True) as (alpha, bravo):
        other = mint("Alpha Arrows", now=datetime.now(UTC), key=rsa_key(7))
        (bravo.folder / "other.pem").write_bytes(other.pem)
        text = configuration(bravo, alpha, {"secure_authentication": True}, theirs={"session-auth": "other"})
        partner = text["communities"][0]["partners"][0]
        partner["certificates"].append({"label": "other", "file": str(bravo.folder / "other.pem")})
        file = bravo.folder / "again.yaml"
        file.write_text(yaml.safe_dump(text), encoding="utf-8")
        await bravo.cli("apply", str(file))
        await alpha.start()
        await bravo.start()
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.FAILED)
        assert {s.reason for s in alpha.sessions()} == {"11"}
        assert {s.outcome.value for s in bravo.sessions()} == {"refused"}


async def with_second_station(firm: Firm, other: Firm, terms: dict[str, Any], *, ours: bool) -> None:
    """A second relationship between the same two nodes: another station of alpha's with bravo."""
    text = configuration(firm, other, terms)
    community = text["communities"][0]
    first = community["partners"][0]["agreements"][0]
    if ours:
        community["stations"].append({"protocol": "oftp2", "identity": "O0013000001PLANT", "name": "Plant"})
        second = {**first, "station": "O0013000001PLANT", "oftp2": {**first["oftp2"], "our_ssid_code": firm.code}}
    else:
        second = {**first, "partner_identity": "O0013000001PLANT"}
    community["partners"][0]["agreements"].append(copy.deepcopy(second))
    file = firm.folder / "second.yaml"
    file.write_text(yaml.safe_dump(text), encoding="utf-8")
    await firm.cli("apply", str(file))


async def test_sub_stations_share_a_session_and_their_files_find_their_agreements(tmp_path: Path) -> None:
    """SFIDORIG and SFIDDEST route; one session serves both relationships of the node."""
    async with two_firms(tmp_path, **PLAIN) as (alpha, bravo):
        await with_second_station(alpha, bravo, PLAIN, ours=True)
        await with_second_station(bravo, alpha, PLAIN, ours=False)
        with alpha.opened.store.read() as reader:
            agreements = reader.agreements(reader.communities()[0].id)
        ids = [
            (await alpha.cli("document", "send", "--no-call", a_file(tmp_path, content), "--agreement", agreement.id))[
                "id"
            ]
            for agreement, content in zip(agreements, (b"from the node", b"from the plant"), strict=True)
        ]
        await alpha.cli("partner", "call", agreements[0].id)
        for document_id in ids:
            await alpha.reaches(document_id, DocumentState.DELIVERED)
        await until(lambda: [s.files_sent for s in alpha.sessions()] == [2], about=alpha.about)
        with bravo.opened.store.read() as reader:
            origins: dict[str, str] = {a.id: a.partner_identity for a in reader.agreements(reader.communities()[0].id)}
        came = {origins[d.agreement_id or ""]: bravo.payload(d) for d in bravo.received()}
        assert came == {CODES["alpha"]: b"from the node", "O0013000001PLANT": b"from the plant"}


RECORDS = [os.urandom(n) for n in (1, 80, 0, 799, 80)]
V_PAYLOAD = b"".join(len(r).to_bytes(4, "big") + r for r in RECORDS)


@pytest.mark.parametrize("terms", [PLAIN, {"tls": False}], ids=["plain", "secured"])
@pytest.mark.parametrize(
    ("options", "content", "payload"),
    [
        (("--format", "T"), b"line\r\nline\r\n", b"line\r\nline\r\n"),
        (("--format", "F", "--record-length", "80"), bytes(range(240)), bytes(range(240))),
        (("--format", "V", "--record-length", "800"), V_PAYLOAD, V_PAYLOAD),
        (
            ("--format", "V", "--record-length", "80", "--lines"),
            b"first\r\nsecond\n\nlast",
            b"\0\0\0\5first\0\0\0\6second\0\0\0\0\0\0\0\4last",
        ),
    ],
    ids=["text", "fixed", "variable", "lines"],
)
async def test_records_arrive_as_they_were(
    tmp_path: Path, terms: dict[str, Any], options: tuple[str, ...], content: bytes, payload: bytes
) -> None:
    """OFTP-34, OFTP-37, OFTP-45."""
    async with two_firms(tmp_path, **terms) as (alpha, bravo):
        sent = await alpha.cli(
            "document", "send", a_file(tmp_path, content), "--agreement", "bravo", "--dataset-name", "RECORDS", *options
        )
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        (received,) = bravo.received()
        assert bravo.payload(received) == payload
        assert received.virtual_file is not None
        assert (received.file_name, received.virtual_file.format.value) == ("RECORDS", options[1])


async def test_a_file_that_contradicts_its_format_is_not_sent(tmp_path: Path) -> None:
    async with two_firms(tmp_path, **PLAIN) as (alpha, _):
        file = a_file(tmp_path, b"81 octets are no record of eighty")
        options = ("--agreement", "bravo", "--format", "F", "--record-length", "80")
        sent = await alpha.cli("document", "send", file, *options)
        failed = await alpha.reaches(sent["id"], DocumentState.FAILED)
        assert "no whole number of records" in failed.reason
        refused = await alpha.cli("document", "send", file, "--agreement", "bravo", "--format", "F", status=3)
        assert refused["code"] == "domain.invalid-virtual-file"
        refused = await alpha.cli(
            "document", "send", file, "--agreement", "bravo", "--dataset-name", "lower case", status=3
        )
        assert refused["code"] == "domain.invalid-virtual-file"


async def test_wishes_of_a_document_override_the_agreement(tmp_path: Path) -> None:
    async with two_firms(tmp_path, bravo_terms=UNSECURED) as (alpha, bravo):
        sent = await alpha.cli(
            "document",
            "send",
            a_file(tmp_path, b"UNB'"),
            "--agreement",
            "bravo",
            "--no-encrypt",
            "--no-compress",
            "--no-signed-receipt",
            "--description",
            "für Ölförderung",
        )
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        story = await alpha.cli("document", "show", sent["id"])
        assert [layer.split()[0] for layer in story["messages"][0]["layers"]] == ["signed"]
        assert story["messages"][1]["signer"] == ""
        assert bravo.received()[0].subject == "für Ölförderung"


async def test_files_go_both_ways_in_one_session(tmp_path: Path) -> None:
    """OFTP-21, OFTP-46: the one that is called sends what waits when the turn comes to it."""
    async with two_firms(tmp_path, bravo_terms={"may_call": False}) as (alpha, bravo):
        back = [
            await bravo.cli("document", "send", a_file(tmp_path, b"back %d" % n), "--agreement", "alpha")
            for n in range(3)
        ]
        await until(lambda: all(bravo.document(d["id"]).state is DocumentState.QUEUED for d in back))
        assert bravo.sessions() == []
        there = [
            await alpha.cli("document", "send", "--no-call", a_file(tmp_path, b"there %d" % n), "--agreement", "bravo")
            for n in range(3)
        ]
        await asyncio.sleep(0.3)
        await alpha.cli("partner", "call", "bravo")
        for document in there:
            await alpha.reaches(document["id"], DocumentState.DELIVERED)
        for document in back:
            await bravo.reaches(document["id"], DocumentState.DELIVERED)
        await until(lambda: alpha.sessions()[0].ended_at is not None, about=alpha.about)
        (session,) = alpha.sessions()
        assert (session.files_sent, session.files_received) == (3, 3)
        assert (session.receipts_sent, session.receipts_received) == (3, 3)
        assert sorted(alpha.payload(d) for d in alpha.received()) == [b"back 0", b"back 1", b"back 2"]
        refused = await bravo.cli("partner", "call", "alpha", status=5)
        assert refused["code"] == "documents.not-sendable"


async def test_a_person_answers_a_file_with_nerp(tmp_path: Path) -> None:
    """OFTP-49: the reason travels; the document counts as rejected, and can be sent again under a new time."""
    async with two_firms(tmp_path, bravo_terms={"hold_receipts": True}) as (alpha, bravo):
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.SENT)
        (received,) = bravo.received()
        await until(lambda: alpha.sessions()[0].ended_at is not None)
        await bravo.cli("document", "reject-receipt", received.id, "--reason", "wrong plant")
        rejected = await alpha.reaches(sent["id"], DocumentState.REJECTED)
        assert "wrong plant" in rejected.reason
        story = await alpha.cli("document", "show", sent["id"])
        assert story["messages"][-1]["disposition"] == "NERP 34 processing failed: wrong plant"
        assert story["messages"][-1]["signer"] == bravo.minted.certificate.fingerprint
        refused = await bravo.cli("document", "release-receipt", received.id, status=5)
        assert refused["code"] == "documents.no-receipt-held"
        await alpha.cli("document", "resend", sent["id"])
        await alpha.reaches(sent["id"], DocumentState.SENT)
        await until(lambda: len(bravo.received()) == 2)
        names = {m["wire_id"] for m in (await alpha.cli("document", "show", sent["id"]))["messages"] if m["wire_id"]}
        assert len(names) == 2


async def test_a_polled_partner_is_called_with_nothing_to_send(tmp_path: Path) -> None:
    async with two_firms(tmp_path, start=False, alpha_terms={"poll_every": "7d"}, bravo_terms={"may_call": False}) as (
        alpha,
        bravo,
    ):
        await bravo.start()
        sent = await bravo.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "alpha")
        await until(lambda: bravo.document(sent["id"]).state is DocumentState.QUEUED)
        await asyncio.sleep(0.3)
        await alpha.start()
        await bravo.reaches(sent["id"], DocumentState.DELIVERED)
        await until(lambda: [s.outcome.value for s in alpha.sessions()] == ["clean"], about=alpha.about)
        await alpha.stop()
        await alpha.start()
        await asyncio.sleep(0.5)
        assert len(alpha.sessions()) == 1


async def test_no_more_sessions_at_once_than_agreed(tmp_path: Path) -> None:
    """Spec C 26: what comes meanwhile waits for the session under way, or for the next."""
    async with two_firms(tmp_path, **PLAIN) as (alpha, bravo):
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, bravo.opened.live.count(CODES["bravo"], CODES["alpha"]))
                await asyncio.sleep(0.001)

        watching = asyncio.create_task(watch())
        sent = []
        for number in range(12):
            sent.append(await alpha.cli("document", "send", a_file(tmp_path, b"%d" % number), "--agreement", "bravo"))
            await alpha.cli("partner", "call", "bravo")
        for document in sent:
            await alpha.reaches(document["id"], DocumentState.DELIVERED)
        watching.cancel()
        assert most == 1
        assert len(bravo.received()) == 12


async def test_an_unsigned_receipt_where_a_signed_one_was_asked_proves_nothing(tmp_path: Path) -> None:
    """OFTP-47, OFTP-48: by policy; the same with a policy that is content."""
    async with two_firms(
        tmp_path, bravo_terms=UNSECURED, certificates={"ours": {}, "theirs": {}}, alpha_terms={"tls": True}
    ) as (alpha, bravo):
        with bravo.opened.store.write() as writer:
            for assignment in writer.assignments(usage=Usage.RECEIPT_SIGN):
                writer.put(replace(assignment, state=AssignmentState.RETIRED))
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        settled = await alpha.reaches(sent["id"], DocumentState.DELIVERED_DIFFERENT)
        assert "no signature" in settled.reason
        (received,) = bravo.received()
        with bravo.opened.store.read() as reader:
            (receipt,) = [m for m in reader.messages(received.id) if m.kind.value == "eerp"]
        assert receipt.findings[0].code == "oftp2.receipt-not-signed"


async def test_the_listeners_certificate_changes_without_a_restart(tmp_path: Path) -> None:
    """OFTP-53: the next handshake shows the new one; a session that trusts only the old one fails, by name."""
    async with two_firms(tmp_path) as (alpha, bravo):
        first = await shown_by(bravo.port)
        assert first == bravo.minted.der
        new = mint("Bravo New", now=datetime.now(UTC), key=rsa_key(8), dns_names=("localhost",))
        (bravo.folder / "new.p12").write_bytes(key_file(new, "x"))
        text = {
            "version": 1,
            "communities": [
                {
                    "slug": "bravo",
                    "name": "Bravo Bows",
                    "certificates": [
                        {"label": "new", "key_file": str(bravo.folder / "new.p12"), "password": {"value": "x"}}
                    ],
                }
            ],
        }
        (bravo.folder / "new.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
        await bravo.cli("apply", str(bravo.folder / "new.yaml"))
        listed = await bravo.cli("listener", "certificate", "new")
        assert listed[0]["certificate"] == new.certificate.fingerprint
        assert await shown_by(bravo.port) == new.der
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await until(lambda: any(s.reason == "tls" for s in alpha.sessions()), about=alpha.about)
        assert "not trusted" in alpha.sessions()[0].detail
        assert any(event == "oftp2.handshake-failed" for event, _ in bravo.log)
        await bravo.cli("listener", "certificate", "own")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)


async def shown_by(port: int, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(der, bytes)
    return der


async def test_tls_1_2_is_enough_and_less_is_not(tmp_path: Path) -> None:
    """OFTP-4, OFTP-53."""
    async with two_firms(tmp_path) as (_, bravo):
        assert await shown_by(bravo.port, ssl.TLSVersion.TLSv1_2)
        with pytest.raises((ssl.SSLError, ConnectionError)), pytest.warns(DeprecationWarning, match="TLSv1_1"):
            await shown_by(bravo.port, ssl.TLSVersion.TLSv1_1)
        reader, writer = await asyncio.open_connection("127.0.0.1", bravo.port)
        writer.write(b"\x10\x00\x00\x05R")
        assert not (await reader.read(100)).startswith(b"\x10")  # no octet of OFTP before the handshake ends
        writer.close()


async def test_a_client_certificate_is_checked_against_the_agreement(tmp_path: Path) -> None:
    """The handshake trusts the union; the agreement decides after SSID."""
    mine = {"ours": {"tls-client": "own"}, "theirs": {"tls-client": "theirs"}}
    async with two_firms(tmp_path, certificates=mine) as (alpha, _):
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        await alpha.stop()
        await alpha.start()
        with alpha.opened.store.write() as writer:
            for assignment in writer.assignments(usage=Usage.TLS_CLIENT, side=Side.OURS):
                writer.put(replace(assignment, state=AssignmentState.RETIRED))
        sent = await alpha.cli("document", "send", a_file(tmp_path, b"UNB'"), "--agreement", "bravo")
        await alpha.reaches(sent["id"], DocumentState.FAILED)
        assert "client certificate" in alpha.sessions()[0].detail


async def test_quirky_receipts_and_names_are_read(tmp_path: Path) -> None:
    """Spec C 2, 12: a NERP with a code of another list rejects; the name in lower case routes as it is."""
    async with two_firms(tmp_path, **PLAIN) as (alpha, bravo):
        sent = await bravo.cli("document", "send", "--no-call", a_file(tmp_path, b"UNB'"), "--agreement", "alpha")
        await bravo.reaches(sent["id"], DocumentState.QUEUED)
        await asyncio.sleep(0.3)
        await alpha.stop()
        with bravo.opened.store.read() as reader:
            file = reader.messages(sent["id"])[0]
        name = dict(file.headers)
        async with a_wire_peer(bravo.port) as peer:
            await peer.begins()
            assert isinstance(await peer.sends(b"x", peer.sfid(dsn="lower_case")), EFPA)
            peer.says(
                NERP(
                    dsn=name["SFIDDSN"],
                    date=name["SFIDDATE"],
                    time=name["SFIDTIME"],
                    dest=CODES["bravo"],
                    orig=CODES["alpha"],
                    crea=CODES["alpha"],
                    reas="02",
                    reast="no such plant",
                )
            )
            await bravo.reaches(sent["id"], DocumentState.REJECTED)
