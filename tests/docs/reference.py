"""The pages of ``docs/reference`` as they follow from the code. ``scripts/reference`` writes them, a test compares them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticUndefined
from typer.core import TyperGroup

from counterseal.engine.audit_events import EVENTS
from counterseal.engine.configuration.kinds import Block, blocks_in, expectation
from counterseal.engine.configuration.schema import FILE
from counterseal.kernel.errors import CallerFault, EnvironmentFault, Fault, PeerFault
from counterseal.settings import Settings
from counterseal.surfaces.api import problems
from counterseal.surfaces.api.routing import ScopedRoute, permission_of
from counterseal.surfaces.cli import exit_codes
from counterseal.surfaces.cli.exit_codes import Exit
from counterseal.surfaces.cli.program import build_command
from tests.configurations import FULL
from tests.surfaces.faults import every_fault

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"
_WRITTEN: Final = "<!-- Written by scripts/reference from the code; change it there. -->\n"


def pages() -> dict[str, str]:
    """Text by file name."""
    return {
        "configuration.md": _page(_configuration()),
        "cli.md": _page(_cli()),
        "api.md": _page(_api()),
        "settings.md": _page(_settings()),
        "faults.md": _page(_faults()),
        "audit.md": _page(_audit()),
    }


def _page(lines: Iterator[str]) -> str:
    return _WRITTEN + "\n".join(lines).rstrip() + "\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


# configuration


def _configuration() -> Iterator[str]:
    yield from _CONFIGURATION_INTRODUCTION.splitlines()
    yield "```yaml"
    yield from FULL.splitlines()
    yield "```"
    for block in blocks_in(FILE):
        yield ""
        yield f"## {block.title}"
        yield ""
        if block.one_of:
            names = ", ".join(f"`{n}`" for n in block.one_of)
            yield f"Exactly one of {names} must be there."
            yield ""
        yield from _table(("Field", "Holds", "Means", "When absent"), _field_rows(block))


def _field_rows(block: Block) -> Iterator[tuple[str, ...]]:
    for field in block.fields:
        absent = "**required**" if field.required else f"`{field.default}`" if field.default else ""
        yield f"`{field.name}`", expectation(field.kind), field.text, absent


_CONFIGURATION_INTRODUCTION: Final = """\
# Configuration

Communities, stations, partners, agreements and certificates as one YAML (or JSON) text. `counterseal apply FILE.yaml` brings the
gateway to what the file says, in one transaction per file; `--dry-run` only tells what would change; `counterseal export` prints a
text that applies to no change. The API does the same under `PUT` and `GET /api/v1/configuration`.

- **Absent fields** mean their default, so the file alone says what holds. Two things are kept instead: passwords that the file
  does not name, and labels of certificates.
- **What the file does not name stays.** Nothing is removed by applying; `active: false` and `enabled: false` switch off.
- **Things are found again** by community `slug`, station `protocol` and `identity`, partner `slug`, agreement `station` and
  `partner_identity`, certificate fingerprint. A `generate` block is found by its `label` and is made once.
- **A rollover is not turned back.** Where a file names a certificate that was active once and has been replaced since, or one that
  is staged by an exchange, the assignment stays as it is and a note says so.
- **Errors** name line, field, what was expected and what came; all of them at once; nothing is applied then.
- **Private keys and passwords** are read from the places that the file names and are never exported. Paths are relative to the
  file. A text that comes through the API names no paths and no variables.
- YAML aliases, tags, several documents and more than 32 levels are refused. Durations are written `30s`, `5m`, `2h`, `1d`.

