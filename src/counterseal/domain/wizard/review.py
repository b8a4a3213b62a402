"""Page 3 of the wizard, the certificate: what stands out before anybody is told (product.md section 2, point 3)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.community import CommunityRules
from counterseal.domain.policies.certificate import PURPOSES, forbidden_by_key_usage, forbidden_by_purpose, needed_bits
from counterseal.domain.policies.model import day
from counterseal.domain.usage import DECRYPTING, SIGNING, Side, Usage
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate

SHORT: Final = timedelta(days=90)
"""Partners usually take weeks to answer: with less than a quarter of a year the next exchange begins at once."""
_TLS: Final = frozenset({Usage.TLS_SERVER, Usage.TLS_CLIENT})


def findings_about(
    certificate: Certificate,
    usages: frozenset[Usage],
    *,
    rules: CommunityRules,
    held: Sequence[HeldCertificate],
    respond_by: datetime | None,
    now: datetime,
) -> tuple[Finding, ...]:
    """Findings about a certificate of ours for these usages. A refusal means that Finish will refuse it.

    ``held`` is what the community holds; ``respond_by`` is ``None`` as long as no date is chosen.
    """
    return (
        *_time(certificate, respond_by, now),
        *_key(certificate, rules),
        *_use(certificate, usages),
        *_key_before(certificate, held),
        *_purposes(certificate, usages),
    )


def _finding(certificate: Certificate, code: str, severity: Severity, text: str) -> Finding:
    return Finding(code=code, severity=severity, subject=certificate.fingerprint, text=text)


def _time(certificate: Certificate, respond_by: datetime | None, now: datetime) -> list[Finding]:
    ends = certificate.not_after
    if now > ends:
        return [
            _finding(
                certificate,
                "certificate.expired",
                Severity.REFUSAL,
                f"It ended on {day(ends)}. Take one that is valid.",
            )
        ]
    found = []
    if respond_by is not None and ends <= respond_by:
        text = f"It ends on {day(ends)}, before partners have to answer ({day(respond_by)}). Take an earlier date or another certificate."
        found.append(_finding(certificate, "validity.before-respond-by", Severity.REFUSAL, text))
    elif ends - now < SHORT:
        text = f"It ends on {day(ends)}, in {(ends - now).days} days. Partners have to exchange again soon."
        found.append(_finding(certificate, "validity.short", Severity.WARNING, text))
    if respond_by is not None and certificate.not_before > respond_by:
        text = f"It is valid only from {day(certificate.not_before)}, after the respond-by date; partners will reject it. Take a later date."
        found.append(_finding(certificate, "validity.after-respond-by", Severity.REFUSAL, text))
    elif certificate.not_before > now:
        text = f"It is valid only from {day(certificate.not_before)}: partners that accept it wait until then."
        found.append(_finding(certificate, "certificate.not-yet-valid", Severity.NOTE, text))
    return found


def _key(certificate: Certificate, rules: CommunityRules) -> list[Finding]:
    if certificate.key_algorithm == "rsa" and certificate.key_bits < rules.minimum_rsa_bits:
        text = f"RSA {certificate.key_bits} is below your minimum of {rules.minimum_rsa_bits}; partners refuse weak keys. Take a longer one."
        return [_finding(certificate, "key.weak", Severity.WARNING, text)]
    if certificate.signature_digest in {"md5", "sha1"}:
        text = f"It is signed with {certificate.signature_digest.upper()}, which partners refuse. Have it issued with SHA-256."
        return [_finding(certificate, "key.weak-digest", Severity.WARNING, text)]
    return [_finding(certificate, "key.strength", Severity.PASSED, "Key and digest meet your policy.")]


def _use(certificate: Certificate, usages: frozenset[Usage]) -> list[Finding]:
    found = []
    for usage in forbidden_by_key_usage(certificate, usages):
        needs = " or ".join(b.value for b in needed_bits(certificate, usage))
        text = f"Its key usage forbids {usage.value}, which needs {needs}. Leave that use out, or take another certificate."
        found.append(_finding(certificate, "usage.key-usage", Severity.REFUSAL, text))
    for usage in forbidden_by_purpose(certificate, usages):
        name = "serverAuth" if PURPOSES[usage] == SERVER_AUTH else "clientAuth"
        text = f"Its extended key usage does not name {name}, which {usage.value} needs. Leave that use out, or take another certificate."
        found.append(_finding(certificate, "usage.extended-key-usage", Severity.REFUSAL, text))
    if certificate.is_ca:
        text = "It is marked as a CA certificate; many partners refuse such a one. Take one with CA:FALSE."
        found.append(_finding(certificate, "certificate.ca-flag", Severity.WARNING, text))
    return found


def _key_before(certificate: Certificate, held: Sequence[HeldCertificate]) -> list[Finding]:
    same = [h for h in held if h.certificate.spki == certificate.spki and h.fingerprint != certificate.fingerprint]
    if any(h.side is Side.THEIRS for h in same):
        text = "A partner's certificate has the same key: it is not yours alone. Make a new key."
        return [_finding(certificate, "key.foreign", Severity.REFUSAL, text)]
    if same:
        text = f"Its key was used before, in {same[0].certificate.common_name}. A renewal with a new key is better."
        return [_finding(certificate, "key.reuse", Severity.WARNING, text)]
    return [_finding(certificate, "key.reuse", Severity.PASSED, "A new key, never used before.")]


def _purposes(certificate: Certificate, usages: frozenset[Usage]) -> list[Finding]:
    found = []
    if (
        Usage.TLS_CLIENT in usages
        and not certificate.self_issued
        and CLIENT_AUTH in (certificate.extended_key_usage or ())
    ):
        text = (
            "Public CAs stop issuing clientAuth: its successor from a public CA may not serve for TLS client. Plan a private CA or a "
            "self-signed one for that use."
        )
        found.append(_finding(certificate, "usage.client-auth", Severity.NOTE, text))
    if usages & _TLS and usages & (SIGNING | DECRYPTING):
        text = "It serves TLS and messages together: when TLS certificates run out every 47 days, signing and encryption go with them."
        found.append(_finding(certificate, "usage.shared-with-tls", Severity.NOTE, text))
    return found
