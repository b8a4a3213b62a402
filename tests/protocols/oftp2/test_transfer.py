"""One file on its way: credit, counts, formats, restart, limits (RFC 5024 §4.3.3, §4.4, §5.3.8, 9.10 to 9.12)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.protocols.oftp2.commands import CDT, EFID, EFNA, EFPA, SFID, SFNA, SFPA
from counterseal.protocols.oftp2.errors import InvalidValue
from counterseal.protocols.oftp2.events import DataReceived, Event, FileAccepted, FileBroken, FileEnded, FileOffered
from counterseal.protocols.oftp2.reasons import EFNA_ONLY, FileReason
from counterseal.protocols.oftp2.speaking import LARGEST_CHUNK, OUTPUT_LIMIT
from counterseal.protocols.oftp2.states import State
from counterseal.protocols.oftp2.stream import read_buffer
from counterseal.protocols.oftp2.transfer import DROPPED_AT_MOST
from tests.protocols.oftp2.pair import NOON, Changes, ConversationPair, Peer, an_offer, an_sfid, ended, payload, quirks
from tests.protocols.oftp2.stations import at


def opened(**both: Any) -> ConversationPair:
    pair = ConversationPair(an_offer("O0013ME", **both), an_offer("O0013PEER", **both))
    pair.open()
    return pair


def total_of(events: list[Event]) -> FileEnded:
    return next(e for e in events if isinstance(e, FileEnded))


# Credit


def test_the_speaker_stops_at_credit_0_until_credit_comes() -> None:
    """OFTP-35"""
    peer = Peer.of_initiator(credit=3, buffer_octets=128)
    peer.session.offer_file(an_sfid(), NOON)
    peer.says(SFPA(acnt=0))
    peer.heard()
    peer.session.send_data(bytes(2000), NOON)
    assert [c[:1] for c in peer.heard_data()] == [b"D"] * 3
    assert peer.session.state is State.OPOWFC
    assert not peer.session.wants_data
    assert peer.heard() == []
    peer.says(CDT())
    assert len(peer.heard()) == 3


def test_the_end_of_file_waits_for_credit_too() -> None:
    """OFTP-35: 9.11 note 1."""
    peer = Peer.of_initiator(credit=3, buffer_octets=128)
    peer.session.offer_file(an_sfid(), NOON)
    peer.says(SFPA(acnt=0))
    peer.heard()
    peer.session.send_data(b"ab" * 180, NOON)
    peer.session.end_file(NOON)
    assert [c[:1] for c in peer.heard_data()] == [b"D"] * 3
    peer.says(CDT())
    assert peer.heard() == [EFID(rcnt=0, ucnt=360)]


def test_credit_counts_again_from_the_window_for_every_file() -> None:
    """OFTP-35: §4.4.1, SFPA is an implicit CDT."""
    pair = opened(credit=4, buffer_octets=128)
    for n in range(3):
        pair.send_file(bytes(250), an_sfid(dsn=f"F{n}"))
    assert ("b", CDT()) not in pair.wire


def test_the_listener_grants_credit_at_0_and_not_earlier() -> None:
    """OFTP-36"""
    peer = at(State.OPI)
    peer.says(b"D\x01a", b"D\x01b")
    assert peer.heard() == []
    peer.says(b"D\x01c")
    assert peer.heard() == [CDT()]
    peer.says(b"D\x01d", b"D\x01e")
    assert peer.heard() == []


def test_data_beyond_credit_are_a_violation() -> None:
    """OFTP-36: a fourth buffer that cannot have waited for the CDT."""
    peer = at(State.OPI)
    events = peer.says(*[b"D\x01a"] * 4)
    assert payload(events) == b"aaa"
    assert peer.heard_esid() == "02"


def test_no_credit_is_given_while_the_caller_leaves_the_output() -> None:
    """OFTP-36"""
    peer = at(State.OPI)
    for _ in range(3):
        peer.says(b"D\x01a")
    peer.says(b"D\x01a")
    assert ended(peer.events).code == "02"


def test_credit_before_it_is_used_up_is_a_violation() -> None:
    """OFTP-35: 9.10 P."""
    peer = at(State.OPO)
    peer.says(CDT())
    assert peer.heard_esid() == "02"


@pytest.mark.parametrize("extra", [0, 1])
def test_no_buffer_exceeds_the_agreed_size(extra: int) -> None:
    """OFTP-11: the command octet counts."""
    peer = Peer.of_responder(buffer_octets=200)
    peer.says(an_sfid())
    peer.session.accept_file(NOON, octet_limit=10_000)
    peer.heard()
    peer.says(b"D" + b"\x3f" * 64 * 3 + bytes([6 + extra]) + b"c" * (6 + extra))
    if extra:
        assert peer.heard_esid() == "07"
    else:
        assert peer.session.state is State.OPI


def test_commands_may_be_longer_than_the_smallest_buffer() -> None:
    """OFTP-12"""
    pair = opened(buffer_octets=128)
    events = pair.send_file(b"x" * 500, an_sfid(desc="d" * 999))
    assert payload(events) == b"x" * 500
    assert all(len(c) <= 128 for _, c in pair.wire if isinstance(c, bytes))


def test_the_speaker_wants_no_more_than_it_can_pass_on() -> None:
    peer = Peer.of_initiator(ssid=None, credit=999, buffer_octets=99_999)
    peer.session.offer_file(an_sfid(), NOON)
    assert not peer.session.wants_data
    peer = Peer.of_initiator(
        credit=999, buffer_octets=99_999, ssid=an_offer("O0013PEER", credit=999, buffer_octets=99_999).ssid()
    )
    peer.session.offer_file(an_sfid(), NOON)
    peer.says(SFPA(acnt=0))
    given = 0
    while peer.session.wants_data:
        peer.session.send_data(bytes(300_000), NOON)
        given += 300_000
    assert OUTPUT_LIMIT <= given < OUTPUT_LIMIT + 600_000
    with pytest.raises(InvalidValue, match="wants"):
        peer.session.send_data(b"x", NOON)
    assert len(peer.session.data_to_send()) < OUTPUT_LIMIT + 300_000
    assert peer.session.wants_data
    with pytest.raises(InvalidValue, match="chunk"):
        peer.session.send_data(bytes(LARGEST_CHUNK + 1), NOON)


# Counts and formats


@pytest.mark.parametrize("compression", [True, False])
@pytest.mark.parametrize("size", [128, 5000])
@pytest.mark.parametrize(
    ("sfid", "ends", "records"),
    [
        (an_sfid(fmt="U"), (), 0),
        (an_sfid(fmt="T"), (), 0),
        (an_sfid(fmt="F", lrecl=80), (), 50),
        (an_sfid(fmt="V", lrecl=3000), (5, 5, 2000, 4000, 4000), 5),
        (an_sfid(fmt="V", lrecl=80, sec="02", ciph="02", env="1"), (), 0),
    ],
    ids=["U", "T", "F", "V", "secured V"],
)
def test_files_of_every_format_arrive_with_their_totals(
    sfid: SFID, ends: tuple[int, ...], records: int, size: int, compression: bool
) -> None:
    """OFTP-34, OFTP-37."""
    content = (b"0123456789" + b"\x00" * 90) * 40
    pair = opened(buffer_octets=size, credit=5, compression=compression)
    events = pair.send_file(content, sfid, ends=ends)
    assert payload(events) == content
    total = total_of(events)
    assert (total.octets, total.records) == (4000, records)
    efid = next(c for _, c in pair.wire if isinstance(c, EFID))
    assert efid == EFID(rcnt=records, ucnt=4000)


@given(
    records=st.lists(st.binary(max_size=90), max_size=12),
    cuts=st.integers(1, 70),
    size=st.integers(128, 300),
    compression=st.booleans(),
)
@settings(max_examples=60)
def test_v_records_arrive_with_their_ends_whatever_the_chunks(
    records: list[bytes], cuts: int, size: int, compression: bool
) -> None:
    """OFTP-32, OFTP-34, OFTP-37."""
    content = b"".join(records)
    pair = opened(buffer_octets=size, credit=5, compression=compression)
    pair.a.offer_file(an_sfid(fmt="V", lrecl=90), pair.now)
    pair.run()
    pair.b.accept_file(pair.now, octet_limit=10_000)
    pair.run()
    marks = [(sum(map(len, records[: n + 1]))) for n in range(len(records))]
    at_, n = 0, 0
    while at_ < len(content) or n < len(marks):
        while not pair.a.wants_data:
            assert pair.step()
        part = content[at_ : at_ + cuts]
        inside = []
        while n < len(marks) and marks[n] - at_ <= len(part):
            inside.append(marks[n] - at_)
            n += 1
        pair.a.send_data(part, pair.now, record_ends=inside)
        at_ += len(part)
    pair.a.end_file(pair.now)
    pair.run()
    got = b""
    ends: list[int] = []
    for e in pair.b_events:
        if isinstance(e, DataReceived):
            ends += [len(got) + x for x in e.record_ends]
            got += e.octets
    assert (got, ends) == (content, marks)
    assert total_of(pair.b_events) == FileEnded(octets=len(content), records=len(records))


# SFID, DATA, EFID, the reason of the EFNA
BROKEN = [
    (an_sfid(), [b"D\x83abc"], EFID(rcnt=0, ucnt=4), "11"),
    (an_sfid(), [], EFID(rcnt=0, ucnt=1), "11"),
    (an_sfid(), [b"D\x83abc"], EFID(rcnt=0, ucnt=0), "11"),
    (an_sfid(fmt="F", lrecl=3), [b"D\x83abc\x83def"], EFID(rcnt=1, ucnt=6), "10"),
    (an_sfid(fmt="F", lrecl=3), [b"D\x83abc\x83def"], EFID(rcnt=0, ucnt=6), "10"),
    (an_sfid(fmt="F", lrecl=3), [b"D\x83abc\x03def"], EFID(rcnt=2, ucnt=6), "10"),
    (an_sfid(fmt="V", lrecl=9), [b"D\x83abc\x80"], EFID(rcnt=1, ucnt=3), "10"),
    (an_sfid(fmt="V", lrecl=2), [b"D\x83abc"], EFID(rcnt=1, ucnt=3), "05"),
    (an_sfid(fmt="V", lrecl=2), [b"D\x03abc"], EFID(rcnt=1, ucnt=3), "05"),
    (an_sfid(fmt="F", lrecl=3), [b"D\x84abcd"], EFID(rcnt=1, ucnt=4), "05"),
    (an_sfid(fmt="F", lrecl=3), [b"D\x82ab"], EFID(rcnt=1, ucnt=2), "04"),
    (an_sfid(), [b"D\x7fa" * 1, b"D" + b"\x7fa" * 200], EFID(rcnt=0, ucnt=201 * 63), "06"),
]


@pytest.mark.parametrize(("sfid", "buffers", "efid", "reason"), BROKEN)
def test_a_file_that_is_not_whole_gets_its_efna_and_the_session_goes_on(
    sfid: SFID, buffers: list[bytes], efid: EFID, reason: str
) -> None:
    """OFTP-37"""
    peer = Peer.of_responder()
    peer.says(sfid)
    peer.session.accept_file(NOON, octet_limit=10_000)
    peer.heard()
    for buffer in buffers:
        peer.says(buffer)
    events = peer.says(efid)
    assert [e.reason.value for e in events if isinstance(e, FileBroken)] == [reason]
    (efna,) = peer.heard()
    assert isinstance(efna, EFNA)
    assert efna.reas == reason
    peer.says(an_sfid(dsn="NEXT"))
    assert peer.session.state is State.OPIP


def test_an_oversized_file_is_not_delivered_further_and_cannot_go_on_for_ever() -> None:
    """OFTP-37: nothing is kept beyond the limit; after 64 MiB the session ends."""
    peer = Peer.of_responder(
        buffer_octets=99_999, credit=999, ssid=an_offer("O0013PEER", credit=999, buffer_octets=99_999).ssid()
    )
    peer.says(an_sfid())
    peer.session.accept_file(NOON, octet_limit=1000)
    peer.heard()
    assert payload(peer.says(b"D" + b"\x3f" * 64 * 15)) == b"?" * 945
    buffer = b"D" + b"\x3f" * 64 * 1500
    rounds = 0
    while not peer.session.ended:
        assert payload(peer.says(buffer)) == b""
        peer.heard() if not peer.session.ended else None
        rounds += 1
    assert rounds * len(buffer) < DROPPED_AT_MOST + 2 * len(buffer)
    assert peer.heard_esid() == "99"


def test_empty_records_are_not_free() -> None:
    peer = Peer.of_responder()
    peer.says(an_sfid(fmt="V", lrecl=10))
    peer.session.accept_file(NOON, octet_limit=1000)
    peer.says(b"D" + b"\x80" * 600)
    events = peer.says(EFID(rcnt=600, ucnt=0))
    assert [e.reason.value for e in events if isinstance(e, FileBroken)] == ["06"]


# Offers


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dsn": ""}, "01"),
        ({"dest": ""}, "02"),
        ({"orig": ""}, "03"),
        ({"fmt": "F", "lrecl": 0}, "05"),
        ({"fmt": "V", "lrecl": 99999, "sec": "02", "ciph": "02", "env": "1"}, "05"),
        ({"sec": "01", "ciph": "00", "env": "1"}, "15"),
        ({"sec": "01", "ciph": "02", "env": "0"}, "99"),
        ({"comp": "1", "env": "0"}, "99"),
    ],
)
def test_offers_that_the_standard_refuses_can_only_be_refused(changes: Changes, reason: str) -> None:
    """OFTP-27, OFTP-41, OFTP-45."""
    peer = Peer.of_responder()
    (offered,) = [e for e in peer.says(an_sfid(**changes)) if isinstance(e, FileOffered)]
    assert offered.problem == reason
    with pytest.raises(InvalidValue):
        peer.session.accept_file(NOON, octet_limit=1000)
    peer.session.refuse_file(NOON, reason=offered.problem, retry=False, text="no")
    assert peer.heard() == [SFNA(reas=reason, rrtr=False, reast="no")]


@pytest.mark.parametrize(
    "changes",
    [
        {"fmt": "U", "lrecl": 80},
        {"fmt": "T", "lrecl": 80},
        {"fmt": "F", "lrecl": 0},
        {"fmt": "V", "lrecl": 0},
        {"fmt": "V", "lrecl": 65536, "sec": "02", "ciph": "02", "env": "1"},
        {"sign": True, "ciph": "00"},
        {"sec": "02", "ciph": "02", "env": "0"},
        {"dsn": ""},
        {"dsn": "X" * 27},
    ],
)
def test_we_do_not_offer_what_the_standard_refuses(changes: Changes) -> None:
    """OFTP-27, OFTP-41, OFTP-45."""
    peer = Peer.of_initiator()
    with pytest.raises(InvalidValue):
        peer.session.offer_file(an_sfid(**changes), NOON)
    assert peer.heard() == []
    assert peer.session.speaking


@pytest.mark.parametrize("reason", FileReason)
def test_every_refusal_reason_goes_out_where_it_exists(reason: FileReason) -> None:
    """OFTP-29, OFTP-30, OFTP-31: duplicates 13, destinations 02, policy 15 to 20; the choice is the caller's."""
    peer = at(State.OPIP)
    if reason in EFNA_ONLY:
        with pytest.raises(InvalidValue):
            peer.session.refuse_file(NOON, reason=reason, retry=False, text="")
        return
    peer.session.refuse_file(NOON, reason=reason, retry=False, text="x" * 2000)
    assert peer.heard() == [SFNA(reas=reason.value, rrtr=False, reast="x" * 999)]


