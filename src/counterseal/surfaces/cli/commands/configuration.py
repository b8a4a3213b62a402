"""``counterseal apply`` and ``counterseal export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterseal.surfaces.cli.commands.arguments import opened
from counterseal.surfaces.cli.output import print_json, print_line
from counterseal.surfaces.cli.session import LocalSources, local_actor, read_file

if TYPE_CHECKING:
    from counterseal.engine.configuration import Changes


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The configuration; - reads standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
) -> None:
    """Bring communities, stations, partners, agreements and certificates to what a file says."""
    from counterseal.engine import configuration
    from counterseal.engine.configuration.text import MAXIMUM_BYTES

    content = read_file(file, most=MAXIMUM_BYTES)
    folder = Path.cwd() if str(file) == "-" else file.absolute().parent
    with opened(context) as (session, ports):
        read = configuration.read(ports, content, sources=LocalSources(folder))
        verb = configuration.plan if dry_run else configuration.apply
        changes = verb(ports, local_actor(), read)
    if session.as_json:
        print_json(_plain(changes))
        return
    _tell(changes)


def export(
    context: typer.Context,
    community: Annotated[str, typer.Option("--community", metavar="SLUG", help="Only this one.")] = "",
) -> None:
    """Print the configuration as a file that applies to no change. Private keys and passwords are not in it."""
    from counterseal.engine import configuration
    from counterseal.engine.configuration.exporting import export_tree

    with opened(context) as (session, ports):
        if session.as_json:
            with ports.store.read() as reader:
                print_json(export_tree(reader, community=community))
            return
        print_line(configuration.export(ports, local_actor(), community=community).rstrip("\n"))


def _plain(changes: "Changes") -> dict[str, object]:
    return {
        "applied": changes.applied,
        "changes": changes.changes,
        "notes": [{"line": n.place.line, "field": n.place.path, "text": n.text} for n in changes.notes],
    }


def _tell(changes: "Changes") -> None:
    for change in changes.changes:
        print_line(f"{change.verb.value:8} {change.thing} {change.name}")
        for name, (before, after) in change.fields.items():
            print_line(f"           {name}: {before} -> {after}" if before else f"           {name}: {after}")
    for note in changes.notes:
        print_line(f"note     line {note.place.line}: {note.text}")
    count = len(changes.changes)
    if not count:
        print_line("nothing to change")
    else:
        print_line(f"{count} changed" if changes.applied else f"{count} would change; nothing was stored")
