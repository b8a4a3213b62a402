"""Passwords of agreements at rest: sealed by the vault, bound to the agreement and the field that they belong to."""

import base64
import binascii
from typing import Final

from counterseal.engine.ports import Vault, VaultLocked
from counterseal.kernel.ids import AgreementId

SEALED: Final = frozenset({"basic_password_sealed", "our_password_sealed", "their_password_sealed"})


def sealed(vault: Vault, clear: str, agreement_id: AgreementId, field: str) -> str:
    """Base64 of the record; empty for an empty secret."""
    if not clear:
        return ""
    return base64.b64encode(vault.seal(clear.encode(), purpose=_purpose(agreement_id, field))).decode("ascii")


def opened(vault: Vault, record: str, agreement_id: AgreementId, field: str) -> str:
    """The secret; empty for an empty record. Raises ``VaultLocked``."""
    if not record:
        return ""
    try:
        octets = base64.b64decode(record, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VaultLocked("a stored password is not readable: set it again") from error
    return vault.unseal(octets, purpose=_purpose(agreement_id, field)).decode()


def _purpose(agreement_id: AgreementId, field: str) -> str:
    return f"agreement:{agreement_id}:{field}"
