"""The command line: every command runs, says what it did in words and in JSON, and ends with the right status."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from counterseal.engine import people, tokens
from counterseal.surfaces.cli.exit_codes import Exit
from counterseal.surfaces.cli.output import plain
from counterseal.surfaces.cli.wake import WakeClient
from tests.configurations import FULL, OURS, SMALL, THEIRS, write_files
from tests.surfaces.cli.terminal import Terminal

# what all have


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (["community", "list"], '"slug": "alpha"'),
        (["community", "show", "alpha"], '"cem_mode": "renewals"'),
        (["station", "list"], '"identity": "ALPHA"'),
        (["station", "show", "ALPHA"], '"url": "http://127.0.0.1:4080/as2"'),
        (["partner", "list"], '"slug": "bravo"'),
        (["partner", "show", "bravo"], '"name": "Bravo Bows"'),
        (["agreement", "list"], '"partner_identity": "BRAVO"'),
        (["agreement", "list", "--partner", "bravo"], '"partner_identity": "BRAVO"'),
        (["agreement", "show", "BRAVO"], '"receipt_timeout": "2h"'),
        (["certificate", "list"], OURS.certificate.fingerprint),
        (["certificate", "list", "--side", "theirs"], THEIRS.certificate.fingerprint),
        (["certificate", "show", "alpha-2026"], OURS.certificate.fingerprint),
        (["certificate", "show", OURS.certificate.fingerprint[:8]], '"label": "alpha-2026"'),
        (["trust-request", "list"], "[]"),
        (["root", "list"], "[]"),
        (["received", "list"], "[]"),
        (["document", "list"], "[]"),
        (["user", "list"], "[]"),
        (["token", "list"], "[]"),
        (["audit", "list"], '"event": "certificate.assigned"'),
        (["audit", "verify"], '"entries"'),
        (["export"], '"partner_identity": "BRAVO"'),
    ],
)
def test_a_reading_command_answers_in_words_and_in_json(full: Terminal, arguments: list[str], holds: str) -> None:
    answer = full(*arguments, "--json")
    assert (answer.status, answer.err) == (0, "")
    assert holds in json.dumps(answer.json(), indent=2)
    spoken = full(*arguments)
    assert (spoken.status, spoken.err) == (0, "")
    assert spoken.out.strip()
    assert full("--json", *arguments).out == answer.out, "the option may stand before the command as well"


@pytest.mark.parametrize(
    "arguments",
    [
        ["community", "show", "x"],
        ["station", "show", "x"],
        ["station", "list", "--community", "x"],
        ["partner", "show", "x"],
        ["agreement", "show", "x"],
        ["agreement", "list", "--partner", "x"],
        ["certificate", "show", "x"],
        ["trust-request", "show", "7"],
        ["trust-request", "show", "x"],
        ["received", "show", "x"],
        ["received", "undo", "x"],
        ["root", "remove", "x"],
        ["document", "show", "x"],
        ["document", "payload", "x"],
        ["document", "resend", "x"],
        ["document", "cancel", "x"],
        ["user", "sign-in-link", "x"],
        ["user", "password-link", "x"],
        ["user", "disable", "x"],
        ["user", "enable", "x"],
        ["token", "revoke", "x"],
        ["export", "--community", "x"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_not_found(full: Terminal, arguments: list[str]) -> None:
    answer = full(*arguments, "--json")
    assert (answer.status, answer.out) == (Exit.NOT_FOUND, "")
    problem = json.loads(answer.err)
    assert (problem["code"], problem["exit"]) == ("store.not-found", 4)
    spoken = full(*arguments)
    assert spoken.err.startswith("counterseal: ")
    assert "Traceback" not in spoken.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["user", "add"],
        ["user", "add", "mara", "--role", "king"],
        ["token", "create", "ci", "--scope", "everything"],
        ["document", "list", "--limit", "0"],
        ["document", "list", "--limit", "501"],
        ["document", "list", "--state", "asleep"],
        ["audit", "export", "--after", "-1"],
        ["apply"],
        ["community", "list", "--nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_a_usage_error(terminal: Terminal, arguments: list[str]) -> None:
    answer = terminal(*arguments)
    assert (answer.status, answer.out) == (Exit.USAGE, "")
    assert answer.err


def test_a_setting_that_cannot_be_is_a_usage_error(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSEAL_PUBLIC_PORT", "eighty")
    answer = terminal("community", "list")
    assert answer.status == Exit.USAGE
    assert "public_port" in answer.err


def test_the_data_directory_may_be_named_at_the_command(terminal: Terminal, tmp_path: Path) -> None:
    terminal("user", "add", "mara", "--role", "administrator", "--data-dir", str(tmp_path / "other"))
    assert terminal("user", "list", "--json").json() == []
    assert len(terminal("user", "list", "--json", "--data-dir", str(tmp_path / "other")).json()) == 1


def test_a_data_directory_that_cannot_be_is_unavailable(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = terminal("community", "list", "--data-dir", str(tmp_path / "file" / "below"))
    assert answer.status == Exit.UNAVAILABLE


def test_a_vault_with_another_passphrase_is_unavailable(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal("community", "list").status == 0
    monkeypatch.setenv("COUNTERSEAL_PASSPHRASE", "another one")
    answer = terminal("community", "list", "--json")
    assert answer.status == Exit.UNAVAILABLE
    assert json.loads(answer.err)["code"] == "vault.locked"


# apply and export


def test_applying_tells_each_change_and_then_none(terminal: Terminal, tmp_path: Path) -> None:
    write_files(tmp_path)
    file = tmp_path / "full.yaml"
    file.write_text(FULL, encoding="utf-8")
    dry = terminal("apply", str(file), "--dry-run", "--json").json()
    assert dry["applied"] is False
    assert terminal("community", "list", "--json").json() == []
    done = terminal("apply", str(file), "--json").json()
    assert done["applied"] is True
    assert [c["name"] for c in done["changes"]] == [c["name"] for c in dry["changes"]]
    assert terminal("apply", str(file)).out == "nothing to change\n"


def test_an_export_applies_to_no_change(full: Terminal) -> None:
    exported = full("export").out.encode()
    assert full("apply", "-", standard_input=exported).out == "nothing to change\n"
    as_json = full("export", "--json").out.encode()
    assert full("apply", "-", standard_input=as_json).out == "nothing to change\n"


def test_every_error_of_a_file_is_told_with_its_line(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(SMALL.replace("slug: alpha", "slug: Al Pha").replace("station: ALPHA", "staton: ALPHA"))
    answer = terminal("apply", str(file))
    assert answer.status == Exit.REFUSED
    assert "counterseal: line 3, communities[0].slug: expected a short name" in answer.err
    assert "expected 'station' perhaps, got the unknown field 'staton'" in answer.err
    problem = json.loads(terminal("apply", str(file), "--json").err)
    assert [e["line"] for e in problem["errors"]] == sorted(e["line"] for e in problem["errors"])
    assert terminal("community", "list", "--json").json() == []


def test_a_file_that_is_not_there_is_unavailable(terminal: Terminal, tmp_path: Path) -> None:
    answer = terminal("apply", str(tmp_path / "nothing.yaml"))
    assert answer.status == Exit.UNAVAILABLE
    assert "nothing.yaml" in answer.err


def test_a_name_with_control_characters_cannot_move_the_cursor(full: Terminal) -> None:
    with full.ports().store.write() as writer:
        from dataclasses import replace

        community = writer.find_community("alpha")
        assert community is not None
        partner = writer.find_partner(community.id, "bravo")
        assert partner is not None
        writer.put(replace(partner, name="Bravo \x1b[2J[bold red]Bows"))
    full.closed += 1
    for arguments in (["partner", "list"], ["partner", "show", "bravo"]):
        out = full(*arguments).out
        assert "\x1b" not in out
        assert "[bold red]" in out, "markup in a name is text"


# people


def test_a_user_is_added_with_a_link_that_works_once(terminal: Terminal) -> None:
    added = terminal(
        "user",
        "add",
        "mara",
        "--role",
        "administrator",
        "--full-name",
        "Mara Muster",
        "--email",
        "m@a.example",
        "--json",
    ).json()
    assert added["user"]["role"] == "administrator"
    assert added["link"]["url"] == f"http://127.0.0.1:4081/once/{added['link']['secret']}"
    ports = terminal.ports()
    people.set_password_by_link(ports, added["link"]["secret"], password="a long enough password")
    with pytest.raises(people.LinkRefused):
        people.set_password_by_link(ports, added["link"]["secret"], password="a long enough password")
    ports.store.close()  # type: ignore[attr-defined]
    terminal.closed += 1
    assert "http://127.0.0.1:4081/once/" in terminal("user", "sign-in-link", "mara").out
    assert terminal("user", "add", "mara", "--role", "viewer").status == Exit.CONFLICT
    assert terminal("user", "disable", "mara").status == Exit.REFUSED, "the last administrator stays"
    terminal("user", "add", "max", "--role", "administrator")
    assert terminal("user", "disable", "mara", "--json").json()["enabled"] is False
    assert terminal("user", "enable", "mara", "--json").json()["enabled"] is True
    assert terminal("user", "first-link").status == Exit.CONFLICT


def test_the_first_link_creates_the_administrator(terminal: Terminal) -> None:
    secret = terminal("user", "first-link", "--json").json()["secret"]
    ports = terminal.ports()
    people.redeem_first_administrator(
        ports, secret, name="mara", full_name="", email="", password="a long enough password"
    )
    ports.store.close()  # type: ignore[attr-defined]
    terminal.closed += 1
    assert terminal("user", "list", "--json").json()[0]["name"] == "mara"


def test_a_token_is_shown_once_and_revoked(terminal: Terminal) -> None:
    secret = terminal("token", "create", "ci", "--scope", "view", "--scope", "documents").out.strip()
    made = terminal("token", "list", "--json").json()
    assert made[0]["scopes"] == ["documents", "view"]
    assert secret not in json.dumps(made)
    ports = terminal.ports()
    assert tokens.actor_of_token(ports, secret) is not None
    assert terminal("token", "create", "ci", "--scope", "view").status == Exit.CONFLICT
    assert terminal("token", "revoke", "ci", "--json").json()["revoked_at"]
    assert tokens.actor_of_token(ports, secret) is None
    ports.store.close()  # type: ignore[attr-defined]
    terminal.closed += 1


@pytest.mark.parametrize("expires", ["yesterday", "2020-01-01"])
def test_a_token_that_cannot_live_is_refused(terminal: Terminal, expires: str) -> None:
    assert terminal("token", "create", "ci", "--scope", "view", "--expires", expires).status == Exit.REFUSED


def test_commands_act_as_the_unix_user(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "edi")
    terminal("user", "add", "mara", "--role", "viewer")
    assert terminal("audit", "list", "--json").json()[0]["actor"] == "local:edi"


# documents


def test_a_document_is_sent_shown_written_out_and_cancelled(full: Terminal, tmp_path: Path) -> None:
    payload = bytes(range(256)) * 2000
    (tmp_path / "orders.edi").write_bytes(payload)
    made = full("document", "send", str(tmp_path / "orders.edi"), "--agreement", "BRAVO", "--json").json()
    assert (made["file_name"], made["size"], made["state"]) == ("orders.edi", len(payload), "queued")
    assert full("document", "show", made["id"], "--json").json()["document"] == made
    assert made["id"] in full("document", "list").out
    target = tmp_path / "out.edi"
    assert full("document", "payload", made["id"], "--output", str(target)).status == 0
    assert target.read_bytes() == payload
    again = full("document", "payload", made["id"], "--output", str(target))
    assert again.status == Exit.UNAVAILABLE, "a file that is there is not written over"
    assert full("document", "cancel", made["id"], "--json").json()["state"] == "cancelled"
    assert full("document", "resend", made["id"]).status == Exit.CONFLICT


def test_a_document_comes_from_standard_input_under_a_given_name(full: Terminal) -> None:
    made = full(
        "document", "send", "-", "--agreement", "BRAVO", "--file-name", "x.edi", "--json", standard_input=b"UNA"
    ).json()
    assert (made["file_name"], made["size"]) == ("x.edi", 3)
    assert full("document", "payload", made["id"]).out == "UNA"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["nothing.edi", "--agreement", "BRAVO"], Exit.UNAVAILABLE),
        ([".", "--agreement", "BRAVO"], Exit.UNAVAILABLE),
        (["-", "--agreement", "OMEGA"], Exit.NOT_FOUND),
        (["-", "--agreement", "BRAVO"], Exit.REFUSED),
    ],
)
def test_a_document_that_cannot_be_sent_is_refused(full: Terminal, arguments: list[str], status: Exit) -> None:
    assert full("document", "send", *arguments).status == status
    assert full("document", "list", "--json").json() == []
    assert full.blobs.kept == {}


# audit


def test_a_changed_trail_is_found(full: Terminal) -> None:
    assert "unbroken" in full("audit", "verify").out
    lines = full("audit", "export").out.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(full("audit", "export", "--after", "3").out.splitlines()) == len(lines) - 3
    from sqlalchemy import create_engine, text

    engine = create_engine(f"sqlite:///{full.folder.absolute() / 'counterseal.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit SET actor = 'local:eve' WHERE sequence = 2"))
    engine.dispose()
    answer = full("audit", "verify", "--json")
    assert answer.status == Exit.CHAIN_BROKEN
    assert json.loads(answer.err)["detail"].startswith("entry 2 ")


# serving and waking


def test_serve_takes_its_settings_from_options(terminal: Terminal, tmp_path: Path) -> None:
    terminal("serve", "--public-port", "0", "--private-host", "127.0.0.2", "--data-dir", str(tmp_path / "x"))
    settings = terminal.served[0]
    assert (settings.public_port, settings.private_host, settings.data_dir) == (0, "127.0.0.2", tmp_path / "x")
    assert terminal("serve", "--public-port", "70000").status == Exit.USAGE


def test_a_change_wakes_the_server_through_its_socket(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    terminal.folder.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(terminal.folder / "wake.sock"))
        server.settimeout(2)
        terminal("apply", str(tmp_path / "small.yaml"))
        assert server.recv(16)
        terminal("apply", str(tmp_path / "small.yaml"))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(16)


def test_waking_nobody_is_no_trouble(tmp_path: Path) -> None:
    WakeClient(tmp_path / "nothing.sock")()
    (tmp_path / "file.sock").write_text("")
    WakeClient(tmp_path / "file.sock")()
    WakeClient(tmp_path / ("x" * 200))()


# start-up


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from counterseal.surfaces.cli.program import build_command; build_command();"
        "print(sorted({'pydantic', 'sqlalchemy', 'cryptography', 'fastapi', 'yaml', 'aiohttp'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_records_become_plain_json() -> None:
    assert plain({"a": frozenset({1}), "b": (None, True)}) == {"a": [1], "b": [None, True]}
