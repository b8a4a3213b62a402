"""OFTP2: sessions, calls, receipts that wait for a person, what our listeners present."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from counterseal.domain.people import Permission
from counterseal.engine.oftp2 import calling, deciding
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import oftp2 as views
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import DocumentRecord
from counterseal.engine.views.oftp2 import ListenerRecord, SessionRecord, SessionStory
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page, page_of_all, window
from counterseal.surfaces.api.routes.documents import DocumentName
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["oftp2"])


class ReceiptRejection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=900, description="The partner reads it.")]


@router.get("/oftp2/sessions", summary="List sessions")
@needs(Permission.VIEW)
def list_sessions(
    request: Request,
    limit: Limit = DEFAULT_PAGE,
    after: After = 0,
    community: Annotated[str, Query(description="Slug or id; absent: all communities.")] = "",
) -> Page[SessionRecord]:
    """Newest first; with a community also those of strangers."""
    with ports_of(request).store.read() as reader:
        found = reader.oftp_sessions(
            community_id=records.community_named(reader, community).id if community else None,
            window=window(limit, after),
        )
        return page(request, found, lambda some: views.session_records(reader, some), limit=limit, after=after)


@router.get("/oftp2/sessions/{session}", summary="Show a session")
@needs(Permission.VIEW)
def show_session(request: Request, session: Annotated[str, Path(description="Id of the session.")]) -> SessionStory:
    """With its files, receipts and findings."""
    with ports_of(request).store.read() as reader:
        return views.session_story(reader, session)


@router.get("/listeners", summary="List listeners")
@needs(Permission.VIEW)
def list_listeners(request: Request, limit: Limit = DEFAULT_PAGE, after: After = 0) -> Page[ListenerRecord]:
    """What each of them presents."""
    with ports_of(request).store.read() as reader:
        return page_of_all(request, views.listeners(reader), lambda one: one, limit=limit, after=after)


@router.post(
    "/communities/{community}/agreements/{agreement}/call", summary="Call an OFTP2 partner now", status_code=202
)
@needs(Permission.DOCUMENTS)
def call_partner(
    request: Request,
    community: Annotated[str, Path(description="Slug or id.")],
    agreement: Annotated[str, Path(description="Id, partner identity, or slug of a partner with one agreement.")],
) -> None:
    """One session for everything that waits."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        agreement_id = records.agreement_named(reader, of, agreement).id
    calling.call_now(ports, actor_of(request), agreement_id)


@router.post("/documents/{document}/release-receipt", summary="Release a held receipt")
@needs(Permission.DOCUMENTS)
def release_receipt(request: Request, document: DocumentName) -> DocumentRecord:
    """The partner gets its EERP."""
    return _decided(request, document, reason=None)


@router.post("/documents/{document}/reject-receipt", summary="Reject a file whose receipt is held")
@needs(Permission.DOCUMENTS)
def reject_receipt(request: Request, document: DocumentName, body: ReceiptRejection) -> DocumentRecord:
    """The partner gets a NERP with the reason."""
    return _decided(request, document, reason=body.reason)


def _decided(request: Request, name: str, *, reason: str | None) -> DocumentRecord:
    ports, actor = ports_of(request), actor_of(request)
    with ports.store.read() as reader:
        document_id = conversations.document_named(reader, name).id
        slugs = conversations.communities_by_id(reader)
    if reason is None:
        return conversations.document(deciding.release(ports, actor, document_id), slugs)
    return conversations.document(deciding.reject(ports, actor, document_id, reason=reason), slugs)
