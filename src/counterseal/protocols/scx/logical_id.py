"""CLID, the certificate's logical identification data in SFIDDESC (oftp2-scx.md 6.3).

It names the *old* certificate, so that a new one with another subject, issuer or CA can still be put in its place:

    I=<base64 issuer DN> N=<serial, hex> A=<authority key id> B=<key usage octets> E=<EKU OIDs> S=<base64 subject DN>

one ``key=value`` per line, LF between them. Physical identity is I + N, logical identity is subject, issuer, key usage and
extended key usage.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from counterseal.kernel.distinguished import issuer_text, same_name, subject_text
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx.files import MAX_DESCRIPTION

_FIRST_OCTET: Final = (
    ("digital_signature", 0x80),
    ("content_commitment", 0x40),
    ("key_encipherment", 0x20),
    ("data_encipherment", 0x10),
    ("key_agreement", 0x08),
    ("key_cert_sign", 0x04),
    ("crl_sign", 0x02),
)
"""RFC 5280 4.2.1.3, in bit order; encipherOnly (01) and decipherOnly (80 of the second octet) only with key agreement."""
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_MAX_SERIAL_DIGITS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalId:
    """A CLID as read or to be written."""

    issuer: str
    """A distinguished name in any dialect."""
    serial: int
    key_id: bytes
    """Authority key identifier; the subject key identifier of a self-signed one. Empty: not given."""
    key_usage: bytes | None
    """The octets of the BIT STRING without trailing zeros; ``None``: the certificate has no such extension, or none was
    given."""
    extended_key_usage: frozenset[str] | None
    """Dotted OIDs; ``None``: not given, or dropped for length."""
    subject: str | None
    """``None``: not given, or dropped for length."""


def logical_id(certificate: Certificate) -> LogicalId:
    """What we say about a certificate of ours that is to be replaced."""
    return LogicalId(
        issuer=issuer_text(certificate),
        serial=certificate.serial,
        key_id=certificate.subject_key_id if certificate.self_issued else certificate.authority_key_id,
        key_usage=key_usage_octets(certificate),
        extended_key_usage=certificate.extended_key_usage,
        subject=subject_text(certificate),
    )


def key_usage_octets(certificate: Certificate) -> bytes | None:
    """The key usage as its BIT STRING's octets, trailing zeros cut; ``None``: the extension is absent."""
    try:
        usage = certificate.load().extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(usage, x509.KeyUsage)
    first = sum(octet for attribute, octet in _FIRST_OCTET if getattr(usage, attribute))
    second = 0
    if usage.key_agreement:
        first |= 0x01 if usage.encipher_only else 0
        second = 0x80 if usage.decipher_only else 0
    return bytes((first, second)).rstrip(b"\0")


def write_clid(clid: LogicalId) -> str | None:
    """The text for SFIDDESC. Above 999 octets S is left out, then E too; ``None``: even then it does not fit."""
    lines = [
        f"I={_base64(clid.issuer)}",
        f"N={clid.serial:0{len(f'{clid.serial:x}') + len(f'{clid.serial:x}') % 2}x}",
        f"A={clid.key_id.hex()}",
        f"B={(clid.key_usage or b'').hex()}",
    ]
    optional = []
    if clid.extended_key_usage is not None:
        optional.append("E=" + ",".join(sorted(clid.extended_key_usage)))
    if clid.subject is not None:
        optional.append(f"S={_base64(clid.subject)}")
    while True:
        text = "\n".join(lines + optional)
        if len(text.encode()) <= MAX_DESCRIPTION:
            return text
        if not optional:
            return None
        optional.pop()


def read_clid(description: str) -> LogicalId | None:
    """The CLID in a SFIDDESC; ``None``: it is none, because I or N is missing or N is no hexadecimal number. Any order,
    CR in front of LF, DNs without base64, serials with colons or leading zeros are read (oftp2-scx.md C.15)."""
    if len(description.encode(errors="replace")) > MAX_DESCRIPTION:
        return None
    fields: dict[str, str] = {}
    for line in description.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            fields.setdefault(key.strip().upper(), value.strip())
    issuer, serial = fields.get("I"), _serial(fields.get("N", ""))
    if not issuer or serial is None:
        return None
    return LogicalId(
        issuer=_name(issuer),
        serial=serial,
        key_id=_octets(fields.get("A", "")) or b"",
        key_usage=_key_usage(fields),
        extended_key_usage=frozenset(oid.strip() for oid in fields["E"].split(",") if oid.strip())
        if "E" in fields
        else None,
        subject=_name(fields["S"]) if fields.get("S") else None,
    )


def names_physically(clid: LogicalId, certificate: Certificate) -> bool:
    """Whether issuer and serial are the certificate's."""
    return clid.serial == certificate.serial and same_name(clid.issuer, issuer_text(certificate))


def names_logically(clid: LogicalId, certificate: Certificate) -> bool:
    """Whether owner and purpose are the certificate's. Without a subject nobody is named: one CA issues for many. Extended
    key usage counts only where both sides have it."""
    if clid.subject is None:
        return False
    return (
        same_name(clid.subject, subject_text(certificate))
        and same_name(clid.issuer, issuer_text(certificate))
        and (clid.key_usage or None) == (key_usage_octets(certificate) or None)
        and (
            clid.extended_key_usage is None
            or certificate.extended_key_usage is None
            or clid.extended_key_usage == certificate.extended_key_usage
        )
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _name(written: str) -> str:
    """A DN in base64, or as it stands: base64 of a name always gives text with ``=`` in it."""
    try:
        text = base64.b64decode(written, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return written
    return text if "=" in text else written


def _octets(written: str) -> bytes | None:
    text = written.replace(":", "").replace(" ", "")
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def _serial(written: str) -> int | None:
    text = written.replace(":", "").replace(" ", "").removeprefix("0x").removeprefix("0X")
    if not re.fullmatch(r"[0-9a-fA-F]+", text) or len(text) > _MAX_SERIAL_DIGITS:
        return None
    return int(text, 16)


def _key_usage(fields: Mapping[str, str]) -> bytes | None:
    octets = _octets(fields.get("B", ""))
    return octets.rstrip(b"\0") if octets else None
