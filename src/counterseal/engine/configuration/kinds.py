"""What a field of a configuration may hold: the vocabulary in which ``schema.py`` is written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line, or a block of text where ``lines`` says so."""

    expected: str = "text"
    pattern: str = ""
    lowest: int = 0
    highest: int = 200
    lines: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    options: type[StrEnum]
    only: tuple[StrEnum, ...] = ()
    """Restricts the options; empty: all of them."""

    def members(self) -> tuple[StrEnum, ...]:
        return self.only or tuple(self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """``true`` or ``false``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number."""

    lowest: int
    highest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """``30s``, ``5m``, ``2h``, ``1d``."""

    lowest: timedelta
    highest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """A list of single values."""

    of: "Text | Duration | Choice"
    highest: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Named fields."""

    title: str
    fields: "tuple[Field, ...]"
    one_of: tuple[str, ...] = ()
    """Exactly one of these must be there."""

    def find(self, name: str) -> "Field | None":
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """A list of blocks."""

    of: Block


Kind = Text | Choice | Flag | Whole | Duration | Many | Block | Blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    kind: Kind
    text: str
    """What it means, one sentence."""
    required: bool = False
    default: str = ""
    """As documented; empty where an absent field means nothing."""
    terms: bool = field(default=True, repr=False)
    """Whether it is a field of the value that the block becomes; off for what is looked up or sealed first."""


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"([0-9]{1,7})([smhd])")


def parse_duration(text: str) -> timedelta | None:
    """``None`` when the text is no duration."""
    found = _DURATION.fullmatch(text.strip())
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else None


def duration_text(duration: timedelta) -> str:
    """The shortest text that ``parse_duration`` reads as the same."""
    seconds = int(duration.total_seconds())
    unit = next((u for u in "dhm" if seconds and seconds % _UNITS[u] == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def expectation(kind: Kind) -> str:
    """What stands after *expected* in an error, and in the column of the documentation."""
    match kind:
        case Text():
            return kind.expected
        case Choice():
            return "one of " + ", ".join(m.value for m in kind.members())
        case Flag():
            return "true or false"
        case Whole():
            return f"a whole number from {kind.lowest} to {kind.highest}"
        case Duration():
            return f"a duration from {duration_text(kind.lowest)} to {duration_text(kind.highest)}, such as 30s, 5m, 2h or 1d"
        case Many():
            return f"a list of at most {kind.highest}, each {expectation(kind.of)}"
        case Block():
            return f"a block of fields ({kind.title})"
        case Blocks():
            return f"a list of blocks ({kind.of.title})"


def blocks_in(block: Block) -> Iterator[Block]:
    """The block and every block below it, in the order of the documentation."""
    seen: list[Block] = []
    waiting = [block]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.append(current)
        yield current
        for entry in current.fields:
            if isinstance(entry.kind, Block):
                waiting.append(entry.kind)
            elif isinstance(entry.kind, Blocks):
                waiting.append(entry.kind.of)
