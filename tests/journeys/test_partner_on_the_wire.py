"""A served gateway and a simulated partner on real sockets: the flow, a partner with bad habits, and what bad input gets."""

import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from counterseal import app
from counterseal.domain.agreement import ReceiptMode
from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.exchange import ExchangeState
from counterseal.engine import documents, offers, trust_requests
from counterseal.engine.ports import Ports, Window
from counterseal.protocols import as2
from counterseal.settings import Settings
from counterseal_sim import (
    CEMDial,
    Counterpart,
    Dials,
    Offered,
    Partner,
    PartnerServer,
    Party,
    ReceiptDial,
    Reply,
    Wire,
)
from tests.builders import Minted, mint, rsa_key
from tests.gateway import ADMINISTRATOR
from tests.journeys.nursery import Nursery, eventually, free_port, listens
from tests.journeys.setting import CONTENT, NEW_USAGES, make_gateway, minted, the_agreement, the_new_certificate


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Scene:
    """Alpha's gateway, served; Bravo, simulated; Alpha's database, opened beside it."""

    ports: Ports
    bravo: PartnerServer
    port: int

    @property
    def partner(self) -> Partner:
        return self.bravo.partner

    def dial(self, **dials: Any) -> None:
        self.partner.dials = replace(self.partner.dials, **dials)

    def documents(self, direction: Direction) -> list[Any]:
        with self.ports.store.read() as reader:
            return reader.documents(community_id=None, window=Window(limit=500), direction=direction)

    def send(self) -> str:
        return documents.send(
            self.ports,
            ADMINISTRATOR,
            the_agreement(self.ports).id,
            content=(CONTENT,),
            file_name="orders.edi",
            content_type="application/edifact",
            subject=None,
        ).id

    def state(self, document_id: str) -> DocumentState:
        with self.ports.store.read() as reader:
            return reader.document(document_id).state  # type: ignore[arg-type]

    def trusted(self) -> set[tuple[str, str, str]]:
        with self.ports.store.read() as reader:
            return {(a.fingerprint, a.usage.value, a.state.value) for a in reader.assignments()}


