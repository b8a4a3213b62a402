"""API tokens: bearer secrets with scopes, shown once, revocable."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.people import Actor, ApiToken, NotAllowed, Permission
from counterseal.engine.passwords import digest_of, new_secret
from counterseal.engine.ports import Conflict, NotFound, Ports
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import TokenId

PREFIX: Final = "cst_"
"""So that a secret scanner, and a person, can tell what was found."""
USED_EVERY: Final = timedelta(minutes=1)
MAXIMUM_NAME: Final = 64


class InvalidToken(CallerFault):
    """A token that cannot exist: no name, no scope, already expired."""

    code = "people.invalid-token"


def create_token(
    ports: Ports, actor: Actor, *, name: str, scopes: frozenset[Permission], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """The token and its secret, which is shown this once. Raises ``InvalidToken``, ``Conflict``, ``NotAllowed``."""
    actor.require(Permission.PEOPLE)
    now = ports.clock.now()
    name = name.strip()
    if not name or len(name) > MAXIMUM_NAME or not name.isprintable():
        raise InvalidToken(f"a token needs a name of 1 to {MAXIMUM_NAME} printable characters")
    if not scopes:
        raise InvalidToken("a token needs at least one scope: " + ", ".join(p.value for p in Permission))
    if expires_at is not None and expires_at <= now:
        raise InvalidToken(f"the token would have expired at {expires_at.isoformat()}: choose a later instant")
    missing = sorted(scopes - actor.permissions)
    if missing:
        raise NotAllowed(f"{actor.name} may not give the scopes {', '.join(missing)}: it does not have them itself")
    secret = PREFIX + new_secret(ports.entropy)
    token = ApiToken(
        id=TokenId(ports.entropy.new_id()),
        name=name,
        digest=digest_of(secret),
        scopes=scopes,
        created_by=actor.name,
        created_at=now,
        expires_at=expires_at,
    )
    with ports.store.write() as writer:
        if any(t.name == name and t.revoked_at is None for t in writer.tokens()):
            raise Conflict(f"there is already a token {name!r}: revoke it first, or choose another name")
        writer.put(token)
        writer.record(_event(now, actor, "people.token-created", token, scopes=" ".join(sorted(scopes))))
    ports.store.seal()
    return token, secret


def tokens(ports: Ports, actor: Actor) -> list[ApiToken]:
    """All of them, revoked ones too."""
    actor.require(Permission.PEOPLE)
    with ports.store.read() as reader:
        return reader.tokens()


def revoke_token(ports: Ports, actor: Actor, name_or_id: str) -> ApiToken:
    """Ends a token at once; revoking a revoked one changes nothing. Raises ``NotFound``."""
    actor.require(Permission.PEOPLE)
    now = ports.clock.now()
    with ports.store.write() as writer:
        named = [t for t in writer.tokens() if name_or_id in {t.id, t.name}]
        token = next((t for t in named if t.revoked_at is None), named[-1] if named else None)
        if token is None:
            raise NotFound(f"there is no token {name_or_id[:MAXIMUM_NAME]!r}")
        if token.revoked_at is not None:
            return token
        token = replace(token, revoked_at=now)
        writer.put(token)
        writer.record(_event(now, actor, "people.token-revoked", token))
    ports.store.seal()
    return token


def actor_of_token(ports: Ports, secret: str) -> Actor | None:
    """Who a bearer secret acts as; ``None`` when it is unknown, has expired or was revoked.

    Looked up by digest: what the comparison could leak by its time is a digest's prefix, of no use without the secret.
    """
    now = ports.clock.now()
    if not secret.startswith(PREFIX):
        return None
    with ports.store.read() as reader:
        token = reader.find_token(digest_of(secret))
    if token is None or not _usable(token, now):
        return None
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        with ports.store.write() as writer:
            token = writer.find_token(token.digest)
            if token is None or not _usable(token, now):
                return None
            writer.put(replace(token, last_used_at=now))
    return Actor(name=f"token:{token.name}", permissions=token.scopes)


def _usable(token: ApiToken, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


def _event(now: datetime, actor: Actor, event: str, token: ApiToken, **facts: str) -> AuditEvent:
    return AuditEvent(
        at=now, actor=actor.name, event=event, subject=f"token:{token.id}", facts={"name": token.name, **facts}
    )
