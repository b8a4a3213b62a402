"""Passwords and secrets: how they are judged, hashed and compared; nothing here is ever stored in the clear."""

import base64
import hashlib
import hmac
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from counterseal.engine.ports import Entropy
from counterseal.kernel.errors import CallerFault

MINIMUM_PASSWORD_CHARACTERS: Final = 12
MAXIMUM_PASSWORD_BYTES: Final = 1024
"""Argon2id reads all of it: without a bound a megabyte of password would be work for us."""
SECRET_BYTES: Final = 32
MAXIMUM_SECRET_CHARACTERS: Final = 256

_SALT_BYTES: Final = 16
_HASHER: Final = PasswordHasher(
    # RFC 9106 section 4, the second recommended option (64 MiB); one lane, because the console serves from few cores.
    time_cost=3,
    memory_cost=65536,
    parallelism=1,
    hash_len=32,
    salt_len=_SALT_BYTES,
    type=Type.ID,
)
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$RPYYEjMoUHPEFUFgtO+zHKUoWMBNkmNPDtpa1OI/kbE"
"""Verified against when the name is unknown, so that an answer takes as long for it as for a known one. Written out, because to
make it costs a tenth of a second at every start; a test holds its cost to that of ``_HASHER``."""


class UnfitPassword(CallerFault):
    """Too short, too long, or the user's own name."""

    code = "people.unfit-password"


def require_fit_password(password: str, *, user_name: str) -> None:
    """Length is what counts (NIST SP 800-63B 5.1.1.2); no composition rules. Raises ``UnfitPassword``."""
    if len(password) < MINIMUM_PASSWORD_CHARACTERS:
        raise UnfitPassword(f"a password needs at least {MINIMUM_PASSWORD_CHARACTERS} characters, got {len(password)}")
    if len(password.encode()) > MAXIMUM_PASSWORD_BYTES:
        raise UnfitPassword(f"a password may have at most {MAXIMUM_PASSWORD_BYTES} bytes")
    if user_name and password.casefold().strip() == user_name.casefold():
        raise UnfitPassword("the password is the user name: choose another one")


def hash_password(password: str, entropy: Entropy) -> str:
    """Argon2id in the PHC text form."""
    return _HASHER.hash(password, salt=entropy.octets(_SALT_BYTES))


def fits(password: str, password_hash: str) -> bool:
    """Whether the password belongs to the hash. An empty hash fits nothing and costs as much as any other."""
    if len(password.encode("utf-8", "replace")) > MAXIMUM_PASSWORD_BYTES:
        return False
    try:
        found = _HASHER.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return found and password_hash != ""


def new_secret(entropy: Entropy) -> str:
    """43 characters that may stand in a URL and in a header."""
    return base64.urlsafe_b64encode(entropy.octets(SECRET_BYTES)).decode("ascii").rstrip("=")


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, hexadecimal: what is stored. 256 random bits need no slow hash."""
    return hashlib.sha256(secret[:MAXIMUM_SECRET_CHARACTERS].encode("utf-8", "replace")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))
