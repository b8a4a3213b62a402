"""A partner that writes what it should not: each gets the standard's reason, and the gateway stays what it was."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters.tcp.listener import PER_ADDRESS
from counterseal.domain.document import DocumentState
from counterseal.protocols.oftp2.commands import (
    CD,
    EERP,
    EFID,
    EFNA,
    EFPA,
    ESID,
    RTR,
    SFID,
    SFNA,
    SFPA,
    SSRM,
)
from counterseal.protocols.oftp2.security import FilePlan, secure_file
from counterseal.protocols.oftp2.suites import SUITES
from tests.journeys.oftp2_firms import CODES, Firm, two_firms, until
from tests.journeys.oftp2_wire import WirePeer, a_wire_peer
from tests.protocols.oftp2.keys import a_key

OPEN: dict[str, Any] = {"require_signed": False, "require_encrypted": False, "tls": False, "may_call": False}


@pytest.mark.parametrize(
    ("ssid", "reason"),
    [
        ({"code": "O0013NOBODY"}, "03"),
        ({"password": "WRONG"}, "04"),
        ({"password": ""}, "04"),
        ({"authentication": True}, "12"),
    ],
    ids=["unknown code", "wrong password", "no password", "authentication"],
)
async def test_who_is_not_let_in_is_told_why(tmp_path: Path, ssid: dict[str, Any], reason: str) -> None:
    """OFTP-16, OFTP-17."""
    async with two_firms(tmp_path, **OPEN) as (_, bravo), a_wire_peer(bravo.port) as peer:
        await peer.hears(SSRM)
        peer.says(peer.ssid(**ssid))
        assert (await peer.hears(ESID)).reas == reason
        await peer.leaves()
        await until(lambda: [s.outcome.value for s in bravo.sessions()] == ["refused"], about=bravo.about)
        (session,) = bravo.sessions()
        assert session.reason == reason
        assert session.findings


async def test_plain_tcp_is_refused_where_tls_was_agreed(tmp_path: Path) -> None:
    async with two_firms(tmp_path, tls=False, start=False, bravo_terms={"tls": True}) as (_, bravo):
        await bravo.start()
        async with a_wire_peer(bravo.port) as peer:
            await peer.hears(SSRM)
            peer.says(peer.ssid())
            assert (await peer.hears(ESID)).reas == "10"


@pytest.mark.parametrize(
    ("terms", "sfid", "reason"),
    [
        ({}, {"dest": "O0013NOWHERE"}, "02"),
        ({}, {"dest": CODES["alpha"]}, "02"),
        ({}, {"orig": "O0013STRANGER"}, "03"),
        ({"dataset_names": ["INVOIC*"]}, {}, "01"),
        ({}, {"sec": "01", "ciph": "07", "env": "1"}, "15"),
        ({"require_encrypted": True}, {}, "17"),
        ({"require_signed": True}, {}, "20"),
        ({}, {"fsiz": 9_000_000_000}, "06"),
        ({}, {"sign": True}, "15"),
        ({}, {"fmt": "F", "lrecl": 0}, "05"),
    ],
    ids=[
        "unknown destination",
        "not ours",
        "unknown origin",
        "name",
        "suite",
        "unencrypted",
        "unsigned",
        "too big",
        "signed receipt without suite",
        "F without length",
    ],
)
async def test_a_file_is_refused_before_a_byte_with_the_right_reason(
    tmp_path: Path, terms: dict[str, Any], sfid: dict[str, Any], reason: str
) -> None:
    """OFTP-30, OFTP-31: no retry, nothing stored, and the session goes on."""
    async with two_firms(tmp_path, **{**OPEN, **terms}) as (_, bravo), a_wire_peer(bravo.port) as peer:
        await peer.begins()
        peer.says(peer.sfid(**sfid))
        refused = await peer.hears(SFNA)
        assert (refused.reas, refused.rrtr) == (reason, False)
        assert refused.reast
        await peer.ends()
        assert bravo.received() == []
        await until(lambda: bravo.sessions()[0].outcome.value == "clean", about=bravo.about)
        assert bravo.sessions()[0].findings


async def test_the_same_file_twice_is_a_duplicate_and_its_receipt_comes_once_more_only_if_owed(tmp_path: Path) -> None:
    """OFTP-29, OFTP-46: SFNA 13 without retry."""
    async with two_firms(tmp_path, **OPEN) as (_, bravo):
        async with a_wire_peer(bravo.port) as peer:
            await peer.begins()
            assert isinstance(await peer.sends(b"once", peer.sfid()), EFPA)
            peer.says(peer.sfid())
            refused = await peer.hears(SFNA)
            assert (refused.reas, refused.rrtr) == ("13", False)
            peer.says(CD())
            assert (await peer.hears(EERP)).dsn == "ORDERS"
            peer.says(RTR())
            await peer.hears(CD)
            peer.says(ESID(reas="00"))
        async with a_wire_peer(bravo.port) as peer:
            await peer.begins()
            peer.says(peer.sfid())
            assert (await peer.hears(SFNA)).reas == "13"
            await peer.ends()
        (received,) = bravo.received()
        assert bravo.payload(received) == b"once"


async def test_the_same_name_with_another_time_is_another_file(tmp_path: Path) -> None:
    """OFTP-28."""
    async with two_firms(tmp_path, **OPEN) as (_, bravo), a_wire_peer(bravo.port) as peer:
        await peer.begins()
        await peer.sends(b"one", peer.sfid(time="1200000001"))
        await peer.sends(b"two", peer.sfid(time="1200000002"))
        assert sorted(bravo.payload(d) for d in bravo.received()) == [b"one", b"two"]


def secured(
    firm: Firm, content: bytes, *, signer: str = "", to: str = "", compress: bool = False
) -> tuple[bytes, SFID]:
    """A file secured by hand, by keys that are named or by bravo's certificate (``to="bravo"``)."""
    recipient = firm.minted.certificate if to == "bravo" else a_key(to).certificate if to else None
    plan = FilePlan(
        suite=SUITES["04"],
        signer=a_key(signer) if signer else None,
        embed_certificate=False,
        signing_time=None,
        compression_level=1 if compress else None,
        recipient=recipient,
    )
    octets = b"".join(bytes(c) for c in secure_file((content,), plan, entropy=os.urandom, size=len(content)))
    return octets, WirePeer.sfid(sec=plan.sec, ciph=plan.ciph, comp=plan.comp, env=plan.env)


