"""One kind of route: the token and its scope are checked before anything of the body is read."""

import difflib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from anyio import to_thread
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from counterseal.domain.people import Actor, Permission
from counterseal.engine.ports import Ports
from counterseal.engine.tokens import actor_of_token
from counterseal.surfaces.api.problems import Error, NotAuthenticated, UnknownParameter

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_MARK: Final = "needed_permission"


def needs(permission: Permission) -> Callable[[Endpoint], Endpoint]:
    """Declares the scope that a token needs for an operation. Every operation declares one; a test sees to it."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, permission)
        return endpoint

    return mark


def permission_of(endpoint: Callable[..., object]) -> Permission:
    found = getattr(endpoint, _MARK, None)
    assert isinstance(found, Permission), f"{endpoint} declares no permission"
    return found


class ScopedRoute(APIRoute):
    """Refuses in this order: no token (401), no scope (403), unknown parameter (400), then what FastAPI refuses."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # a narrower kind of it
        inner = super().get_route_handler()
        permission = permission_of(self.endpoint)
        known = _query_names(self.dependant)

        async def route(request: Request) -> Response:
            actor = await to_thread.run_sync(_actor, request)
            actor.require(permission)
            request.state.actor = actor
            for name in request.query_params:
                if name not in known:
                    raise _unknown(name, known)
            return await inner(request)

        return route


def _actor(request: Request) -> Actor:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("expected the header 'Authorization: Bearer' with an API token")
    actor = actor_of_token(ports_of(request), secret.strip())
    if actor is None:
        raise NotAuthenticated("this token is not known, has expired or was revoked")
    return actor


def _unknown(name: str, known: list[str]) -> UnknownParameter:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    there = f"{near[0]!r} perhaps" if near else ("one of " + ", ".join(known) if known else "none")
    shown = name[:80]
    error = Error(field=shown, detail=f"expected {there}")
    return UnknownParameter(f"the query parameter {shown!r} does not exist here: expected {there}", (error,))


def ports_of(request: Request) -> Ports:
    ports = request.app.state.ports
    assert isinstance(ports, Ports)
    return ports


def actor_of(request: Request) -> Actor:
    actor = request.state.actor
    assert isinstance(actor, Actor)
    return actor


def _query_names(dependant: Dependant) -> list[str]:
    own = [p.alias for p in dependant.query_params]
    return own + [name for below in dependant.dependencies for name in _query_names(below)]
