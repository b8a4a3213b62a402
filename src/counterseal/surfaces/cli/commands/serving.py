"""``counterseal serve``."""

from typing import Annotated

import typer

from counterseal.surfaces.cli.commands.arguments import session_of


def serve(
    context: typer.Context,
    public_host: Annotated[str | None, typer.Option(help="Address of the public listener.")] = None,
    public_port: Annotated[int | None, typer.Option(help="Its port; 0: any free one.")] = None,
    public_tls_port: Annotated[int | None, typer.Option(help="The same with TLS.")] = None,
    private_host: Annotated[str | None, typer.Option(help="Address of the private listener.")] = None,
    private_port: Annotated[int | None, typer.Option(help="Its port; 0: any free one.")] = None,
    oftp2_host: Annotated[str | None, typer.Option(help="Address of the OFTP2 listeners.")] = None,
    oftp2_tls_port: Annotated[int | None, typer.Option(help="OFTP2 with TLS; 6619 by convention.")] = None,
    oftp2_plain_port: Annotated[int | None, typer.Option(help="OFTP2 without TLS; 3305 by convention.")] = None,
    host_name: Annotated[str | None, typer.Option(help="Right-hand side of our Message-IDs.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.")] = None,
) -> None:
    """Run the gateway: public listener (AS2), private listener (console, API), worker. SIGTERM stops it."""
    session = session_of(context)
    given: dict[str, object] = {
        "public_host": public_host,
        "public_port": public_port,
        "public_tls_port": public_tls_port,
        "private_host": private_host,
        "private_port": private_port,
        "oftp2_host": oftp2_host,
        "oftp2_tls_port": oftp2_tls_port,
        "oftp2_plain_port": oftp2_plain_port,
        "host_name": host_name,
        "log_format": log_format,
    }
    session.overrides.update({name: value for name, value in given.items() if value is not None})
    session.composition.serve(session.settings())
