"""``Store``: what is put is read back as it was, by every read of the port; what must be unique is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest

from counterseal.adapters.storage import SQLStore
from counterseal.domain.agreement import (
    Agreement,
    AS2Terms,
    CEMCapability,
    Cipher,
    Compression,
    ExchangeTerms,
    ReceiptMode,
    Seen,
)
from counterseal.domain.assignment import Assignment
from counterseal.domain.certificate import HeldCertificate, SealedKey
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.community import Community, CommunityRules, CutoverRule, HandlingMode, Partner, Station
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState, Message, MessageKind, Transfer
from counterseal.domain.draft import Draft
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState
from counterseal.domain.oftp_session import OFTPSession
from counterseal.domain.people import ApiToken, BrowserSession, OneTimeLink, Permission, User
from counterseal.domain.root_role import RootRole
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.domain.unfinished import OwedReceipt, RestartPosition
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.domain.virtual_file import RecordFormat, VirtualFile
from counterseal.engine.ports import Conflict, Entity, NotFound, Reader, Window
from counterseal.kernel.clock import InvalidInstant
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import CommunityId, MessageRowId, SessionId
from counterseal.kernel.keys import Digest, KeyTransport
from tests import builders as b

C, OTHER = CommunityId("c"), CommunityId("other")
A: Any = "a"
D: Any = "d"
D9: Any = "d9"
FIRST_OFFER: Any = "o"
UNKNOWN: Any = "x"
LATER = b.NOW + timedelta(days=3, microseconds=123456)
FINDING = Finding(
    code="certificate.expired", severity=Severity.WARNING, subject="ab", text="Abgelaufen: „gestern“, \\u0000 & 'so'"
)
CA = b.mint_ca()
LEAF = b.mint("Bravo Bows", issuer=CA, key=b.rsa_key(1)).certificate

FULL_TERMS = AS2Terms(
    url="https://bravo.example/as2?x=1",
    compress=Compression.AFTER_SIGNING,
    digest=Digest.SHA512,
    cipher=Cipher.AES256_GCM,
    key_transport=KeyTransport.RSA_OAEP_SHA256,
    receipt=ReceiptMode.ASYNC,
    receipt_timeout=timedelta(hours=2, milliseconds=1),
    async_receipt_hosts=("a.example", "b.example"),
    retries=(timedelta(seconds=1), timedelta(days=2)),
    basic_user="ü",
    max_parallel=9,
)


def an_oftp_session(**changes: Any) -> OFTPSession:
    made = OFTPSession(
        id=SessionId(b.an_id()),
        community_id=CommunityId("c"),
        agreement_id=A,
        we_called=True,
        remote="192.0.2.1:6619",
        partner_code="O0013BRAVO",
        tls="TLSv1.3",
        authenticated=False,
        started_at=b.NOW,
    )
    return replace(made, **changes)


CASES: dict[type, list[Any]] = {
    Community: [
        b.a_community(),
        b.a_community(
            name="Müller & Söhne \N{SNOWMAN}",
            rules=CommunityRules(cem_mode=HandlingMode.AUTOMATIC, two_people=True),
            default_certificates={Usage.SIGN: "ab" * 32, Usage.TLS_SERVER: "cd" * 32},
        ),
    ],
    Station: [b.a_station(), b.a_station(protocol=Protocol.OFTP2, identity="O0013 ALPHA", enabled=False)],
    Partner: [b.a_partner(), b.a_partner(note="line\nline\ttab", owner="mara")],
    Agreement: [
        b.an_agreement(),
        b.an_agreement(
            protocol=Protocol.OFTP2,
            terms=b.oftp2_terms(poll_every=timedelta(minutes=5), dataset_names=("A*",)),
            scx_learned="clid lenient",
        ),
        b.an_agreement(
            terms=FULL_TERMS,
            active=False,
            exchange=ExchangeTerms(mode=HandlingMode.OFF, cutover=CutoverRule.MANUAL, response_url_hosts=("x",)),
            seen=Seen(as2_version="1.2", features=("CEM", "multiple-attachments"), at=LATER),
            cem_capability=CEMCapability.PROVED,
        ),
    ],
    HeldCertificate: [
        b.a_held_certificate(),
        b.a_held_certificate(
            certificate=LEAF, side=Side.OURS, key_id="k", partner_id="p", label="neu", chain=(CA.certificate,)
        ),
    ],
    TrustedRoot: [
        b.a_trusted_root(certificate=CA.certificate),
        b.a_trusted_root(
            certificate=CA.certificate, role=RootRole.ISSUER, partner_id="p", revocation_list=b.a_revocation_list(CA)
        ),
    ],
    SealedKey: [b.a_sealed_key(sealed=bytes(range(256)))],
    Assignment: [
        b.an_assignment(),
        b.an_assignment(
            agreement_id=None, listener_id="l", usage=Usage.TLS_SERVER, activated_at=LATER, exchange_id="e"
        ),
        b.an_assignment(state=AssignmentState.RETIRED, first_seen_at=b.NOW, last_seen_at=LATER),
    ],
    TrustRequest: [b.a_trust_request(), b.a_trust_request(number=2, scx_type=SCXType.REPLACE, withdrawn_at=LATER)],
    Exchange: [
        b.an_exchange(),
        b.an_exchange(
            state=ExchangeState.REJECTED,
            channel=Channel.SCX,
            scx_type=SCXType.DELIVER,
            document_id="d",
            sent_at=b.NOW,
            received_at=LATER,
            answered_at=LATER,
            reason="nein",
            reminders=3,
        ),
        b.an_exchange(channel=Channel.SCX, scx_type=SCXType.REQUEST, delivered=("ab" * 32, "cd" * 32)),
    ],
    Offer: [
        b.an_offer(),
        b.an_offer(request_reference=None, respond_by=None, originated_at=None, signed=False, refused="why"),
    ],
    OfferedCertificate: [
        b.an_offered_certificate(certificate=LEAF, chain=(CA.certificate,), findings=(FINDING,), replaces=("ab" * 32,)),
        b.an_offered_certificate(certificate=None, state=OfferedState.REJECTED, decided_by="policy", decided_at=LATER),
    ],
    Document: [
        b.a_document(),
        b.a_document(
            agreement_id=None, payload=None, attachments=("x", "y"), findings=(FINDING,), settled_at=LATER, tries=7
        ),
        b.a_document(
            virtual_file=VirtualFile(
                dataset_name="ORDERS", format=RecordFormat.VARIABLE, record_length=80, description="ü", encrypt=False
            ),
            exchange_id="e",
        ),
    ],
    Message: [
        b.a_message(),
        b.a_message(
            document_id=None,
            kind=MessageKind.MDN,
            headers=(("AS2-From", '"a b"'), ("X", ""), ("X", "\xff")),
            layers=("encrypted aes-256-cbc", "signed sha-256"),
            signer="ab" * 32,
            wire="blob",
            wire_size=2**40,
            findings=(FINDING,),
        ),
    ],
    Transfer: [b.a_transfer(), b.a_transfer(message_id="m2", document_id=None, session_id="s")],
    RestartPosition: [
        RestartPosition(
            direction=Direction.IN, agreement_id=A, wire_id="W", blob=None, octets=2**40, records=3, shape="x", at=LATER
        )
    ],
    OwedReceipt: [
        OwedReceipt(document_id=D, agreement_id=A, message_id=None, held=True, created_at=LATER),
        OwedReceipt(document_id=D9, agreement_id=A, message_id=MessageRowId("m"), held=False, created_at=LATER),
    ],
    OFTPSession: [an_oftp_session(), an_oftp_session(ended_at=LATER, findings=(FINDING,), agreement_id=None)],
    Draft: [b.a_draft()],
    User: [b.a_user(), b.a_user(last_seen_at=LATER, enabled=False)],
    OneTimeLink: [b.a_one_time_link(), b.a_one_time_link(user_id="u", used_at=LATER)],
    BrowserSession: [b.a_browser_session()],
    ApiToken: [
        b.an_api_token(),
        b.an_api_token(scopes=frozenset(Permission), expires_at=LATER, last_used_at=LATER, revoked_at=LATER),
    ],
}

READ: dict[type, Callable[[Reader, Any], Any]] = {
    Community: lambda r, v: r.community(v.id),
    Station: lambda r, v: r.station(v.id),
    Partner: lambda r, v: r.partner(v.id),
    Agreement: lambda r, v: r.agreement(v.id),
    HeldCertificate: lambda r, v: r.find_certificate(v.community_id, v.fingerprint),
    TrustedRoot: lambda r, v: next(t for t in r.trusted_roots(v.community_id) if t.id == v.id),
    SealedKey: lambda r, v: r.key(v.id),
    Assignment: lambda r, v: next(a for a in r.assignments(community_id=v.community_id) if a.id == v.id),
    TrustRequest: lambda r, v: r.trust_request(v.id),
    Exchange: lambda r, v: r.exchange(v.id),
    Offer: lambda r, v: r.offer(v.id),
    OfferedCertificate: lambda r, v: r.offered_certificate(v.id),
    Document: lambda r, v: r.document(v.id),
    Message: lambda r, v: next(
        m
        for m in r.find_messages(v.agreement_id, direction=v.direction, kind=v.kind, wire_id=v.wire_id)
        if m.id == v.id
    ),
    Transfer: lambda r, v: next((t for t in r.transfers(v.document_id) if t.message_id == v.message_id), v),
    RestartPosition: lambda r, v: r.find_restart_position(v.direction, v.agreement_id, v.wire_id),
    OwedReceipt: lambda r, v: r.find_owed_receipt(v.document_id),
    OFTPSession: lambda r, v: r.oftp_session(v.id),
    Draft: lambda r, v: r.draft(v.id),
    User: lambda r, v: r.user(v.id),
    OneTimeLink: lambda r, v: r.find_link(v.digest),
    BrowserSession: lambda r, v: r.find_session(v.digest),
    ApiToken: lambda r, v: r.find_token(v.digest),
}


def test_the_table_enumerates_every_entity() -> None:
    assert set(CASES) == set(get_args(Entity)) == set(READ)


def test_every_entity_is_read_back_as_it_was_put(store: SQLStore) -> None:
    values = [value for cases in CASES.values() for value in cases]
    with store.write() as writer:
        writer.put(*values)
    with store.read() as reader:
        for value in values:
            assert READ[type(value)](reader, value) == value, type(value).__name__


def test_certificate_facts_are_read_back_too(store: SQLStore) -> None:
    """Equality of certificates is that of their DER; the facts must be there as well."""
    held = CASES[HeldCertificate][1]
    with store.write() as writer:
        writer.put(held)
    with store.read() as reader:
        found = reader.find_certificate(held.community_id, held.fingerprint)
    assert found is not None
    assert repr(found.certificate) == repr(held.certificate)
    assert [repr(c) for c in found.chain] == [repr(c) for c in held.chain]


def test_put_again_replaces_and_keeps_the_order_of_creation(store: SQLStore) -> None:
    first, second = b.an_exchange(), b.an_exchange()
    with store.write() as writer:
        writer.put(first, second)
        writer.put(replace(first, state=ExchangeState.SENT, sent_at=LATER))
    with store.read() as reader:
        found = reader.exchanges(agreement_id=first.agreement_id)
    assert [e.id for e in found] == [first.id, second.id]
    assert found[0].state is ExchangeState.SENT
    assert found[0].sent_at == LATER


def test_instants_come_back_in_utc_whatever_zone_they_had(store: SQLStore) -> None:
    there = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    document = b.a_document(created_at=there)
    with store.write() as writer:
        writer.put(document)
    with store.read() as reader:
        found = reader.document(document.id).created_at
    assert found == there
    assert found.tzinfo is UTC


def test_a_naive_instant_is_refused_before_anything_is_stored(store: SQLStore) -> None:
    good, naive = b.a_document(), b.a_document(created_at=datetime(2026, 1, 1))  # noqa: DTZ001 the point of the test
    with pytest.raises(InvalidInstant), store.write() as writer:
        writer.put(good, naive)
    with store.read() as reader, pytest.raises(NotFound):
        reader.document(good.id)


@pytest.mark.parametrize(
    "text", ["nul \0 in it", "half a pair \ud800", "'; DROP TABLE documents; --", "\N{GRINNING FACE}"]
)
def test_partner_text_of_any_kind_can_be_stored(store: SQLStore, text: str) -> None:
    document = b.a_document(file_name=text, agreement_id="a")
    message = b.a_message(document_id=document.id, headers=(("Subject", text),), wire_id=text)
    with store.write() as writer:
        writer.put(document, message)
        writer.record(b.an_audit_event(subject=text, facts={"name": text}))
    store.seal()
    with store.read() as reader:
        found = reader.document(document.id).file_name
        assert reader.messages(document.id)[0].headers == (("Subject", text.replace("\ud800", "?")),)
        assert len(reader.audit(window=Window())) == 1
    assert found == text.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\ud800", "?")


CONFLICTS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "community short name": (b.a_community, lambda v: b.a_community(slug=v.slug)),
    "station identity": (b.a_station, lambda v: b.a_station(identity=v.identity, community_id="other")),
    "partner short name": (b.a_partner, lambda v: b.a_partner(slug=v.slug)),
    "partner identity": (b.an_agreement, lambda v: b.an_agreement(partner_identity=v.partner_identity)),
    "active of an agreement": (b.an_assignment, lambda v: b.an_assignment(fingerprint="ef" * 32)),
    "active of a listener": (
        lambda: b.an_assignment(agreement_id=None, listener_id="l"),
        lambda v: b.an_assignment(agreement_id=None, listener_id="l", fingerprint="ef" * 32),
    ),
    "trust request number": (b.a_trust_request, lambda v: b.a_trust_request(number=v.number)),
    "user name": (b.a_user, lambda v: b.a_user(name=v.name)),
    "token digest": (b.an_api_token, lambda v: b.an_api_token(digest=v.digest)),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_a_taken_unique_value_is_a_conflict_told_in_words(store: SQLStore, name: str) -> None:
    make, make_rival = CONFLICTS[name]
    value = make()
    with store.write() as writer:
        writer.put(value)
    with pytest.raises(Conflict) as caught, store.write() as writer:
        writer.put(make_rival(value))
    assert "uq_" not in caught.value.detail
    assert caught.value.detail.startswith(("another ", "this station has"))


@pytest.mark.parametrize(
    "rival",
    [
        b.an_assignment(state=AssignmentState.STAGED),
        b.an_assignment(state=AssignmentState.RETIRING),
        b.an_assignment(side=Side.THEIRS),
        b.an_assignment(usage=Usage.ENCRYPT),
        b.an_assignment(agreement_id="other"),
        b.an_assignment(agreement_id=None, listener_id="l"),
    ],
    ids=["staged", "retiring", "other side", "other usage", "other agreement", "listener"],
)
def test_what_is_not_active_for_the_same_use_is_no_rival(store: SQLStore, rival: Assignment) -> None:
    with store.write() as writer:
        writer.put(b.an_assignment())
        writer.put(rival)


@pytest.mark.parametrize("new_first", [True, False])
def test_one_put_exchanges_the_active_certificate_in_any_order(store: SQLStore, new_first: bool) -> None:
    old, new = b.an_assignment(), b.an_assignment(state=AssignmentState.STAGED)
    with store.write() as writer:
        writer.put(old, new)
    after = [replace(old, state=AssignmentState.RETIRING), replace(new, state=AssignmentState.ACTIVE)]
    with store.write() as writer:
        writer.put(*(reversed(after) if new_first else after))
    with store.read() as reader:
        states = {a.id: a.state for a in reader.assignments(agreement_id=old.agreement_id)}
    assert states == {old.id: AssignmentState.RETIRING, new.id: AssignmentState.ACTIVE}


def test_unknown_ids_raise_and_unknown_names_give_none(store: SQLStore) -> None:
    by_id = (
        "community",
        "station",
        "partner",
        "agreement",
        "key",
        "trust_request",
        "exchange",
        "offer",
        "document",
        "draft",
        "user",
    )
    with store.read() as reader:
        for name in (*by_id, "offered_certificate"):
            with pytest.raises(NotFound):
                getattr(reader, name)("nobody")
        assert reader.find_community("x") is None
        assert reader.find_station(Protocol.AS2, "x") is None
        assert reader.find_partner(C, "x") is None
        assert reader.find_agreement(UNKNOWN, "x") is None
        assert reader.find_certificate(C, UNKNOWN) is None
        assert reader.find_trust_request(C, 1) is None
        assert reader.find_exchange_by_document(UNKNOWN) is None
        assert reader.find_user("x") is None
        assert reader.find_link("x") is None
        assert reader.find_session("x") is None
        assert reader.find_token("x") is None
        assert reader.trusted_roots(C) == []
        for nothing in (reader.messages(UNKNOWN), reader.transfers(UNKNOWN), reader.offered([]), reader.users()):
            assert nothing == []
        assert reader.next_due() is None


def test_names_find_what_they_name(store: SQLStore) -> None:
    world = b.a_relationship()
    request, exchange = b.a_trust_request(number=7), b.an_exchange(document_id="d9", agreement_id=world.agreement.id)
    user = b.a_user()
    with store.write() as writer:
        writer.put(
            world.community, world.station, world.partner, world.agreement, *world.held(), request, exchange, user
        )
    with store.read() as reader:
        assert reader.find_community(world.community.slug) == world.community
        assert reader.find_station(Protocol.AS2, world.station.identity) == world.station
        assert reader.find_station(Protocol.OFTP2, world.station.identity) is None
        assert reader.find_station(Protocol.AS2, world.station.identity.lower()) is None  # AS2 names are case-sensitive
        assert reader.find_partner(world.community.id, world.partner.slug) == world.partner
        assert reader.find_agreement(world.station.id, world.agreement.partner_identity) == world.agreement
        assert reader.find_trust_request(C, 7) == request
        assert reader.find_exchange_by_document(D9) == exchange
        assert reader.find_exchanges(world.agreement.id, exchange.request_reference) == [exchange]
        assert reader.find_user(user.name) == user
        assert [h.side for h in reader.certificates(world.community.id, side=Side.OURS)] == [Side.OURS]
        assert reader.agreements(world.community.id, partner_id=world.partner.id) == [world.agreement]
        assert reader.agreements(world.community.id, protocol=Protocol.OFTP2) == []
        assert reader.agreements(world.community.id, station_id=UNKNOWN) == []


def test_lists_have_the_order_that_the_port_promises(store: SQLStore) -> None:
    late = b.a_held_certificate(certificate=b.a_certificate("late", expires_in=timedelta(days=900)))
    soon = b.a_held_certificate(certificate=b.a_certificate("soon", expires_in=timedelta(days=2)))
    zed, abe = b.a_partner(name="Zed"), b.a_partner(name="Abe")
    old, new = b.a_document(created_at=b.NOW), b.a_document(created_at=LATER)
    mdn, message = b.a_message(document_id="d", at=LATER), b.a_message(document_id="d", at=b.NOW)
    offered = [b.an_offered_certificate(id=name, certificate=None) for name in ("z", "a", "m")]
    with store.write() as writer:
        writer.put(late, soon, zed, abe, new, old, mdn, message, *offered)
    with store.read() as reader:
        assert reader.certificates(C) == [soon, late]
        assert reader.partners(C) == [abe, zed]
        assert reader.documents(community_id=C, window=Window()) == [new, old]
        assert reader.documents(community_id=None, window=Window(limit=1, offset=1)) == [old]
        assert reader.messages(D) == [message, mdn]
        assert [o.id for o in reader.offered([FIRST_OFFER])] == ["z", "a", "m"]


def test_documents_are_filtered_searched_and_counted(store: SQLStore) -> None:
    order = b.a_document(file_name="Orders_100%.edi", agreement_id="x", subject="Bestellung")
    cem = b.a_document(kind=DocumentKind.CEM_REQUEST, state=DocumentState.SENT)
    inbound = b.a_document(direction=Direction.IN, state=DocumentState.RECEIVED, community_id="other")
    with store.write() as writer:
        writer.put(order, cem, inbound, b.a_message(document_id=cem.id, wire_id="Needle@alpha"))

    def found(**filters: Any) -> set[str]:
        with store.read() as reader:
            return {d.id for d in reader.documents(**({"community_id": None, "window": Window()} | filters))}

    assert found() == {order.id, cem.id, inbound.id}
    assert found(community_id="other") == found(direction=Direction.IN) == {inbound.id}
    assert found(kinds=[DocumentKind.CEM_REQUEST]) == found(states=[DocumentState.SENT]) == {cem.id}
    assert found(states=[]) == set()
    assert found(agreement_id="x") == {order.id}
    assert found(search="ORDERS_100%") == found(search="stellung") == {order.id}
    assert found(search="s_1") == {order.id}
    assert found(search="needle@") == {cem.id}
    assert found(search="%") == {order.id}
    assert found(search="' OR 1=1") == set()
    with store.read() as reader:
        assert reader.count_documents(community_id=C) == {DocumentState.QUEUED: 1, DocumentState.SENT: 1}
        assert reader.count_documents(community_id=None, direction=Direction.IN) == {DocumentState.RECEIVED: 1}
        assert reader.count_documents(community_id=C, kinds=[DocumentKind.SCX]) == {}


def test_messages_are_found_by_what_a_receipt_names(store: SQLStore) -> None:
    ours = b.a_message(agreement_id="a", wire_id="1@alpha")
    mdn = b.a_message(
        agreement_id="a", direction=Direction.IN, kind=MessageKind.MDN, wire_id="9@bravo", refers_to="1@alpha"
    )
    stranger = b.a_message(agreement_id=None, direction=Direction.IN, wire_id="1@alpha")
    with store.write() as writer:
        writer.put(ours, mdn, stranger)
    with store.read() as reader:
        assert reader.find_messages(A, direction=Direction.OUT, kind=MessageKind.AS2, wire_id="1@alpha") == [ours]
        assert reader.find_messages(None, direction=Direction.IN, kind=MessageKind.AS2, wire_id="1@alpha") == [stranger]
        assert reader.find_receipts(A, direction=Direction.IN, refers_to="1@alpha") == [mdn]
        assert reader.find_receipts(A, direction=Direction.OUT, refers_to="1@alpha") == []


def test_drafts_and_sessions_can_be_removed_and_expire(store: SQLStore) -> None:
    draft, session = b.a_draft(), b.a_browser_session()
    with store.write() as writer:
        writer.put(draft, session)
    with store.read() as reader:
        assert reader.expired_drafts(draft.expires_at - timedelta(seconds=1)) == []
        assert reader.expired_drafts(draft.expires_at) == [draft]
    with store.write() as writer:
        writer.remove(draft, session)
        writer.remove(draft)
    with store.read() as reader:
        assert reader.expired_drafts(draft.expires_at) == []
        assert reader.find_session(session.digest) is None


def test_what_something_still_refers_to_is_not_removed(store: SQLStore) -> None:
    world = b.a_relationship()
    with store.write() as writer:
        writer.put(world.community, world.station, world.partner, world.agreement)
    for value in (world.community, world.station, world.partner):
        with pytest.raises(Conflict, match="still refer"), store.write() as writer:
            writer.remove(value)
    with store.write() as writer:
        writer.remove(world.agreement)
        writer.remove(world.partner, world.station, world.community)
    with store.read() as reader:
        assert reader.communities() == []


def test_trust_request_numbers_count_per_community(store: SQLStore) -> None:
    with store.write() as writer:
        assert writer.next_trust_request_number(C) == 1
        writer.put(b.a_trust_request(number=41), b.a_trust_request(community_id="other", number=99))
        assert writer.next_trust_request_number(C) == 42


@pytest.mark.parametrize("window", [Window(limit=0), Window(limit=501), Window(limit=10, offset=-1)])
def test_a_window_out_of_bounds_is_refused_not_clamped(store: SQLStore, window: Window) -> None:
    with store.read() as reader, pytest.raises(Exception, match="ask for 1 to 500"):
        reader.documents(community_id=None, window=window)
