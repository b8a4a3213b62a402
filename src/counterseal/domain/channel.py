"""Which way a certificate conversation can take with one agreement, and why not another."""

from enum import StrEnum


class Channel(StrEnum):
    CEM = "cem"
    SCX = "scx"
    MAIL = "mail"
    PORTAL = "portal"


class SCXType(StrEnum):
    REQUEST = "request"
    DELIVER = "deliver"
    REPLACE = "replace"


class SCXRule(StrEnum):
    """By what a partner's product recognises the successor of a certificate (oftp2-scx.md 6.4). The values are those of the
    agreement's ``scx_rule``, which knows ``unknown`` besides."""

    EXACT = "exact"
    """Subject, issuer, key usage and extended key usage, exactly."""
    NO_EKU = "no-eku"
    """The same without extended key usage."""
    CLID = "clid"
    """Subject, issuer and four flags, as they were entered at the partner's for our certificate."""
    LENIENT = "lenient"
    """The certificate that the message names; else subject, issuer, key usage, and extended key usage where both have it."""
