"""What the certificate wizard shows: certificates that may be renewed; the draft's certificate with findings and partners."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import SCXType
from counterseal.domain.community import Community
from counterseal.domain.usage import BY_PROTOCOL, DECRYPTING, Protocol, Side, Usage
from counterseal.domain.wizard import Candidate, LeftOut, PreflightLine, eligible, findings_about
from counterseal.engine.ports import Reader
from counterseal.engine.scx_preflight import line_for
from counterseal.engine.views.certificates import CertificateRow, certificate_rows
from counterseal.engine.views.names import Names, gather
from counterseal.kernel.finding import Finding
from counterseal.kernel.ids import AgreementId
from counterseal.kernel.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One partner that may be told over one channel."""

    candidate: Candidate
    preflight: PreflightLine | None
    """SCX only."""

    @property
    def id(self) -> AgreementId:
        return self.candidate.agreement.id


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardView:
    findings: tuple[Finding, ...]
    cem: tuple[Pick, ...]
    scx: tuple[Pick, ...]
    has_oftp2: bool
    neither: tuple[LeftOut, ...]
    renewed: CertificateRow | None
    own_agreements: int
    """In how many agreements the renewed certificate is used."""


def renewable(reader: Reader, community: Community) -> list[CertificateRow]:
    """Ours that are in use, those that end first on top."""
    names = gather(reader, community)
    assignments = reader.assignments(community_id=community.id, side=Side.OURS)
    return [r for r in certificate_rows(names, assignments) if r.live and r.held.side is Side.OURS]


def review(
    reader: Reader,
    community: Community,
    certificate: Certificate,
    *,
    usages: frozenset[Usage],
    scx_type: SCXType | None,
    renews: str | None,
    respond_by: datetime | None,
    now: datetime,
) -> WizardView:
    """Page 3: findings about the certificate for these usages, and everybody who could be told."""
    names = gather(reader, community)
    assignments = reader.assignments(community_id=community.id, side=Side.OURS)
    agreements = list(names.agreements.values())
    over_as2 = eligible(Protocol.AS2, agreements, names.partners)
    over_oftp2 = eligible(Protocol.OFTP2, agreements, names.partners)
    rows = {r.held.fingerprint: r for r in certificate_rows(names, assignments)} if renews else {}
    renewed = next((r for f, r in rows.items() if f == renews), None)
    return WizardView(
        findings=findings_about(
            certificate,
            usages,
            rules=community.rules,
            held=list(names.certificates.values()),
            respond_by=respond_by,
            now=now,
        ),
        cem=tuple(Pick(candidate=c, preflight=None) for c in over_as2.candidates),
        scx=tuple(_scx(names, over_oftp2.candidates, certificate, usages, scx_type, assignments)),
        has_oftp2=any(a.protocol is Protocol.OFTP2 for a in agreements),
        neither=(*over_as2.left_out, *over_oftp2.left_out),
        renewed=renewed,
        own_agreements=renewed.places if renewed else 0,
    )


def decrypting_in(agreements: Sequence[Agreement], usages: frozenset[Usage]) -> int:
    """In how many of these agreements the new key will decrypt."""
    return sum(1 for a in agreements if usages & DECRYPTING & BY_PROTOCOL[a.protocol])


def _scx(
    names: Names,
    candidates: Sequence[Candidate],
    certificate: Certificate,
    usages: frozenset[Usage],
    kind: SCXType | None,
    assignments: Sequence[Assignment],
) -> list[Pick]:
    ours: dict[AgreementId, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        if assignment.agreement_id:
            ours[assignment.agreement_id].append(assignment)
    return [
        Pick(
            candidate=c,
            preflight=line_for(c.agreement, certificate, usages, kind, ours[c.agreement.id], names.certificates),
        )
        for c in candidates
    ]
