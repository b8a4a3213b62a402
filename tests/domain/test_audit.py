"""The audit chain: what was changed, left out, moved or added afterwards shows."""

import itertools
from dataclasses import replace

import pytest

from counterseal.domain.audit import GENESIS, ChainBroken, SealedEntry, entry_hash, seal, verify
from counterseal.domain.people import PERMISSIONS, SYSTEM, Actor, NotAllowed, Permission, Role
from tests.builders import an_audit_event

EVENTS = [an_audit_event(subject=f"document:{i}", facts={"b": "2", "a": str(i)}) for i in range(4)]
CHAIN = seal(EVENTS, after=None)


def test_a_sealed_chain_holds_and_goes_on() -> None:
    assert verify(CHAIN) == CHAIN[-1]
    more = seal(EVENTS, after=CHAIN[-1])
    assert [e.sequence for e in more] == [5, 6, 7, 8]
    assert verify([*CHAIN, *more]) == more[-1]
    assert verify(more, after=CHAIN[-1]) == more[-1]
    assert verify([]) is None
    assert CHAIN[0].previous == GENESIS


def test_the_order_of_facts_does_not_count() -> None:
    other = replace(EVENTS[0], facts={"a": "0", "b": "2"})
    assert entry_hash(1, other, GENESIS) == CHAIN[0].hash


def changed(index: int, **changes: object) -> list[SealedEntry]:
    entry = CHAIN[index]
    tampered = replace(entry, event=replace(entry.event, **changes))  # type: ignore[arg-type]
    return [*CHAIN[:index], tampered, *CHAIN[index + 1 :]]


@pytest.mark.parametrize(
    "entries",
    [
        changed(1, actor="user:eve"),
        changed(1, event="document.cancelled"),
        changed(1, subject="document:9"),
        changed(1, facts={}),
        changed(0, community_id="c"),
        changed(3, at=EVENTS[0].at.replace(year=2000)),
        CHAIN[1:],
        [CHAIN[0], CHAIN[2], CHAIN[3]],
        [CHAIN[1], CHAIN[0]],
        [*CHAIN, CHAIN[3]],
    ],
)
def test_every_change_breaks_it(entries: list[SealedEntry]) -> None:
    with pytest.raises(ChainBroken):
        verify(entries)


def test_a_rewritten_tail_does_not_fit_a_known_head() -> None:
    forged = seal([replace(e, actor="user:eve") for e in EVENTS], after=None)
    assert verify(forged) == forged[-1], "by itself it holds: that is why heads are exported"
    assert forged[-1].hash != CHAIN[-1].hash


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_the_table_says_and_nothing_else(role: Role) -> None:
    actor = Actor(name="user:x", permissions=PERMISSIONS[role])
    for permission in Permission:
        if permission in PERMISSIONS[role]:
            actor.require(permission)
        else:
            with pytest.raises(NotAllowed):
                actor.require(permission)


def test_each_role_contains_the_one_before() -> None:
    sets = [PERMISSIONS[r] for r in Role]
    assert all(one < two for one, two in itertools.pairwise(sets))
    assert SYSTEM.permissions == frozenset(Permission)
