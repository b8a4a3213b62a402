"""Deviations of real peers that are tolerated, each with its finding and what a strict agreement answers instead.

The numbers in the comments are those of the interop list (spec, section C). Which of them an agreement refuses is the
caller's choice (``Settings.refused_quirks``); every tolerated one is reported as a finding.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.kernel.finding import Finding, Severity
from counterseal.protocols.oftp2.errors import BufferSizeError, InvalidField, OFTPFault, ProtocolViolation


class Quirk(StrEnum):
    """A tolerated deviation; the value is the finding's code."""

    NAME_ALPHABET = "oftp2.name-alphabet"
    MISSING_CR = "oftp2.missing-cr"
    SHORT_COMMAND = "oftp2.short-command"
    READY_TEXT = "oftp2.ready-text"
    BLANK_NUMBER = "oftp2.blank-number"
    BLANK_FLAG = "oftp2.blank-flag"
    INVALID_UTF8 = "oftp2.invalid-utf-8"
    EARLY_END_OF_FILE = "oftp2.early-end-of-file"
    LATE_CREDIT = "oftp2.late-credit"
    NO_END_OF_RECORD = "oftp2.no-end-of-record"
    INNER_END_OF_RECORD = "oftp2.inner-end-of-record"
    RECORD_LENGTH_UNUSED = "oftp2.record-length-unused"
    RECORD_COUNT_UNUSED = "oftp2.record-count-unused"
    SIGNED_RECEIPT_WITHOUT_SUITE = "oftp2.signed-receipt-without-suite"
    UNKNOWN_REASON = "oftp2.unknown-reason"
    HEADER_ONLY = "oftp2.header-only"
    EMPTY_SUBRECORDS = "oftp2.empty-subrecords"
    RESTART_RAISED = "oftp2.restart-raised"
    SPECIAL_LOGIC = "oftp2.special-logic"
    NEWER_LEVEL = "oftp2.newer-level"
    END_OUT_OF_TURN = "oftp2.normal-end-out-of-turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is said when the quirk is tolerated, and the fault when it is refused."""

    text: str
    fault: type[OFTPFault]


RULES: Final[dict[Quirk, Rule]] = {
    # 1
    Quirk.NAME_ALPHABET: Rule(
        text="a dataset name holds characters outside A-Z 0-9 / - . & ( ) (§5.3); other stacks may refuse it with 01",
        fault=InvalidField,
    ),
    # 3
    Quirk.MISSING_CR: Rule(text="the carriage return at the end of the command is missing", fault=BufferSizeError),
    Quirk.SHORT_COMMAND: Rule(
        text="trailing fields are missing; they were read as empty (§5.2 wants a zero length)", fault=BufferSizeError
    ),
    Quirk.READY_TEXT: Rule(text="the ready message is not 'ODETTE FTP READY ' (§5.3.1)", fault=InvalidField),
    # 4
    Quirk.BLANK_NUMBER: Rule(
        text="a numeric field is filled with blanks; it was read without them (§5.3)", fault=InvalidField
    ),
    Quirk.BLANK_FLAG: Rule(text="a Y/N field is blank; it was read as N", fault=InvalidField),
    Quirk.INVALID_UTF8: Rule(text="a text field is not UTF-8; broken octets were replaced", fault=InvalidField),
    # 5
    Quirk.EARLY_END_OF_FILE: Rule(
        text="EFID came at credit 0, before the CDT that it has to wait for (9.11 note 1)", fault=ProtocolViolation
    ),
    Quirk.LATE_CREDIT: Rule(text="a CDT came after EFID; credit is void then (§5.3.2, 9.10)", fault=ProtocolViolation),
    # 6
    Quirk.NO_END_OF_RECORD: Rule(
        text="an unstructured or text file ended without the end-of-record flag (§7.2)", fault=InvalidField
    ),
    Quirk.INNER_END_OF_RECORD: Rule(
        text="the end-of-record flag came before the end of an unstructured or text file (§7.2)", fault=InvalidField
    ),
    Quirk.RECORD_LENGTH_UNUSED: Rule(
        text="SFIDLRECL is not 00000 although the format is U or T (§5.3.3); it was ignored", fault=InvalidField
    ),
    Quirk.RECORD_COUNT_UNUSED: Rule(
        text="EFIDRCNT is not zero although the format is U or T (§5.3.8); it was ignored", fault=InvalidField
    ),
    # 10
    Quirk.SIGNED_RECEIPT_WITHOUT_SUITE: Rule(
        text="a signed receipt is asked for without a cipher suite; no hash is defined (§5.3.3)", fault=InvalidField
    ),
    # 12
    Quirk.UNKNOWN_REASON: Rule(text="the reason code is not in the list; it was read as 99", fault=InvalidField),
    # 28
    Quirk.HEADER_ONLY: Rule(
        text="a stream transmission header without a buffer; it was read as the end of the connection (§8.2)",
        fault=BufferSizeError,
    ),
    # 30
    Quirk.EMPTY_SUBRECORDS: Rule(
        text="subrecords of length zero inside records; switch buffer compression off for this partner",
        fault=InvalidField,
    ),
    Quirk.RESTART_RAISED: Rule(
        text="the answer offers restart or compression although it was not offered; it stays off (§5.3.2)",
        fault=InvalidField,
    ),
    Quirk.SPECIAL_LOGIC: Rule(text="special logic is offered over TCP; it stays off (§5.3.2)", fault=InvalidField),
    Quirk.NEWER_LEVEL: Rule(text="a level above 5 is offered; level 5 is used (§5.3.2)", fault=InvalidField),
    Quirk.END_OUT_OF_TURN: Rule(
        text="a normal end of session came out of turn and counts as an abort (9.12 D)", fault=ProtocolViolation
    ),
}


def finding(quirk: Quirk, subject: str) -> Finding:
    """The note that the operator sees; ``subject`` is the command or field on the wire."""
    return Finding(code=quirk.value, severity=Severity.NOTE, subject=subject, text=f"{subject}: {RULES[quirk].text}.")
