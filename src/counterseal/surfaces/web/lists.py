"""Filters and pages of long lists as addresses: what a tab, a filter form or a page link keeps of the present query."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from counterseal.surfaces.web.forms import Form

Written = Callable[..., str]
"""Writes a query string: what is kept, with some values changed."""

Member = TypeVar("Member", bound=StrEnum)


def member(kind: type[Member], text: str) -> Member | None:
    """The member with this value; ``None`` for anything else, which then filters nothing."""
    return next((m for m in kind if m.value == text), None)


def keeping(query: Form, names: tuple[str, ...]) -> Written:
    """A function that writes the query string of the present filter with some values changed."""
    present = {name: query.text(name) for name in names if query.text(name)}

    def written(**changes: object) -> str:
        changed: Mapping[str, object] = present | changes
        return urlencode({name: str(value) for name, value in changed.items() if value not in {"", None}})

    return written


def search_of(query: Form) -> str:
    return query.text("q")[:200]


def page_of(query: Form) -> int:
    return max(1, query.number("page", 1))
