"""A partner's CEM response against what we asked: which exchange hears what, and what is only recorded.

A response is policy noise at worst (cem.md section 6): whatever is wrong with it becomes a finding, its MDN stays positive, and
nothing is changed by it (CEM-36). It changes only exchanges of the agreement over which it came: a requestId alone never
authorises (row 25).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from counterseal.domain.exchange import TRANSITIONS, Accepted, Exchange, ExchangeState, Rejected
from counterseal.kernel.conversation import allows
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import AgreementId, Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One decision in a response, translated."""

    named: str
    """What CertificateReference says, made comparable (issuer and serial): tells two answers for one certificate apart from two
    answers."""
    certificate: Fingerprint | None
    """The certificate of ours that it names, among those of this agreement's exchanges; ``None``: none of them."""
    accepted: bool
    reason: str
    """ReasonForRejection; means nothing with an acceptance (cem.md 4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An exchange of this agreement, over CEM, in any state."""

    exchange: Exchange
    in_use: bool
    """The certificate has gone into use with this partner (``rollover.in_use_since``): its decision no longer changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    agreement_id: AgreementId
    reference: str | None
    """requestId; ``None``: absent or empty."""
    message_id: str
    authentic: bool
    """Signed by a certificate of theirs that is accepted today."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEvent:
    """To be applied to the exchange, in this order."""

    exchange: Exchange
    event: Accepted | Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDecision:
    events: tuple[AnswerEvent, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Warnings are for a person: a security alert, or an answer that could not be placed."""


def decide_answers(response: Response, asked: Sequence[Asked], *, asked_elsewhere: bool) -> AnswerDecision:
    """What a CEM response changes (cem.md section 6, rows 23 to 28; CEM-33 to CEM-36, CEM-50).

    Args: ``asked`` are all CEM exchanges of the response's agreement, newest first; ``asked_elsewhere`` says that the requestId
    belongs to an exchange of another agreement.
    """
    twice = [named for named, count in Counter(a.named for a in response.answers).items() if count > 1]
    if twice:
        return _only(
            "answer.given-twice", twice[0], "The response answers one certificate twice; all of it was ignored."
        )
    if not response.authentic:
        return _only(
            "answer.unauthentic",
            response.reference or response.message_id,
            "The response is not signed, so anybody may have sent it. Nothing was changed: ask the partner, and record its answer.",
        )
    if response.reference is not None:
        scope = [a for a in asked if a.exchange.request_reference == response.reference]
        if not scope:
            return _unknown(response.reference, asked_elsewhere=asked_elsewhere)
        return _join([_decide(answer, _among(answer, scope), response) for answer in response.answers])
    return _join([_decide(answer, _only_open(answer, asked), response) for answer in response.answers])


def _among(answer: Answer, scope: Sequence[Asked]) -> Asked | None:
    return next((a for a in scope if a.exchange.fingerprint == answer.certificate), None)


def _only_open(answer: Answer, asked: Sequence[Asked]) -> Asked | None:
    """Row 24: without a requestId the certificate finds the request, if exactly one that is not withdrawn fits."""
    fitting = [
        a
        for a in asked
        if a.exchange.fingerprint == answer.certificate and a.exchange.state is not ExchangeState.WITHDRAWN
    ]
    return fitting[0] if len(fitting) == 1 else None


def _decide(answer: Answer, found: Asked | None, response: Response) -> AnswerDecision:
    """One answer (CEM-32: it covers all usages of its certificate)."""
    if found is None:
        if response.reference is None:
            text = (
                "The response names no request, and not exactly one open request fits this certificate. It was ignored."
            )
            return _only("answer.no-reference", answer.named, text)
        return _only(
            "answer.not-asked", answer.named, "This certificate was not in the request. The answer was ignored."
        )
    exchange = found.exchange
    if exchange.state is ExchangeState.WITHDRAWN:
        text = "The request was withdrawn before this answer came. It was ignored."
        return _only("answer.withdrawn", exchange.fingerprint, text, Severity.NOTE)
    same = exchange.state is (ExchangeState.ACCEPTED if answer.accepted else ExchangeState.REJECTED)
    if same:
        return _only("answer.repeated", exchange.fingerprint, "The same answer came before.", Severity.PASSED)
    event = (
        Accepted(message_id=response.message_id)
        if answer.accepted
        else Rejected(reason=answer.reason.strip() or "No reason was given.", message_id=response.message_id)
    )
    if found.in_use:
        return _in_use(exchange, accepted=answer.accepted, event=event)
    if not allows(TRANSITIONS, exchange.state, type(event)):
        return _only(
            "answer.too-late", exchange.fingerprint, f"The exchange is {exchange.state.value}; the answer was ignored."
        )
    changed = exchange.state in {ExchangeState.ACCEPTED, ExchangeState.REJECTED}
    findings = (_finding("answer.changed", exchange.fingerprint, _CHANGED, Severity.WARNING),) if changed else ()
    return AnswerDecision(events=(AnswerEvent(exchange=exchange, event=event),), findings=findings)


_CHANGED = "The partner changed its mind; the later answer counts, because the certificate is not in use with it yet."


def _in_use(exchange: Exchange, *, accepted: bool, event: Accepted | Rejected) -> AnswerDecision:
    """Row 28: once in use a decision stays. A first answer is still recorded; a rejection never changes anything by itself."""
    if exchange.state is ExchangeState.ACCEPTED:
        text = "The partner rejects what it had accepted, but the certificate is in use with it. Ask it, and switch back by hand."
        return _only("answer.after-use", exchange.fingerprint, text)
    if not allows(TRANSITIONS, exchange.state, type(event)):
        return _only(
            "answer.too-late", exchange.fingerprint, f"The exchange is {exchange.state.value}; the answer was ignored."
        )
    applied = AnswerEvent(exchange=exchange, event=event)
    if accepted:
        return AnswerDecision(events=(applied,))
    text = "The partner rejects the certificate, which is in use with it already. Nothing was switched; switch back by hand if needed."
    return AnswerDecision(
        events=(applied,), findings=(_finding("answer.rejected-in-use", exchange.fingerprint, text, Severity.WARNING),)
    )


def _unknown(reference: str, *, asked_elsewhere: bool) -> AnswerDecision:
    if asked_elsewhere:
        text = "The response answers a request that was sent to another partner. Nothing was changed: ask this partner why."
        return _only("answer.wrong-partner", reference, text)
    return _only(
        "answer.unknown-request", reference, "The response names a request that was never made. Nothing was changed."
    )


def _finding(code: str, subject: str, text: str, severity: Severity) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, text=text)


def _only(code: str, subject: str, text: str, severity: Severity = Severity.WARNING) -> AnswerDecision:
    return AnswerDecision(findings=(_finding(code, subject, text, severity),))


def _join(decisions: Sequence[AnswerDecision]) -> AnswerDecision:
    return AnswerDecision(
        events=tuple(e for d in decisions for e in d.events), findings=tuple(f for d in decisions for f in d.findings)
    )
