"""Documents through the API: payloads stream in and out, whole or not at all."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from counterseal.domain.people import Permission
from counterseal.engine import configuration
from counterseal.engine.ports import Ports
from tests.configurations import FULL, SMALL, sources
from tests.gateway import ADMINISTRATOR, MemoryBlobs, Wakes, open_gateway
from tests.surfaces.api.client import Caller, chunked
from tests.surfaces.api.test_routes import problem

PAYLOAD = bytes(range(256)) * 1000


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        configuration.apply(gateway, ADMINISTRATOR, configuration.read(gateway, SMALL.encode(), sources=sources()))
        yield gateway


@pytest.fixture
def call(ports: Ports) -> Caller:
    return Caller(ports)


def kept(ports: Ports) -> int:
    assert isinstance(ports.blobs, MemoryBlobs)
    return len(ports.blobs.kept)


def test_a_document_is_sent_shown_and_downloaded_as_it_is(ports: Ports, call: Caller) -> None:
    token = call.token(Permission.DOCUMENTS, Permission.VIEW)
    path = "/documents?agreement=BRAVO&file_name=a.edi&content_type=application/edifact&subject=Orders"
    sent = call("POST", path, token=token, content=chunked([PAYLOAD[:100], b"", PAYLOAD[100:]]))
    assert sent.status_code == 202, sent.text
    made = sent.json()
    assert (made["state"], made["size"], made["file_name"]) == ("queued", len(PAYLOAD), "a.edi")
    assert (made["content_type"], made["subject"]) == ("application/edifact", "Orders")
    assert made["created_by"].startswith("token:")
    assert isinstance(ports.wake, Wakes)
    assert ports.wake.count >= 1
    got = call("GET", f"/documents/{made['id']}/payload", token=token)
    assert got.content == PAYLOAD
    assert got.headers["content-length"] == str(len(PAYLOAD))
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == "attachment"
    assert got.headers["x-content-type-options"] == "nosniff"


def test_the_same_chosen_id_sends_nothing_twice(ports: Ports, call: Caller) -> None:
    token = call.token(Permission.DOCUMENTS, Permission.VIEW)
    path = f"/documents?agreement=bravo&file_name=a.edi&document_id={'ab' * 16}"
    answers = [call("POST", path, token=token, content=PAYLOAD).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(call("GET", "/documents", token=token).json()["items"]) == 1
    problem(call("POST", path[:-1], token=token, content=b"x"), 422, "api.invalid-request")


@pytest.mark.parametrize("announced", [True, False])
def test_a_payload_beyond_the_limit_leaves_nothing_behind(ports: Ports, announced: bool) -> None:
    call = Caller(ports, maximum_upload_bytes=1000)
    token = call.token(Permission.DOCUMENTS, Permission.VIEW)
    content: bytes | AsyncIterator[bytes] = b"x" * 1001 if announced else chunked([b"x"] * 1001)
    answer = call("POST", "/documents?agreement=BRAVO&file_name=a", token=token, content=content)
    problem(answer, 413, "api.too-large")
    assert kept(ports) == 0
    assert call("GET", "/documents", token=token).json()["items"] == []


def test_a_body_that_breaks_off_leaves_nothing_behind(ports: Ports, call: Caller) -> None:
    from starlette.requests import ClientDisconnect

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise ClientDisconnect

    token = call.token(Permission.DOCUMENTS, Permission.VIEW)
    answer = call("POST", "/documents?agreement=BRAVO&file_name=a", token=token, content=breaking())
    assert answer.status_code == 422
    assert kept(ports) == 0


def test_a_payload_larger_than_other_requests_may_be_is_taken(ports: Ports) -> None:
    call = Caller(ports, maximum_request_bytes=1024)
    token = call.token(Permission.DOCUMENTS)
    answer = call("POST", "/documents?agreement=BRAVO&file_name=a", token=token, content=PAYLOAD)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "api.invalid-request"),
        ("?agreement=BRAVO", 422, "api.invalid-request"),
        ("?agreement=BRAVO&file_name=", 422, "api.invalid-request"),
        (f"?agreement=BRAVO&file_name={'x' * 256}", 422, "api.invalid-request"),
        ("?agreement=OMEGA&file_name=a", 404, "store.not-found"),
        ("?agreement=BRAVO&file_name=a&community=x", 404, "store.not-found"),
        ("?agreement=BRAVO&file_name=a&priority=high", 400, "api.unknown-parameter"),
    ],
)
def test_a_sending_that_cannot_be_is_refused(ports: Ports, call: Caller, query: str, status: int, code: str) -> None:
    token = call.token(Permission.DOCUMENTS)
    problem(call("POST", f"/documents{query}", token=token, content=b"x"), status, code)
    assert kept(ports) == 0


def test_an_empty_document_and_a_switched_off_agreement_are_refused(ports: Ports, call: Caller) -> None:
    token = call.token(Permission.DOCUMENTS)
    path = "/documents?agreement=BRAVO&file_name=a"
    problem(call("POST", path, token=token, content=b""), 422, "documents.empty")
    off = SMALL.replace("partner_identity: BRAVO", "partner_identity: BRAVO\n            active: false")
    configuration.apply(ports, ADMINISTRATOR, configuration.read(ports, off.encode(), sources=sources()))
    problem(call("POST", path, token=token, content=b"x"), 409, "documents.not-sendable")
    assert kept(ports) == 0


def test_cancelling_ends_it_and_resending_queues_it_again_only_where_that_can_be(ports: Ports, call: Caller) -> None:
    token = call.token(Permission.DOCUMENTS)
    made = call("POST", "/documents?agreement=BRAVO&file_name=a", token=token, content=b"x").json()
    problem(call("POST", f"/documents/{made['id']}/resend", token=token), 409, "domain.invalid-transition")
    cancelled = call("POST", f"/documents/{made['id']}/cancel", token=token)
    assert cancelled.json()["state"] == "cancelled"
    problem(call("POST", f"/documents/{made['id']}/cancel", token=token), 409, "domain.invalid-transition")


def test_a_file_name_keeps_no_path(call: Caller) -> None:
    token = call.token(Permission.DOCUMENTS)
    sent = call("POST", "/documents?agreement=BRAVO&file_name=..%2F..%2Fetc%2Fpasswd", token=token, content=b"x")
    assert sent.json()["file_name"] == "passwd"


def test_a_partner_with_two_agreements_needs_a_closer_name(ports: Ports, call: Caller) -> None:
    configuration.apply(ports, ADMINISTRATOR, configuration.read(ports, FULL.encode(), sources=sources()))
    answer = call(
        "POST", "/documents?agreement=bravo&file_name=a", token=call.token(Permission.DOCUMENTS), content=b"x"
    )
    assert "names 2 agreements" in problem(answer, 404, "store.not-found").detail


def test_the_list_is_narrowed_to_one_agreement(ports: Ports, call: Caller) -> None:
    token = call.token(Permission.DOCUMENTS, Permission.VIEW)
    sent = call("POST", "/documents?agreement=bravo&file_name=a.edi", token=token, content=PAYLOAD).json()
    found = call("GET", "/documents?agreement=BRAVO&search=a.e", token=token).json()["items"]
    assert [one["id"] for one in found] == [sent["id"]]
    problem(call("GET", "/documents?agreement=nobody", token=token), 404, "store.not-found")
    configuration.apply(ports, ADMINISTRATOR, configuration.read(ports, FULL.encode(), sources=sources()))
    answer = call("GET", "/documents?agreement=bravo", token=token)
    assert "names 2 agreements" in problem(answer, 404, "store.not-found").detail
