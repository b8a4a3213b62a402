"""Every failure as an RFC 9457 problem document: one shape everywhere, one literal table from fault code to status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar, Final

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from counterseal.engine.configuration import ConfigurationRefused
from counterseal.engine.field_errors import FieldErrors
from counterseal.kernel.errors import CallerFault, EnvironmentFault, Fault, PeerFault, Retry

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:counterseal:fault:"
"""RFC 9457 3.1.1: ``type`` identifies the kind of problem; it need not be fetchable. The reference page lists all."""


class NotAuthenticated(CallerFault):
    """No bearer token, or one that is unknown, has expired or was revoked."""

    code = "api.not-authenticated"


class InvalidRequest(CallerFault):
    """Path, query or body do not fit the description of the operation; ``errors`` name the fields."""

    code = "api.invalid-request"

    def __init__(self, detail: str, errors: "tuple[Error, ...]" = ()) -> None:
        super().__init__(detail)
        self.errors = errors


class InvalidPage(InvalidRequest):
    """A page that does not exist: too large, negative, no number. Never clamped."""

    code = "api.invalid-page"


class UnknownParameter(InvalidRequest):
    """A query parameter that the operation does not have."""

    code = "api.unknown-parameter"


class NoSuchRoute(CallerFault):
    """Nothing is served at this path."""

    code = "api.no-such-route"


class WrongMethod(CallerFault):
    """The path does not answer to this method."""

    code = "api.wrong-method"


class RequestTooLarge(CallerFault):
    """More octets than a request of this kind may have."""

    code = "api.too-large"


class Unexpected(EnvironmentFault):
    """A bug of ours; the log has it under the same instant."""

    code = "api.unexpected"
    retry: ClassVar[Retry] = Retry.OPERATOR


STATUS: Final[Mapping[str, HTTPStatus]] = {
    "api.not-authenticated": HTTPStatus.UNAUTHORIZED,
    "api.invalid-request": HTTPStatus.UNPROCESSABLE_ENTITY,
    "api.invalid-page": HTTPStatus.BAD_REQUEST,
    "api.unknown-parameter": HTTPStatus.BAD_REQUEST,
    "api.no-such-route": HTTPStatus.NOT_FOUND,
    "api.wrong-method": HTTPStatus.METHOD_NOT_ALLOWED,
    "api.too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "api.unexpected": HTTPStatus.INTERNAL_SERVER_ERROR,
    "kernel.invalid-instant": HTTPStatus.UNPROCESSABLE_ENTITY,
    "domain.invalid-agreement": HTTPStatus.UNPROCESSABLE_ENTITY,
    "domain.unreadable-identity": HTTPStatus.UNPROCESSABLE_ENTITY,
    "domain.invalid-virtual-file": HTTPStatus.UNPROCESSABLE_ENTITY,
    "domain.invalid-transition": HTTPStatus.CONFLICT,
    "people.not-allowed": HTTPStatus.FORBIDDEN,
    "people.sign-in-refused": HTTPStatus.UNAUTHORIZED,
    "people.sign-in-slowed": HTTPStatus.TOO_MANY_REQUESTS,
    "people.link-refused": HTTPStatus.GONE,
    "people.invalid-user": HTTPStatus.UNPROCESSABLE_ENTITY,
    "people.invalid-token": HTTPStatus.UNPROCESSABLE_ENTITY,
    "people.unfit-password": HTTPStatus.UNPROCESSABLE_ENTITY,
    "configuration.refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "configuration.source-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "audit.chain-broken": HTTPStatus.CONFLICT,
    "store.not-found": HTTPStatus.NOT_FOUND,
    "store.conflict": HTTPStatus.CONFLICT,
    "store.lease-lost": HTTPStatus.SERVICE_UNAVAILABLE,
    "store.unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "store.nested-transaction": HTTPStatus.INTERNAL_SERVER_ERROR,
    "store.unknown-database": HTTPStatus.INTERNAL_SERVER_ERROR,
    "blobs.too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "blobs.unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "vault.locked": HTTPStatus.SERVICE_UNAVAILABLE,
    "vault.wrong-password": HTTPStatus.UNPROCESSABLE_ENTITY,
    "vault.unreadable-key-file": HTTPStatus.UNPROCESSABLE_ENTITY,
    "http.post-failed": HTTPStatus.BAD_GATEWAY,
    "oftp2.call-failed": HTTPStatus.BAD_GATEWAY,
    "backend.unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "x509.malformed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "x509.unreadable-revocation-list": HTTPStatus.UNPROCESSABLE_ENTITY,
    "blobs.closed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "engine.field-errors": HTTPStatus.UNPROCESSABLE_ENTITY,
    "documents.not-sendable": HTTPStatus.CONFLICT,
    "documents.empty": HTTPStatus.UNPROCESSABLE_ENTITY,
    "documents.no-payload": HTTPStatus.NOT_FOUND,
    "documents.no-receipt-held": HTTPStatus.CONFLICT,
    "documents.no-reason": HTTPStatus.UNPROCESSABLE_ENTITY,
    "offers.decision-refused": HTTPStatus.CONFLICT,
    "offers.nothing-to-undo": HTTPStatus.CONFLICT,
    "roots.refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "sending.no-certificate": HTTPStatus.CONFLICT,
    "certificates.not-assignable": HTTPStatus.CONFLICT,
    "certificates.unreadable": HTTPStatus.UNPROCESSABLE_ENTITY,
    "trust-requests.not-possible": HTTPStatus.CONFLICT,
    "domain.ambiguous-producer": HTTPStatus.CONFLICT,
    "domain.no-certificate": HTTPStatus.CONFLICT,
    "domain.plan-out-of-date": HTTPStatus.CONFLICT,
    "http.invalid-header": HTTPStatus.UNPROCESSABLE_ENTITY,
    "http.wrong-body-size": HTTPStatus.INTERNAL_SERVER_ERROR,
    "store.invalid-window": HTTPStatus.BAD_REQUEST,
    "store.transaction-over": HTTPStatus.INTERNAL_SERVER_ERROR,
    "vault.decryption-failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "vault.invalid-form": HTTPStatus.UNPROCESSABLE_ENTITY,
    "vault.unsuitable-key": HTTPStatus.UNPROCESSABLE_ENTITY,
    # the families themselves: what a code means that is not in this table yet
    "peer": HTTPStatus.UNPROCESSABLE_ENTITY,
    "caller": HTTPStatus.UNPROCESSABLE_ENTITY,
    "environment": HTTPStatus.SERVICE_UNAVAILABLE,
}

PREFIXES: Final[Mapping[str, HTTPStatus]] = {
    # What a partner did wrong on a wire never leaves as an API answer of its own accord; where a person hands in the same
    # bytes by hand, they are bytes that cannot be used.
    "as2.": HTTPStatus.UNPROCESSABLE_ENTITY,
    "oftp2.": HTTPStatus.UNPROCESSABLE_ENTITY,
    "cem.": HTTPStatus.UNPROCESSABLE_ENTITY,
    "scx.": HTTPStatus.UNPROCESSABLE_ENTITY,
    "cms.": HTTPStatus.UNPROCESSABLE_ENTITY,
    "mime.": HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Error(BaseModel):
    """One field that is wrong."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="Path of the field: `communities[0].name`, `limit`, `body.reason`.")
    line: int | None = Field(default=None, description="In a configuration text, from 1.")
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="`urn:counterseal:fault:` and the code.", examples=[TYPE_PREFIX + "store.not-found"])
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What was expected, what came, what to do.", examples=["there is no community 'x'"])
    code: str = Field(description="Stable and dotted.", examples=["store.not-found"])
    retry: Retry = Field(description="Whether the same request can succeed later.")
    errors: list[Error] = Field(default=[], description="Field by field, where fields are wrong.")


