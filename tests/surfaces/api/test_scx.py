"""SCX through the API: the pre-flight before Finish, and CEM and SCX sent by one call."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.people import Permission
from counterseal.engine import configuration
from counterseal.engine.ports import Ports
from tests.configurations import FULL, sources
from tests.gateway import ADMINISTRATOR, open_gateway
from tests.surfaces.api.client import Caller
from tests.surfaces.api.test_trust_requests import ORDER, ROOT

BRAVO = "O0013000002BRAVO"
LINE: dict[str, Any] = {"certificate": "alpha-2027", "usages": ["file-sign", "file-encrypt"], "scx": [BRAVO]}


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    """Bravo's OFTP2 agreement is switched on, and has the certificate of last year."""
    text = FULL.replace(
        "    default_certificates:",
        "      - {label: alpha-2027, generate: {common_name: Alpha Arrows, valid_for: 700d}}\n    default_certificates:",
    )
    text = text.replace("active: false", "active: true").replace("file-sign: alpha-ec", "file-sign: alpha-2026")
    with open_gateway(tmp_path) as gateway:
        configuration.apply(gateway, ADMINISTRATOR, configuration.read(gateway, text.encode(), sources=sources()))
        yield gateway


@pytest.fixture
def call(ports: Ports) -> Caller:
    return Caller(ports)


@pytest.fixture
def token(call: Caller) -> str:
    return call.token(Permission.CERTIFICATES, Permission.VIEW)


def set_rule(ports: Ports, name: str) -> None:
    with ports.store.write() as writer:
        (agreement,) = [a for c in writer.communities() for a in writer.agreements(c.id) if a.partner_identity == BRAVO]
        writer.put(replace(agreement, terms=replace(agreement.oftp2, scx_rule=name)))


def test_the_preflight_says_what_differs_and_what_to_change(ports: Ports, call: Caller, token: str) -> None:
    set_rule(ports, "exact")
    answer = call("POST", f"{ROOT}/preflight", token=token, json=LINE)
    assert answer.status_code == 200, answer.text
    (line,) = answer.json()
    assert (line["partner"], line["identity"], line["rules"], line["rule_source"]) == ("bravo", BRAVO, ["exact"], "set")
    assert line["result"] == "will not match"
    assert [d["field"] for d in line["different"]] == ["issuer", "subject"]
    assert line["advice"][0].startswith("Make it with subject")
    set_rule(ports, "lenient")
    (line,) = call("POST", f"{ROOT}/preflight", token=token, json=LINE | {"scx": []}).json()
    assert line["result"] == "will match"
    assert call("GET", ROOT, token=token).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"scx": ["OMEGA"]}, 404, "store.not-found"),
        ({"scx": ["BRAVO"]}, 422, "scx.not-over-scx"),
        ({"scx_type": "fax"}, 422, "api.invalid-request"),
        ({"usages": []}, 422, "api.invalid-request"),
    ],
)
def test_a_wrong_question_is_a_problem_document(
    call: Caller, token: str, change: dict[str, Any], status: int, code: str
) -> None:
    answer = call("POST", f"{ROOT}/preflight", token=token, json=LINE | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_cem_and_scx_leave_with_one_call_and_one_date(call: Caller, token: str) -> None:
    usages = ["sign", "encrypt", "file-sign", "file-encrypt"]
    body = ORDER | {"usages": usages, "scx": [BRAVO], "scx_type": "deliver"}
    answer = call("POST", ROOT, token=token, json=body)
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert [(e["channel"], e["scx_type"], e["state"], e["delivered"]) for e in made["exchanges"]] == [
        ("cem", "", "queued", []),
        ("scx", "deliver", "queued", []),
    ]
    assert (made["scx_type"], made["partners"]) == ("deliver", 2)


def test_without_a_type_nothing_is_stored(call: Caller, token: str) -> None:
    answer = call("POST", ROOT, token=token, json=ORDER | {"usages": ["file-sign"], "cem": [], "scx": [BRAVO]})
    assert (answer.status_code, answer.json()["code"]) == (422, "engine.field-errors")
    assert "Request, Deliver or Replace" in answer.text
    assert call("GET", ROOT, token=token).json()["items"] == []