@pytest.mark.parametrize("reason", FileReason)
def test_every_rejection_reason_goes_out(reason: FileReason) -> None:
    """OFTP-52"""
    peer = at(State.CLIP)
    peer.session.reject_file(NOON, reason=reason, text="é" * 999)
    assert peer.heard() == [EFNA(reas=reason.value, reast="é" * 499)]


# Restart


def test_restart_of_an_unstructured_file_goes_on_at_a_block() -> None:
    """OFTP-38, OFTP-39, OFTP-28: name and stamps stay the same."""
    content = bytes(range(256)) * 20
    pair = opened()
    events = pair.send_file(content[2048:], an_sfid(rest=3), resume_at=2)
    assert FileAccepted(resume_at=2) in pair.a_events
    assert payload(events) == content[2048:]
    assert total_of(events).octets == len(content)
    assert next(c for _, c in pair.wire if isinstance(c, EFID)).ucnt == len(content)


@pytest.mark.parametrize("fmt", ["U", "F", "V"])
def test_restart_of_a_secured_file_counts_blocks_whatever_its_format(fmt: str) -> None:
    """OFTP-38, OFTP-39."""
    content = bytes(5000)
    sfid = an_sfid(fmt=fmt, lrecl=0 if fmt == "U" else 80, rest=4, sec="03", ciph="02", comp="1", env="1")
    pair = opened()
    events = pair.send_file(content[4096:], sfid, resume_at=4)
    assert payload(events) == content[4096:]
    assert total_of(events).octets == 5000


