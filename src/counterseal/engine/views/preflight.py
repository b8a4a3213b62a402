"""The pre-flight of SCX as API and command line tell it: a record per partner that would be told."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import Community
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.domain.wizard import PreflightLine, eligible_over
from counterseal.engine.ports import Reader
from counterseal.engine.scx_preflight import line_for
from counterseal.engine.views.names import gather
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import AgreementId
from counterseal.kernel.x509 import Certificate


class NotOverSCX(CallerFault):
    """The agreement cannot be told by SCX; the sentence says why."""

    code = "scx.not-over-scx"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRecord:
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightRecord:
    """One partner, as API and command line tell it."""

    partner: str
    """Slug."""
    agreement: str
    identity: str
    result: str
    """``will match``, ``may not match`` or ``will not match``."""
    text: str
    rules: list[str]
    """By which it may match."""
    rule_source: str
    """``set``, ``learned`` or ``unknown``."""
    equal: list[str]
    different: list[DifferenceRecord]
    advice: list[str]


def records(
    reader: Reader,
    community: Community,
    certificate: Certificate,
    *,
    usages: frozenset[Usage],
    kind: SCXType | None,
    agreement_ids: Sequence[AgreementId],
) -> list[PreflightRecord]:
    """For these partners, or with none named for every one that can be told. Raises ``NotOverSCX``, ``NotFound``."""
    names = gather(reader, community)
    chosen = [reader.agreement(i) for i in agreement_ids] or [
        a for a in names.agreements.values() if a.protocol is Protocol.OFTP2 and not eligible_over(Channel.SCX, a)
    ]
    for agreement in chosen:
        if reason := eligible_over(Channel.SCX, agreement):
            raise NotOverSCX(f"{agreement.partner_identity} cannot be told by SCX: {reason}")
    ours: dict[AgreementId, list[Assignment]] = defaultdict(list)
    for assignment in reader.assignments(community_id=community.id, side=Side.OURS):
        if assignment.agreement_id is not None:
            ours[assignment.agreement_id].append(assignment)
    return [
        _record(
            a, names.partners[a.partner_id].slug, line_for(a, certificate, usages, kind, ours[a.id], names.certificates)
        )
        for a in chosen
    ]


def _record(agreement: Agreement, partner: str, line: PreflightLine) -> PreflightRecord:
    return PreflightRecord(
        partner=partner,
        agreement=agreement.id,
        identity=agreement.partner_identity,
        result=line.result.value,
        text=line.text,
        rules=[rule.value for rule in line.rules],
        rule_source=line.source.value,
        equal=list(line.equal),
        different=[DifferenceRecord(field=d.field, old=d.old, new=d.new) for d in line.different],
        advice=list(line.advice),
    )
