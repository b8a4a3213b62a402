"""Arguments and options that several commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from counterseal.surfaces.cli.session import Session

if TYPE_CHECKING:
    from counterseal.engine.ports import Ports

CommunityOption = Annotated[
    str, typer.Option("--community", metavar="SLUG", help="Which community; needed where there are several.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many rows.")]


def group(about: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=about, no_args_is_help=True)


def session_of(context: typer.Context) -> Session:
    session = context.find_object(Session)
    assert session is not None
    return session


@contextmanager
def opened(context: typer.Context) -> "Iterator[tuple[Session, Ports]]":
    """The session with its ports, for the length of a command."""
    session = session_of(context)
    with session.ports() as ports:
        yield session, ports
