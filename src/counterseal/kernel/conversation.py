"""One lookup shared by every conversation: a literal table of (state, event type) to state decides, nothing else."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from counterseal.kernel.errors import CallerFault

State = TypeVar("State", bound=StrEnum)
Table = Mapping[tuple[State, type], State]


class InvalidTransition(CallerFault):
    """An event that the state does not allow: what was heard twice, or comes too late."""

    code = "domain.invalid-transition"


def next_state(table: Table[State], state: State, event: object) -> State:
    """The state after ``event``. Raises ``InvalidTransition`` where the table has no row."""
    try:
        return table[(state, type(event))]
    except KeyError:
        raise InvalidTransition(f"{type(event).__name__} does not apply in state {state.value!r}") from None


def allows(table: Table[State], state: State, event_type: type) -> bool:
    """Whether the table has a row for this state and kind of event."""
    return (state, event_type) in table