@pytest.fixture(scope="module")
def scene(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("alpha")
    port = free_port()
    theirs, ours = minted("BRAVO", ord("B")), minted("ALPHA", ord("A"))
    party = Party.of("BRAVO", "", theirs.certificate, theirs.key)
    gateway = Counterpart(
        name="ALPHA",
        url=f"http://127.0.0.1:{port}/as2",
        encrypts_to=ours.certificate,
        verifies_with=[ours.certificate],
    )
    with PartnerServer(Partner(party, gateway, now=now, dials=Dials())) as bravo:
        bravo_port = int(bravo.url.split(":")[2].split("/")[0])
        make_gateway(folder, names=("ALPHA", "BRAVO"), ports=(port, bravo_port), receipt=ReceiptMode.SYNC)
        pid = nursery.start(folder, port)
        ports = app.open_ports(Settings(data_dir=folder))
        assert eventually(lambda: listens(port))
        yield Scene(ports=ports, bravo=bravo, port=port)
        nursery.kill(pid)
        app.close_ports(ports)


@pytest.fixture(autouse=True)
def usual_habits(scene: Scene) -> None:
    scene.partner.dials = Dials()
    scene.partner.heard.clear()
    scene.bravo.posted.clear()


def said(scene: Scene, reply: Reply) -> str:
    """The disposition in the answer."""
    head = as2.MessageHead.parse(reply.headers)
    opened = as2.open_receipt(head, reply.body, signers=scene.partner.gateway.verifies_with, limits=as2.DEFAULT_LIMITS)
    return opened.disposition.format().partition("; ")[2]


# the partner's habits


def test_documents_go_both_ways(scene: Scene) -> None:
    out = scene.send()
    assert eventually(lambda: scene.state(out) is DocumentState.DELIVERED)
    assert scene.partner.heard[-1].content == CONTENT

    reply = scene.bravo.post(scene.partner.document(b"an invoice"))

    assert said(scene, reply) == "processed"
    assert eventually(lambda: scene.documents(Direction.IN)[0].state is DocumentState.DELIVERED)


@pytest.mark.parametrize(
    ("dial", "state"),
    [
        (ReceiptDial.WRONG_MIC, DocumentState.DELIVERED_DIFFERENT),
        (ReceiptDial.UNSIGNED, DocumentState.DELIVERED_DIFFERENT),
        (ReceiptDial.DECRYPTION_FAILED, DocumentState.REJECTED),
        (ReceiptDial.UNKNOWN_SENDER, DocumentState.FAILED),
    ],
)
def test_a_bad_receipt_is_never_a_success(scene: Scene, dial: ReceiptDial, state: DocumentState) -> None:
    scene.dial(receipt=dial)

    out = scene.send()

    assert eventually(lambda: scene.state(out) is state)


def test_a_silent_and_slow_partner_is_asked_again(scene: Scene) -> None:
    scene.dial(receipt=ReceiptDial.SILENT, slow=timedelta(milliseconds=100))
    out = scene.send()
    assert eventually(lambda: len(scene.partner.heard) >= 2)

    scene.dial(receipt=ReceiptDial.GOOD)

    assert eventually(lambda: scene.state(out) is DocumentState.DELIVERED)
    assert len({h.message_id for h in scene.partner.heard}) == 1


def test_a_partner_that_posts_twice_and_replays_delivers_once(scene: Scene) -> None:
    before = len(scene.documents(Direction.IN))
    scene.dial(duplicate=True, replay=True)
    first, second = scene.partner.document(b"first"), scene.partner.document(b"second")

    replies = [scene.bravo.post(o.wire) for wire in (first, second) for o in scene.partner.outgoing(wire)]

    assert len(replies) >= 5
    assert {said(scene, r) for r in replies} == {"processed"}
    assert len(scene.documents(Direction.IN)) == before + 2


# bad input (product.md section 8)


def _cem(scene: Scene, old: bytes, new: bytes) -> Wire:
    def mend(body: bytes) -> bytes:
        assert old in body
        return body.replace(old, new)

    return scene.partner.cem_request(Offered(certificate=_fresh().certificate), mend=mend)


def _fresh() -> Minted:
    return mint("BRAVO", key=rsa_key(2), now=now())


def _introducing_itself(scene: Scene) -> Wire:
    fresh = _fresh()
    return scene.partner.cem_request(
        Offered(certificate=fresh.certificate),
        signed_by=Party.of("BRAVO", "", fresh.certificate, fresh.key),
    )


BAD: dict[str, tuple[Callable[[Scene], Wire], str]] = {
    "unsigned": (
        lambda s: s.partner.document(CONTENT, sign=False),
        "processed/error: insufficient-message-security",
    ),
    "tampered": (
        lambda s: (m := s.partner.document(CONTENT, encrypt=False)).with_body(m.body.replace(b"4711", b"4712")),
        "processed/error: integrity-check-failed",
    ),
    "encrypted to a foreign key": (
        lambda s: s.partner.document(CONTENT, encrypts_to=_fresh().certificate),
        "processed/error: decryption-failed",
    ),
    "malformed XML": (
        lambda s: _cem(s, b"</TrustRequest>", b""),
        "processed/error: unexpected-processing-error",
    ),
    "XML with a DTD": (
        lambda s: _cem(s, b"<EDIINTCert", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><EDIINTCert'),
        "processed/error: unexpected-processing-error",
    ),
    "a CEM request signed by the certificate that it introduces": (
        _introducing_itself,
        "processed/error: authentication-failed",
    ),
    "unknown names": (
        lambda s: s.partner.document(CONTENT).with_header("AS2-From", "NOBODY"),
        "processed/error: authentication-failed",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_the_standard_s_word_and_nothing_is_trusted(scene: Scene, case: str) -> None:
    make, expected = BAD[case]
    trusted, taken = scene.trusted(), _taken(scene)

    reply = scene.bravo.post(make(scene))

    assert (reply.status, said(scene, reply)) == (200, expected)
    if case != "unknown names":
        newest = scene.documents(Direction.IN)[0]
        assert newest.state is DocumentState.REFUSED
        assert newest.findings
    assert scene.trusted() == trusted
    assert _taken(scene) == taken
    assert listens(scene.port)


def _taken(scene: Scene) -> int:
    return sum(1 for d in scene.documents(Direction.IN) if d.state is not DocumentState.REFUSED)


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("POST", {}, b"no AS2 at all", 400),
        ("POST", {"AS2-From": "BRAVO"}, b"", 400),
        ("POST", {"AS2-From": "NOBODY", "AS2-To": "ALPHA", "Message-ID": "<1@x>"}, b"x", 403),
        (
            "POST",
            {"AS2-From": "BRAVO", "AS2-To": "ALPHA", "Message-ID": "<1@x>", "Content-Length": "1" + "0" * 15},
            b"",
            413,
        ),
        ("PUT", {}, b"", 405),
        ("GET", {}, b"", 200),
    ],
)
def test_what_is_no_message_gets_an_http_status(
    scene: Scene, method: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    before = len(scene.documents(Direction.IN))
    connection = http.client.HTTPConnection("127.0.0.1", scene.port, timeout=10)

    connection.request(method, "/as2", body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()

    assert answer.status == status
    assert text
    assert b"Traceback" not in text
    assert len(scene.documents(Direction.IN)) == before


def test_a_body_that_breaks_off_leaves_nothing(scene: Scene) -> None:
    before = len(scene.documents(Direction.IN))
    wire = scene.partner.document(CONTENT)
    connection = http.client.HTTPConnection("127.0.0.1", scene.port, timeout=10)
    connection.putrequest("POST", "/as2")
    for name, value in (*wire.headers, ("Content-Length", str(len(wire.body)))):
        connection.putheader(name, value)
    connection.endheaders(wire.body[:100])
    time.sleep(0.1)
    connection.close()

    reply = scene.bravo.post(wire)

    assert said(scene, reply) == "processed"
    assert len(scene.documents(Direction.IN)) == before + 1


# the main job, last: it changes the certificates


def test_the_main_job_with_a_partner_that_is_late_and_says_everything_twice(scene: Scene) -> None:
    scene.dial(cem=CEMDial.ACCEPT, late=timedelta(milliseconds=200), duplicate=True)
    agreement = the_agreement(scene.ports)
    source = the_new_certificate(scene.ports)
    request = trust_requests.start(
        scene.ports,
        ADMINISTRATOR,
        trust_requests.Start(
            community_id=agreement.community_id,
            source=source,
            usages=NEW_USAGES,
            cem=(agreement.id,),
            scx=(),
            scx_type=None,
            respond_by=now() + timedelta(days=14),
            time_zone="Europe/Berlin",
            draft_id=None,
        ),
    )

    def accepted() -> bool:
        with scene.ports.store.read() as reader:
            return [e.state for e in reader.exchanges(trust_request_ids=(request.id,))] == [ExchangeState.ACCEPTED]

    assert eventually(accepted)
    assert eventually(lambda: len(scene.bravo.posted) == 2)
    assert [said(scene, r) for r in scene.bravo.posted] == ["processed"] * 2
    assert scene.bravo.posted[0].body == scene.bravo.posted[1].body
    out = scene.send()
    assert eventually(lambda: scene.state(out) is DocumentState.DELIVERED)
    signer = scene.partner.heard[-1].signer
    assert signer is not None
    assert signer.fingerprint == source.fingerprint

    fresh = _fresh()
    scene.partner.extra_decrypters.append(Party.of("BRAVO", "", fresh.certificate, fresh.key))
    scene.bravo.post(scene.partner.cem_request(Offered(certificate=fresh.certificate)))
    with scene.ports.store.read() as reader:
        (offer,) = reader.offers(agreement.community_id, window=Window())
    offers.accept(scene.ports, ADMINISTRATOR, offer.id, offered_ids=None)
    assert eventually(lambda: any(h.package is not None and h.recipient == fresh.der for h in scene.partner.heard))
