"""``counterseal received``: certificates offered by partners."""

from typing import Annotated, Final

import typer

from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record

received: Final = group("Received certificate exchange requests.")

_COLUMNS: Final[list[Column]] = [
    ("id", "request"),
    ("state", "state"),
    ("partner", "partner"),
    ("channel", "channel"),
    ("received_at", "received"),
    ("respond_by", "respond by"),
]
OfferArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the received request.")]


@received.command("list")
def list_received(context: typer.Context, community: CommunityOption = "", limit: LimitOption = 50) -> None:
    """List received requests, newest first."""
    from counterseal.engine.ports import Window
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = conversation_records.offers(reader, of, reader.offers(of.id, window=Window(limit=limit)))
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="no request received yet")


@received.command("show")
def show_received(context: typer.Context, offer: OfferArgument, community: CommunityOption = "") -> None:
    """Show a received request with its certificates and findings."""
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = conversation_records.offers(reader, of, [conversation_records.offer_of(reader, of, offer)])[0]
    print_record(found, as_json=session.as_json)
