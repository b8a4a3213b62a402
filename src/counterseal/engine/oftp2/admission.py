"""Whether an offered file is taken, decided on its SFID before a byte is stored (RFC 5024 §4.3.2, §5.3.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from counterseal.domain.agreement import OFTP2Terms
from counterseal.domain.document import Direction, DocumentState, MessageKind
from counterseal.domain.unfinished import RestartPosition
from counterseal.engine.oftp2 import certificate_files
from counterseal.engine.oftp2.node import Node, Unroutable, route
from counterseal.engine.ports import Reader
from counterseal.engine.relationship import Relationship
from counterseal.engine.translate import oftp2 as translate
from counterseal.protocols.oftp2.commands import SFID
from counterseal.protocols.oftp2.reasons import FileReason
from counterseal.protocols.oftp2.security import decide_requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    reason: FileReason
    text: str
    retry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    around: Relationship
    wire_id: str
    position: RestartPosition | None
    """What is here of it already."""


def admit(reader: Reader, node: Node, sfid: SFID, *, limit: int, restart: bool) -> Taken | Refused:
    """Destination and origin, name, security, size, duplicate: the first that speaks against it decides."""
    found = route(reader, node, sfid)
    if isinstance(found, Unroutable):
        return Refused(reason=found.reason, text=found.text)
    terms = found.agreement.oftp2
    refused = _policy(sfid, terms, limit=limit)
    if refused is not None:
        return refused
    wire_id = translate.wire_id_of(sfid)
    if _here_already(reader, found, wire_id):
        return Refused(reason=FileReason.DUPLICATE_FILE, text="a file with this name, date and time came before")
    position = reader.find_restart_position(Direction.IN, found.agreement.id, wire_id)
    fits = position is not None and restart and position.shape == translate.shape_of(sfid)
    return Taken(around=found, wire_id=wire_id, position=position if fits else None)


def _policy(sfid: SFID, terms: OFTP2Terms, *, limit: int) -> Refused | None:
    """Certificate files go around what was agreed for business files: names, character set, security (SCX-1, SCX-3)."""
    if certificate_files.type_of(sfid) is None and (refused := _agreed(sfid, terms)) is not None:
        return refused
    # SFIDFSIZ counts blocks and is an estimate (spec C 9): only what is too large by far is refused here.
    if max(sfid.fsiz - 1, 0) * translate.BLOCK > limit:
        return Refused(reason=FileReason.FILE_TOO_BIG, text=f"files of at most {limit} octets are taken")
    return None


def _agreed(sfid: SFID, terms: OFTP2Terms) -> Refused | None:
    if not name_fits(sfid.dsn, terms.dataset_names):
        return Refused(reason=FileReason.INVALID_FILENAME, text=f"the name {sfid.dsn} is not agreed")
    broken = decide_requirements(sfid, translate.requirements_of(terms))
    if broken is not None:
        return Refused(reason=broken.reason, text=broken.text)
    return None


def name_fits(name: str, patterns: Sequence[str]) -> bool:
    """``*`` and ``?`` as in file names; no pattern: every name."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _here_already(reader: Reader, found: Relationship, wire_id: str) -> bool:
    """One that we answered with EFNA was not kept and may come again."""
    earlier = reader.find_messages(
        found.agreement.id, direction=Direction.IN, kind=MessageKind.OFTP2_FILE, wire_id=wire_id
    )
    return any(
        m.document_id is not None and reader.document(m.document_id).state is not DocumentState.REFUSED for m in earlier
    )
