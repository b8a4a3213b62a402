"""``counterseal certificate``."""

from typing import Annotated, Final

import typer

from counterseal.domain.usage import Side
from counterseal.surfaces.cli.commands.arguments import CommunityOption, group, opened
from counterseal.surfaces.cli.output import Column, print_line, print_list, print_record

certificate: Final = group("What a community holds of certificates.")

COLUMNS: Final[list[Column]] = [
    ("fingerprint", "fingerprint"),
    ("label", "label"),
    ("side", "side"),
    ("partner", "partner"),
    ("subject", "subject"),
    ("not_after", "ends"),
]
CertificateArgument = Annotated[str, typer.Argument(help="Fingerprint, its first 8 digits or more, or label.")]


@certificate.command("list")
def list_certificates(
    context: typer.Context,
    community: CommunityOption = "",
    side: Annotated[Side | None, typer.Option(help="Only ours, or only theirs.")] = None,
) -> None:
    """List certificates, those that end first on top."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = records.certificates(reader, records.community_named(reader, community), side=side)
    print_list(found, COLUMNS, as_json=session.as_json, nothing="no certificate yet")


@certificate.command("show")
def show_certificate(
    context: typer.Context,
    name: CertificateArgument,
    community: CommunityOption = "",
    pem: Annotated[bool, typer.Option("--pem", help="Print the certificate and its issuers in PEM.")] = False,
) -> None:
    """Show a certificate and where it is used."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        held = records.certificate_named(reader, of, name)
        found = records.certificate_shown(reader, of, held)
    if pem:
        print_line((held.certificate.pem + "".join(c.pem for c in held.chain)).rstrip("\n"))
        return
    print_record(found, as_json=session.as_json)
