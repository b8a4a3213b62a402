"""One request of a signed-in person: who, where, when, what was sent; and how its answer is made.

A page is a plain function from ``Visit`` to a response, run in a thread because the engine is synchronous. Around it stands, in
this order: session, form, CSRF token, permission, then the page; and behind it the table that turns faults into pages.
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from counterseal.domain.community import Community
from counterseal.domain.people import PERMISSIONS, Actor, NotAllowed, Permission
from counterseal.engine.passwords import same
from counterseal.engine.people import Signed, session_of
from counterseal.engine.ports import NotFound, Ports
from counterseal.engine.views.home import attention
from counterseal.kernel.clock import zone
from counterseal.kernel.errors import CallerFault, EnvironmentFault, Fault
from counterseal.kernel.ids import CommunityId
from counterseal.surfaces.web import cookies
from counterseal.surfaces.web.cookies import Notice
from counterseal.surfaces.web.forms import Form, form_of, query_of
from counterseal.surfaces.web.rendering import Renderer, Shell
from counterseal.surfaces.web.states import Tone
from counterseal.surfaces.web.words import Times

_log = logging.getLogger(__name__)
MAXIMUM_PATH: Final = 2000


class NoCommunity(NotFound):
    """No community has this short name."""

    code = "console.no-community"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    ports: Ports
    render: Renderer
    request: Request
    now: datetime
    query: Form
    form: Form
    signed: Signed

    @property
    def actor(self) -> Actor:
        return self.signed.actor

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def community(self) -> Community:
        """The one that the address names. Raises ``NoCommunity``."""
        slug = self.path("community")
        with self.ports.store.read() as reader:
            found = reader.find_community(slug)
        if found is None:
            raise NoCommunity(f"there is no community {slug!r} here")
        return found

    def times(self, community: Community | None) -> Times:
        name = community.time_zone if community else "UTC"
        found: tzinfo = zone(name) if community else UTC
        return Times(now=self.now, zone=found, zone_name=name)

    def show(
        self,
        template: str,
        *,
        here: str,
        community: Community | None = None,
        status: int = 200,
        **values: object,
    ) -> Response:
        """The page inside the console's frame."""
        shell = self._shell(here, community)
        page = self.render(template, shell=shell, times=shell.times, **values)
        response = HTMLResponse(page, status_code=status)
        cookies.clear_notice(response, self.request)
        return response

    def _shell(self, here: str, community: Community | None) -> Shell:
        with self.ports.store.read() as reader:
            communities = tuple(reader.communities())
            current = community or next(iter(communities), None)
            figures: Mapping[str, int] = attention(reader, current, now=self.now) if current else {}
            people = {u.name: u.full_name for u in reader.users()}
        return Shell(
            here=here,
            signed=self.signed,
            times=self.times(current),
            community=current,
            communities=communities,
            attention=figures,
            people=people,
            notice=cookies.read_notice(self.request, key=self.signed.csrf),
        )

    def go(self, path: str, notice: Notice | None = None) -> Response:
        """After a post: the next page, with what was done on top of it."""
        response = RedirectResponse(path, status_code=303)
        if notice is not None:
            cookies.set_notice(response, self.request, notice, key=self.signed.csrf)
        return response

    def done(self, path: str, title: str, text: str = "") -> Response:
        return self.go(path, Notice(title=title, text=text, tone=Tone.OK))


Show = Callable[[Visit], Response]


def page(path: str, show: Show, *, permission: Permission, methods: tuple[str, ...] = ("GET",)) -> Route:
    """A route of the console. ``permission`` is needed to see or do it; the engine checks again."""

    async def endpoint(request: Request) -> Response:
        frame = _Frame(request)
        return await frame.answer(show, permission)

    return Route(path, endpoint, methods=list(methods), name=show.__module__.rpartition(".")[2] + "." + show.__name__)


class ExpiredForm(CallerFault):
    """A form without the session's token: too old, or from another site."""

    code = "console.expired-form"


