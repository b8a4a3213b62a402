"""Received requests through the API: shown with their findings, accepted and rejected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.domain.document import Direction
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.people import Permission
from counterseal.domain.usage import Protocol
from counterseal.engine import configuration
from counterseal.engine.ports import Ports
from tests.builders import a_document, a_message, an_offer, an_offered_certificate, mint, rsa_key
from tests.configurations import FULL, THEIRS, sources
from tests.gateway import ADMINISTRATOR, open_gateway
from tests.surfaces.api.client import Caller
from tests.surfaces.api.test_routes import problem

ROOT = "/communities/alpha/received"


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        text = FULL.replace("      two_people: true\n", "")
        configuration.apply(gateway, ADMINISTRATOR, configuration.read(gateway, text.encode(), sources=sources()))
        yield gateway


@pytest.fixture
def call(ports: Ports) -> Caller:
    return Caller(ports)


def received(ports: Ports) -> tuple[Offer, OfferedCertificate]:
    """A renewal of Bravo's certificate, signed by the one in use."""
    newer = mint("Bravo Bows", key=rsa_key(2)).certificate
    with ports.store.write() as writer:
        station = writer.find_station(Protocol.AS2, "ALPHA")
        assert station is not None
        agreement = writer.find_agreement(station.id, "BRAVO")
        assert agreement is not None
        shared = {"community_id": agreement.community_id, "agreement_id": agreement.id}
        document = a_document(**shared)
        carrier = a_message(
            **shared, document_id=document.id, direction=Direction.IN, signer=THEIRS.certificate.fingerprint
        )
        offer = an_offer(**shared, partner_id=agreement.partner_id, document_id=document.id)
        offered = an_offered_certificate(
            offer_id=offer.id,
            certificate=newer,
            issuer_name=newer.issuer,
            serial_text=str(newer.serial),
            replaces=(THEIRS.certificate.fingerprint,),
        )
        writer.put(document, carrier, offer, offered)
    return offer, offered


def test_a_received_request_is_shown_with_its_certificates(ports: Ports, call: Caller) -> None:
    offer, offered = received(ports)
    token = call.token(Permission.VIEW)
    listed = call("GET", ROOT, token=token).json()["items"]
    assert [(o["id"], o["state"], o["partner"]) for o in listed] == [(offer.id, "pending", "bravo")]
    shown = call("GET", f"{ROOT}/{offer.id}", token=token).json()
    assert shown == listed[0]
    assert shown["certificates"][0]["id"] == offered.id
    assert shown["certificates"][0]["replaces"] == [THEIRS.certificate.fingerprint]


def test_accepting_answers_with_the_new_state_and_decides_once(ports: Ports, call: Caller) -> None:
    offer, offered = received(ports)
    token = call.token(Permission.CERTIFICATES)
    answer = call("POST", f"{ROOT}/{offer.id}/accept", token=token, json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "accepted"
    certificate = answer.json()["certificates"][0]
    assert certificate["decided_by"].startswith("token:")
    again = call("POST", f"{ROOT}/{offer.id}/accept", token=token, json={"certificates": [offered.id]})
    assert again.status_code == 409, again.text


def test_rejecting_needs_a_reason(ports: Ports, call: Caller) -> None:
    offer, _ = received(ports)
    token = call.token(Permission.CERTIFICATES)
    for body in ({}, {"reason": ""}, {"reason": "x" * 1001}, {"reason": 7}):
        problem(call("POST", f"{ROOT}/{offer.id}/reject", token=token, json=body), 422, "api.invalid-request")
    answer = call("POST", f"{ROOT}/{offer.id}/reject", token=token, json={"reason": "not the one we agreed on"})
    assert answer.json()["state"] == "rejected"
    assert answer.json()["certificates"][0]["reason"] == "not the one we agreed on"


def test_a_certificate_of_another_request_is_not_decided(ports: Ports, call: Caller) -> None:
    offer, _ = received(ports)
    _, other = received(ports)
    token = call.token(Permission.CERTIFICATES, Permission.VIEW)
    for chosen in (other.id, "x"):
        answer = call("POST", f"{ROOT}/{offer.id}/accept", token=token, json={"certificates": [chosen]})
        assert answer.status_code in {404, 409}, answer.text
    states = {o["state"] for o in call("GET", ROOT, token=token).json()["items"]}
    assert states == {"pending"}
