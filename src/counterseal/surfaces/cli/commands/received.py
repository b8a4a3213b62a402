"""``counterseal received``: certificates offered by partners."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record
from counterseal.surfaces.cli.session import Session, local_actor

if TYPE_CHECKING:
    from counterseal.engine.ports import Ports
    from counterseal.kernel.ids import OfferedCertificateId, OfferId

received: Final = group("Received certificate exchange requests.")

_COLUMNS: Final[list[Column]] = [
    ("id", "request"),
    ("state", "state"),
    ("partner", "partner"),
    ("channel", "channel"),
    ("received_at", "received"),
    ("respond_by", "respond by"),
]
_CERTIFICATE: Final = "Id of one certificate in the request; repeat for several; absent: all that are pending."
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


@received.command("accept")
def accept(
    context: typer.Context,
    offer: OfferArgument,
    community: CommunityOption = "",
    certificate: Annotated[list[str] | None, typer.Option(help=_CERTIFICATE)] = None,
) -> None:
    """Accept a received request; the partner is told, and the new certificate goes into use as agreed."""
    from counterseal.engine import offers

    with opened(context) as (session, ports):
        offer_id = _named(ports, community, offer)
        offers.accept(ports, local_actor(), offer_id, offered_ids=_ids(certificate))
        _print(session, ports, offer_id)


@received.command("reject")
def reject(
    context: typer.Context,
    offer: OfferArgument,
    reason: Annotated[str, typer.Option(help="Why; the partner is told.")],
    community: CommunityOption = "",
    certificate: Annotated[list[str] | None, typer.Option(help=_CERTIFICATE)] = None,
) -> None:
    """Reject a received request with a reason."""
    from counterseal.engine import offers

    with opened(context) as (session, ports):
        offer_id = _named(ports, community, offer)
        offers.reject(ports, local_actor(), offer_id, offered_ids=_ids(certificate), reason=reason)
        _print(session, ports, offer_id)


@received.command("undo")
def undo(context: typer.Context, offer: OfferArgument, community: CommunityOption = "") -> None:
    """Take an accepted SCX Replace back: the certificate that it ended is the current one again."""
    from counterseal.engine import replacement

    with opened(context) as (session, ports):
        offer_id = _named(ports, community, offer)
        replacement.undo(ports, local_actor(), offer_id)
        _print(session, ports, offer_id)


def _ids(names: list[str] | None) -> "tuple[OfferedCertificateId, ...] | None":
    from counterseal.kernel.ids import OfferedCertificateId

    return tuple(OfferedCertificateId(name) for name in names) if names else None


def _named(ports: "Ports", community: str, name: str) -> "OfferId":
    from counterseal.engine.views import conversation_records, records

    with ports.store.read() as reader:
        return conversation_records.offer_of(reader, records.community_named(reader, community), name).id


def _print(session: Session, ports: "Ports", offer_id: "OfferId") -> None:
    from counterseal.engine.views import conversation_records

    with ports.store.read() as reader:
        offer = reader.offer(offer_id)
        found = conversation_records.offers(reader, reader.community(offer.community_id), [offer])[0]
    print_record(found, as_json=session.as_json)
