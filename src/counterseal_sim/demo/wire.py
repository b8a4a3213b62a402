"""The wire between the two gateways: a relay on loopback that notes what passes and can hold a message back.

It changes no octet. It stands where a network stands, so that the demo can say what an eavesdropper would see, and so that a message
can really be late: taken from the sender before the change of certificates, given to the receiver after it.
"""

import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})
"""Of one connection, not of the message (RFC 9110 7.6.1)."""
TIMEOUT_SECONDS: Final = 120
HELD_SECONDS: Final = 240
"""Below the five minutes that a gateway waits for a receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One request and its answer, as they were on the wire."""

    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes

    @property
    def message_id(self) -> str:
        return self.headers.get("message-id", "").strip("<>")


@dataclass(slots=True)
class _Hold:
    subject: str
    taken: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Wire:
    """From one gateway to the other."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._lock = threading.Lock()
        self._passed: list[Passed] = []
        self._hold: _Hold | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._relaying())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/as2"

    def hold_back(self, subject: str) -> None:
        """The next message with this subject stays here until ``let_go``."""
        self._hold = _Hold(subject)

    def holds(self) -> bool:
        """Whether the message has left its sender and waits here."""
        return self._hold is not None and self._hold.taken.is_set() and not self._hold.released.is_set()

    def let_go(self) -> None:
        if self._hold is not None:
            self._hold.released.set()

    def find(self, message_id: str) -> Passed | None:
        """What passed with this Message-ID."""
        with self._lock:
            return next((p for p in self._passed if p.message_id == message_id), None)

    def close(self) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def pass_on(self, path: str, headers: Mapping[str, str], body: bytes) -> Passed:
        """Delivers the message. Raises ``OSError`` when nobody answers."""
        hold = self._hold
        if hold is not None and headers.get("subject") == hold.subject:
            hold.taken.set()
            hold.released.wait(HELD_SECONDS)
        connection = http.client.HTTPConnection("127.0.0.1", self._target, timeout=TIMEOUT_SECONDS)
        try:
            kept = {name: value for name, value in headers.items() if name not in _HOP}
            connection.request("POST", path, body=body, headers=kept)
            answer = connection.getresponse()
            passed = Passed(
                headers=headers,
                body=body,
                status=answer.status,
                answer_headers={name.lower(): value for name, value in answer.getheaders()},
                answer=answer.read(),
            )
        finally:
            connection.close()
        with self._lock:
            self._passed.append(passed)
        return passed

    def _relaying(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Relay(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    passed = wire.pass_on(self.path, headers, body)
                except (OSError, http.client.HTTPException):
                    self.send_error(502)
                    return
                self.send_response_only(passed.status)
                for name, value in passed.answer_headers.items():
                    if name not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(passed.answer)))
                self.end_headers()
                self.wfile.write(passed.answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
                """Nothing: the demo tells what passed."""

        return Relay
