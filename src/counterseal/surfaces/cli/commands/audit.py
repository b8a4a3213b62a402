"""``counterseal audit``."""

import sys
from typing import Annotated, Final

import typer

from counterseal.surfaces.cli.commands.arguments import LimitOption, group, opened
from counterseal.surfaces.cli.output import Column, print_json, print_line, print_list
from counterseal.surfaces.cli.session import local_actor

audit: Final = group("Who did what.")

_COLUMNS: Final[list[Column]] = [
    ("sequence", "entry"),
    ("at", "at"),
    ("actor", "actor"),
    ("event", "event"),
    ("subject", "subject"),
]


@audit.command("list")
def list_entries(
    context: typer.Context,
    limit: LimitOption = 50,
    subject: Annotated[str, typer.Option(help="Of one thing: agreement:<id>.")] = "",
    event: Annotated[str, typer.Option(help="Of one kind: people.signed-in.")] = "",
) -> None:
    """List audit entries, newest first."""
    from counterseal.engine import audit_log
    from counterseal.engine.ports import Window
    from counterseal.engine.views import conversation_records

    with opened(context) as (session, ports):
        entries = audit_log.entries(ports, local_actor(), window=Window(limit=limit), subject=subject, event=event)
    found = [conversation_records.audit(e) for e in entries]
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="no entry")


@audit.command("verify")
def verify(context: typer.Context) -> None:
    """Verify the hash chain; exit status 9 names the first entry that does not fit."""
    from counterseal.engine import audit_log

    with opened(context) as (session, ports):
        proof = audit_log.prove(ports, local_actor())
    if session.as_json:
        print_json(proof)
        return
    print_line(f"{proof.entries} entries, unbroken; head {proof.head or '(none)'}")


@audit.command("export")
def export(
    context: typer.Context,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this entry.")] = 0,
) -> None:
    """Write the audit trail as JSON lines to standard output, oldest first."""
    from counterseal.engine import audit_log

    with opened(context) as (_, ports):
        for lines in audit_log.export(ports, local_actor(), after=after):
            sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
