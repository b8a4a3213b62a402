"""Documents: the list, one with its story, its payload."""

from collections.abc import Iterable
from itertools import chain
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from counterseal.domain.document import Direction, DocumentKind, DocumentState
from counterseal.domain.people import Permission
from counterseal.engine.views import documents as views
from counterseal.engine.views.documents import DocumentList, DocumentView
from counterseal.kernel.ids import DocumentId
from counterseal.surfaces.web.lists import Written, keeping, member, page_of, search_of
from counterseal.surfaces.web.states import look
from counterseal.surfaces.web.visit import Visit, community_path, page

_FILTERS = ("q", "state", "direction", "kind")
IN_FLIGHT = frozenset({DocumentState.QUEUED, DocumentState.SENDING, DocumentState.RECEIVING, DocumentState.RECEIVED})


def routes() -> list[Route]:
    return [
        page("/c/{community}/documents", documents, permission=Permission.VIEW),
        page("/c/{community}/documents/{document}", document, permission=Permission.VIEW),
    ]


def documents(visit: Visit) -> Response:
    community = visit.community()
    query = visit.query
    with visit.ports.store.read() as reader:
        found = views.documents(
            reader,
            community,
            state=member(DocumentState, query.text("state")),
            direction=member(Direction, query.text("direction")),
            kind=member(DocumentKind, query.text("kind")),
            search=search_of(query),
            page=page_of(query),
        )
        can_send = bool(reader.agreements(community.id))
    path = community_path(community, "/documents")
    written = keeping(query, _FILTERS)
    return visit.show(
        "documents.html",
        here="documents",
        community=community,
        found=found,
        query=written,
        tabs=list(_tabs(found, path, written)),
        kinds=list(DocumentKind),
        can_send=can_send,
        filtered=any(query.text(name) for name in _FILTERS),
    )


def _tabs(found: DocumentList, path: str, written: Written) -> Iterable[tuple[str, int, str, bool]]:
    yield "All", found.total, f"{path}?{written(state='')}", found.state is None
    for state in DocumentState:
        if found.counts.get(state) or found.state is state:
            yield (
                look(state).word,
                found.counts.get(state, 0),
                f"{path}?{written(state=state.value)}",
                found.state is state,
            )


def view_of(visit: Visit) -> DocumentView:
    """The document that the address names. Raises ``NotFound``."""
    community = visit.community()
    with visit.ports.store.read() as reader:
        return views.document(reader, community, DocumentId(visit.path("document")))


def document(visit: Visit) -> Response:
    view = view_of(visit)
    return visit.show(
        "document.html",
        here="documents",
        community=visit.community(),
        view=view,
        moving=view.document.state in IN_FLIGHT,
    )


def attachment(chunks: Iterable[bytes], *, name: str, size: int | None) -> Response:
    """A download that no browser runs or renders, whatever a partner called it."""
    source = iter(chunks)
    # The first octets are read before the head is sent: what cannot be read becomes a page, not a broken download.
    begun = chain((next(source, b""),), source)
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)[:120].strip() or "payload"
    headers = {
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:200], safe='')}",
    }
    if size is not None:
        headers["content-length"] = str(size)
    return StreamingResponse(begun, media_type="application/octet-stream", headers=headers)
