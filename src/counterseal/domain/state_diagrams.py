"""The transition tables as Mermaid state diagrams, for the reference page and for whoever lays them beside the product."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from counterseal.domain import assignment, document, exchange, offer
from counterseal.domain.usage import AssignmentState
from counterseal.kernel.conversation import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    title: str
    text: str
    """One or two sentences under the title."""
    source: str
    """Module of the table."""
    first: StrEnum
    table: Table[Any]


CONVERSATIONS: Final[Sequence[Conversation]] = (
    Conversation(
        title="Assignment",
        text="One certificate in one use. Only *active* produces; *staged*, *active* and *retiring* may accept.",
        source="domain/assignment.py",
        first=AssignmentState.STAGED,
        table=assignment.TRANSITIONS,
    ),
    Conversation(
        title="Exchange (ours)",
        text="One certificate conversation with one partner, when we offer. *Overdue* and *in use* are derived.",
        source="domain/exchange.py",
        first=exchange.ExchangeState.QUEUED,
        table=exchange.TRANSITIONS,
    ),
    Conversation(
        title="Offered certificate (theirs)",
        text="One certificate in a partner's request. A decision is taken once; their request's state is derived.",
        source="domain/offer.py",
        first=offer.OfferedState.PENDING,
        table=offer.TRANSITIONS,
    ),
    Conversation(
        title="Document out",
        text="A payload on its way to a partner.",
        source="domain/document.py",
        first=document.DocumentState.QUEUED,
        table=document.OUT_TRANSITIONS,
    ),
    Conversation(
        title="Document in",
        text="A payload from a partner.",
        source="domain/document.py",
        first=document.DocumentState.RECEIVING,
        table=document.IN_TRANSITIONS,
    ),
)

_HEAD: Final = """# States

Drawn by `scripts/draw-states` from the tables that decide at run time; a test fails when this page is not what they say.
An event that has no arrow in a state is refused there (`domain.invalid-transition`).
"""
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")


def draw_states() -> str:
    """The reference page, Markdown."""
    return "\n".join([_HEAD, *(_section(conversation) for conversation in CONVERSATIONS)])


def _section(conversation: Conversation) -> str:
    lines = [
        f"## {conversation.title}",
        "",
        f"{conversation.text} Table: `{conversation.source}`.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        *(f"    state {_quoted(state)} as {_name(state)}" for state in _states(conversation.table)),
        f"    [*] --> {_name(conversation.first)}",
        *_arrows(conversation.table),
        *(f"    {_name(state)} --> [*]" for state in _ends(conversation.table)),
        "```",
        "",
    ]
    return "\n".join(lines)


def _arrows(table: Table[Any]) -> list[str]:
    """One arrow for each pair of states, with all its events."""
    pairs: dict[tuple[StrEnum, StrEnum], list[str]] = {}
    for (state, event), target in table.items():
        pairs.setdefault((state, target), []).append(_words(event))
    return [f"    {_name(at)} --> {_name(to)}: {', '.join(events)}" for (at, to), events in pairs.items()]


def _states(table: Table[Any]) -> list[StrEnum]:
    return list(dict.fromkeys(s for (at, _), to in table.items() for s in (at, to)))


def _ends(table: Table[Any]) -> list[StrEnum]:
    """States that nothing leaves."""
    leaving = {at for at, _ in table}
    return [s for s in _states(table) if s not in leaving]


def _name(state: StrEnum) -> str:
    return state.name.lower()


def _quoted(state: StrEnum) -> str:
    return f'"{state.value}"'


def _words(event: type) -> str:
    return _CAPITAL.sub(" ", event.__name__).lower()
