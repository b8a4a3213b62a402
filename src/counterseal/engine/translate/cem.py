"""Between certificate exchange in our words and CEM's: usages, requests and responses, offers and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from counterseal.domain.answer import Answer
from counterseal.domain.offer import OfferedCertificate, OfferedState
from counterseal.domain.usage import Usage
from counterseal.engine.as2.parts import Part
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cem
from counterseal.protocols.cem import CertStatus, CertUsage, Offer, Package, Request, Response

__all__ = [
    "CERT_USAGES",
    "Offer",
    "Package",
    "Request",
    "Response",
    "build_request",
    "build_response",
    "is_request",
    "open_package",
]

CERT_USAGES: Final[Mapping[Usage, CertUsage]] = {
    Usage.SIGN: CertUsage.DIGITAL_SIGNATURE,
    Usage.ENCRYPT: CertUsage.KEY_ENCIPHERMENT,
    Usage.TLS_SERVER: CertUsage.TLS_SERVER,
    Usage.TLS_CLIENT: CertUsage.TLS_CLIENT,
}
USAGES: Final[Mapping[CertUsage, Usage]] = {wire: usage for usage, wire in CERT_USAGES.items()}


class NothingToTell(CallerFault):
    """None of the usages exists in CEM."""

    code = "cem.nothing-to-tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A CEM message as the payload of a document."""

    content_type: str
    body: bytes


def is_request(package: Package) -> bool:
    return isinstance(package.message, Request)


def open_package(part: Part, *, sender: str) -> Package:
    """Raises the faults of channel M, among them a Name that is not the AS2-From of the carrying message (row 7)."""
    package = cem.open_package(part.head.headers, part.content, cem.USUAL_LIMITS)
    if not package.message.partner.is_named(sender):
        raise cem.NameMismatch(
            f"TradingPartnerInfo/Name is {package.message.partner.name[:128]!r}, the message came from {sender!r}"
        )
    return package


def build_request(
    *,
    request_id: str,
    as2_from: str,
    certificate: Certificate,
    chain: Sequence[Certificate],
    usages: frozenset[Usage],
    respond_by: datetime,
    time_zone: str,
    response_url: str,
    host: str,
    token: str,
    now: datetime,
) -> Packed:
    """Our request for one certificate. Raises ``NothingToTell``, ``IllegalValue``."""
    wire = frozenset(CERT_USAGES[u] for u in usages if u in CERT_USAGES)
    if not wire:
        raise NothingToTell(f"CEM knows none of the usages {', '.join(sorted(usages))}")
    zone = ZoneInfo(time_zone)
    root_id, part_id = cem.content_ids(token, host, 1)
    request = Request(
        request_id=request_id,
        partner=cem.TradingPartner(name=as2_from, qualifier="AS2"),
        originated_at=cem.WireTime.of(now.astimezone(zone)),
        trust_requests=(
            cem.TrustRequest(
                usages=wire,
                respond_by=cem.WireTime.of(respond_by.astimezone(zone)),
                response_url=response_url,
                identifier=cem.CertificateIdentifier.of(certificate),
                content_id=part_id,
            ),
        ),
    )
    packed = cem.build_request(request, ((certificate, *chain),), root_content_id=root_id, allow_incomplete_chains=True)
    return _payload(packed)


def build_response(
    *,
    request_id: str | None,
    as2_from: str,
    offered: Sequence[OfferedCertificate],
    time_zone: str,
    host: str,
    token: str,
    now: datetime,
) -> Packed:
    """Our response: one decision per certificate, its reference echoed as it came (CEM-31)."""
    responses = tuple(
        cem.TrustResponse(
            status=CertStatus.ACCEPTED if o.state is OfferedState.ACCEPTED else CertStatus.REJECTED,
            reason=None if o.state is OfferedState.ACCEPTED else (o.reason or "No reason was given."),
            reference=cem.CertificateIdentifier.of_text(o.issuer_name, o.serial_text),
        )
        for o in offered
    )
    response = Response(
        request_id=request_id,
        partner=cem.TradingPartner(name=as2_from, qualifier="AS2"),
        originated_at=cem.WireTime.of(now.astimezone(ZoneInfo(time_zone))),
        trust_responses=responses,
    )
    (root_id,) = cem.content_ids(token, host, 0)
    return _payload(cem.build_response(response, root_content_id=root_id))


def _payload(packed: cem.Packed) -> Packed:
    return Packed(content_type=packed.headers.get("Content-Type") or "", body=packed.body)


def usages_of(offer: Offer) -> frozenset[Usage]:
    return frozenset(USAGES[u] for u in offer.trust_request.usages)


def problem_of(offer: Offer) -> str:
    """The sentence that the partner may read; empty when nothing is wrong with this certificate's part."""
    return cem.PROBLEM_REASONS[offer.problem] if offer.problem is not None else ""


def answers_of(response: Response, certificates: Sequence[Certificate]) -> tuple[Answer, ...]:
    """The decisions, each with the certificate of ours that it names among ``certificates``."""
    known = {cem.CertificateIdentifier.of(c).key: c.fingerprint for c in certificates}
    return tuple(
        Answer(
            named=f"{answer.reference.serial}/{answer.reference.issuer_name}"[:500],
            certificate=known.get(answer.reference.key),
            accepted=answer.status is CertStatus.ACCEPTED,
            reason=answer.reason or "",
        )
        for answer in response.trust_responses
    )


def leniency_findings(package: Package, subject: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            code=f"cem.tolerated.{leniency.name.lower().replace('_', '-')}",
            severity=Severity.NOTE,
            subject=subject,
            text=f"Tolerated: {leniency.value.replace('-', ' ')}.",
        )
        for leniency in sorted(package.leniencies, key=lambda item: item.name)
    )
