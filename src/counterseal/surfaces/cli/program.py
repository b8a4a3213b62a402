"""The program: its commands put together, the options that all of them have, and what a failure looks like."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from counterseal.kernel.errors import Fault
from counterseal.surfaces.cli.commands import GROUPS, SINGLE
from counterseal.surfaces.cli.commands.arguments import session_of
from counterseal.surfaces.cli.exit_codes import exit_of
from counterseal.surfaces.cli.output import print_fault
from counterseal.surfaces.cli.session import Composition, Session

_HELP: Final = "A B2B gateway that keeps the certificates of every trading relationship fresh."


def run(composition: Composition, arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (without the program's name; ``None``: this process's) and gives its exit status."""
    session = Session(composition=composition)
    try:
        build_command().main(args=None if arguments is None else list(arguments), prog_name="counterseal", obj=session)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Fault as fault:
        print_fault(fault, as_json=session.as_json)
        return int(exit_of(fault))
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return 0
    return 0


def build_command() -> TyperGroup:
    """The whole tree of commands, each with ``--json`` and ``--data-dir``."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    for name, command in SINGLE.items():
        app.command(name)(command)
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    bearer = typer.Typer(add_completion=False)
    bearer.command()(_bearer)
    _add_shared_options(root, list(get_command(bearer).params))
    return root


def _set_data_dir(context: typer.Context, value: Path | None) -> None:
    if value is not None:
        session_of(context).overrides["data_dir"] = value


def _set_json(context: typer.Context, value: bool) -> None:
    if value:
        session_of(context).as_json = True


def _bearer(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            expose_value=False,
            callback=_set_data_dir,
            help="The gateway's data directory. Else COUNTERSEAL_DATA_DIR says it.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", expose_value=False, callback=_set_json, help="Print JSON.")
    ] = False,
) -> None:
    """Never runs: it exists to have its two options made the way typer makes options, for every command to share."""


def _add_shared_options(command: Any, shared: list[Any]) -> None:
    command.params.extend(shared)
    if isinstance(command, TyperGroup):
        for below in command.commands.values():
            _add_shared_options(below, shared)
