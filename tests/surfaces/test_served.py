"""The gateway as a process: what its first start says, that API and command line are one thing, how it refuses to start, how it stops."""

import json
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterseal.surfaces.cli.exit_codes import Exit
from tests.surfaces.served import PATIENCE_SECONDS, Served, SlowPartner, SlowUpload, command, served

pytestmark = pytest.mark.slow


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


# start


def test_the_first_start_prints_a_link_and_the_second_does_not(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        assert gateway.process.stdout is not None
        line = gateway.process.stdout.readline()
        assert line.startswith(f"first administrator: http://{gateway.private}/once/")
        with urllib.request.urlopen(line.rpartition(" ")[2].strip(), timeout=PATIENCE_SECONDS) as page:
            assert page.status == 200
        gateway.terminate()
        assert gateway.end() == 0
    assert line.rpartition("/")[2].strip() not in gateway.log, "the link is for whoever started it, not for the log"
    with served(tmp_path) as gateway:
        gateway.terminate()
        assert gateway.end() == 0
    assert gateway.printed[2:] == ["nobody can sign in yet: 'counterseal user first-link' makes another link"]
    assert command(gateway.data_dir, "user", "add", "mara", "--role", "administrator").returncode == 0
    with served(tmp_path) as gateway:
        gateway.terminate()
        assert gateway.end() == 0
    assert gateway.printed[2:] == []


def test_every_line_of_a_json_log_is_json(tmp_path: Path) -> None:
    with served(tmp_path) as gateway:
        pass
    events = [json.loads(line)["event"] for line in gateway.log.splitlines()]
    assert events == ["gateway.started", "gateway.stopped"]


# API and command line on one directory


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("gateway")) as running:
        running.apply()
        yield running


def test_what_a_command_makes_the_api_shows(gateway: Served) -> None:
    made = gateway.command("certificate", "generate", "--common-name", "Alpha Arrows", "--label", "by-command")
    status, shown = gateway.call("GET", f"/communities/alpha/certificates/{made['fingerprint']}")
    assert (status, shown) == (200, made)


def test_what_the_api_makes_a_command_shows(gateway: Served) -> None:
    body = json.dumps({"common_name": "Alpha Arrows EC", "key": "ec", "label": "by-api"}).encode()
    status, made = gateway.call(
        "POST", "/communities/alpha/certificates/generate", body, Content_Type="application/json"
    )
    assert (status, made["label"]) == (201, "by-api")
    assert gateway.command("certificate", "show", "by-api") == made


def test_a_document_of_a_command_is_sent_by_the_process(gateway: Served) -> None:
    made = gateway.command("document", "send", "-", "--agreement", "BRAVO", standard_input="UNA:+.? '")

    def tried() -> bool:
        _, story = gateway.call("GET", f"/documents/{made['id']}")
        return bool(story["transfers"])

    until(tried)
    story = gateway.command("document", "show", made["id"])
    assert story["transfers"][0]["outcome"] != "delivered", "nobody listens there"
    assert gateway.command("document", "cancel", made["id"])["state"] == "cancelled"


def test_the_trail_that_both_write_is_one(gateway: Served) -> None:
    body = json.dumps({"name": "vera", "role": "viewer"}).encode()
    assert gateway.call("POST", "/users", body, Content_Type="application/json")[0] == 201
    status, proof = gateway.call("GET", "/audit/verification")
    assert status == 200
    assert proof["entries"] == gateway.command("audit", "verify")["entries"]
    actors = {entry["actor"].partition(":")[0] for entry in gateway.command("audit", "list")}
    assert {"local", "token"} <= actors


def test_the_description_is_served_without_a_token_and_nothing_else(gateway: Served) -> None:
    with urllib.request.urlopen(f"http://{gateway.private}/api/v1/openapi.json", timeout=PATIENCE_SECONDS) as answer:
        assert json.loads(answer.read())["openapi"].startswith("3.")
    kept, gateway.token = gateway.token, "cst_wrong"
    try:
        status, problem = gateway.call("GET", "/communities")
    finally:
        gateway.token = kept
    assert (status, problem["code"]) == (401, "api.not-authenticated")


def test_the_public_listener_serves_neither_console_nor_api(gateway: Served) -> None:
    for path in ("/api/v1/openapi.json", "/sign-in", "/"):
        with urllib.request.urlopen(f"http://{gateway.public}{path}", timeout=PATIENCE_SECONDS) as answer:
            assert answer.read() == b"This is an AS2 address. Partners send their messages here by POST.\r\n"


def test_a_second_process_on_the_same_directory_is_refused(gateway: Served) -> None:
    refused(gateway.data_dir, "gateway.already-served", "another gateway process serves")
    assert gateway.command("community", "list"), "and the first one goes on"


# starts that cannot be


