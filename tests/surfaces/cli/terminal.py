"""A terminal for tests: command lines run in this process, on a data directory of their own."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from counterseal.adapters.storage import SQLStore
from counterseal.adapters.vault import FileVault
from counterseal.engine.ports import Ports
from counterseal.settings import Settings
from counterseal.surfaces.cli import Composition, run
from tests.gateway import CountingEntropy, MemoryBlobs, StandingClock, a_gateway


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """``terminal("user", "list")`` runs ``counterseal user list``."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    clock: StandingClock = field(default_factory=StandingClock)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    entropy: CountingEntropy = field(default_factory=CountingEntropy)
    served: list[Settings] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def __call__(self, *arguments: str, standard_input: bytes = b"") -> Ran:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        given = io.TextIOWrapper(io.BytesIO(standard_input), "utf-8")
        self.monkeypatch.setattr(sys, "stdin", given)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(
                Composition(open_ports=self._open, close_ports=self._close, serve=self.served.append), arguments
            )
        return Ran(status, _text(out), _text(err))

    def ports(self) -> Ports:
        """The ports of the data directory, to look at what a command did."""
        return self._open(Settings(data_dir=self.folder))

    def _open(self, settings: Settings) -> Ports:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        vault = FileVault.open(settings.data_dir, settings.vault_passphrase())
        made = a_gateway(settings.data_dir, vault)
        opened = replace(
            made, store=SQLStore(settings.store_url), clock=self.clock, blobs=self.blobs, entropy=self.entropy
        )
        self.opened += 1
        return opened

    def _close(self, ports: Ports) -> None:
        self.closed += 1
        ports.store.close()  # type: ignore[attr-defined]


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
