"""Policies on how the offer came: who signed it, whose name it carries, whether it could be read (cem.md section 6, 1 to 10)."""

from counterseal.domain.channel import Channel
from counterseal.domain.policies.model import Input, Policy, Result, passed, refusal, warning
from counterseal.domain.resolve import acceptors
from counterseal.domain.usage import BY_PROTOCOL, Side, Usage


def _signed(case: Input) -> Result | None:
    """Rows 2 and 3: signed by a certificate that is accepted today, never by the one that it introduces (CEM-9, CEM-47)."""
    if case.channel is not Channel.CEM:
        return None
    signer = case.envelope.signer
    if signer is None and case.agreement.as2.require_signed:
        return refusal("The request is not signed. Sign it with your signing certificate that is in use today.")
    if signer is None:
        return warning(
            "The request is not signed: anybody may have sent it. Ask the partner, and compare the fingerprint."
        )
    if signer not in acceptors(case.assignments, Side.THEIRS, Usage.SIGN):
        return refusal(
            "The request is signed by a certificate that is not in use between us today. Sign it with the one that is."
        )
    return passed("Signed by the partner's certificate that is in use today.")


def _session(case: Input) -> Result | None:
    """SCX files are never signed: the session stands for the sender (oftp2-scx.md 6.8)."""
    if case.channel is not Channel.SCX:
        return None
    if not case.envelope.session_authenticated:
        return warning("The session was authenticated by its password only. Compare the fingerprint by another way.")
    return passed("The session was authenticated as this partner.")


def _open_channel(case: Input) -> Result | None:
    """Mail and portal prove nobody."""
    if case.channel not in {Channel.MAIL, Channel.PORTAL}:
        return None
    return warning(f"It came by {case.channel.value}, which proves no sender. Compare the fingerprint by another way.")


def _names(case: Input) -> Result | None:
    """Row 7 (CEM-19), SCX-10: the name inside is the sender's."""
    expected = case.agreement.partner_identity
    for came in (case.envelope.sender, case.envelope.claimed):
        if came is not None and came.strip() != expected.strip():
            return refusal(
                f"The name in the message is {came!r}, but the sender is {expected!r}. Send it under one name."
            )
    return passed(f"The names in the message are {expected}.")


def _usages(case: Input) -> Result | None:
    """Row 34: no partial acceptance, so one unsupported usage refuses the certificate; never silently accepted."""
    possible = BY_PROTOCOL[case.agreement.protocol] & case.supported
    foreign = sorted(case.usages - possible)
    if foreign:
        return refusal(
            f"The certificate is offered for {', '.join(foreign)}, which is not supported here. Offer it without that usage."
        )
    if not case.usages:
        return refusal("The certificate is offered for no usage. Say what it is for.")
    return passed(f"Offered for {', '.join(u.value for u in Usage if u in case.usages)}.")


def _readable(case: Input) -> Result | None:
    """Rows 8 and 9 (CEM-51): there is one end-entity certificate, and it is the one that the message names."""
    if case.problem:
        return refusal(case.problem)
    if case.certificate is None:
        return refusal("No certificate could be read. Send one X.509 certificate in DER.")
    return passed("The certificate is readable and the one that the message names.")


ENVELOPE_CHAIN = (
    Policy(code="envelope.signed", check=_signed),
    Policy(code="envelope.session", check=_session),
    Policy(code="envelope.channel", check=_open_channel),
    Policy(code="envelope.names", check=_names),
    Policy(code="usage.supported", check=_usages),
    Policy(code="certificate.readable", check=_readable),
)
"""Run first. When ``certificate.readable`` refuses, the other chains do not run: there is nothing to look at."""
