"""``counterseal community``, ``station``, ``partner``, ``agreement``: who we are and whom we trade with."""

from typing import Annotated, Final

import typer

from counterseal.surfaces.cli.commands.arguments import CommunityOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record
from counterseal.surfaces.cli.session import local_actor

community: Final = group("Our trading organisations; changed by `counterseal apply`.")
station: Final = group("Our identities on a wire; changed by `counterseal apply`.")
partner: Final = group("Whom we trade with; changed by `counterseal apply`.")
agreement: Final = group("What was agreed with a partner; changed by `counterseal apply`.")

_COMMUNITIES: Final[list[Column]] = [("slug", "community"), ("name", "name"), ("time_zone", "time zone")]
_STATIONS: Final[list[Column]] = [
    ("identity", "station"),
    ("protocol", "protocol"),
    ("name", "name"),
    ("url", "url"),
    ("enabled", "enabled"),
]
_PARTNERS: Final[list[Column]] = [
    ("slug", "partner"),
    ("name", "name"),
    ("owner", "owner"),
    ("contact_email", "contact"),
]
_AGREEMENTS: Final[list[Column]] = [
    ("id", "agreement"),
    ("protocol", "protocol"),
    ("station", "station"),
    ("partner", "partner"),
    ("partner_identity", "their identity"),
    ("active", "active"),
    ("cem_capability", "CEM"),
]


@community.command("list")
def list_communities(context: typer.Context) -> None:
    """List communities."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = [records.community(c) for c in reader.communities()]
    print_list(found, _COMMUNITIES, as_json=session.as_json, nothing="no community yet: counterseal apply FILE.yaml")


@community.command("show")
def show_community(context: typer.Context, slug: Annotated[str, typer.Argument(help="Slug or id.")]) -> None:
    """Show a community."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = records.community(records.community_named(reader, slug))
    print_record(found, as_json=session.as_json)


@station.command("list")
def list_stations(context: typer.Context, community: CommunityOption = "") -> None:
    """List stations."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = records.stations(reader, records.community_named(reader, community))
    print_list(found, _STATIONS, as_json=session.as_json, nothing="no station yet")


@station.command("show")
def show_station(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(help="AS2 name, Odette code or id.")],
    community: CommunityOption = "",
) -> None:
    """Show a station."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = records.station(records.station_named(reader, of, identity))
    print_record(found, as_json=session.as_json)


@partner.command("list")
def list_partners(context: typer.Context, community: CommunityOption = "") -> None:
    """List partners."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = records.partners(reader, records.community_named(reader, community))
    print_list(found, _PARTNERS, as_json=session.as_json, nothing="no partner yet")


@partner.command("show")
def show_partner(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(help="Slug or id.")],
    community: CommunityOption = "",
) -> None:
    """Show a partner."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = records.partner(records.partner_named(reader, of, slug), reader.agreements(of.id))
    print_record(found, as_json=session.as_json)


@partner.command("call")
def call_partner(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="An OFTP2 agreement: its id, their code, or the partner's slug.")],
    community: CommunityOption = "",
) -> None:
    """Call an OFTP2 partner now: one session for everything that waits."""
    from counterseal.engine.oftp2 import calling
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            agreement = records.agreement_named(reader, of, name)
        calling.call_now(ports, local_actor(), agreement.id)
        with ports.store.read() as reader:
            found = records.agreements(reader, of, only=agreement.id)[0]
    print_record(found, as_json=session.as_json)


@agreement.command("list")
def list_agreements(
    context: typer.Context,
    community: CommunityOption = "",
    partner: Annotated[str, typer.Option("--partner", metavar="SLUG", help="Only with this partner.")] = "",
) -> None:
    """List agreements."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        partner_id = records.partner_named(reader, of, partner).id if partner else None
        found = records.agreements(reader, of, partner_id=partner_id)
    print_list(found, _AGREEMENTS, as_json=session.as_json, nothing="no agreement yet")


@agreement.command("show")
def show_agreement(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Id, their identity, or the slug of a partner with one agreement.")],
    community: CommunityOption = "",
) -> None:
    """Show an agreement with its terms and certificates."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = records.agreements(reader, of, only=records.agreement_named(reader, of, name).id)[0]
    print_record(found, as_json=session.as_json)
