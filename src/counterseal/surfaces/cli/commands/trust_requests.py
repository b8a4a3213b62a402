"""``counterseal trust-request``: certificates offered to partners."""

from typing import Annotated, Final

import typer

from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record

trust_request: Final = group("Sent certificate exchange trust requests.")

_COLUMNS: Final[list[Column]] = [
    ("number", "number"),
    ("state", "state"),
    ("created_at", "sent"),
    ("respond_by", "respond by"),
    ("answered", "answered"),
    ("partners", "of"),
    ("usages", "usages"),
    ("certificate", "certificate"),
]
RequestArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="Number or id of the trust request.")]


@trust_request.command("list")
def list_trust_requests(context: typer.Context, community: CommunityOption = "", limit: LimitOption = 50) -> None:
    """List trust requests, newest first."""
    from counterseal.engine.ports import Window
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        requests = reader.trust_requests(of.id, window=Window(limit=limit))
        found = conversation_records.trust_requests(reader, of, requests, ports.clock.now())
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="no trust request yet")


@trust_request.command("show")
def show_trust_request(context: typer.Context, number: RequestArgument, community: CommunityOption = "") -> None:
    """Show a trust request with a line per partner."""
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        request = conversation_records.trust_request_named(reader, of, number)
        found = conversation_records.trust_requests(reader, of, [request], ports.clock.now())[0]
    print_record(found, as_json=session.as_json)
