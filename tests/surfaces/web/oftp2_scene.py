"""OFTP2 beside the scene of AS2: one partner, sessions of every outcome, a file that was cut and resumed, one whose receipt is held."""

from dataclasses import dataclass
from datetime import timedelta

from counterseal.domain.agreement import Agreement
from counterseal.domain.community import Station
from counterseal.domain.document import Direction, Document, DocumentState, Message, MessageKind, TransferOutcome
from counterseal.domain.oftp_session import OFTPSession, SessionOutcome
from counterseal.domain.unfinished import OwedReceipt, RestartPosition
from counterseal.domain.usage import Protocol
from counterseal.engine.ports import Ports
from counterseal.engine.translate.oftp2 import headers_of, wire_id_of
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import SessionId
from tests import builders
from tests.builders import NOW, an_id
from tests.protocols.oftp2.pair import an_sfid
from tests.surfaces.web.gateway import put
from tests.surfaces.web.scene import Scene

MINUTE = timedelta(minutes=1)
HASH = "vl75UpqcHfi1k2Fhrmo+8kAM+K0=, sha-1"
FROM_OCTET = "The partner has the whole file. This session sent it from octet 1,159,168 on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    station: Station
    agreement: Agreement
    resumed: Document
    cut: Document
    held: Document
    sessions: dict[SessionOutcome, OFTPSession]


def fill_oftp2(ports: Ports, scene: Scene) -> Added:
    """Puts it into the store."""
    community_id = scene.community.id
    station = builders.a_station(
        community_id=community_id, protocol=Protocol.OFTP2, identity="O0013000001ALPHA", name="press shop"
    )
    agreement = builders.an_agreement(
        community_id=community_id,
        station_id=station.id,
        partner_id=scene.partners[2].id,
        protocol=Protocol.OFTP2,
        partner_identity="O0013000002DELPHIN",
        terms=builders.oftp2_terms(hold_receipts=True, ssid_code="O0013000002DELPHIN"),
    )
    put(ports, station, agreement)
    sessions = {outcome: _session(agreement, outcome, number) for number, outcome in enumerate(SessionOutcome)}
    stranger = _session(agreement, SessionOutcome.REFUSED, 9, community_id=None, agreement_id=None, partner_code="O9")
    put(ports, *sessions.values(), stranger)
    resumed = _sent(ports, agreement, sessions, "CAD.77210A", DocumentState.DELIVERED)
    cut = _cut(ports, agreement, sessions)
    return Added(
        station=station,
        agreement=agreement,
        resumed=resumed,
        cut=cut,
        held=_held(ports, agreement),
        sessions=sessions,
    )


def _session(agreement: Agreement, outcome: SessionOutcome, number: int, **changes: object) -> OFTPSession:
    words = {
        SessionOutcome.OPEN: ("", ""),
        SessionOutcome.CLEAN: ("00", "Both sides had nothing more to say."),
        SessionOutcome.BROKEN: ("", "The partner closed the connection."),
        SessionOutcome.REFUSED: ("04", "The password is not the one agreed."),
        SessionOutcome.UNREACHABLE: ("refused", "oftp.delphin.example:6619 refused the connection"),
    }
    reason, detail = words[outcome]
    finding = Finding(code="oftp2.quirk", severity=Severity.WARNING, subject="", text="They pad SSID with NUL.")
    started = NOW - number * 7 * MINUTE
    values: dict[str, object] = {
        "id": SessionId(an_id()),
        "community_id": agreement.community_id,
        "agreement_id": agreement.id,
        "we_called": number % 2 == 0,
        "remote": "203.0.113.7:6619",
        "partner_code": "O0013000002DELPHIN",
        "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "authenticated": outcome in {SessionOutcome.CLEAN, SessionOutcome.BROKEN},
        "started_at": started,
        "ended_at": None if outcome is SessionOutcome.OPEN else started + MINUTE,
        "outcome": outcome,
        "reason": reason,
        "detail": detail,
        "files_sent": 1 if outcome is SessionOutcome.CLEAN else 0,
        "receipts_received": 1 if outcome is SessionOutcome.CLEAN else 0,
        "octets_sent": 1_844_388,
        "findings": (finding,) if outcome is SessionOutcome.BROKEN else (),
    }
    return OFTPSession(**(values | changes))  # type: ignore[arg-type]


