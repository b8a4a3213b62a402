"""The certification authorities that a community trusts."""

import base64
import binascii
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from counterseal.domain.people import Permission
from counterseal.domain.root_role import RootRole
from counterseal.engine import roots
from counterseal.engine.views import records
from counterseal.engine.views import roots as views
from counterseal.engine.views.roots import RootRecord
from counterseal.surfaces.api.problems import Error, InvalidRequest
from counterseal.surfaces.api.routes.communities import CommunityName
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["trusted roots"])

MAXIMUM_FILE: Final = 1_400_000
MAXIMUM_LIST: Final = 7_500_000
RootName = Annotated[str, Path(description="Id, or fingerprint (its first 8 digits or more).")]


class NewRoots(BaseModel):
    """CA certificates to trust."""

    model_config = ConfigDict(extra="forbid")

    content: Annotated[str, Field(max_length=MAXIMUM_FILE, description="PEM as text, or PEM, DER or P7B in Base64.")]
    role: Annotated[
        RootRole, Field(description="root: chains may end here; issuer: on the list of issuers for SCX.")
    ] = RootRole.ROOT
    partner: Annotated[str, Field(max_length=100, description="Slug; empty: for all partners.")] = ""


class NewRevocationList(BaseModel):
    """The revocation list of a CA that is trusted."""

    model_config = ConfigDict(extra="forbid")

    content: Annotated[str, Field(max_length=MAXIMUM_LIST, description="PEM as text, or PEM or DER in Base64.")]


@router.get("/communities/{community}/roots", summary="List trusted CAs")
@needs(Permission.VIEW)
def list_roots(request: Request, community: CommunityName) -> list[RootRecord]:
    """In the order in which they were added."""
    with ports_of(request).store.read() as reader:
        return views.roots(reader, records.community_named(reader, community))


@router.post("/communities/{community}/roots", summary="Trust the CAs of a file", status_code=201)
@needs(Permission.CERTIFICATES)
def add(request: Request, community: CommunityName, body: NewRoots) -> list[RootRecord]:
    """From the next decision on. Those that are there already are left out."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        partner_id = records.partner_named(reader, of, body.partner).id if body.partner else None
    content = body.content.encode() if "-----BEGIN" in body.content else _decoded(body.content)
    added = roots.add(ports, actor_of(request), of.id, content=content, role=body.role, partner_id=partner_id)
    with ports.store.read() as reader:
        return views.records(reader, of, added)


@router.post("/communities/{community}/roots/revocations", summary="Bring in a revocation list", status_code=201)
@needs(Permission.CERTIFICATES)
def add_revocation_list(request: Request, community: CommunityName, body: NewRevocationList) -> list[RootRecord]:
    """The trusted CAs whose list it is; certificates that it names are refused from now on."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
    content = body.content.encode() if "-----BEGIN" in body.content else _decoded(body.content)
    changed = roots.add_revocation_list(ports, actor_of(request), of.id, content=content)
    with ports.store.read() as reader:
        return views.records(reader, of, changed)


@router.delete("/communities/{community}/roots/{root}", summary="Trust a CA no more")
@needs(Permission.CERTIFICATES)
def remove(request: Request, community: CommunityName, root: RootName) -> RootRecord:
    """What was accepted because of it stays in use."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        root_id = views.root_named(reader, of, root).id
    removed = roots.remove(ports, actor_of(request), of.id, root_id)
    with ports.store.read() as reader:
        return views.records(reader, of, [removed])[0]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        detail = "expected PEM, or a file in Base64"
        raise InvalidRequest(f"content: {detail}", (Error(field="body.content", detail=detail),)) from error
