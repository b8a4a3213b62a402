"""A partner's Request: its certificate is judged like a Deliver, and either way it gets our certificates, each once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.channel import SCXType
from counterseal.domain.community import HandlingMode
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState
from counterseal.domain.offer import OfferedState
from counterseal.domain.scx_answer import ALL, STORM, Delivery, decide_deliveries
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.domain.work import WorkKind
from counterseal.engine import certificates, listeners
from counterseal.kernel.ids import Fingerprint
from tests import builders as b
from tests.configurations import key_file
from tests.engine.oftp2.certificate_sender import (
    NEXT,
    accept,
    alpha_and_bravo,
    bring,
    change_agreement,
    offer_of,
    queue,
    receipts,
    reject,
)
from tests.engine.oftp2.pair import Gateway, Session
from tests.gateway import ADMINISTRATOR, clock_of

STRANGER = b.mint("Somebody Else", key=b.rsa_key(4))


def delivered(bravo: Gateway) -> list[str]:
    """SHA-256 of the Deliver files that Bravo has, oldest first."""
    found = [d for d in bravo.documents(Direction.IN) if d.kind is DocumentKind.SCX]
    return [d.digest for d in found][::-1]


def hold(alpha: Gateway, common_name: str, key: int) -> Fingerprint:
    minted = b.mint(common_name, key=b.rsa_key(key))
    community = alpha.agreement.community_id
    content = key_file(minted, "")
    return certificates.import_key_file(
        alpha.ports, ADMINISTRATOR, community, content=content, password=None
    ).fingerprint


def choose(alpha: Gateway, defaults: dict[Usage, Fingerprint]) -> None:
    with alpha.ports.store.write() as writer:
        community = writer.community(alpha.agreement.community_id)
        writer.put(replace(community, default_certificates=defaults))


def ours(alpha: Gateway, usage: Usage) -> dict[Fingerprint, AssignmentState]:
    with alpha.ports.store.read() as reader:
        found = reader.assignments(agreement_id=alpha.agreement.id, side=Side.OURS, usage=usage)
    return {a.fingerprint: a.state for a in found}


def present(alpha: Gateway, common_name: str, key: int) -> Fingerprint:
    """What the TLS OFTP2 listener shows."""
    fingerprint = hold(alpha, common_name, key)
    community = alpha.agreement.community_id
    listeners.assign(alpha.ports, ADMINISTRATOR, community, fingerprint, listeners.OFTP2_LISTENER)
    return fingerprint


def set_mode(alpha: Gateway, mode: HandlingMode) -> None:
    change_agreement(alpha, mode=mode)


def test_an_accepted_request_brings_its_eerp_and_our_certificates_in_the_same_session(tmp_path: Path) -> None:
    """SCX-29, SCX-31: the one that signs and decrypts once, the client's and the listener's as files of their own."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        set_mode(alpha, HandlingMode.RENEWALS)
        (own,) = ours(alpha, Usage.FILE_SIGN)
        client, server = hold(alpha, "Alpha Client", 5), present(alpha, "alpha.example", 6)
        choose(alpha, {Usage.TLS_CLIENT: client})

        sent = bring(alpha, bravo, NEXT.der, SCXType.REQUEST)

        assert receipts(bravo, sent) == ["EERP"]
        assert delivered(bravo) == [own, client, server]
        assert ours(alpha, Usage.TLS_CLIENT) == {client: AssignmentState.STAGED}


def test_a_rejected_request_is_answered_all_the_same(tmp_path: Path) -> None:
    """SCX-30."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        set_mode(alpha, HandlingMode.AUTOMATIC)
        (own,) = ours(alpha, Usage.FILE_SIGN)

        sent = bring(alpha, bravo, STRANGER.der, SCXType.REQUEST)

        assert receipts(bravo, sent)[0].startswith("NERP 99")
        assert delivered(bravo) == [own]


@pytest.mark.parametrize("accepted", [True, False])
def test_a_persons_decision_brings_them_in_the_next_session(tmp_path: Path, *, accepted: bool) -> None:
    """SCX-29, SCX-30, SCX-36; a call is planned for it."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        sent = bring(alpha, bravo, NEXT.der, SCXType.REQUEST)
        assert (receipts(bravo, sent), delivered(bravo)) == ([], [])

        accept(alpha) if accepted else reject(alpha, "not now")
        with alpha.ports.store.read() as reader:
            assert reader.work(kinds={WorkKind.CALL_PARTNER})
        Session(alpha, bravo).run()

        assert receipts(bravo, sent) == ["EERP" if accepted else "NERP 99 unspecified: not now"]
        assert len(delivered(bravo)) == 1


def test_neither_switched_off_nor_unproven_gets_our_certificates(tmp_path: Path) -> None:
    """Public as they are, they are told to partners alone (oftp2-scx.md section 11)."""
    with alpha_and_bravo(tmp_path, secure_authentication=False) as (alpha, bravo):
        bring(alpha, bravo, STRANGER.der, SCXType.REQUEST)
        reject(alpha, "who are you?")
        set_mode(alpha, HandlingMode.OFF)
        bring(alpha, bravo, STRANGER.der, SCXType.REQUEST)
        Session(bravo, alpha).run()

        assert delivered(bravo) == []
        codes = [{f.code for f in d.findings} for d in alpha.documents(Direction.IN)]
        assert all("scx.not-answered" in found for found in codes)