def test_restart_of_a_fixed_file_counts_records() -> None:
    """OFTP-38, OFTP-39."""
    content = bytes(range(100)) * 8
    pair = opened()
    events = pair.send_file(content[300:], an_sfid(fmt="F", lrecl=100, rest=5), resume_at=3)
    assert payload(events) == content[300:]
    assert total_of(events) == FileEnded(octets=800, records=8)


def test_restart_of_a_variable_file_needs_the_octets_that_its_keeper_knows() -> None:
    """OFTP-38, OFTP-39."""
    pair = opened()
    events = pair.send_file(b"cccddd", an_sfid(fmt="V", lrecl=9, rest=2), resume_at=2, held=5, ends=(3, 6))
    assert payload(events) == b"cccddd"
    assert total_of(events) == FileEnded(octets=11, records=4)
    assert next(c for _, c in pair.wire if isinstance(c, EFID)) == EFID(rcnt=4, ucnt=11)


def test_a_variable_file_is_not_resumed_without_that_number() -> None:
    """OFTP-38"""
    peer = Peer.of_responder()
    peer.says(an_sfid(fmt="V", lrecl=9, rest=2))
    with pytest.raises(InvalidValue):
        peer.session.accept_file(NOON, octet_limit=1000, resume_at=2)
    speaker = Peer.of_initiator()
    speaker.session.offer_file(an_sfid(fmt="V", lrecl=9, rest=2), NOON)
    speaker.says(SFPA(acnt=1))
    assert not speaker.session.wants_data
    with pytest.raises(InvalidValue):
        speaker.session.end_file(NOON)
    speaker.session.resume_v_file(4, NOON)
    assert speaker.session.wants_data


