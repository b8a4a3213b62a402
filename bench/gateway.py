"""Messages per second through real gateways: a receiver under a foreign load driver, and a pair that sends to each other.

    python bench/gateway.py [--messages N] [--connections 16] [--pair N]

10 KB documents, signed and encrypted (RSA-2048, AES-256-CBC, SHA-256), signed synchronous receipts, durable on both sides. The
driver (``as2load.py``) builds its messages before the clock starts and shares no code with the gateway.
"""

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
COUNTERSEAL = str(Path(sys.executable).with_name("counterseal"))

CONFIG = """\
version: 1
communities:
  - slug: {me}
    name: {me}
    time_zone: Europe/Berlin
    contact_email: edi@{me}.example
    certificates:
      - {{label: own, key_file: {me}.p12, password: {{env: BENCH_PASSWORD}}}}
    stations:
      - {{protocol: as2, identity: {me}, name: {me}, url: "http://127.0.0.1:{port}/as2", email: edi@{me}.example}}
    partners:
      - slug: {them}
        name: {them}
        certificates:
          - {{label: {them}, file: {them}.cert.pem}}
        agreements:
          - station: {me}
            partner_identity: {them}
            as2: {{url: "http://127.0.0.1:{their_port}/as2", max_parallel: 16}}
            assignments:
              ours: {{sign: own, encrypt: own}}
              theirs: {{sign: {them}, encrypt: {them}}}
"""


def run(*arguments, **more):
    return subprocess.run(arguments, check=True, capture_output=True, text=True, **more).stdout


class Gateway:
    """One served gateway with its own data directory."""

    def __init__(self, folder: Path, me: str, them: str, port: int, their_port: int) -> None:
        self.data = folder / f"data-{me}"
        self.port = port
        config = folder / f"{me}.yaml"
        config.write_text(CONFIG.format(me=me, them=them, port=port, their_port=their_port))
        self.environment = {**os.environ, "BENCH_PASSWORD": "bench"}
        run(COUNTERSEAL, "--data-dir", str(self.data), "apply", str(config), env=self.environment)
        self.log_path = folder / f"{me}.log"
        self.start()

    def start(self, *, warm: bool = True) -> None:
        command = [COUNTERSEAL, "--data-dir", str(self.data), "serve"]
        command += ["--public-host", "127.0.0.1", "--public-port", str(self.port), "--private-port", "0"]
        self.log = self.log_path.open("w")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout is not None
        while "private listener" not in self.process.stdout.readline():
            assert self.process.poll() is None, "the gateway did not start"
        before = -1.0
        while warm and self.cpu_seconds() - before > 0.02:  # console and API load behind the listeners
            before = self.cpu_seconds()
            time.sleep(0.5)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_megabytes(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        self.log.close()


def make_identities(folder: Path) -> None:
    run(sys.executable, str(HERE / "as2load.py"), "gen-certs", str(folder), "--names", "a,b")
    for name in ("a", "b"):
        command = ["openssl", "pkcs12", "-export", "-inkey", f"{name}.key.pem", "-in", f"{name}.cert.pem"]
        run(*command, "-out", f"{name}.p12", "-passout", "pass:bench", cwd=folder)


def receiver(folder: Path, messages: int, connections: int) -> dict:
    gateway = Gateway(folder, "b", "a", 17201, 17200)
    try:
        command = [sys.executable, str(HERE / "as2load.py"), "run", "--url", f"http://127.0.0.1:{gateway.port}/as2"]
        command += ["--as2-from", "a", "--as2-to", "b", "--sign-key", "a.key.pem", "--sign-cert", "a.cert.pem"]
        command += ["--encrypt-cert", "b.cert.pem", "-n", str(messages), "-c", str(connections), "--warmup", "200"]
        command += ["--pid", str(gateway.process.pid), "--compact", "--check-after"]
        result = json.loads(run(*command, cwd=folder).strip().splitlines()[-1])
        result["peak_mb"] = gateway.peak_megabytes()
        return result
    finally:
        gateway.stop()


QUEUE = """
import sys
from pathlib import Path
from counterseal import app
from counterseal.domain.people import Actor, Permission
from counterseal.engine import documents
from counterseal.settings import Settings

ports = app.open_ports(Settings(data_dir=Path(sys.argv[1])))
actor = Actor(name="local:bench", permissions=frozenset(Permission))
with ports.store.read() as reader:
    agreement = reader.agreements(reader.communities()[0].id)[0]
body = (b"UNB+UNOC:3'" * 1000)[:10240]
for number in range(int(sys.argv[2])):
    documents.send(ports, actor, agreement.id, content=(body,), file_name=f"o{number}.edi", content_type=None, subject=None)
"""


def count(gateway: Gateway, *states: str) -> int:
    """Of its outbound documents in these states; read beside the gateway, so that counting costs it nothing."""
    with contextlib.closing(
        sqlite3.connect(f"file:{gateway.data / 'counterseal.sqlite'}?mode=ro", uri=True)
    ) as database:
        marks = ", ".join("?" * len(states))
        query = f"SELECT count(*) FROM documents WHERE direction = 'out' AND state IN ({marks})"
        return database.execute(query, states).fetchone()[0]


def pair(folder: Path, messages: int) -> dict:
    """The documents are queued while the sender's server is off; the clock runs from its start to the last receipt."""
    sender = Gateway(folder, "a", "b", 17210, 17211)
    sender.stop()
    started = time.perf_counter()
    run(sys.executable, "-c", QUEUE, str(sender.data), str(messages))
    queued = time.perf_counter() - started
    partner = Gateway(folder, "b", "a", 17211, 17210)
    sender.start(warm=False)
    try:
        cpu = sender.cpu_seconds(), partner.cpu_seconds()
        started = time.perf_counter()
        while count(sender, "queued", "sending", "sent") and time.perf_counter() - started < 300:
            time.sleep(0.25)
        took = time.perf_counter() - started
        return {
            "messages": messages,
            "queued_per_second": round(messages / queued, 1),
            "seconds": round(took, 2),
            "per_second": round(messages / took, 1),
            "delivered": count(sender, "delivered"),
            "sender_cpu_ms": round(1000 * (sender.cpu_seconds() - cpu[0]) / messages, 2),
            "receiver_cpu_ms": round(1000 * (partner.cpu_seconds() - cpu[1]) / messages, 2),
            "peak_mb": [round(sender.peak_megabytes()), round(partner.peak_megabytes())],
        }
    finally:
        sender.stop()
        partner.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 8, 16, 64])
    parser.add_argument("--pair", type=int, default=1500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="counterseal-bench-") as name:
        folder = Path(name)
        make_identities(folder)
        print("receiver, 10 KB signed+encrypted, signed sync MDN, durable before the MDN")
        for connections in options.connections:
            work = folder / f"c{connections}"
            work.mkdir()
            for file in folder.glob("*.p*"):
                (work / file.name).write_bytes(file.read_bytes())
            print(f"  {connections:3d} connections:", json.dumps(receiver(work, options.messages, connections)))
        if options.pair:
            (folder / "p").mkdir()
            for file in folder.glob("*.p*"):
                if file.is_file():
                    (folder / "p" / file.name).write_bytes(file.read_bytes())
            print("pair of gateways:", json.dumps(pair(folder, options.pair)))


if __name__ == "__main__":
    main()
