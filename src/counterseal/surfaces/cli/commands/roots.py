"""``counterseal root``: the certification authorities that a community trusts."""

from pathlib import Path
from typing import Annotated, Final

import typer

from counterseal.domain.root_role import RootRole
from counterseal.surfaces.cli.commands.arguments import CommunityOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record
from counterseal.surfaces.cli.session import MAXIMUM_FILE_BYTES, local_actor, read_file

root: Final = group("Certification authorities that are trusted for partners' certificates.")

_COLUMNS: Final[list[Column]] = [
    ("id", "id"),
    ("role", "role"),
    ("partner", "partner"),
    ("subject", "subject"),
    ("not_after", "ends"),
    ("revocations_at", "revocations of"),
    ("fingerprint", "fingerprint"),
]


@root.command("list")
def list_roots(context: typer.Context, community: CommunityOption = "") -> None:
    """List trusted CAs in the order in which they were added."""
    from counterseal.engine.views import records, roots

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = roots.roots(reader, records.community_named(reader, community))
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="no trusted CA yet")


@root.command("add")
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CA certificates in PEM, DER or P7B.")],
    role: Annotated[
        RootRole, typer.Option(help="root: chains may end here; issuer: on the list of issuers for SCX.")
    ] = RootRole.ROOT,
    partner: Annotated[str, typer.Option(metavar="SLUG", help="For this partner only; absent: for all.")] = "",
    community: CommunityOption = "",
) -> None:
    """Trust the CAs of a file from the next decision on."""
    from counterseal.engine import roots
    from counterseal.engine.views import records
    from counterseal.engine.views import roots as views

    content = read_file(file, most=MAXIMUM_FILE_BYTES)
    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            partner_id = records.partner_named(reader, of, partner).id if partner else None
        added = roots.add(ports, local_actor(), of.id, content=content, role=role, partner_id=partner_id)
        with ports.store.read() as reader:
            found = views.records(reader, of, added)
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="nothing was added")


@root.command("revocations")
def revocations(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A complete revocation list in DER or PEM.")],
    community: CommunityOption = "",
) -> None:
    """Bring in the revocation list of a trusted CA; repeat it with each new one. One older than 15 days says nothing."""
    from counterseal.engine import roots
    from counterseal.engine.views import records
    from counterseal.engine.views import roots as views
    from counterseal.kernel.crl import MAX_OCTETS

    content = read_file(file, most=MAX_OCTETS)
    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
        changed = roots.add_revocation_list(ports, local_actor(), of.id, content=content)
        with ports.store.read() as reader:
            found = views.records(reader, of, changed)
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="nothing was added")


@root.command("remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="Id, or fingerprint, its first 8 digits or more.")],
    community: CommunityOption = "",
) -> None:
    """Trust a CA no more; what was accepted because of it stays in use."""
    from counterseal.engine import roots
    from counterseal.engine.views import records
    from counterseal.engine.views import roots as views

    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            root_id = views.root_named(reader, of, name).id
        removed = roots.remove(ports, local_actor(), of.id, root_id)
        with ports.store.read() as reader:
            found = views.records(reader, of, [removed])[0]
    print_record(found, as_json=session.as_json)