def entered(code: str) -> HTTPStatus | None:
    """What the tables say of a code; ``None`` where nobody entered it, which a test forbids."""
    found = STATUS.get(code)
    return found or next((status for prefix, status in PREFIXES.items() if code.startswith(prefix)), None)


def status_of(fault: Fault) -> HTTPStatus:
    """By the tables, else by the fault's family."""
    family = next(f for f in (PeerFault, EnvironmentFault, CallerFault, Fault) if isinstance(fault, f))
    return entered(fault.code) or STATUS.get(family.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(fault: Fault) -> Problem:
    status = status_of(fault)
    return Problem(
        type=TYPE_PREFIX + fault.code,
        title=status.phrase,
        status=status.value,
        detail=fault.detail,
        code=fault.code,
        retry=fault.retry,
        errors=_errors(fault),
    )


def answer_of(fault: Fault) -> JSONResponse:
    problem = problem_of(fault)
    headers = {"WWW-Authenticate": 'Bearer realm="counterseal"'} if problem.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(problem.model_dump(mode="json"), problem.status, headers=headers, media_type=MEDIA_TYPE)


def _errors(fault: Fault) -> list[Error]:
    match fault:
        case ConfigurationRefused():
            return [
                Error(field=e.place.path, line=e.place.line, detail=f"expected {e.expected}, got {e.came}")
                for e in fault.errors
            ]
        case FieldErrors():
            return [Error(field=e.field, detail=e.text) for e in fault.errors]
        case InvalidRequest():
            return list(fault.errors)
        case _:
            return []
