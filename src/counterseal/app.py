"""The composition root: the only place that names concrete adapters, and how one process starts and stops."""

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import Mount

from counterseal import __version__
from counterseal.adapters.backend import FolderBackend
from counterseal.adapters.blobs import Payloads
from counterseal.adapters.http import DeferredPoster
from counterseal.adapters.http.listener import PublicListener
from counterseal.adapters.http.serving import Server, TLSServer
from counterseal.adapters.storage import SQLStore
from counterseal.adapters.tcp import OFTP2Service
from counterseal.adapters.vault import FileVault
from counterseal.engine import listeners, people
from counterseal.engine.ports import Ports
from counterseal.engine.worker import Worker
from counterseal.kernel.errors import EnvironmentFault
from counterseal.log import Log
from counterseal.settings import Settings
from counterseal.surfaces.cli.faults import FileTrouble
from counterseal.surfaces.cli.wake import WakeClient
from counterseal.surfaces.web import one_time_path

PRODUCT: Final = f"counterseal:{__version__}"
THREADS: Final = 24
"""For blocking beats. Most of them wait for the disk most of the time; with Python's own choice, four more than cores,
a few slow disk writes would hold up the next message."""
GRACE_SECONDS: Final = 30
"""How long what is in flight may take after SIGTERM."""
LISTEN_BACKLOG: Final = 2048


class AddressUnavailable(EnvironmentFault):
    """A listener cannot have its address: it is taken, not of this machine, or needs more rights."""

    code = "gateway.address-unavailable"


class AlreadyServed(EnvironmentFault):
    """Another gateway process serves this data directory."""

    code = "gateway.already-served"


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
    """Everything that the engine touches, over one data directory. A server on it is woken through its socket. Raises
    ``FileTrouble``, ``VaultLocked``, ``StoreUnavailable``."""
    with _files_of(settings):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _opened(settings)


@contextlib.contextmanager
def _files_of(settings: Settings) -> Iterator[None]:
    """What the file system says to a start is a sentence for its operator."""
    try:
        yield
    except OSError as error:
        place = error.filename or settings.data_dir
        raise FileTrouble(f"{place} cannot be used: {error.strerror or error}") from error


