"""People and tokens: who may come in, and with what."""

from datetime import datetime, timedelta

from starlette.responses import Response
from starlette.routing import Route

from counterseal.domain.people import PERMISSIONS, ApiToken, Permission, Role, User
from counterseal.engine import people as engine
from counterseal.engine import tokens
from counterseal.engine.ports import Conflict, NotFound
from counterseal.kernel.errors import CallerFault
from counterseal.surfaces.web import words
from counterseal.surfaces.web.forms import Problems
from counterseal.surfaces.web.lists import member
from counterseal.surfaces.web.pages.sign_in import one_time_path
from counterseal.surfaces.web.rendering import FormState, problems_of
from counterseal.surfaces.web.states import PersonState, TokenState
from counterseal.surfaces.web.visit import Visit, page

_NEED = Permission.PEOPLE
_BOTH = ("GET", "POST")
TOKEN_DAYS = {"30": "30 days", "90": "90 days", "365": "12 months", "": "never"}


def routes() -> list[Route]:
    return [
        page("/people", people, permission=_NEED),
        page("/people/new", invite, permission=_NEED, methods=_BOTH),
        page("/people/tokens/new", make_token, permission=_NEED, methods=_BOTH),
        page("/people/tokens/{token}/revoke", revoke_token, permission=_NEED, methods=_BOTH),
        page("/people/{user}/link", new_link, permission=_NEED, methods=("POST",)),
        page("/people/{user}/off", switch_off, permission=_NEED, methods=_BOTH),
        page("/people/{user}/on", switch_on, permission=_NEED, methods=("POST",)),
    ]


def people(visit: Visit) -> Response:
    users = engine.users(visit.ports, visit.actor)
    found = tokens.tokens(visit.ports, visit.actor)
    return visit.show(
        "people.html",
        here="people",
        users=[(u, person_state(u)) for u in users],
        tokens=[(t, token_state(t, visit.now)) for t in found],
        roles={role: sorted(PERMISSIONS[role], key=list(Permission).index) for role in Role},
    )


def person_state(user: User) -> PersonState:
    if not user.enabled:
        return PersonState.SWITCHED_OFF
    return PersonState.ACTIVE if user.password_hash or user.last_seen_at else PersonState.INVITED


def token_state(token: ApiToken, now: datetime) -> TokenState:
    if token.revoked_at is not None:
        return TokenState.REVOKED
    return TokenState.ENDED if token.expires_at is not None and token.expires_at <= now else TokenState.ACTIVE


def invite(visit: Visit) -> Response:
    form, problems = visit.form, Problems()
    if visit.request.method == "POST":
        role = member(Role, form.text("role"))
        if role is None:
            problems.add("role", "Role", "Choose one of the four.")
        else:
            try:
                user, secret = engine.create_user(
                    visit.ports,
                    visit.actor,
                    name=form.text("name"),
                    full_name=form.text("full_name"),
                    email=form.text("email"),
                    role=role,
                )
            except (engine.InvalidUser, Conflict) as fault:
                problems.add("name", "User name", sentence(fault))
            else:
                return _secret_page(visit, user.full_name or user.name, link=secret)
    values = {name: form.text(name) for name in ("name", "full_name", "email", "role")}
    state = FormState(values=values, problems=problems_of(problems))
    status = 422 if problems else 200
    return visit.show("person-new.html", here="people", status=status, form=state, roles=list(Role))


def make_token(visit: Visit) -> Response:
    form, problems = visit.form, Problems()
    if visit.request.method == "POST":
        days = form.number("days", 0)
        scopes = frozenset(p for p in Permission if p.value in form.all("scope"))
        try:
            token, secret = tokens.create_token(
                visit.ports,
                visit.actor,
                name=form.text("name"),
                scopes=scopes,
                expires_at=visit.now + timedelta(days=days) if days else None,
            )
        except (tokens.InvalidToken, Conflict) as fault:
            name = "scope" if not scopes and form.text("name") else "name"
            problems.add(name, "May" if name == "scope" else "Name", sentence(fault))
        else:
            return _secret_page(visit, token.name, token=secret)
    state = FormState(
        values={"name": form.text("name"), "days": form.text("days", "90")},
        chosen={"scope": frozenset(form.all("scope")) or frozenset({Permission.VIEW.value})},
        problems=problems_of(problems),
    )
    may = [p for p in Permission if p in visit.actor.permissions]
    status = 422 if problems else 200
    return visit.show("token-new.html", here="people", status=status, form=state, scopes=may, days=TOKEN_DAYS)


def new_link(visit: Visit) -> Response:
    name = visit.path("user")
    user = _user(visit, name)
    invited = person_state(user) is PersonState.INVITED
    make = engine.password_link if invited or visit.form.text("do") == "password" else engine.one_time_sign_in
    return _secret_page(visit, user.full_name or name, link=make(visit.ports, visit.actor, name))


def switch_off(visit: Visit) -> Response:
    user = _user(visit, visit.path("user"))
    if visit.request.method == "POST":
        engine.set_enabled(visit.ports, visit.actor, user.name, enabled=False)
        return visit.done("/people", f"{user.full_name or user.name} is switched off", "All sessions have ended.")
    return visit.show(
        "confirm.html",
        here="people",
        crumbs=[("People and tokens", "/people")],
        last="Switch off",
        question=f"Switch {user.full_name or user.name} off?",
        happens=[
            ("retired", "They cannot sign in any more, and every session of theirs ends at once."),
            ("audit", "What they did stays in the audit record under their name."),
            ("accepted", "This can be undone: switch them on again."),
        ],
        button=f"Switch {user.full_name or user.name} off",
        danger=True,
        keep="/people",
    )


def switch_on(visit: Visit) -> Response:
    user = engine.set_enabled(visit.ports, visit.actor, visit.path("user"), enabled=True)
    return visit.done("/people", f"{user.full_name or user.name} may sign in again")


def revoke_token(visit: Visit) -> Response:
    wanted = visit.path("token")
    token = next((t for t in tokens.tokens(visit.ports, visit.actor) if t.id == wanted), None)
    if token is None:
        raise NotFound("there is no such token")
    if visit.request.method == "POST":
        tokens.revoke_token(visit.ports, visit.actor, token.id)
        return visit.done("/people", f"Token {token.name} is revoked", "Programs that use it are refused from now on.")
    return visit.show(
        "confirm.html",
        here="people",
        crumbs=[("People and tokens", "/people")],
        last="Revoke",
        question=f"Revoke the token {token.name}?",
        happens=[
            ("revoked", "Every program that uses it is refused from this moment."),
            ("failed", "This cannot be undone. Make a new token, and give it to the program."),
        ],
        button=f"Revoke {token.name}",
        danger=True,
        keep="/people",
    )


def _user(visit: Visit, name: str) -> User:
    user = next((u for u in engine.users(visit.ports, visit.actor) if u.name == name), None)
    if user is None:
        raise NotFound(f"there is no user {name[:64]!r}")
    return user


def _secret_page(visit: Visit, name: str, *, link: str = "", token: str = "") -> Response:
    """Shown once: the answer to the post itself, because a redirect could not carry it."""
    address = str(visit.request.base_url).rstrip("/") + one_time_path(link) if link else ""
    return visit.show("secret.html", here="people", name=name, link=address, token=token)


def sentence(fault: CallerFault) -> str:
    """A fault's detail as a sentence."""
    return words.sentence(fault.detail)