class _Frame:
    """The beats around one page."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ports: Ports = request.app.state.ports
        self._render: Renderer = request.app.state.render

    async def answer(self, show: Show, permission: Permission) -> Response:
        request = self._request
        try:
            signed = await run_in_threadpool(session_of, self._ports, cookies.session_secret(request))
        except EnvironmentFault as fault:
            return await run_in_threadpool(faults_alone, request, fault)
        if signed is None:
            return RedirectResponse(_sign_in_path(request), status_code=303)
        visit = Visit(
            ports=self._ports,
            render=self._render,
            request=request,
            now=self._ports.clock.now(),
            query=query_of(request),
            form=Form(),
            signed=signed,
        )
        if request.method == "POST":
            visit = replace(visit, form=await form_of(request))
        try:
            return await run_in_threadpool(_perform, visit, show, permission)
        finally:
            await request.close()


def _perform(visit: Visit, show: Show, permission: Permission) -> Response:
    """Token, permission, page; every fault becomes a page of its own."""
    try:
        _require_token(visit)
        visit.actor.require(permission)
        return show(visit)
    except HTTPException:
        raise
    except NotAllowed:
        return _not_allowed(visit, permission)
    except ExpiredForm as fault:
        return visit.show("fault.html", here="", status=403, fault=fault, kind="expired", reference="")
    except NotFound as fault:
        return visit.show("fault.html", here="", status=404, fault=fault, kind="missing", reference="")
    except CallerFault as fault:
        return visit.show("fault.html", here="", status=409, fault=fault, kind="refused", reference="")
    except Fault as fault:
        return _ours(visit, fault.detail, fault.code, status=503)
    except Exception:  # noqa: BLE001  the edge of this listener: what is not a fault is a bug, shown as ours with a reference
        return _ours(visit, "an error that nobody expected", "console.unexpected", status=500)


def _require_token(visit: Visit) -> None:
    if visit.request.method == "POST" and not same(visit.form.secret("csrf"), visit.signed.csrf):
        raise ExpiredForm("this form is older than your session, or did not come from this console")


def _ours(visit: Visit, detail: str, code: str, *, status: int) -> Response:
    reference = new_reference(visit.ports)
    # As text: a renderer that shows local variables would put session secrets into the log.
    trace = traceback.format_exc()
    _tell(reference=reference, path=visit.request.url.path, code=code, trace=trace)
    page = visit.render("error.html", reference=reference, detail=detail, code=code, times=visit.times(None))
    return HTMLResponse(page, status_code=status)


def _not_allowed(visit: Visit, permission: Permission) -> Response:
    with visit.ports.store.read() as reader:
        users = [u for u in reader.users() if u.enabled]
    able = {role for role, permissions in PERMISSIONS.items() if permission in permissions}
    return visit.show("not-allowed.html", here="", status=403, needed=permission, users=users, able_roles=able)


def faults_alone(request: Request, fault: Fault) -> Response:
    """The error page where not even the session could be read."""
    ports: Ports = request.app.state.ports
    reference = new_reference(ports)
    _tell(reference=reference, path=request.url.path, code=fault.code, detail=fault.detail)
    times = Times(now=ports.clock.now(), zone=UTC, zone_name="UTC")
    render: Renderer = request.app.state.render
    page = render("error.html", reference=reference, detail=fault.detail, code=fault.code, times=times)
    return HTMLResponse(page, status_code=503)


def new_reference(ports: Ports) -> str:
    """What a person reads out and an administrator finds in the log."""
    digits = ports.entropy.octets(6).hex()
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def _sign_in_path(request: Request) -> str:
    if request.method != "GET" or request.url.path == "/":
        return "/sign-in"
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/sign-in?next={quote(wanted[:MAXIMUM_PATH], safe='')}"


def local_path(text: str) -> str:
    """A path on this console, or Home: never another site (``//evil``, ``/\\evil``)."""
    if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable():
        return text[:MAXIMUM_PATH]
    return "/"


def community_path(community: Community, rest: str = "") -> str:
    return f"/c/{community.slug}{rest}"


def owned(community: Community, community_id: CommunityId, what: str) -> None:
    """Raises ``NotFound`` for a thing of another community, so that an address cannot be bent."""
    if community.id != community_id:
        raise NotFound(f"{community.name} has no such {what}")


def _tell(**facts: str) -> None:
    _log.error("console.failed", extra={"facts": facts})
