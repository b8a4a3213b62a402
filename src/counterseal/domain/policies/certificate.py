"""Policies on the certificate by itself: time, strength, CA flag, key usage (cem.md section 6, 14, 15, 17, 18)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from counterseal.domain.channel import Channel
from counterseal.domain.policies.model import Input, Policy, Result, day, note, passed, refusal, warning
from counterseal.domain.policies.renewal import candidates, renewed
from counterseal.domain.usage import DECRYPTING, SIGNING, Protocol, Usage
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit, permits

SHORT: Final = timedelta(days=30)
"""Less validity than this is worth a note: the next exchange has to begin at once."""
MAX_RSA_BITS: Final = 16384
"""OpenSSL's own bound; larger keys only cost time."""
CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})


def _expired(case: Input) -> Result | None:
    """Row 14 (CEM-48), SCX-11."""
    certificate = case.offered
    if case.now > certificate.not_after:
        return refusal(f"The certificate ended on {day(certificate.not_after)}. Send one that is valid.")
    return passed(f"Valid until {day(certificate.not_after)}.")


def _not_yet_valid(case: Input) -> Result | None:
    """Row 15: pending until validity begins, if that is in time; SCX-11: at once refused."""
    begins = case.offered.not_before
    if case.now >= begins:
        return None
    if case.channel is Channel.SCX:
        return refusal(f"The certificate is valid only from {day(begins)}. Send it again then.")
    if case.respond_by is not None and begins > case.respond_by:
        return refusal(
            f"The certificate is not valid before the respond-by date: it begins on {day(begins)}, and an answer is asked for by "
            f"{day(case.respond_by)}. Send it again with a later date."
        )
    return note(f"It is valid only from {day(begins)}. The answer waits until then unless you decide before.")


def _lifetime(case: Input) -> Result | None:
    certificate = case.offered
    days = (certificate.not_after - certificate.not_before).days
    if days > case.rules.maximum_validity_days:
        return note(f"It is valid for {days} days; this community expects at most {case.rules.maximum_validity_days}.")
    if certificate.not_after - case.now < SHORT:
        return note(f"It ends already on {day(certificate.not_after)}. Ask for one that lasts longer.")
    return None


def _shorter(case: Input) -> Result | None:
    """A renewal that ends before what it renews is rare, and how an old certificate is brought back."""
    names = set(renewed(case))
    ends = [old.not_after for old, _ in candidates(case) if old.fingerprint in names]
    if not ends or case.offered.not_after >= max(ends):
        return None
    return warning(
        f"It ends on {day(case.offered.not_after)}, before the one in use ({day(max(ends))}). Ask whether that is meant."
    )


def _ca_flag(case: Input) -> Result | None:
    """Row 18; product.md section 2: a self-signed end entity with CA:TRUE, as common tools make them, is a warning when it is
    pinned or renews one."""
    certificate = case.offered
    if not certificate.is_ca:
        return passed("Not a CA certificate.")
    if certificate.self_signed and (case.pinned or renewed(case)):
        return warning(
            "It is self-signed and marked as a CA certificate, as common tools do. It is trusted as itself only."
        )
    return refusal("This is a CA certificate (basic constraints say CA). Send an end-entity certificate.")


def _key_kind(case: Input) -> Result | None:
    """RFC 5024's suites encrypt and sign with RSA."""
    certificate = case.offered
    if certificate.key_algorithm not in {"rsa", "ec"}:
        return refusal("The key is neither RSA nor EC. Send a certificate with an RSA key.")
    file_usages = case.usages & (SIGNING | DECRYPTING)
    if case.agreement.protocol is Protocol.OFTP2 and certificate.key_algorithm != "rsa" and file_usages:
        return refusal("OFTP2 file security and session authentication need an RSA key. Send a certificate with one.")
    return None


def _strength(case: Input) -> Result | None:
    """Row 18, by the community's policy."""
    certificate = case.offered
    if certificate.key_algorithm == "rsa":
        least = case.rules.minimum_rsa_bits
        if certificate.key_bits < least:
            return refusal(
                f"RSA {certificate.key_bits} is below our minimum of {least}. Send a certificate with a longer key."
            )
        if certificate.key_bits > MAX_RSA_BITS:
            return refusal(
                f"RSA {certificate.key_bits} is above our maximum of {MAX_RSA_BITS}. Send one with a shorter key."
            )
        return passed(f"RSA {certificate.key_bits} meets the minimum of {least}.")
    if certificate.key_algorithm == "ec" and certificate.curve not in CURVES:
        return refusal(f"The curve {certificate.curve} is not supported. Send a certificate on P-256 or P-384.")
    return passed(f"EC {certificate.curve} is strong enough.") if certificate.key_algorithm == "ec" else None


def _digest(case: Input) -> Result | None:
    """How the certificate itself is signed. On a self-signed one the signature proves nothing, so its digest hardly matters."""
    certificate = case.offered
    digest = certificate.signature_digest
    if digest == "md5":
        return refusal("The certificate is signed with MD5. Send one that is signed with SHA-256.")
    if digest == "sha1" and certificate.self_issued:
        return note("It is self-signed with SHA-1. Ask for SHA-256 next time.")
    if digest == "sha1":
        return warning("Its issuer signed it with SHA-1, which can be forged. Ask for one that is signed with SHA-256.")
    return passed(f"Signed with {digest}.") if digest else None


