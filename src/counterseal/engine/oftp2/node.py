"""Two nodes that talk: one SSIDCODE of ours, one of theirs, and every agreement that a session between them serves."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from counterseal.domain.agreement import Agreement, OFTP2Terms
from counterseal.domain.community import Station
from counterseal.domain.usage import Protocol, Side, Usage
from counterseal.engine.configuration import secrets
from counterseal.engine.ports import Link, Ports, Reader
from counterseal.engine.relationship import Relationship, around, gather
from counterseal.kernel.ids import AgreementId
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.oftp2.commands import SFID, SSID
from counterseal.protocols.oftp2.reasons import ESIDReason, FileReason

_OURS: Final = "our_password_sealed"
_THEIRS: Final = "their_password_sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``primary`` gives what belongs to the session as such: passwords, session certificates, buffer, patience."""

    our_code: str
    partner_code: str
    primary: Relationship
    agreements: tuple[Agreement, ...]
    """All that this pair of nodes serves, the primary's among them."""
    our_password: str = field(repr=False)
    their_password: str = field(repr=False)

    @property
    def terms(self) -> OFTP2Terms:
        return self.primary.agreement.oftp2

    @property
    def agreement_ids(self) -> tuple[AgreementId, ...]:
        return tuple(a.id for a in self.agreements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """Why the one who calls is not let in: what it is told."""

    reason: ESIDReason
    text: str
    agreement: Agreement | None = None
    """Whose partner it says to be."""


def our_code_of(agreement: Agreement, station: Station) -> str:
    return agreement.oftp2.our_ssid_code or station.identity


def node_of(ports: Ports, reader: Reader, agreement_id: AgreementId) -> Node:
    """The node that a call for this agreement reaches. Raises ``NotFound``."""
    primary = gather(reader, agreement_id)
    terms = primary.agreement.oftp2
    our_code = our_code_of(primary.agreement, primary.station)
    mates = [
        agreement
        for agreement in reader.find_agreements_of_node(terms.ssid_code)
        if agreement.active
        and (agreement.oftp2.host, agreement.oftp2.port, agreement.oftp2.tls) == (terms.host, terms.port, terms.tls)
        and our_code_of(agreement, reader.station(agreement.station_id)) == our_code
    ]
    return _node(ports, primary, tuple(mates) or (primary.agreement,), our_code)


def _node(ports: Ports, primary: Relationship, agreements: tuple[Agreement, ...], our_code: str) -> Node:
    terms = primary.agreement.oftp2
    return Node(
        our_code=our_code,
        partner_code=terms.ssid_code,
        primary=primary,
        agreements=agreements,
        our_password=secrets.opened(ports.vault, terms.our_password_sealed, primary.agreement.id, _OURS),
        their_password=secrets.opened(ports.vault, terms.their_password_sealed, primary.agreement.id, _THEIRS),
    )


def identify(ports: Ports, reader: Reader, ssid: SSID, link: Link) -> Node | Stranger:
    """Who calls, by code, password, transport and certificate, in this order: nothing later is looked at before."""
    named = []
    for agreement in reader.find_agreements_of_node(ssid.code):
        station = reader.station(agreement.station_id)
        if agreement.active and station.enabled:
            named.append((agreement, station))
    if not named:
        return Stranger(reason=ESIDReason.USER_CODE_NOT_KNOWN, text=f"the code {ssid.code} is not known here")
    known = [(a, s) for a, s in named if same_password(_expected(ports, a), ssid.pswd)]
    if not known:
        return Stranger(
            reason=ESIDReason.INVALID_PASSWORD, text="the password is not the one agreed", agreement=named[0][0]
        )
    first, station = known[0]
    our_code = our_code_of(first, station)
    primary = around(reader, first)
    refused = check_transport(primary, link)
    if refused is not None:
        return refused
    mates = tuple(a for a, s in known if our_code_of(a, s) == our_code and not check_transport(around(reader, a), link))
    return _node(ports, primary, mates, our_code)


def _expected(ports: Ports, agreement: Agreement) -> str:
    return secrets.opened(ports.vault, agreement.oftp2.their_password_sealed, agreement.id, _THEIRS)


def same_password(ours: str, theirs: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(ours.encode(), theirs.encode())


def check_transport(found: Relationship, link: Link) -> Stranger | None:
    """Plain TCP only where it was agreed; the client certificate, where one was agreed, has to be of *this* partner: the
    handshake only knew the union of all (architecture.md section 2)."""
    agreement = found.agreement
    if agreement.oftp2.tls and not link.tls:
        return Stranger(
            reason=ESIDReason.INCOMPATIBLE_MODE, text="TLS was agreed; this connection has none", agreement=agreement
        )
    accepted = {held.fingerprint for held in found.acceptors(Side.THEIRS, Usage.TLS_CLIENT)}
    shown = {Certificate.parse(der).fingerprint for der in link.peer_chain}
    if link.tls and accepted and not accepted & shown:
        text = "the TLS client certificate is not the one agreed" if shown else "a TLS client certificate was agreed"
        return Stranger(reason=ESIDReason.USER_CODE_NOT_KNOWN, text=text, agreement=agreement)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unroutable:
    """A file that belongs to no agreement of this session."""

    reason: FileReason
    text: str


def route(reader: Reader, node: Node, sfid: SFID) -> Relationship | Unroutable:
    """SFIDDEST and SFIDORIG name the agreement; only those of the node that proved itself are reached."""
    station = reader.find_station(Protocol.OFTP2, sfid.dest)
    mine = _agreements_of(node.agreements, station)
    if station is None or not mine:
        return Unroutable(reason=FileReason.INVALID_DESTINATION, text=f"{sfid.dest} is no destination here")
    found = next((a for a in mine if a.partner_identity == sfid.orig), None)
    if found is None:
        return Unroutable(
            reason=FileReason.INVALID_ORIGIN, text=f"no agreement is known here between {sfid.orig} and {sfid.dest}"
        )
    return around(reader, found)


def _agreements_of(agreements: Sequence[Agreement], station: Station | None) -> list[Agreement]:
    return [a for a in agreements if station is not None and a.station_id == station.id]
