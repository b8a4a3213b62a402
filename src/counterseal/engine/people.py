"""Who may come in: first start, sign-in, one-time links, sessions and users.

Secrets (links, sessions, tokens) are 256 random bits, shown once and stored as their SHA-256. Passwords are Argon2id.

Repeated wrong passwords slow a name down; the count is read from the audit trail, so that it survives a restart and holds on
every node without a table of its own. A one-time link still opens: nobody can be locked out by a stranger's guesses.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.audit import AuditEvent
from counterseal.domain.people import (
    PERMISSIONS,
    Actor,
    BrowserSession,
    NotAllowed,
    OneTimeLink,
    Permission,
    Role,
    User,
)
from counterseal.engine.passwords import digest_of, fits, hash_password, new_secret, require_fit_password, same
from counterseal.engine.ports import Conflict, NotFound, Ports, Reader, Window, Writer
from counterseal.kernel.errors import CallerFault, Retry
from counterseal.kernel.ids import UserId

FIRST_ADMINISTRATOR: Final = "first-administrator"
SET_PASSWORD: Final = "set-password"  # noqa: S105  the name of a purpose, not a password
SIGN_IN: Final = "sign-in"
FIRST_LINK_MADE: Final = "people.first-start-link-made"

LINK_LIFETIME: Final = {
    FIRST_ADMINISTRATOR: timedelta(hours=24),
    SET_PASSWORD: timedelta(days=3),
    SIGN_IN: timedelta(hours=1),
}
SESSION_LIFETIME: Final = timedelta(hours=8)
SEEN_EVERY: Final = timedelta(minutes=1)
"""``last_seen_at`` is written at most this often: a page view is not worth a transaction."""

GUESSES: Final = 5
GUESS_WINDOW: Final = timedelta(minutes=15)
"""After ``GUESSES`` wrong passwords within the window a name waits until the oldest of them has left it."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")


class SignInRefused(CallerFault):
    """Name and password do not belong together. Says the same for an unknown name, a wrong password and a disabled user."""

    code = "people.sign-in-refused"


class SignInSlowed(CallerFault):
    """Too many wrong passwords for this name; it may try again later."""

    code = "people.sign-in-slowed"
    retry = Retry.LATER


class LinkRefused(CallerFault):
    """A one-time link that is unknown, was used before, or has expired."""

    code = "people.link-refused"


class InvalidUser(CallerFault):
    """A user that cannot exist: an unfit name, or the last administrator taken away."""

    code = "people.invalid-user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Who is behind a browser session."""

    user: User
    actor: Actor
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session just begun; ``secret`` goes into the cookie and nowhere else."""

    secret: str
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """What a link is for, before it is used."""

    purpose: str
    user_name: str
    """Empty for the first administrator."""
    expires_at: datetime


# first start and one-time links


def nobody_is_here(ports: Ports) -> bool:
    """Whether there is no user yet."""
    with ports.store.read() as reader:
        return not reader.users()


def first_start_link(ports: Ports, *, only_once: bool = False) -> str | None:
    """The secret of a link that creates the first administrator; ``None`` as soon as any user exists, and with ``only_once``
    when such a link was made before: a start prints one only once, so that links do not gather in the logs."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        if writer.users() or (only_once and writer.audit(window=Window(limit=1), event=FIRST_LINK_MADE)):
            return None
        secret = _put_link(ports, writer, user_id=None, purpose=FIRST_ADMINISTRATOR, now=now)
        writer.record(_event(now, "system", FIRST_LINK_MADE, "people"))
    ports.store.seal()
    return secret


def look_at_link(ports: Ports, secret: str) -> OpenLink:
    """What the link is for, without using it. Raises ``LinkRefused``."""
    with ports.store.read() as reader:
        link = _usable_link(reader, secret, ports.clock.now())
        name = reader.user(link.user_id).name if link.user_id else ""
    return OpenLink(purpose=link.purpose, user_name=name, expires_at=link.expires_at)