def test_without_agreed_restart_there_is_none() -> None:
    """OFTP-38"""
    peer = Peer.of_initiator(restart=False)
    with pytest.raises(InvalidValue, match="SFIDREST"):
        peer.session.offer_file(an_sfid(rest=1), NOON)
    listener = Peer.of_responder(restart=False)
    listener.says(an_sfid(rest=1))
    assert listener.heard_esid() == "02"


def test_an_answer_above_the_wished_position_is_a_violation() -> None:
    """OFTP-38"""
    peer = Peer.of_initiator()
    peer.session.offer_file(an_sfid(rest=3), NOON)
    peer.says(SFPA(acnt=4))
    assert peer.heard_esid() == "02"
    listener = Peer.of_responder()
    listener.says(an_sfid(rest=3))
    with pytest.raises(InvalidValue, match="answer count"):
        listener.session.accept_file(NOON, octet_limit=10_000, resume_at=4)


@given(length=st.integers(0, 9000), cut=st.integers(0, 9000), size=st.integers(128, 3000), compression=st.booleans())
@settings(max_examples=40)
def test_a_cut_transfer_resumes_to_the_same_octets(length: int, cut: int, size: int, compression: bool) -> None:
    """OFTP-39: what was held in whole blocks, and what came after the restart, are the original."""
    content = bytes((n * n) & 255 for n in range(length))
    both = {"buffer_octets": size, "compression": compression, "credit": 9}
    first = opened(**both)
    first.a.offer_file(an_sfid(), first.now)
    first.run()
    first.b.accept_file(first.now, octet_limit=10_000)
    first.run()
    first.a.send_data(content[:cut], first.now)
    first.run()
    held = payload(first.b_events)
    first.b.connection_lost(first.now)
    blocks = len(held) // 1024
    second = opened(**both)
    events = second.send_file(content[blocks * 1024 :], an_sfid(rest=blocks), resume_at=blocks)
    assert held[: blocks * 1024] + payload(events) == content
    assert total_of(events).octets == length


