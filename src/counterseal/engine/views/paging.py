"""Long lists in pages of fifty."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from counterseal.engine.ports import Window

PAGE_ROWS: Final = 50
_BATCH: Final = 500
"""The most that one window may ask for (ports.Window)."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """One page of a list; ``total`` counts what the filter lets through."""

    rows: tuple[Row, ...]
    number: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_ROWS))

    @property
    def first(self) -> int:
        """The position of the first row, from 1; 0 when there is none."""
        return (self.number - 1) * PAGE_ROWS + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0


def page_of(rows: Sequence[Row], number: int) -> Page[Row]:
    """The page with this number; beyond the last one: the last one."""
    last = max(1, -(-len(rows) // PAGE_ROWS))
    number = min(max(1, number), last)
    return Page(rows=tuple(rows[(number - 1) * PAGE_ROWS : number * PAGE_ROWS]), number=number, total=len(rows))


def window_of(number: int) -> Window:
    return Window(limit=PAGE_ROWS, offset=(max(1, number) - 1) * PAGE_ROWS)


def everything(read: Callable[[Window], list[Row]]) -> Iterator[Row]:
    """All rows of a windowed list, for filters on what is derived and stored nowhere."""
    offset = 0
    while True:
        batch = read(Window(limit=_BATCH, offset=offset))
        yield from batch
        if len(batch) < _BATCH:
            return
        offset += _BATCH
