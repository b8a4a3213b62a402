"""YAML (and so JSON) into checked fields: every error names its line, its field, what was expected and what came.

What a hostile text could do is refused before anything is built from it: aliases (exponential growth), explicit tags, deep
nesting, more text than ``MAXIMUM_BYTES``. Scalars are taken as they were written, so that ``country: NO`` is Norway.
"""

import difflib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar
from typing import Protocol as Port

import yaml

from counterseal.engine.configuration.kinds import (
    Block,
    Blocks,
    Choice,
    Duration,
    Flag,
    Kind,
    Many,
    Text,
    Whole,
    expectation,
    parse_duration,
)
from counterseal.engine.configuration.model import ConfigurationError, ConfigurationRefused, Place

MAXIMUM_BYTES: Final = 32 * 1024 * 1024
"""Five thousand partners with their certificates are about 25 MB."""
MAXIMUM_DEPTH: Final = 32
MAXIMUM_ERRORS: Final = 100

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where it was built in: about ten times as fast, with the same marks."""

Scalar = str | bool | int | timedelta | StrEnum
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """One block as it was written and found right: only the fields that were there."""

    block: Block
    place: Place
    values: dict[str, object]
    places: dict[str, Place]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, kind: type[V], default: V) -> V:
        """The field's value; ``default`` when it was not written."""
        value = self.values.get(name, default)
        assert isinstance(value, kind), name
        return value

    def need(self, name: str, kind: type[V]) -> V:
        """The value of a field that the reader requires."""
        value = self.values[name]
        assert isinstance(value, kind), name
        return value

    def text(self, name: str, default: str = "") -> str:
        return self.get(name, str, default)

    def fields(self, name: str) -> "Fields | None":
        value = self.values.get(name)
        return value if isinstance(value, Fields) else None

    def blocks(self, name: str) -> "tuple[Fields, ...]":
        value = self.values.get(name, ())
        assert isinstance(value, tuple)
        return tuple(v for v in value if isinstance(v, Fields))

    def place_of(self, name: str) -> Place:
        return self.places.get(name, self.place)


@dataclass(slots=True)
class Errors:
    """What was found wrong so far."""

    found: list[ConfigurationError] = field(default_factory=list)

    def add(self, place: Place, expected: str, came: str) -> None:
        if len(self.found) < MAXIMUM_ERRORS:
            self.found.append(ConfigurationError(place=place, expected=expected, came=came))

    def raise_any(self) -> None:
        """Raises ``ConfigurationRefused`` when there is at least one."""
        if self.found:
            raise ConfigurationRefused(tuple(sorted(self.found, key=lambda e: (e.place.line, e.place.column))))


def read_fields(content: bytes, block: Block, errors: Errors) -> Fields | None:
    """The text's fields by the block's table. Raises ``ConfigurationRefused`` where it is no YAML; other errors are added to
    ``errors`` and what is right is given back."""
    node = _compose(content)
    return _read_block(block, node, "", errors)


