"""What a certificate is for in one agreement, and who may do what with it in which state (product.md section 3).

The table of that section, as data: ``Usage`` is the row, ``Side`` the column group, ``PRODUCES`` and ``ACCEPTS`` the states.
"""

from enum import StrEnum
from typing import Final


class Protocol(StrEnum):
    AS2 = "as2"
    OFTP2 = "oftp2"


class Side(StrEnum):
    OURS = "ours"
    THEIRS = "theirs"


class Usage(StrEnum):
    SIGN = "sign"
    ENCRYPT = "encrypt"
    FILE_SIGN = "file-sign"
    FILE_ENCRYPT = "file-encrypt"
    RECEIPT_SIGN = "receipt-sign"
    SESSION_AUTH = "session-auth"
    TLS_SERVER = "tls-server"
    TLS_CLIENT = "tls-client"


class UsageGroup(StrEnum):
    """The three uses that the wizard's third page offers; ``advanced`` opens the single usages."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    SSL = "ssl"


GROUPS: Final[dict[UsageGroup, frozenset[Usage]]] = {
    UsageGroup.SIGNING: frozenset({Usage.SIGN, Usage.FILE_SIGN, Usage.RECEIPT_SIGN}),
    UsageGroup.ENCRYPTION: frozenset({Usage.ENCRYPT, Usage.FILE_ENCRYPT, Usage.SESSION_AUTH}),
    UsageGroup.SSL: frozenset({Usage.TLS_SERVER, Usage.TLS_CLIENT}),
}

BY_PROTOCOL: Final[dict[Protocol, frozenset[Usage]]] = {
    Protocol.AS2: frozenset({Usage.SIGN, Usage.ENCRYPT, Usage.TLS_SERVER, Usage.TLS_CLIENT}),
    Protocol.OFTP2: frozenset(
        {
            Usage.FILE_SIGN,
            Usage.FILE_ENCRYPT,
            Usage.RECEIPT_SIGN,
            Usage.SESSION_AUTH,
            Usage.TLS_SERVER,
            Usage.TLS_CLIENT,
        }
    ),
}

DECRYPTING: Final = frozenset({Usage.ENCRYPT, Usage.FILE_ENCRYPT, Usage.SESSION_AUTH})
"""Usages whose private key opens what a partner encrypts: staged before any partner is told (product.md 3, rule 2)."""

SIGNING: Final = frozenset({Usage.SIGN, Usage.FILE_SIGN, Usage.RECEIPT_SIGN})


class AssignmentState(StrEnum):
    """``staged`` accepts and never produces; ``active`` (one per agreement, side and usage) does both; ``retiring`` accepts."""

    STAGED = "staged"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


PRODUCES: Final = frozenset({AssignmentState.ACTIVE})
ACCEPTS: Final = frozenset({AssignmentState.STAGED, AssignmentState.ACTIVE, AssignmentState.RETIRING})


def usages_of(groups: frozenset[UsageGroup], protocol: Protocol) -> frozenset[Usage]:
    """The single usages that the wizard's groups mean for one protocol."""
    return frozenset(u for g in groups for u in GROUPS[g]) & BY_PROTOCOL[protocol]
