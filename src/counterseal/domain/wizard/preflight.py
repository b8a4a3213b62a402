"""What partners' products will make of our certificate over SCX, in words, before anything is sent (oftp2-scx.md 6.4).

    forecasts, one per matching rule and certificate that it is to replace  -->  will match, may not match, will not match
                                                                                  + why, and what to change

A forecast, not a promise: rules are known from documentation, and a partner may run another version.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from counterseal.domain.agreement import Agreement
from counterseal.domain.channel import SCXRule, SCXType
from counterseal.domain.usage import Usage


class Preflight(StrEnum):
    """What the partner's matching rule will make of the certificate (oftp2-scx.md 6.4)."""

    WILL_MATCH = "will match"
    MAY_NOT_MATCH = "may not match"
    WILL_NOT_MATCH = "will not match"


class RuleSource(StrEnum):
    """How we know by which rule a partner matches."""

    SET = "set"
    LEARNED = "learned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field that a rule compares, and that is not equal; each side in words."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One rule, one certificate of ours that the partner has."""

    matches: bool
    named: bool
    """Found by its name in the message, whatever differs."""
    equal: tuple[str, ...]
    different: tuple[FieldDifference, ...]
    rewritten: tuple[str, ...]
    """Names that mean the same and are encoded otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A certificate of ours that is active with the partner, and what each rule makes of the new one beside it."""

    title: str
    usages: frozenset[Usage]
    forecasts: Mapping[SCXRule, Forecast]
    """For every rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightLine:
    result: Preflight
    text: str
    rules: tuple[SCXRule, ...]
    """Those that the partner may match by."""
    source: RuleSource
    equal: tuple[str, ...] = ()
    different: tuple[FieldDifference, ...] = ()
    advice: tuple[str, ...] = ()
    """What to change, and what to do afterwards; sentences."""


PRODUCTS: Final[Mapping[SCXRule, str]] = {
    SCXRule.EXACT: "Axway Activator",
    SCXRule.NO_EKU: "TSIM",
    SCXRule.CLID: "Cleo, !MC5",
    SCXRule.LENIENT: "Oftp4Net",
}


def rules_of(agreement: Agreement) -> tuple[tuple[SCXRule, ...], RuleSource]:
    """By which rules this partner may match: the one that the agreement sets, those that its answers left, or all."""
    if agreement.oftp2.scx_rule in set(SCXRule):
        return (SCXRule(agreement.oftp2.scx_rule),), RuleSource.SET
    learned = tuple(rule for rule in SCXRule if rule in (agreement.scx_learned or "").split())
    return (learned, RuleSource.LEARNED) if learned else (tuple(SCXRule), RuleSource.UNKNOWN)


def learn(before: Collection[SCXRule], matches: Mapping[SCXRule, bool], *, accepted: bool) -> tuple[SCXRule, ...]:
    """The rules that an answer leaves of those that were possible.

    Only an answer about which they disagree says anything: a renewal with equal fields is rejected for other reasons. Where
    none is left the answers contradict each other, and nothing is known (all rules).
    """
    possible = [rule for rule in SCXRule if rule in before]
    if len({matches[rule] for rule in possible}) < 2:
        return tuple(possible)
    return tuple(rule for rule in possible if matches[rule] is accepted) or tuple(SCXRule)


def preflight(agreement: Agreement, kind: SCXType | None, replaced: Sequence[Replaced]) -> PreflightLine:
    """What this partner will make of the new certificate. ``replaced`` are ours that are active with it for the chosen usages, the
    one that the message names first; empty: a first exchange."""
    rules, source = rules_of(agreement)
    if not replaced:
        return PreflightLine(
            result=Preflight.MAY_NOT_MATCH,
            text="It has none of ours yet: a first exchange. It may answer with a NERP; agree on it before.",
            rules=rules,
            source=source,
            advice=_afterwards(rules, kind),
        )
    found = [[one.forecasts[rule].matches for one in replaced] for rule in rules]
    if all(all(row) for row in found):
        result, text = Preflight.WILL_MATCH, _will(replaced, rules)
    elif not any(any(row) for row in found):
        result, text = Preflight.WILL_NOT_MATCH, f"{_differ(replaced, rules)} Expect a NERP."
    else:
        result, text = Preflight.MAY_NOT_MATCH, _may(replaced, rules)
    different = _differences(replaced, rules)
    equal = replaced[0].forecasts[rules[0]].equal
    return PreflightLine(
        result=result,
        text=text,
        rules=rules,
        source=source,
        equal=tuple(field for field in equal if field not in {d.field for d in different}),
        different=different,
        advice=(
            *(() if result is Preflight.WILL_MATCH else _changes(different, rules)),
            *_notes(replaced, rules, kind),
        ),
    )