def redeem_first_administrator(
    ports: Ports, secret: str, *, name: str, full_name: str, email: str, password: str
) -> SignedIn:
    """Creates the administrator that the first start's link is for, and signs in. Raises ``LinkRefused``, ``InvalidUser``,
    ``UnfitPassword``; the link stays usable after the last two."""
    now = ports.clock.now()
    name = _fit_name(name)
    require_fit_password(password, user_name=name)
    hashed = hash_password(password, ports.entropy)
    with ports.store.write() as writer:
        link = _usable_link(writer, secret, now, purpose=FIRST_ADMINISTRATOR)
        if writer.users():
            raise LinkRefused("an administrator exists already: sign in, or ask for a link")
        user = User(
            id=UserId(ports.entropy.new_id()),
            name=name,
            full_name=full_name.strip(),
            email=email.strip(),
            role=Role.ADMINISTRATOR,
            password_hash=hashed,
            created_at=now,
        )
        writer.put(user, replace(link, used_at=now))
        writer.record(_event(now, f"user:{name}", "people.first-administrator-created", f"user:{name}"))
        signed = _begin_session(ports, writer, user, now)
    ports.store.seal()
    return signed


def set_password_by_link(ports: Ports, secret: str, *, password: str) -> SignedIn:
    """Uses an invitation: sets the password and signs in; earlier sessions and links end. Raises ``LinkRefused``, ``UnfitPassword``."""
    now = ports.clock.now()
    require_fit_password(password, user_name=look_at_link(ports, secret).user_name)
    hashed = hash_password(password, ports.entropy)
    with ports.store.write() as writer:
        link = _usable_link(writer, secret, now, purpose=SET_PASSWORD)
        user = replace(_enabled_user_of(writer, link), password_hash=hashed)
        writer.put(user, replace(link, used_at=now))
        writer.end_access(user.id)  # whoever came in by the old password is out
        writer.record(_event(now, f"user:{user.name}", "people.password-set", f"user:{user.name}"))
        signed = _begin_session(ports, writer, user, now)
    ports.store.seal()
    return signed


