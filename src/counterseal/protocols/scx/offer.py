"""The content of a certificate file: one certificate of the sender (oftp2-scx.md 6.1, section 11, C.14).

We send DER and nothing else. We read what products were seen or documented to send: DER, PEM, base64, a certs-only CMS message,
a signed file although it should not be (the signature proves nothing here and is not looked at), and a zip of these where the
agreement allows it. Exactly one certificate may be the sender's; issuers beside it are kept as its chain.
"""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from counterseal.kernel.x509 import Certificate, MalformedCertificate, order_chain
from counterseal.protocols.cms import DEFAULT_LIMITS as CMS_LIMITS
from counterseal.protocols.cms import CMSFault, open_signed
from counterseal.protocols.scx.errors import NoLeaf, NotACertificate, PrivateKeyReceived, SeveralLeaves, TooLarge
from counterseal.protocols.scx.limits import Limits
from counterseal.protocols.scx.zipped import is_zip, read_zip

_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,40})-----([A-Za-z0-9+/=\s]*)-----END ")
_CERTIFICATE_LABELS: Final = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})
_CMS_LABELS: Final = frozenset({b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"})
_KEY_FILE: Final = re.compile(rb"\x30(?:[\x00-\x80]|[\x81-\x84].{1,4}?)\x02\x01[\x00\x01\x03][\x02\x04\x30]", re.DOTALL)
"""A SEQUENCE that begins with INTEGER 0, 1 or 3: PKCS#1, PKCS#8, SEC 1 or PKCS#12. No certificate and no CMS message does."""
_KEY_RECEIVED: Final = "the file holds a private key; send the certificate alone, and replace that key"
_MAX_LAYERS: Final = 2


class Form(StrEnum):
    """What was unwrapped; nothing for the plain DER that the standard asks for."""

    PEM = "pem"
    BASE64 = "base64"
    CERTS_ONLY = "certs-only"
    SIGNED = "signed"
    ZIP = "zip"
    SURPLUS = "surplus"
    """Octets behind the certificate, but for line ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a certificate file holds."""

    leaf: Certificate
    chain: tuple[Certificate, ...]
    """Issuers that came with it, nearest first; trusted in nothing for having come."""
    forms: frozenset[Form]


def build_payload(certificate: Certificate) -> bytes:
    """The content of a file: DER of one certificate, no chain, no key (SCX-4)."""
    return certificate.der


def read_payload(octets: bytes, limits: Limits, *, zip_allowed: bool) -> Payload:
    """The one certificate of a file. Raises a ``SCXFault``."""
    if len(octets) > limits.max_payload_bytes:
        raise TooLarge(f"a certificate file of {len(octets)} octets; at most {limits.max_payload_bytes} are read")
    forms: set[Form] = set()
    if is_zip(octets):
        forms.add(Form.ZIP)
        found = [
            certificate
            for entry in read_zip(octets, limits, allowed=zip_allowed)
            for certificate in _certificates(entry, limits, forms, layer=0)
        ]
    else:
        found = _certificates(octets, limits, forms, layer=0)
    if len(found) > limits.max_certificates:
        raise TooLarge(f"{len(found)} certificates in one file; at most {limits.max_certificates} are read")
    leaf = _leaf(tuple(dict.fromkeys(found)))
    return Payload(leaf=leaf, chain=order_chain(leaf, found), forms=frozenset(forms))


def _certificates(octets: bytes, limits: Limits, forms: set[Form], *, layer: int) -> list[Certificate]:
    if b"PRIVATE KEY-----" in octets:
        raise PrivateKeyReceived(_KEY_RECEIVED)
    if octets[:1] == b"\x30":
        return _binary(octets, limits, forms, layer=layer)
    if blocks := _PEM.findall(octets):
        forms.add(Form.PEM)
        return _pem(blocks[: limits.max_certificates + 1], limits, forms, layer=layer)
    text = b"".join(octets.split())
    if text[:1] == b"M":
        # A SEQUENCE begins with M in base64.
        forms.add(Form.BASE64)
        return _binary(_from_base64(text), limits, forms, layer=layer)
    raise NotACertificate("the file is not a certificate; expected X.509 in DER")


def _pem(blocks: Sequence[tuple[bytes, bytes]], limits: Limits, forms: set[Form], *, layer: int) -> list[Certificate]:
    found: list[Certificate] = []
    for label, text in blocks:
        if label in _CERTIFICATE_LABELS:
            found.append(_parse(_from_base64(b"".join(text.split()))))
        elif label in _CMS_LABELS:
            found += _signed(_from_base64(b"".join(text.split())), limits, forms, layer=layer)
    return found


def _binary(octets: bytes, limits: Limits, forms: set[Form], *, layer: int) -> list[Certificate]:
    if _KEY_FILE.match(octets):
        raise PrivateKeyReceived(_KEY_RECEIVED)
    try:
        certificate = Certificate.parse(octets)
    except MalformedCertificate:
        return _signed(octets, limits, forms, layer=layer)
    if octets[len(certificate.der) :].strip(b"\r\n\x1a\x00 "):
        forms.add(Form.SURPLUS)
    return [certificate]


def _signed(octets: bytes, limits: Limits, forms: set[Form], *, layer: int) -> list[Certificate]:
    """The certificates of a certs-only message, or of the content of a signed one. A signer's own certificate proves nothing
    and is not offered."""
    bounds = replace(CMS_LIMITS, max_certificates=limits.max_certificates, max_content_bytes=limits.max_payload_bytes)
    try:
        stream = open_signed([octets], limits=bounds)
        content = b"".join(bytes(chunk) for chunk in stream.chunks())
        embedded = stream.embedded_certificates
    except CMSFault as error:
        raise NotACertificate("the file is not a certificate; expected X.509 in DER") from error
    if not content:
        forms.add(Form.CERTS_ONLY)
        return [_parse(der) for der in embedded]
    if layer == _MAX_LAYERS:
        raise NotACertificate("signed files inside signed files; expected X.509 in DER")
    forms.add(Form.SIGNED)
    return _certificates(content, limits, forms, layer=layer + 1)


def _parse(der: bytes) -> Certificate:
    try:
        return Certificate.parse(der)
    except MalformedCertificate as error:
        raise NotACertificate(error.detail) from error


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise NotACertificate("the file is base64 text that cannot be read") from error


def _leaf(certificates: Sequence[Certificate]) -> Certificate:
    """The sender's own: the one that issued none of the others, and is no CA where that leaves a choice. One CA certificate
    alone is taken as it is (self-signed ones often say CA:TRUE); whether that is allowed is the policy's decision."""
    last = [
        one for one in certificates if not any(other.issuer == one.subject for other in certificates if other != one)
    ]
    possible = [one for one in last if not one.is_ca] or last
    if len(possible) > 1:
        raise SeveralLeaves(f"the file holds {len(possible)} certificates of the sender; expected one in each file")
    if not possible:
        raise NoLeaf("the file holds no certificate of the sender")
    return possible[0]
