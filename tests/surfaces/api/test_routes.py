"""Every operation of the API: who may call it, what it answers, and that every refusal has the one shape."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from counterseal.domain.people import Permission
from counterseal.engine import configuration, people, tokens
from counterseal.engine.ports import Ports, StoreUnavailable
from counterseal.surfaces.api import problems
from counterseal.surfaces.api.paging import LARGEST_PAGE
from counterseal.surfaces.api.problems import Problem
from counterseal.surfaces.api.routing import permission_of
from tests.builders import a_document
from tests.configurations import FULL, OURS, SMALL, THEIRS, sources
from tests.docs.reference import operations
from tests.gateway import ADMINISTRATOR, clock_of, open_gateway
from tests.surfaces.api.client import PREFIX, Caller, chunked


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        yield gateway


@pytest.fixture
def call(ports: Ports) -> Caller:
    return Caller(ports)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """With everything of the full configuration; shared by tests that only read."""
    with open_gateway(tmp_path_factory.mktemp("full")) as gateway:
        read = configuration.read(gateway, FULL.encode(), sources=sources())
        configuration.apply(gateway, ADMINISTRATOR, read)
        yield Caller(gateway)


def problem(answer: httpx.Response, status: int, code: str) -> Problem:
    """The answer is a problem document of this status and code, and nothing but the one shape."""
    assert answer.headers["content-type"] == problems.MEDIA_TYPE, answer.text
    found = Problem.model_validate_json(answer.content)
    assert (answer.status_code, found.status, found.code) == (status, status, code), found
    assert found.type == problems.TYPE_PREFIX + code
    assert found.detail
    return found


OPERATIONS = [(min(route.methods or {"GET"}), route.path, permission_of(route.endpoint)) for route in operations()]


def filled(path: str, value: str = "x") -> str:
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))


# who may call


@pytest.mark.parametrize("token", [None, b"", b"cst_", b"cst_" + b"x" * 43, b"nonsense", "cst_é".encode(), b"x" * 9000])
def test_without_a_good_token_every_operation_is_closed(call: Caller, token: bytes | None) -> None:
    headers = {b"Authorization": b"Bearer " + token} if token is not None else {}
    for method, path, _ in OPERATIONS:
        answer = call(method, filled(path), token=None, headers=headers, content=b"{not even json")
        problem(answer, 401, "api.not-authenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scheme", ["Basic", "bearer_", "Token", ""])
def test_another_scheme_is_no_token(call: Caller, scheme: str) -> None:
    secret = call.token(Permission.VIEW)
    answer = call("GET", "/communities", token=None, headers={"Authorization": f"{scheme} {secret}"})
    problem(answer, 401, "api.not-authenticated")


@pytest.mark.parametrize("permission", list(Permission))
def test_a_token_without_the_scope_is_refused_before_its_body_is_read(call: Caller, permission: Permission) -> None:
    token = call.token(*(set(Permission) - {permission}))
    for method, path, needed in OPERATIONS:
        if needed is permission:
            answer = call(method, filled(path), token=token, content=b"{not even json")
            found = problem(answer, 403, "people.not-allowed")
            assert permission.value in found.detail


def test_a_revoked_and_an_expired_token_are_closed(ports: Ports, call: Caller) -> None:
    secret = call.token(Permission.VIEW)
    assert call("GET", "/communities", token=secret).status_code == 200
    name = tokens.tokens(ports, ADMINISTRATOR)[-1].name
    tokens.revoke_token(ports, ADMINISTRATOR, name)
    problem(call("GET", "/communities", token=secret), 401, "api.not-authenticated")
    expires_at = ports.clock.now() + timedelta(hours=1)
    _, other = tokens.create_token(
        ports, ADMINISTRATOR, name="short", scopes=frozenset({Permission.VIEW}), expires_at=expires_at
    )
    assert call("GET", "/communities", token=other).status_code == 200
    clock_of(ports).pass_time(timedelta(hours=1))
    problem(call("GET", "/communities", token=other), 401, "api.not-authenticated")


# what they answer

READS = [
    ("/configuration", "slug: alpha"),
    ("/configuration?community=alpha", "slug: alpha"),
    ("/communities", '"slug":"alpha"'),
    ("/communities/alpha", '"cem_mode":"renewals"'),
    ("/communities/alpha/stations", '"identity":"ALPHA"'),
    ("/communities/alpha/stations/ALPHA", '"identity":"ALPHA"'),
    ("/communities/alpha/partners", '"slug":"bravo"'),
    ("/communities/alpha/partners/bravo", '"name":"Bravo Bows"'),
    ("/communities/alpha/agreements", '"partner_identity":"BRAVO"'),
    ("/communities/alpha/agreements/BRAVO", '"receipt_timeout":"2h"'),
    ("/communities/alpha/certificates", OURS.certificate.fingerprint),
    ("/communities/alpha/certificates?side=theirs", THEIRS.certificate.fingerprint),
    ("/communities/alpha/certificates/alpha-2026", OURS.certificate.fingerprint),
    (f"/communities/alpha/certificates/{OURS.certificate.fingerprint}/pem", "BEGIN CERTIFICATE"),
    ("/communities/alpha/roots", "[]"),
    ("/communities/alpha/trust-requests", '"items":[]'),
    ("/communities/alpha/received", '"items":[]'),
    ("/documents", '"items":['),
    ("/documents?community=alpha&direction=out&state=queued&kind=business&search=x", '"items":[]'),
    ("/users", '"items":[]'),
    ("/tokens", '"items":[{'),
    ("/audit", '"items":[{'),
    ("/audit?event=partner.created", '"event":"partner.created"'),
    ("/audit/verification", '"head":"'),
    ("/audit/export", '"event":"community.created"'),
    ("/audit/export?behind=2", '"sequence":3'),
]


@pytest.mark.parametrize(("path", "holds"), READS)
def test_a_reading_operation_answers(full: Caller, path: str, holds: str) -> None:
    answer = full("GET", path, token=full.token(*Permission))
    assert answer.status_code == 200, answer.text
    assert holds in answer.text
    for secret in ("let me in", "GEHEIM", "PRIVATE KEY", "sealed", "password_hash", "digest_of"):
        assert secret not in answer.text


NOT_THERE = [
    ("GET", "/communities/x"),
    ("GET", "/communities/x/stations"),
    ("GET", "/communities/alpha/stations/x"),
    ("GET", "/communities/x/partners"),
    ("GET", "/communities/alpha/partners/x"),
    ("GET", "/communities/x/agreements"),
    ("GET", "/communities/alpha/agreements/x"),
    ("GET", "/communities/x/certificates"),
    ("GET", "/communities/alpha/certificates/x"),
    ("GET", "/communities/alpha/certificates/x/pem"),
    ("GET", "/communities/x/trust-requests"),
    ("GET", "/communities/alpha/trust-requests/x"),
    ("GET", "/communities/alpha/trust-requests/7"),
    ("GET", "/communities/x/roots"),
    ("DELETE", "/communities/alpha/roots/x"),
    ("GET", "/communities/x/received"),
    ("GET", "/communities/alpha/received/x"),
    ("POST", "/communities/alpha/received/x/accept"),
    ("POST", "/communities/alpha/received/x/reject"),
    ("POST", "/communities/alpha/received/x/undo"),
    ("GET", "/documents?community=x"),
    ("GET", "/documents/x"),
    ("GET", "/documents/x/payload"),
    ("POST", "/documents/x/resend"),
    ("POST", "/documents/x/cancel"),
    ("POST", "/documents?agreement=x&file_name=x"),
    ("GET", "/configuration?community=x"),
    ("POST", "/users/x/sign-in-link"),
    ("POST", "/users/x/password-link"),
    ("POST", "/users/x/disable"),
    ("POST", "/users/x/enable"),
    ("DELETE", "/tokens/x"),
]


BODIES: dict[str, object] = {"accept": {}, "reject": {"reason": "no"}}
"""What an operation needs to get as far as looking for the thing, by the last part of its path."""


@pytest.mark.parametrize(("method", "path"), NOT_THERE)
def test_an_unknown_id_is_not_found(full: Caller, method: str, path: str) -> None:
    body = BODIES.get(path.rpartition("/")[2])
    problem(full(method, path, token=full.token(*Permission), json=body), 404, "store.not-found")


@pytest.mark.parametrize("value", ["%00", "%0d", "..%2f..", "%E2%98%83", "' OR 1=1 --", "a" * 5000, "%ff"])
def test_a_hostile_id_is_not_found_and_nothing_else(full: Caller, value: str) -> None:
    token = full.token(*Permission)
    for _, path, _ in [o for o in OPERATIONS if o[0] == "GET" and "{" in o[1]]:
        answer = full("GET", filled(path, value), token=token)
        assert answer.status_code == 404, (path, answer.text)
        assert answer.headers["content-type"] == problems.MEDIA_TYPE
        assert len(answer.content) < 1000, "a long id is not repeated"


def test_a_path_that_nothing_serves_has_the_same_shape(call: Caller) -> None:
    token = call.token(*Permission)
    problem(call("GET", "/nothing", token=token), 404, "api.no-such-route")
    problem(call("GET", "/communities/", token=token), 404, "api.no-such-route")
    answer = call("PATCH", "/communities", token=token)
    problem(answer, 405, "api.wrong-method")
    assert answer.headers["allow"] == "GET"


def test_a_store_that_is_away_is_unavailable(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    token = call.token(Permission.VIEW)

    def away(*_: object) -> None:
        raise StoreUnavailable("the database cannot be reached")

    monkeypatch.setattr("counterseal.surfaces.api.routes.communities.records.community_named", away)
    found = problem(call("GET", "/communities/x", token=token), 503, "store.unavailable")
    assert found.retry == "later"


def test_a_bug_of_ours_says_nothing_of_itself(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    token = call.token(Permission.VIEW)

    def bug(*_: object) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr("counterseal.surfaces.api.routes.communities.records.community_named", bug)
    found = problem(call("GET", "/communities/x", token=token), 500, "api.unexpected")
    assert "secret" not in found.detail


# pages


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        f"limit={LARGEST_PAGE + 1}",
        "limit=many",
        "limit=",
        "limit=1e9",
        "after=-1",
        "after=x",
        "after=99999999999",
    ],
)
@pytest.mark.parametrize("path", [p for m, p, _ in OPERATIONS if m == "GET" and p in {r[0] for r in READS}])
def test_a_page_that_cannot_be_is_an_error_and_never_clamped(full: Caller, path: str, query: str) -> None:
    answer = full("GET", f"{path}?{query}", token=full.token(*Permission))
    if answer.headers["content-type"] == problems.MEDIA_TYPE:
        assert answer.status_code == 400
    else:
        raise AssertionError(answer.text)


def test_next_leads_through_every_row_once(ports: Ports, call: Caller) -> None:
    partners = "".join(f"      - {{slug: p{n:03}, name: P{n:03}}}\n" for n in range(LARGEST_PAGE + 7))
    text = f"version: 1\ncommunities:\n  - slug: alpha\n    name: Alpha\n    partners:\n{partners}"
    configuration.apply(ports, ADMINISTRATOR, configuration.read(ports, text.encode(), sources=sources()))
    with ports.store.write() as writer:
        community = writer.find_community("alpha")
        assert community is not None
        writer.put(*(a_document(community_id=community.id, file_name=f"{n}.edi") for n in range(45)))
    token = call.token(*Permission)
    for path, total, limit in (
        ("/communities/alpha/partners", LARGEST_PAGE + 7, LARGEST_PAGE),
        ("/documents", 45, 20),
        ("/documents?direction=out", 45, 45),
        ("/audit", LARGEST_PAGE + 9, 100),
    ):
        seen: list[str] = []
        following: str | None = f"{path}{'&' if '?' in path else '?'}limit={limit}"
        while following:
            answer = call("GET", following.removeprefix(PREFIX), token=token).json()
            assert len(answer["items"]) <= limit
            seen += [json.dumps(item) for item in answer["items"]]
            following = answer["next"]
            if following:
                assert urlsplit(following).path == PREFIX + path.partition("?")[0]
        assert (len(seen), len(set(seen))) == (total, total), path


@pytest.mark.parametrize(("path", "_holds"), READS)
def test_an_unknown_parameter_is_an_error(full: Caller, path: str, _holds: str) -> None:
    sign = "&" if "?" in path else "?"
    answer = full("GET", f"{path}{sign}limti=5", token=full.token(*Permission))
    found = problem(answer, 400, "api.unknown-parameter")
    assert found.errors[0].field == "limti"


# the configuration


def test_a_configuration_is_tried_applied_and_exported(call: Caller) -> None:
    token = call.token(Permission.CONFIGURE, Permission.VIEW)
    tried = call("PUT", "/configuration?dry_run=true", token=token, content=SMALL).json()
    assert tried["applied"] is False
    assert call("GET", "/communities", token=token).json()["items"] == []
    done = call("PUT", "/configuration", token=token, content=SMALL).json()
    assert [c["thing"] for c in done["changes"]] == ["community", "station", "partner", "agreement"]
    exported = call("GET", "/configuration", token=token)
    assert exported.headers["content-type"].startswith("application/yaml")
    again = call("PUT", "/configuration", token=token, content=exported.content).json()
    assert (again["applied"], again["changes"]) == (True, [])
    with call.ports.store.read() as reader:
        made = next(e for e in reader.audit_chain(after=0) if e.event.event == "agreement.created")
    assert made.event.actor.startswith("token:")


def test_errors_of_a_configuration_come_with_line_and_field(call: Caller) -> None:
    token = call.token(Permission.CONFIGURE)
    answer = call("PUT", "/configuration", token=token, content=SMALL.replace("station: ALPHA", "staton: ALPHA"))
    found = problem(answer, 422, "configuration.refused")
    assert [(e.line, e.field.rpartition(".")[2]) for e in found.errors] == [
        (11, "staton"),
        (11, "agreements[0]"),
    ]


@pytest.mark.parametrize("source", ["{file: /etc/passwd}", "{env: HOME}"])
def test_a_configuration_over_the_network_reads_nothing_of_this_machine(call: Caller, source: str) -> None:
    text = SMALL.replace('as2"}', f'as2", basic_password: {source}}}')
    answer = call("PUT", "/configuration", token=call.token(Permission.CONFIGURE), content=text)
    found = problem(answer, 422, "configuration.refused")
    assert "came over the network" in found.errors[0].detail
    assert "root:" not in answer.text


def test_a_body_beyond_the_limit_is_refused_announced_or_not(ports: Ports) -> None:
    call = Caller(ports, maximum_request_bytes=4096)
    token = call.token(Permission.CONFIGURE)
    problem(call("PUT", "/configuration", token=token, content=b"#" * 4097), 413, "api.too-large")
    problem(call("PUT", "/configuration", token=token, content=chunked([b"#" * 64] * 65)), 413, "api.too-large")
    problem(call("PUT", "/configuration", token=token, content=b"#" * 4096), 422, "configuration.refused")


# people

WRONG_BODIES = [
    ("/users", {}, "body.name"),
    ("/users", {"name": "x", "role": "king"}, "body.role"),
    ("/users", {"name": 7, "role": "viewer"}, "body.name"),
    ("/users", {"name": "x", "role": "viewer", "admin": True}, "body.admin"),
    ("/users", [], "body"),
    ("/tokens", {"name": "x"}, "body.scopes"),
    ("/tokens", {"name": "x", "scopes": ["everything"]}, "body.scopes[0]"),
    ("/tokens", {"name": "x", "scopes": ["view"], "expires_at": "2030-01-01T00:00:00"}, "body.expires_at"),
    ("/tokens", {"name": "x", "scopes": ["view"], "expires_at": "soon"}, "body.expires_at"),
]


@pytest.mark.parametrize(("path", "body", "field"), WRONG_BODIES)
def test_a_body_of_the_wrong_type_names_its_field(call: Caller, path: str, body: object, field: str) -> None:
    answer = call("POST", path, token=call.token(*Permission), json=body)
    found = problem(answer, 422, "api.invalid-request")
    assert field in [e.field for e in found.errors]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"null", b"[" * 100_000, b'{"name": NaN}'])
def test_a_body_that_is_no_json_is_refused(call: Caller, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = call("POST", "/users", token=call.token(*Permission), content=content, headers=headers)
    problem(answer, 422, "api.invalid-request")


def test_a_user_is_added_invited_disabled_and_enabled(ports: Ports, call: Caller) -> None:
    token = call.token(*Permission)
    made = call("POST", "/users", token=token, json={"name": "mara", "role": "viewer", "email": "m@a.example"})
    assert made.status_code == 201
    assert people.look_at_link(ports, made.json()["link"]["secret"]).user_name == "mara"
    assert made.json()["user"]["has_password"] is False
    problem(call("POST", "/users", token=token, json={"name": "mara", "role": "viewer"}), 409, "store.conflict")
    problem(call("POST", "/users", token=token, json={"name": "a b", "role": "viewer"}), 422, "people.invalid-user")
    link = call("POST", "/users/mara/sign-in-link", token=token).json()
    assert people.look_at_link(ports, link["secret"]).purpose == people.SIGN_IN
    link = call("POST", "/users/mara/password-link", token=token).json()
    assert people.look_at_link(ports, link["secret"]).purpose == people.SET_PASSWORD
    assert call("POST", "/users/mara/disable", token=token).json()["enabled"] is False
    problem(call("POST", "/users/mara/sign-in-link", token=token), 422, "people.invalid-user")
    assert call("POST", "/users/mara/enable", token=token).json()["enabled"] is True


def test_a_token_makes_only_tokens_with_scopes_of_its_own(call: Caller) -> None:
    token = call.token(Permission.PEOPLE, Permission.VIEW)
    made = call("POST", "/tokens", token=token, json={"name": "ci", "scopes": ["view"]})
    assert made.status_code == 201
    assert call("GET", "/communities", token=made.json()["secret"]).status_code == 200
    answer = call("POST", "/tokens", token=token, json={"name": "more", "scopes": ["configure"]})
    problem(answer, 403, "people.not-allowed")
    gone = call("DELETE", "/tokens/ci", token=token)
    assert gone.json()["revoked_at"]
    problem(call("GET", "/communities", token=made.json()["secret"]), 401, "api.not-authenticated")


# documents and audit


def test_a_document_is_shown_with_its_story(full: Caller) -> None:
    with full.ports.store.write() as writer:
        community = writer.find_community("alpha")
        assert community is not None
        document = a_document(community_id=community.id)
        writer.put(document)
    token = full.token(Permission.VIEW)
    story = full("GET", f"/documents/{document.id}", token=token).json()
    assert (story["document"]["id"], story["document"]["community"]) == (document.id, "alpha")
    found = full("GET", "/documents?search=orders", token=token).json()
    assert [d["id"] for d in found["items"]] == [document.id]
    for query in ("state=asleep", "direction=up", "kind=x", "search=" + "x" * 201):
        problem(full("GET", f"/documents?{query}", token=token), 422, "api.invalid-request")


def test_a_broken_trail_is_a_conflict_that_names_the_entry(full: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterseal.domain.audit import ChainBroken

    def broken(*_: object) -> None:
        raise ChainBroken("entry 2 was changed after it was written")

    monkeypatch.setattr("counterseal.engine.audit_log.verify", broken)
    found = problem(full("GET", "/audit/verification", token=full.token(Permission.VIEW)), 409, "audit.chain-broken")
    assert found.detail.startswith("entry 2")


# the description


def test_the_description_is_complete(call: Caller) -> None:
    described = call("GET", "/openapi.json", token=None).json()
    there = {(method.upper(), path) for path, item in described["paths"].items() for method in item}
    assert there == {(method, path) for method, path, _ in OPERATIONS}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation["security"] == [{"token": []}], (method, path)
            default = operation["responses"]["default"]["content"]
            assert list(default) == [problems.MEDIA_TYPE], (method, path)
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (method, path, parameter["name"])
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_nothing_third_party_is_loaded_by_a_documentation_page(call: Caller) -> None:
    for path in ("/docs", "/redoc"):
        problem(call("GET", path, token=None), 404, "api.no-such-route")
