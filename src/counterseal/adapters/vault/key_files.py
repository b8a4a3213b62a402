"""Key files from other programs: PKCS#12, or PEM with a private key and its certificates.

Each way in which such a file fails gets its own sentence, because the person in front of it can only act on that: a wrong password, no
password, no key inside, a key that fits none of the certificates, an encryption that this OpenSSL does not know.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from counterseal.adapters.vault.keys import PrivateKey, known_kind, spki_of
from counterseal.engine.ports import UnreadableKeyFile, WrongPassword
from counterseal.kernel.x509 import Certificate, MalformedCertificate, order_chain

MAX_KEY_FILE_BYTES: Final = 1024 * 1024
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.{1,200000}?-----END \1-----", re.DOTALL)
_KEY_LABELS: Final = {b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"}
_CERTIFICATE_LABELS: Final = {b"CERTIFICATE", b"X509 CERTIFICATE"}
_PFX_VERSION: Final = b"\x02\x01\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedKeyFile:
    key: PrivateKey
    leaf: Certificate
    chain: tuple[Certificate, ...]
    """Nearest issuer first; certificates that do not belong to it are left out."""


def open_key_file(content: bytes, *, password: str | None) -> OpenedKeyFile:
    """Raises ``WrongPassword``, ``UnreadableKeyFile``."""
    if not content:
        raise UnreadableKeyFile("the file is empty")
    if len(content) > MAX_KEY_FILE_BYTES:
        raise UnreadableKeyFile(f"the file has {len(content)} octets; a key file has at most {MAX_KEY_FILE_BYTES}")
    if b"-----BEGIN " in content:
        keys, certificates = _read_pem(content, password)
    else:
        keys, certificates = _read_pkcs12(content, password)
    return _fit(keys, certificates)


def _fit(keys: list[PrivateKey], certificates: list[Certificate]) -> OpenedKeyFile:
    if not keys:
        raise UnreadableKeyFile("the file holds no private key, only certificates: export it again with its key")
    if not certificates:
        raise UnreadableKeyFile(
            "the file holds a private key but no certificate: put the certificate into the same file"
        )
    for certificate in certificates:
        for key in keys:
            if spki_of(key) == certificate.spki:
                others = [c for c in certificates if c != certificate]
                return OpenedKeyFile(key=key, leaf=certificate, chain=order_chain(certificate, others))
    names = "; ".join(c.common_name for c in certificates[:3])
    raise UnreadableKeyFile(f"the private key does not fit the certificate ({names}): they are not of one pair")


def _read_pkcs12(content: bytes, password: str | None) -> tuple[list[PrivateKey], list[Certificate]]:
    if content[:1] != b"\x30" or _PFX_VERSION not in content[:16]:
        raise UnreadableKeyFile(_what_it_is(content))
    loaded = _load_pkcs12(content, password)
    found = [loaded.cert, *loaded.additional_certs]
    certificates = [_parsed(c.certificate.public_bytes(Encoding.DER)) for c in found if c is not None]
    return ([known_kind(loaded.key)] if loaded.key is not None else []), certificates


def _what_it_is(content: bytes) -> str:
    try:
        Certificate.parse(content)
    except MalformedCertificate:
        return "the file is neither PKCS#12 nor PEM"
    return "the file is a certificate without its private key; a PKCS#12 file or PEM with both is needed"


def _load_pkcs12(content: bytes, password: str | None) -> pkcs12.PKCS12KeyAndCertificates:
    """Without a password both readings of it are tried: programs write "none" and "empty" differently (RFC 7292 B.1)."""
    secrets: tuple[bytes | None, ...] = (password.encode(),) if password else (None, b"")
    for secret in secrets:
        try:
            return pkcs12.load_pkcs12(content, secret)
        except UnsupportedAlgorithm as error:
            raise UnreadableKeyFile(
                "the file is encrypted in a way that this OpenSSL does not know; export it again with AES-256"
            ) from error
        except (ValueError, TypeError):
            continue
    if password:
        raise WrongPassword("the password does not open the PKCS#12 file, or the file is damaged")
    raise WrongPassword("the PKCS#12 file needs a password")


def _read_pem(content: bytes, password: str | None) -> tuple[list[PrivateKey], list[Certificate]]:
    keys: list[PrivateKey] = []
    certificates: list[Certificate] = []
    for block in _PEM.finditer(content):
        label = block.group(1)
        if label in _KEY_LABELS:
            keys.append(_pem_key(block.group(0) + b"\n", password))
        elif label in _CERTIFICATE_LABELS:
            certificates.append(_pem_certificate(block.group(0).replace(b"X509 CERTIFICATE", b"CERTIFICATE") + b"\n"))
    return keys, list(_unique(certificates))


def _unique(certificates: Iterable[Certificate]) -> Iterable[Certificate]:
    return dict.fromkeys(certificates)


def _pem_key(block: bytes, password: str | None) -> PrivateKey:
    encrypted = b"ENCRYPTED" in block
    if encrypted and not password:
        raise WrongPassword("the private key is encrypted and needs its password")
    try:
        return known_kind(load_pem_private_key(block, password.encode() if encrypted and password else None))
    except UnsupportedAlgorithm as error:
        raise UnreadableKeyFile("the private key is of a kind, or encrypted in a way, that is not supported") from error
    except (ValueError, TypeError) as error:
        if encrypted:
            raise WrongPassword("the password does not open the private key") from error
        raise UnreadableKeyFile("the private key is damaged") from error


def _pem_certificate(block: bytes) -> Certificate:
    try:
        return Certificate.parse_pem(block)
    except MalformedCertificate as error:
        raise UnreadableKeyFile("a certificate in the file is damaged") from error


def _parsed(der: bytes) -> Certificate:
    try:
        return Certificate.parse(der)
    except MalformedCertificate as error:
        raise UnreadableKeyFile("a certificate in the file is damaged") from error
