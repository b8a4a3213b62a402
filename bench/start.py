"""How long `counterseal serve` takes until it is of use: .venv/bin/python bench/start.py [--starts N].

Each row is the median (and the best) of several starts in processes of their own: seconds from the call until both listeners take
connections, until the console has answered, until the API has answered, and the processor time spent by the first of these. Goal:
the console answers within 2 s. A machine that does other things shows it in the wall clock more than in the processor time.
"""

import argparse
import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "counterseal", "serve", "--public-port", "0", "--private-port", "0")


@dataclass(frozen=True)
class Start:
    listening: float
    console: float
    api: float
    processor: float


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answered(address: str, path: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()


def start(folder: Path) -> Start:
    began = time.perf_counter()
    with subprocess.Popen(
        [*COMMAND, "--data-dir", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as gateway:
        assert gateway.stdout is not None
        addresses = [gateway.stdout.readline().rpartition("http://")[2].strip() for _ in ("public", "private")]
        listening, processor = time.perf_counter() - began, processor_seconds(gateway.pid)
        answered(addresses[1], "/sign-in")
        console = time.perf_counter() - began
        answered(addresses[1], "/api/v1/openapi.json")
        api = time.perf_counter() - began
        gateway.send_signal(signal.SIGTERM)
        gateway.stdout.read()
    return Start(listening, console, api, processor)


def row(name: str, starts: list[Start]) -> None:
    columns = [[getattr(s, field) for s in starts] for field in ("listening", "console", "api", "processor")]
    print(f"{name:<22}" + "".join(f"{statistics.median(c):>8.2f} ({min(c):.2f})" for c in columns))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--starts", type=int, default=7)
    count = arguments.parse_args().starts
    print(f"{'seconds, median (best)':<22}" + "".join(f"{n:>15}" for n in ("listening", "console", "API", "processor")))
    with tempfile.TemporaryDirectory() as folder:
        row("empty directory", [start(Path(folder) / str(n)) for n in range(count)])
        row("directory in use", [start(Path(folder) / "0") for _ in range(count)])
    print(f"load of the machine    {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