class _Mark(Port):
    """A place as both of PyYAML's parsers give it: counted from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def _refuse(mark: _Mark | None, expected: str, came: str) -> ConfigurationRefused:
    place = Place(line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1, path="")
    return ConfigurationRefused((ConfigurationError(place=place, expected=expected, came=came),))


def _compose(content: bytes) -> yaml.Node:
    if len(content) > MAXIMUM_BYTES:
        raise _refuse(None, f"a file of at most {MAXIMUM_BYTES} bytes", f"{len(content)} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = Place(line=line, column=1, path="")
        came = f"the byte {content[error.start]:#04x}"
        raise ConfigurationRefused((ConfigurationError(place=place, expected="UTF-8 text", came=came),)) from error
    try:
        _bound(text)
        nodes = list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise _refuse(error.problem_mark or error.context_mark, "YAML", problem) from error
    except yaml.YAMLError as error:
        raise _refuse(None, "YAML", str(error).splitlines()[0]) from error
    if len(nodes) != 1:
        raise _refuse(nodes[1].start_mark if nodes else None, "one YAML document", f"{len(nodes) or 'no'} documents")
    return nodes[0]


def _bound(text: str) -> None:
    """Looks at the events, which cost no recursion, before a tree is made of them."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise _refuse(event.start_mark, "values written out", f"the alias *{event.anchor}")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) not in {None, "!"}:
            raise _refuse(event.start_mark, "values without tags", f"the tag {getattr(event, 'tag', '')}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAXIMUM_DEPTH:
            raise _refuse(event.start_mark, f"at most {MAXIMUM_DEPTH} levels", "a deeper one")


def _place(node: yaml.Node, path: str) -> Place:
    return Place(line=node.start_mark.line + 1, column=node.start_mark.column + 1, path=path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _came(node: yaml.Node) -> str:
    match node:
        case yaml.MappingNode():
            return "a block of fields"
        case yaml.SequenceNode():
            return "a list"
        case _:
            shown = str(node.value)
            return repr(shown if len(shown) <= 80 else shown[:77] + "...") if shown else "nothing"


def _read_block(block: Block, node: yaml.Node, path: str, errors: Errors) -> Fields | None:
    if not isinstance(node, yaml.MappingNode):
        errors.add(_place(node, path), expectation(block), _came(node))
        return None
    values: dict[str, object] = {}
    places: dict[str, Place] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        wanted = block.find(name)
        here = _place(key, _join(path, name))
        if wanted is None:
            errors.add(here, _known(block, name), f"the unknown field {name[:80]!r}")
            continue
        if name in places:
            errors.add(here, f"the field {name!r} once", f"it again (first in line {places[name].line})")
            continue
        places[name] = here
        read = _read(wanted.kind, value, here.path, errors)
        if read is not None:
            values[name] = read
    place = _place(node, path)
    for wanted in block.fields:
        if wanted.required and wanted.name not in places:
            errors.add(place, f"the field {wanted.name!r} ({expectation(wanted.kind)})", f"a {block.title} without it")
    _require_one_of(block, place, [name for name in block.one_of if name in places], errors)
    return Fields(block=block, place=place, values=values, places=places)


def _known(block: Block, name: str) -> str:
    names = [f.name for f in block.fields]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"{near[0]!r} perhaps" if near else "one of " + ", ".join(names)


def _require_one_of(block: Block, place: Place, there: list[str], errors: Errors) -> None:
    if block.one_of and len(there) != 1:
        came = f"both {' and '.join(there)}" if there else "none of them"
        errors.add(place, f"exactly one of {', '.join(block.one_of)} in a {block.title}", came)


def _read(kind: Kind, node: yaml.Node, path: str, errors: Errors) -> object | None:
    """``None`` when it is wrong; the error has been added."""
    match kind:
        case Block():
            return _read_block(kind, node, path, errors)
        case Blocks():
            return _read_list(kind.of, node, path, errors, expectation(kind), highest=None)
        case Many():
            return _read_list(kind.of, node, path, errors, expectation(kind), highest=kind.highest)
        case _:
            return _read_scalar(kind, node, path, errors)


def _read_list(
    kind: Kind, node: yaml.Node, path: str, errors: Errors, expected: str, *, highest: int | None
) -> tuple[object, ...] | None:
    if not isinstance(node, yaml.SequenceNode) or (highest is not None and len(node.value) > highest):
        came = f"a list of {len(node.value)}" if isinstance(node, yaml.SequenceNode) else _came(node)
        errors.add(_place(node, path), expected, came)
        return None
    read = (_read(kind, entry, f"{path}[{number}]", errors) for number, entry in enumerate(node.value))
    return tuple(entry for entry in read if entry is not None)


def _read_scalar(
    kind: Text | Choice | Flag | Whole | Duration, node: yaml.Node, path: str, errors: Errors
) -> Scalar | None:
    value = read_scalar(kind, str(node.value)) if isinstance(node, yaml.ScalarNode) else None
    if value is None:
        errors.add(_place(node, path), expectation(kind), _came(node))
    return value


def read_scalar(kind: Text | Choice | Flag | Whole | Duration, written: str) -> Scalar | None:
    """The value that a text means; ``None``: it means none of this kind."""
    match kind:
        case Text():
            return _text(kind, written)
        case Choice():
            return next((m for m in kind.members() if m.value == written), None)
        case Flag():
            return {"true": True, "false": False}.get(written.lower())
        case Whole():
            number = int(written) if re.fullmatch(r"-?[0-9]{1,12}", written) else None
            return number if number is not None and kind.lowest <= number <= kind.highest else None
        case Duration():
            duration = parse_duration(written)
            return duration if duration is not None and kind.lowest <= duration <= kind.highest else None


def _text(kind: Text, written: str) -> str | None:
    if not kind.lowest <= len(written) <= kind.highest:
        return None
    if not kind.lines and not all(c.isprintable() for c in written):
        return None
    if kind.pattern and not re.fullmatch(kind.pattern, written):
        return None
    return written
