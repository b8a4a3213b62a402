"""Two gateways in one process for OFTP2 journeys: real stores, payload folders, sockets on the loopback, and the command line.

``async with two_firms(tmp_path) as (alpha, bravo)``: each has a station, an agreement with the other, and one certificate for every
usage. Keywords change the terms of both, or of one (``alpha_terms``).
"""

import asyncio
import contextlib
import io
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from counterseal import app
from counterseal.adapters.storage import SQLStore
from counterseal.adapters.tcp import OFTP2Service
from counterseal.domain.document import Direction, Document, DocumentState
from counterseal.domain.oftp_session import OFTPSession
from counterseal.engine.ports import Ports, Window
from counterseal.engine.worker import Worker
from counterseal.settings import Settings
from counterseal.surfaces.cli import Composition, run
from tests.builders import Minted, mint, rsa_key
from tests.configurations import key_file

CODES = {"alpha": "O0013000001ALPHA", "bravo": "O0013000002BRAVO"}
NAMES = {"alpha": "Alpha Arrows", "bravo": "Bravo Bows"}
PASSWORDS = {"alpha": "ALPHAPW", "bravo": "BRAVOPW"}
USAGES = ("file-sign", "file-encrypt", "receipt-sign", "session-auth")
PATIENCE = 20.0
_terminal = threading.Lock()


def certificate_of(name: str, number: int) -> Minted:
    return mint(
        NAMES[name],
        now=datetime.now(UTC),
        key=rsa_key(number),
        extended_key_usage=("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"),
        dns_names=("localhost",),
        ip_addresses=("127.0.0.1",),
        expires_in=timedelta(days=90),
    )


