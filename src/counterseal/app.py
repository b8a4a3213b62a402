"""The composition root: the only place that names concrete adapters, and how one process starts and stops."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from counterseal import __version__
from counterseal.adapters.backend import FolderBackend
from counterseal.adapters.blobs import FolderBlobs
from counterseal.adapters.http import HTTPPoster
from counterseal.adapters.http.listener import PublicListener
from counterseal.adapters.storage import SQLStore
from counterseal.adapters.vault import FileVault
from counterseal.engine import people
from counterseal.engine.ports import Ports
from counterseal.engine.worker import Worker
from counterseal.settings import LogFormat, Settings
from counterseal.surfaces.cli.wake import WakeClient
from counterseal.surfaces.web import one_time_path

PRODUCT: Final = f"counterseal:{__version__}"
GRACE_SECONDS: Final = 30
"""How long what is in flight may take after SIGTERM."""


class SystemClock:
    """The port ``Clock``."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SystemEntropy:
    """The port ``Entropy``: ids are UUIDv7 (RFC 9562 5.7), so that rows made one after the other lie together."""

    def octets(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def new_id(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        random = int.from_bytes(secrets.token_bytes(10), "big")
        value = (milliseconds << 80) | random
        value = (value & ~(0xF << 76)) | (0x7 << 76)
        value = (value & ~(0x3 << 62)) | (0x2 << 62)
        return f"{value:032x}"


def open_ports(settings: Settings) -> Ports:
    """Everything that the engine touches, over one data directory. A server on it is woken through its socket."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Ports(
        store=SQLStore(settings.store_url),
        blobs=FolderBlobs(settings.data_dir / "payloads"),
        vault=FileVault.open(settings.data_dir, settings.vault_passphrase()),
        poster=HTTPPoster(),
        backend=FolderBackend(settings.inbox),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        wake=WakeClient(settings.wake_path),
        product=PRODUCT,
        host_name=settings.host_name,
    )


def close_ports(ports: Ports) -> None:
    """Seals what was recorded, and closes the database."""
    ports.store.seal()
    if isinstance(ports.store, SQLStore):
        ports.store.close()


def serve(settings: Settings) -> None:
    """Runs the gateway until SIGTERM or SIGINT; what is in flight is finished."""
    _set_up_log(settings.log_format)
    ports = open_ports(settings)
    try:
        asyncio.run(_Process(settings, ports).run())
    finally:
        close_ports(ports)


def _set_up_log(form: LogFormat) -> None:
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _node(data_dir: Path) -> str:
    """The name of this node, kept in its data directory: by it a restarted process knows what it had claimed."""
    path = data_dir / "node-id"
    with contextlib.suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(secrets.token_hex(8))
    return path.read_text(encoding="ascii").strip()


class _Server(uvicorn.Server):
    """Signals are the process's matter, not a listener's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Process:
    """Public listener, private listener and worker of one gateway."""

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self._settings = settings
        self._log = structlog.get_logger().warning
        self._info = structlog.get_logger().info
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ports = replace(ports, wake=self._wake)
        self._worker = Worker(self._ports, node=_node(settings.data_dir), log=self._log)

    def _wake(self) -> None:
        """From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._worker.wake)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(name, stopping.set)
        public = _Server(_config(self._public()))
        private = _Server(_config(self._private()))
        public_socket = _bound(self._settings.public_host, self._settings.public_port)
        private_socket = _bound(self._settings.private_host, self._settings.private_port)
        with _wake_socket(self._loop, self._settings.wake_path, self._worker):
            listeners = [
                asyncio.create_task(public.serve(sockets=[public_socket])),
                asyncio.create_task(private.serve(sockets=[private_socket])),
            ]
            working = asyncio.create_task(self._worker.run())
            self._announce(public_socket, private_socket)
            ended = asyncio.create_task(stopping.wait())
            await asyncio.wait([*listeners, working, ended], return_when=asyncio.FIRST_COMPLETED)
            public.should_exit = private.should_exit = True
            self._worker.stop()
            await asyncio.wait([*listeners, working], timeout=GRACE_SECONDS)
            ended.cancel()
        if isinstance(self._ports.poster, HTTPPoster):
            await self._ports.poster.close()
        self._info("gateway.stopped")

    def _public(self) -> Any:
        return PublicListener(self._ports, max_bytes=self._settings.maximum_message_bytes, log=self._log)

    def _private(self) -> Any:
        from counterseal.surfaces.api import create_api
        from counterseal.surfaces.web import create_console

        api = create_api(
            self._ports,
            maximum_upload_bytes=self._settings.maximum_upload_bytes,
            maximum_request_bytes=self._settings.maximum_request_bytes,
        )
        return Starlette(routes=[Mount("/api/v1", api), Mount("/", create_console(self._ports))])

    def _announce(self, public: socket.socket, private: socket.socket) -> None:
        """Where it listens, for people and programs: on standard output, one fact a line; and the first administrator's link."""
        print(f"public listener http://{_address(public)}", flush=True)
        print(f"private listener http://{_address(private)}", flush=True)
        secret = people.first_start_link(self._ports)
        if secret is not None:
            print(f"first administrator: http://{_address(private)}{one_time_path(secret)}", flush=True)
        self._info("gateway.started", public=_address(public), private=_address(private), pid=str(os.getpid()))


def _config(application: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",  # older AS2 products fold headers, which faster parsers refuse (architecture.md section 4)
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.setblocking(False)
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 shown, not bound
    return f"{host}:{port}"


@contextlib.contextmanager
def _wake_socket(loop: asyncio.AbstractEventLoop, path: Path, worker: Worker) -> Iterator[None]:
    """Where commands on the same machine tell that there is work."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiving.bind(str(path))
    path.chmod(0o600)
    receiving.setblocking(False)

    def heard() -> None:
        with contextlib.suppress(BlockingIOError):
            while receiving.recv(64):
                pass
        worker.wake()

    loop.add_reader(receiving, heard)
    try:
        yield
    finally:
        loop.remove_reader(receiving)
        receiving.close()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
