"""The REST API as an ASGI application of its own, mounted at ``/api/v1`` on the private listener."""

import logging
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from counterseal import __version__
from counterseal.engine.ports import Ports
from counterseal.kernel.errors import Fault
from counterseal.surfaces.api.description import describe
from counterseal.surfaces.api.limits import BodyLimit
from counterseal.surfaces.api.paging import PAGE_FIELDS
from counterseal.surfaces.api.problems import (
    Error,
    InvalidPage,
    InvalidRequest,
    NoSuchRoute,
    Problem,
    Unexpected,
    WrongMethod,
    answer_of,
)
from counterseal.surfaces.api.routes import ROUTERS
from counterseal.surfaces.api.routing import ScopedRoute

MAXIMUM_UPLOAD_BYTES: Final = 10 * 1024**3
MAXIMUM_REQUEST_BYTES: Final = 32 * 1024**2

_log = logging.getLogger(__name__)

_DESCRIPTION: Final = """\
Everything that the console does, for programs. Send `Authorization: Bearer cst_...`; `counterseal token create` makes a token.
Every failure is a problem document (RFC 9457). Lists come in pages: follow `next` until it is null.
"""
"""Shown at the top of the OpenAPI document."""


def create_api(
    ports: Ports,
    *,
    maximum_upload_bytes: int = MAXIMUM_UPLOAD_BYTES,
    maximum_request_bytes: int = MAXIMUM_REQUEST_BYTES,
) -> FastAPI:
    """The application; it keeps no state of its own."""
    api = FastAPI(
        title="Counterseal",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # Swagger's page loads scripts from elsewhere; the private listener fetches nothing
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": {"model": Problem, "description": "A problem document (`application/problem+json`)."}},
    )
    api.openapi = lambda: describe(api, _routes())  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    api.state.ports = ports
    api.state.maximum_upload_bytes = maximum_upload_bytes
    for router in ROUTERS:
        api.include_router(router)
    api.add_exception_handler(Fault, _fault)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _unexpected)
    api.add_middleware(BodyLimit, maximum_request_bytes=maximum_request_bytes)
    return api


def _routes() -> list[ScopedRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, ScopedRoute)]


def _fault(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Fault)
    return answer_of(error)


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = tuple(Error(field=_field(e["loc"]), detail=str(e["msg"])) for e in error.errors()[:100])
    detail = "; ".join(f"{e.field}: {e.detail}" for e in errors[:5])
    page_only = all(e.field.removeprefix("query.") in PAGE_FIELDS for e in errors)
    return answer_of(InvalidPage(detail, errors) if page_only else InvalidRequest(detail, errors))


def _field(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer = answer_of(WrongMethod(f"{request.method} is not answered here"))
        answer.headers.update(error.headers or {})
        return answer
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer_of(NoSuchRoute("nothing is served at this path; /openapi.json lists what is"))
    return answer_of(InvalidRequest(str(error.detail)))


def _gone(_request: Request, _error: Exception) -> Response:
    """Nobody hears this answer; what was stored of the body is gone already."""
    return answer_of(InvalidRequest("the request ended before its body did"))


def _unexpected(_request: Request, error: Exception) -> Response:
    _log.error("api.unexpected", exc_info=error)
    return answer_of(Unexpected("this should not have happened; the log knows more"))
