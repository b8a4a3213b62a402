"""A served gateway with one agreement for each form, its database opened beside it, and what may happen on the way to a peer."""

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from counterseal import app
from counterseal.domain.document import Direction, Document, DocumentState, Message
from counterseal.engine import documents
from counterseal.engine.ports import Ports, Window
from counterseal.settings import Settings
from tests.builders import Minted, mint, rsa_key
from tests.configurations import key_file
from tests.gateway import ADMINISTRATOR
from tests.journeys.nursery import eventually, free_port, listens
from tests.peers.forms import Form

NAME = "COUNTERSEAL"
COMMAND = str(Path(sys.executable).with_name("counterseal"))
STILL_MOVING = frozenset({DocumentState.QUEUED, DocumentState.SENDING, DocumentState.SENT})


def a_minted(common_name: str, number: int) -> Minted:
    """Signs and encrypts; valid now."""
    return mint(common_name, key=rsa_key(number), now=datetime.now(UTC))


@dataclass
class Gateway:
    """Ours. ``start`` writes the configuration, applies it and serves."""

    folder: Path
    peer: str
    peer_url: str
    forms: tuple[Form, ...]
    theirs: Minted
    terms: dict[str, dict[str, Any]]
    """By name of a form."""
    ours: Minted = field(default_factory=lambda: a_minted(NAME, 0))
    port: int = field(default_factory=free_port)
    between: dict[str, "Between"] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    ports: Ports | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/as2"

    @property
    def opened(self) -> Ports:
        assert self.ports is not None
        return self.ports

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url_for(self, form: Form) -> str:
        """Where the peer sends this form."""
        return self._through(self.url, form) if form.between == "twice" else self.url

    def _through(self, url: str, form: Form) -> str:
        between = Between(url, form.between)
        self.between[form.name] = between
        return between.url

    def start(self) -> None:
        (self.folder / "own.p12").write_bytes(key_file(self.ours, "x"))
        (self.folder / "configuration.yaml").write_text(yaml.safe_dump(self._configuration()), encoding="utf-8")
        options = ["--data-dir", str(self.data)]
        applying = [COMMAND, *options, "apply", str(self.folder / "configuration.yaml")]
        subprocess.run(applying, check=True, capture_output=True, text=True)
        serving = [COMMAND, *options, "serve", "--public-host", "127.0.0.1", "--public-port", str(self.port)]
        with (self.folder / "gateway.log").open("w") as log:
            self.process = subprocess.Popen([*serving, "--private-port", "0"], stdout=log, stderr=log)
        assert eventually(lambda: listens(self.port)), (self.folder / "gateway.log").read_text()
        self.ports = app.open_ports(Settings(data_dir=self.data))
        with self.opened.store.read() as reader:
            (community,) = reader.communities()
            self._agreements = {a.partner_identity: a.id for a in reader.agreements(community.id)}

    def stop(self) -> None:
        if self.ports is not None:
            app.close_ports(self.ports)
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(40)
        for between in self.between.values():
            between.close()

    def _configuration(self) -> dict[str, Any]:
        return {
            "version": 1,
            "communities": [
                {
                    "slug": "ours",
                    "name": NAME,
                    "contact_email": "edi@counterseal.example",
                    "certificates": [{"label": "own", "key_file": "own.p12", "password": {"value": "x"}}],
                    "stations": [
                        {"protocol": "as2", "identity": NAME, "name": NAME, "url": self.url},
                    ],
                    "partners": [
                        {
                            "slug": self.peer,
                            "name": self.peer,
                            "certificates": [{"label": "theirs", "pem": self.theirs.pem.decode()}],
                            "agreements": [self._agreement(form) for form in self.forms],
                        }
                    ],
                }
            ],
        }

    def _agreement(self, form: Form) -> dict[str, Any]:
        url = self._through(self.peer_url, form) if form.between == "lost" else self.peer_url
        return {
            "station": NAME,
            "partner_identity": form.identity(self.peer),
            "as2": {
                "url": url,
                "max_parallel": 1,
                **self.terms[form.name],
            },
            "assignments": {
                "ours": {"sign": "own", "encrypt": "own"},
                "theirs": {"sign": "theirs", "encrypt": "theirs"},
            },
        }

    # what a test does and sees

    def send(self, form: Form, content: bytes, name: str) -> str:
        agreement = self._agreements[form.identity(self.peer)]
        chunks = (content[at : at + 65536] for at in range(0, len(content), 65536))
        return documents.send(
            self.opened,
            ADMINISTRATOR,
            agreement,
            content=chunks,
            file_name=name,
            content_type="application/edifact",
            subject=None,
        ).id

    def settled(self, document_id: str) -> Document:
        assert eventually(lambda: self._document(document_id).state not in STILL_MOVING), self.story(document_id)
        return self._document(document_id)

    def _document(self, document_id: str) -> Document:
        with self.opened.store.read() as reader:
            return reader.document(document_id)  # type: ignore[arg-type]

    def messages(self, document_id: str) -> list[Message]:
        with self.opened.store.read() as reader:
            return list(reader.messages(document_id))  # type: ignore[arg-type]

    def received(self, form: Form) -> list[Document]:
        agreement = self._agreements[form.identity(self.peer)]
        with self.opened.store.read() as reader:
            found = reader.documents(community_id=None, window=Window(limit=500), direction=Direction.IN)
        return [document for document in found if document.agreement_id == agreement]

    def answers_to(self, form: Form) -> list[bytes]:
        """What we answered to what arrived twice."""
        return self.between[form.name].answers

    def content(self, document: Document) -> bytes:
        return b"" if document.payload is None else b"".join(bytes(c) for c in self.opened.blobs.read(document.payload))

    def story(self, document_id: str) -> str:
        """Everything that the record says, for a test that fails."""
        document = self._document(document_id)
        lines = [f"{document.state.value}: {document.reason}", *(f.text for f in document.findings)]
        for message in self.messages(document_id):
            lines.append(
                f"{message.kind.value} {message.wire_id} {message.layers} mic={message.mic} {message.disposition}"
            )
            lines += [f.text for f in message.findings]
            if message.body:
                lines.append(message.body[:1500].decode("utf-8", "replace"))
        with self.opened.store.read() as reader:
            lines += [f"{t.status}: {t.detail}" for t in reader.transfers(document.id)]
        return "\n".join(lines)