def _file(document: Document, agreement: Agreement, name: str) -> Message:
    sfid = an_sfid(dsn=name, desc="bow limb, left", dest="O0013000002DELPHIN", orig="O0013000001ALPHA")
    return builders.a_message(
        community_id=document.community_id,
        document_id=document.id,
        agreement_id=agreement.id,
        direction=document.direction,
        kind=MessageKind.OFTP2_FILE,
        wire_id=wire_id_of(sfid),
        headers=headers_of(sfid, records=0),
        layers=("encrypted aes-256-cbc, key by rsa-pkcs1", "compressed zlib", "signed sha-1, rsa-pkcs1"),
        mic=HASH,
        wire_size=3_003_556,
        at=document.created_at,
    )


def _document(agreement: Agreement, name: str, state: DocumentState, **changes: object) -> Document:
    values: dict[str, object] = {
        "community_id": agreement.community_id,
        "agreement_id": agreement.id,
        "state": state,
        "file_name": name,
        "size": 3_000_089,
        "created_at": NOW - 20 * MINUTE,
    }
    return builders.a_document(**(values | changes))


def _sent(
    ports: Ports,
    agreement: Agreement,
    sessions: dict[SessionOutcome, OFTPSession],
    name: str,
    state: DocumentState,
) -> Document:
    document = _document(agreement, name, state, settled_at=NOW - 5 * MINUTE, tries=2)
    file = _file(document, agreement, name)
    receipt = builders.a_message(
        community_id=document.community_id,
        document_id=document.id,
        agreement_id=agreement.id,
        direction=Direction.IN,
        kind=MessageKind.EERP,
        wire_id="",
        refers_to=file.wire_id,
        disposition="EERP",
        mic=HASH,
        at=NOW - 5 * MINUTE,
    )
    put(ports, document)
    put(ports, file, receipt)
    steps = (
        (file, SessionOutcome.BROKEN, "broken", "The session ended after 1,300,000 of 3,003,556 octets: cut.", 14),
        (file, SessionOutcome.CLEAN, "EFPA", FROM_OCTET, 7),
        (receipt, SessionOutcome.CLEAN, "RTR", "The partner says that it has the file.", 5),
    )
    for message, outcome, status, detail, ago in steps:
        put(
            ports,
            builders.a_transfer(
                message_id=message.id,
                document_id=document.id,
                started_at=NOW - ago * MINUTE,
                ended_at=NOW - ago * MINUTE + timedelta(seconds=9),
                outcome=TransferOutcome.FAILED if outcome is SessionOutcome.BROKEN else TransferOutcome.OK,
                status=status,
                detail=detail,
                session_id=sessions[outcome].id,
            ),
        )
    return document


def _cut(ports: Ports, agreement: Agreement, sessions: dict[SessionOutcome, OFTPSession]) -> Document:
    document = _document(agreement, "CAD.77211B", DocumentState.QUEUED, tries=1)
    file = _file(document, agreement, "CAD.77211B")
    position = RestartPosition(
        direction=Direction.OUT,
        agreement_id=agreement.id,
        wire_id=file.wire_id,
        blob=None,
        octets=1_300_000,
        records=0,
        shape="U 0 03 02 1 1",
        at=NOW - 2 * MINUTE,
    )
    broken = builders.a_transfer(
        message_id=file.id,
        document_id=document.id,
        started_at=NOW - 3 * MINUTE,
        ended_at=NOW - 2 * MINUTE,
        outcome=TransferOutcome.FAILED,
        status="broken",
        detail="The session ended after 1,300,000 of 3,003,556 octets: cut.",
        session_id=sessions[SessionOutcome.BROKEN].id,
    )
    put(ports, document)
    put(ports, file, position)
    put(ports, broken)
    return document


def _held(ports: Ports, agreement: Agreement) -> Document:
    document = _document(
        agreement, "ORDERS.4711", DocumentState.DELIVERED, direction=Direction.IN, settled_at=NOW - MINUTE, size=44_100
    )
    owed = OwedReceipt(
        document_id=document.id, agreement_id=agreement.id, message_id=None, held=True, created_at=NOW - MINUTE
    )
    put(ports, document)
    put(ports, _file(document, agreement, "ORDERS.4711"), owed)
    return document
