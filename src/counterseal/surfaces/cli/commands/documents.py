"""``counterseal document``: business documents in and out."""

from typing import Annotated, Final

import typer

from counterseal.domain.document import Direction, DocumentState
from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record

document: Final = group("Documents in and out.")

_COLUMNS: Final[list[Column]] = [
    ("id", "document"),
    ("direction", "direction"),
    ("state", "state"),
    ("kind", "kind"),
    ("file_name", "file"),
    ("size", "bytes"),
    ("created_at", "since"),
    ("reason", "reason"),
]
DocumentArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the document.")]


@document.command("list")
def list_documents(
    context: typer.Context,
    community: CommunityOption = "",
    limit: LimitOption = 50,
    direction: Annotated[Direction | None, typer.Option(help="Only out, or only in.")] = None,
    state: Annotated[DocumentState | None, typer.Option(help="Only in this state.")] = None,
    search: Annotated[str, typer.Option(help="In file name, subject and Message-ID.")] = "",
) -> None:
    """List documents, newest first."""
    from counterseal.engine.ports import Window
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        slugs = conversation_records.communities_by_id(reader)
        documents = reader.documents(
            community_id=records.community_named(reader, community).id if community else None,
            window=Window(limit=limit),
            direction=direction,
            states=(state,) if state else None,
            search=search,
        )
        found = [conversation_records.document(d, slugs) for d in documents]
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="no document yet")


@document.command("show")
def show_document(context: typer.Context, document: DocumentArgument) -> None:
    """Show a document with its messages, attempts and receipts."""
    from counterseal.engine.views import conversation_records
    from counterseal.kernel.ids import DocumentId

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = conversation_records.document_story(reader, DocumentId(document))
    print_record(found, as_json=session.as_json)