# Misuse


@pytest.mark.parametrize(
    ("sfid", "chunk", "ends"),
    [
        (an_sfid(), b"abc", (1,)),
        (an_sfid(fmt="F", lrecl=3), b"abc", (3,)),
        (an_sfid(fmt="V", lrecl=2), b"abc", (3,)),
        (an_sfid(fmt="V", lrecl=2), b"abc", ()),
        (an_sfid(fmt="V", lrecl=9), b"abc", (2, 1)),
        (an_sfid(fmt="V", lrecl=9), b"abc", (4,)),
    ],
)
def test_records_that_do_not_fit_the_format_are_the_callers_mistake(
    sfid: SFID, chunk: bytes, ends: tuple[int, ...]
) -> None:
    peer = Peer.of_initiator()
    peer.session.offer_file(sfid, NOON)
    peer.says(SFPA(acnt=0))
    peer.heard()
    with pytest.raises(InvalidValue):
        peer.session.send_data(chunk, NOON, record_ends=ends)
    assert peer.heard() == []
    assert peer.session.wants_data


def test_a_file_does_not_end_inside_a_record() -> None:
    peer = Peer.of_initiator()
    peer.session.offer_file(an_sfid(fmt="F", lrecl=4), NOON)
    peer.says(SFPA(acnt=0))
    peer.session.send_data(b"abcdef", NOON)
    with pytest.raises(InvalidValue, match="end"):
        peer.session.end_file(NOON)


