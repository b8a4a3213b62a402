"""One of the two gateways: a ``counterseal serve`` of its own, used by its command line, its API and its console."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from counterseal_sim.demo.narration import StepFailed, wait_for

STOP_SECONDS: Final = 15
_COMMAND: Final = (sys.executable, "-m", "counterseal")
_SAID: Final = ("public listener", "private listener", "oftp2 listener", "first administrator")
_LINE: Final = re.compile(rf"^({'|'.join(_SAID)}):? ([a-z]+://\S+)$")


@dataclass(slots=True, kw_only=True)
class Gateway:
    """``start`` before everything else, ``stop`` in every case."""

    name: str
    slug: str
    identity: str
    data_dir: Path
    public_port: int
    private_port: int
    oftp2_port: int
    addresses: dict[str, str] = field(default_factory=dict)
    """What the server said on standard output: where it listens, and the first administrator's link."""
    _server: "subprocess.Popen[str] | None" = None
    _token: str = ""

    # the process

    def start(self) -> None:
        """Starts the process; ``wait_until_up`` says when it listens."""
        ports = ["--public-port", str(self.public_port), "--private-port", str(self.private_port)]
        ports += ["--oftp2-host", "127.0.0.1", "--oftp2-tls-port", str(self.oftp2_port)]
        with self.log.open("a", encoding="utf-8") as log:
            self._server = subprocess.Popen(  # noqa: S603  our own program, a list of arguments, no shell
                [*_COMMAND, "serve", "--data-dir", str(self.data_dir), "--public-host", "127.0.0.1", *ports],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
            )
        threading.Thread(target=self._listen, args=(self._server,), daemon=True).start()

    def wait_until_up(self) -> None:
        """Raises ``StepFailed`` when it does not come up."""
        wait_for(f"{self.name} starts", self._is_up, within=60)

    def _listen(self, server: "subprocess.Popen[str]") -> None:
        for line in server.stdout or ():
            found = _LINE.match(line.strip())
            if found:
                self.addresses[found[1]] = found[2]

    def _is_up(self) -> bool | None:
        if self._server is not None and self._server.poll() is not None:
            raise StepFailed(f"{self.name} ended with status {self._server.returncode}")
        return True if len(self.addresses) == len(_SAID) else None

    @property
    def log(self) -> Path:
        """What the server writes on standard error."""
        return self.data_dir.parent / f"{self.slug}.log"

    @property
    def pid(self) -> int:
        return self._server.pid if self._server is not None else 0

    @property
    def runs(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def stop(self) -> None:
        """Ends this process and no other: asked first, by force when it does not listen."""
        server = self._server
        if server is None:
            return
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    # the command line

    def run(self, *arguments: str) -> str:
        """Standard output of one command on this gateway's data directory. Raises ``StepFailed`` when it fails."""
        done = subprocess.run(  # noqa: S603  our own program, a list of arguments, no shell
            [*_COMMAND, *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            timeout=60,
        )
        if done.returncode:
            raise StepFailed(f"counterseal {' '.join(arguments)} at {self.name}: {done.stderr.strip()}")
        return done.stdout

    def run_json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    # the API

    def get(self, path: str, **query: str) -> Any:
        """What ``GET /api/v1`` + ``path`` answers. Raises ``StepFailed`` for a problem document."""
        return self._ask("GET", path, query, None)

    def post(self, path: str, body: bytes, **query: str) -> Any:
        """What ``POST /api/v1`` + ``path`` answers. Raises ``StepFailed`` for a problem document."""
        return self._ask("POST", path, query, body)

    def _ask(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Any:
        if not self._token:
            scopes = ("--scope", "view", "--scope", "documents")
            self._token = str(self.run_json("token", "create", "demo", *scopes)["secret"])
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/octet-stream"}
        address = f"/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        connection = http.client.HTTPConnection("127.0.0.1", self.private_port, timeout=30)
        try:
            connection.request(method, address, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise StepFailed(f"{method} {address} at {self.name}: {error}") from error
        finally:
            connection.close()
        if answer.status not in (200, 202):
            raise StepFailed(f"{method} {address} at {self.name}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def story(self, document_id: str) -> "Story":
        """A document with everything that happened to it."""
        found = self.get(f"/documents/{document_id}")
        return Story(document=found["document"], messages=found["messages"], transfers=found["transfers"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The API's record of one document."""

    document: Mapping[str, Any]
    messages: list[dict[str, Any]]
    transfers: list[dict[str, Any]]

    @property
    def message(self) -> dict[str, Any]:
        """The AS2 message. Raises ``StepFailed`` while there is none."""
        return self.only("as2")

    @property
    def receipt(self) -> dict[str, Any]:
        """Its MDN. Raises ``StepFailed`` while there is none."""
        return self.only("mdn")

    def only(self, kind: str) -> dict[str, Any]:
        """The one message of this kind. Raises ``StepFailed``."""
        found = [m for m in self.messages if m["kind"] == kind]
        if len(found) != 1:
            raise StepFailed(f"document {self.document['id']} should have one {kind} message, it has {len(found)}")
        return found[0]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on at this moment."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in taken]
    for s in taken:
        s.close()
    return ports


def _environment() -> dict[str, str]:
    """Without settings of another gateway: this one has its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSEAL_")}
