"""What a trusted CA certificate is trusted for."""

from enum import StrEnum


class RootRole(StrEnum):
    """What a CA certificate is trusted for."""

    ROOT = "root"
    """A chain may end here."""
    ISSUER = "issuer"
    """On the list of issuers, which stands in for the Odette TSL: over SCX, where there is such a list, a certificate is taken only
    when one of its CAs issued it. Self-signed ones are there to verify the others; what they issue themselves is refused (OP08 2.7)."""
