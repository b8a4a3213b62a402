"""The simulated partner on a socket: answers in threads, posts what follows."""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from counterseal_sim.partner import Partner
from counterseal_sim.wire import Outgoing, Reply, Wire

TIMEOUT_SECONDS: Final = 30.0


def post(url: str, wire: Wire) -> Reply:
    """Posts one message and gives the answer. Raises ``OSError`` where there is none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", parts.path or "/", body=wire.body, headers=dict(wire.headers))
        answer = connection.getresponse()
        return Reply(status=answer.status, headers=tuple(answer.getheaders()), body=answer.read())
    finally:
        connection.close()


class PartnerServer:
    """Serves one partner on a loopback port until the context ends; its party's URL becomes this server's."""

    def __init__(self, partner: Partner, *, port: int = 0) -> None:
        self.partner = partner
        self.posted: list[Reply] = []
        """What the gateway answered to what the partner posted by itself."""
        self._posting: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/as2"
        partner.party = replace(partner.party, url=self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for thread in self._posting:
            thread.join(TIMEOUT_SECONDS)

    def post(self, wire: Wire) -> Reply:
        """Sends a message of its own to the gateway."""
        return post(self.partner.gateway.url, wire)

    def answer(self, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        reply = self.partner.hear(headers, body)
        self._post_all(reply.before)
        time.sleep(self.partner.dials.slow.total_seconds())
        if reply.then:
            thread = threading.Thread(target=self._post_all, args=(reply.then,), daemon=True)
            self._posting.append(thread)
            thread.start()
        return reply

    def _post_all(self, outgoing: Sequence[Outgoing]) -> None:
        for one in outgoing:
            time.sleep(one.after.total_seconds())
            try:
                self.posted.append(post(one.url, one.wire))
            except OSError as error:
                self.posted.append(Reply(status=0, headers=(), body=str(error).encode()))


def _handler(server: PartnerServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = server.answer(tuple(self.headers.items()), body)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library names it
            """Says nothing."""

    return Handler