def refused(data_dir: Path, code: str, sentence: str, **settings: str) -> None:
    """One clear sentence, the right status, no traceback."""
    free = {"COUNTERSEAL_PUBLIC_PORT": "0", "COUNTERSEAL_PRIVATE_PORT": "0"}
    ended = command(data_dir, "serve", "--json", **(free | settings))
    problem = json.loads(ended.stderr)
    exits = Exit.USAGE if code == "store.unknown-database" else Exit.UNAVAILABLE
    assert (ended.returncode, problem["exit"], problem["code"]) == (exits, exits, code)
    assert sentence in problem["detail"]
    assert "\n" not in problem["detail"]
    assert "Errno" not in problem["detail"]
    assert ended.stdout == ""


@contextmanager
def taken() -> Iterator[str]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield str(other.getsockname()[1])


@pytest.mark.parametrize("which", ["public", "private"])
def test_a_taken_port_is_told(tmp_path: Path, which: str) -> None:
    with taken() as port:
        sentence = f"the {which} listener cannot have 127.0.0.1:{port}: the port is taken by another program"
        refused(tmp_path, "gateway.address-unavailable", sentence, **{f"COUNTERSEAL_{which.upper()}_PORT": port})


def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    sentence = "this machine does not have the address; choose another with --public-host"
    refused(tmp_path, "gateway.address-unavailable", sentence, COUNTERSEAL_PUBLIC_HOST="192.0.2.1")


def test_a_host_name_that_nobody_knows_is_told(tmp_path: Path) -> None:
    sentence = "the private listener cannot have nobody.invalid:0"
    refused(tmp_path, "gateway.address-unavailable", sentence, COUNTERSEAL_PRIVATE_HOST="nobody.invalid")


def test_a_data_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    refused(Path("/proc/self/data"), "cli.file", "/proc/self/data cannot be used")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "below", "cli.file", "Not a directory")


def test_a_passphrase_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    refused(tmp_path / "data", "cli.file", f"{path} cannot be used", COUNTERSEAL_PASSPHRASE_FILE=str(path))


def test_a_locked_vault_is_told(tmp_path: Path) -> None:
    assert command(tmp_path, "community", "list", COUNTERSEAL_PASSPHRASE="right").returncode == 0
    refused(tmp_path, "vault.locked", "opened by a passphrase, and none was given")
    refused(tmp_path, "vault.locked", "the passphrase is wrong", COUNTERSEAL_PASSPHRASE="wrong")


def test_a_database_of_a_newer_version_is_told_and_left_alone(tmp_path: Path) -> None:
    assert command(tmp_path, "community", "list").returncode == 0
    with sqlite3.connect(tmp_path / "counterseal.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    refused(tmp_path, "store.unavailable", "the database has the tables of version 9999")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "counterseal.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 100)
    refused(tmp_path, "store.unavailable", "not a database")


def test_a_database_address_that_nobody_understands_is_told(tmp_path: Path) -> None:
    refused(tmp_path, "store.unknown-database", "expected sqlite", COUNTERSEAL_DATABASE_URL="mysql://x/y")


def test_a_long_data_directory_serves_without_its_wake_socket(tmp_path: Path) -> None:
    with served(tmp_path / ("x" * 100)) as gateway:
        gateway.apply()
        assert gateway.call("GET", "/communities")[0] == 200
    assert "wake.unavailable" in gateway.log


# stop


def test_sigterm_lets_an_upload_finish(tmp_path: Path) -> None:
    content = b"UNB+UNOC:3'" * 200_000
    with served(tmp_path) as gateway:
        gateway.apply()
        upload = SlowUpload(gateway, content)
        until(lambda: any((gateway.data_dir / "payloads").rglob("*")))
        gateway.terminate()
        until(lambda: not accepts(gateway.private))
        status, made = upload.finish()
        assert (status, made["size"]) == (202, len(content))
        assert gateway.end() == 0
    shown = json.loads(command(gateway.data_dir, "document", "show", made["id"], "--json").stdout)
    assert shown["document"]["digest"] == made["digest"]


def test_sigterm_waits_for_the_answer_of_a_partner(tmp_path: Path) -> None:
    partner = SlowPartner()
    with partner.listening() as port, served(tmp_path) as gateway:
        gateway.apply(port)
        made = gateway.command("document", "send", "-", "--agreement", "BRAVO", standard_input="UNA:+.? '")
        assert partner.asked.wait(PATIENCE_SECONDS)
        gateway.terminate()
        until(lambda: not accepts(gateway.private))
        assert gateway.process.poll() is None, "it waits"
        partner.answer.set()
        assert gateway.end() == 0
    story = json.loads(command(gateway.data_dir, "document", "show", made["id"], "--json").stdout)
    assert [t["status"] for t in story["transfers"]] == ["500"], "the answer was not lost"


def accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
