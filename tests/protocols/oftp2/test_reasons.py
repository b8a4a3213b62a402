"""Reason codes and their mappings (RFC 5024 §5.3.5, §5.3.10, §5.3.11, §5.3.14)."""

from counterseal.kernel.errors import Fault
from counterseal.protocols.oftp2 import errors
from counterseal.protocols.oftp2.reasons import (
    EFNA_ONLY,
    NERP_FOR_ESID,
    NERP_FOR_FILE,
    ESIDReason,
    FileReason,
    NERPReason,
    esid_reason,
    file_reason,
    nerp_reason,
)


def test_the_lists_are_those_of_the_rfc() -> None:
    assert [r.value for r in ESIDReason] == [f"{n:02d}" for n in range(13)] + ["99"]
    assert [r.value for r in FileReason] == [f"{n:02d}" for n in [*range(1, 7), *range(10, 24)]] + ["99"]
    assert {r.value for r in EFNA_ONLY} == {"21", "22", "23"}
    assert [r.value for r in NERPReason] == [
        f"{n:02d}" for n in [3, 4, 9, *range(11, 17), *range(20, 37), 50, 90]
    ] + ["99"]  # fmt: skip


def test_every_file_reason_has_its_nerp_reason_and_the_order_turns_at_the_end() -> None:
    """OFTP-50"""
    assert set(NERP_FOR_FILE) == set(FileReason)
    plain = {r: m for r, m in NERP_FOR_FILE.items() if r.value <= "21"}
    assert all(int(m) == int(r) + 10 for r, m in plain.items())
    assert NERP_FOR_FILE[FileReason.DECRYPTION_FAILURE] == "33"
    assert NERP_FOR_FILE[FileReason.DECOMPRESSION_FAILURE] == "32"
    assert {r.value: m.value for r, m in NERP_FOR_ESID.items()} == {"03": "03", "04": "04", "99": "09"}


def test_codes_outside_the_lists_are_no_reason() -> None:
    """OFTP-49"""
    assert (esid_reason("13"), file_reason("07"), nerp_reason("02")) == (None, None, None)
    assert (esid_reason("08"), file_reason("13"), nerp_reason("34")) == ("08", "13", "34")


def test_every_fault_has_a_code_of_its_own_and_a_reason() -> None:
    """OFTP-52"""
    faults = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Fault)]
    faults = [c for c in faults if c.__module__ == errors.__name__]
    assert len({c.code for c in faults}) == len(faults)
    reasons = {c.__name__: c.esid.value for c in faults if issubclass(c, errors.OFTPFault)}
    assert reasons["UnknownCommand"] == "01"
    assert reasons["ProtocolViolation"] == "02"
    assert reasons["InvalidField"] == "06"
    assert reasons["BufferSizeError"] == "07"
    assert reasons["TimedOut"] == "09"
    assert reasons["Incompatible"] == reasons["LevelTooOld"] == "10"
    assert reasons["ChallengeFailed"] == "11"
    assert reasons["AuthenticationMismatch"] == "12"
    assert {c.efna.value for c in faults if issubclass(c, errors.FileFault)} == {"99", "21", "22", "23", "10", "06"}