def _differences(replaced: Sequence[Replaced], rules: Sequence[SCXRule]) -> tuple[FieldDifference, ...]:
    return tuple(dict.fromkeys(d for one in replaced for rule in rules for d in one.forecasts[rule].different))


def _fields(differences: Sequence[FieldDifference]) -> str:
    names = list(dict.fromkeys(d.field for d in differences))
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def _differ(replaced: Sequence[Replaced], rules: Sequence[SCXRule]) -> str:
    differences = _differences(replaced, rules)
    named = _fields(differences)
    verb = "differ" if len({d.field for d in differences}) > 1 else "differs"
    return f"{named[:1].upper()}{named[1:]} {verb} from what it has."


def _will(replaced: Sequence[Replaced], rules: Sequence[SCXRule]) -> str:
    if not _differences(replaced, rules):
        return "Everything that it compares is equal. Expect an EERP."
    return f"{_differ(replaced, rules)[:-1]}, but the message names the old certificate: it will be found by that. Expect an EERP."


def _may(replaced: Sequence[Replaced], rules: Sequence[SCXRule]) -> str:
    if len(rules) == 1:
        by = rules[0]
        fits = [one for one in replaced if one.forecasts[by].matches]
        misses = [one for one in replaced if not one.forecasts[by].matches]
        return (
            f"It will take the place of {_titles(fits)}, but not of {_titles(misses)}, which it does not match. "
            "For these usages the old one stays with the partner."
        )
    fits_rules = [rule for rule in rules if all(one.forecasts[rule].matches for one in replaced)]
    misses_rules = [rule for rule in rules if rule not in fits_rules]
    words = f"{_differ(replaced, misses_rules)} Its matching rule is not known: products like "
    misses_words = " or ".join(PRODUCTS[rule] for rule in misses_rules)
    if not fits_rules:
        return f"{words}{misses_words} may answer with a NERP."
    return f"{words}{' or '.join(PRODUCTS[r] for r in fits_rules)} will accept it, {misses_words} will not."


def _titles(some: Sequence[Replaced]) -> str:
    return " and ".join(f"{one.title} ({', '.join(u.value for u in Usage if u in one.usages)})" for one in some)


_NO_CHANGE: Final = "Or tell the partner before: it can install this certificate by hand."


def _changes(different: Sequence[FieldDifference], rules: Sequence[SCXRule]) -> tuple[str, ...]:
    """How the new certificate would have to be made, a sentence for each field."""
    wanted: dict[str, str] = {}
    for difference in different:
        wanted.setdefault(difference.field, difference.old)
    same_cause = "subject" in wanted and wanted.get("issuer") == wanted["subject"]
    sentences = [_change(field, old) for field, old in wanted.items() if not (field == "issuer" and same_cause)]
    if tuple(rules) == (SCXRule.CLID,):
        new = ", ".join(f"{d.field} {d.new}" for d in different)
        return (*dict.fromkeys(sentences), f"Or let it enter the new identity before: {new}.")
    return (*dict.fromkeys(sentences), _NO_CHANGE)


def _change(field: str, old: str) -> str:
    if field == "issuer":
        return f"Have it issued by {old}."
    if old == "absent":
        return f"Make it without {field}."
    return f"Make it with {field} {old}."


def _notes(replaced: Sequence[Replaced], rules: Sequence[SCXRule], kind: SCXType | None) -> tuple[str, ...]:
    rewritten = list(dict.fromkeys(n for one in replaced for rule in rules for n in one.forecasts[rule].rewritten))
    notes = []
    if rewritten:
        names = " and ".join(rewritten)
        verb = "mean" if len(rewritten) > 1 else "means"
        notes.append(
            f"The {names} {verb} the same and is encoded otherwise: a product that compares octets will not find it."
        )
    return (*notes, *_afterwards(rules, kind))


def _afterwards(rules: Sequence[SCXRule], kind: SCXType | None) -> tuple[str, ...]:
    """What a type does to a product besides matching (oftp2-scx.md 6.2, C 18, C 19)."""
    if kind is SCXType.REPLACE and SCXRule.CLID in rules:
        return (
            f"On a Replace {PRODUCTS[SCXRule.CLID]} drop all our certificates: send them the others again after it.",
        )
    if kind is SCXType.REQUEST and SCXRule.LENIENT in rules:
        return (f"{PRODUCTS[SCXRule.LENIENT]} sends its own certificates only when it accepts ours.",)
    return ()
