"""What a command prints: records as tables for people, as JSON for programs."""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from counterseal.kernel.errors import Fault
from counterseal.surfaces.cli.exit_codes import exit_of

Column = tuple[str, str]
"""Field and heading."""


def print_json(value: object) -> None:
    """One JSON document on standard output; the field names are those of the API."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def plain(value: object) -> object:
    """Records, instants and enums as JSON knows them."""
    match value:
        case Enum():
            return plain(value.value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(k): plain(v) for k, v in value.items()}
        case str() | int() | float() | bool() | None:
            return value
        case Sequence() | frozenset() | set():
            return [plain(v) for v in value]
        case _ if dataclasses.is_dataclass(value):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _:
            return str(value)


def print_list(rows: Sequence[object], columns: Sequence[Column], *, as_json: bool, nothing: str) -> None:
    """``nothing`` is the sentence for an empty list."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        print_line(nothing)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for _, heading in columns:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(getattr(row, name)) for name, _ in columns))
    _console().print(table)


def print_record(record: object, *, as_json: bool) -> None:
    """Every field of one record, a line each; nested ones indented."""
    if as_json:
        print_json(record)
        return
    for line in _lines(plain(record), ""):
        print_line(line)


def print_line(text: str) -> None:
    """One line, as it is: markup in a partner's name is no markup here, control characters are shown."""
    sys.stdout.write(_visible(text) + "\n")


def print_fault(fault: Fault, *, as_json: bool) -> None:
    """On standard error; in JSON with the fields of the API's problem documents."""
    errors = getattr(fault, "errors", ())
    if as_json:
        problem = {
            "code": fault.code,
            "detail": fault.detail,
            "retry": fault.retry.value,
            "exit": int(exit_of(fault)),
            "errors": [_error(e) for e in errors],
        }
        sys.stderr.write(json.dumps(problem, ensure_ascii=False) + "\n")
        return
    lines = [_sentence(e) for e in errors] if errors else [fault.detail]
    sys.stderr.write("".join(f"counterseal: {_visible(line)}\n" for line in lines))


def _sentence(error: object) -> str:
    return f"{getattr(error, 'field', '')}: {error.text}" if hasattr(error, "text") else str(error)


def _error(error: object) -> dict[str, object]:
    place = getattr(error, "place", None)
    return {
        "field": getattr(place, "path", getattr(error, "field", "")),
        "line": getattr(place, "line", None),
        "detail": f"expected {error.expected}, got {error.came}"
        if hasattr(error, "expected") and hasattr(error, "came")
        else str(getattr(error, "text", error)),
    }


_WIDTH_WITHOUT_TERMINAL: Final = 200


def _console() -> "rich.console.Console":  # type: ignore[name-defined]  # noqa: F821  imported when a table is printed
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def _cell(value: object) -> str:
    shown = plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(shown, list):
        return ", ".join(str(v) for v in shown)
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    return _visible("" if shown is None else str(shown))


def _lines(value: object, indent: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, dict) or (isinstance(inner, list) and any(isinstance(i, dict) for i in inner)):
                found.append(f"{indent}{name}:")
                found.extend(_lines(inner, indent + "  "))
            else:
                found.append(f"{indent}{name}: {_cell(inner)}")
    elif isinstance(value, list):
        for inner in value:
            entry = _lines(inner, indent + "  ")
            found.append(f"{indent}- {entry[0].lstrip()}" if entry else f"{indent}-")
            found.extend(entry[1:])
    else:
        found.append(f"{indent}{_cell(value)}")
    return found


def _visible(text: str) -> str:
    """What a partner chose to be called cannot move the cursor of our terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
