"""Reason codes in the RFC's order, and the mappings between their families (RFC 5024 §5.3.5, §5.3.10, §5.3.11, §5.3.14)."""

from enum import StrEnum
from typing import Final


class ESIDReason(StrEnum):
    """ESIDREAS (§5.3.11)."""

    NORMAL = "00"
    COMMAND_NOT_RECOGNISED = "01"
    PROTOCOL_VIOLATION = "02"
    USER_CODE_NOT_KNOWN = "03"
    INVALID_PASSWORD = "04"  # noqa: S105 - a reason code, not a password
    EMERGENCY_CLOSE_DOWN = "05"
    INVALID_DATA = "06"
    BUFFER_SIZE_ERROR = "07"
    RESOURCES_NOT_AVAILABLE = "08"
    TIME_OUT = "09"
    INCOMPATIBLE_MODE = "10"
    INVALID_CHALLENGE_RESPONSE = "11"
    AUTHENTICATION_INCOMPATIBLE = "12"
    UNSPECIFIED = "99"


class FileReason(StrEnum):
    """SFNAREAS and EFNAREAS (§5.3.5, §5.3.10): one list, of which SFNA lacks 21 to 23."""

    INVALID_FILENAME = "01"
    INVALID_DESTINATION = "02"
    INVALID_ORIGIN = "03"
    RECORD_FORMAT_NOT_SUPPORTED = "04"
    RECORD_LENGTH_NOT_SUPPORTED = "05"
    FILE_TOO_BIG = "06"
    INVALID_RECORD_COUNT = "10"
    INVALID_BYTE_COUNT = "11"
    ACCESS_METHOD_FAILURE = "12"
    DUPLICATE_FILE = "13"
    FILE_DIRECTION_REFUSED = "14"
    CIPHER_SUITE_NOT_SUPPORTED = "15"
    ENCRYPTED_NOT_ALLOWED = "16"
    UNENCRYPTED_NOT_ALLOWED = "17"
    COMPRESSION_NOT_ALLOWED = "18"
    SIGNED_NOT_ALLOWED = "19"
    UNSIGNED_NOT_ALLOWED = "20"
    INVALID_SIGNATURE = "21"
    DECRYPTION_FAILURE = "22"
    DECOMPRESSION_FAILURE = "23"
    UNSPECIFIED = "99"


EFNA_ONLY: Final = frozenset(
    {FileReason.INVALID_SIGNATURE, FileReason.DECRYPTION_FAILURE, FileReason.DECOMPRESSION_FAILURE}
)


class NERPReason(StrEnum):
    """NERPREAS (§5.3.14)."""

    USER_CODE_NOT_KNOWN = "03"
    INVALID_PASSWORD = "04"  # noqa: S105 - a reason code, not a password
    SESSION_ENDED_UNSPECIFIED = "09"
    INVALID_FILENAME = "11"
    INVALID_DESTINATION = "12"
    INVALID_ORIGIN = "13"
    RECORD_FORMAT_NOT_SUPPORTED = "14"
    RECORD_LENGTH_NOT_SUPPORTED = "15"
    FILE_TOO_BIG = "16"
    INVALID_RECORD_COUNT = "20"
    INVALID_BYTE_COUNT = "21"
    ACCESS_METHOD_FAILURE = "22"
    DUPLICATE_FILE = "23"
    FILE_DIRECTION_REFUSED = "24"
    CIPHER_SUITE_NOT_SUPPORTED = "25"
    ENCRYPTED_NOT_ALLOWED = "26"
    UNENCRYPTED_NOT_ALLOWED = "27"
    COMPRESSION_NOT_ALLOWED = "28"
    SIGNED_NOT_ALLOWED = "29"
    UNSIGNED_NOT_ALLOWED = "30"
    INVALID_SIGNATURE = "31"
    DECOMPRESSION_FAILED = "32"
    DECRYPTION_FAILED = "33"
    PROCESSING_FAILED = "34"
    NOT_DELIVERED = "35"
    NOT_ACKNOWLEDGED = "36"
    STOPPED_BY_OPERATOR = "50"
    SIZE_INCOMPATIBLE = "90"
    UNSPECIFIED = "99"