@pytest.mark.parametrize(
    ("how", "announced", "reason"),
    [
        ({"signer": "a stranger"}, {}, "21"),
        ({"to": "somebody else"}, {}, "22"),
        ({"to": "bravo", "signer": "a stranger"}, {}, "22"),
        ({"to": "bravo"}, {"sec": "00", "comp": "1"}, "23"),
        ({"compress": True}, {"sec": "02", "comp": "0"}, "21"),
    ],
    ids=["unknown signer", "not for us", "plain line: one answer for all", "no compressed data", "no signature"],
)
async def test_a_file_that_does_not_open_gets_efna_and_may_come_again(
    tmp_path: Path, how: dict[str, Any], announced: dict[str, Any], reason: str
) -> None:
    """OFTP-41, OFTP-50: 21, 22, 23; the document is shown as refused, its payload is not kept."""
    async with two_firms(tmp_path, **OPEN) as (_, bravo), a_wire_peer(bravo.port) as peer:
        octets, sfid = secured(bravo, b"UNB'" * 50, **how)
        await peer.begins()
        answer = await peer.sends(octets, replace(sfid, **announced))
        assert isinstance(answer, EFNA)
        assert answer.reas == reason
        (refused,) = bravo.received()
        assert (refused.state, refused.payload) == (DocumentState.REFUSED, None)
        answer = await peer.sends(b"plain this time", peer.sfid())
        assert isinstance(answer, EFPA)
        assert len(bravo.received()) == 2
        assert not any((bravo.folder / "payloads" / "kept").iterdir())