An example with nearly everything:
"""


# command line


def _cli() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield "Every command takes `--data-dir DIR` (else the setting `COUNTERSEAL_DATA_DIR`) and `--json`. Commands work on the data"
    yield "directory itself, as `local:<unix user>`, whether or not a server runs on it; a running server is woken."
    yield "Field names in JSON are those of the API. Failures go to standard error, with `--json` as one JSON object."
    yield ""
    yield "## Exit status"
    yield ""
    yield from _table(("Status", "Name"), ((str(int(e)), e.name.lower().replace("_", " ")) for e in Exit))
    for path, command in _leaves(build_command(), ()):
        yield ""
        yield f"## counterseal {' '.join(path)}"
        yield ""
        yield str(command.help).strip()
        rows = list(_parameter_rows(command))
        if rows:
            yield ""
            yield from _table(("Parameter", "Means"), iter(rows))


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from _leaves(below, (*path, name))
    else:
        yield path, command


_SHARED: Final = {"data_dir", "as_json", "help"}


def _parameter_rows(command: Any) -> Iterator[tuple[str, ...]]:
    for parameter in command.params:
        if parameter.name in _SHARED:
            continue
        argument = parameter.param_type_name == "argument"
        shown = (
            (parameter.metavar or parameter.name.upper()) if argument else ", ".join(f"`{o}`" for o in parameter.opts)
        )
        required = " **required**" if parameter.required else ""
        yield shown, f"{parameter.help or ''}{required}"


# API


def _api() -> Iterator[str]:
    yield "# REST API"
    yield ""
    yield "Below `/api/v1` on the private listener; `GET /api/v1/openapi.json` describes every field. Requests carry"
    yield "`Authorization: Bearer <token>` (`counterseal token create`). Every failure is a problem document (RFC 9457,"
    yield "`application/problem+json`) with `type`, `title`, `status`, `detail`, `code`, `retry` and `errors`; the codes are in"
    yield "[faults.md](faults.md). Refusals come in this order: 401 no token, 403 no scope, 400 unknown query parameter, then the rest."
    yield ""
    yield f"Lists take `limit` (at most {_largest_page()}, more is an error) and `after`; `next` is the path of the next page, or null."
    yield ""
    yield from _table(("Operation", "Scope", "Does"), _operation_rows())


def _largest_page() -> int:
    from counterseal.surfaces.api.paging import LARGEST_PAGE

    return LARGEST_PAGE


def _operation_rows() -> Iterator[tuple[str, ...]]:
    for route in operations():
        method = min(route.methods or {"GET"})
        yield f"`{method} {route.path}`", permission_of(route.endpoint).value, f"{route.summary}."


def operations() -> list[ScopedRoute]:
    """Every operation, in the order of their declaration."""
    from counterseal.surfaces.api.routes import ROUTERS

    return [route for router in ROUTERS for route in router.routes if isinstance(route, ScopedRoute)]


# settings


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Of one gateway process: an option of `counterseal serve` where there is one, else the environment variable, else the"
    yield "default. What belongs to trading is [configuration](configuration.md), not a setting."
    yield ""
    yield from _table(("Variable", "Default", "Means"), _setting_rows())


def _setting_rows() -> Iterator[tuple[str, ...]]:
    for name, field in Settings.model_fields.items():
        default = "" if field.default in {None, "", PydanticUndefined} else f"`{field.default}`"
        yield f"`COUNTERSEAL_{name.upper()}`", default, str(field.description)


# faults


def _faults() -> Iterator[str]:
    yield "# Faults"
    yield ""
    yield "Stable codes of everything that can fail. *Status* is the API's, *exit* the command line's; a dash: it cannot reach them."
    yield "*Retry* says whether the same thing can succeed later: never, later, or after an operator did something."
    yield ""
    families = {PeerFault: "peer", CallerFault: "caller", EnvironmentFault: "environment"}
    yield from _table(("Code", "Family", "Retry", "Status", "Exit", "Means"), _fault_rows(families))


def _fault_rows(families: dict[type[Fault], str]) -> Iterator[tuple[str, ...]]:
    for kind in every_fault():
        if kind in families:
            continue
        family = next(name for base, name in families.items() if issubclass(kind, base))
        status, leaving = problems.entered(kind.code), exit_codes.entered(kind.code)
        yield (
            f"`{kind.code}`",
            family,
            kind.retry.value,
            str(status.value) if status else "-",
            str(int(leaving)) if leaving is not None else "-",
            " ".join((kind.__doc__ or "").split()),
        )


# audit trail


def _audit() -> Iterator[str]:
    yield "# Audit trail"
    yield ""
    yield "Every event that `counterseal audit list`, the console's Audit page and `GET /api/v1/audit` show. Names are stable. An entry is"
    yield "written in the transaction that it describes and carries the SHA-256 of the entry before, so that `counterseal audit verify`"
    yield "finds a changed, missing or added one. The actor is `user:NAME`, `token:NAME`, `local:UNIX-USER`, `partner:SLUG` or `system`;"
    yield "facts are fingerprints, states and reasons, never payload, key or password."
    yield ""
    yield from _table(("Event", "Means"), ((f"`{name}`", meaning) for name, meaning in EVENTS.items()))
