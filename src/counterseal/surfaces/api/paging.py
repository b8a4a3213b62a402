"""Long lists in pages: ``next`` alone says that there is more."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request
from pydantic import BaseModel, Field

from counterseal.engine.ports import Window

LARGEST_PAGE: Final = 200
DEFAULT_PAGE: Final = 50

Row = TypeVar("Row")
Item = TypeVar("Item")

Limit = Annotated[
    int, Query(ge=1, le=LARGEST_PAGE, description=f"Rows per page, at most {LARGEST_PAGE}; more is an error.")
]
After = Annotated[
    int, Query(ge=0, le=10_000_000, description="Rows to leave out at the beginning; `next` fills it in.")
]

PAGE_FIELDS: Final = frozenset({"limit", "after"})


class Page(BaseModel, Generic[Item]):
    """One page of a list, newest first unless the operation says otherwise."""

    items: list[Item]
    next: str | None = Field(default=None, description="Path and query of the next page; null: this was the last.")


def window(limit: int, after: int) -> Window:
    """One row more than is shown: from it we see that there is a next page."""
    return Window(limit=limit + 1, offset=after)


def page(
    request: Request, rows: Sequence[Row], make: Callable[[Sequence[Row]], list[Item]], *, limit: int, after: int
) -> Page[Item]:
    """The page of ``rows`` that were read through ``window``."""
    following = None
    if len(rows) > limit:
        query = dict(request.query_params) | {"limit": str(limit), "after": str(after + limit)}
        following = f"{request.scope.get('root_path', '')}{_path(request)}?{urlencode(query)}"
    return Page(items=make(rows[:limit]), next=following)


def page_of_all(
    request: Request, rows: Sequence[Row], make: Callable[[Row], Item], *, limit: int, after: int
) -> Page[Item]:
    """The page of a list that was read whole."""
    return page(
        request, rows[after : after + limit + 1], lambda some: [make(r) for r in some], limit=limit, after=after
    )


def _path(request: Request) -> str:
    path = str(request.scope["path"])
    return path.removeprefix(str(request.scope.get("root_path", "")))