def test_secured_records_are_counted_as_the_caller_says() -> None:
    """OFTP-37: §5.3.8 to the letter, or 0 (interop list 31)."""
    for count in (0, 7):
        pair = opened()
        pair.a.offer_file(an_sfid(fmt="V", lrecl=80, sec="02", ciph="02", env="1"), pair.now)
        pair.run()
        pair.b.accept_file(pair.now, octet_limit=1000)
        pair.run()
        pair.a.send_data(b"abc", pair.now)
        pair.a.end_file(pair.now, secured_records=count)
        pair.run()
        assert total_of(pair.b_events) == FileEnded(octets=3, records=count)
    pair = opened()
    pair.a.offer_file(an_sfid(), pair.now)
    pair.run()
    pair.b.accept_file(pair.now, octet_limit=1000)
    pair.run()
    with pytest.raises(InvalidValue):
        pair.a.end_file(pair.now, secured_records=7)


def test_buffers_on_the_wire_hold_no_empty_subrecords_but_record_ends() -> None:
    pair = opened(compression=True)
    pair.send_file(b"aaaaabbbbbc" * 50, an_sfid())
    buffers = [c for _, c in pair.wire if isinstance(c, bytes)]
    assert sum(read_buffer(b)[2] for b in buffers) == 0
    assert quirks(pair.b_events) == []
    assert isinstance(next(c for _, c in pair.wire if isinstance(c, SFID)), SFID)
    assert ("b", EFPA(cd=False)) in pair.wire
