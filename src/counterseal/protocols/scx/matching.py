"""Which stored certificate a new one takes the place of, and for what (oftp2-scx.md 6.4).

    new certificate --> possible uses --> walk the stored ones, newest first --> first that leaves a use is the match
                                                                            none: possible uses apply, "no match"

Products compare different attributes; a rule is a row of the table, and the rule of an agreement is that of its partner's
product. Serial, key and validity never count: they always differ. Names are compared in meaning, not in print (SCX-17).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.kernel.distinguished import issuer_text, same_name, subject_text
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate, KeyUsageBit
from counterseal.protocols.scx.logical_id import LogicalId, key_usage_octets, names_logically, names_physically


class Use(StrEnum):
    """What a certificate does in OFTP2, as coarse as the products see it."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    TLS_SERVER = "tls-server"
    TLS_CLIENT = "tls-client"


class Attribute(StrEnum):
    SUBJECT = "subject"
    ISSUER = "issuer"
    KEY_USAGE = "key usage"
    EXTENDED_KEY_USAGE = "extended key usage"
    EXTENDED_KEY_USAGE_IF_BOTH = "extended key usage, where both have it"
    FLAGS = "signature, encipherment, client and server flags"


class MatchRule(StrEnum):
    """By what a product recognises the successor of a certificate."""

    EXACT = "exact"
    WITHOUT_EKU = "without-eku"
    LENIENT = "lenient"
    CLID = "clid"
    FLAGS = "flags"


RULES: Final[dict[MatchRule, tuple[Attribute, ...]]] = {
    # Activator: issuer, subject, key usage, extended key usage, exactly.
    MatchRule.EXACT: (
        Attribute.ISSUER,
        Attribute.SUBJECT,
        Attribute.KEY_USAGE,
        Attribute.EXTENDED_KEY_USAGE,
    ),
    # TSIM: extended key usage is not mentioned.
    MatchRule.WITHOUT_EKU: (Attribute.ISSUER, Attribute.SUBJECT, Attribute.KEY_USAGE),
    # OP08 1.9 as one open implementation reads it.
    MatchRule.LENIENT: (
        Attribute.ISSUER,
        Attribute.SUBJECT,
        Attribute.KEY_USAGE,
        Attribute.EXTENDED_KEY_USAGE_IF_BOTH,
    ),
    # The same, with the CLID of SFIDDESC tried first.
    MatchRule.CLID: (
        Attribute.ISSUER,
        Attribute.SUBJECT,
        Attribute.KEY_USAGE,
        Attribute.EXTENDED_KEY_USAGE_IF_BOTH,
    ),
    # Cleo: the four flags of the CLID entered for the partner.
    MatchRule.FLAGS: (Attribute.ISSUER, Attribute.SUBJECT, Attribute.FLAGS),
}


class MatchPath(StrEnum):
    """How a match was found; everything but the first three asks for a look by a person (oftp2-scx.md section 11)."""

    IDENTICAL = "identical"
    """The very same certificate: already there, nothing changes (SCX-33)."""
    CLID_PHYSICAL = "clid-physical"
    EXACT = "exact"
    CLID_LOGICAL = "clid-logical"
    LENIENT = "lenient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A certificate of the partner in use, and for what."""

    certificate: Certificate
    uses: frozenset[Use]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    stored: Stored
    path: MatchPath
    uses: frozenset[Use]
    """The new certificate's, narrowed to what the stored one is used for. Never empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetId:
    """A logical identity entered for a partner before any certificate of its came (SCX-22)."""

    subject: str | None
    """A distinguished name; ``None``: any."""
    common_name: str | None
    """Where only this much of the subject is known; ``None``: any."""
    issuer: str | None
    """``None``: any."""
    flags: frozenset[str]
    """Of ``digitalSignature``, ``keyEncipherment``, ``clientAuth``, ``serverAuth``: exactly these must be set."""


_FLAGS: Final[tuple[tuple[str, Callable[[Certificate], bool]], ...]] = (
    ("digitalSignature", lambda c: KeyUsageBit.DIGITAL_SIGNATURE in (c.key_usage or ())),
    ("keyEncipherment", lambda c: KeyUsageBit.KEY_ENCIPHERMENT in (c.key_usage or ())),
    ("clientAuth", lambda c: CLIENT_AUTH in (c.extended_key_usage or ())),
    ("serverAuth", lambda c: SERVER_AUTH in (c.extended_key_usage or ())),
)


def flags(certificate: Certificate) -> frozenset[str]:
    """Which of the four flags of 6.3's out-of-band CLID the certificate sets."""
    return frozenset(name for name, is_set in _FLAGS if is_set(certificate))


