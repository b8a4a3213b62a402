"""What applying a configuration does, told beforehand and recorded afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum

from counterseal.domain.audit import AuditEvent
from counterseal.engine.configuration.kinds import duration_text
from counterseal.engine.configuration.model import Place
from counterseal.engine.ports import Entity


class Verb(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    GENERATE = "generate"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs. ``fields`` maps a field to what it was and will be; secrets show as ``(set)``."""

    verb: Verb
    thing: str
    """``community``, ``station``, ``partner``, ``agreement``, ``certificate``, ``assignment``."""
    name: str
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that was left as it is on purpose, and why."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """``changes`` in the order of the file; empty: the file says what is there."""

    changes: tuple[Change, ...]
    notes: tuple[Note, ...]
    applied: bool


@dataclass(slots=True)
class Recording:
    """What a plan has gathered so far."""

    changes: list[Change] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)

    def put(self, change: Change, event: AuditEvent, *entities: Entity) -> None:
        self.changes.append(change)
        self.events.append(event)
        self.entities.extend(entities)


def differences(before: object, after: object, *, secret: frozenset[str] = frozenset()) -> dict[str, tuple[str, str]]:
    """The fields in which two values of one dataclass differ, nested ones by dotted name."""
    found: dict[str, tuple[str, str]] = {}
    for entry in fields(after):  # type: ignore[arg-type]  # only dataclass values are compared
        old, new = getattr(before, entry.name), getattr(after, entry.name)
        if old == new:
            continue
        if hasattr(new, "__dataclass_fields__") and type(old) is type(new):
            nested = differences(old, new, secret=secret)
            found |= {f"{entry.name}.{name}": pair for name, pair in nested.items()}
        elif entry.name in secret:
            found[entry.name] = ("(set)" if old else "", "(set)" if new else "")
        else:
            found[entry.name] = (shown(old), shown(new))
    return found


def shown(value: object) -> str:
    """A value as the configuration writes it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case timedelta():
            return duration_text(value)
        case tuple() | list() | frozenset():
            return ", ".join(shown(v) for v in value)
        case dict():
            return ", ".join(f"{k}: {shown(v)}" for k, v in sorted(value.items()))
        case _:
            return str(value)


def event_facts(change: Change) -> dict[str, str]:
    """The change as an audit event's facts."""
    return {"name": change.name} | {
        name: f"{old} -> {new}" if old else new for name, (old, new) in change.fields.items()
    }
