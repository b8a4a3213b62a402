"""``counterseal user`` and ``counterseal token``."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from counterseal.domain.people import Permission, Role
from counterseal.surfaces.cli.commands.arguments import group, opened
from counterseal.surfaces.cli.output import Column, print_json, print_line, print_list, print_record
from counterseal.surfaces.cli.session import Session, local_actor

if TYPE_CHECKING:
    from counterseal.settings import Settings

user: Final = group("Who may sign in to the console.")
token: Final = group("API tokens.")

_USERS: Final[list[Column]] = [
    ("name", "user"),
    ("full_name", "name"),
    ("role", "role"),
    ("enabled", "enabled"),
    ("has_password", "password set"),
    ("last_seen_at", "last seen"),
]
_TOKENS: Final[list[Column]] = [
    ("name", "token"),
    ("scopes", "scopes"),
    ("created_by", "created by"),
    ("expires_at", "expires"),
    ("last_used_at", "last used"),
    ("revoked_at", "revoked"),
]
UserArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the user signs in with.")]


@user.command("list")
def list_users(context: typer.Context) -> None:
    """List users."""
    from counterseal.engine import people
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        found = [records.user(u) for u in people.users(ports, local_actor())]
    print_list(found, _USERS, as_json=session.as_json, nothing="nobody yet: counterseal user first-link")


@user.command("add")
def add_user(
    context: typer.Context,
    name: UserArgument,
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    full_name: Annotated[str, typer.Option(help="The person's name.")] = "",
    email: Annotated[str, typer.Option(help="Where alerts go.")] = "",
) -> None:
    """Add a user and print a link by which it sets a password."""
    from counterseal.engine import people
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        added, secret = people.create_user(ports, local_actor(), name=name, full_name=full_name, email=email, role=role)
        shown = _link(session, secret)
    if session.as_json:
        print_json({"user": records.user(added), "link": shown})
        return
    print_line(f"{added.name} sets a password at {shown['url']} (once, within three days)")


@user.command("first-link")
def first_link(context: typer.Context) -> None:
    """Print a link that creates the first administrator, while there is no user."""
    from counterseal.engine import people
    from counterseal.engine.ports import Conflict

    with opened(context) as (session, ports):
        secret = people.first_start_link(ports)
        if secret is None:
            raise Conflict("there are users already: counterseal user sign-in-link NAME")
        _print_link(session, secret, "create the administrator at {url} (once, within a day)")


@user.command("sign-in-link")
def sign_in_link(context: typer.Context, name: UserArgument) -> None:
    """Print a link that signs a user in, once, within the hour."""
    from counterseal.engine import people

    with opened(context) as (session, ports):
        _print_link(
            session, people.one_time_sign_in(ports, local_actor(), name), "sign in at {url} (once, within the hour)"
        )


@user.command("password-link")
def password_link(context: typer.Context, name: UserArgument) -> None:
    """Print a link by which a user sets a new password."""
    from counterseal.engine import people

    with opened(context) as (session, ports):
        _print_link(session, people.password_link(ports, local_actor(), name), "set the password at {url} (once)")


@user.command("disable")
def disable(context: typer.Context, name: UserArgument) -> None:
    """Keep a user out; its sessions end at once."""
    _switch(context, name, enabled=False)


@user.command("enable")
def enable(context: typer.Context, name: UserArgument) -> None:
    """Let a user in again."""
    _switch(context, name, enabled=True)


@token.command("create")
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called in the audit trail.")],
    scope: Annotated[list[Permission], typer.Option(help="What it may do; repeat for several.")],
    expires: Annotated[str, typer.Option(metavar="INSTANT", help="ISO 8601, such as 2027-01-01T00:00:00+01:00.")] = "",
) -> None:
    """Create an API token and print it, this once."""
    from counterseal.engine import tokens
    from counterseal.engine.views import records
    from counterseal.kernel.clock import parse_instant

    expires_at = parse_instant(expires) if expires else None
    with opened(context) as (session, ports):
        made, secret = tokens.create_token(
            ports, local_actor(), name=name, scopes=frozenset(scope), expires_at=expires_at
        )
    if session.as_json:
        print_json({"token": records.token(made), "secret": secret})
        return
    print_line(secret)


@token.command("list")
def list_tokens(context: typer.Context) -> None:
    """List API tokens, revoked ones too."""
    from counterseal.engine import tokens
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        found = [records.token(t) for t in tokens.tokens(ports, local_actor())]
    print_list(found, _TOKENS, as_json=session.as_json, nothing="no token yet")


@token.command("revoke")
def revoke_token(context: typer.Context, name: Annotated[str, typer.Argument(help="Name or id.")]) -> None:
    """End a token at once."""
    from counterseal.engine import tokens
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        found = records.token(tokens.revoke_token(ports, local_actor(), name))
    print_record(found, as_json=session.as_json)


def _switch(context: typer.Context, name: str, *, enabled: bool) -> None:
    from counterseal.engine import people
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        found = records.user(people.set_enabled(ports, local_actor(), name, enabled=enabled))
    print_record(found, as_json=session.as_json)


def _link(session: Session, secret: str) -> dict[str, str]:
    return {"url": f"http://{_console_address(session.settings())}/once/{secret}", "secret": secret}


def _console_address(settings: "Settings") -> str:
    """As the server on this data directory wrote it down when it started; else where the settings put it."""
    try:
        return settings.console_address_path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        host = settings.private_host if settings.private_host not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104
        return f"[{host}]:{settings.private_port}" if ":" in host else f"{host}:{settings.private_port}"


def _print_link(session: Session, secret: str, sentence: str) -> None:
    shown = _link(session, secret)
    if session.as_json:
        print_json(shown)
    else:
        print_line(sentence.format(url=shown["url"]))
