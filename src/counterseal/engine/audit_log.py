"""The audit trail: read, proved and exported."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from counterseal.domain.audit import SealedEntry, verify
from counterseal.domain.people import Actor, Permission
from counterseal.engine.ports import Ports, Window
from counterseal.kernel.ids import CommunityId

BATCH: Final = 500
"""Entries per piece of an export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a whole chain proves: nothing between the first entry and the head was changed, left out or put in.

    It does not prove that the head is the last entry there ever was: compare it with one kept elsewhere.
    """

    entries: int
    head: str
    """Hash of the last entry; empty for an empty chain."""


def entries(
    ports: Ports,
    actor: Actor,
    *,
    window: Window,
    subject: str = "",
    event: str = "",
    community_id: CommunityId | None = None,
) -> list[SealedEntry]:
    """Newest first."""
    actor.require(Permission.VIEW)
    ports.store.seal()
    with ports.store.read() as reader:
        return reader.audit(window=window, subject=subject, event=event, community_id=community_id)


def prove(ports: Ports, actor: Actor) -> Proof:
    """Walks the whole chain. Raises ``ChainBroken`` naming the first entry that does not fit."""
    actor.require(Permission.VIEW)
    ports.store.seal()
    with ports.store.read() as reader:
        last = verify(reader.audit_chain(after=0))
    return Proof(entries=last.sequence if last else 0, head=last.hash if last else "")


def export(ports: Ports, actor: Actor, *, after: int) -> Iterator[bytes]:
    """The chain behind ``after`` as JSON lines, each with everything that its hash is made of."""
    actor.require(Permission.VIEW)
    ports.store.seal()
    return _lines(ports, after)


def _lines(ports: Ports, after: int) -> Iterator[bytes]:
    """In batches, each read in a transaction of its own: whoever writes them out may be slow and may change threads."""
    while True:
        with ports.store.read() as reader:
            batch = list(islice(reader.audit_chain(after=after), BATCH))
        if not batch:
            return
        after = batch[-1].sequence
        yield b"".join(json.dumps(_plain(e), separators=(",", ":"), sort_keys=True).encode() + b"\n" for e in batch)


def _plain(entry: SealedEntry) -> dict[str, object]:
    event = entry.event
    return {
        "sequence": entry.sequence,
        "at": event.at.isoformat(),
        "actor": event.actor,
        "event": event.event,
        "subject": event.subject,
        "community": event.community_id or "",
        "facts": dict(event.facts),
        "previous": entry.previous,
        "hash": entry.hash,
    }
