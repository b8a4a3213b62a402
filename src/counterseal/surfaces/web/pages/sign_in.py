"""In and out: password, one-time link, first administrator, sign-out. The only pages without a session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from counterseal.engine import people
from counterseal.engine.passwords import UnfitPassword, new_secret, same
from counterseal.engine.ports import Conflict, Ports
from counterseal.kernel.clock import zone
from counterseal.kernel.errors import CallerFault, EnvironmentFault
from counterseal.surfaces.web import cookies
from counterseal.surfaces.web.forms import FieldProblem, Form, form_of, query_of
from counterseal.surfaces.web.rendering import FormState, Renderer
from counterseal.surfaces.web.visit import faults_alone, local_path
from counterseal.surfaces.web.words import Times, sentence

ONE_TIME_PATH = "/once/"


def one_time_path(secret: str) -> str:
    """Where a one-time link opens, below the console's address."""
    return ONE_TIME_PATH + secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A request of somebody who is not signed in yet."""

    ports: Ports
    render: Renderer
    request: Request
    form: Form
    now: datetime

    @property
    def token(self) -> str:
        """The guest cookie's token, a new one where it is missing."""
        return cookies.guest_token(self.request) or new_secret(self.ports.entropy)

    def times(self) -> Times:
        with self.ports.store.read() as reader:
            found = next(iter(reader.communities()), None)
        name = found.time_zone if found else "UTC"
        here: tzinfo = zone(name) if found else UTC
        return Times(now=self.now, zone=here, zone_name=name)

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        token = self.token
        host = self.request.url.netloc
        page = self.render(template, token=token, host=host, times=self.times(), **values)
        response = HTMLResponse(page, status_code=status)
        cookies.set_guest_token(response, self.request, token)
        return response

    def may_post(self) -> bool:
        token = cookies.guest_token(self.request)
        return bool(token) and same(self.form.secret("csrf"), token)


def routes() -> list[Route]:
    return [
        Route("/sign-in", _guest(_sign_in), methods=["GET", "POST"], name="sign_in"),
        Route(ONE_TIME_PATH + "{secret}", _guest(_once), methods=["GET", "POST"], name="once"),
        Route("/sign-out", _sign_out, methods=["POST"], name="sign_out"),
    ]


def _guest(show: Callable[[Guest], Response]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        form = await form_of(request) if request.method == "POST" else query_of(request)
        ports: Ports = request.app.state.ports
        guest = Guest(ports=ports, render=request.app.state.render, request=request, form=form, now=ports.clock.now())
        try:
            return await run_in_threadpool(show, guest)
        except EnvironmentFault as fault:
            return await run_in_threadpool(faults_alone, request, fault)

    return endpoint


def _sign_in(guest: Guest) -> Response:
    if guest.request.method == "GET":
        return _sign_in_form(guest, ())
    if not guest.may_post():
        return _sign_in_form(guest, (_problem("name", "Sign in", "this form had expired. Type it once more."),))
    try:
        signed = people.sign_in(guest.ports, name=guest.form.text("name"), password=guest.form.secret("password"))
    except (people.SignInRefused, people.SignInSlowed) as fault:
        return _sign_in_form(guest, (_problem("password", "Password", sentence(fault.detail)),))
    return _welcome(guest, signed, local_path(guest.form.text("next")))


def _sign_in_form(guest: Guest, problems: tuple[FieldProblem, ...]) -> Response:
    with guest.ports.store.read() as reader:
        first_start = not reader.users()
    form = FormState(
        values={"name": guest.form.text("name"), "next": guest.form.text("next")},
        problems=problems,
    )
    return guest.show("sign-in.html", form=form, first_start=first_start, status=422 if problems else 200)


def _once(guest: Guest) -> Response:
    secret = str(guest.request.path_params["secret"])
    try:
        link = people.look_at_link(guest.ports, secret)
    except people.LinkRefused as fault:
        return _link_gone(guest, fault)
    if guest.request.method == "GET":
        return guest.show("once.html", link=link, form=FormState())
    values = {name: guest.form.text(name) for name in ("name", "full_name", "email")}
    if not guest.may_post():
        problem = _problem("password", "Form", "this form had expired. Type it once more.")
        return guest.show("once.html", link=link, form=FormState(values=values, problems=(problem,)), status=403)
    try:
        return _welcome(guest, _redeem(guest, secret, link.purpose), "/")
    except people.LinkRefused as fault:
        return _link_gone(guest, fault)
    except (people.InvalidUser, Conflict) as fault:
        problem = _problem("name", "User name", sentence(fault.detail))
    except UnfitPassword as fault:
        problem = _problem("password", "Password", sentence(fault.detail))
    return guest.show("once.html", link=link, form=FormState(values=values, problems=(problem,)), status=422)


def _redeem(guest: Guest, secret: str, purpose: str) -> people.SignedIn:
    form = guest.form
    match purpose:
        case people.FIRST_ADMINISTRATOR:
            return people.redeem_first_administrator(
                guest.ports,
                secret,
                name=form.text("name"),
                full_name=form.text("full_name"),
                email=form.text("email"),
                password=form.secret("password"),
            )
        case people.SET_PASSWORD:
            return people.set_password_by_link(guest.ports, secret, password=form.secret("password"))
        case _:
            return people.sign_in_by_link(guest.ports, secret)


def _link_gone(guest: Guest, fault: CallerFault) -> Response:
    return guest.show("once.html", link=None, reason=sentence(fault.detail), form=FormState(), status=410)


def _welcome(guest: Guest, signed: people.SignedIn, path: str) -> Response:
    response = RedirectResponse(path, status_code=303)
    cookies.begin_session(response, guest.request, signed.secret)
    return response


async def _sign_out(request: Request) -> Response:
    ports: Ports = request.app.state.ports
    form = await form_of(request)
    secret = cookies.session_secret(request)
    signed = await run_in_threadpool(people.session_of, ports, secret)
    response = RedirectResponse("/sign-in", status_code=303)
    if signed is not None and same(form.secret("csrf"), signed.csrf):
        await run_in_threadpool(people.sign_out, ports, secret)
        cookies.end_session(response, request)
    return response


def _problem(name: str, label: str, text: str) -> FieldProblem:
    return FieldProblem(field=name, label=label, text=text)
