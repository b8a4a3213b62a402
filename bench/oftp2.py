"""OFTP2 through two real gateway processes over the loopback, beside a raw asyncio TLS stream in the same run.

    python bench/oftp2.py [--megabytes 1000] [--files 1000] [--only NAME]

For every case: the time of the transfer itself (SFID to EFPA, what the session page shows), the time from the command to the receipt,
CPU seconds and peak memory of both processes. EDI-like text; megabytes are decimal. The processes are started anew for every case.
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from counterseal import app
from counterseal.domain.document import Direction, DocumentState
from counterseal.domain.people import Actor, Permission
from counterseal.engine import configuration, documents, listeners
from counterseal.engine.oftp2 import calling
from counterseal.engine.ports import Window
from counterseal.settings import Settings

ACTOR = Actor(name="local:bench", permissions=frozenset(Permission))
CODES = {"alpha": "O0013000001ALPHA", "bravo": "O0013000002BRAVO"}
OPEN = {"sign": False, "compress": False, "encrypt": False, "receipt_signed": False}
CASES = {
    "unsecured, TCP": {**OPEN, "tls": False},
    "unsecured, TLS": OPEN,
    "signed, suite 02, TLS": {**OPEN, "sign": True, "receipt_signed": True, "cipher_suite": 2},
    "secured, suite 02, TLS": {"cipher_suite": 2},
    "secured, suite 04, TLS": {"cipher_suite": 4},
    "secured, suite 01, TLS": {"cipher_suite": 1},
}


def edi(octets):
    """Orders with different numbers, a few megabytes of them again and again."""
    chance = random.Random(1)
    parts = []
    size = 0
    while size < min(octets, 8_000_000):
        line = (
            f"LIN+{chance.randrange(1, 9999)}++{chance.randrange(10**12, 10**13)}:EN'QTY+21:{chance.randrange(1, 9999)}:PCE'"
            f"DTM+2:2026{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}:102'RFF+ON:{chance.randrange(10**8)}'\r\n"
        ).encode()
        parts.append(line)
        size += len(line)
    block = b"".join(parts)
    whole = itertools.cycle([block[at : at + 262_144] for at in range(0, len(block), 262_144)])
    left = octets
    while left > 0:
        piece = next(whole)[:left]
        left -= len(piece)
        yield piece


def certificate(name):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30)).sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, built


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class Sources:
    def file(self, path):
        return Path(path).read_bytes()

    def environment(self, _name):
        return ""


def set_up(folder, terms, tls):
    made = {name: certificate(name) for name in CODES}
    ports = {name: free_port() for name in CODES}
    for me, them in (("alpha", "bravo"), ("bravo", "alpha")):
        data = folder / me
        data.mkdir(parents=True)
        key, own = made[me]
        (data / "own.p12").write_bytes(pkcs12.serialize_key_and_certificates(b"k", key, own, None, NoEncryption()))
        usages = ("file-sign", "file-encrypt", "receipt-sign")
        text = {
            "version": 1,
            "communities": [{
                "slug": me, "name": me,
                "certificates": [{"label": "own", "key_file": str(data / "own.p12")}],
                "stations": [{"protocol": "oftp2", "identity": CODES[me], "name": me}],
                "partners": [{
                    "slug": them, "name": them,
                    "certificates": [{"label": "theirs", "pem": made[them][1].public_bytes(Encoding.PEM).decode()}],
                    "agreements": [{
                        "station": CODES[me], "partner_identity": CODES[them],
                        "oftp2": {
                            "host": "127.0.0.1", "port": ports[them], "ssid_code": CODES[them], "require_signed": False,
                            "require_encrypted": False, "buffer_bytes": 99999, "credit": 999, "tls": tls, **terms,
                        },
                        "assignments": {
                            "ours": dict.fromkeys(usages, "own"),
                            "theirs": dict.fromkeys((*usages, "tls-server"), "theirs"),
                        },
                    }],
                }],
            }],
        }  # fmt: skip
        opened = app.open_ports(Settings(data_dir=data))
        read = configuration.read(opened, yaml.safe_dump(text).encode(), sources=Sources())
        configuration.apply(opened, ACTOR, read)
        with opened.store.read() as reader:
            community = reader.communities()[0]
            held = next(c for c in reader.certificates(community.id) if c.key_id)
        listeners.assign(opened, ACTOR, community.id, held.fingerprint, listeners.OFTP2_LISTENER)
        app.close_ports(opened)
    return ports


def serve(folder, me, port, tls):
    command = [sys.executable, "-m", "counterseal", "serve", "--data-dir", str(folder / me), "--public-port", "0"]
    command += [
        "--private-port",
        "0",
        "--oftp2-host",
        "127.0.0.1",
        f"--oftp2-{'tls' if tls else 'plain'}-port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        assert process.poll() is None
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        time.sleep(0.05)


def cpu(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(process):
    line = next(x for x in Path(f"/proc/{process.pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def wait_for(opened, count):
    while True:
        with opened.store.read() as reader:
            found = reader.count_documents(community_id=None, direction=Direction.OUT)
        bad = {s: n for s, n in found.items() if s in {DocumentState.FAILED, DocumentState.REJECTED}}
        assert not bad, bad
        if found.get(DocumentState.DELIVERED, 0) >= count:
            return
        time.sleep(0.02)


def case(name, terms, *, octets, count):
    tls = terms.get("tls", True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ports = set_up(folder, {k: v for k, v in terms.items() if k != "tls"}, tls)
        opened = app.open_ports(Settings(data_dir=folder / "alpha"))
        with opened.store.read() as reader:
            agreement = reader.agreements(reader.communities()[0].id)[0]
        for _ in range(count):
            documents.send(
                opened, ACTOR, agreement.id, content=edi(octets), file_name="ORDERS", content_type=None, subject=None,
                call=False,
            )  # fmt: skip
        bravo, alpha = serve(folder, "bravo", ports["bravo"], tls), serve(folder, "alpha", ports["alpha"], tls)
        try:
            began = time.perf_counter()
            while True:
                with opened.store.read() as reader:
                    if not reader.work(kinds={documents.WorkKind.SECURE_FILE}):
                        break
                time.sleep(0.02)
            made = time.perf_counter() - began
            before = cpu(alpha) + cpu(bravo)
            began = time.perf_counter()
            calling.call_now(opened, ACTOR, agreement.id)
            wait_for(opened, count)
            whole = time.perf_counter() - began
            used = cpu(alpha) + cpu(bravo) - before
            time.sleep(0.3)
            with opened.store.read() as reader:
                sent = reader.documents(community_id=None, window=Window(limit=1), direction=Direction.OUT)[0]
                moved = min(reader.transfers(sent.id), key=lambda t: t.started_at)
                wire = reader.messages(sent.id)[0].wire_size
                (session,) = reader.oftp_sessions(community_id=None, window=Window(limit=1))
            seconds = (moved.ended_at - moved.started_at).total_seconds()
            memory = f"{peak(alpha):4.0f} + {peak(bravo):4.0f} MB"
            if count == 1:
                print(
                    f"{name:24} transfer {wire / seconds / 1e6:6.0f} MB/s on the wire, "
                    f"{octets / (made + whole) / 1e6:6.0f} MB/s from file to receipt "
                    f"(made {made:5.1f} s, session {whole:5.1f} s), CPU {used:5.1f} s, peak {memory}",
                    flush=True,
                )
            else:
                length = ((session.ended_at or sent.created_at) - session.started_at).total_seconds()
                print(
                    f"{name:24} {count / length:6.0f} files/s in one session ({length:.1f} s, receipts included), "
                    f"CPU {used:5.1f} s, peak {memory}",
                    flush=True,
                )
        finally:
            for process in (alpha, bravo):
                process.send_signal(signal.SIGKILL)
                process.wait()
            app.close_ports(opened)


class Sink(asyncio.BufferedProtocol):
    def __init__(self, total, done):
        self._buffer = memoryview(bytearray(262_144))
        self._left = total
        self._done = done

    def connection_made(self, transport):
        self._transport = transport

    def get_buffer(self, _size):
        return self._buffer

    def buffer_updated(self, count):
        self._left -= count
        if self._left <= 0:
            self._transport.write(b"!")
            self._done.set()


def raw_server(pem, port, total):
    async def main():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        done = asyncio.Event()
        await asyncio.get_running_loop().create_server(lambda: Sink(total, done), "127.0.0.1", port, ssl=context)
        await done.wait()
        await asyncio.sleep(0.5)

    asyncio.run(main())


async def raw_client(port, total):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    chunk = bytes(262_144)
    began = time.perf_counter()
    for _ in range(total // len(chunk) + 1):
        writer.write(chunk)
        await writer.drain()
    await reader.readexactly(1)
    return total / (time.perf_counter() - began) / 1e6


def raw(total):
    key, own = certificate("raw")
    with tempfile.NamedTemporaryFile() as file:
        file.write(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + own.public_bytes(Encoding.PEM)
        )
        file.flush()
        port = free_port()
        server = multiprocessing.Process(target=raw_server, args=(file.name, port, total))
        server.start()
        time.sleep(1)
        print(f"{'raw asyncio TLS stream':24} {asyncio.run(raw_client(port, total)):6.0f} MB/s", flush=True)
        server.join(10)


def disk():
    """What one small durable write costs here: it bounds small files more than anything else."""
    with tempfile.NamedTemporaryFile() as file:
        began = time.perf_counter()
        for _ in range(100):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        print(f"{'fsync of 4 KB':24} {(time.perf_counter() - began) * 10:6.2f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    disk()
    raw(given.megabytes * 1_000_000)
    for name, terms in CASES.items():
        if given.only in name:
            case(name, terms, octets=given.megabytes * 1_000_000, count=1)
    for name, terms in (("10 KB unsecured, TLS", OPEN), ("10 KB secured 04, TLS", {"cipher_suite": 4})):
        if given.only in name:
            case(name, terms, octets=10_000, count=given.files)


if __name__ == "__main__":
    main()
