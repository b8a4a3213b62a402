"""The configuration as a text: applied, tried, exported."""

from dataclasses import dataclass
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from counterseal.domain.people import Permission
from counterseal.engine import configuration
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["configuration"])

YAML: Final = "application/yaml"
_EXAMPLE: Final = "version: 1\ncommunities:\n  - slug: alpha\n    name: Alpha Arrows\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    verb: str
    """``create``, ``change``, ``generate``, ``assign``."""
    thing: str
    name: str
    fields: dict[str, tuple[str, str]]
    """Before and after, by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRecord:
    line: int
    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesRecord:
    applied: bool
    changes: list[ChangeRecord]
    notes: list[NoteRecord]


@router.get(
    "/configuration",
    summary="Export the configuration",
    response_class=Response,
    responses={200: {"content": {YAML: {"example": _EXAMPLE}}, "description": "Applies to no change."}},
)
@needs(Permission.VIEW)
def export(
    request: Request, community: Annotated[str, Query(description="Slug; absent: all communities.")] = ""
) -> Response:
    """Without private keys and passwords."""
    text = configuration.export(ports_of(request), actor_of(request), community=community)
    return Response(text, media_type=YAML)


@router.put(
    "/configuration",
    summary="Apply a configuration",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "YAML or JSON (docs/reference/configuration.md). Paths and variables are not read here.",
            "content": {
                YAML: {"schema": {"type": "string"}, "example": _EXAMPLE},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    },
)
@needs(Permission.CONFIGURE)
async def apply(
    request: Request, dry_run: Annotated[bool, Query(description="Only tell what would change.")] = False
) -> ChangesRecord:
    """In one transaction; a second time there is nothing to do."""
    content = await request.body()
    return await to_thread.run_sync(_apply, request, content, dry_run)


def _apply(request: Request, content: bytes, dry_run: bool) -> ChangesRecord:
    ports, actor = ports_of(request), actor_of(request)
    read = configuration.read(ports, content, sources=configuration.NoSources())
    verb = configuration.plan if dry_run else configuration.apply
    changes = verb(ports, actor, read)
    return ChangesRecord(
        applied=changes.applied,
        changes=[
            ChangeRecord(verb=c.verb.value, thing=c.thing, name=c.name, fields=dict(c.fields)) for c in changes.changes
        ],
        notes=[NoteRecord(line=n.place.line, field=n.place.path, text=n.text) for n in changes.notes],
    )
