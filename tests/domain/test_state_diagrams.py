"""The page of states is what the tables say."""

from pathlib import Path

import pytest

from counterseal.domain.state_diagrams import CONVERSATIONS, Conversation, draw_states

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "states.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == draw_states(), "run scripts/draw-states"


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda c: c.title)
def test_every_row_of_a_table_is_drawn(conversation: Conversation) -> None:
    section = draw_states().split(f"## {conversation.title}\n")[1].split("\n## ")[0]
    arrows = [line for line in section.splitlines() if " --> " in line and ": " in line]
    assert sum(line.split(": ")[1].count(",") + 1 for line in arrows) == len(conversation.table)
