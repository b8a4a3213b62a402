"""Who may do what: users with one role, one-time links, browser sessions, API tokens."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import TokenId, UserId


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    CERTIFICATE_MANAGER = "certificate-manager"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """Also the scopes of API tokens."""

    VIEW = "view"
    DOCUMENTS = "documents"
    """Send, resend, cancel, release."""
    CERTIFICATES = "certificates"
    """Wizard, accept and reject, switch, withdraw."""
    CONFIGURE = "configure"
    """Communities, stations, partners, agreements, listeners, roots."""
    PEOPLE = "people"


PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.OPERATOR: frozenset({Permission.VIEW, Permission.DOCUMENTS}),
    Role.CERTIFICATE_MANAGER: frozenset({Permission.VIEW, Permission.DOCUMENTS, Permission.CERTIFICATES}),
    Role.ADMINISTRATOR: frozenset(Permission),
}


class NotAllowed(CallerFault):
    """The actor's role or token lacks the permission."""

    code = "people.not-allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a signed-in user, a token, or a command on the same machine."""

    name: str
    """``user:mara``, ``token:ci``, ``local:edi`` or ``system``."""
    permissions: frozenset[Permission]

    def require(self, permission: Permission) -> None:
        if permission not in self.permissions:
            raise NotAllowed(f"{self.name} may not do this: the permission {permission.value!r} is missing")


SYSTEM: Final = Actor(name="system", permissions=frozenset(Permission))


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UserId
    name: str
    """Signs in with it; unique, lower case."""
    full_name: str
    email: str
    role: Role
    password_hash: str = ""
    """Argon2id; empty: invited, no password yet."""
    enabled: bool = True
    created_at: datetime
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """Opens once and then never again: sets a password (and, at the first start, creates the administrator), or signs in."""

    digest: str
    """SHA-256 of the secret in the link; the secret itself is shown once."""
    user_id: UserId | None
    """``None``: the first start, the holder names the administrator."""
    purpose: str
    """``first-administrator``, ``set-password`` or ``sign-in``."""
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSession:
    digest: str
    user_id: UserId
    csrf: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    id: TokenId
    name: str
    digest: str
    scopes: frozenset[Permission]
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
