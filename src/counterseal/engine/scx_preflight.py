"""What a partner's matching rule will make of a certificate of ours, and what its answers taught us of that rule."""

from collections.abc import Sequence
from dataclasses import replace

from counterseal.domain import resolve, rollover
from counterseal.domain.agreement import Agreement
from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import SCXType
from counterseal.domain.resolve import Held
from counterseal.domain.usage import Side, Usage
from counterseal.domain.wizard import PreflightLine, Replaced, learn, preflight, rules_of
from counterseal.engine.ports import Writer
from counterseal.engine.relationship import Relationship
from counterseal.engine.translate import scx as translate
from counterseal.kernel.x509 import Certificate


def line_for(
    agreement: Agreement,
    certificate: Certificate,
    usages: frozenset[Usage],
    kind: SCXType | None,
    assignments: Sequence[Assignment],
    held: Held,
) -> PreflightLine:
    """``assignments`` are ours in this agreement, ``held`` their certificates."""
    return preflight(agreement, kind, _replaced(agreement, certificate, usages, assignments, held))


def _replaced(
    agreement: Agreement,
    certificate: Certificate,
    usages: frozenset[Usage],
    assignments: Sequence[Assignment],
    held: Held,
) -> list[Replaced]:
    old = rollover.in_place_of(agreement, usages, certificate.fingerprint, assignments, held)
    return [
        Replaced(
            title=one.label or one.certificate.common_name,
            usages=frozenset(u for u in usages if resolve.current(assignments, Side.OURS, u) == one.fingerprint),
            forecasts=translate.forecasts(certificate, one.certificate, named=number == 0),
        )
        for number, one in enumerate(old)
    ]


def note_answer(
    writer: Writer, around: Relationship, certificate: Certificate, usages: frozenset[Usage], *, accepted: bool
) -> None:
    """Keeps the rules that the partner's answer leaves; called before anything changes over. A Replace that is several
    certificates' successor at once teaches nothing: which of them was found is not told."""
    replaced = _replaced(around.agreement, certificate, usages, around.assignments, around.held)
    if len(replaced) != 1:
        return
    agreement = writer.agreement(around.agreement.id)
    before, _ = rules_of(replace(agreement, terms=replace(agreement.oftp2, scx_rule="unknown")))
    matches = {rule: forecast.matches for rule, forecast in replaced[0].forecasts.items()}
    after = learn(before, matches, accepted=accepted)
    if after != before:
        writer.put(replace(agreement, scx_learned=" ".join(after)))
