"""What a command's exit status says: one literal table from fault code to status."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from counterseal.kernel.errors import CallerFault, EnvironmentFault, Fault, PeerFault


class Exit(IntEnum):
    OK = 0
    UNEXPECTED = 1
    """A bug of ours."""
    USAGE = 2
    """The command line itself is wrong (what the shell world expects of 2)."""
    REFUSED = 3
    """What was asked for cannot be done; the sentence says why."""
    NOT_FOUND = 4
    CONFLICT = 5
    """Something else is there already, or the thing is in another state by now."""
    NOT_ALLOWED = 6
    UNAVAILABLE = 7
    """Disk, database, vault or network; the same command may work later."""
    UNREADABLE = 8
    """Bytes that cannot be used: a broken certificate, a broken message."""
    CHAIN_BROKEN = 9
    """``audit verify`` found a changed trail."""
    UNREACHABLE = 10
    """A partner does not take our call; what waits for it goes out when it does."""


STATUS: Final[Mapping[str, Exit]] = {
    "kernel.invalid-instant": Exit.REFUSED,
    "domain.invalid-agreement": Exit.REFUSED,
    "domain.unreadable-identity": Exit.REFUSED,
    "domain.invalid-virtual-file": Exit.REFUSED,
    "domain.invalid-transition": Exit.CONFLICT,
    "people.not-allowed": Exit.NOT_ALLOWED,
    "people.sign-in-refused": Exit.NOT_ALLOWED,
    "people.sign-in-slowed": Exit.NOT_ALLOWED,
    "people.link-refused": Exit.REFUSED,
    "people.invalid-user": Exit.REFUSED,
    "people.invalid-token": Exit.REFUSED,
    "people.unfit-password": Exit.REFUSED,
    "configuration.refused": Exit.REFUSED,
    "configuration.source-refused": Exit.REFUSED,
    "cli.usage": Exit.USAGE,
    "cli.invalid-setting": Exit.USAGE,
    "cli.file": Exit.UNAVAILABLE,
    "audit.chain-broken": Exit.CHAIN_BROKEN,
    "store.not-found": Exit.NOT_FOUND,
    "store.conflict": Exit.CONFLICT,
    "store.lease-lost": Exit.UNAVAILABLE,
    "store.unavailable": Exit.UNAVAILABLE,
    "store.nested-transaction": Exit.UNEXPECTED,
    "store.unknown-database": Exit.USAGE,
    "blobs.too-large": Exit.REFUSED,
    "blobs.unavailable": Exit.UNAVAILABLE,
    "vault.locked": Exit.UNAVAILABLE,
    "vault.wrong-password": Exit.REFUSED,
    "vault.unreadable-key-file": Exit.REFUSED,
    "http.post-failed": Exit.UNAVAILABLE,
    "oftp2.call-failed": Exit.UNREACHABLE,
    "backend.unavailable": Exit.UNAVAILABLE,
    "x509.malformed": Exit.UNREADABLE,
    "x509.unreadable-revocation-list": Exit.UNREADABLE,
    "blobs.closed": Exit.UNEXPECTED,
    "engine.field-errors": Exit.REFUSED,
    "documents.not-sendable": Exit.CONFLICT,
    "documents.empty": Exit.REFUSED,
    "documents.no-payload": Exit.NOT_FOUND,
    "documents.no-receipt-held": Exit.CONFLICT,
    "documents.no-reason": Exit.REFUSED,
    "offers.decision-refused": Exit.CONFLICT,
    "offers.nothing-to-undo": Exit.CONFLICT,
    "roots.refused": Exit.UNREADABLE,
    "sending.no-certificate": Exit.CONFLICT,
    "certificates.not-assignable": Exit.CONFLICT,
    "certificates.unreadable": Exit.UNREADABLE,
    "trust-requests.not-possible": Exit.CONFLICT,
    "domain.ambiguous-producer": Exit.CONFLICT,
    "domain.no-certificate": Exit.CONFLICT,
    "domain.plan-out-of-date": Exit.CONFLICT,
    "http.invalid-header": Exit.REFUSED,
    "http.wrong-body-size": Exit.UNEXPECTED,
    "store.invalid-window": Exit.USAGE,
    "store.transaction-over": Exit.UNEXPECTED,
    "vault.decryption-failed": Exit.UNREADABLE,
    "vault.invalid-form": Exit.REFUSED,
    "vault.unsuitable-key": Exit.REFUSED,
    "gateway.address-unavailable": Exit.UNAVAILABLE,
    "gateway.already-served": Exit.UNAVAILABLE,
    # the families themselves: what a code means that is not in this table yet
    "peer": Exit.UNREADABLE,
    "caller": Exit.REFUSED,
    "environment": Exit.UNAVAILABLE,
}

PREFIXES: Final[Mapping[str, Exit]] = {
    "as2.": Exit.UNREADABLE,
    "oftp2.": Exit.UNREADABLE,
    "cem.": Exit.UNREADABLE,
    "scx.": Exit.UNREADABLE,
    "cms.": Exit.UNREADABLE,
    "mime.": Exit.UNREADABLE,
}


def entered(code: str) -> Exit | None:
    """What the tables say of a code; ``None`` where nobody entered it, which a test forbids."""
    found = STATUS.get(code)
    return found or next((status for prefix, status in PREFIXES.items() if code.startswith(prefix)), None)


def exit_of(fault: Fault) -> Exit:
    """By the tables, else by the fault's family."""
    family = next(f for f in (PeerFault, EnvironmentFault, CallerFault, Fault) if isinstance(fault, f))
    return entered(fault.code) or STATUS.get(family.code, Exit.UNEXPECTED)
