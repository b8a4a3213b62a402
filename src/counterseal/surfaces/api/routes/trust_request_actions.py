"""Trust requests: sent, reminded, switched, withdrawn."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from counterseal.domain.channel import SCXType
from counterseal.domain.community import Community
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import Usage
from counterseal.engine import trust_requests
from counterseal.engine.ports import Ports
from counterseal.engine.views import conversation_records as conversations
from counterseal.engine.views import preflight as preflights
from counterseal.engine.views import records
from counterseal.engine.views.conversation_records import TrustRequestRecord
from counterseal.engine.views.preflight import PreflightRecord
from counterseal.kernel.clock import zone
from counterseal.kernel.ids import ExchangeId, TrustRequestId
from counterseal.surfaces.api.routes.communities import CommunityName
from counterseal.surfaces.api.routes.trust_requests import RequestName
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["trust requests"])

PATH: Final = "/communities/{community}/trust-requests/{trust_request}"
ExchangeName = Annotated[str, Path(description="Id of an exchange of this request, or the slug of its partner.")]
Names = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=5000)]


class NewTrustRequest(BaseModel):
    """What Finish in the wizard sends, with a certificate that is held already."""

    model_config = ConfigDict(extra="forbid")

    certificate: Annotated[str, Field(max_length=100, description="Fingerprint or label.", examples=["alpha-2027"])]
    usages: Annotated[frozenset[Usage], Field(min_length=1, examples=[["sign", "encrypt"]])]
    cem: Annotated[
        Names, Field(description="AS2 agreements, by id, partner identity or slug.", examples=[["bravo"]])
    ] = []
    scx: Annotated[Names, Field(description="OFTP2 agreements, by id, partner identity or slug.")] = []
    scx_type: SCXType | None = None
    respond_by: Annotated[AwareDatetime, Field(examples=["2026-12-24T18:00:00+01:00"])]
    time_zone: Annotated[str, Field(max_length=64, description="Empty: the community's.")] = ""


class NewPreflight(BaseModel):
    """The part of a trust request that an SCX partner's rule looks at."""

    model_config = ConfigDict(extra="forbid")

    certificate: Annotated[str, Field(max_length=100, description="Fingerprint or label.", examples=["alpha-2027"])]
    usages: Annotated[frozenset[Usage], Field(min_length=1, examples=[["file-sign", "file-encrypt"]])]
    scx: Annotated[
        Names, Field(description="OFTP2 agreements, by id, partner identity or slug; none: all that can be told.")
    ] = []
    scx_type: SCXType | None = None


class Choice(BaseModel):
    """Which exchanges of the request."""

    model_config = ConfigDict(extra="forbid")

    exchanges: Annotated[Names, Field(min_length=1, description="Ids, or slugs of partners.", examples=[["bravo"]])]


class NewDate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    respond_by: Annotated[AwareDatetime, Field(examples=["2027-01-15T18:00:00+01:00"])]
    time_zone: Annotated[str, Field(max_length=64, description="Empty: the community's.")] = ""


class RecordedAnswer(BaseModel):
    """An answer that came by phone or mail."""

    model_config = ConfigDict(extra="forbid")

    accepted: bool
    reason: Annotated[str, Field(max_length=1000, examples=["Ms Bow, by phone"])] = ""


@router.post("/communities/{community}/trust-requests", summary="Send a trust request", status_code=202)
@needs(Permission.CERTIFICATES)
def send(request: Request, community: CommunityName, body: NewTrustRequest) -> TrustRequestRecord:
    """One transaction: where anything is refused, nothing was stored and nothing is sent."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        start = trust_requests.Start(
            community_id=of.id,
            source=trust_requests.StoredCertificate(
                fingerprint=records.certificate_named(reader, of, body.certificate).fingerprint
            ),
            usages=body.usages,
            cem=tuple(records.agreement_named(reader, of, name).id for name in body.cem),
            scx=tuple(records.agreement_named(reader, of, name).id for name in body.scx),
            scx_type=body.scx_type,
            respond_by=body.respond_by,
            time_zone=_zone_name(body.time_zone, of),
            draft_id=None,
        )
    return _shown(request, community, trust_requests.start(ports, actor_of(request), start).id)


@router.post("/communities/{community}/trust-requests/preflight", summary="Ask what OFTP2 partners will make of it")
@needs(Permission.VIEW)
def preflight(request: Request, community: CommunityName, body: NewPreflight) -> list[PreflightRecord]:
    """A forecast of each partner's matching rule, before anything is sent; nothing is stored."""
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        return preflights.records(
            reader,
            of,
            records.certificate_named(reader, of, body.certificate).certificate,
            usages=body.usages,
            kind=body.scx_type,
            agreement_ids=[records.agreement_named(reader, of, name).id for name in body.scx],
        )


