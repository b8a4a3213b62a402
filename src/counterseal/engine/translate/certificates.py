"""Certificates out of the files that people have: DER, PEM, certs-only CMS."""

from collections.abc import Callable
from typing import Final

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.x509 import Certificate, MalformedCertificate, order_chain
from counterseal.protocols import cms

MAX_FILE_BYTES: Final = 1024 * 1024


class UnreadableCertificate(CallerFault):
    """The file holds no certificate that can be read."""

    code = "certificates.unreadable"


def read_certificates(content: bytes) -> tuple[Certificate, tuple[Certificate, ...]]:
    """The leaf and its issuers out of DER, PEM or certs-only CMS. Raises ``UnreadableCertificate``."""
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableCertificate(f"the file has {len(content)} bytes; certificates have at most {MAX_FILE_BYTES}")
    found = _parsed(content)
    leaves = [
        c
        for c in found
        if not any(other is not c and other.issuer == c.subject and other.issued_by(c) for other in found)
    ]
    if len(leaves) != 1:
        raise UnreadableCertificate(
            f"expected one end-entity certificate, found {len(leaves)} among {len(found)}; choose a file with one"
        )
    return leaves[0], order_chain(leaves[0], [c for c in found if c is not leaves[0]])


def read_authorities(content: bytes) -> tuple[Certificate, ...]:
    """All certificates of a file, each once, in their order: what they are is not looked at. Raises ``UnreadableCertificate``."""
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableCertificate(f"the file has {len(content)} bytes; certificates have at most {MAX_FILE_BYTES}")
    return tuple(_parsed(content))


def _parsed(content: bytes) -> list[Certificate]:
    readers: tuple[Callable[[], list[Certificate]], ...] = (
        lambda: [Certificate.parse(content)],
        lambda: _pem(content),
        lambda: [Certificate.parse(der) for der in cms.read_certs_only(content, limits=cms.DEFAULT_LIMITS)],
    )
    for reader in readers:
        try:
            found = reader()
        except (MalformedCertificate, cms.CMSFault):
            continue
        if found:
            return list(dict.fromkeys(found))
    raise UnreadableCertificate("no certificate can be read in it; choose a .cer, .crt, .der, .pem, .p7b or .p7c file")


def _pem(content: bytes) -> list[Certificate]:
    end = b"-----END CERTIFICATE-----"
    blocks = [block + end for block in content.split(end) if b"-----BEGIN CERTIFICATE-----" in block]
    return [Certificate.parse_pem(block[block.index(b"-----BEGIN CERTIFICATE-----") :]) for block in blocks]