def _opened(settings: Settings) -> Ports:
    payloads = Payloads(settings.data_dir / "payloads")
    return Ports(
        store=SQLStore(settings.store_url, settle=payloads.settle),
        blobs=payloads,
        vault=FileVault.open(settings.data_dir, settings.vault_passphrase()),
        poster=DeferredPoster(),
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
    if isinstance(ports.blobs, Payloads):
        ports.blobs.close()


def serve(settings: Settings, *, loaded: Callable[[], None]) -> None:
    """Runs the gateway until SIGTERM or SIGINT; what is in flight is finished. ``loaded`` is called once before it listens.
    Raises also ``AddressUnavailable``, ``AlreadyServed``."""
    Log(settings.log_format).take_over()
    ports = open_ports(settings)
    try:
        with contextlib.ExitStack() as until_the_end:
            with _files_of(settings):
                until_the_end.enter_context(_alone(settings.data_dir))
                process = _Process(settings, ports)
            loaded()
            asyncio.run(process.run())
    finally:
        close_ports(ports)


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Two processes under one node's name would give back each other's claims, and so send twice."""
    with (data_dir / "serve.lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyServed(f"another gateway process serves {data_dir}: stop it first") from error
        yield


def _node(data_dir: Path) -> str:
    """The name of this node, kept in its data directory: by it a restarted process knows what it had claimed."""
    path = data_dir / "node-id"
    with contextlib.suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(secrets.token_hex(8))
    return path.read_text(encoding="ascii").strip()


class _LoadedMeanwhile:
    """An ASGI application that is loaded in a thread while everything else runs already; its first requests wait for it."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._loading: asyncio.Task[Any] | None = None

    def begin(self) -> "asyncio.Task[Any]":
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
        return self._loading

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        application = await asyncio.shield(self.begin())
        await application(scope, receive, send)


class _Process:
    """Public listener, private listener and worker of one gateway."""

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self._settings = settings
        log = Log(settings.log_format)
        self._log, self._info = log.warning, log.info
        self._loop: asyncio.AbstractEventLoop | None = None
        self._oftp2 = OFTP2Service(log=self._log)
        self._ports = replace(
            ports,
            wake=self._wake,
            dialer=self._oftp2.dialer,
            maximum_file_octets=settings.maximum_message_bytes,
        )
        self._worker = Worker(self._ports, node=_node(settings.data_dir), log=self._log)
        self._api = _LoadedMeanwhile(self._load_api)
        public = self._public_application()
        self._public = Server(public, grace_seconds=GRACE_SECONDS)
        self._public_tls = TLSServer(
            public,
            grace_seconds=GRACE_SECONDS,
            security=lambda: listeners.security(self._ports, listeners.AS2_LISTENER),
            log=self._log,
        )
        self._private = Server(self._private_application(), grace_seconds=GRACE_SECONDS)

    def _wake(self) -> None:
        """From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._worker.wake)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "beat"))
        stopping = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(name, stopping.set)
        with (
            _listening(self._settings.public_host, self._settings.public_port, "public") as public,
            _listening(self._settings.private_host, self._settings.private_port, "private") as private,
            _wake_socket(self._settings.wake_path, self._worker, self._log),
            contextlib.ExitStack() as more,
        ):
            oftp2 = self._listen_for_sessions(more)
            secured = self._listen_with_tls(more)
            calls = asyncio.create_task(self._oftp2.run(self._ports))
            parts = [
                asyncio.create_task(self._public.serve(sockets=[public])),
                asyncio.create_task(self._private.serve(sockets=[private])),
                asyncio.create_task(self._worker.run()),
                *([asyncio.create_task(self._public_tls.serve(sockets=[secured]))] if secured else []),
            ]
            self._announce(public, private)
            if secured is not None:
                print(f"public listener https://{_address(secured)}", flush=True)
            for scheme, bound in oftp2.items():
                print(f"oftp2 listener {scheme}://{_address(bound)}", flush=True)
            self._api.begin()
            ended = asyncio.create_task(stopping.wait())
            await asyncio.wait([*parts, ended], return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            calls.cancel()
            await asyncio.gather(self._finish(parts), self._oftp2.stop(grace_seconds=GRACE_SECONDS))
        if isinstance(self._ports.poster, DeferredPoster):
            await self._ports.poster.close()
        self._info("gateway.stopped")

    def _listen_with_tls(self, stack: contextlib.ExitStack) -> socket.socket | None:
        """The public listener with TLS, where the settings ask for one."""
        port = self._settings.public_tls_port
        if port is None:
            return None
        return stack.enter_context(_listening(self._settings.public_host, port, "public-tls"))

    def _listen_for_sessions(self, stack: contextlib.ExitStack) -> dict[str, socket.socket]:
        """The OFTP2 listeners that the settings ask for, by the scheme of their address."""
        settings = self._settings
        found = {}
        for scheme, port in (("oftps", settings.oftp2_tls_port), ("oftp", settings.oftp2_plain_port)):
            if port is not None:
                which = "oftp2-tls" if scheme == "oftps" else "oftp2-plain"
                found[scheme] = stack.enter_context(_listening(settings.oftp2_host, port, which))
                self._oftp2.listen(self._ports, found[scheme], tls=scheme == "oftps")
        return found

    async def _finish(self, parts: "list[asyncio.Task[None]]") -> None:
        """Nothing new begins; what is in flight ends. Raises what a part broke on."""
        self._public.should_exit = self._public_tls.should_exit = self._private.should_exit = True
        self._worker.stop()
        done, late = await asyncio.wait(parts, timeout=GRACE_SECONDS)
        if late:
            self._log("gateway.cut-off", detail=f"not everything ended within {GRACE_SECONDS} seconds")
        for part in done:
            part.result()

    def _public_application(self) -> Any:
        return PublicListener(self._ports, max_bytes=self._settings.maximum_message_bytes, log=self._log)

    def _private_application(self) -> Any:
        from counterseal.surfaces.web import create_console

        return Starlette(routes=[Mount("/api/v1", self._api), Mount("/", create_console(self._ports))])

    def _load_api(self) -> Any:
        from counterseal.surfaces.api import create_api

        return create_api(
            self._ports,
            maximum_upload_bytes=self._settings.maximum_upload_bytes,
            maximum_request_bytes=self._settings.maximum_request_bytes,
        )

    def _announce(self, public: socket.socket, private: socket.socket) -> None:
        """Where it listens, for people and programs: on standard output, one fact a line; and the first administrator's link."""
        print(f"public listener http://{_address(public)}", flush=True)
        print(f"private listener http://{_address(private)}", flush=True)
        self._settings.console_address_path.write_text(_address(private), encoding="ascii")
        secret = people.first_start_link(self._ports, only_once=True)
        if secret is not None:
            print(f"first administrator: http://{_address(private)}{one_time_path(secret)}", flush=True)
        elif people.nobody_is_here(self._ports):
            print("nobody can sign in yet: 'counterseal user first-link' makes another link", flush=True)
        self._info("gateway.started", public=_address(public), private=_address(private), pid=str(os.getpid()))


@contextlib.contextmanager
def _listening(host: str, port: int, which: str) -> Iterator[socket.socket]:
    """Connections queue up from here on. Raises ``AddressUnavailable``."""
    reasons = {
        errno.EADDRINUSE: "the port is taken by another program",
        errno.EACCES: "this port needs more rights",
        errno.EADDRNOTAVAIL: "this machine does not have the address",
    }
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen(LISTEN_BACKLOG)
        except OSError as error:
            reason = reasons.get(error.errno or 0, error.strerror or str(error))
            setting = f"--{which}-host" if error.errno == errno.EADDRNOTAVAIL else f"--{which}-port"
            raise AddressUnavailable(
                f"the {which} listener cannot have {host}:{port}: {reason}; choose another with {setting}"
            ) from error
        bound.setblocking(False)
        yield bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 shown, not bound
    return f"{host}:{port}"


@contextlib.contextmanager
def _wake_socket(path: Path, worker: Worker, log: Callable[..., None]) -> Iterator[None]:
    """Where commands on the same machine tell that there is work. Without it they wait for the worker's next look."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        try:
            path.unlink(missing_ok=True)
            receiving.bind(str(path))
            path.chmod(0o600)
        except OSError as error:  # a path of more than 107 bytes, or a file system without sockets
            log("wake.unavailable", detail=f"commands cannot wake this process: {error.strerror or error}")
            yield
            return
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
            path.unlink(missing_ok=True)
