"""A gateway and a simulated OFTP2 partner: every dial, and what the gateway makes of it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.document import Document, DocumentState
from counterseal_sim import Counterpart, Party
from counterseal_sim.oftp2 import AnswerDial, OddField, OFTP2Dials, OFTP2Partner, Relation, ReturnDial
from tests.journeys.oftp2_firms import CODES, PASSWORDS, Firm, certificate_of, set_up, until

LARGE = os.urandom(600_000)


@contextlib.asynccontextmanager
async def gateway_and_partner(
    folder: Path, dials: OFTP2Dials, *, authentication: bool = False, **terms: Any
) -> AsyncIterator[tuple[Firm, OFTP2Partner]]:
    """Alpha is a gateway; Bravo is simulated, without TLS, and opens what it is sent."""
    alpha = Firm("alpha", folder / "alpha", certificate_of("alpha", 0), tls=False)
    bravo = Firm("bravo", folder / "bravo", certificate_of("bravo", 1), tls=False)
    relation = Relation(
        party=Party.of(CODES["bravo"], "", bravo.minted.certificate, bravo.minted.key),
        password=PASSWORDS["bravo"],
        gateway=Counterpart(
            name=CODES["alpha"],
            url="",
            encrypts_to=alpha.minted.certificate,
            verifies_with=[alpha.minted.certificate],
        ),
        gateway_password=PASSWORDS["alpha"],
        authentication=authentication,
    )
    with OFTP2Partner(relation, now=lambda: datetime.now(UTC), dials=dials) as partner:
        for firm in (alpha, bravo):
            firm.bind()
        agreed = {"tls": False, "port": partner.port, "secure_authentication": authentication, **terms}
        await set_up(alpha, bravo, agreed)
        try:
            await alpha.start()
            yield alpha, partner
        finally:
            await alpha.stop()
            for firm in (alpha, bravo):
                assert firm.bound is not None
                firm.bound.close()


async def send(alpha: Firm, content: bytes = b"UNB+UNOC:3'") -> str:
    file = alpha.folder / "orders.edi"
    file.write_bytes(content)
    sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo")
    return str(sent["id"])


async def calls(alpha: Firm, partner: OFTP2Partner) -> None:
    """The partner calls the gateway."""
    await asyncio.to_thread(partner.call, alpha.port)


@pytest.mark.parametrize("authentication", [False, True], ids=["passwords", "keys"])
async def test_a_good_partner_takes_the_file_and_proves_it(tmp_path: Path, authentication: bool) -> None:
    async with gateway_and_partner(tmp_path, OFTP2Dials(), authentication=authentication) as (alpha, partner):
        document = await send(alpha, LARGE)
        await alpha.reaches(document, DocumentState.DELIVERED)
        (taken,) = partner.taken
        assert taken.content == LARGE
        assert (taken.sfid.sec, taken.sfid.comp, taken.sfid.ciph) == ("03", "1", "02")
        await until(lambda: alpha.sessions()[0].ended_at is not None, about=alpha.about)
        assert alpha.sessions()[0].authenticated is authentication


async def test_a_partner_that_is_slow_with_credit_is_waited_for(tmp_path: Path) -> None:
    dials = OFTP2Dials(slow_credit=timedelta(milliseconds=120), window=8)
    async with gateway_and_partner(tmp_path, dials) as (alpha, partner):
        document = await send(alpha, LARGE)
        await alpha.reaches(document, DocumentState.DELIVERED)
        assert partner.taken[0].content == LARGE
        await until(lambda: alpha.sessions()[0].ended_at is not None, about=alpha.about)
        (session,) = alpha.sessions()
        assert session.ended_at is not None
        windows = len(LARGE) // (4096 * 8)
        assert session.ended_at - session.started_at >= windows * dials.slow_credit


async def test_a_credit_that_never_comes_ends_by_the_timer(tmp_path: Path) -> None:
    """OFTP-51."""
    dials = OFTP2Dials(slow_credit=timedelta(seconds=4), window=8)
    async with gateway_and_partner(tmp_path, dials, inactivity="1s", retries=["1h"]) as (alpha, _):
        await send(alpha, LARGE)
        await until(lambda: any(s.reason == "09" for s in alpha.sessions()), about=alpha.about)


async def test_a_partner_that_breaks_off_gets_only_what_is_missing(tmp_path: Path) -> None:
    """OFTP-38, OFTP-39."""
    async with gateway_and_partner(tmp_path, OFTP2Dials(breaks_after=250_000)) as (alpha, partner):
        document = await send(alpha, LARGE)
        await until(lambda: partner.broken == 1, about=alpha.about)
        partner.turn(breaks_after=None)
        await alpha.reaches(document, DocumentState.DELIVERED)
        (taken,) = partner.taken
        assert taken.content == LARGE
        assert 200_000 < taken.resumed_at < 250_000 + 65_536
        await until(lambda: all(s.ended_at for s in alpha.sessions()), about=alpha.about)
        assert [s.outcome.value for s in alpha.sessions()] == ["clean", "broken"]


@pytest.mark.parametrize("late", [False, True], ids=["same session", "when it calls"])
@pytest.mark.parametrize(
    ("returns", "state", "said"),
    [
        (ReturnDial.GOOD, DocumentState.DELIVERED, ""),
        (ReturnDial.DETACHED, DocumentState.DELIVERED, ""),
        (ReturnDial.UNSIGNED, DocumentState.DELIVERED_DIFFERENT, "no signature"),
        (ReturnDial.WRONG_HASH, DocumentState.DELIVERED_DIFFERENT, "another content"),
        (ReturnDial.STRANGER, DocumentState.DELIVERED_DIFFERENT, "signature"),
        (ReturnDial.NERP, DocumentState.REJECTED, "order 4711 is in it twice"),
        (ReturnDial.NERP_ODD_REASON, DocumentState.REJECTED, "order 4711 is in it twice"),
    ],
)
async def test_what_comes_back_settles_the_document(
    tmp_path: Path, returns: ReturnDial, state: DocumentState, said: str, late: bool
) -> None:
    """OFTP-46 to OFTP-49; spec C 11, 12, 13, 27: in the file's session, or in one that the partner opens later."""
    async with gateway_and_partner(tmp_path, OFTP2Dials(returns=returns, late=late)) as (alpha, partner):
        document = await send(alpha)
        if late:
            await alpha.reaches(document, DocumentState.SENT)
            await until(lambda: alpha.sessions()[0].ended_at is not None, about=alpha.about)
            assert partner.owes == 1
            await calls(alpha, partner)
        settled = await alpha.reaches(document, state)
        assert said in settled.reason
        await until(lambda: partner.owes == 0, about=alpha.about)


