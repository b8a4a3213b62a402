"""Certificates through the API: made, brought in, given by a partner, put to use."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.domain.people import Permission
from counterseal.engine import configuration
from counterseal.engine.ports import Ports
from tests.builders import mint, rsa_key
from tests.configurations import FULL, OURS, PASSWORD, THEIRS, key_file, sources
from tests.gateway import ADMINISTRATOR, open_gateway
from tests.surfaces.api.client import Caller
from tests.surfaces.api.test_routes import problem

ROOT = "/communities/alpha"
FORM = {"common_name": "Alpha Arrows", "key": "ec", "label": "alpha-2027"}


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        configuration.apply(gateway, ADMINISTRATOR, configuration.read(gateway, FULL.encode(), sources=sources()))
        yield gateway


@pytest.fixture
def call(ports: Ports) -> Caller:
    return Caller(ports)


@pytest.fixture
def token(call: Caller) -> str:
    return call.token(Permission.CERTIFICATES, Permission.VIEW)


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_made_certificate_is_held_and_its_key_never_shown(call: Caller, token: str) -> None:
    form = FORM | {"organisation": "Alpha", "country": "NO", "dns_names": ["alpha.example"], "valid_days": 90}
    answer = call("POST", f"{ROOT}/certificates/generate", token=token, json=form)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["label"], made["side"]) == ("alpha-2027", "ours")
    assert call("GET", f"{ROOT}/certificates/alpha-2027", token=token).json() == made
    pem = call("GET", f"{ROOT}/certificates/alpha-2027/pem", token=token).text
    assert "BEGIN CERTIFICATE" in pem
    assert "PRIVATE" not in pem + answer.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"common_name": ""}, "body.common_name"),
        ({"common_name": "x" * 65}, "body.common_name"),
        ({"country": "Norway"}, "body.country"),
        ({"key": "dsa"}, "body.key"),
        ({"key": "rsa", "bits": 1024}, "body.bits"),
        ({"curve": "secp112r1"}, "body.curve"),
        ({"digest": "sha1"}, "body.digest"),
        ({"valid_days": 0}, "body.valid_days"),
        ({"valid_days": 4000}, "body.valid_days"),
        ({"serial": 7}, "body.serial"),
    ],
)
def test_a_form_that_cannot_be_names_its_field(call: Caller, token: str, change: dict[str, object], field: str) -> None:
    answer = call("POST", f"{ROOT}/certificates/generate", token=token, json=FORM | change)
    found = problem(answer, 422, "api.invalid-request")
    assert field in [e.field for e in found.errors]


def test_a_name_that_no_certificate_can_hold_is_refused(call: Caller, token: str) -> None:
    answer = call("POST", f"{ROOT}/certificates/generate", token=token, json=FORM | {"dns_names": ["not a name"]})
    problem(answer, 422, "vault.invalid-form")


def test_a_key_file_is_brought_in_once(call: Caller, token: str) -> None:
    newer = mint("Alpha Arrows", key=rsa_key(3))
    body = {"content": in_base64(key_file(newer)), "password": PASSWORD, "label": "imported"}
    answer = call("POST", f"{ROOT}/certificates/import", token=token, json=body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["fingerprint"], answer.json()["label"]) == (newer.certificate.fingerprint, "imported")
    problem(call("POST", f"{ROOT}/certificates/import", token=token, json=body), 409, "store.conflict")


@pytest.mark.parametrize(
    ("content", "password", "code"),
    [
        (in_base64(key_file(OURS)), "wrong", "vault.wrong-password"),
        (in_base64(key_file(OURS)), None, "vault.wrong-password"),
        (in_base64(b"noise"), None, "vault.unreadable-key-file"),
        (in_base64(OURS.certificate.der), None, "vault.unreadable-key-file"),
        ("not Base64!", None, "api.invalid-request"),
    ],
    ids=["wrong password", "no password", "noise", "no key", "no Base64"],
)
def test_a_key_file_that_does_not_open_is_refused(
    call: Caller, token: str, content: str, password: str | None, code: str
) -> None:
    before = call("GET", f"{ROOT}/certificates", token=token).json()
    body = {"content": content, "password": password}
    found = problem(call("POST", f"{ROOT}/certificates/import", token=token, json=body), 422, code)
    assert "wrong" not in found.detail.split(), "a password is never repeated"
    assert call("GET", f"{ROOT}/certificates", token=token).json() == before


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_partners_certificate_is_held_and_has_no_use(call: Caller, token: str, form: str) -> None:
    newer = mint("Bravo Bows", key=rsa_key(3)).certificate
    content = newer.pem if form == "pem" else in_base64(newer.der)
    path = f"{ROOT}/partners/bravo/certificates"
    made = call("POST", path, token=token, json={"content": content})
    assert made.status_code == 201, made.text
    assert (made.json()["fingerprint"], made.json()["side"]) == (newer.fingerprint, "theirs")
    agreement = call("GET", f"{ROOT}/agreements/BRAVO", token=token).text
    assert newer.fingerprint not in agreement


def test_what_is_no_partners_certificate_is_refused(call: Caller, token: str) -> None:
    path = f"{ROOT}/partners/bravo/certificates"
    problem(call("POST", path, token=token, json={"content": in_base64(b"noise")}), 422, "certificates.unreadable")
    problem(call("POST", path, token=token, json={"content": OURS.certificate.pem}), 409, "store.conflict")


def test_a_certificate_is_put_to_use_at_once_and_the_former_retires(call: Caller, token: str) -> None:
    made = call("POST", f"{ROOT}/certificates/generate", token=token, json=FORM | {"key": "rsa", "bits": 2048}).json()
    body = {"side": "ours", "usages": ["sign"], "certificate": "alpha-2027"}
    answer = call("POST", f"{ROOT}/agreements/BRAVO/assignments", token=token, json=body)
    assert answer.status_code == 201, answer.text
    found = {(a["usage"], a["state"]): a["certificate"] for a in answer.json() if a["side"] == "ours"}
    assert found["sign", "active"] == made["fingerprint"]
    assert found["encrypt", "active"] == OURS.certificate.fingerprint, "the other usage stays"


@pytest.mark.parametrize(
    ("side", "usage", "certificate"),
    [
        ("theirs", "sign", OURS.certificate.fingerprint),
        ("ours", "sign", THEIRS.certificate.fingerprint),
        ("ours", "file-sign", OURS.certificate.fingerprint),
    ],
)
def test_a_use_that_does_not_fit_is_refused(call: Caller, token: str, side: str, usage: str, certificate: str) -> None:
    body = {"side": side, "usages": [usage], "certificate": certificate}
    path = f"{ROOT}/agreements/BRAVO/assignments"
    problem(call("POST", path, token=token, json=body), 409, "certificates.not-assignable")
    body["usages"] = []
    problem(call("POST", path, token=token, json=body), 422, "api.invalid-request")
