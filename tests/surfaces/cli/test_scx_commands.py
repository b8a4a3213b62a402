"""SCX by the command line: the pre-flight, and certificate files sent with the CEM requests."""

from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.surfaces.cli.exit_codes import Exit
from tests.builders import NOW
from tests.configurations import FULL, write_files
from tests.surfaces.cli.terminal import Terminal

BRAVO = "O0013000002BRAVO"
LATER = (NOW + timedelta(days=10)).isoformat()


@pytest.fixture
def switched_on(terminal: Terminal, tmp_path: Path) -> Terminal:
    write_files(tmp_path)
    text = FULL.replace("active: false", "active: true").replace("file-sign: alpha-ec", "file-sign: alpha-2026")
    (tmp_path / "full.yaml").write_text(text.replace("poll_every: 15m", "scx_rule: exact"), encoding="utf-8")
    assert terminal("apply", str(tmp_path / "full.yaml")).status == 0
    words = ["--common-name", "Alpha Arrows", "--label", "alpha-2027", "--bits", "2048"]
    assert terminal("certificate", "generate", *words).status == 0
    return terminal


def test_the_preflight_is_a_line_per_partner(switched_on: Terminal) -> None:
    asked = ["trust-request", "preflight", "--certificate", "alpha-2027", "--usage", "file-sign"]
    (line,) = switched_on(*asked, "--json").json()
    assert (line["partner"], line["result"], line["rules"]) == ("bravo", "will not match", ["exact"])
    shown = switched_on(*asked, "--scx", BRAVO).out
    assert "will not match" in " ".join(shown.split())
    assert switched_on(*asked, "--scx", "BRAVO").status == Exit.UNREADABLE


def test_one_command_tells_by_cem_and_by_scx(switched_on: Terminal) -> None:
    order = ["trust-request", "send", "--certificate", "alpha-2027", "--respond-by", LATER]
    usages = [word for usage in ("sign", "file-sign") for word in ("--usage", usage)]
    whom = ["--cem", "BRAVO", "--scx", BRAVO, "--scx-type", "replace"]
    made = switched_on(*order, *usages, *whom, "--json").json()
    assert [(e["channel"], e["scx_type"]) for e in made["exchanges"]] == [("cem", ""), ("scx", "replace")]
