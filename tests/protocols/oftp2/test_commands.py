"""The command tables of RFC 5024 §5.3, both ways, and what the parser forgives."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.protocols.oftp2.codec import BY_CODE, build_command, parse_command
from counterseal.protocols.oftp2.commands import (
    AUCH,
    AURP,
    CD,
    CDT,
    EERP,
    EFID,
    EFNA,
    EFPA,
    ESID,
    LAYOUTS,
    NERP,
    RTR,
    SECD,
    SFNA,
    SFPA,
    SSRM,
    Command,
    Layout,
)
from counterseal.protocols.oftp2.errors import BufferSizeError, InvalidField, InvalidValue, OFTPFault, UnknownCommand
from counterseal.protocols.oftp2.quirks import Quirk
from tests.protocols.oftp2.pair import an_eerp, an_sfid, an_ssid

NERP_1 = NERP(
    dsn="ORDERS",
    date="20260302",
    time="1200000001",
    dest="O0013ME",
    orig="O0013PEER",
    crea="O0013HUB",
    reas="34",
    reast="no",
)

# command, exchange buffer as the RFC's tables print it
TABLE = [
    (SSRM(), b"IODETTE FTP READY \r"),
    (
        an_ssid(code="O0013PEER", pswd="SECRET", user="U"),
        b"X5" + b"O0013PEER".ljust(25) + b"SECRET  " + b"02048BNYN003N" + b"    " + b"U       " + b"\r",
    ),
    (SECD(), b"J"),
    (AUCH(chal=b"\x30\x03abc"), b"A\x00\x05\x30\x03abc"),
    (AURP(rsp=bytes(range(20))), b"S" + bytes(range(20))),
    (
        an_sfid(user="U8", fsiz=12, osiz=34, rest=7, sec="03", ciph="02", comp="1", env="1", sign=True, desc="né"),
        b"H" + b"ORDERS".ljust(26) + b"   " + b"20260302" + b"1200000001" + b"U8      " + b"O0013PEER".ljust(25)
        + b"O0013ME".ljust(25) + b"U" + b"00000" + b"0000000000012" + b"0000000000034" + b"00000000000000007"
        + b"03" + b"02" + b"1" + b"1" + b"Y" + b"003" + "né".encode(),
    ),
    (SFPA(acnt=42), b"2" + b"00000000000000042"),
    (SFNA(reas="13", rrtr=False, reast="twice"), b"313N005twice"),
    (CDT(), b"C  "),
    (EFID(rcnt=0, ucnt=99999999999999999), b"T" + b"0" * 17 + b"9" * 17),
    (EFPA(cd=True), b"4Y"),
    (EFNA(reas="21", reast=""), b"521000"),
    (ESID(reas="02", reast="why"), b"F02003why\r"),
    (ESID(reas="00"), b"F00000\r"),
    (CD(), b"R"),
    (
        an_eerp(hsh=b"\x01" * 20, sig=b"\x30\x00"),
        b"E" + b"ORDERS".ljust(26) + b"   " + b"20260302" + b"1200000001" + b" " * 8 + b"O0013ME".ljust(25)
        + b"O0013PEER".ljust(25) + b"\x00\x14" + b"\x01" * 20 + b"\x00\x02\x30\x00",
    ),
    (
        NERP_1,
        b"N" + b"ORDERS".ljust(26) + b" " * 6 + b"20260302" + b"1200000001" + b"O0013ME".ljust(25)
        + b"O0013PEER".ljust(25) + b"O0013HUB".ljust(25) + b"34" + b"002no" + b"\x00\x00\x00\x00",
    ),
    (RTR(), b"P"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "buffer"), TABLE, ids=lambda x: type(x).__name__ if not isinstance(x, bytes) else ""
)
def test_every_command_is_built_and_parsed_by_its_table(command: Command, buffer: bytes) -> None:
    """OFTP-5 (SSRM), OFTP-7, OFTP-9 (SSID), OFTP-27 (SFID), OFTP-49 (NERP)."""
    assert build_command(command) == buffer
    assert parse_command(buffer) == (command, ())


def test_every_command_of_the_tables_is_in_the_table_above() -> None:
    assert {type(c) for c, _ in TABLE} == {layout.make for layout in LAYOUTS}


LENGTHS = {
    "SSRM": 19, "SSID": 61, "SECD": 1, "AUCH": 3, "AURP": 21, "SFID": 165, "SFPA": 18, "SFNA": 7, "CDT": 3, "EFID": 35,
    "EFPA": 2, "EFNA": 6, "ESID": 7, "CD": 1, "EERP": 110, "NERP": 135, "RTR": 1,
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_positions_and_widths_of_a_table_agree_and_give_the_length(layout: Layout) -> None:
    """OFTP-5, OFTP-9, OFTP-27, OFTP-49: the positions printed in the RFC follow from the widths."""
    at = 0
    for field in layout.fields:
        assert field.position in {at, None}
        at += field.width
    assert at == LENGTHS[layout.name]


@pytest.mark.parametrize(
    ("command", "field"),
    [(SSRM(), "SSRMCR"), (an_ssid(), "SSIDCR"), (ESID(reas="00", reast="bye"), "ESIDCR")],
    ids=["SSRM", "SSID", "ESID"],
)
def test_carriage_return_is_sent_0d_and_taken_as_0d_or_8d(command: Command, field: str) -> None:
    """OFTP-6"""
    buffer = build_command(command)
    assert buffer.endswith(b"\r")
    assert parse_command(buffer[:-1] + b"\x8d") == (command, ())
    if field != "SSRMCR":
        with pytest.raises(InvalidField, match=field):
            parse_command(buffer[:-1] + b"\x0a")


def test_unknown_content_of_reserved_fields_is_ignored() -> None:
    """OFTP-7"""
    ssid = bytearray(build_command(an_ssid()))
    ssid[48:52] = b"\x00\xff?!"
    assert parse_command(bytes(ssid)) == (an_ssid(), ())
    sfid = bytearray(build_command(an_sfid()))
    sfid[27:30] = b"xyz"
    assert parse_command(bytes(sfid)) == (an_sfid(), ())


def test_text_lengths_count_octets_of_utf_8_up_to_999() -> None:
    """OFTP-8"""
    longest = "é" * 499 + "x"
    assert parse_command(build_command(an_sfid(desc=longest)))[0] == an_sfid(desc=longest)
    assert build_command(an_sfid(desc="é"))[162:] == b"002\xc3\xa9"
    with pytest.raises(InvalidValue, match="999"):
        build_command(an_sfid(desc="é" * 500))


# what a quirky peer sends, what we read, which quirk is reported
FORGIVEN = [
    (b"IODETTE FTP READY ", SSRM(), {Quirk.MISSING_CR}),
    (b"IODETTE FTP READY\r", SSRM(), {Quirk.READY_TEXT}),
    (build_command(an_ssid())[:-1], an_ssid(), {Quirk.MISSING_CR}),
    (b"F02003why", ESID(reas="02", reast="why"), {Quirk.MISSING_CR}),
    (b"F02\r", ESID(reas="02"), {Quirk.SHORT_COMMAND}),
    (b"F02", ESID(reas="02"), {Quirk.SHORT_COMMAND, Quirk.MISSING_CR}),
    (b"C", CDT(), {Quirk.SHORT_COMMAND}),
    (b"C ", CDT(), {Quirk.SHORT_COMMAND}),
    (build_command(an_sfid())[:-3], an_sfid(), {Quirk.SHORT_COMMAND}),
    (b"313N", SFNA(reas="13", rrtr=False), {Quirk.SHORT_COMMAND}),
    (b"521", EFNA(reas="21"), {Quirk.SHORT_COMMAND}),
    (build_command(an_eerp())[:-4], an_eerp(), {Quirk.SHORT_COMMAND}),
    (build_command(an_eerp())[:-2], an_eerp(), {Quirk.SHORT_COMMAND}),
    (build_command(replace(NERP_1, reast=""))[:-7], replace(NERP_1, reast=""), {Quirk.SHORT_COMMAND}),
    (build_command(NERP_1)[:-4], NERP_1, {Quirk.SHORT_COMMAND}),
    (b"2" + b" " * 17, SFPA(acnt=0), {Quirk.BLANK_NUMBER}),
    (b"2" + b"7".rjust(17), SFPA(acnt=7), {Quirk.BLANK_NUMBER}),
    (b"4 ", EFPA(cd=False), {Quirk.BLANK_FLAG}),
    (b"521002\xc3(", EFNA(reas="21", reast="\ufffd("), {Quirk.INVALID_UTF8}),
]


@pytest.mark.parametrize(("buffer", "command", "quirks"), FORGIVEN)
def test_known_deviations_are_read_and_reported(buffer: bytes, command: Command, quirks: set[Quirk]) -> None:
    """Interop list 3 and 4."""
    parsed, seen = parse_command(buffer)
    assert parsed == command
    assert set(seen) == quirks


REFUSED = [
    (b"Z", UnknownCommand),
    (b"\x00", UnknownCommand),
    (b"IHELLO", InvalidField),
    (b"IODETTE FTP READY    \r", BufferSizeError),
    (b"X5", BufferSizeError),
    (build_command(an_ssid()) + b"x", BufferSizeError),
    (build_command(an_ssid()).replace(b"02048", b"20x48"), InvalidField),
    (build_command(an_ssid()).replace(b"O0013PEER", b"O0013P\xc4ER"), InvalidField),
    (build_command(an_ssid()).replace(b"O0013PEER", b"O0013P\x00ER"), InvalidField),
    (build_command(an_ssid()).replace(b"BNYN", b"QNYN"), InvalidField),
    (build_command(an_ssid()).replace(b"BNYN", b"BnYN"), InvalidField),
    (build_command(an_sfid(fmt="U")).replace(b"U00000", b"Z00000"), InvalidField),
    (build_command(an_sfid(desc="abc"))[:-1], BufferSizeError),
    (build_command(an_sfid())[:100], BufferSizeError),
    (build_command(an_sfid(desc="abc")) + b"d", BufferSizeError),
    (build_command(an_sfid()).replace(b"20260302", b"2026030A"), InvalidField),
    (build_command(an_sfid())[:155] + b"04" + build_command(an_sfid())[157:], InvalidField),
    (build_command(an_sfid())[:159] + b"2" + build_command(an_sfid())[160:], InvalidField),
    (b"RR", BufferSizeError),
    (b"CXXX", BufferSizeError),
    (b"S" + bytes(19), BufferSizeError),
    (b"S", BufferSizeError),
    (b"A\x00\x09abc", BufferSizeError),
    (b"F0x000\r", InvalidField),
    (b"F00999\r", BufferSizeError),
    (build_command(an_eerp())[:-4] + b"\xff\xff\x00\x00", BufferSizeError),
]


@pytest.mark.parametrize(("buffer", "fault"), REFUSED)
def test_malformed_commands_raise_the_fault_of_their_reason(buffer: bytes, fault: type[Exception]) -> None:
    """OFTP-33, OFTP-52."""
    with pytest.raises(fault):
        parse_command(buffer)


UNSENDABLE = [
    an_sfid(dsn="X" * 27),
    an_sfid(dsn="MÜLL"),
    an_sfid(dsn="TAIL "),
    an_sfid(date="2026032"),
    an_sfid(rest=-1),
    an_sfid(fsiz=10**13),
    an_sfid(fmt="Q"),
    an_sfid(sign="Y"),
    an_sfid(rest="7"),
    AURP(rsp=b"short"),
    AUCH(chal=bytes(70_000)),
]


@pytest.mark.parametrize("command", UNSENDABLE)
def test_values_that_do_not_fit_are_not_built(command: Command) -> None:
    with pytest.raises(InvalidValue):
        build_command(command)


def test_no_password_or_response_is_printed() -> None:
    assert "SECRET" not in repr(an_ssid())
    assert "\\x01" not in repr(AURP(rsp=bytes([1]) * 20))


text = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-.&()_ ", max_size=25).map(lambda t: t.rstrip(" "))
digits = st.text("0123456789", min_size=10, max_size=10)


@given(dsn=text, dest=text, orig=text, time=digits, hsh=st.binary(max_size=64), sig=st.binary(max_size=3000))
def test_receipts_of_any_content_come_back_as_they_were(
    dsn: str, dest: str, orig: str, time: str, hsh: bytes, sig: bytes
) -> None:
    eerp = EERP(dsn=dsn, date=time[:8], time=time, dest=dest, orig=orig, hsh=hsh, sig=sig)
    assert parse_command(build_command(eerp)) == (eerp, ())


@given(code=st.sampled_from(sorted(BY_CODE)), rest=st.binary(max_size=300))
def test_any_octets_behind_a_command_code_are_a_command_or_a_peer_fault(code: int, rest: bytes) -> None:
    try:
        command, _ = parse_command(bytes([code]) + rest)
    except OFTPFault:
        return
    try:
        again = build_command(command)
    except InvalidValue:
        return  # U+FFFD may need more octets than what it stands for
    assert parse_command(again)[0] == command
