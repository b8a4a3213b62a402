"""Certs-only messages: the degenerate SignedData (RFC 8551 3.8, RFC 5652 5.1)."""

from collections.abc import Sequence

from counterseal.protocols.cms.limits import Limits


def certs_only(certificates: Sequence[bytes]) -> bytes:
    """A DER ContentInfo with a SignedData that holds these certificates (DER) and no signer."""
    raise NotImplementedError


def read_certs_only(data: bytes, *, limits: Limits) -> tuple[bytes, ...]:
    """The certificates (DER) of a SignedData in the order they stand there. Takes BER, DER, PEM and bare base64. Content
    and signers, if any, are ignored: nothing read here is trusted for having been signed."""
    raise NotImplementedError
