"""Domain values to rows and back, column by field; the only place that knows how a field is kept.

A field's type decides: text, numbers, octets and instants go as they are, a ``StrEnum`` as its value, a certificate as its DER,
everything else (terms, rules, findings, headers, facts) as JSON text through pydantic. A naive instant raises ``InvalidInstant``
before a database sees it.
"""

import base64
import dataclasses
import functools
import json
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError
from sqlalchemy import RowMapping, Table

from counterseal.adapters.storage import schema
from counterseal.domain.agreement import Agreement, OFTP2Terms
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate, SealedKey
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.document import Document, Message, Transfer
from counterseal.domain.draft import Draft
from counterseal.domain.exchange import Exchange
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.oftp_session import OFTPSession
from counterseal.domain.people import ApiToken, BrowserSession, OneTimeLink, User
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.domain.unfinished import OwedReceipt, RestartPosition
from counterseal.domain.work import Work
from counterseal.kernel.clock import utc
from counterseal.kernel.crl import RevocationList
from counterseal.kernel.x509 import Certificate

Value = TypeVar("Value")
Row = RowMapping
Convert = Callable[[Any], Any]

# Parsing costs 60 microseconds and a community asks for the same few certificates all day; values are immutable.
_parse: Final = functools.lru_cache(maxsize=4096)(Certificate.parse)


def _same(value: Any) -> Any:
    return value


def storable(text: str) -> str:
    """Partner text as both databases take it: PostgreSQL refuses NUL, neither takes half of a surrogate pair."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json_text(adapter: TypeAdapter[Any], value: Any) -> str:
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:  # half of a surrogate pair somewhere inside
        return storable(json.dumps(adapter.dump_python(value, mode="json"), ensure_ascii=False))


def _chain_text(chain: tuple[Certificate, ...]) -> str:
    return _STRINGS.dump_json(tuple(base64.b64encode(c.der).decode("ascii") for c in chain)).decode()


def _chain(text: str) -> tuple[Certificate, ...]:
    return tuple(_parse(base64.b64decode(der)) for der in _STRINGS.validate_json(text))


_STRINGS: Final = TypeAdapter(tuple[str, ...])


def _plain(hint: Any) -> Any:
    """The type behind a ``NewType``."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return hint


def _optional(hint: Any) -> tuple[Any, bool]:
    """The type without ``None``, and whether ``None`` was allowed."""
    if get_origin(hint) in {Union, types.UnionType}:
        rest = [_plain(a) for a in get_args(hint) if a is not type(None)]
        if len(rest) == 1 and len(get_args(hint)) > 1:
            return rest[0], True
    return _plain(hint), False


def _converters(hint: Any) -> tuple[Convert, Convert]:
    """How a field of this type goes into a column and comes out again."""
    kind, _ = _optional(hint)
    if kind is str:
        return storable, _same
    if kind in {int, bool, bytes}:
        return _same, _same
    if kind is datetime:
        return utc, _same
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return str, functools.lru_cache(maxsize=64)(kind)
    if kind is Certificate:
        return (lambda certificate: certificate.der), _parse
    if kind is RevocationList:
        return (lambda found: found.der), RevocationList.parse
    if kind == tuple[Certificate, ...]:
        return _chain_text, _chain
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return (lambda value: _json_text(adapter, value)), adapter.validate_json


@functools.cache
def _columns_of(kind: Any) -> tuple[tuple[str, Convert, Convert], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, *_converters(hints[field.name])) for field in dataclasses.fields(kind))


@dataclasses.dataclass(frozen=True, slots=True)
class Codec(Generic[Value]):
    """One kind of value and its table."""

    kind: type[Value]
    table: Table
    identity: tuple[str, ...]
    derived: Mapping[str, Callable[[Value], Any]] = dataclasses.field(default_factory=dict)
    """Columns that are no fields, kept because they are searched or ordered by."""

    def _columns(self) -> tuple[tuple[str, Convert, Convert], ...]:
        kind: Any = self.kind
        return _columns_of(kind)

    def row(self, value: Value) -> dict[str, Any]:
        row = {}
        for name, into, _ in self._columns():
            field = getattr(value, name)
            row[name] = None if field is None else into(field)
        for name, derive in self.derived.items():
            row[name] = derive(value)
        return row

    def value(self, row: Row) -> Value:
        fields = {}
        for name, _, out in self._columns():
            column = row[name]
            fields[name] = None if column is None else out(column)
        return self.kind(**fields)


def _held_columns() -> dict[str, Callable[[HeldCertificate], Any]]:
    return {"fingerprint": lambda held: held.fingerprint, "not_after": lambda held: held.certificate.not_after}


def _node(agreement: Agreement) -> str | None:
    """The partner's SSIDCODE, by which a session finds its agreements."""
    return agreement.terms.ssid_code if isinstance(agreement.terms, OFTP2Terms) else None


COMMUNITY: Final = Codec(Community, schema.communities, ("id",))
STATION: Final = Codec(Station, schema.stations, ("id",))
PARTNER: Final = Codec(Partner, schema.partners, ("id",))
AGREEMENT: Final = Codec(Agreement, schema.agreements, ("id",), {"node": _node})
CERTIFICATE: Final = Codec(HeldCertificate, schema.certificates, ("community_id", "fingerprint"), _held_columns())
TRUSTED_ROOT: Final = Codec(TrustedRoot, schema.trusted_roots, ("id",))
KEY: Final = Codec(SealedKey, schema.keys, ("id",))
ASSIGNMENT: Final = Codec(Assignment, schema.assignments, ("id",))
TRUST_REQUEST: Final = Codec(TrustRequest, schema.trust_requests, ("id",))
EXCHANGE: Final = Codec(Exchange, schema.exchanges, ("id",))
OFFER: Final = Codec(Offer, schema.offers, ("id",))
OFFERED: Final = Codec(OfferedCertificate, schema.offered_certificates, ("id",))
DOCUMENT: Final = Codec(Document, schema.documents, ("id",))
MESSAGE: Final = Codec(Message, schema.messages, ("id",))
TRANSFER: Final = Codec(Transfer, schema.transfers, ("message_id", "started_at"))
RESTART_POSITION: Final = Codec(RestartPosition, schema.restart_positions, ("direction", "agreement_id", "wire_id"))
OWED_RECEIPT: Final = Codec(OwedReceipt, schema.owed_receipts, ("document_id",))
OFTP_SESSION: Final = Codec(OFTPSession, schema.oftp_sessions, ("id",))
DRAFT: Final = Codec(Draft, schema.drafts, ("id",))
USER: Final = Codec(User, schema.users, ("id",))
LINK: Final = Codec(OneTimeLink, schema.one_time_links, ("digest",))
SESSION: Final = Codec(BrowserSession, schema.browser_sessions, ("digest",))
TOKEN: Final = Codec(ApiToken, schema.api_tokens, ("id",))
WORK: Final = Codec(Work, schema.work, ("id",))

ENTITIES: Final[dict[type, Codec[Any]]] = {
    codec.kind: codec
    for codec in (
        COMMUNITY,
        STATION,
        PARTNER,
        AGREEMENT,
        CERTIFICATE,
        TRUSTED_ROOT,
        KEY,
        ASSIGNMENT,
        TRUST_REQUEST,
        EXCHANGE,
        OFFER,
        OFFERED,
        DOCUMENT,
        MESSAGE,
        TRANSFER,
        RESTART_POSITION,
        OWED_RECEIPT,
        OFTP_SESSION,
        DRAFT,
        USER,
        LINK,
        SESSION,
        TOKEN,
    )
}
"""Every kind that ``Writer.put`` takes."""
