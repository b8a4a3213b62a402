"""``counterseal trust-request``: certificates offered to partners."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from counterseal.domain.channel import SCXType
from counterseal.domain.usage import Usage
from counterseal.surfaces.cli.commands.arguments import CommunityOption, LimitOption, group, opened
from counterseal.surfaces.cli.faults import WrongUsage
from counterseal.surfaces.cli.output import Column, print_list, print_record
from counterseal.surfaces.cli.session import Session, local_actor

if TYPE_CHECKING:
    from datetime import datetime

    from counterseal.domain.community import Community
    from counterseal.domain.people import Actor
    from counterseal.domain.trust_request import TrustRequest
    from counterseal.engine.ports import Ports
    from counterseal.kernel.ids import ExchangeId, TrustRequestId

trust_request: Final = group("Sent certificate exchange trust requests.")

_COLUMNS: Final[list[Column]] = [
    ("number", "number"),
    ("state", "state"),
    ("created_at", "sent"),
    ("respond_by", "respond by"),
    ("answered", "answered"),
    ("partners", "of"),
    ("usages", "usages"),
    ("certificate", "certificate"),
]
_PREFLIGHT: Final[list[Column]] = [
    ("partner", "partner"),
    ("result", "forecast"),
    ("text", "why"),
    ("advice", "what to change"),
]
_WHOM: Final = "Partner slug, their identity or agreement id; repeat for several."
_EXCHANGE: Final = "Partner slug or exchange id."
RequestArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="Number or id of the trust request.")]


ExchangeArgument = Annotated[str, typer.Argument(metavar="PARTNER", help=_EXCHANGE)]
ExchangesArgument = Annotated[list[str], typer.Argument(metavar="PARTNER...", help=_EXCHANGE)]
RespondByOption = Annotated[
    str, typer.Option(metavar="INSTANT", help="ISO 8601; without an offset it is read in the time zone.")
]
ZoneOption = Annotated[str, typer.Option(help="IANA name; absent: the community's.")]


@trust_request.command("send")
def send(
    context: typer.Context,
    certificate: Annotated[str, typer.Option(help="Fingerprint or label of one of our certificates.")],
    usage: Annotated[list[Usage], typer.Option(help="What it is for; repeat for several.")],
    respond_by: RespondByOption,
    cem: Annotated[list[str] | None, typer.Option(help="Over AS2 to: " + _WHOM)] = None,
    scx: Annotated[list[str] | None, typer.Option(help="Over OFTP2 to: " + _WHOM)] = None,
    scx_type: Annotated[SCXType | None, typer.Option(help="Message type for all of --scx.")] = None,
    time_zone: ZoneOption = "",
    community: CommunityOption = "",
) -> None:
    """Offer one of our certificates to partners; it is stored when this returns, and sent by the server."""
    from counterseal.engine import trust_requests
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            zone_name = time_zone or of.time_zone
            start = trust_requests.Start(
                community_id=of.id,
                source=trust_requests.StoredCertificate(
                    fingerprint=records.certificate_named(reader, of, certificate).fingerprint
                ),
                usages=frozenset(usage),
                cem=tuple(records.agreement_named(reader, of, name).id for name in cem or ()),
                scx=tuple(records.agreement_named(reader, of, name).id for name in scx or ()),
                scx_type=scx_type,
                respond_by=_instant(respond_by, zone_name),
                time_zone=zone_name,
                draft_id=None,
            )
        made = trust_requests.start(ports, local_actor(), start)
        _print(session, ports, of, made.id)


@trust_request.command("preflight")
def preflight(
    context: typer.Context,
    certificate: Annotated[str, typer.Option(help="Fingerprint or label of one of our certificates.")],
    usage: Annotated[list[Usage], typer.Option(help="What it is for; repeat for several.")],
    scx: Annotated[list[str] | None, typer.Option(help="Only for: " + _WHOM)] = None,
    scx_type: Annotated[SCXType | None, typer.Option(help="Message type that would be sent.")] = None,
    community: CommunityOption = "",
) -> None:
    """Say what OFTP2 partners will make of a certificate, why, and what to change; nothing is sent."""
    from counterseal.engine.views import preflight as preflights
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = preflights.records(
            reader,
            of,
            records.certificate_named(reader, of, certificate).certificate,
            usages=frozenset(usage),
            kind=scx_type,
            agreement_ids=[records.agreement_named(reader, of, name).id for name in scx or ()],
        )
    print_list(found, _PREFLIGHT, as_json=session.as_json, nothing="no partner can be told over OFTP2")


@trust_request.command("list")
def list_trust_requests(context: typer.Context, community: CommunityOption = "", limit: LimitOption = 50) -> None:
    """List trust requests, newest first."""
    from counterseal.engine.ports import Window
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        requests = reader.trust_requests(of.id, window=Window(limit=limit))
        found = conversation_records.trust_requests(reader, of, requests, ports.clock.now())
    print_list(found, _COLUMNS, as_json=session.as_json, nothing="no trust request yet")


@trust_request.command("show")
def show_trust_request(context: typer.Context, number: RequestArgument, community: CommunityOption = "") -> None:
    """Show a trust request with a line per partner."""
    from counterseal.engine.views import conversation_records, records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        request = conversation_records.trust_request_named(reader, of, number)
        found = conversation_records.trust_requests(reader, of, [request], ports.clock.now())[0]
    print_record(found, as_json=session.as_json)


@trust_request.command("respond-by")
def change_respond_by(
    context: typer.Context,
    number: RequestArgument,
    respond_by: Annotated[str, typer.Argument(metavar="INSTANT", help="The new date, ISO 8601.")],
    time_zone: ZoneOption = "",
    community: CommunityOption = "",
) -> None:
    """Change the date by which partners are asked to answer."""
    from counterseal.engine import trust_requests

    with opened(context) as (session, ports):
        of, request = _found(ports, community, number)
        zone_name = time_zone or of.time_zone
        instant = _instant(respond_by, zone_name)
        trust_requests.change_respond_by(ports, local_actor(), request.id, respond_by=instant, time_zone=zone_name)
        _print(session, ports, of, request.id)


@trust_request.command("withdraw")
def withdraw(
    context: typer.Context,
    number: RequestArgument,
    partner: Annotated[str, typer.Option(help="Only with this one: " + _EXCHANGE)] = "",
    community: CommunityOption = "",
) -> None:
    """Withdraw a trust request, or one partner's part of it."""
    from counterseal.engine import trust_requests

    if partner:
        _with_exchanges(context, community, number, [partner], trust_requests.withdraw_exchange)
        return
    with opened(context) as (session, ports):
        of, request = _found(ports, community, number)
        trust_requests.withdraw(ports, local_actor(), request.id)
        _print(session, ports, of, request.id)


