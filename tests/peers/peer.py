"""A peer as a process: what it is told (``peer.properties``), how it is asked (lines), and what it delivered (files).

    -> send TAB form TAB path TAB file name           one document to the gateway
    <- {"status", "disposition", "signed", "mic", "error"}
    received/<number>.bin, then <number>.json {"from", "to", "name"}

The driver of a peer is small, ours, and uses the peer's public interface only.
"""

import json
import os
import select
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.builders import Minted
from tests.configurations import key_file
from tests.journeys.nursery import eventually, free_port
from tests.peers.forms import Form
from tests.peers.served import NAME, Gateway, a_minted, where_peers_are

SOFTWARE: Final = Path(__file__).parent / "software"
PASSWORD: Final = "peer"
PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a peer says of the document that it sent."""

    status: int
    disposition: str
    signed: bool
    mic: str
    """``equal``, ``different`` or ``absent``, as the peer sees it."""
    error: str


@dataclass
class Peer:
    """One product under its driver."""

    name: str
    folder: Path
    command: tuple[str, ...]
    forms: tuple[Form, ...]
    minted: Minted = field(init=False)
    port: int = field(default_factory=free_port)
    receipt_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[str] | None" = None
    has_driver: ClassVar[bool] = True
    """Whether it reads and writes the lines above; what a product without a driver says goes to the log."""

    def __post_init__(self) -> None:
        self.minted = a_minted(self.name, 1)
        self.folder.mkdir()
        self.inbox.mkdir()

    @property
    def inbox(self) -> Path:
        return self.folder / "received"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/as2"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def start(self, gateway: Gateway) -> None:
        self.write_files(gateway)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self.has_driver else log,
                stderr=log,
                text=True,
                cwd=self.folder,
                env={**os.environ, "PEER": str(self.folder)},
            )
        self.await_ready()

    def write_files(self, gateway: Gateway) -> None:
        (self.folder / "own.key.pem").write_bytes(self.minted.key_pem)
        (self.folder / "own.cert.pem").write_bytes(self.minted.pem)
        (self.folder / "own.p12").write_bytes(key_file(self.minted, PASSWORD))
        (self.folder / "gateway.cert.pem").write_bytes(gateway.ours.pem)
        said = {
            "port": str(self.port),
            "url": self.url,
            "receipt_url": f"http://127.0.0.1:{self.port}/receipts",
            "gateway": NAME,
            "password": PASSWORD,
            "forms": ",".join(form.name for form in self.forms),
        }
        for form in self.forms:
            more = {"name": form.identity(self.name), "gateway_url": gateway.url_for(form), **form.properties()}
            said |= {f"{form.name}.{key}": value for key, value in more.items()}
        lines = "".join(f"{key}={value}\n" for key, value in said.items())
        (self.folder / "peer.properties").write_text(lines, encoding="ascii")

    def await_ready(self) -> None:
        assert self._line().get("ready"), self.log.read_text()

    def _line(self) -> dict[str, Any]:
        """The next line; raises when none comes in time."""
        assert self.process is not None
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert readable, self.words()
        line = self.process.stdout.readline()
        assert line, self.words()
        said: dict[str, Any] = json.loads(line)
        return said

    def queue(self, form: Form, content: bytes, name: str) -> None:
        """Everything is queued before the first outcome is asked for; a driver sends when it is asked."""
        (self.folder / name).write_bytes(content)

    def outcome(self, form: Form, name: str) -> Told:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(f"send\t{form.name}\t{self.folder / name}\t{name}\n")
        self.process.stdin.flush()
        said = self._line()
        return Told(
            status=int(said.get("status") or 0),
            disposition=said.get("disposition") or "",
            signed=bool(said.get("signed")),
            mic=said.get("mic") or "absent",
            error=said.get("error") or "",
        )

    def delivered(self, form: Form) -> list[tuple[str, bytes]]:
        """File names and contents of the documents that it took from us in this form."""
        found = []
        for path in sorted(self.inbox.glob("*.json")):
            said = json.loads(path.read_text())
            if said["to"] == form.identity(self.name):
                found.append((said.get("name") or "", path.with_suffix(".bin").read_bytes()))
        return found

    def has(self, form: Form, content: bytes) -> bool:
        """Whether it has delivered exactly this, soon."""
        return eventually(lambda: content in [delivered for _, delivered in self.delivered(form)])

    def words(self) -> str:
        """The end of its log, for a test that fails."""
        return self.log.read_text(errors="replace")[-6000:]

    def stop(self) -> None:
        if self.process is None:
            return
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def is_installed(name: str) -> bool:
    return (where_peers_are() / name / "stamp").exists()
