"""Every state has a word, a shape of its own and a tone; every shape is in the sprite."""

import re
from enum import StrEnum
from importlib.resources import files
from typing import Final

import pytest

from counterseal.domain.agreement import CEMCapability
from counterseal.domain.document import DocumentState, TransferOutcome
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.offer import OfferedState
from counterseal.domain.oftp_session import SessionOutcome
from counterseal.domain.trust_request import TrustRequestState
from counterseal.domain.usage import AssignmentState
from counterseal.domain.wizard import Preflight
from counterseal.engine.views.home import NeedKind
from counterseal.engine.views.received import ReceivedState
from counterseal.engine.views.sent import LineState
from counterseal.kernel.finding import Severity
from counterseal.surfaces.web import words
from counterseal.surfaces.web.rendering import word
from counterseal.surfaces.web.states import (
    TABLES,
    ChainState,
    PersonState,
    Retrying,
    Standing,
    TokenState,
    document_look,
    look,
)
from tests.builders import a_document

ENUMS: Final[tuple[type[StrEnum], ...]] = (
    SessionOutcome,
    TrustRequestState,
    LineState,
    ExchangeState,
    AssignmentState,
    Severity,
    ReceivedState,
    OfferedState,
    DocumentState,
    TransferOutcome,
    CEMCapability,
    Preflight,
    NeedKind,
    PersonState,
    TokenState,
    Standing,
    ChainState,
    Retrying,
)
TEMPLATES = files("counterseal.surfaces.web") / "templates"


def sprite() -> set[str]:
    return set(re.findall(r'<symbol id="i-([a-z-]+)"', (TEMPLATES / "icons.svg").read_text()))


@pytest.mark.parametrize("enum", ENUMS)
def test_every_member_has_a_look(enum: type[StrEnum]) -> None:
    looks = [look(member) for member in enum]
    assert all(found.word for found in looks)
    assert {found.shape for found in looks} <= sprite()


@pytest.mark.parametrize("enum", ENUMS)
def test_words_and_shapes_tell_states_apart_without_colour(enum: type[StrEnum]) -> None:
    looks = [look(member) for member in enum]
    assert len({found.word for found in looks}) == len(looks)
    assert len({found.shape for found in looks}) == len(looks)


def test_no_table_is_without_its_enum_here() -> None:
    assert {type(next(iter(table))) for table in TABLES} == set(ENUMS)


def test_a_document_queued_after_a_failed_attempt_is_retrying() -> None:
    assert document_look(a_document(state=DocumentState.QUEUED, tries=0)).word == "Queued"
    assert document_look(a_document(state=DocumentState.QUEUED, tries=2)).word == "Retrying"


WORD_TABLES = [table for name in dir(words) if name.isupper() and isinstance(table := getattr(words, name), dict)]


@pytest.mark.parametrize("table", WORD_TABLES)
def test_every_member_of_a_worded_enum_has_a_word(table: dict[StrEnum, str]) -> None:
    enum = type(next(iter(table)))
    assert all(word(member) for member in enum)
    assert set(table) == set(enum)


def test_templates_use_only_icons_that_exist() -> None:
    used = {
        name
        for path in TEMPLATES.iterdir()
        for name in re.findall(r'ui\.icon\("([a-z-]+)"\)|href="#i-([a-z-]+)"', path.read_text())
        for name in name
        if name
    }
    assert used <= sprite()


def test_templates_hold_nothing_inline() -> None:
    """The policy is default-src 'self': a style, a handler or a script in a page would not work, and must not be needed."""
    for path in TEMPLATES.iterdir():
        text = path.read_text()
        assert not re.search(r'\sstyle="|\son[a-z]+="|<style|javascript:', text), path.name
        assert not re.search(r"<script(?![^>]*src=)", text), path.name
        assert "|safe" not in text.replace(" ", ""), path.name


def test_every_posting_form_carries_the_token() -> None:
    for path in TEMPLATES.iterdir():
        text = path.read_text()
        for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL):
            assert "csrf" in form, path.name


def test_every_cell_of_a_card_table_names_its_column() -> None:
    """On narrow screens a row becomes a card: cells but the first and the actions show their label (design section 7)."""
    for path in TEMPLATES.iterdir():
        for row in re.findall(r"<tr[ >].*?</tr>", path.read_text(), re.DOTALL):
            cells = re.findall(r"<td([^>]*)>", row)
            for cell in cells[1:]:
                plain = "data-label" in cell or "colspan" in cell or 'class="num nowrap"' in cell or "pick" in row
                assert plain or "<td><label" in row, (path.name, row[:160])
