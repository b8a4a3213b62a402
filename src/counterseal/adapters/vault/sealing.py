"""Records at rest: AES-256-GCM under the master key.

    octet 0        version, 1
    octets 1-12    nonce, random
    the rest       ciphertext and tag; the version and the purpose are authenticated with it

Random nonces under one key are safe for 2^32 records (NIST SP 800-38D section 8.3); a gateway seals thousands.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterseal.engine.ports import VaultLocked

MASTER_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class Sealer:
    """Seals and opens records under one master key. Safe to use from several threads."""

    def __init__(self, master: bytes) -> None:
        if len(master) != MASTER_BYTES:
            raise VaultLocked(f"the master key has {len(master)} octets, expected {MASTER_BYTES}")
        self._cipher = AESGCM(master)

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, _bound_to(purpose))

    def unseal(self, record: bytes, *, purpose: str) -> bytes:
        """Raises ``VaultLocked``; the sentence does not tell a changed record from one of another vault, nobody can."""
        if len(record) < 1 + _NONCE_BYTES + _TAG_BYTES or record[:1] != _VERSION:
            raise VaultLocked("this is no record of this vault, or one of a newer version")
        nonce = record[1 : 1 + _NONCE_BYTES]
        try:
            return self._cipher.decrypt(nonce, record[1 + _NONCE_BYTES :], _bound_to(purpose))
        except InvalidTag:
            raise VaultLocked(
                "the record was changed, or sealed by another vault or for another purpose: restore the vault's files "
                "that belong to this database"
            ) from None


def _bound_to(purpose: str) -> bytes:
    return _VERSION + purpose.encode()
