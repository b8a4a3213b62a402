"""People: who comes in, by what, and what leaves a trace."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from counterseal.domain.people import PERMISSIONS, Actor, NotAllowed, Permission, Role
from counterseal.engine import passwords, people, tokens
from counterseal.engine.passwords import MAXIMUM_PASSWORD_BYTES, UnfitPassword, digest_of, fits, hash_password
from counterseal.engine.people import (
    GUESS_WINDOW,
    GUESSES,
    LINK_LIFETIME,
    SESSION_LIFETIME,
    InvalidUser,
    LinkRefused,
    SignInRefused,
    SignInSlowed,
)
from counterseal.engine.ports import Conflict, NotFound, Ports, Window
from counterseal.engine.tokens import InvalidToken
from tests.gateway import ADMINISTRATOR, clock_of, open_gateway

PASSWORD = "a long enough password"
REAL_HASHER = passwords._HASHER
REAL_NOBODY = passwords._NOBODY


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at its least: what is tested here is who gets in, not how long a guess takes."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    monkeypatch.setattr(passwords, "_NOBODY", hasher.hash("nobody has this password"))


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        yield gateway


def first(ports: Ports, **changes: str) -> people.SignedIn:
    secret = people.first_start_link(ports)
    assert secret is not None
    form = {"name": "mara", "full_name": "Mara Muster", "email": "mara@alpha.example", "password": PASSWORD}
    return people.redeem_first_administrator(ports, secret, **(form | changes))


def viewer(ports: Ports, name: str = "vera") -> str:
    _, secret = people.create_user(ports, ADMINISTRATOR, name=name, full_name="", email="", role=Role.VIEWER)
    return secret


def events(ports: Ports) -> list[str]:
    with ports.store.read() as reader:
        return [e.event.event for e in reversed(reader.audit(window=Window(limit=500)))]


# what a guess costs


def test_a_guess_at_an_unknown_name_costs_what_one_at_a_known_name_costs() -> None:
    assert REAL_HASHER.verify(REAL_NOBODY, "nobody has this password")
    assert not REAL_HASHER.check_needs_rehash(REAL_NOBODY)


# the first start


def test_the_first_start_makes_a_link_that_creates_the_administrator(ports: Ports) -> None:
    signed = first(ports).signed
    assert (signed.user.name, signed.user.role) == ("mara", Role.ADMINISTRATOR)
    assert signed.actor.permissions == frozenset(Permission)
    assert events(ports) == ["people.first-start-link-made", "people.first-administrator-created", "people.signed-in"]


def test_there_is_no_first_link_once_somebody_exists(ports: Ports) -> None:
    first(ports)
    assert people.first_start_link(ports) is None


def test_a_start_makes_such_a_link_only_once_and_a_person_as_often_as_needed(ports: Ports) -> None:
    assert people.nobody_is_here(ports)
    assert people.first_start_link(ports, only_once=True) is not None
    assert people.first_start_link(ports, only_once=True) is None
    assert people.first_start_link(ports) is not None
    first(ports)
    assert not people.nobody_is_here(ports)


def test_a_second_first_link_is_worth_nothing_after_the_first_was_used(ports: Ports) -> None:
    other = people.first_start_link(ports)
    assert other is not None
    first(ports)
    with pytest.raises(LinkRefused):
        people.redeem_first_administrator(ports, other, name="eve", full_name="", email="", password=PASSWORD)


def test_no_secret_and_no_password_is_stored_in_the_clear(ports: Ports) -> None:
    signed = first(ports)
    with ports.store.read() as reader:
        user = reader.find_user("mara")
        assert user is not None
        assert user.password_hash.startswith("$argon2id$v=19$")
        session = reader.find_session(digest_of(signed.secret))
        assert session is not None
        assert signed.secret not in repr(session)
        assert PASSWORD not in repr(reader.users())


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * (MAXIMUM_PASSWORD_BYTES + 1), "mara@alpha.example"])
def test_an_unfit_password_is_refused_and_the_link_stays(ports: Ports, password: str) -> None:
    with pytest.raises(UnfitPassword):
        first(ports, name="mara@alpha.example", password=password)
    assert first(ports).signed.user.name == "mara"


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a-", "ä", "a" * 65, "a\nb", "a:b", "../x"])
def test_an_unfit_user_name_is_refused(ports: Ports, name: str) -> None:
    with pytest.raises(InvalidUser):
        first(ports, name=name)
    with pytest.raises(InvalidUser):
        people.create_user(ports, ADMINISTRATOR, name=name, full_name="", email="", role=Role.VIEWER)


# links


def test_a_link_opens_once_and_then_never_again(ports: Ports) -> None:
    secret = viewer(ports)
    people.set_password_by_link(ports, secret, password=PASSWORD)
    with pytest.raises(LinkRefused, match="used before"):
        people.set_password_by_link(ports, secret, password=PASSWORD + "!")
    assert people.sign_in(ports, name="vera", password=PASSWORD).signed.user.name == "vera"


def test_looking_at_a_link_does_not_use_it(ports: Ports) -> None:
    secret = viewer(ports)
    for _ in range(2):
        assert people.look_at_link(ports, secret).user_name == "vera"
    people.set_password_by_link(ports, secret, password=PASSWORD)
    with pytest.raises(LinkRefused):
        people.look_at_link(ports, secret)


def test_an_expired_link_is_refused(ports: Ports) -> None:
    secret = viewer(ports)
    clock_of(ports).pass_time(LINK_LIFETIME[people.SET_PASSWORD])
    with pytest.raises(LinkRefused, match="expired"):
        people.set_password_by_link(ports, secret, password=PASSWORD)
    first_secret = people.one_time_sign_in(ports, ADMINISTRATOR, "vera")
    clock_of(ports).pass_time(LINK_LIFETIME[people.SIGN_IN] - timedelta(seconds=1))
    assert people.sign_in_by_link(ports, first_secret).signed.user.name == "vera"


def test_an_expired_first_link_is_refused(ports: Ports) -> None:
    secret = people.first_start_link(ports)
    assert secret is not None
    clock_of(ports).pass_time(LINK_LIFETIME[people.FIRST_ADMINISTRATOR])
    with pytest.raises(LinkRefused, match="expired"):
        people.redeem_first_administrator(ports, secret, name="mara", full_name="", email="", password=PASSWORD)


def test_a_link_serves_its_own_purpose_only(ports: Ports) -> None:
    invitation = viewer(ports)
    sign_in = people.one_time_sign_in(ports, ADMINISTRATOR, "vera")
    wrong: tuple[Callable[[], object], ...] = (
        lambda: people.sign_in_by_link(ports, invitation),
        lambda: people.set_password_by_link(ports, sign_in, password=PASSWORD),
        lambda: people.redeem_first_administrator(
            ports, sign_in, name="eve", full_name="", email="", password=PASSWORD
        ),
    )
    for attempt in wrong:
        with pytest.raises(LinkRefused):
            attempt()


@pytest.mark.parametrize("secret", ["", "x", "é", "\ud800", "x" * 100_000, "' OR 1=1 --"])
def test_an_unknown_secret_opens_nothing(ports: Ports, secret: str) -> None:
    first(ports)
    for attempt in (people.look_at_link, people.sign_in_by_link):
        with pytest.raises(LinkRefused):
            attempt(ports, secret)
    assert people.session_of(ports, secret) is None
    assert tokens.actor_of_token(ports, secret) is None
    assert tokens.actor_of_token(ports, tokens.PREFIX + secret) is None


def test_a_link_of_a_disabled_user_is_refused(ports: Ports) -> None:
    secret = viewer(ports)
    people.set_enabled(ports, ADMINISTRATOR, "vera", enabled=False)
    with pytest.raises(LinkRefused):
        people.set_password_by_link(ports, secret, password=PASSWORD)
    with pytest.raises(InvalidUser):
        people.one_time_sign_in(ports, ADMINISTRATOR, "vera")


# sign-in and sessions


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("mara", "wrong but long enough"),
        ("nobody", PASSWORD),
        ("mara", ""),
        ("", ""),
        ("mara", "x" * 10**6),
        ("mara", "\ud800" * 12),
    ],
    ids=["wrong password", "unknown name", "empty password", "empty name", "huge password", "no text"],
)
def test_every_wrong_sign_in_is_refused_in_the_same_words(ports: Ports, name: str, password: str) -> None:
    first(ports)
    with pytest.raises(SignInRefused) as refused:
        people.sign_in(ports, name=name, password=password)
    assert refused.value.detail == "name and password do not belong together"
    assert events(ports)[-1] == "people.sign-in-refused"


def test_a_name_is_read_without_case_and_spaces(ports: Ports) -> None:
    first(ports)
    assert people.sign_in(ports, name=" Mara ", password=PASSWORD).signed.user.name == "mara"


def test_a_user_without_a_password_cannot_sign_in_with_an_empty_one(ports: Ports) -> None:
    viewer(ports)
    with pytest.raises(SignInRefused):
        people.sign_in(ports, name="vera", password="")


def test_a_disabled_user_is_out_at_once_and_says_so_like_a_wrong_password(ports: Ports) -> None:
    secret = people.set_password_by_link(ports, viewer(ports), password=PASSWORD).secret
    assert people.session_of(ports, secret) is not None
    people.set_enabled(ports, ADMINISTRATOR, "vera", enabled=False)
    assert people.session_of(ports, secret) is None
    with pytest.raises(SignInRefused):
        people.sign_in(ports, name="vera", password=PASSWORD)
    people.set_enabled(ports, ADMINISTRATOR, "vera", enabled=True)
    assert people.sign_in(ports, name="vera", password=PASSWORD)


def test_wrong_passwords_slow_the_name_down_and_nobody_else(ports: Ports) -> None:
    first(ports)
    people.set_password_by_link(ports, viewer(ports), password=PASSWORD)
    for _ in range(GUESSES):
        with pytest.raises(SignInRefused):
            people.sign_in(ports, name="mara", password="guess guess guess")
    with pytest.raises(SignInSlowed, match="try again in 15 minutes"):
        people.sign_in(ports, name="mara", password=PASSWORD)
    assert people.sign_in(ports, name="vera", password=PASSWORD)
    link = people.one_time_sign_in(ports, ADMINISTRATOR, "mara")
    assert people.sign_in_by_link(ports, link), "a stranger's guesses lock nobody out"


def test_a_slowed_name_is_free_again_after_the_window_even_if_it_was_tried_meanwhile(ports: Ports) -> None:
    first(ports)
    for _ in range(GUESSES):
        with pytest.raises(SignInRefused):
            people.sign_in(ports, name="mara", password="guess guess guess")
    for _ in range(3):
        clock_of(ports).pass_time(GUESS_WINDOW / 4)
        with pytest.raises(SignInSlowed):
            people.sign_in(ports, name="mara", password=PASSWORD)
    clock_of(ports).pass_time(GUESS_WINDOW / 4)
    assert people.sign_in(ports, name="mara", password=PASSWORD)


def test_a_right_password_forgets_the_wrong_ones_before_it(ports: Ports) -> None:
    first(ports)
    for _ in range(2):
        for _ in range(GUESSES - 1):
            with pytest.raises(SignInRefused):
                people.sign_in(ports, name="mara", password="guess guess guess")
        assert people.sign_in(ports, name="mara", password=PASSWORD)


def test_a_new_password_ends_every_session_and_link_that_came_before(ports: Ports) -> None:
    """Somebody sets a new password because another one knows the old: that one is out."""
    other = people.set_password_by_link(ports, viewer(ports), password=PASSWORD)
    link = people.one_time_sign_in(ports, ADMINISTRATOR, "vera")

    own = people.set_password_by_link(
        ports, people.password_link(ports, ADMINISTRATOR, "vera"), password=PASSWORD + "2"
    )

    assert people.session_of(ports, other.secret) is None
    assert people.session_of(ports, own.secret) is not None
    with pytest.raises(LinkRefused):
        people.sign_in_by_link(ports, link)


def test_what_was_open_before_a_user_was_disabled_stays_closed_when_it_is_enabled_again(ports: Ports) -> None:
    session = people.set_password_by_link(ports, viewer(ports), password=PASSWORD)
    link = people.one_time_sign_in(ports, ADMINISTRATOR, "vera")
    people.set_enabled(ports, ADMINISTRATOR, "vera", enabled=False)
    people.set_enabled(ports, ADMINISTRATOR, "vera", enabled=True)

    assert people.session_of(ports, session.secret) is None
    with pytest.raises(LinkRefused):
        people.sign_in_by_link(ports, link)


def test_a_session_ends_by_signing_out_and_by_time(ports: Ports) -> None:
    one = first(ports).secret
    other = people.sign_in(ports, name="mara", password=PASSWORD).secret
    people.sign_out(ports, one)
    people.sign_out(ports, one)
    assert people.session_of(ports, one) is None
    clock_of(ports).pass_time(SESSION_LIFETIME - timedelta(seconds=1))
    assert people.session_of(ports, other) is not None
    clock_of(ports).pass_time(timedelta(seconds=1))
    assert people.session_of(ports, other) is None


def test_the_form_secret_belongs_to_the_session(ports: Ports) -> None:
    one = first(ports)
    other = people.sign_in(ports, name="mara", password=PASSWORD)
    assert one.signed.csrf != other.signed.csrf
    read = people.session_of(ports, one.secret)
    assert read is not None
    assert read.csrf == one.signed.csrf
    assert one.secret not in {one.signed.csrf, other.signed.csrf}


# users


def test_the_last_administrator_stays(ports: Ports) -> None:
    first(ports)
    with pytest.raises(InvalidUser, match="last administrator"):
        people.set_enabled(ports, ADMINISTRATOR, "mara", enabled=False)
    people.create_user(ports, ADMINISTRATOR, name="max", full_name="", email="", role=Role.ADMINISTRATOR)
    assert not people.set_enabled(ports, ADMINISTRATOR, "mara", enabled=False).enabled


def test_a_user_name_is_taken_once(ports: Ports) -> None:
    viewer(ports)
    with pytest.raises(Conflict):
        viewer(ports, "VERA")


def test_an_unknown_user_is_not_found(ports: Ports) -> None:
    for attempt in (people.one_time_sign_in, people.password_link):
        with pytest.raises(NotFound):
            attempt(ports, ADMINISTRATOR, "nobody")
    with pytest.raises(NotFound):
        people.set_enabled(ports, ADMINISTRATOR, "nobody", enabled=False)


def test_nobody_hands_out_more_than_they_have(ports: Ports) -> None:
    first(ports)
    clerk = Actor(name="token:clerk", permissions=frozenset({Permission.PEOPLE, Permission.VIEW}))
    attempts: tuple[Callable[[], object], ...] = (
        lambda: people.create_user(ports, clerk, name="eve", full_name="", email="", role=Role.OPERATOR),
        lambda: people.one_time_sign_in(ports, clerk, "mara"),
        lambda: people.password_link(ports, clerk, "mara"),
        lambda: people.set_enabled(ports, clerk, "mara", enabled=False),
        lambda: tokens.create_token(ports, clerk, name="x", scopes=frozenset({Permission.CONFIGURE}), expires_at=None),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    assert people.create_user(ports, clerk, name="vera", full_name="", email="", role=Role.VIEWER)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.CERTIFICATE_MANAGER])
def test_only_who_has_the_permission_touches_people(ports: Ports, role: Role) -> None:
    actor = Actor(name="user:x", permissions=PERMISSIONS[role])
    attempts: tuple[Callable[[], object], ...] = (
        lambda: people.create_user(ports, actor, name="eve", full_name="", email="", role=Role.VIEWER),
        lambda: people.users(ports, actor),
        lambda: people.one_time_sign_in(ports, actor, "x"),
        lambda: people.set_enabled(ports, actor, "x", enabled=True),
        lambda: tokens.create_token(ports, actor, name="x", scopes=frozenset({Permission.VIEW}), expires_at=None),
        lambda: tokens.tokens(ports, actor),
        lambda: tokens.revoke_token(ports, actor, "x"),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    assert events(ports) == []


# tokens


def token(ports: Ports, name: str = "ci", *, lifetime: timedelta | None = None) -> str:
    expires_at = None if lifetime is None else ports.clock.now() + lifetime
    _, secret = tokens.create_token(
        ports, ADMINISTRATOR, name=name, scopes=frozenset({Permission.VIEW}), expires_at=expires_at
    )
    return secret


def test_a_token_acts_with_its_scopes_and_nothing_else(ports: Ports) -> None:
    actor = tokens.actor_of_token(ports, token(ports))
    assert actor == Actor(name="token:ci", permissions=frozenset({Permission.VIEW}))


def test_a_revoked_token_is_worth_nothing_and_its_name_is_free(ports: Ports) -> None:
    secret = token(ports)
    tokens.revoke_token(ports, ADMINISTRATOR, "ci")
    assert tokens.actor_of_token(ports, secret) is None
    again = token(ports)
    assert tokens.actor_of_token(ports, again) is not None
    tokens.revoke_token(ports, ADMINISTRATOR, "ci")
    assert tokens.actor_of_token(ports, again) is None
    assert [e for e in events(ports) if "revoked" in e] == ["people.token-revoked"] * 2


def test_revoking_twice_is_one_event(ports: Ports) -> None:
    token(ports)
    for _ in range(2):
        tokens.revoke_token(ports, ADMINISTRATOR, "ci")
    assert events(ports).count("people.token-revoked") == 1


def test_a_token_expires(ports: Ports) -> None:
    secret = token(ports, lifetime=timedelta(days=1))
    clock_of(ports).pass_time(timedelta(days=1))
    assert tokens.actor_of_token(ports, secret) is None


def test_the_use_of_a_token_is_remembered_to_the_minute(ports: Ports) -> None:
    secret = token(ports)
    tokens.actor_of_token(ports, secret)
    used = tokens.tokens(ports, ADMINISTRATOR)[0].last_used_at
    assert used == ports.clock.now()
    clock_of(ports).pass_time(timedelta(seconds=59))
    tokens.actor_of_token(ports, secret)
    assert tokens.tokens(ports, ADMINISTRATOR)[0].last_used_at == used


@pytest.mark.parametrize(
    ("name", "scopes", "lifetime"),
    [
        ("", {Permission.VIEW}, None),
        ("x" * 65, {Permission.VIEW}, None),
        ("a\x07", {Permission.VIEW}, None),
        ("x", set(), None),
        ("x", {Permission.VIEW}, timedelta(0)),
    ],
)
def test_an_impossible_token_is_refused(
    ports: Ports, name: str, scopes: set[Permission], lifetime: timedelta | None
) -> None:
    expires_at = None if lifetime is None else ports.clock.now() + lifetime
    with pytest.raises(InvalidToken):
        tokens.create_token(ports, ADMINISTRATOR, name=name, scopes=frozenset(scopes), expires_at=expires_at)


def test_a_token_name_is_taken_once_while_it_lives(ports: Ports) -> None:
    token(ports)
    with pytest.raises(Conflict):
        token(ports)


def test_an_unknown_token_is_not_found(ports: Ports) -> None:
    with pytest.raises(NotFound):
        tokens.revoke_token(ports, ADMINISTRATOR, "nothing")


# passwords


def test_a_hash_fits_its_password_only(ports: Ports) -> None:
    hashed = hash_password(PASSWORD, ports.entropy)
    assert fits(PASSWORD, hashed)
    assert not fits(PASSWORD + " ", hashed)
    assert not fits("nobody has this password", ""), "the stand-in for unknown names opens nothing"
    assert not fits(PASSWORD, "no hash at all")
    assert hashed != hash_password(PASSWORD, ports.entropy)


def test_passwords_are_hashed_as_rfc_9106_recommends_for_little_memory() -> None:
    assert REAL_HASHER.hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=1$")
