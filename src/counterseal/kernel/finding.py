"""What a policy says, and the outcome of several policies together (product.md section 1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """In rising order: a refusal decides, a warning stops automatic handling, a note informs, passed is evidence."""

    PASSED = "passed"
    NOTE = "note"
    WARNING = "warning"
    REFUSAL = "refusal"


_ORDER = {Severity.PASSED: 0, Severity.NOTE: 1, Severity.WARNING: 2, Severity.REFUSAL: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One policy's result.

    ``code`` is stable (``certificate.expired``), ``subject`` names what it is about (a fingerprint, a field, a name on the
    wire), ``text`` is a sentence for a person: what was expected, what came, what to do.
    """

    code: str
    severity: Severity
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of all findings together."""

    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Verdict":
        return cls(tuple(findings))

    @property
    def worst(self) -> Severity:
        """The highest severity; ``passed`` when there is no finding."""
        return max((f.severity for f in self.findings), key=_ORDER.__getitem__, default=Severity.PASSED)

    @property
    def refused(self) -> bool:
        return self.worst is Severity.REFUSAL

    @property
    def needs_person(self) -> bool:
        """True when automatic handling must stop (product.md section 2: a warning waits for a person)."""
        return self.worst in {Severity.WARNING, Severity.REFUSAL}

    def refusals(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity is Severity.REFUSAL)

    def reason(self) -> str:
        """The refusals' sentences, joined: what a partner or person is told. Empty when nothing refused."""
        return " ".join(f.text for f in self.refusals())