@pytest.mark.parametrize("returns", [ReturnDial.SILENT, ReturnDial.OTHER_FILE])
async def test_without_a_receipt_of_its_own_a_file_is_not_delivered(tmp_path: Path, returns: ReturnDial) -> None:
    """OFTP-46: EFPA is no receipt, and another file's receipt is not this one's."""
    async with gateway_and_partner(tmp_path, OFTP2Dials(returns=returns)) as (alpha, partner):
        document = await send(alpha)
        await until(lambda: len(partner.taken) == 1 and partner.owes == 0, about=alpha.about)
        await until(lambda: all(s.ended_at for s in alpha.sessions()), about=alpha.about)
        assert alpha.document(document).state is DocumentState.SENT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (AnswerDial.WRONG_PASSWORD, "04"),
        (AnswerDial.WRONG_CODE, "03"),
        (AnswerDial.WRONG_CHALLENGE, "11"),
    ],
)
async def test_who_answers_wrongly_gets_no_file(tmp_path: Path, answer: AnswerDial, reason: str) -> None:
    """OFTP-17, OFTP-19."""
    async with gateway_and_partner(tmp_path, OFTP2Dials(answer=answer), authentication=True, retries=["1h"]) as (
        alpha,
        partner,
    ):
        document = await send(alpha)
        await until(lambda: bool(alpha.sessions()) and alpha.sessions()[0].ended_at is not None, about=alpha.about)
        (session,) = alpha.sessions()
        assert (session.outcome.value, session.reason) == ("refused", reason)
        assert partner.taken == []
        assert alpha.document(document).state is DocumentState.QUEUED


async def settles(alpha: Firm, document: str) -> Document:
    return await alpha.reaches(document, DocumentState.FAILED, DocumentState.REJECTED)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (AnswerDial.REFUSES, "no such plant"),
        (AnswerDial.REJECTS, "not kept"),
        (AnswerDial.BUSY, "come again"),
        (AnswerDial.STORES_NOTHING, "not kept"),
    ],
)
async def test_a_file_that_is_not_taken_fails_with_what_the_partner_said(
    tmp_path: Path, answer: AnswerDial, said: str
) -> None:
    async with gateway_and_partner(tmp_path, OFTP2Dials(answer=answer), retries=["1s"]) as (alpha, partner):
        document = await send(alpha)
        settled = await settles(alpha, document)
        assert said in settled.reason
        assert partner.taken == []


