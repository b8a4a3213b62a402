"""A certificate that a partner announced before it came: whose it will be, who issues it, what it will be for (SCX-22).

A line of the agreement: ``SUBJECT | ISSUER | FLAGS``. An empty subject or issuer means any; the flags are those of Cleo's CLID tab
(oftp2-scx.md 6.3), exactly these, and left out any.
"""

from dataclasses import dataclass
from typing import Final

from counterseal.kernel.distinguished import issuer_text, name_key, same_name, subject_text
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit

FLAGS: Final = ("digitalSignature", "keyEncipherment", "clientAuth", "serverAuth")
_PARTS: Final = (2, 3)


class UnreadableIdentity(CallerFault):
    """A line that names nobody; the sentence says what was expected."""

    code = "domain.unreadable-identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    subject: str
    issuer: str
    flags: frozenset[str] | None

    def fits(self, certificate: Certificate) -> bool:
        return (
            (not self.subject or same_name(self.subject, subject_text(certificate)))
            and (not self.issuer or same_name(self.issuer, issuer_text(certificate)))
            and (self.flags is None or self.flags == _flags_of(certificate))
        )


def read_announced(line: str) -> Announced:
    """Raises ``UnreadableIdentity``."""
    parts = [part.strip() for part in line.split("|")]
    if len(parts) not in _PARTS or not (parts[0] or parts[1]):
        raise UnreadableIdentity(f"expected SUBJECT | ISSUER | FLAGS with a subject or an issuer, came {line[:80]!r}")
    for name in filter(None, parts[:2]):
        if "=" not in name or not name_key(name):
            raise UnreadableIdentity(f"{name[:80]!r} is no distinguished name such as CN=Bravo, O=Bravo Ltd, C=GB")
    flags = None
    if len(parts) == max(_PARTS):
        flags = frozenset(parts[2].replace(",", " ").split())
        if strange := sorted(flags - set(FLAGS)):
            raise UnreadableIdentity(f"{strange[0][:40]!r} is none of {', '.join(FLAGS)}")
    return Announced(subject=parts[0], issuer=parts[1], flags=flags)


def _flags_of(certificate: Certificate) -> frozenset[str]:
    usage, purposes = certificate.key_usage or (), certificate.extended_key_usage or ()
    is_set = (
        KeyUsageBit.DIGITAL_SIGNATURE in usage,
        KeyUsageBit.KEY_ENCIPHERMENT in usage,
        CLIENT_AUTH in purposes,
        SERVER_AUTH in purposes,
    )
    return frozenset(flag for flag, there in zip(FLAGS, is_set, strict=True) if there)