@trust_request.command("remind")
def remind(
    context: typer.Context, number: RequestArgument, partners: ExchangesArgument, community: CommunityOption = ""
) -> None:
    """Remind partners who have not answered."""
    from counterseal.engine import trust_requests

    def verb(ports: "Ports", actor: "Actor", exchange_id: "ExchangeId") -> object:
        return trust_requests.remind(ports, actor, (exchange_id,))

    _with_exchanges(context, community, number, partners, verb)


@trust_request.command("resend")
def resend(
    context: typer.Context, number: RequestArgument, partners: ExchangesArgument, community: CommunityOption = ""
) -> None:
    """Send the request to partners again."""
    from counterseal.engine import trust_requests

    def verb(ports: "Ports", actor: "Actor", exchange_id: "ExchangeId") -> object:
        return trust_requests.resend(ports, actor, (exchange_id,))

    _with_exchanges(context, community, number, partners, verb)


@trust_request.command("switch-now")
def switch_now(
    context: typer.Context, number: RequestArgument, partner: ExchangeArgument, community: CommunityOption = ""
) -> None:
    """Use the new certificate with a partner from now on."""
    from counterseal.engine import trust_requests

    _with_exchanges(context, community, number, [partner], trust_requests.switch_now)


@trust_request.command("switch-back")
def switch_back(
    context: typer.Context, number: RequestArgument, partner: ExchangeArgument, community: CommunityOption = ""
) -> None:
    """Use the former certificate with a partner again."""
    from counterseal.engine import trust_requests

    _with_exchanges(context, community, number, [partner], trust_requests.switch_back)


@trust_request.command("record-answer")
def record_answer(
    context: typer.Context,
    number: RequestArgument,
    partner: ExchangeArgument,
    accepted: Annotated[bool, typer.Option("--accepted", help="They said yes.")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="They said no.")] = False,
    reason: Annotated[str, typer.Option(help="Who said what, and how.")] = "",
    community: CommunityOption = "",
) -> None:
    """Record an answer that came by phone or mail."""
    from counterseal.engine import trust_requests

    if accepted == rejected:
        raise WrongUsage("say either --accepted or --rejected")

    def verb(ports: "Ports", actor: "Actor", exchange_id: "ExchangeId") -> object:
        return trust_requests.record_answer(ports, actor, exchange_id, accepted=accepted, reason=reason)

    _with_exchanges(context, community, number, [partner], verb)


def _with_exchanges(
    context: typer.Context,
    community: str,
    number: str,
    names: list[str],
    verb: "Callable[[Ports, Actor, ExchangeId], object]",
) -> None:
    from counterseal.engine.views import conversation_records

    with opened(context) as (session, ports):
        of, request = _found(ports, community, number)
        with ports.store.read() as reader:
            chosen = [conversation_records.exchange_named(reader, of, request, name).id for name in names]
        for exchange_id in chosen:
            verb(ports, local_actor(), exchange_id)
        _print(session, ports, of, request.id)


def _found(ports: "Ports", community: str, number: str) -> "tuple[Community, TrustRequest]":
    from counterseal.engine.views import conversation_records, records

    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        return of, conversation_records.trust_request_named(reader, of, number)


def _print(session: Session, ports: "Ports", of: "Community", request_id: "TrustRequestId") -> None:
    from counterseal.engine.views import conversation_records

    with ports.store.read() as reader:
        found = reader.trust_request(request_id)
        shown = conversation_records.trust_requests(reader, of, [found], ports.clock.now())[0]
    print_record(shown, as_json=session.as_json)


def _instant(text: str, zone_name: str) -> "datetime":
    from counterseal.kernel.clock import parse_instant, zone

    return parse_instant(text, default_zone=zone(zone_name))