NERP_FOR_ESID: Final[dict[ESIDReason, NERPReason]] = {
    ESIDReason.USER_CODE_NOT_KNOWN: NERPReason.USER_CODE_NOT_KNOWN,
    ESIDReason.INVALID_PASSWORD: NERPReason.INVALID_PASSWORD,
    ESIDReason.UNSPECIFIED: NERPReason.SESSION_ENDED_UNSPECIFIED,
}
"""The three ESID reasons that a NERP can repeat (§5.3.14); every other one is no reason for a NERP."""

NERP_FOR_FILE: Final[dict[FileReason, NERPReason]] = {
    FileReason.INVALID_FILENAME: NERPReason.INVALID_FILENAME,
    FileReason.INVALID_DESTINATION: NERPReason.INVALID_DESTINATION,
    FileReason.INVALID_ORIGIN: NERPReason.INVALID_ORIGIN,
    FileReason.RECORD_FORMAT_NOT_SUPPORTED: NERPReason.RECORD_FORMAT_NOT_SUPPORTED,
    FileReason.RECORD_LENGTH_NOT_SUPPORTED: NERPReason.RECORD_LENGTH_NOT_SUPPORTED,
    FileReason.FILE_TOO_BIG: NERPReason.FILE_TOO_BIG,
    FileReason.INVALID_RECORD_COUNT: NERPReason.INVALID_RECORD_COUNT,
    FileReason.INVALID_BYTE_COUNT: NERPReason.INVALID_BYTE_COUNT,
    FileReason.ACCESS_METHOD_FAILURE: NERPReason.ACCESS_METHOD_FAILURE,
    FileReason.DUPLICATE_FILE: NERPReason.DUPLICATE_FILE,
    FileReason.FILE_DIRECTION_REFUSED: NERPReason.FILE_DIRECTION_REFUSED,
    FileReason.CIPHER_SUITE_NOT_SUPPORTED: NERPReason.CIPHER_SUITE_NOT_SUPPORTED,
    FileReason.ENCRYPTED_NOT_ALLOWED: NERPReason.ENCRYPTED_NOT_ALLOWED,
    FileReason.UNENCRYPTED_NOT_ALLOWED: NERPReason.UNENCRYPTED_NOT_ALLOWED,
    FileReason.COMPRESSION_NOT_ALLOWED: NERPReason.COMPRESSION_NOT_ALLOWED,
    FileReason.SIGNED_NOT_ALLOWED: NERPReason.SIGNED_NOT_ALLOWED,
    FileReason.UNSIGNED_NOT_ALLOWED: NERPReason.UNSIGNED_NOT_ALLOWED,
    FileReason.INVALID_SIGNATURE: NERPReason.INVALID_SIGNATURE,
    # The order turns here: EFNA counts decryption 22, decompression 23; NERP decompression 32, decryption 33.
    FileReason.DECRYPTION_FAILURE: NERPReason.DECRYPTION_FAILED,
    FileReason.DECOMPRESSION_FAILURE: NERPReason.DECOMPRESSION_FAILED,
    FileReason.UNSPECIFIED: NERPReason.UNSPECIFIED,
}

WORTH_ANOTHER_SESSION: Final = frozenset(
    {
        ESIDReason.EMERGENCY_CLOSE_DOWN,
        ESIDReason.RESOURCES_NOT_AVAILABLE,
        ESIDReason.TIME_OUT,
        ESIDReason.UNSPECIFIED,
    }
)
"""Reasons after which the same call can succeed later without anybody changing a setting (§5.3.11)."""


def esid_reason(code: str) -> ESIDReason | None:
    """The reason of an ESIDREAS; ``None`` for a code outside the list."""
    return ESIDReason(code) if code in _ESID_CODES else None


def file_reason(code: str) -> FileReason | None:
    """The reason of an SFNAREAS or EFNAREAS; ``None`` for a code outside the list."""
    return FileReason(code) if code in _FILE_CODES else None


def nerp_reason(code: str) -> NERPReason | None:
    """The reason of a NERPREAS; ``None`` for a code outside the list, which still means failure (spec C 12)."""
    return NERPReason(code) if code in _NERP_CODES else None


_ESID_CODES = frozenset(ESIDReason)
_FILE_CODES = frozenset(FileReason)
_NERP_CODES = frozenset(NERPReason)
