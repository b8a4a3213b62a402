"""Certificate + agreement + side + usage + state + window: the only place that gives a certificate a use."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from counterseal.domain.usage import ACCEPTS, PRODUCES, AssignmentState, Side, Usage
from counterseal.kernel.conversation import Table, next_state
from counterseal.kernel.ids import AgreementId, AssignmentId, CommunityId, ExchangeId, Fingerprint, ListenerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One certificate in one use. Our TLS server certificates belong to a listener, everything else to an agreement."""

    id: AssignmentId
    community_id: CommunityId
    agreement_id: AgreementId | None
    listener_id: ListenerId | None = None
    fingerprint: Fingerprint
    side: Side
    usage: Usage
    state: AssignmentState
    since: datetime
    """When the present state began."""
    activated_at: datetime | None = None
    exchange_id: ExchangeId | None = None
    """The exchange that brought it, if one did."""
    first_seen_at: datetime | None = None
    """First traffic that used it."""
    last_seen_at: datetime | None = None
    created_at: datetime

    @property
    def produces(self) -> bool:
        return self.state in PRODUCES

    @property
    def accepts(self) -> bool:
        return self.state in ACCEPTS


@dataclass(frozen=True, slots=True)
class Activated:
    """It produces from now on."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another one became active: still accepted, never produces."""


@dataclass(frozen=True, slots=True)
class Retired:
    """Nobody is seen using it, a person said so, it was replaced or it expired."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """It must not be used any more."""


@dataclass(frozen=True, slots=True)
class Restored:
    """Switched back: a retiring one is active again."""


@dataclass(frozen=True, slots=True)
class Unstaged:
    """Switched back: an active one only accepts again."""


AssignmentEvent = Activated | Superseded | Retired | Revoked | Restored | Unstaged

_S = AssignmentState
TRANSITIONS: Final[Table[AssignmentState]] = {
    (_S.STAGED, Activated): _S.ACTIVE,
    (_S.STAGED, Retired): _S.RETIRED,
    (_S.STAGED, Revoked): _S.REVOKED,
    (_S.ACTIVE, Superseded): _S.RETIRING,
    (_S.ACTIVE, Unstaged): _S.STAGED,
    (_S.ACTIVE, Retired): _S.RETIRED,
    (_S.ACTIVE, Revoked): _S.REVOKED,
    (_S.RETIRING, Restored): _S.ACTIVE,
    (_S.RETIRING, Retired): _S.RETIRED,
    (_S.RETIRING, Revoked): _S.REVOKED,
    (_S.RETIRED, Revoked): _S.REVOKED,
}


def apply(assignment: Assignment, event: AssignmentEvent, now: datetime) -> Assignment:
    """The assignment after ``event``. Raises ``InvalidTransition``."""
    state = next_state(TRANSITIONS, assignment.state, event)
    activated = now if state is _S.ACTIVE else assignment.activated_at
    return replace(assignment, state=state, since=now, activated_at=activated)