class Between:
    """Stands between two parties: delivers every request twice, or loses the first answer. One rule for all that passes."""

    def __init__(self, target: str, rule: str) -> None:
        self._target, self._rule = urlsplit(target), rule
        self._lost = False
        self.answers: list[bytes] = []
        between = self

        class Passing(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                between.pass_on(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{self._target.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def pass_on(self, asked: BaseHTTPRequestHandler) -> None:
        body = _body_of(asked)
        hop = {"content-length", "transfer-encoding", "connection", "expect"}
        headers = [(name, value) for name, value in asked.headers.items() if name.lower() not in hop]
        asked.close_connection = True
        status, answered, content = self._post(headers, body)
        if self._rule == "twice":
            status, answered, content = self._post(headers, body)
        elif not self._lost:
            self._lost = True
            return
        asked.send_response(status)
        for name, value in answered:
            if name.lower() not in hop:
                asked.send_header(name, value)
        asked.send_header("Content-Length", str(len(content)))
        asked.send_header("Connection", "close")
        asked.end_headers()
        asked.wfile.write(content)

    def _post(self, headers: Iterable[tuple[str, str]], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=30)
        try:
            connection.putrequest("POST", self._target.path or "/", skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            self.answers.append(answer.read())
            return answer.status, answer.getheaders(), self.answers[-1]
        finally:
            connection.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _body_of(asked: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in asked.headers.get("Transfer-Encoding", "").lower():
        return asked.rfile.read(int(asked.headers.get("Content-Length", "0")))
    body = b""
    while size := int(asked.rfile.readline().split(b";")[0], 16):
        body += asked.rfile.read(size)
        asked.rfile.readline()
    asked.rfile.readline()
    return body


def where_peers_are() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "counterseal-peers"