@dataclass
class Firm:
    """One gateway. ``start`` and ``stop`` as often as a story needs."""

    name: str
    folder: Path
    minted: Minted
    tls: bool = True
    bound: socket.socket | None = None
    ports: Ports | None = None
    log: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _running: "list[asyncio.Task[Any]]" = field(default_factory=list)
    _worker: Worker | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _service: OFTP2Service | None = None

    @property
    def code(self) -> str:
        return CODES[self.name]

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.folder)

    @property
    def port(self) -> int:
        assert self.bound is not None
        return int(self.bound.getsockname()[1])

    @property
    def opened(self) -> Ports:
        assert self.ports is not None
        return self.ports

    def bind(self, port: int = 0) -> None:
        self.bound = socket.socket()
        self.bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.bound.bind(("127.0.0.1", port))

    async def start(self, **changes: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._service = OFTP2Service(log=self._note)
        opened = app.open_ports(self.settings)
        self.ports = replace(
            opened,
            wake=self._wake_soon,
            dialer=self._service.dialer,
            **changes,
        )
        self._worker = Worker(self.ports, node=f"node-{self.name}", log=self._note)
        assert self.bound is not None
        self._service.listen(self.ports, self.bound, tls=self.tls)
        self._running = [
            asyncio.create_task(self._worker.run()),
            asyncio.create_task(self._service.run(self.ports)),
        ]

    def _note(self, event: str, **fields: str) -> None:
        self.log.append((event, fields))

    def _wake_soon(self) -> None:
        """From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._worker is not None:
            self._worker.wake()

    async def stop(self, *, grace_seconds: float = 5) -> None:
        if self._service is None or self._worker is None:
            return
        port = self.port
        self._worker.stop()
        working, calling = self._running
        calling.cancel()
        await self._service.stop(grace_seconds=grace_seconds)
        await asyncio.wait([working], timeout=PATIENCE)
        with contextlib.suppress(asyncio.CancelledError):
            await calling
        self._worker = self._service = None
        assert isinstance(self.opened.store, SQLStore)
        self.opened.store.close()
        self.bind(port)

    async def cli(self, *arguments: str, status: int = 0) -> Any:
        """A command on this gateway's data directory, in JSON; wakes the worker as a real one would."""

        def go() -> tuple[int, str, str]:
            out, err = io.StringIO(), io.StringIO()
            composition = Composition(open_ports=app.open_ports, close_ports=app.close_ports, serve=lambda _: None)
            with _terminal, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                ended = run(composition, [*arguments, "--data-dir", str(self.folder), "--json"])
            return ended, out.getvalue(), err.getvalue()

        ended, out, err = await asyncio.to_thread(go)
        assert ended == status, f"{arguments}: {ended} {out} {err}"
        self._wake()
        return json.loads(out if ended == 0 else err) if (out if ended == 0 else err) else None

    # looking

    def documents(self, direction: Direction | None = None) -> list[Document]:
        with self.opened.store.read() as reader:
            return reader.documents(community_id=None, window=Window(limit=500), direction=direction)

    def document(self, document_id: str) -> Document:
        return next(d for d in self.documents() if d.id == document_id)

    def received(self) -> list[Document]:
        return self.documents(Direction.IN)

    def payload(self, document: Document) -> bytes:
        assert document.payload is not None
        return b"".join(self.opened.blobs.read(document.payload))

    def sessions(self) -> list[OFTPSession]:
        with self.opened.store.read() as reader:
            return reader.oftp_sessions(community_id=None, window=Window(limit=500))

    async def reaches(self, document_id: str, *states: DocumentState, within: float = PATIENCE) -> Document:
        await until(lambda: self.document(document_id).state in states, within=within, about=self.about)
        return self.document(document_id)

    def about(self) -> str:
        """For a story that does not go on."""
        documents = [(d.direction.value, d.state.value, d.reason, d.file_name) for d in self.documents()]
        sessions = [(s.outcome.value, s.reason, s.detail, [f.text for f in s.findings]) for s in self.sessions()]
        return f"{self.name}: {documents} {sessions} {self.log[-5:]}"


async def until(true: Callable[[], bool], *, within: float = PATIENCE, about: Callable[[], str] = str) -> None:
    deadline = asyncio.get_running_loop().time() + within
    while not true():
        assert asyncio.get_running_loop().time() < deadline, about()
        await asyncio.sleep(0.02)


def configuration(firm: Firm, other: Firm, terms: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "communities": [
            {
                "slug": firm.name,
                "name": NAMES[firm.name],
                "certificates": [
                    {"label": "own", "key_file": str(firm.folder / "own.p12"), "password": {"value": "x"}}
                ],
                "stations": [{"protocol": "oftp2", "identity": firm.code, "name": f"{NAMES[firm.name]} OFTP2"}],
                "partners": [
                    {
                        "slug": other.name,
                        "name": NAMES[other.name],
                        "certificates": [{"label": "theirs", "pem": other.minted.pem.decode()}],
                        "agreements": [
                            {
                                "station": firm.code,
                                "partner_identity": other.code,
                                "oftp2": {
                                    "host": "127.0.0.1",
                                    "port": other.port,
                                    "ssid_code": other.code,
                                    "our_password": {"value": PASSWORDS[firm.name]},
                                    "their_password": {"value": PASSWORDS[other.name]},
                                    "retries": ["1s", "1s", "1s", "1s", "1s"],
                                    **terms,
                                },
                                "assignments": {
                                    "ours": {**dict.fromkeys(USAGES, "own"), **more.get("ours", {})},
                                    "theirs": {
                                        **dict.fromkeys((*USAGES, "tls-server"), "theirs"),
                                        **more.get("theirs", {}),
                                    },
                                },
                            }
                        ],
                    }
                ],
            }
        ],
    }


async def set_up(firm: Firm, other: Firm, terms: dict[str, Any], **more: Any) -> None:
    firm.folder.mkdir(parents=True, exist_ok=True)
    (firm.folder / "own.p12").write_bytes(key_file(firm.minted, "x"))
    file = firm.folder / "configuration.yaml"
    file.write_text(yaml.safe_dump(configuration(firm, other, terms, **more)), encoding="utf-8")
    await firm.cli("apply", str(file))
    await firm.cli("listener", "certificate", "own")


@contextlib.asynccontextmanager
async def two_firms(
    folder: Path,
    *,
    tls: bool = True,
    alpha_terms: dict[str, Any] | None = None,
    bravo_terms: dict[str, Any] | None = None,
    start: bool = True,
    certificates: dict[str, Any] | None = None,
    **terms: Any,
) -> AsyncIterator[tuple[Firm, Firm]]:
    alpha = Firm("alpha", folder / "alpha", certificate_of("alpha", 0), tls)
    bravo = Firm("bravo", folder / "bravo", certificate_of("bravo", 1), tls)
    for firm in (alpha, bravo):
        firm.bind()
    given = certificates or {}
    await set_up(alpha, bravo, {"tls": tls, **terms, **(alpha_terms or {})}, **given)
    await set_up(bravo, alpha, {"tls": tls, **terms, **(bravo_terms or {})}, **given)
    try:
        if start:
            await alpha.start()
            await bravo.start()
        yield alpha, bravo
    finally:
        for firm in (alpha, bravo):
            await firm.stop()
            assert firm.bound is not None
            firm.bound.close()
