"""Documents in and out, with their payloads streamed."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request

from counterseal.domain.document import Direction, DocumentKind, DocumentState
from counterseal.domain.people import Permission
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import DocumentRecord, DocumentStory
from counterseal.kernel.ids import DocumentId
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page, window
from counterseal.surfaces.api.routing import ScopedRoute, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["documents"])

DocumentName = Annotated[str, Path(description="Id of the document.")]
CommunityQuery = Annotated[str, Query(description="Slug or id of the community; absent: the only one.")]


@router.get("/documents", summary="List documents")
@needs(Permission.VIEW)
def list_documents(
    request: Request,
    limit: Limit = DEFAULT_PAGE,
    after: After = 0,
    community: Annotated[str, Query(description="Slug or id; absent: all communities.")] = "",
    direction: Annotated[Direction | None, Query(description="Only out, or only in.")] = None,
    state: Annotated[DocumentState | None, Query(description="Only in this state.")] = None,
    kind: Annotated[DocumentKind | None, Query(description="Only of this kind.")] = None,
    search: Annotated[str, Query(max_length=200, description="In file name, subject and Message-ID.")] = "",
) -> Page[DocumentRecord]:
    """Newest first."""
    with ports_of(request).store.read() as reader:
        found = reader.documents(
            community_id=records.community_named(reader, community).id if community else None,
            window=window(limit, after),
            direction=direction,
            states=(state,) if state else None,
            kinds=(kind,) if kind else None,
            search=search,
        )
        slugs = conversations.communities_by_id(reader)
        return page(
            request, found, lambda some: [conversations.document(d, slugs) for d in some], limit=limit, after=after
        )


@router.get("/documents/{document}", summary="Show a document")
@needs(Permission.VIEW)
def show_document(request: Request, document: DocumentName) -> DocumentStory:
    """With its messages, attempts and receipts."""
    with ports_of(request).store.read() as reader:
        return conversations.document_story(reader, DocumentId(document))
