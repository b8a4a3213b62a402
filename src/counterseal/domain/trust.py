"""Nothing is believed before policy: findings, the verdict, and what follows from it without or with a person.

    gather ``Input``  ->  evaluate: every policy runs, in every mode  ->  decide_handling: accept, reject or wait
                                                                      ->  decide_by_person: one person's word, or two

The checks run whatever the mode is, before anything is stored as trusted (product.md section 2). Mode only says who decides.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain.channel import Channel
from counterseal.domain.community import HandlingMode
from counterseal.domain.offer import FirstApproval, OfferAccepted, OfferedCertificate, OfferedState, OfferRejected
from counterseal.domain.policies import (
    CERTIFICATE_CHAIN,
    ENVELOPE_CHAIN,
    RELATION_CHAIN,
    Envelope,
    Input,
    Policy,
    Revocation,
)
from counterseal.domain.policies.matching import match_scx
from counterseal.domain.policies.relation import already_accepted, trusted_path, was_announced
from counterseal.domain.policies.renewal import is_renewal, renewed
from counterseal.kernel.finding import Finding, Severity, Verdict
from counterseal.kernel.ids import Fingerprint

SWITCHED_OFF: Final = (
    "Certificate exchange over this connection is switched off here. Send the certificate by another way."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the policies found."""

    verdict: Verdict
    renews: tuple[Fingerprint, ...]
    """Certificates of theirs in use that it renews, newest first."""
    renewal: bool
    """It renews one in every usage that it is offered for, and is offered for nothing more."""
    trusted: bool
    """It chains to a trusted root."""
    announced: bool
    """SCX: the first exchange, with an identity that was entered beforehand."""
    known: bool
    """Accepted already for all of its usages (cem.md row 19)."""
    authentic: bool
    """CEM: signed by a certificate in use today; SCX: the session was authenticated. Never true for mail and portal."""
    begins_at: datetime | None
    """Not valid yet: when it will be (cem.md row 15)."""


def evaluate(case: Input) -> Evaluation:
    """Every policy's finding, in order, and the facts that handling needs. Where no certificate could be read, only the
    envelope is looked at."""
    findings = [f for p in ENVELOPE_CHAIN if (f := p(case)) is not None]
    if case.certificate is None or case.problem:
        return Evaluation(
            verdict=Verdict.of(findings),
            renews=(),
            renewal=False,
            trusted=False,
            announced=False,
            known=False,
            authentic=_authentic(findings),
            begins_at=None,
        )
    findings += [f for p in CERTIFICATE_CHAIN + RELATION_CHAIN if (f := p(case)) is not None]
    return Evaluation(
        verdict=Verdict.of(findings),
        renews=_followed(case),
        renewal=is_renewal(case),
        trusted=trusted_path(case) is not None,
        announced=case.channel is Channel.SCX and was_announced(case),
        known=already_accepted(case),
        authentic=_authentic(findings),
        begins_at=case.offered.not_before if case.now < case.offered.not_before else None,
    )


def _followed(case: Input) -> tuple[Fingerprint, ...]:
    """SCX: only the one whose match decides what the certificate is for (SCX-25), so that a Replace ends no other."""
    if case.channel is not Channel.SCX:
        return renewed(case)
    matched = match_scx(case.offered, case.assignments, case.held, named_old=case.named_old).matched
    return (matched,) if matched is not None and matched != case.fingerprint else ()


def _authentic(findings: list[Finding]) -> bool:
    proofs = [f for f in findings if f.code in {"envelope.signed", "envelope.session"}]
    return bool(proofs) and all(f.severity is Severity.PASSED for f in proofs)


class WaitsFor(StrEnum):
    PERSON = "person"
    SECOND_PERSON = "second person"
    VALIDITY = "validity"
    """Until its validity begins; then ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """By policy, without a person."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """By policy; ``reason`` is what the partner reads."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    waits_for: WaitsFor
    until: datetime | None = None
    because: str = ""


