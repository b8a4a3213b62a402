"""Private keys and secrets at rest, behind the engine's ``Vault``."""

from counterseal.adapters.vault.certificates import InvalidForm
from counterseal.adapters.vault.keys import KeyNotDecrypted, UnsuitableKey
from counterseal.adapters.vault.vault import FileVault

__all__ = ["FileVault", "InvalidForm", "KeyNotDecrypted", "UnsuitableKey"]
