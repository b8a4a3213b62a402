"""Two certificates field by field, the differing parts told apart; and one certificate's fields in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, pretty_fingerprint

EMAIL_PROTECTION: Final = "1.3.6.1.5.5.7.3.4"
PURPOSES: Final = {
    SERVER_AUTH: "TLS server",
    CLIENT_AUTH: "TLS client",
    EMAIL_PROTECTION: "e-mail protection",
    "1.3.6.1.5.5.7.3.3": "code signing",
    "1.3.6.1.5.5.7.3.8": "time stamping",
    "1.3.6.1.5.5.7.3.9": "OCSP signing",
    "2.5.29.37.0": "any",
}
KEY_USAGES: Final = {
    "digitalSignature": "digital signature",
    "nonRepudiation": "non-repudiation",
    "keyEncipherment": "key encipherment",
    "dataEncipherment": "data encipherment",
    "keyAgreement": "key agreement",
    "keyCertSign": "certificate signing",
    "cRLSign": "CRL signing",
}
CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
DIGESTS: Final = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "sha1": "SHA-1", "md5": "MD5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a value; ``differs``: the other side does not have it."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    name: str
    mono: bool
    old: tuple[Part, ...]
    new: tuple[Part, ...]
    differs: bool


def key_text(certificate: Certificate) -> str:
    """``RSA 3072``, ``EC P-256``."""
    if certificate.key_algorithm == "rsa":
        return f"RSA {certificate.key_bits}"
    if certificate.key_algorithm == "ec":
        return f"EC {CURVES.get(certificate.curve, certificate.curve)}"
    return certificate.key_algorithm


def digest_text(certificate: Certificate) -> str:
    return DIGESTS.get(certificate.signature_digest, certificate.signature_digest or "unknown")


def key_usage_words(certificate: Certificate) -> tuple[str, ...]:
    """In the order of RFC 5280; empty: the extension is absent."""
    present = certificate.key_usage or frozenset()
    return tuple(word for bit, word in KEY_USAGES.items() if bit in present)


def purpose_words(certificate: Certificate) -> tuple[str, ...]:
    present = certificate.extended_key_usage or frozenset()
    return tuple(sorted((PURPOSES.get(oid, oid) for oid in present), key=lambda w: (w[0].isdigit(), w)))


def split_name(name: str) -> tuple[str, ...]:
    """The attributes of an RFC 4514 text; an escaped comma stays inside its attribute."""
    parts: list[str] = []
    current = ""
    escaped = False
    for character in name:
        if character == "," and not escaped:
            parts.append(current)
            current = ""
            continue
        escaped = character == "\\" and not escaped
        current += character
    return tuple(p.strip() for p in (*parts, current) if p.strip())


def compare(old: Certificate | None, new: Certificate | None, *, zone: tzinfo) -> list[ComparedField]:
    """The fields that a person compares; with one certificate missing nothing counts as differing. Instants are told in ``zone``."""
    return [
        _field(name, mono, tuple(_texts(old, name, zone)), tuple(_texts(new, name, zone))) for name, mono in _FIELDS
    ]


_FIELDS: Final = (
    ("Subject", True),
    ("Issuer", True),
    ("Serial number", True),
    ("Valid from", False),
    ("Valid until", False),
    ("Key", False),
    ("Signed with", False),
    ("Key usage", False),
    ("Extended key usage", False),
    ("Alternative names", True),
    ("SHA-256 fingerprint", True),
)


def _texts(certificate: Certificate | None, name: str, zone: tzinfo) -> Iterable[str]:
    if certificate is None:
        return ()
    values: dict[str, Iterable[str]] = {
        "Subject": split_name(certificate.subject),
        "Issuer": split_name(certificate.issuer),
        "Serial number": (serial_text(certificate),),
        "Valid from": (_instant(certificate.not_before, zone),),
        "Valid until": (_instant(certificate.not_after, zone),),
        "Key": (key_text(certificate),),
        "Signed with": (digest_text(certificate),),
        "Key usage": key_usage_words(certificate) or ("not stated",),
        "Extended key usage": purpose_words(certificate) or ("not stated",),
        "Alternative names": tuple(f"dns:{n}" for n in certificate.san_dns) or ("none",),
        "SHA-256 fingerprint": (pretty_fingerprint(certificate.fingerprint),),
    }
    return values[name]


def _instant(instant: datetime, zone: tzinfo) -> str:
    local = instant.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def serial_text(certificate: Certificate) -> str:
    """Hexadecimal pairs."""
    digits = f"{certificate.serial:x}"
    return pretty_fingerprint(digits.zfill(len(digits) + len(digits) % 2))


def _field(name: str, mono: bool, old: tuple[str, ...], new: tuple[str, ...]) -> ComparedField:
    both = bool(old) and bool(new)
    return ComparedField(
        name=name,
        mono=mono,
        old=tuple(Part(text=t, differs=both and t not in new) for t in old),
        new=tuple(Part(text=t, differs=both and t not in old) for t in new),
        differs=both and old != new,
    )