def fits_preset(preset: PresetId, certificate: Certificate) -> bool:
    """Whether a first certificate is the one that was announced out of band."""
    return (
        (preset.subject is None or same_name(preset.subject, subject_text(certificate)))
        and (preset.common_name is None or preset.common_name == certificate.common_name)
        and (preset.issuer is None or same_name(preset.issuer, issuer_text(certificate)))
        and preset.flags == flags(certificate)
    )


def usage_defaults(certificate: Certificate) -> frozenset[Use]:
    """How Activator reads an unmatched certificate: extended key usage first, so that one for all purposes is TLS only."""
    tls = _tls_uses(certificate)
    return tls or _message_uses(certificate)


def possible_uses(certificate: Certificate) -> frozenset[Use]:
    """How we read one: every role that key usage permits, and TLS where extended key usage says so or is absent (SCX-24)."""
    uses = _message_uses(certificate) | _tls_uses(certificate)
    if certificate.extended_key_usage is None and _message_uses(certificate):
        uses |= {Use.TLS_SERVER, Use.TLS_CLIENT}
    return uses


def _tls_uses(certificate: Certificate) -> frozenset[Use]:
    purposes = certificate.extended_key_usage or frozenset()
    pairs = ((SERVER_AUTH, Use.TLS_SERVER), (CLIENT_AUTH, Use.TLS_CLIENT))
    return frozenset(use for purpose, use in pairs if purpose in purposes)


def _message_uses(certificate: Certificate) -> frozenset[Use]:
    if certificate.key_usage is None:
        return frozenset({Use.SIGNING, Use.ENCRYPTION})
    pairs = ((KeyUsageBit.DIGITAL_SIGNATURE, Use.SIGNING), (KeyUsageBit.KEY_ENCIPHERMENT, Use.ENCRYPTION))
    return frozenset(use for bit, use in pairs if bit in certificate.key_usage)


def match(
    new: Certificate,
    stored: Sequence[Stored],
    clid: LogicalId | None,
    *,
    rule: MatchRule,
    uses: frozenset[Use],
) -> Match | None:
    """What the new certificate takes the place of.

    Args:
        stored: in use for that station, newest first.
        clid: from SFIDDESC; looked at under ``MatchRule.CLID`` alone.
        uses: of the new certificate, ``usage_defaults`` or ``possible_uses``.

    Returns ``None`` where no stored certificate matches and leaves a use: then ``uses`` apply, and it counts as no match.
    """
    for held in stored:
        if held.certificate == new and held.uses:
            return Match(stored=held, path=MatchPath.IDENTICAL, uses=held.uses)
    for path, fits in _paths(new, clid, rule):
        for held in stored:
            narrowed = uses & held.uses
            if narrowed and fits(held.certificate):
                return Match(stored=held, path=path, uses=narrowed)
    return None


_Fits = Callable[[Certificate], bool]


def _paths(new: Certificate, clid: LogicalId | None, rule: MatchRule) -> list[tuple[MatchPath, _Fits]]:
    exact = MatchPath.EXACT, lambda old: _equal(MatchRule.EXACT, new, old)
    if rule is MatchRule.EXACT:
        return [exact]
    paths: list[tuple[MatchPath, _Fits]] = [exact, (MatchPath.LENIENT, lambda old: _equal(rule, new, old))]
    if rule is MatchRule.CLID and clid is not None:
        named = clid
        paths[:0] = [
            (MatchPath.CLID_PHYSICAL, lambda old: names_physically(named, old)),
            (MatchPath.CLID_LOGICAL, lambda old: names_logically(named, old)),
        ]
    return paths


def _equal(rule: MatchRule, new: Certificate, old: Certificate) -> bool:
    return all(EQUAL[attribute](new, old) for attribute in RULES[rule])


EQUAL: Final[dict[Attribute, Callable[[Certificate, Certificate], bool]]] = {
    Attribute.SUBJECT: lambda new, old: same_name(subject_text(new), subject_text(old)),
    Attribute.ISSUER: lambda new, old: same_name(issuer_text(new), issuer_text(old)),
    Attribute.KEY_USAGE: lambda new, old: key_usage_octets(new) == key_usage_octets(old),
    Attribute.EXTENDED_KEY_USAGE: lambda new, old: new.extended_key_usage == old.extended_key_usage,
    Attribute.EXTENDED_KEY_USAGE_IF_BOTH: lambda new, old: (
        new.extended_key_usage is None
        or old.extended_key_usage is None
        or new.extended_key_usage == old.extended_key_usage
    ),
    Attribute.FLAGS: lambda new, old: flags(new) == flags(old),
}
