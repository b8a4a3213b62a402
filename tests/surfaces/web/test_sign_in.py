"""In and out of the console."""

from pathlib import Path

import httpx
import pytest

from counterseal.domain.people import SYSTEM, Role
from counterseal.engine import people
from counterseal.engine.ports import Ports
from counterseal.surfaces.web import one_time_path
from tests.surfaces.web.gateway import PASSWORD, Client, a_client, add_user, make_ports, token_in


def send(client: Client, path: str, **data: str) -> httpx.Response:
    return client.post(path, data={"csrf": token_in(client.get(path).text)} | data)


def test_the_right_password_opens_a_session_that_scripts_cannot_read(ports: Ports, client: Client) -> None:
    add_user(ports, Role.OPERATOR)
    answer = send(client, "/sign-in", name="operator", password=PASSWORD)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "counterseal_session_8080=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_wrong_password_marks_the_field_and_opens_nothing(ports: Ports, client: Client) -> None:
    add_user(ports, Role.OPERATOR)
    answer = send(client, "/sign-in", name="operator", password="guess")
    assert answer.status_code == 422
    assert 'href="#password"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "counterseal_session" not in answer.headers.get("set-cookie", "")


def test_a_sign_in_form_from_elsewhere_is_refused(ports: Ports, client: Client) -> None:
    add_user(ports, Role.OPERATOR)
    answer = client.post("/sign-in", data={"name": "operator", "password": PASSWORD})
    assert answer.status_code == 422
    assert "counterseal_session" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_sign_in_never_leads_to_another_site(ports: Ports, client: Client, wanted: str) -> None:
    add_user(ports, Role.OPERATOR)
    answer = send(client, "/sign-in", name="operator", password=PASSWORD, next=wanted)
    assert answer.headers["location"] == "/"


def test_sign_in_leads_to_the_page_that_was_wanted(ports: Ports, client: Client) -> None:
    add_user(ports, Role.OPERATOR)
    answer = send(client, "/sign-in", name="operator", password=PASSWORD, next="/c/alpha/sent?state=open")
    assert answer.headers["location"] == "/c/alpha/sent?state=open"


def test_the_first_start_link_makes_the_administrator_once(ports: Ports, client: Client) -> None:
    secret = people.first_start_link(ports)
    assert secret
    path = one_time_path(secret)
    assert "first administrator" in client.get(path).text
    answer = send(client, path, name="mara", full_name="Mara Muster", email="", password=PASSWORD)
    assert answer.status_code == 303
    assert "counterseal_session_8080=" in answer.headers["set-cookie"]
    again = client.get(path)
    assert again.status_code == 410
    assert "does not open any more" in again.text


def test_looking_at_a_link_does_not_use_it(ports: Ports, client: Client) -> None:
    secret = people.first_start_link(ports)
    assert secret
    for _ in range(3):
        assert client.get(one_time_path(secret)).status_code == 200


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "Not A Name!", "password": PASSWORD}, "name"),
        ({"name": "mara", "password": "short"}, "password"),
        ({"name": "mara.muster.long", "password": "mara.muster.long"}, "password"),
    ],
)
def test_unfit_entries_mark_their_field_and_keep_the_link(
    ports: Ports, client: Client, data: dict[str, str], field: str
) -> None:
    secret = people.first_start_link(ports)
    assert secret
    answer = send(client, one_time_path(secret), full_name="Mara", email="", **data)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert client.get(one_time_path(secret)).status_code == 200
    with ports.store.read() as reader:
        assert reader.users() == []


def test_a_sign_in_link_signs_in_by_its_button(ports: Ports, client: Client) -> None:
    add_user(ports, Role.OPERATOR)
    secret = people.one_time_sign_in(ports, SYSTEM, "operator")
    answer = send(client, one_time_path(secret))
    assert answer.status_code == 303
    assert client.get(one_time_path(secret)).status_code == 410


def test_an_unknown_link_says_so(client: Client) -> None:
    assert client.get(one_time_path("nothing")).status_code == 410


def test_two_gateways_on_one_host_keep_their_sessions_apart(tmp_path: Path) -> None:
    first, second = make_ports(tmp_path / "a"), make_ports(tmp_path / "b")
    cookies: dict[str, int] = {}
    for ports, port in ((first, 8080), (second, 8081)):
        add_user(ports, Role.OPERATOR)
        client = a_client(ports, port=port)
        send(client, "/sign-in", name="operator", password=PASSWORD)
        cookies |= {name: port for name in client.cookies if "session" in name}
        client.close()
    assert set(cookies) == {"counterseal_session_8080", "counterseal_session_8081"}


def test_every_answer_carries_the_strict_policy(client: Client) -> None:
    answer = client.get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["console.css", "mark.svg", "htmx.min.js"])
def test_static_files_are_served(client: Client, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert len(answer.content) > 100


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "app.py", "console.css.map"])
def test_nothing_else_is_served(client: Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404
