"""What an SCX certificate is for: nothing in the file says it, so it follows from what it matches and what it allows.

oftp2-scx.md 6.4: the CLID in SFIDDESC is tried first, then the certificate's own logical identity; matching certificates in use
are walked newest to oldest, and the first that leaves a usage decides (SCX-18, SCX-25). A certificate takes over what the matched
one was used for and its key usage allows (SCX-21): so a certificate with serverAuth and clientAuth still serves all roles that
its predecessor had (SCX-24). Without a match the defaults hold: extended key usage first, then key usage.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from counterseal.domain.assignment import Assignment
from counterseal.domain.policies.certificate import forbidden_by_key_usage, forbidden_by_purpose
from counterseal.domain.policies.renewal import differing_fields
from counterseal.domain.resolve import Held
from counterseal.domain.usage import BY_PROTOCOL, Protocol, Side, Usage
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate

_TLS = frozenset({Usage.TLS_SERVER, Usage.TLS_CLIENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    usages: frozenset[Usage]
    """What the certificate is offered for; empty: nothing that it could be used for."""
    matched: Fingerprint | None
    """The certificate in use that decided; ``None``: the defaults did, and it counts as no match."""


def match_scx(
    certificate: Certificate,
    assignments: Sequence[Assignment],
    held: Held,
    *,
    named_old: frozenset[Fingerprint],
) -> Match:
    """The usages of an offered SCX certificate in one agreement, by its ``assignments`` (every side and state).

    One that is live already keeps its usages: delivered again it changes nothing (SCX-33).
    """
    live = sorted(
        (a for a in assignments if a.side is Side.THEIRS and a.accepts),
        key=lambda a: (a.created_at, a.id),
        reverse=True,
    )
    own = frozenset(a.usage for a in live if a.fingerprint == certificate.fingerprint)
    if own:
        return Match(usages=own, matched=certificate.fingerprint)
    walked = list(dict.fromkeys(a.fingerprint for a in live))
    for fingerprint in sorted(walked, key=lambda f: f not in named_old):
        if fingerprint not in held or not _matches(
            held[fingerprint].certificate, certificate, named=fingerprint in named_old
        ):
            continue
        usages = allowed(certificate, frozenset(a.usage for a in live if a.fingerprint == fingerprint))
        if usages:
            return Match(usages=usages, matched=fingerprint)
    return Match(usages=default_usages(certificate), matched=None)


def _matches(old: Certificate, new: Certificate, *, named: bool) -> bool:
    return named or not differing_fields(old, new)


def allowed(certificate: Certificate, usages: frozenset[Usage]) -> frozenset[Usage]:
    """Those of ``usages`` that key usage and extended key usage allow."""
    return usages - {*forbidden_by_key_usage(certificate, usages), *forbidden_by_purpose(certificate, usages)}


def default_usages(certificate: Certificate) -> frozenset[Usage]:
    """What an unmatched certificate is taken for: TLS only where its extended key usage names TLS, else what its key usage
    allows of signing and encryption."""
    purposes = certificate.extended_key_usage or frozenset()
    if purposes & {SERVER_AUTH, CLIENT_AUTH}:
        return allowed(certificate, _TLS)
    return allowed(certificate, BY_PROTOCOL[Protocol.OFTP2] - _TLS)