_SIGNS: Final = (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.NON_REPUDIATION)
_TLS: Final = (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT, KeyUsageBit.KEY_AGREEMENT)
_NEEDS: Final[Mapping[Usage, tuple[KeyUsageBit, ...]]] = {
    Usage.SIGN: _SIGNS,
    Usage.FILE_SIGN: _SIGNS,
    Usage.RECEIPT_SIGN: _SIGNS,
    Usage.ENCRYPT: (KeyUsageBit.KEY_ENCIPHERMENT,),
    Usage.FILE_ENCRYPT: (KeyUsageBit.KEY_ENCIPHERMENT,),
    Usage.SESSION_AUTH: (KeyUsageBit.KEY_ENCIPHERMENT,),
    Usage.TLS_SERVER: _TLS,
    Usage.TLS_CLIENT: (KeyUsageBit.DIGITAL_SIGNATURE,),
}
"""RFC 5280 4.2.1.3: one of these bits must be there. For EC keys encryption is key agreement."""
PURPOSES: Final[Mapping[Usage, str]] = {Usage.TLS_SERVER: SERVER_AUTH, Usage.TLS_CLIENT: CLIENT_AUTH}
"""Extended key usage binds TLS only: a certificate with serverAuth alone may sign files too (oftp2-scx.md 6.4)."""


def needed_bits_of(key_algorithm: str, usage: Usage) -> tuple[KeyUsageBit, ...]:
    """The key usage bits of which a certificate with such a key needs one for this usage."""
    if usage in DECRYPTING and key_algorithm == "ec":
        return (KeyUsageBit.KEY_AGREEMENT,)
    return _NEEDS[usage]


def needed_bits(certificate: Certificate, usage: Usage) -> tuple[KeyUsageBit, ...]:
    """As ``needed_bits_of``, for this certificate's key."""
    return needed_bits_of(certificate.key_algorithm, usage)


def forbidden_by_key_usage(certificate: Certificate, usages: frozenset[Usage]) -> tuple[Usage, ...]:
    """Those of ``usages`` that the key usage extension does not allow, in the order of ``Usage``."""
    return tuple(u for u in Usage if u in usages and not permits(certificate, *needed_bits(certificate, u)))


def forbidden_by_purpose(certificate: Certificate, usages: frozenset[Usage]) -> tuple[Usage, ...]:
    """Those of ``usages`` that the extended key usage does not allow, in the order of ``Usage``."""
    given = certificate.extended_key_usage
    return (
        () if given is None else tuple(u for u in Usage if u in usages and u in PURPOSES and PURPOSES[u] not in given)
    )


def _key_usage(case: Input) -> Result | None:
    """Row 17 (CEM-51): no partial acceptance, so one forbidden usage refuses the certificate (CEM-32)."""
    certificate = case.offered
    forbidden = forbidden_by_key_usage(certificate, case.usages)
    if not forbidden:
        return passed("Its key usage allows what it is offered for.")
    has = ", ".join(b.value for b in KeyUsageBit if b in (certificate.key_usage or ())) or "nothing"
    needs = " or ".join(b.value for b in needed_bits(certificate, forbidden[0]))
    return refusal(
        f"The key usage of {certificate.subject} is {has}; {forbidden[0].value} needs {needs}. Issue it again with that."
    )


def _purpose(case: Input) -> Result | None:
    """Row 17, extended key usage."""
    forbidden = forbidden_by_purpose(case.offered, case.usages)
    if not forbidden:
        return None
    name = "serverAuth" if forbidden[0] is Usage.TLS_SERVER else "clientAuth"
    return refusal(f"Its extended key usage lacks {name}, which {forbidden[0].value} needs. Issue it again with that.")


def _client_auth(case: Input) -> Result | None:
    """Public CAs stop issuing clientAuth: say it before their connections are refused."""
    new = case.offered.extended_key_usage
    if new is None or CLIENT_AUTH in new:
        return None
    had = any(CLIENT_AUTH in (old.extended_key_usage or ()) for old, _ in candidates(case))
    if not had:
        return None
    return note(
        "TLS client is gone from its extended key usage: their connections with it are refused where one is required."
    )


CERTIFICATE_CHAIN = (
    Policy(code="certificate.expired", check=_expired),
    Policy(code="certificate.not-yet-valid", check=_not_yet_valid),
    Policy(code="validity.lifetime", check=_lifetime),
    Policy(code="validity.shorter", check=_shorter),
    Policy(code="certificate.ca-flag", check=_ca_flag),
    Policy(code="key.kind", check=_key_kind),
    Policy(code="key.strength", check=_strength),
    Policy(code="key.digest", check=_digest),
    Policy(code="usage.key-usage", check=_key_usage),
    Policy(code="usage.extended-key-usage", check=_purpose),
    Policy(code="usage.client-auth", check=_client_auth),
)