def decide_handling(mode: HandlingMode, evaluation: Evaluation, *, readable: bool) -> Accept | Reject | Wait:
    """What policy does with an offered certificate (product.md section 2, the Received page; cem.md rows 2, 11, 15, 19).

    - off: rejected, and the partner is told so (CEM-29, SCX-9)
    - nothing readable: rejected in every mode, because a person could not decide otherwise
    - manual: a person decides, also on refusals, and may word the reason
    - renewals, automatic: a refusal is answered at once; a warning or an unauthentic sender waits for a person
    - accepted already, from an authentic sender, without a refusal: the answer is yes in every mode but off
    """
    verdict = evaluation.verdict
    if mode is HandlingMode.OFF:
        return Reject(reason=SWITCHED_OFF)
    if not readable:
        return Reject(reason=verdict.reason())
    if evaluation.known and evaluation.authentic and not verdict.refused:
        return Accept(because="It is accepted already; nothing changes.")
    if mode is HandlingMode.MANUAL:
        return Wait(waits_for=WaitsFor.PERSON, because="This partner's certificates are decided by a person.")
    if verdict.refused:
        return Reject(reason=verdict.reason())
    if verdict.needs_person or not evaluation.authentic:
        return Wait(waits_for=WaitsFor.PERSON, because="A warning stops automatic handling.")
    return _decide_automatic(mode, evaluation)


def _decide_automatic(mode: HandlingMode, evaluation: Evaluation) -> Accept | Wait:
    if evaluation.renewal:
        because = "It renews one in use: subject, issuer and usages are equal."
    elif mode is HandlingMode.AUTOMATIC and evaluation.trusted:
        because = "Its chain ends at a trusted root."
    elif mode is HandlingMode.AUTOMATIC and evaluation.announced:
        because = "It is the one that was announced for the first exchange."
    elif mode is HandlingMode.AUTOMATIC:
        return Wait(waits_for=WaitsFor.PERSON, because="It neither renews one in use nor chains to a trusted root.")
    else:
        return Wait(waits_for=WaitsFor.PERSON, because="It is no renewal of one in use.")
    if evaluation.begins_at is not None:
        return Wait(waits_for=WaitsFor.VALIDITY, until=evaluation.begins_at, because="Its validity has not begun.")
    return Accept(because=because)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPossible:
    """A person's decision that cannot be taken; ``text`` says why and what to do."""

    code: str
    text: str


PersonDecision = OfferAccepted | OfferRejected | FirstApproval | NotPossible


def decide_acceptance(
    offered: OfferedCertificate, verdict: Verdict, *, by: str, two_people: bool, now: datetime
) -> PersonDecision:
    """A person accepts. ``verdict`` is evaluated anew, because the world may have changed since the offer came.

    With two people the first yes only stands, and the second must be another's. A refusal cannot be accepted by anybody.
    """
    if offered.state is not OfferedState.PENDING:
        return NotPossible(code="offer.decided", text=f"It was already {offered.state.value} by {offered.decided_by}.")
    if offered.certificate is None:
        return NotPossible(code="offer.unreadable", text="There is no readable certificate to accept. Reject it.")
    if verdict.refused:
        return NotPossible(
            code="offer.refused", text=f"It cannot be accepted: {verdict.reason()} Reject it with that reason."
        )
    if now > offered.certificate.not_after:
        return NotPossible(code="offer.expired", text="It has expired meanwhile. Reject it.")
    if not two_people:
        return OfferAccepted(by=by)
    if not offered.first_approver:
        return FirstApproval(by=by)
    if offered.first_approver == by:
        return NotPossible(code="offer.same-person", text="You have agreed already. Another person must agree too.")
    return OfferAccepted(by=by)


def decide_rejection(offered: OfferedCertificate, *, by: str, reason: str) -> PersonDecision:
    """A person rejects; one no is enough, also after another's yes. The partner reads the reason, so there must be one."""
    if offered.state is not OfferedState.PENDING:
        return NotPossible(code="offer.decided", text=f"It was already {offered.state.value} by {offered.decided_by}.")
    if not reason.strip():
        return NotPossible(code="offer.no-reason", text="Give a reason: the partner reads it and can mend the cause.")
    return OfferRejected(by=by, reason=reason.strip())


def reason_for_partner(verdict: Verdict, *, channel: Channel) -> str:
    """The refusals' sentences in the room that the channel has: 999 octets of UTF-8 for SCX (SCX-8), 2,000 characters
    elsewhere."""
    text = verdict.reason()
    if channel is Channel.SCX:
        return text.encode()[:999].decode(errors="ignore")
    return text[:2000]


__all__ = [
    "CERTIFICATE_CHAIN",
    "ENVELOPE_CHAIN",
    "RELATION_CHAIN",
    "SWITCHED_OFF",
    "Accept",
    "Envelope",
    "Evaluation",
    "Input",
    "NotPossible",
    "PersonDecision",
    "Policy",
    "Reject",
    "Revocation",
    "Wait",
    "WaitsFor",
    "decide_acceptance",
    "decide_handling",
    "decide_rejection",
    "evaluate",
    "reason_for_partner",
]
