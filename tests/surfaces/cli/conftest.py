"""A terminal on a data directory of its own, empty or with everything of the full configuration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from counterseal.engine import passwords
from tests.configurations import FULL, PASSWORD, write_files
from tests.surfaces.cli.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setenv("COUNTERSEAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ALPHA_P12", PASSWORD)
    monkeypatch.setenv("BRAVO_BASIC", "let me in")
    made = Terminal(folder=tmp_path / "data", monkeypatch=monkeypatch)
    yield made
    assert made.closed == made.opened, "every command closes what it opened"


@pytest.fixture
def full(terminal: Terminal, tmp_path: Path) -> Terminal:
    """With everything of the full configuration."""
    write_files(tmp_path)
    (tmp_path / "full.yaml").write_text(FULL, encoding="utf-8")
    assert terminal("apply", str(tmp_path / "full.yaml")).status == 0
    return terminal
