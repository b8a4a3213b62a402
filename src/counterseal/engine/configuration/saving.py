"""One thing at a time, as a form brings it: texts by field name, measured by the same tables as a configuration text.

``written`` holds what the form had; a field that it had not stays as it is stored (or as its default says). Names are those of
the configuration: ``name``, ``url``, ``receipt_timeout``; rules of exchange as ``exchange.mode``, of the community as
``rules.cem_mode``. A list may come as several texts or as one with commas or lines. An empty password keeps the stored one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from counterseal.domain.agreement import Agreement, AS2Terms, ExchangeTerms, InvalidAgreement, OFTP2Terms
from counterseal.domain.audit import AuditEvent
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.people import Actor, Permission
from counterseal.domain.usage import Protocol
from counterseal.domain.wizard import FieldError
from counterseal.engine.configuration.changes import differences
from counterseal.engine.configuration.kinds import Block, Blocks, Field, Many, expectation
from counterseal.engine.configuration.schema import AGREEMENT, COMMUNITY, PARTNER, RULES, STATION
from counterseal.engine.configuration.secrets import SEALED, sealed
from counterseal.engine.configuration.terms import AS2, EXCHANGE, OFTP2
from counterseal.engine.configuration.text import read_scalar
from counterseal.engine.configuration.texts import ODETTE_CODE
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.ports import Ports, Writer
from counterseal.kernel.clock import InvalidInstant, zone
from counterseal.kernel.ids import AgreementId, CommunityId, PartnerId, StationId

Written = Mapping[str, str | tuple[str, ...]]
T = TypeVar("T")

_LONGEST_SECRET: Final = 1000


def save_community(ports: Ports, actor: Actor, community_id: CommunityId | None, written: Written) -> Community:
    """Creates (``None``) or changes a community. Raises ``FieldErrors``."""
    form = _Form(ports, actor, written)
    values, rules = form.read(COMMUNITY), form.read(RULES, prefix="rules.")
    with ports.store.write() as writer:
        stored = writer.community(community_id) if community_id else None
        form.need(COMMUNITY, values, stored)
        other = writer.find_community(str(values.get("slug", "")))
        form.refuse_taken("slug", other.id if other else None, community_id)
        form.check_zone(str(values.get("time_zone", "")))
        form.raise_any()
        start = stored or Community(
            id=CommunityId(ports.entropy.new_id()),
            slug="",
            name="",
            time_zone="UTC",
            contact_email="",
            created_at=form.now,
        )
        made = _replaced(start, values | {"rules": _replaced(start.rules, rules)})
        form.put(writer, "community", stored, made, made.id)
    form.finish()
    return made


def save_station(
    ports: Ports, actor: Actor, community_id: CommunityId, station_id: StationId | None, written: Written
) -> Station:
    """Creates (``None``) or changes a station; its protocol and identity stay. Raises ``FieldErrors``."""
    form = _Form(ports, actor, written)
    values = form.read(STATION)
    with ports.store.write() as writer:
        community = writer.community(community_id)
        stored = writer.station(station_id) if station_id else None
        form.keep(stored, values, "protocol", "identity")
        form.need(STATION, values, stored)
        protocol = values.get("protocol", stored.protocol if stored else None)
        if protocol is Protocol.OFTP2:
            form.need_odette_code("identity", values)
        if isinstance(protocol, Protocol):
            other = writer.find_station(protocol, str(values.get("identity", stored.identity if stored else "")))
            form.refuse_taken("identity", other.id if other else None, station_id)
        form.raise_any()
        made = (
            _replaced(stored, values)
            if stored
            else _made(
                Station,
                {"url": ""} | values | {"id": ports.entropy.new_id(), "community_id": community.id},
            )
        )
        form.put(writer, "station", stored, made, community.id)
    form.finish()
    return made


def save_partner(
    ports: Ports, actor: Actor, community_id: CommunityId, partner_id: PartnerId | None, written: Written
) -> Partner:
    """Creates (``None``) or changes a partner. Raises ``FieldErrors``."""
    form = _Form(ports, actor, written)
    values = form.read(PARTNER)
    with ports.store.write() as writer:
        community = writer.community(community_id)
        stored = writer.partner(partner_id) if partner_id else None
        form.need(PARTNER, values, stored)
        other = writer.find_partner(community.id, str(values.get("slug", "")))
        form.refuse_taken("slug", other.id if other else None, partner_id)
        form.raise_any()
        fixed = {"id": ports.entropy.new_id(), "community_id": community.id, "created_at": form.now}
        made = _replaced(stored, values) if stored else _made(Partner, values | fixed)
        form.put(writer, "partner", stored, made, community.id)
    form.finish()
    return made


def save_agreement(
    ports: Ports,
    actor: Actor,
    agreement_id: AgreementId | None,
    *,
    station_id: StationId,
    partner_id: PartnerId,
    written: Written,
) -> Agreement:
    """Creates (``None``) or changes an agreement between a station and a partner; its protocol is the station's.
    Raises ``FieldErrors``."""
    form = _Form(ports, actor, written)
    with ports.store.write() as writer:
        station, partner = writer.station(station_id), writer.partner(partner_id)
        stored = writer.agreement(agreement_id) if agreement_id else None
        if station.community_id != partner.community_id or (stored and stored.station_id != station.id):
            form.add("station", "Station and partner do not belong together. Choose a station of the same community.")
        block = AS2 if station.protocol is Protocol.AS2 else OFTP2
        values, terms = form.read(AGREEMENT), form.read(block)
        exchange = form.read(EXCHANGE, prefix="exchange.")
        values.pop("station", None)
        if stored is None and "partner_identity" not in values:
            form.add_missing("partner_identity", AGREEMENT)
        if station.protocol is Protocol.OFTP2:
            form.need_odette_code("partner_identity", values)
        form.need(block, terms, stored.terms if stored else None)
        other = writer.find_agreement(station.id, str(values.get("partner_identity", "")))
        form.refuse_taken("partner_identity", other.id if other else None, agreement_id)
        form.raise_any()
        new_id = stored.id if stored else AgreementId(ports.entropy.new_id())
        secrets = form.sealed(block, new_id)
        made_terms = form.terms(station.protocol, stored.terms if stored else None, terms | secrets)
        fixed = {
            "id": new_id,
            "community_id": station.community_id,
            "station_id": station.id,
            "partner_id": partner.id,
            "protocol": station.protocol,
            "created_at": form.now,
        }
        changed = values | {
            "terms": made_terms,
            "exchange": _replaced(stored.exchange if stored else ExchangeTerms(), exchange),
        }
        made = _replaced(stored, changed) if stored else _made(Agreement, changed | fixed)
        form.put(writer, "agreement", stored, made, station.community_id)
    form.finish()
    return made


class _Form:
    """One form being saved: its errors, and what is recorded about it."""

    def __init__(self, ports: Ports, actor: Actor, written: Written) -> None:
        actor.require(Permission.CONFIGURE)
        self.now = ports.clock.now()
        self._ports = ports
        self._actor = actor
        self._written = written
        self._errors: list[FieldError] = []
        self._changed = False

    def read(self, block: Block, *, prefix: str = "") -> dict[str, object]:
        """The block's single values that the form had and that are right."""
        values: dict[str, object] = {}
        for field in block.fields:
            name = prefix + field.name
            if name not in self._written or isinstance(field.kind, Block | Blocks):
                continue
            value = _read(field, self._written[name])
            if value is _WRONG:
                self.add(name, f"Expected {expectation(field.kind)}.")
            else:
                values[field.name] = value
        return values

    def add(self, name: str, text: str) -> None:
        self._errors.append(FieldError(name, text))

    def add_missing(self, name: str, block: Block) -> None:
        field = block.find(name)
        assert field is not None
        if not any(e.field == name for e in self._errors):
            self.add(name, f"This is needed: {expectation(field.kind)}.")

    def need_odette_code(self, name: str, values: Mapping[str, object]) -> None:
        """An identity of OFTP2 is one; those of AS2 may be nearly anything."""
        if name in values and read_scalar(ODETTE_CODE, str(values[name])) is None:
            self.add(name, f"Expected {expectation(ODETTE_CODE)}.")

    def need(self, block: Block, values: Mapping[str, object], stored: object | None) -> None:
        """A new thing needs its required fields; a stored one has them."""
        for field in block.fields:
            single = not isinstance(field.kind, Block | Blocks)
            if field.required and single and field.name not in values and stored is None:
                self.add_missing(field.name, block)

    def keep(self, stored: Station | None, values: dict[str, object], *names: str) -> None:
        """What partners know us by is no matter of editing: a new identity is a new station."""
        for name in names:
            if stored is not None and name in values and values[name] != getattr(stored, name):
                self.add(name, "This cannot be changed: agreements and partners rely on it. Add another station.")

    def refuse_taken(self, name: str, other: str | None, own: str | None) -> None:
        if other is not None and other != own:
            self.add(name, "This is taken already. Choose another one.")

    def check_zone(self, name: str) -> None:
        if name:
            try:
                zone(name)
            except InvalidInstant:
                self.add("time_zone", f"{name!r} is no time zone. Give an IANA name such as Europe/Berlin.")

    def sealed(self, block: Block, agreement_id: AgreementId) -> dict[str, object]:
        """The passwords that the form had."""
        found: dict[str, object] = {}
        for field in block.fields:
            clear = self._written.get(field.name)
            name = f"{field.name}_sealed"
            if name not in SEALED or not isinstance(clear, str) or not clear:
                continue
            if len(clear) > _LONGEST_SECRET:
                self.add(field.name, f"The password is too long: at most {_LONGEST_SECRET} characters.")
                self.raise_any()
            found[name] = sealed(self._ports.vault, clear, agreement_id, name)
        return found

    def terms(
        self, protocol: Protocol, stored: AS2Terms | OFTP2Terms | None, values: Mapping[str, object]
    ) -> AS2Terms | OFTP2Terms:
        try:
            if stored is not None:
                return _replaced(stored, values)
            return _made(AS2Terms, values) if protocol is Protocol.AS2 else _made(OFTP2Terms, values)
        except InvalidAgreement as fault:
            self.add("terms", fault.detail[:1].upper() + fault.detail[1:] + ".")
            raise FieldErrors(tuple(self._errors)) from fault

    def raise_any(self) -> None:
        if self._errors:
            raise FieldErrors(tuple(self._errors))

    def put(
        self,
        writer: Writer,
        thing: str,
        stored: Community | Station | Partner | Agreement | None,
        made: Community | Station | Partner | Agreement,
        community_id: CommunityId,
    ) -> None:
        if stored == made:
            return
        self._changed = True
        changed = differences(stored, made, secret=SEALED) if stored else {}
        facts = {name: f"{old} -> {new}" if old else new for name, (old, new) in changed.items()}
        event = AuditEvent(
            at=self.now,
            actor=self._actor.name,
            event=f"{thing}.changed" if stored else f"{thing}.created",
            subject=f"{thing}:{made.id}",
            community_id=community_id,
            facts=facts,
        )
        writer.put(made)
        writer.record(event)

    def finish(self) -> None:
        """After the transaction."""
        if self._changed:
            self._ports.store.seal()
            self._ports.wake()


_WRONG: Final = object()


def _read(field: Field, written: str | tuple[str, ...]) -> object:
    kind = field.kind
    if isinstance(kind, Many):
        texts = written if isinstance(written, tuple) else tuple(re.split(r"[\s,]+", written))
        values = tuple(read_scalar(kind.of, text.strip()) for text in texts if text.strip())
        return _WRONG if None in values or len(values) > kind.highest else values
    assert not isinstance(kind, Block | Blocks)
    text = (written if isinstance(written, str) else " ".join(written)).strip()
    if not text and not field.required and read_scalar(kind, "") is None:
        return None if not field.default else _WRONG
    value = read_scalar(kind, text)
    return _WRONG if value is None else value


def _replaced(value: T, changes: Mapping[str, object]) -> T:
    change: Callable[..., T] = replace
    return change(value, **changes)


def _made(kind: Callable[..., T], values: Mapping[str, object]) -> T:
    return kind(**values)
