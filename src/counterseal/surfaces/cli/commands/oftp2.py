"""``counterseal oftp2`` and ``counterseal listener``: sessions, and what our listeners present."""

from typing import Annotated, Final

import typer

from counterseal.kernel.ids import ListenerId
from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.output import Column, print_list, print_record
from counterseal.surfaces.cli.session import local_actor

oftp2: Final = group("OFTP2 connections.")
sessions: Final = group("Sessions: who called, what went and came, how it ended.")
oftp2.add_typer(sessions, name="sessions")
listener: Final = group("Our TLS listeners.")

_SESSIONS: Final[list[Column]] = [
    ("id", "session"),
    ("started_at", "since"),
    ("partner", "partner"),
    ("we_called", "we called"),
    ("outcome", "outcome"),
    ("files_sent", "sent"),
    ("files_received", "received"),
    ("receipts_sent", "receipts out"),
    ("receipts_received", "receipts in"),
    ("detail", "detail"),
]
_LISTENERS: Final[list[Column]] = [
    ("id", "listener"),
    ("subject", "certificate"),
    ("certificate", "fingerprint"),
    ("not_after", "valid until"),
]


@sessions.command("list")
def list_sessions(context: typer.Context, community: CommunityOption = "", limit: LimitOption = 50) -> None:
    """List sessions, newest first."""
    from counterseal.engine.ports import Window
    from counterseal.engine.views import oftp2 as views
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community) if community else None
        found = views.sessions(reader, of, Window(limit=limit))
    print_list(found, _SESSIONS, as_json=session.as_json, nothing="no session yet")


@sessions.command("show")
def show_session(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="ID", help="Id of the session.")]
) -> None:
    """Show a session with its files, receipts and findings."""
    from counterseal.engine.views import oftp2 as views

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = views.session_story(reader, name)
    print_record(found, as_json=session.as_json)


@listener.command("list")
def list_listeners(context: typer.Context) -> None:
    """List listeners that present a certificate."""
    from counterseal.engine.views import oftp2 as views

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = views.listeners(reader)
    print_list(found, _LISTENERS, as_json=session.as_json, nothing="no listener")


@listener.command("certificate")
def assign_certificate(
    context: typer.Context,
    certificate: Annotated[str, typer.Argument(metavar="CERTIFICATE", help="Label or fingerprint, one of ours.")],
    community: CommunityOption = "",
    listener: Annotated[str, typer.Option(help="oftp2-tls or as2-tls.")] = "oftp2-tls",
) -> None:
    """Present this certificate on a TLS listener, from the next connection on."""
    from counterseal.engine import listeners
    from counterseal.engine.views import oftp2 as views
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            fingerprint = records.certificate_named(reader, of, certificate).fingerprint
        listeners.assign(ports, local_actor(), of.id, fingerprint, ListenerId(listener))
        with ports.store.read() as reader:
            found = views.listeners(reader)
    print_list(found, _LISTENERS, as_json=session.as_json, nothing="no listener")