@pytest.mark.parametrize(("count", "records", "reason"), [(5, 0, "11"), (4, 0, "")], ids=["wrong octets", "right"])
async def test_totals_are_checked(tmp_path: Path, count: int, records: int, reason: str) -> None:
    """OFTP-37."""
    async with two_firms(tmp_path, **OPEN) as (_, bravo), a_wire_peer(bravo.port) as peer:
        await peer.begins()
        peer.says(peer.sfid())
        await peer.hears(SFPA)
        peer.says(b"D\x84UNB'", EFID(rcnt=records, ucnt=count))
        answer: Any = await peer.hears(object)
        assert answer.reas == reason if reason else isinstance(answer, EFPA)
        assert len(bravo.received()) == (0 if reason else 1)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\x10\x00\x00\x05Z", "01"),
        (b"\x10\x00\x00\x05R" + b"\x10\x00\x00\x05R", "02"),
        (b"\x10\x00\x00\x05H", "07"),
        (b"\x20\x00\x00\x05R", ""),
        (b"\x10\xff\xff\xffH", ""),
        (b"\x10\x00\x00\x07DXX", "02"),
        (os.urandom(5000), ""),
        (b"GET / HTTP/1.1\r\n\r\n", ""),
    ],
    ids=["unknown", "two turns", "short", "version", "huge", "data out of order", "noise", "http"],
)
async def test_broken_input_ends_the_session_and_nothing_else(tmp_path: Path, octets: bytes, reason: str) -> None:
    """OFTP-3, OFTP-52: the next partner finds the gateway as it was."""
    async with two_firms(tmp_path, **OPEN) as (_, bravo):
        async with a_wire_peer(bravo.port) as peer:
            await peer.begins()
            peer.writes(octets)
            ended: Any = await peer.hears(object)
            while not isinstance(ended, ESID):
                ended = await peer.hears(object)
            assert ended.reas == (reason or ended.reas)
            assert ended.reas != "00"
        async with a_wire_peer(bravo.port) as peer:
            await peer.begins()
            assert isinstance(await peer.sends(b"UNB'", peer.sfid()), EFPA)
        await until(lambda: bravo.sessions()[-1].ended_at is not None, about=bravo.about)
        assert [fault for event, fault in bravo.log if event == "oftp2.defect"] == []


async def test_a_peer_that_says_nothing_is_timed_out(tmp_path: Path) -> None:
    """OFTP-51: ESID 09, and what had come is kept."""
    async with two_firms(tmp_path, **OPEN, inactivity="1s") as (_, bravo), a_wire_peer(bravo.port) as peer:
        await peer.begins()
        peer.says(peer.sfid())
        await peer.hears(SFPA)
        assert (await peer.hears(ESID)).reas == "09"
        await peer.leaves()
        await until(lambda: bravo.sessions()[0].outcome.value == "broken", about=bravo.about)


async def test_a_file_larger_than_admitted_is_dropped(tmp_path: Path) -> None:
    """SFIDFSIZ was a lie: EFNA 06, nothing stored."""
    async with two_firms(tmp_path, start=False, **OPEN) as (_, bravo):
        await bravo.start(maximum_file_octets=10_000)
        async with a_wire_peer(bravo.port) as peer:
            await peer.begins()
            peer.says(peer.sfid())
            await peer.hears(SFPA)
            for _ in range(8):
                peer.says(b"D" + (b"\x3f" + bytes(63)) * 31)
            peer.says(b"D\x80", EFID(rcnt=0, ucnt=0))
            answer = await peer.hears(EFNA)
            assert answer.reas == "06"
        assert bravo.received() == []
        assert not any((bravo.folder / "payloads" / "kept").iterdir())


async def test_two_sessions_at_once_do_not_receive_the_same_file_twice(tmp_path: Path) -> None:
    async with (
        two_firms(tmp_path, **OPEN) as (_, bravo),
        a_wire_peer(bravo.port) as one,
        a_wire_peer(bravo.port) as two,
    ):
        await one.begins()
        await two.begins()
        one.says(one.sfid())
        await one.hears(SFPA)
        two.says(two.sfid())
        refused = await two.hears(SFNA)
        assert refused.rrtr
        one.says(b"D\x84UNB'", EFID(rcnt=0, ucnt=4))
        assert isinstance(await one.hears(object), EFPA)
        two.says(two.sfid())
        assert (await two.hears(SFNA)).reas == "13"
        assert len(bravo.received()) == 1


async def test_one_address_cannot_take_every_connection(tmp_path: Path) -> None:
    async with two_firms(tmp_path, **OPEN) as (_, bravo):
        held = [await asyncio.open_connection("127.0.0.1", bravo.port) for _ in range(PER_ADDRESS)]
        await asyncio.sleep(0.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", bravo.port)
        assert await reader.read(1) == b""
        for _, one in held:
            one.close()
        writer.close()
        await until(lambda: any(event == "oftp2.too-many-connections" for event, _ in bravo.log))


async def test_a_wrong_partner_behind_the_address_is_noticed(tmp_path: Path) -> None:
    """We called bravo; somebody else answers, or bravo with another password."""
    async with two_firms(tmp_path, tls=False, bravo_terms={"our_password": {"value": "OTHER"}}) as (alpha, _):
        sent = await alpha.cli("document", "send", "/dev/null", "--agreement", "bravo", status=3)
        assert sent["code"] == "documents.empty"
        file = tmp_path / "file"
        file.write_bytes(b"UNB'")
        sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
        failed = await alpha.reaches(sent["id"], DocumentState.FAILED)
        assert "password" in failed.reason
        assert {s.reason for s in alpha.sessions()} == {"04"}
