"""Who did what: one frozen event, chained by hashes so that a change afterwards shows."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.ids import CommunityId

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Recorded in the transaction that it describes; sealed into the chain right after commit.

    ``event`` is a stable name (``trust-request.started``); ``subject`` names the thing (``exchange:...``); ``facts`` are
    strings only: fingerprints, states, reasons, never payload, key or password.
    """

    at: datetime
    actor: str
    """``user:<name>``, ``token:<name>``, ``local:<unix user>``, ``partner:<slug>`` or ``system``."""
    event: str
    subject: str
    community_id: CommunityId | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntry:
    """An event with its place in the chain."""

    sequence: int
    event: AuditEvent
    previous: str
    """Hash of the entry before; ``GENESIS`` for the first."""
    hash: str


class ChainBroken(CallerFault):
    """An entry does not fit the one before it, or its own hash."""

    code = "audit.chain-broken"


def entry_hash(sequence: int, event: AuditEvent, previous: str) -> str:
    """SHA-256 over a canonical JSON text of the entry, hexadecimal."""
    text = json.dumps(
        {
            "sequence": sequence,
            "previous": previous,
            "at": event.at.isoformat(),
            "actor": event.actor,
            "event": event.event,
            "subject": event.subject,
            "community": event.community_id or "",
            "facts": dict(sorted(event.facts.items())),
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def seal(events: Iterable[AuditEvent], *, after: SealedEntry | None) -> list[SealedEntry]:
    """The events as the chain's next entries, in order."""
    sequence = after.sequence if after else 0
    previous = after.hash if after else GENESIS
    sealed = []
    for event in events:
        sequence += 1
        own = entry_hash(sequence, event, previous)
        sealed.append(SealedEntry(sequence=sequence, event=event, previous=previous, hash=own))
        previous = own
    return sealed


def verify(entries: Iterable[SealedEntry], *, after: SealedEntry | None = None) -> SealedEntry | None:
    """The last entry when every one fits; ``None`` for an empty chain. Raises ``ChainBroken`` naming the entry."""
    last = after
    for entry in entries:
        expected = (last.sequence + 1, last.hash) if last else (1, GENESIS)
        if (entry.sequence, entry.previous) != expected:
            raise ChainBroken(f"entry {entry.sequence} does not follow entry {expected[0] - 1}")
        if entry.hash != entry_hash(entry.sequence, entry.event, entry.previous):
            raise ChainBroken(f"entry {entry.sequence} was changed after it was written")
        last = entry
    return last
