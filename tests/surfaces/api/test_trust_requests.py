"""Trust requests through the API: from Finish to the last button of the Sent page."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from counterseal.domain.exchange import Sent
from counterseal.domain.exchange import apply as apply_to
from counterseal.domain.people import Permission
from counterseal.engine import configuration
from counterseal.engine.ports import Ports
from counterseal.kernel.ids import ExchangeId
from tests.builders import NOW
from tests.configurations import FULL, OURS, sources
from tests.gateway import ADMINISTRATOR, Wakes, open_gateway
from tests.surfaces.api.client import Caller
from tests.surfaces.api.test_routes import problem

ROOT = "/communities/alpha/trust-requests"
ORDER: dict[str, Any] = {
    "certificate": "alpha-2027",
    "usages": ["sign", "encrypt"],
    "cem": ["BRAVO"],
    "respond_by": (NOW + timedelta(days=10)).isoformat(),
}


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    text = FULL.replace(
        "    default_certificates:",
        "      - {label: alpha-2027, generate: {common_name: Alpha Arrows, valid_for: 700d}}\n    default_certificates:",
    )
    with open_gateway(tmp_path) as gateway:
        configuration.apply(gateway, ADMINISTRATOR, configuration.read(gateway, text.encode(), sources=sources()))
        yield gateway


@pytest.fixture
def call(ports: Ports) -> Caller:
    return Caller(ports)


@pytest.fixture
def token(call: Caller) -> str:
    return call.token(Permission.CERTIFICATES, Permission.VIEW)


@pytest.fixture
def sent(ports: Ports, call: Caller, token: str) -> dict[str, Any]:
    """A request whose message has reached Bravo's listener."""
    answer = call("POST", ROOT, token=token, json=ORDER)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    with ports.store.write() as writer:
        exchange = writer.exchange(ExchangeId(made["exchanges"][0]["id"]))
        writer.put(apply_to(exchange, Sent(), ports.clock.now()))
    return made


def ours(call: Caller, token: str) -> dict[tuple[str, str], str]:
    """Certificate by usage and state."""
    agreement = call("GET", "/communities/alpha/agreements/BRAVO", token=token).json()
    return {(a["usage"], a["state"]): a["certificate"] for a in agreement["assignments"] if a["side"] == "ours"}


def test_a_request_is_stored_whole_and_its_certificate_staged(ports: Ports, call: Caller, token: str) -> None:
    answer = call("POST", ROOT, token=token, json=ORDER)
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert (made["number"], made["partners"], made["usages"]) == (1, 1, ["encrypt", "sign"])
    assert (made["time_zone"], made["exchanges"][0]["state"]) == ("Europe/Berlin", "queued")
    assert call("GET", f"{ROOT}/1", token=token).json() == made
    assert call("GET", ROOT, token=token).json()["items"] == [made]
    found = ours(call, token)
    assert found["sign", "active"] == OURS.certificate.fingerprint
    assert found["sign", "staged"] == made["certificate"]
    assert isinstance(ports.wake, Wakes)
    assert ports.wake.count >= 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"respond_by": (NOW - timedelta(days=1)).isoformat()}, 422, "engine.field-errors"),
        ({"cem": []}, 422, "engine.field-errors"),
        ({"cem": ["OMEGA"]}, 404, "store.not-found"),
        ({"certificate": "alpha-2031"}, 404, "store.not-found"),
        ({"certificate": "bravo-2026"}, 422, "engine.field-errors"),
        ({"respond_by": "2030-01-01T00:00:00"}, 422, "api.invalid-request"),
        ({"usages": []}, 422, "api.invalid-request"),
        ({"usages": ["everything"]}, 422, "api.invalid-request"),
        ({"scx_type": "fax"}, 422, "api.invalid-request"),
        ({"time_zone": "Mars/Olympus"}, 422, "kernel.invalid-instant"),
        ({"time_zone": "Europe"}, 422, "kernel.invalid-instant"),
    ],
)
def test_an_order_that_cannot_be_stores_and_sends_nothing(
    call: Caller, token: str, change: dict[str, Any], status: int, code: str
) -> None:
    before = ours(call, token)
    found = problem(call("POST", ROOT, token=token, json=ORDER | change), status, code)
    if code in {"engine.field-errors", "api.invalid-request"}:
        assert found.errors, "it says which field"
    assert call("GET", ROOT, token=token).json()["items"] == []
    assert ours(call, token) == before


