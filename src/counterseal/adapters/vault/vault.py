"""``FileVault``: the port ``Vault`` with keys in sealed records and the master key beside the data."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from counterseal.adapters.vault import certificates
from counterseal.adapters.vault.key_files import open_key_file
from counterseal.adapters.vault.keys import (
    PrivateKey,
    UnsuitableKey,
    VaultDecrypter,
    VaultSigner,
    from_pkcs8,
    kind_of,
    rejection_secret,
    spki_of,
    to_pem,
    to_pkcs8,
)
from counterseal.adapters.vault.master import open_master
from counterseal.adapters.vault.sealing import Sealer
from counterseal.engine.ports import CertificateForm, KeyFile, NewKey
from counterseal.kernel.x509 import Certificate

_KEY_PURPOSE: Final = "private-key"
_CURVES: Final[dict[str, ec.EllipticCurve]] = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1()}
_RSA_BITS: Final = (2048, 3072, 4096)
_LOADED: Final = 256
"""Keys kept loaded: unsealing and loading one costs half a millisecond, a busy community uses a few dozen."""


class FileVault:
    """Safe to use from several threads. Built by ``open``."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._key = functools.lru_cache(maxsize=_LOADED)(self._load)
        self._signer = functools.lru_cache(maxsize=_LOADED)(self._make_signer)
        self._decrypter = functools.lru_cache(maxsize=_LOADED)(self._make_decrypter)

    @classmethod
    def open(cls, data_dir: Path, passphrase: str | None = None) -> "FileVault":
        """The vault of a data directory; the first call makes it. Raises ``VaultLocked``."""
        return cls(open_master(data_dir, passphrase=passphrase))

    def generate(self, *, kind: str, bits: int = 0, curve: str = "") -> NewKey:
        if kind == "rsa" and bits in _RSA_BITS:
            return self._sealed(rsa.generate_private_key(public_exponent=65537, key_size=bits))
        if kind == "ec" and curve in _CURVES:
            return self._sealed(ec.generate_private_key(_CURVES[curve]))
        raise UnsuitableKey(
            f"a key of kind {kind!r} with {bits} bits, curve {curve!r}, is not made; "
            f"expected rsa with {', '.join(map(str, _RSA_BITS))} bits or ec on {', '.join(_CURVES)}"
        )

    def read_key_file(self, content: bytes, *, password: str | None) -> KeyFile:
        opened = open_key_file(content, password=password)
        chain = tuple(certificate.der for certificate in opened.chain)
        return KeyFile(key=self._sealed(opened.key), certificate_der=opened.leaf.der, chain_der=chain)

    def self_signed(self, sealed: bytes, form: CertificateForm) -> bytes:
        return certificates.self_signed(self._key(sealed), form)

    def signing_request(self, sealed: bytes, form: CertificateForm) -> bytes:
        return certificates.signing_request(self._key(sealed), form)

    def signer(self, sealed: bytes, *, certificate_der: bytes) -> VaultSigner:
        """Raises ``UnsuitableKey`` when the certificate is not this key's."""
        return self._signer(sealed, certificate_der)

    def decrypter(self, sealed: bytes, *, certificate_der: bytes) -> VaultDecrypter:
        """Raises ``UnsuitableKey`` when the certificate is not this key's."""
        return self._decrypter(sealed, certificate_der)

    @contextmanager
    def tls_key_file(self, sealed: bytes, *, certificate_der: bytes, chain_der: tuple[bytes, ...]) -> Iterator[str]:
        """Raises ``UnsuitableKey`` when the certificate is not this key's."""
        key = self._fitting(sealed, certificate_der)
        certificates_pem = "".join(Certificate.parse(der).pem for der in (certificate_der, *chain_der)).encode()
        descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(to_pem(key) + certificates_pem)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        return self._sealer.seal(secret, purpose=f"secret:{purpose}")

    def unseal(self, record: bytes, *, purpose: str) -> bytes:
        """Never opens a private key: those are sealed for a purpose that no caller can name."""
        return self._sealer.unseal(record, purpose=f"secret:{purpose}")

    def _sealed(self, key: PrivateKey) -> NewKey:
        record = self._sealer.seal(to_pkcs8(key), purpose=_KEY_PURPOSE)
        return NewKey(sealed=record, kind=kind_of(key).value, spki=spki_of(key))

    def _load(self, sealed: bytes) -> PrivateKey:
        return from_pkcs8(self._sealer.unseal(sealed, purpose=_KEY_PURPOSE))

    def _fitting(self, sealed: bytes, certificate_der: bytes) -> PrivateKey:
        key = self._key(sealed)
        if Certificate.parse(certificate_der).spki != spki_of(key):
            raise UnsuitableKey("the certificate belongs to another key")
        return key

    def _make_signer(self, sealed: bytes, certificate_der: bytes) -> VaultSigner:
        return VaultSigner(certificate_der, self._fitting(sealed, certificate_der))

    def _make_decrypter(self, sealed: bytes, certificate_der: bytes) -> VaultDecrypter:
        key = self._fitting(sealed, certificate_der)
        return VaultDecrypter(certificate_der, key, rejection_secret(key))
