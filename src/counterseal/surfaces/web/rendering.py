"""Templates: Jinja2 with autoescape always on, and the words that pages need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from counterseal.domain.community import Community
from counterseal.domain.people import Permission
from counterseal.engine.people import Signed
from counterseal.engine.views.comparison import digest_text, key_text, key_usage_words, purpose_words, serial_text
from counterseal.kernel.x509 import pretty_fingerprint
from counterseal.surfaces.web import states, words
from counterseal.surfaces.web.cookies import Notice
from counterseal.surfaces.web.forms import FieldProblem, Problems

_WORDS: Final[tuple[words.Words, ...]] = (
    words.PROTOCOLS,
    words.CHANNELS,
    words.SCX_TYPES,
    words.SCX_RULES,
    words.ROLES,
    words.MODES,
    words.CUTOVERS,
    words.KINDS,
    words.MESSAGES,
    words.ORIGINS,
    words.PERMISSIONS,
    words.COMPRESSIONS,
    words.CIPHERS,
    words.PADDINGS,
    words.RECEIPTS,
    words.TRANSPORTS,
)
_WORD_TABLES: Final = {type(next(iter(table))): table for table in _WORDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What the frame around every page shows."""

    here: str
    """Which entry of the navigation is the current place."""
    signed: Signed
    times: words.Times
    community: Community | None
    communities: tuple[Community, ...]
    attention: Mapping[str, int]
    people: Mapping[str, str]
    """User name to full name."""
    notice: Notice | None = None

    @property
    def csrf(self) -> str:
        return self.signed.csrf

    def may(self, permission: str) -> bool:
        return Permission(permission) in self.signed.actor.permissions

    def who(self, actor: str) -> str:
        return words.who(actor, self.people)

    @property
    def base(self) -> str:
        """Where this community's pages begin."""
        return f"/c/{self.community.slug}" if self.community else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """A form to be shown (again): what it holds and what is wrong with it."""

    values: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    problems: tuple[FieldProblem, ...] = ()

    def value(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def has(self, name: str, value: str) -> bool:
        return value in self.chosen.get(name, frozenset())

    def error(self, name: str) -> str:
        return next((p.text for p in self.problems if p.field == name), "")


def problems_of(problems: Problems) -> tuple[FieldProblem, ...]:
    return tuple(problems.found)


def word(value: StrEnum) -> str:
    """The word of a member; its own value where no table renames it."""
    return _WORD_TABLES.get(type(value), {}).get(value, value.value)


@cache
def environment() -> Environment:
    """One for the process: compiled templates depend on nothing that a console is given."""
    made = Environment(
        loader=PackageLoader("counterseal.surfaces.web", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        look=states.look,
        document_look=states.document_look,
        word=word,
        matching_rule=words.matching_rule,
        size=words.size_text,
        plural=lambda count, one, many="": words.plural(count, one, many),
        fp_short=words.short_fingerprint,
        fp_full=pretty_fingerprint,
        fp_groups=words.fingerprint_groups,
        key_text=key_text,
        digest_text=digest_text,
        key_usage=key_usage_words,
        purposes=purpose_words,
        serial=serial_text,
        sentence=words.sentence,
        joined=lambda items: _joined(list(items)),
    )
    return made


def _joined(items: list[str]) -> str:
    """``A, B and C``."""
    return items[0] if len(items) == 1 else (", ".join(items[:-1]) + " and " + items[-1] if items else "")


class Renderer:
    """Renders a template by name."""

    def __init__(self) -> None:
        self._environment = environment()

    def __call__(self, template: str, **values: object) -> str:
        page: str = self._environment.get_template(template).render(**values)
        return page
