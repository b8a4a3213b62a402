"""What a partner's product will make of our new certificate, before it is sent (product.md section 2; oftp2-scx.md 6.4).

A forecast, not a promise: rules are known from documentation, and a partner may run another version.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from counterseal.kernel.distinguished import issuer_text, subject_text
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, Certificate
from counterseal.protocols.scx.matching import EQUAL, RULES, Attribute, MatchRule, Use, flags, usage_defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An attribute that the rule compares and that is not equal, each side in words."""

    attribute: Attribute
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """The forecast for one partner."""

    matches: bool
    """Whether the rule finds the old certificate; under ``CLID`` because SFIDDESC names it."""
    equal: tuple[Attribute, ...]
    different: tuple[Difference, ...]
    rewritten: tuple[Attribute, ...]
    """Names that mean the same and are encoded otherwise: a product that compares octets will not find them."""
    read_as: frozenset[Use]
    """What a product that reads extended key usage first takes it for when it does not match."""
    reason: str
    """One sentence for a person."""


def preflight(new: Certificate, old: Certificate | None, rule: MatchRule) -> Preflight:
    """What matches, what not, and why. ``old``: what the partner has now; ``None``: nothing, so nothing can match."""
    read_as = usage_defaults(new)
    if old is None:
        reason = (
            "The partner has no certificate of ours that this one could match; it may have to be installed by hand."
        )
        return Preflight(matches=False, equal=(), different=(), rewritten=(), read_as=read_as, reason=reason)
    equal = tuple(attribute for attribute in RULES[rule] if EQUAL[attribute](new, old))
    different = tuple(
        Difference(attribute=attribute, old=_IN_WORDS[attribute](old), new=_IN_WORDS[attribute](new))
        for attribute in RULES[rule]
        if attribute not in equal
    )
    return Preflight(
        matches=not different or rule is MatchRule.CLID,
        equal=equal,
        different=different,
        rewritten=tuple(attribute for attribute in equal if _octets(attribute, new) != _octets(attribute, old)),
        read_as=read_as,
        reason=_reason(different, rule, read_as),
    )


def _reason(different: tuple[Difference, ...], rule: MatchRule, read_as: frozenset[Use]) -> str:
    if not different:
        return "Everything that the partner compares is equal: it will take this certificate as the successor."
    names = " and ".join(difference.attribute.value for difference in different)
    verb = "differ" if len(different) > 1 else "differs"
    if rule is MatchRule.CLID:
        return f"{names[:1].upper()}{names[1:]} {verb}, but the message names the old certificate: it will be found by that."
    uses = ", ".join(sorted(read_as)) or "nothing"
    return (
        f"{names[:1].upper()}{names[1:]} {verb}: it will not be taken as the successor. "
        f"A partner may hold it for approval, reject it, or take it for {uses}."
    )


def _octets(attribute: Attribute, certificate: Certificate) -> bytes:
    loaded = certificate.load()
    match attribute:
        case Attribute.SUBJECT:
            return loaded.subject.public_bytes()
        case Attribute.ISSUER:
            return loaded.issuer.public_bytes()
        case _:
            return b""


def _key_usage(certificate: Certificate) -> str:
    return "absent" if certificate.key_usage is None else ", ".join(sorted(certificate.key_usage)) or "none"


_PURPOSES: Final = {SERVER_AUTH: "serverAuth", CLIENT_AUTH: "clientAuth"}


def _purposes(certificate: Certificate) -> str:
    if certificate.extended_key_usage is None:
        return "absent"
    return ", ".join(sorted(_PURPOSES.get(oid, oid) for oid in certificate.extended_key_usage))


_IN_WORDS: Final[dict[Attribute, Callable[[Certificate], str]]] = {
    Attribute.SUBJECT: subject_text,
    Attribute.ISSUER: issuer_text,
    Attribute.KEY_USAGE: _key_usage,
    Attribute.EXTENDED_KEY_USAGE: _purposes,
    Attribute.EXTENDED_KEY_USAGE_IF_BOTH: _purposes,
    Attribute.FLAGS: lambda certificate: ", ".join(sorted(flags(certificate))) or "none",
}