@router.post(PATH + "/respond-by", summary="Change the respond-by date")
@needs(Permission.CERTIFICATES)
def change_respond_by(
    request: Request, community: CommunityName, trust_request: RequestName, body: NewDate
) -> TrustRequestRecord:
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = conversations.trust_request_named(reader, of, trust_request)
    trust_requests.change_respond_by(
        ports, actor_of(request), found.id, respond_by=body.respond_by, time_zone=_zone_name(body.time_zone, of)
    )
    return _shown(request, community, found.id)


@router.post(PATH + "/withdraw", summary="Withdraw a trust request")
@needs(Permission.CERTIFICATES)
def withdraw(request: Request, community: CommunityName, trust_request: RequestName) -> TrustRequestRecord:
    """Every exchange that is not answered yet."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        found = conversations.trust_request_named(reader, records.community_named(reader, community), trust_request)
    trust_requests.withdraw(ports, actor_of(request), found.id)
    return _shown(request, community, found.id)


@router.post(PATH + "/remind", summary="Remind partners", status_code=202)
@needs(Permission.CERTIFICATES)
def remind(request: Request, community: CommunityName, trust_request: RequestName, body: Choice) -> TrustRequestRecord:
    request_id, chosen = _chosen(request, community, trust_request, body.exchanges)
    trust_requests.remind(ports_of(request), actor_of(request), chosen)
    return _shown(request, community, request_id)


@router.post(PATH + "/resend", summary="Send to partners again", status_code=202)
@needs(Permission.CERTIFICATES)
def resend(request: Request, community: CommunityName, trust_request: RequestName, body: Choice) -> TrustRequestRecord:
    request_id, chosen = _chosen(request, community, trust_request, body.exchanges)
    trust_requests.resend(ports_of(request), actor_of(request), chosen)
    return _shown(request, community, request_id)


@router.post(PATH + "/exchanges/{exchange}/withdraw", summary="Withdraw one exchange")
@needs(Permission.CERTIFICATES)
def withdraw_exchange(
    request: Request, community: CommunityName, trust_request: RequestName, exchange: ExchangeName
) -> TrustRequestRecord:
    return _with_exchange(request, community, trust_request, exchange, trust_requests.withdraw_exchange)


@router.post(PATH + "/exchanges/{exchange}/switch-now", summary="Use the new certificate with this partner now")
@needs(Permission.CERTIFICATES)
def switch_now(
    request: Request, community: CommunityName, trust_request: RequestName, exchange: ExchangeName
) -> TrustRequestRecord:
    return _with_exchange(request, community, trust_request, exchange, trust_requests.switch_now)


@router.post(PATH + "/exchanges/{exchange}/switch-back", summary="Use the former certificate with this partner again")
@needs(Permission.CERTIFICATES)
def switch_back(
    request: Request, community: CommunityName, trust_request: RequestName, exchange: ExchangeName
) -> TrustRequestRecord:
    return _with_exchange(request, community, trust_request, exchange, trust_requests.switch_back)


@router.post(PATH + "/exchanges/{exchange}/record-answer", summary="Record an answer that came another way")
@needs(Permission.CERTIFICATES)
def record_answer(
    request: Request,
    community: CommunityName,
    trust_request: RequestName,
    exchange: ExchangeName,
    body: RecordedAnswer,
) -> TrustRequestRecord:
    def record(ports: Ports, actor: Actor, exchange_id: ExchangeId) -> object:
        return trust_requests.record_answer(ports, actor, exchange_id, accepted=body.accepted, reason=body.reason)

    return _with_exchange(request, community, trust_request, exchange, record)


def _zone_name(text: str, community: Community) -> str:
    """Raises ``InvalidInstant``."""
    name = text or community.time_zone
    zone(name)
    return name


def _chosen(
    request: Request, community: str, trust_request: str, names: list[str]
) -> tuple[TrustRequestId, tuple[ExchangeId, ...]]:
    with ports_of(request).store.read() as reader:
        of = records.community_named(reader, community)
        found = conversations.trust_request_named(reader, of, trust_request)
        return found.id, tuple(conversations.exchange_named(reader, of, found, name).id for name in names)


def _with_exchange(
    request: Request,
    community: str,
    trust_request: str,
    exchange: str,
    verb: Callable[[Ports, Actor, ExchangeId], object],
) -> TrustRequestRecord:
    request_id, chosen = _chosen(request, community, trust_request, [exchange])
    verb(ports_of(request), actor_of(request), chosen[0])
    return _shown(request, community, request_id)


def _shown(request: Request, community: str, request_id: TrustRequestId) -> TrustRequestRecord:
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        found = reader.trust_request(request_id)
        return conversations.trust_requests(reader, of, [found], ports.clock.now())[0]
