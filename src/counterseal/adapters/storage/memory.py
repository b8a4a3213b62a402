"""What one process remembers of the configuration, so that a busy relationship is not read anew with every message.

The database holds one token, replaced by a random one in every transaction that changes a community, station, partner, agreement,
certificate, key or assignment. A transaction reads the token once; what is remembered under another token is forgotten. A token is
never used twice: a change that was rolled back takes its token with it.

Inside a transaction that has changed something itself, and where by-id reads lock rows (writers on PostgreSQL), nothing is taken
from memory.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from counterseal.domain.assignment import Assignment
from counterseal.kernel.ids import AgreementId

Value = TypeVar("Value")

_MOST: Final = 50_000
"""Things remembered: some ten for every busy agreement. Over that, all is forgotten and begins anew."""


class Memory:
    """Safe to use from several threads; values are immutable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token = ""
        self._things: dict[Hashable, Any] = {}

    def recall(self, token: str, key: Hashable, load: Callable[[], Value]) -> Value:
        """What is remembered under ``key``, else what ``load`` reads now. ``load``'s faults are not remembered."""
        with self._lock:
            if self._token == token and key in self._things:
                return cast("Value", self._things[key])
        value = load()
        with self._lock:
            if self._token != token or len(self._things) >= _MOST:
                self._things.clear()
                self._token = token
            self._things[key] = value
        return value

    def only_seen(self, token: str, assignment: Assignment) -> bool:
        """Whether nothing but the times at which it was seen differs from what is remembered; then that is brought up to date
        here, and the token may stay."""
        key = assignments_key(assignment.agreement_id)
        with self._lock:
            if self._token != token:
                return False
            known = self._things.get(key, ())
            for place, before in enumerate(known):
                if before.id == assignment.id:
                    now = replace(before, first_seen_at=assignment.first_seen_at, last_seen_at=assignment.last_seen_at)
                    if now != assignment:
                        return False
                    self._things[key] = (*known[:place], now, *known[place + 1 :])
                    return True
        return False


def assignments_key(agreement_id: AgreementId | None) -> Hashable:
    return ("assignments", agreement_id)
