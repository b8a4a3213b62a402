"""Documents in and out, with their payloads streamed."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Final

from anyio import from_thread, to_thread
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.people import Actor, Permission
from counterseal.domain.virtual_file import RecordFormat
from counterseal.engine import documents
from counterseal.engine.oftp2.wishes import FileWishes
from counterseal.engine.ports import Ports
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import DocumentRecord, DocumentStory
from counterseal.kernel.ids import DocumentId
from counterseal.surfaces.api.paging import DEFAULT_PAGE, After, Limit, Page, page, window
from counterseal.surfaces.api.problems import RequestTooLarge
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

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
    search: Annotated[
        str,
        Query(max_length=200, description="In file name, subject, and Message-ID or OFTP2 file: name, date, time."),
    ] = "",
    agreement: Annotated[
        str, Query(description="Only of this one: id, partner identity, or slug of a partner with one agreement.")
    ] = "",
) -> Page[DocumentRecord]:
    """Newest first."""
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community) if community or agreement else None
        found = reader.documents(
            community_id=of.id if of is not None else None,
            agreement_id=records.agreement_named(reader, of, agreement).id if of is not None and agreement else None,
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
        return conversations.document_story(reader, conversations.document_named(reader, document).id)


@router.post(
    "/documents",
    summary="Send a document",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The payload as it is. It is streamed: any size up to the server's limit.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
@needs(Permission.DOCUMENTS)
async def send_document(
    request: Request,
    agreement: Annotated[str, Query(description="Id, partner identity, or slug of a partner with one agreement.")],
    file_name: Annotated[
        str, Query(min_length=1, max_length=255, description="What the partner sees.", examples=["orders.edi"])
    ],
    community: CommunityQuery = "",
    content_type: Annotated[
        str | None,
        Query(max_length=200, description="Absent: as the agreement says.", examples=["application/edifact"]),
    ] = None,
    subject: Annotated[str | None, Query(max_length=200, description="Absent: as the agreement says.")] = None,
    document_id: Annotated[
        str | None,
        Query(pattern="^[0-9a-f]{32}$", description="Chosen by the caller: the same id again sends nothing twice."),
    ] = None,
    dataset_name: Annotated[
        str, Query(max_length=26, description="OFTP2: virtual file name; absent: as the agreement says.")
    ] = "",
    record_format: Annotated[
        RecordFormat | None, Query(alias="format", description="OFTP2: absent: unstructured.")
    ] = None,
    record_length: Annotated[int, Query(ge=0, le=99999, description="OFTP2: of F and V files.")] = 0,
    description: Annotated[str, Query(max_length=999, description="OFTP2: text that goes with the file.")] = "",
    sign: Annotated[bool | None, Query(description="OFTP2: absent: as the agreement says.")] = None,
    compress: Annotated[bool | None, Query(description="OFTP2: absent: as the agreement says.")] = None,
    encrypt: Annotated[bool | None, Query(description="OFTP2: absent: as the agreement says.")] = None,
    signed_receipt: Annotated[bool | None, Query(description="OFTP2: absent: as the agreement says.")] = None,
    call: Annotated[bool, Query(description="OFTP2: off: waits for a session that something else brings.")] = True,
) -> DocumentRecord:
    """Stored when this answers; sent by the worker."""

    wishes = FileWishes(
        dataset_name=dataset_name,
        format=record_format,
        record_length=record_length,
        description=description,
        sign=sign,
        compress=compress,
        encrypt=encrypt,
        receipt_signed=signed_receipt,
    )

    def send() -> DocumentRecord:
        ports = ports_of(request)
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            found = records.agreement_named(reader, of, agreement)
        made = documents.send(
            ports,
            actor_of(request),
            found.id,
            content=_pulled(request.stream(), most=request.app.state.maximum_upload_bytes),
            file_name=file_name,
            content_type=content_type,
            subject=subject,
            document_id=DocumentId(document_id) if document_id else None,
            virtual_file=wishes.file(found, file_name),
            call=call,
        )
        return conversations.document(made, {of.id: of.slug})

    return await to_thread.run_sync(send)


@router.get(
    "/documents/{document}/payload",
    summary="Download a payload",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The payload as it is, streamed."}},
)
@needs(Permission.VIEW)
def download_payload(request: Request, document: DocumentName) -> StreamingResponse:
    ports = ports_of(request)
    with ports.store.read() as reader:
        found = conversations.document_named(reader, document)
    chunks = documents.payload(ports, actor_of(request), found.id)
    # never the partner's content type: a browser that opens this address must not run what a partner sent
    headers = {
        "Content-Length": str(found.size),
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(chunks, media_type="application/octet-stream", headers=headers)


@router.post("/documents/{document}/resend", summary="Send a document again", status_code=202)
@needs(Permission.DOCUMENTS)
def resend_document(request: Request, document: DocumentName) -> DocumentRecord:
    return _done(request, document, documents.resend)


@router.post("/documents/{document}/cancel", summary="Cancel a document")
@needs(Permission.DOCUMENTS)
def cancel_document(request: Request, document: DocumentName) -> DocumentRecord:
    """No further attempt is made."""
    return _done(request, document, documents.cancel)


def _done(request: Request, name: str, verb: Callable[[Ports, Actor, DocumentId], Document]) -> DocumentRecord:
    ports = ports_of(request)
    with ports.store.read() as reader:
        document_id = conversations.document_named(reader, name).id
        slugs = conversations.communities_by_id(reader)
    return conversations.document(verb(ports, actor_of(request), document_id), slugs)


def _pulled(stream: AsyncIterator[bytes], *, most: int) -> Iterator[bytes]:
    """The body, pulled chunk by chunk from the event loop by the thread that stores it."""

    async def following() -> bytes | None:
        return await anext(stream, None)

    seen = 0
    while (chunk := from_thread.run(following)) is not None:
        seen += len(chunk)
        if seen > most:
            raise RequestTooLarge(f"the document has more than {most} bytes")
        if chunk:
            yield chunk
