"""Trusted CAs through the API: added from PEM and Base64, listed, taken out."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.domain.people import Permission
from counterseal.engine import configuration
from counterseal.engine.ports import Ports
from tests.builders import a_revocation_list, mint_ca, rsa_key
from tests.configurations import FULL, OURS, sources
from tests.gateway import ADMINISTRATOR, open_gateway
from tests.surfaces.api.client import Caller
from tests.surfaces.api.test_routes import problem

ROOTS = "/communities/alpha/roots"
CA = mint_ca("Odette Root", key=rsa_key(90))


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Caller]:
    with open_gateway(tmp_path) as gateway:
        configuration.apply(gateway, ADMINISTRATOR, configuration.read(gateway, FULL.encode(), sources=sources()))
        yield Caller(gateway)


@pytest.fixture
def ports(call: Caller) -> Ports:
    return call.ports


def test_a_root_is_added_listed_and_taken_out(ports: Ports, call: Caller) -> None:
    token = call.token(Permission.VIEW, Permission.CERTIFICATES)
    (added,) = call("POST", ROOTS, token=token, json={"content": CA.certificate.pem}).json()
    assert (added["fingerprint"], added["role"], added["partner"]) == (CA.certificate.fingerprint, "root", "")
    problem(call("POST", ROOTS, token=token, json={"content": CA.certificate.pem}), 409, "store.conflict")
    order = {"content": base64.b64encode(CA.certificate.der).decode(), "role": "issuer", "partner": "bravo"}
    (scoped,) = call("POST", ROOTS, token=token, json=order).json()
    assert (scoped["role"], scoped["partner"]) == ("issuer", "bravo")
    assert call("GET", ROOTS, token=token).json() == [added, scoped]
    problem(call("DELETE", f"{ROOTS}/{CA.certificate.fingerprint}", token=token), 404, "store.not-found")

    assert call("DELETE", f"{ROOTS}/{added['id']}", token=token).json() == added
    assert call("DELETE", f"{ROOTS}/{CA.certificate.fingerprint[:8]}", token=token).json() == scoped
    assert call("GET", ROOTS, token=token).json() == []


def test_what_cannot_vouch_for_others_is_refused(call: Caller) -> None:
    token = call.token(Permission.CERTIFICATES)
    problem(call("POST", ROOTS, token=token, json={"content": OURS.certificate.pem}), 422, "roots.refused")
    problem(call("POST", ROOTS, token=token, json={"content": "%%%"}), 422, "api.invalid-request")
    problem(call("POST", ROOTS, token=token, json={"content": "aGVsbG8="}), 422, "certificates.unreadable")
    order = {"content": CA.certificate.pem, "partner": "nobody"}
    problem(call("POST", ROOTS, token=token, json=order), 404, "store.not-found")


def test_a_revocation_list_belongs_to_its_ca(call: Caller) -> None:
    token = call.token(Permission.CERTIFICATES)
    call("POST", ROOTS, token=token, json={"content": CA.certificate.pem})
    content = base64.b64encode(a_revocation_list(CA, 7).der).decode()
    (changed,) = call("POST", f"{ROOTS}/revocations", token=token, json={"content": content}).json()
    assert changed["fingerprint"] == CA.certificate.fingerprint
    assert changed["revocations_at"]
    problem(call("POST", f"{ROOTS}/revocations", token=token, json={"content": content}), 409, "store.conflict")
    code = "x509.unreadable-revocation-list"
    problem(call("POST", f"{ROOTS}/revocations", token=token, json={"content": "aGVsbG8="}), 422, code)
