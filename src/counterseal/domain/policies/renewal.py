"""Which certificates in use an offered one renews: subject, issuer, key usage and extended key usage equal (SCX-16)."""

from counterseal.domain.policies.model import Input
from counterseal.domain.usage import Usage
from counterseal.kernel.distinguished import name_key
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.x509 import Certificate


def differing_fields(old: Certificate, new: Certificate) -> tuple[str, ...]:
    """The fields of the match that are not equal, in the words of the pages; empty: a renewal. Names are compared by
    meaning: print order, spacing and case do not count (SCX-17)."""
    checks = (
        ("subject", name_key(old.subject) == name_key(new.subject)),
        ("issuer", name_key(old.issuer) == name_key(new.issuer)),
        ("key usage", old.key_usage == new.key_usage),
        ("extended key usage", old.extended_key_usage == new.extended_key_usage),
    )
    return tuple(name for name, equal in checks if not equal)


def candidates(case: Input) -> tuple[tuple[Certificate, frozenset[Usage]], ...]:
    """The partner's other certificates that are accepted today for one of the offered usages, newest first, each with the
    usages that it has in this agreement."""
    usages: dict[Fingerprint, set[Usage]] = {}
    for a in case.theirs_live():
        if a.fingerprint != case.fingerprint:
            usages.setdefault(a.fingerprint, set()).add(a.usage)
    return tuple(
        (case.held[fingerprint].certificate, frozenset(has))
        for fingerprint, has in usages.items()
        if fingerprint in case.held and has & case.usages
    )


def renewed(case: Input) -> tuple[Fingerprint, ...]:
    """The fingerprints of the certificates in use that this one renews, newest first: by the match, or because the CLID of an
    SCX file names them (SCX-18)."""
    return tuple(
        old.fingerprint
        for old, _ in candidates(case)
        if old.fingerprint in case.named_old or not differing_fields(old, case.offered)
    )


def covered(case: Input) -> frozenset[Usage]:
    """The offered usages for which one of the renewed certificates is accepted today."""
    names = set(renewed(case))
    return frozenset(u for old, has in candidates(case) if old.fingerprint in names for u in has) & case.usages


def is_renewal(case: Input) -> bool:
    """A renewal by equality in every offered usage: nothing is asked for that the old ones do not have. That the sender names one
    with another subject or issuer as the old one is no equality, and decides nothing without a trusted chain or a person."""
    equal = (has for old, has in candidates(case) if not differing_fields(old, case.offered))
    return bool(case.usages) and frozenset(u for has in equal for u in has) >= case.usages