def test_a_storm_of_requests_is_answered_so_many_times_an_hour(tmp_path: Path) -> None:
    """oftp2-scx.md 6.8: each still gets its receipt; an hour later it is answered again."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        set_mode(alpha, HandlingMode.AUTOMATIC)
        sent = [queue(bravo, STRANGER.der, SCXType.REQUEST) for _ in range(STORM + 3)]
        Session(bravo, alpha).run()

        assert len(delivered(bravo)) == STORM
        assert all(receipts(bravo, document) for document in sent)
        newest = alpha.documents(Direction.IN)[0]
        assert "scx.too-many-requests" in {f.code for f in newest.findings}

        for gateway in (alpha, bravo):
            clock_of(gateway.ports).pass_time(timedelta(hours=1))
        bring(alpha, bravo, STRANGER.der, SCXType.REQUEST)
        assert len(delivered(bravo)) == STORM + 1


def test_without_any_certificate_a_person_is_told(tmp_path: Path) -> None:
    with alpha_and_bravo(tmp_path, secure_authentication=False) as (alpha, bravo):
        with alpha.ports.store.write() as writer:
            rows = writer.assignments(agreement_id=alpha.agreement.id, side=Side.OURS)
            writer.put(*(replace(a, state=AssignmentState.RETIRED) for a in rows))
        bring(alpha, bravo, NEXT.der, SCXType.REQUEST)
        accept(alpha)
        assert offer_of(alpha)[1].state is OfferedState.ACCEPTED
        (document,) = alpha.documents(Direction.IN)
        assert "scx.nothing-to-deliver" in {f.code for f in document.findings}


def test_the_receipts_of_our_answers_settle_them(tmp_path: Path) -> None:
    """They belong to no exchange of ours; the partner's no stays with the document."""
    with alpha_and_bravo(tmp_path) as (alpha, bravo):
        set_mode(alpha, HandlingMode.RENEWALS)
        bring(alpha, bravo, NEXT.der, SCXType.REQUEST)
        (answer,) = _answers(alpha)
        assert answer.state is DocumentState.DELIVERED


def _answers(alpha: Gateway) -> list[Document]:
    return [d for d in alpha.documents(Direction.OUT) if d.kind is DocumentKind.SCX]


# which certificates

_OF = b.a_relationship(Protocol.OFTP2)


def _held(*minted: b.Minted, **changes: Any) -> dict[Fingerprint, Any]:
    made = [
        b.a_held_certificate(
            certificate=m.certificate, **({"side": Side.OURS, "key_id": "key", "partner_id": None} | changes)
        )
        for m in minted
    ]
    return {h.fingerprint: h for h in made}


A, C, E = (b.mint(name, key=b.rsa_key(n)) for n, name in enumerate(("A", "C", "E")))
EXPIRED = b.mint("Old", key=b.rsa_key(3), starts_in=timedelta(days=-9), expires_in=timedelta(days=-1))


def test_each_is_delivered_once_for_all_that_it_serves() -> None:
    """SCX-29, SCX-31."""
    a, c = A.certificate.fingerprint, C.certificate.fingerprint
    row = b.an_assignment(agreement_id=_OF.agreement.id, side=Side.OURS, usage=Usage.FILE_SIGN, fingerprint=a)
    row = replace(row, state=AssignmentState.ACTIVE)
    defaults = {Usage.FILE_SIGN: c, Usage.FILE_ENCRYPT: a, Usage.TLS_CLIENT: c, Usage.RECEIPT_SIGN: c}
    held = _held(A, C)

    usual = decide_deliveries(_OF.agreement, (row,), defaults, listener=c, held=held, now=b.NOW)

    assert usual == (
        Delivery(fingerprint=a, usages=frozenset({Usage.FILE_SIGN, Usage.FILE_ENCRYPT})),
        Delivery(fingerprint=c, usages=frozenset({Usage.TLS_CLIENT, Usage.TLS_SERVER})),
    )
    terms = replace(_OF.agreement.oftp2, answer_all_usages=True)
    everything = decide_deliveries(
        replace(_OF.agreement, terms=terms), (row,), defaults, listener=None, held=held, now=b.NOW
    )
    assert {u for d in everything for u in d.usages} == set(ALL) - {Usage.SESSION_AUTH}


@pytest.mark.parametrize(
    "held",
    [{}, _held(A, key_id=None), _held(A, side=Side.THEIRS)],
    ids=["not held", "without its key", "the partner's"],
)
def test_what_we_cannot_use_is_not_delivered(held: dict[Fingerprint, Any]) -> None:
    defaults = {Usage.FILE_SIGN: A.certificate.fingerprint, Usage.FILE_ENCRYPT: EXPIRED.certificate.fingerprint}
    held = held | _held(EXPIRED)
    assert decide_deliveries(_OF.agreement, (), defaults, listener=None, held=held, now=b.NOW) == ()