def sign_in_by_link(ports: Ports, secret: str) -> SignedIn:
    """Uses a sign-in link, once. Raises ``LinkRefused``."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        link = _usable_link(writer, secret, now, purpose=SIGN_IN)
        user = _enabled_user_of(writer, link)
        writer.put(replace(link, used_at=now))
        signed = _begin_session(ports, writer, user, now)
    ports.store.seal()
    return signed


# sign-in and sessions


def sign_in(ports: Ports, *, name: str, password: str) -> SignedIn:
    """A session for the right password. Raises ``SignInRefused``, ``SignInSlowed``; both leave an audit event."""
    now = ports.clock.now()
    name = name.strip().lower()[:64]
    subject = f"user:{name}"
    with ports.store.read() as reader:
        user = reader.find_user(name)
        free_at = _slowed_until(reader, subject, now)
    if free_at is not None:
        _record_refusal(ports, now, subject, "people.sign-in-slowed")
        raise SignInSlowed(f"too many wrong passwords: try again in {_minutes(free_at - now)}, or use a sign-in link")
    if not fits(password, user.password_hash if user else "") or user is None or not user.enabled:
        _record_refusal(ports, now, subject, "people.sign-in-refused")
        raise SignInRefused("name and password do not belong together")
    with ports.store.write() as writer:
        # read again under the lock: it may have been disabled while Argon2 was at work
        current = writer.user(user.id)
        if not current.enabled or not same(current.password_hash, user.password_hash):
            raise SignInRefused("name and password do not belong together")
        signed = _begin_session(ports, writer, current, now)
    ports.store.seal()
    return signed


def session_of(ports: Ports, secret: str) -> Signed | None:
    """Who is behind a session cookie; ``None`` when it is unknown, has expired or its user was disabled."""
    now = ports.clock.now()
    if not secret:
        return None
    with ports.store.read() as reader:
        session = reader.find_session(digest_of(secret))
        if session is None or session.expires_at <= now:
            return None
        user = reader.user(session.user_id)
    if not user.enabled:
        return None
    if user.last_seen_at is None or now - user.last_seen_at >= SEEN_EVERY:
        with ports.store.write() as writer:
            user = replace(writer.user(user.id), last_seen_at=now)
            writer.put(user)
        if not user.enabled:
            return None
    return _signed(user, session)


def sign_out(ports: Ports, secret: str) -> None:
    """Ends the session; nothing happens for an unknown one."""
    now = ports.clock.now()
    with ports.store.write() as writer:
        session = writer.find_session(digest_of(secret))
        if session is None:
            return
        name = writer.user(session.user_id).name
        writer.remove(session)
        writer.record(_event(now, f"user:{name}", "people.signed-out", f"user:{name}"))
    ports.store.seal()


# users


def create_user(ports: Ports, actor: Actor, *, name: str, full_name: str, email: str, role: Role) -> tuple[User, str]:
    """The user, and the secret of a link with which it sets its password. Raises ``InvalidUser``, ``Conflict``."""
    actor.require(Permission.PEOPLE)
    _require_covers(actor, role)
    now = ports.clock.now()
    name = _fit_name(name)
    with ports.store.write() as writer:
        if writer.find_user(name) is not None:
            raise Conflict(f"there is already a user {name!r}")
        user = User(
            id=UserId(ports.entropy.new_id()),
            name=name,
            full_name=full_name.strip(),
            email=email.strip(),
            role=role,
            created_at=now,
        )
        writer.put(user)
        secret = _put_link(ports, writer, user_id=user.id, purpose=SET_PASSWORD, now=now)
        writer.record(_event(now, actor.name, "people.user-created", f"user:{name}", role=role.value))
    ports.store.seal()
    return user, secret


def one_time_sign_in(ports: Ports, actor: Actor, user_name: str) -> str:
    """The secret of a link that signs this user in, once, within the hour. Raises ``NotFound``, ``NotAllowed``."""
    return _link_for(ports, actor, user_name, SIGN_IN)


def password_link(ports: Ports, actor: Actor, user_name: str) -> str:
    """The secret of a link with which this user sets a new password. Raises ``NotFound``, ``NotAllowed``."""
    return _link_for(ports, actor, user_name, SET_PASSWORD)


def set_enabled(ports: Ports, actor: Actor, user_name: str, *, enabled: bool) -> User:
    """Lets a user in or keeps it out; its sessions and links end at once. Raises ``InvalidUser`` for the last administrator."""
    actor.require(Permission.PEOPLE)
    now = ports.clock.now()
    with ports.store.write() as writer:
        user = _named_user(writer, user_name)
        _require_covers(actor, user.role)
        if user.enabled == enabled:
            return user
        others = [u for u in writer.users() if u.enabled and u.role is Role.ADMINISTRATOR and u.id != user.id]
        if not enabled and user.role is Role.ADMINISTRATOR and not others:
            raise InvalidUser(f"{user.name!r} is the last administrator: name another one first")
        user = replace(user, enabled=enabled)
        writer.put(user)
        writer.end_access(user.id)  # also for the day when it is enabled again
        verb = "people.user-enabled" if enabled else "people.user-disabled"
        writer.record(_event(now, actor.name, verb, f"user:{user.name}"))
    ports.store.seal()
    return user


def users(ports: Ports, actor: Actor) -> list[User]:
    """Everybody who may sign in."""
    actor.require(Permission.PEOPLE)
    with ports.store.read() as reader:
        return reader.users()


# what these share


def _link_for(ports: Ports, actor: Actor, user_name: str, purpose: str) -> str:
    actor.require(Permission.PEOPLE)
    now = ports.clock.now()
    with ports.store.write() as writer:
        user = _named_user(writer, user_name)
        _require_covers(actor, user.role)
        if not user.enabled:
            raise InvalidUser(f"{user.name!r} is disabled: enable it before making a link")
        secret = _put_link(ports, writer, user_id=user.id, purpose=purpose, now=now)
        writer.record(_event(now, actor.name, "people.link-made", f"user:{user.name}", purpose=purpose))
    ports.store.seal()
    return secret


def _put_link(ports: Ports, writer: Writer, *, user_id: UserId | None, purpose: str, now: datetime) -> str:
    secret = new_secret(ports.entropy)
    expires_at = now + LINK_LIFETIME[purpose]
    writer.put(OneTimeLink(digest=digest_of(secret), user_id=user_id, purpose=purpose, expires_at=expires_at))
    return secret


def _usable_link(reader: Reader, secret: str, now: datetime, *, purpose: str = "") -> OneTimeLink:
    link = reader.find_link(digest_of(secret))
    if link is None or (purpose and link.purpose != purpose):
        raise LinkRefused("this link is not known here: ask for a new one")
    if link.used_at is not None:
        raise LinkRefused("this link was used before and opens only once: ask for a new one")
    if link.expires_at <= now:
        raise LinkRefused("this link has expired: ask for a new one")
    return link


def _enabled_user_of(writer: Writer, link: OneTimeLink) -> User:
    if link.user_id is None:
        raise LinkRefused("this link is not known here: ask for a new one")
    user = writer.user(link.user_id)
    if not user.enabled:
        raise LinkRefused("this link belongs to a user who may not sign in")
    return user


def _named_user(reader: Reader, name: str) -> User:
    user = reader.find_user(name.strip().lower())
    if user is None:
        raise NotFound(f"there is no user {name.strip()[:64]!r}")
    return user


def _begin_session(ports: Ports, writer: Writer, user: User, now: datetime) -> SignedIn:
    secret = new_secret(ports.entropy)
    session = BrowserSession(
        digest=digest_of(secret),
        user_id=user.id,
        csrf=new_secret(ports.entropy),
        created_at=now,
        expires_at=now + SESSION_LIFETIME,
    )
    seen = replace(user, last_seen_at=now)
    writer.put(seen, session)
    writer.record(_event(now, f"user:{user.name}", "people.signed-in", f"user:{user.name}"))
    return SignedIn(secret=secret, signed=_signed(seen, session))


def _signed(user: User, session: BrowserSession) -> Signed:
    actor = Actor(name=f"user:{user.name}", permissions=PERMISSIONS[user.role])
    return Signed(user=user, actor=actor, csrf=session.csrf, expires_at=session.expires_at)


def _slowed_until(reader: Reader, subject: str, now: datetime) -> datetime | None:
    """When the name may try again; ``None``: now. Only refusals after the last successful sign-in count."""
    wrong = reader.audit(window=Window(limit=GUESSES), subject=subject, event="people.sign-in-refused")
    right = reader.audit(window=Window(limit=1), subject=subject, event="people.signed-in")
    since = now - GUESS_WINDOW
    floor = right[0].sequence if right else 0
    counted = [e.event.at for e in wrong if e.event.at > since and e.sequence > floor]
    return min(counted) + GUESS_WINDOW if len(counted) >= GUESSES else None


def _record_refusal(ports: Ports, now: datetime, subject: str, event: str) -> None:
    with ports.store.write() as writer:
        writer.record(_event(now, "system", event, subject))
    ports.store.seal()


def _fit_name(name: str) -> str:
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidUser(
            f"{name[:64]!r} is no user name: expected 1 to 64 of a-z, 0-9, dot, hyphen, underscore, @; a letter or digit first and last"
        )
    return name


def _require_covers(actor: Actor, role: Role) -> None:
    """Nobody hands out more than they have."""
    if not PERMISSIONS[role] <= actor.permissions:
        raise NotAllowed(
            f"{actor.name} may not do this for the role {role.value!r}: it permits more than {actor.name} has"
        )


def _minutes(wait: timedelta) -> str:
    minutes = -(-int(wait.total_seconds()) // 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"


def _event(now: datetime, actor: str, event: str, subject: str, **facts: str) -> AuditEvent:
    return AuditEvent(at=now, actor=actor, event=event, subject=subject, facts=facts)
