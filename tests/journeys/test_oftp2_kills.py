"""Two real gateway processes over TLS, killed without warning at random moments: every file arrives once, whole, with its receipt.

``COUNTERSEAL_KILLS`` says how often (a handful by default).
"""

import asyncio
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from counterseal import app
from counterseal.adapters.storage import SQLStore
from counterseal.domain.document import Direction, Document, DocumentState, MessageKind
from counterseal.engine.ports import Ports, Window
from counterseal.settings import Settings
from tests.journeys.oftp2_firms import Firm, certificate_of, set_up

KILLS = int(os.environ.get("COUNTERSEAL_KILLS", "6"))
LONGEST_PAUSE = 2.5
PATIENCE = 120.0
RETRIES = ["1s"] * 40


class Served:
    """``counterseal serve`` in a process of its own."""

    def __init__(self, firm: Firm, port: int) -> None:
        self.firm = firm
        self._port = port
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "counterseal", "serve", "--data-dir", str(self.firm.folder)]
        command += ["--public-port", "0", "--private-port", "0", "--oftp2-host", "127.0.0.1"]
        command += ["--oftp2-tls-port", str(self._port)]
        log = (self.firm.folder / "log").open("a")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.firm.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def a_payload(number: int) -> bytes:
    """Text that compresses, and differs."""
    line = f"UNB+UNOC:3+ALPHA+BRAVO+261125:1200+{number}'".encode()
    sizes = {0: 150_000_000, 1: 30_000_000}
    return (line * (sizes.get(number, 5_000) // len(line) + 1))[: sizes.get(number, 5_000)]


def looked_at(firm: Firm, direction: Direction) -> tuple[list[Document], Ports]:
    ports = app.open_ports(Settings(data_dir=firm.folder))
    with ports.store.read() as reader:
        return reader.documents(community_id=None, window=Window(limit=500), direction=direction), ports


def close(ports: Ports) -> None:
    assert isinstance(ports.store, SQLStore)
    ports.store.close()


def settled(firm: Firm) -> list[str]:
    documents, ports = looked_at(firm, Direction.OUT)
    close(ports)
    return [f"{d.file_name} {d.state.value} {d.reason}" for d in documents if d.state is not DocumentState.DELIVERED]


@pytest.mark.slow
async def test_killed_at_random_every_file_arrives_once_whole_and_with_its_receipt(tmp_path: Path) -> None:
    seed = int(os.environ.get("COUNTERSEAL_KILL_SEED", str(random.randrange(10**6))))
    chance = random.Random(seed)
    alpha = Firm("alpha", tmp_path / "alpha", certificate_of("alpha", 0))
    bravo = Firm("bravo", tmp_path / "bravo", certificate_of("bravo", 1))
    for firm in (alpha, bravo):
        firm.bind()
    terms: dict[str, Any] = {"retries": RETRIES, "require_signed": False, "require_encrypted": False, "cipher_suite": 4}
    await set_up(alpha, bravo, terms)
    await set_up(bravo, alpha, terms)
    ends = [Served(firm, firm.port) for firm in (alpha, bravo)]
    for firm in (alpha, bravo):
        assert firm.bound is not None
        firm.bound.close()
    digests = {}
    for number in range(14):
        content = a_payload(number)
        file = tmp_path / f"file{number}"
        file.write_bytes(content)
        wishes = ["--no-sign", "--no-encrypt", "--no-compress"] if number in {0, 3, 4} else []
        await alpha.cli("document", "send", str(file), "--agreement", "bravo", *wishes)
        digests[f"FILE{number}"] = hashlib.sha256(content).hexdigest()
        file.unlink()
    try:
        for end in ends:
            end.start()
        for end in ends:
            end.wait_until_it_listens()
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, LONGEST_PAUSE))
            end = chance.choice(ends)
            end.kill()
            end.start()
            end.wait_until_it_listens()
        deadline = time.monotonic() + PATIENCE
        while left := settled(alpha):
            assert time.monotonic() < deadline, (seed, left)
            await asyncio.sleep(0.5)
        await asyncio.sleep(1)
    finally:
        for end in ends:
            end.kill()
    received, opened = looked_at(bravo, Direction.IN)
    close(opened)
    assert sorted((d.file_name, d.digest) for d in received) == sorted(digests.items()), seed
    sent, opened = looked_at(alpha, Direction.OUT)
    with opened.store.read() as reader:
        for document in sent:
            receipts = [m for m in reader.messages(document.id) if m.kind is MessageKind.EERP]
            assert [m.layers for m in receipts] == [("signed",)], seed
    close(opened)
