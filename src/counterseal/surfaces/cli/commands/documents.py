"""``counterseal document``: business documents in and out."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.virtual_file import RecordFormat
from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.faults import FileTrouble
from counterseal.surfaces.cli.output import Column, print_list, print_record
from counterseal.surfaces.cli.session import local_actor

if TYPE_CHECKING:
    from counterseal.domain.document import Document
    from counterseal.domain.people import Actor
    from counterseal.engine.ports import Ports
    from counterseal.kernel.ids import DocumentId

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
_AGREEMENT: Final = "Id, their identity, or the slug of a partner with one agreement."
_CHUNK_BYTES: Final = 256 * 1024
DocumentArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the document.")]


@document.command("send")
def send_document(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The payload; - reads standard input.")],
    agreement: Annotated[str, typer.Option("--agreement", metavar="NAME", help=_AGREEMENT)],
    community: CommunityOption = "",
    file_name: Annotated[str, typer.Option(help="The name that the partner sees; absent: the file's.")] = "",
    content_type: Annotated[str, typer.Option(help="Media type; absent: as the agreement says.")] = "",
    subject: Annotated[str, typer.Option(help="Subject header; absent: as the agreement says.")] = "",
    dataset_name: Annotated[str, typer.Option(help="OFTP2: virtual file name; absent: as the agreement says.")] = "",
    record_format: Annotated[
        RecordFormat | None, typer.Option("--format", help="OFTP2: unstructured, text, fixed or variable records.")
    ] = None,
    record_length: Annotated[int, typer.Option(min=0, max=99999, help="OFTP2: of F and V files.")] = 0,
    lines: Annotated[bool, typer.Option("--lines", help="OFTP2, format V: each line of the text is a record.")] = False,
    description: Annotated[str, typer.Option(help="OFTP2: text that goes with the file.")] = "",
    sign: Annotated[bool | None, typer.Option("--sign/--no-sign", help="OFTP2: absent: as the agreement says.")] = None,
    compress: Annotated[bool | None, typer.Option("--compress/--no-compress", help="OFTP2: the same.")] = None,
    encrypt: Annotated[bool | None, typer.Option("--encrypt/--no-encrypt", help="OFTP2: the same.")] = None,
    signed_receipt: Annotated[
        bool | None, typer.Option("--signed-receipt/--no-signed-receipt", help="OFTP2: the same, for the EERP.")
    ] = None,
    no_call: Annotated[bool, typer.Option("--no-call", help="OFTP2: wait for a session; do not call.")] = False,
) -> None:
    """Queue a document for a partner; it is durable when this returns, and sent by the server."""
    from counterseal.engine import documents
    from counterseal.engine.oftp2.records import records_of_lines
    from counterseal.engine.oftp2.wishes import FileWishes
    from counterseal.engine.views import conversation_records, records

    shown_name = file_name or ("document" if str(file) == "-" else file.name)
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
    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            found = records.agreement_named(reader, of, agreement)
        content = _chunks(file, most=session.settings().maximum_upload_bytes)
        made = documents.send(
            ports,
            local_actor(),
            found.id,
            content=records_of_lines(content) if lines else content,
            file_name=shown_name,
            content_type=content_type or None,
            subject=subject or None,
            virtual_file=wishes.file(found, shown_name),
            call=not no_call,
        )
    print_record(conversation_records.document(made, {of.id: of.slug}), as_json=session.as_json)


@document.command("payload")
def payload(
    context: typer.Context,
    document: DocumentArgument,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write here; absent: standard output.")
    ] = "",
) -> None:
    """Write a document's payload as it is."""
    from counterseal.engine import documents
    from counterseal.engine.views import conversation_records

    with opened(context) as (_, ports):
        with ports.store.read() as reader:
            document_id = conversation_records.document_named(reader, document).id
        chunks = documents.payload(ports, local_actor(), document_id)
        if output:
            _write(Path(output), chunks)
            return
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


@document.command("resend")
def resend(context: typer.Context, document: DocumentArgument) -> None:
    """Queue a document once more."""
    from counterseal.engine import documents

    _do(context, document, documents.resend)


@document.command("cancel")
def cancel(context: typer.Context, document: DocumentArgument) -> None:
    """Make no further attempt."""
    from counterseal.engine import documents

    _do(context, document, documents.cancel)


@document.command("release-receipt")
def release_receipt(context: typer.Context, document: DocumentArgument) -> None:
    """OFTP2: give the partner the EERP that waits for a person."""
    from counterseal.engine.oftp2 import deciding

    _do(context, document, deciding.release)


@document.command("reject-receipt")
def reject_receipt(
    context: typer.Context,
    document: DocumentArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What the partner reads.")],
) -> None:
    """OFTP2: answer a received file with a NERP instead of the EERP that waits."""
    from counterseal.engine.oftp2 import deciding

    _do(context, document, lambda ports, actor, named: deciding.reject(ports, actor, named, reason=reason))


@document.command("list")
def list_documents(
    context: typer.Context,
    community: CommunityOption = "",
    limit: LimitOption = 50,
    direction: Annotated[Direction | None, typer.Option(help="Only out, or only in.")] = None,
    state: Annotated[DocumentState | None, typer.Option(help="Only in this state.")] = None,
    search: Annotated[
        str, typer.Option(help="In file name, subject, and Message-ID or OFTP2 file: name, date, time.")
    ] = "",
    agreement: Annotated[
        str, typer.Option(help="Only of this one: id, their identity, or the slug of a partner with one agreement.")
    ] = "",
) -> None:
    """List documents, newest first."""
    from counterseal.engine.ports import Window
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        slugs = conversation_records.communities_by_id(reader)
        of = records.community_named(reader, community) if community or agreement else None
        documents = reader.documents(
            community_id=of.id if of is not None else None,
            agreement_id=records.agreement_named(reader, of, agreement).id if of is not None and agreement else None,
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

    with opened(context) as (session, ports), ports.store.read() as reader:
        named = conversation_records.document_named(reader, document)
        found = conversation_records.document_story(reader, named.id)
    print_record(found, as_json=session.as_json)


def _do(context: typer.Context, name: str, verb: "Callable[[Ports, Actor, DocumentId], Document]") -> None:
    from counterseal.engine.views import conversation_records

    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            document_id = conversation_records.document_named(reader, name).id
            slugs = conversation_records.communities_by_id(reader)
        changed = conversation_records.document(verb(ports, local_actor(), document_id), slugs)
    print_record(changed, as_json=session.as_json)


def _chunks(file: Path, *, most: int) -> Iterator[bytes]:
    """The file's octets. Raises ``FileTrouble``."""
    seen = 0
    try:
        source = sys.stdin.buffer if str(file) == "-" else file.open("rb")
        with source:
            while chunk := source.read(_CHUNK_BYTES):
                seen += len(chunk)
                if seen > most:
                    raise FileTrouble(f"{file} has more than {most} bytes")
                yield chunk
    except OSError as error:
        raise FileTrouble(f"{file}: {error.strerror or error}") from error


def _write(file: Path, chunks: Iterator[bytes]) -> None:
    try:
        with file.open("xb") as target:
            for chunk in chunks:
                target.write(chunk)
    except OSError as error:
        raise FileTrouble(f"{file}: {error.strerror or error}") from error
