"""Users and API tokens."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from counterseal.domain.people import Permission, Role
from counterseal.engine import people, tokens
from counterseal.engine.views import records
from counterseal.engine.views.records import TokenRecord, UserRecord
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page_of_all
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["people"])

UserName = Annotated[str, Path(description="What the user signs in with.", examples=["mara"])]
TokenName = Annotated[str, Path(description="Name or id of the token.", examples=["ci"])]


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Signs in with it; lower case.", examples=["mara"])
    full_name: str = Field(default="", max_length=200, examples=["Mara Muster"])
    email: str = Field(default="", max_length=254, examples=["mara@alpha.example"])
    role: Role = Field(examples=["operator"])


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["ci"])
    scopes: frozenset[Permission] = Field(examples=[["view", "documents"]])
    expires_at: AwareDatetime | None = Field(default=None, examples=["2027-01-01T00:00:00Z"])


class OneTimeSecret(BaseModel):
    """Shown this once; the console opens it under `/once/<secret>`."""

    secret: str
    expires_at: datetime


class UserWithSecret(BaseModel):
    user: UserRecord
    link: OneTimeSecret


class TokenWithSecret(BaseModel):
    token: TokenRecord
    secret: str = Field(description="Shown this once.", examples=["cst_..."])


@router.get("/users", summary="List users")
@needs(Permission.PEOPLE)
def list_users(request: Request, limit: Limit = DEFAULT_PAGE, after: After = 0) -> Page[UserRecord]:
    found = people.users(ports_of(request), actor_of(request))
    return page_of_all(request, found, records.user, limit=limit, after=after)


@router.post("/users", summary="Add a user", status_code=201)
@needs(Permission.PEOPLE)
def add_user(request: Request, body: NewUser) -> UserWithSecret:
    """With a link by which the user sets a password."""
    ports = ports_of(request)
    user, secret = people.create_user(
        ports, actor_of(request), name=body.name, full_name=body.full_name, email=body.email, role=body.role
    )
    return UserWithSecret(user=records.user(user), link=_shown(request, secret))


@router.post("/users/{user}/sign-in-link", summary="Make a one-time sign-in link", status_code=201)
@needs(Permission.PEOPLE)
def sign_in_link(request: Request, user: UserName) -> OneTimeSecret:
    return _shown(request, people.one_time_sign_in(ports_of(request), actor_of(request), user))


@router.post("/users/{user}/password-link", summary="Make a link that sets a new password", status_code=201)
@needs(Permission.PEOPLE)
def password_link(request: Request, user: UserName) -> OneTimeSecret:
    return _shown(request, people.password_link(ports_of(request), actor_of(request), user))


@router.post("/users/{user}/disable", summary="Keep a user out")
@needs(Permission.PEOPLE)
def disable(request: Request, user: UserName) -> UserRecord:
    """Its sessions end at once."""
    return records.user(people.set_enabled(ports_of(request), actor_of(request), user, enabled=False))


@router.post("/users/{user}/enable", summary="Let a user in again")
@needs(Permission.PEOPLE)
def enable(request: Request, user: UserName) -> UserRecord:
    return records.user(people.set_enabled(ports_of(request), actor_of(request), user, enabled=True))


@router.get("/tokens", summary="List API tokens")
@needs(Permission.PEOPLE)
def list_tokens(request: Request, limit: Limit = DEFAULT_PAGE, after: After = 0) -> Page[TokenRecord]:
    found = tokens.tokens(ports_of(request), actor_of(request))
    return page_of_all(request, found, records.token, limit=limit, after=after)


@router.post("/tokens", summary="Create an API token", status_code=201)
@needs(Permission.PEOPLE)
def create_token(request: Request, body: NewToken) -> TokenWithSecret:
    """With scopes that the creating token has itself."""
    token, secret = tokens.create_token(
        ports_of(request), actor_of(request), name=body.name, scopes=body.scopes, expires_at=body.expires_at
    )
    return TokenWithSecret(token=records.token(token), secret=secret)


@router.delete("/tokens/{token}", summary="Revoke an API token")
@needs(Permission.PEOPLE)
def revoke_token(request: Request, token: TokenName) -> TokenRecord:
    return records.token(tokens.revoke_token(ports_of(request), actor_of(request), token))


def _shown(request: Request, secret: str) -> OneTimeSecret:
    return OneTimeSecret(secret=secret, expires_at=people.look_at_link(ports_of(request), secret).expires_at)
