"""The one place where a certificate is chosen: the table of product.md section 3, as data and four look-ups.

Every signature, verification, encryption, decryption and handshake asks here, with the assignments of one agreement (or, for
our TLS server certificates, of one listener). Nothing else in the house may pick a certificate by itself.

Validity in time is deliberately no part of the choice: an order stream does not stop at midnight, and old traffic is still
read. Using an expired certificate is reported instead (``finding_about_use``), and only *retired* ends a use.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint

Held = Mapping[Fingerprint, HeldCertificate]
"""What the community holds, by fingerprint; held is not trusted."""


class AmbiguousProducer(CallerFault):
    """Two active assignments of one side and usage: those of two agreements were mixed, or a rule is broken."""

    code = "domain.ambiguous-producer"


class Role(StrEnum):
    """What a side's certificate does in a usage: ``produce`` signs, encrypts, presents; ``accept`` verifies, decrypts, trusts."""

    PRODUCE = "produce"
    ACCEPT = "accept"


_P, _A = Role.PRODUCE, Role.ACCEPT
ROLES: Final[Mapping[tuple[Usage, Side], Role]] = {
    # usage, side                            what we do with it
    (Usage.SIGN, Side.OURS): _P,  # sign AS2 messages and MDNs
    (Usage.SIGN, Side.THEIRS): _A,  # verify them
    (Usage.ENCRYPT, Side.OURS): _A,  # decrypt AS2 messages
    (Usage.ENCRYPT, Side.THEIRS): _P,  # encrypt them
    (Usage.FILE_SIGN, Side.OURS): _P,  # sign OFTP2 files
    (Usage.FILE_SIGN, Side.THEIRS): _A,  # verify them
    (Usage.FILE_ENCRYPT, Side.OURS): _A,  # decrypt OFTP2 files
    (Usage.FILE_ENCRYPT, Side.THEIRS): _P,  # encrypt them
    (Usage.RECEIPT_SIGN, Side.OURS): _P,  # sign EERP and NERP
    (Usage.RECEIPT_SIGN, Side.THEIRS): _A,  # verify them
    (Usage.SESSION_AUTH, Side.OURS): _A,  # decrypt the challenge (AUCH)
    (Usage.SESSION_AUTH, Side.THEIRS): _P,  # encrypt it
    (Usage.TLS_SERVER, Side.OURS): _P,  # present on the listener
    (Usage.TLS_SERVER, Side.THEIRS): _A,  # accept when we connect
    (Usage.TLS_CLIENT, Side.OURS): _P,  # present when we connect
    (Usage.TLS_CLIENT, Side.THEIRS): _A,  # accept on the listener
}

_ORDER: Final = {AssignmentState.ACTIVE: 0, AssignmentState.STAGED: 1, AssignmentState.RETIRING: 2}


def live(assignments: Sequence[Assignment], side: Side, usage: Usage) -> tuple[Assignment, ...]:
    """The assignments that may accept: active first, then staged, then retiring; within one state newest first."""
    fitting = [a for a in assignments if a.side is side and a.usage is usage and a.accepts]
    fitting.sort(key=lambda a: (a.created_at, a.id), reverse=True)
    return tuple(sorted(fitting, key=lambda a: _ORDER[a.state]))


def active(assignments: Sequence[Assignment], side: Side, usage: Usage) -> Assignment | None:
    """The active assignment; ``None`` when there is none. Raises ``AmbiguousProducer`` for two."""
    found = [a for a in live(assignments, side, usage) if a.produces]
    if len(found) > 1:
        names = ", ".join(a.fingerprint[:16] for a in found)
        raise AmbiguousProducer(f"expected one active certificate ({side.value}, {usage.value}), found {names}")
    return found[0] if found else None


def current(assignments: Sequence[Assignment], side: Side, usage: Usage) -> Fingerprint | None:
    """The certificate that pages and SCX answers call current, in whichever role; never a reason to produce with it."""
    found = active(assignments, side, usage)
    return found.fingerprint if found else None


def producer(assignments: Sequence[Assignment], side: Side, usage: Usage) -> Fingerprint | None:
    """The certificate to sign, encrypt or present with: the active one, and only where this side produces (section 3,
    rule 1). ``None``: there is none, and nothing may be produced."""
    return current(assignments, side, usage) if ROLES[usage, side] is Role.PRODUCE else None


def acceptors(assignments: Sequence[Assignment], side: Side, usage: Usage) -> tuple[Fingerprint, ...]:
    """The certificates to verify, decrypt or trust with, where this side's are accepted: active first, then staged, then
    retiring, newest first. Empty: nothing may be accepted."""
    if ROLES[usage, side] is not Role.ACCEPT:
        return ()
    return tuple(dict.fromkeys(a.fingerprint for a in live(assignments, side, usage)))


def find(assignments: Sequence[Assignment], side: Side, usage: Usage, fingerprint: Fingerprint) -> Assignment | None:
    """The live assignment of this certificate; ``None`` when it may not even accept."""
    return next((a for a in live(assignments, side, usage) if a.fingerprint == fingerprint), None)


def accepted_by(
    assignments: Sequence[Assignment], side: Side, usages: Collection[Usage], fingerprint: Fingerprint
) -> bool:
    """Whether the certificate is live for every one of ``usages``."""
    return bool(usages) and all(find(assignments, side, usage, fingerprint) for usage in usages)


def finding_about_use(held: Held, fingerprint: Fingerprint, usage: Usage, now: datetime) -> Finding | None:
    """What the record of a message or session says when its certificate was out of date; ``None`` when it was valid.

    An expired certificate still decrypts and verifies old traffic (cem.md 3.1, CEM-48), and still produces where nothing has
    replaced it; each time it is reported.
    """
    known = held.get(fingerprint)
    if known is None:
        return Finding(
            code="certificate.not-held",
            severity=Severity.WARNING,
            subject=fingerprint,
            text=f"The certificate used for {usage.value} is assigned but not held here. Import it again.",
        )
    certificate = known.certificate
    if now > certificate.not_after:
        return Finding(
            code="certificate.used-expired",
            severity=Severity.WARNING,
            subject=fingerprint,
            text=f"{certificate.common_name}, used for {usage.value}, ended on {certificate.not_after:%d %B %Y}. "
            "Exchange a new one with this partner.",
        )
    if now < certificate.not_before:
        return Finding(
            code="certificate.used-early",
            severity=Severity.WARNING,
            subject=fingerprint,
            text=f"{certificate.common_name}, used for {usage.value}, is valid only from "
            f"{certificate.not_before:%d %B %Y}. Compare the clocks of both sides.",
        )
    return None