@pytest.mark.parametrize("answer", [AnswerDial.BUSY, AnswerDial.STORES_NOTHING])
async def test_a_passing_refusal_is_tried_again_in_another_session(tmp_path: Path, answer: AnswerDial) -> None:
    async with gateway_and_partner(tmp_path, OFTP2Dials(answer=answer)) as (alpha, partner):
        document = await send(alpha)
        await until(lambda: any(s.ended_at for s in alpha.sessions()), about=alpha.about)
        partner.turn(answer=AnswerDial.GOOD)
        await alpha.reaches(document, DocumentState.DELIVERED)
        assert len(partner.taken) == 1
        assert len(alpha.sessions()) >= 2


async def test_a_partner_that_hangs_up_after_its_efpa_has_the_file(tmp_path: Path) -> None:
    """Spec C 25."""
    dials = OFTP2Dials(answer=AnswerDial.HANGS_UP, late=True)
    async with gateway_and_partner(tmp_path, dials, retries=["1h"]) as (alpha, partner):
        document = await send(alpha)
        await alpha.reaches(document, DocumentState.SENT)
        partner.turn(answer=AnswerDial.GOOD)
        await calls(alpha, partner)
        await alpha.reaches(document, DocumentState.DELIVERED)
        assert len(partner.taken) == 1


@pytest.mark.slow
async def test_a_mute_partner_is_given_up_by_the_timer(tmp_path: Path) -> None:
    """OFTP-51."""
    dials = OFTP2Dials(answer=AnswerDial.MUTE)
    async with gateway_and_partner(tmp_path, dials, inactivity="1s", retries=["1h"]) as (alpha, _):
        document = await send(alpha)
        await until(lambda: bool(alpha.sessions()) and alpha.sessions()[0].ended_at is not None, about=alpha.about)
        assert alpha.document(document).state is DocumentState.QUEUED


FINDINGS = {
    OddField.READY_WITHOUT_CR: "oftp2.missing-cr",
    OddField.SSID_WITHOUT_CR: "oftp2.missing-cr",
    OddField.SHORT_CREDIT: "oftp2.short-command",
    OddField.BLANK_POSITION: "oftp2.blank-number",
    OddField.BLANK_FLAG: "oftp2.blank-flag",
    OddField.HEADER_ONLY: "",
}


@pytest.mark.parametrize("odd", list(OddField))
async def test_odd_fields_are_understood_and_noted(tmp_path: Path, odd: OddField) -> None:
    """Spec C 3, 4, 28."""
    dials = OFTP2Dials(odd=frozenset({odd}), window=8, late=odd is OddField.BLANK_FLAG)
    async with gateway_and_partner(tmp_path, dials) as (alpha, partner):
        document = await send(alpha, LARGE[:200_000])
        await alpha.reaches(document, DocumentState.DELIVERED if not dials.late else DocumentState.SENT)
        assert partner.taken[0].content == LARGE[:200_000]
        await until(lambda: alpha.sessions()[0].ended_at is not None, about=alpha.about)
        noted = [f.code for f in alpha.sessions()[0].findings]
        assert FINDINGS[odd] in noted or odd is OddField.HEADER_ONLY
        assert alpha.sessions()[0].outcome.value == "clean"


async def test_a_strict_agreement_refuses_what_another_forgives(tmp_path: Path) -> None:
    dials = OFTP2Dials(odd=frozenset({OddField.SSID_WITHOUT_CR}))
    async with gateway_and_partner(tmp_path, dials, strict=True, retries=["1h"]) as (alpha, partner):
        await send(alpha)
        await until(lambda: bool(alpha.sessions()) and alpha.sessions()[0].ended_at is not None, about=alpha.about)
        assert alpha.sessions()[0].reason == "07"
        assert partner.taken == []


@pytest.mark.parametrize(("counts", "records"), [(True, 3), (False, 0)])
async def test_records_of_a_secured_file_are_counted_as_agreed(tmp_path: Path, counts: bool, records: int) -> None:
    """OFTP-37, spec C 31."""
    async with gateway_and_partner(tmp_path, OFTP2Dials(), count_secured_records=counts) as (alpha, partner):
        file = tmp_path / "three.dat"
        file.write_bytes(b"AAAABBBBCCCC")
        options = ["--format", "F", "--record-length", "4"]
        sent = await alpha.cli("document", "send", str(file), "--agreement", "bravo", *options)
        await alpha.reaches(sent["id"], DocumentState.DELIVERED)
        (taken,) = partner.taken
        assert (taken.content, taken.records) == (b"AAAABBBBCCCC", records)