def test_partners_are_reminded_and_sent_to_again(call: Caller, token: str, sent: dict[str, Any]) -> None:
    answer = call("POST", f"{ROOT}/1/remind", token=token, json={"exchanges": ["bravo"]})
    assert answer.status_code == 202, answer.text
    problem(
        call("POST", f"{ROOT}/1/remind", token=token, json={"exchanges": ["bravo"]}), 409, "trust-requests.not-possible"
    )
    wrong: tuple[dict[str, Any], ...] = ({"exchanges": []}, {}, {"exchanges": ["bravo"], "all": True})
    for body in wrong:
        problem(call("POST", f"{ROOT}/1/resend", token=token, json=body), 422, "api.invalid-request")
    problem(call("POST", f"{ROOT}/1/resend", token=token, json={"exchanges": ["omega"]}), 404, "store.not-found")


def test_a_person_switches_now_and_back(call: Caller, token: str, sent: dict[str, Any]) -> None:
    path = f"{ROOT}/1/exchanges/bravo"
    assert call("POST", f"{path}/switch-now", token=token).status_code == 200
    assert ours(call, token)["sign", "active"] == sent["certificate"]
    assert call("POST", f"{path}/switch-back", token=token).status_code == 200
    assert ours(call, token)["sign", "active"] == OURS.certificate.fingerprint


@pytest.mark.parametrize(("accepted", "state"), [(True, "accepted"), (False, "rejected")])
def test_an_answer_by_phone_is_recorded_once(
    call: Caller, token: str, sent: dict[str, Any], accepted: bool, state: str
) -> None:
    path = f"{ROOT}/1/exchanges/{sent['exchanges'][0]['id']}/record-answer"
    answer = call("POST", path, token=token, json={"accepted": accepted, "reason": "Ms Bow, by phone"})
    assert answer.status_code == 200, answer.text
    exchange = answer.json()["exchanges"][0]
    assert (exchange["state"], exchange["answered_by"][:6]) == (state, "token:")
    assert call("POST", path, token=token, json={"accepted": not accepted}).status_code in {200, 409}
    problem(call("POST", path, token=token, json={"reason": "?"}), 422, "api.invalid-request")


def test_the_date_is_changed_and_never_into_the_past(call: Caller, token: str, sent: dict[str, Any]) -> None:
    later = (NOW + timedelta(days=30)).isoformat()
    answer = call("POST", f"{ROOT}/1/respond-by", token=token, json={"respond_by": later})
    assert answer.status_code == 200, answer.text
    assert answer.json()["respond_by"] > sent["respond_by"]
    past = (NOW - timedelta(days=1)).isoformat()
    refused = call("POST", f"{ROOT}/1/respond-by", token=token, json={"respond_by": past})
    assert refused.status_code in {409, 422}, refused.text
    assert call("GET", f"{ROOT}/1", token=token).json()["respond_by"] == answer.json()["respond_by"]


def test_a_request_is_withdrawn_once(call: Caller, token: str, sent: dict[str, Any]) -> None:
    one = call("POST", f"{ROOT}/1/exchanges/bravo/withdraw", token=token).json()
    assert one["exchanges"][0]["state"] == "withdrawn"
    whole = call("POST", f"{ROOT}/1/withdraw", token=token).json()
    assert whole["withdrawn_at"]
    problem(call("POST", f"{ROOT}/1/withdraw", token=token), 409, "trust-requests.not-possible")


VERBS = ["switch-now", "switch-back", "withdraw"]


@pytest.mark.parametrize("path", ["/7/withdraw", *[f"/1/exchanges/omega/{v}" for v in VERBS]])
def test_an_exchange_that_is_not_there_is_not_found(call: Caller, token: str, sent: dict[str, Any], path: str) -> None:
    problem(call("POST", ROOT + path, token=token), 404, "store.not-found")
