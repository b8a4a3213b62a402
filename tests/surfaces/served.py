"""A gateway process of its own, for tests of what only a process shows: start, stop, real HTTP, two programs on one directory."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

PATIENCE_SECONDS: Final = 60
"""What the slowest machine may take; nobody waits for it to pass."""

CONFIGURATION: Final = """\
version: 1
communities:
  - slug: alpha
    name: Alpha Arrows
    stations:
      - {{protocol: as2, identity: ALPHA, name: Alpha AS2}}
    partners:
      - slug: bravo
        name: Bravo Bows
        agreements:
          - station: ALPHA
            partner_identity: BRAVO
            as2: {{url: "http://127.0.0.1:{port}/as2", sign: false, encrypt: false}}
"""


@dataclass
class Served:
    """A running gateway, what it has printed, and how to talk to it."""

    process: "subprocess.Popen[str]"
    data_dir: Path
    log_path: Path
    printed: list[str] = field(default_factory=list)
    token: str = ""

    @property
    def public(self) -> str:
        return self.printed[0].rpartition("http://")[2]

    @property
    def private(self) -> str:
        return self.printed[1].rpartition("http://")[2]

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8")

    def command(self, *words: str, standard_input: str = "") -> Any:
        """What the command line answers in JSON, in a process of its own."""
        done = command(self.data_dir, *words, "--json", standard_input=standard_input)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of one operation of the API."""
        asked = urllib.request.Request(f"http://{self.private}/api/v1{path}", method=method, data=body)
        asked.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            asked.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def apply(self, port: int = 9) -> None:
        """The configuration above, and a token that may do everything."""
        self.command("apply", "-", standard_input=CONFIGURATION.format(port=port))
        scopes = [word for s in ("view", "documents", "certificates", "configure", "people") for word in ("--scope", s)]
        self.token = self.command("token", "create", "tests", *scopes)["secret"]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """Exit status; everything that it printed is in ``printed`` then."""
        status = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.printed += self.process.stdout.read().splitlines()
        return status


def command(
    data_dir: Path, *words: str, standard_input: str = "", **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Runs ``counterseal`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "counterseal", "--data-dir", str(data_dir), *words],
        capture_output=True,
        text=True,
        input=standard_input,
        timeout=PATIENCE_SECONDS,
        check=False,
        env=os.environ | {"COUNTERSEAL_PUBLIC_HOST": "127.0.0.1"} | settings,
    )


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """On two free ports; ended with SIGTERM where the test did not end it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("a", encoding="utf-8") as log:
        made = _begun(folder, log)
        giving_up = threading.Timer(PATIENCE_SECONDS, made.process.kill)
        giving_up.start()
        try:
            assert made.process.stdout is not None
            made.printed += [made.process.stdout.readline().strip() for _ in ("public", "private")]
            giving_up.cancel()
            assert made.printed[1], made.log
            yield made
        finally:
            giving_up.cancel()
            if made.process.poll() is None:
                made.terminate()
                made.end()
            if made.process.stdout is not None:
                made.process.stdout.close()


def _begun(folder: Path, log: IO[str]) -> Served:
    process = subprocess.Popen(
        [sys.executable, "-m", "counterseal", "serve", "--data-dir", str(folder / "data"), "--log-format", "json"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ
        | dict.fromkeys(("COUNTERSEAL_PUBLIC_PORT", "COUNTERSEAL_PRIVATE_PORT"), "0")
        | {"COUNTERSEAL_PUBLIC_HOST": "127.0.0.1"},
    )
    return Served(process=process, data_dir=folder / "data", log_path=folder / "log")


class SlowPartner:
    """An AS2 address that takes a message and answers 500 only when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answer = threading.Event()

    @contextmanager
    def listening(self) -> Iterator[int]:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        partner = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                partner.asked.set()
                partner.answer.wait(PATIENCE_SECONDS)
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Tests look at the gateway's log, not at this one."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            serving.start()
            try:
                yield server.server_address[1]
            finally:
                self.answer.set()
                server.shutdown()
                serving.join()


class SlowUpload:
    """An API upload of which the first half has left."""

    def __init__(self, gateway: Served, content: bytes) -> None:
        self._rest = content[len(content) // 2 :]
        self._connection = http.client.HTTPConnection(gateway.private, timeout=PATIENCE_SECONDS)
        self._connection.putrequest("POST", "/api/v1/documents?agreement=BRAVO&file_name=orders.edi")
        self._connection.putheader("Authorization", f"Bearer {gateway.token}")
        self._connection.putheader("Content-Type", "application/edifact")
        self._connection.putheader("Content-Length", str(len(content)))
        self._connection.endheaders(content[: len(content) // 2])

    def finish(self) -> tuple[int, Any]:
        self._connection.send(self._rest)
        answer = self._connection.getresponse()
        try:
            return answer.status, json.loads(answer.read())
        finally:
            self._connection.close()
