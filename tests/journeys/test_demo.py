"""The README's first command does what it says, and says nothing that did not happen."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from counterseal_sim.demo import papers
from counterseal_sim.demo.console import Console
from counterseal_sim.demo.line import Line
from counterseal_sim.demo.narration import Narrator, StepFailed

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 300
LINK = re.compile(r"(Alpha Arrows|Bravo Bows) +http://127\.0\.0\.1:(\d+)(/once/\S+)")
NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)


def gateways_of(pid: int) -> list[int]:
    """The processes that the demo started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(one) for one in found]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.slow
def test_the_demo_renews_a_certificate_and_every_step_happens() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "demo", "--once"], capture_output=True, text=True, check=False, timeout=MOST_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.sub(r"\s+", " ", done.stdout)
    for claim in (
        "Delivered: the MIC in Bravo's receipt is the one Alpha computed",
        "A respond-by date of yesterday is refused at its field",
        "It is staged at Alpha: its key can already decrypt, nothing is signed with it yet",
        "it is signed with the certificate that Bravo accepts today, not with the new one",
        "A person at Bravo presses Accept",
        "Trust request 1 is complete",
        "Alpha's Sent page says Complete, and Accepted on Bravo's line",
        "and Bravo verified it",
        "and Alpha opened it with the new key",
        "It was opened with the old key",
        "The line was cut in the middle of the file, and the file was not lost",
        "Nothing of it could be read on the line",
        "Both sides had proved their keys to each other",
        "The second session sent only what was missing",
        "It lies in Bravo's inbox once, octet for octet",
        "Alpha has the EERP, signed with Bravo's certificate over the hash of exactly this file: delivered",
        "One trust request with two exchanges, one by CEM and one by SCX Deliver",
        "A person at Bravo accepts what came by CEM",
        "A person at Bravo accepts what came by SCX",
        "the EERP for that file is the yes",
        "Alpha's Sent page says Complete, with both lines Accepted by answers from the wire",
        "All 17 steps happened",
    ):
        assert claim in told


@pytest.fixture
def staying() -> Iterator["subprocess.Popen[str]"]:
    """A demo that goes on until it is told to stop."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "counterseal_sim.demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield demo
    if demo.poll() is None:
        demo.terminate()
    demo.wait(60)
    assert demo.stdout is not None
    demo.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc on this machine")
def test_both_consoles_stay_until_ctrl_c_and_then_nothing_is_left(staying: "subprocess.Popen[str]") -> None:
    assert staying.stdout is not None
    links: dict[str, tuple[int, str]] = {}
    for line in staying.stdout:
        found = LINK.search(line)
        if found:
            links[found[1]] = (int(found[2]), found[3])
        if "Ctrl-C" in line:
            break
    assert set(links) == {"Alpha Arrows", "Bravo Bows"}
    for port, path in links.values():
        console = Console(port)
        home = console.submit(console.open(path), "csrf")
        assert home.status == 200
        assert home.says("Dana Demo")
    started = gateways_of(staying.pid)
    assert len(started) == 2
    os.kill(staying.pid, signal.SIGINT)
    assert staying.wait(60) == 0
    assert not any(alive(pid) for pid in started)


def test_a_claim_that_does_not_hold_ends_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StepFailed, match=r"the moon is full: that did not happen\. Seen instead: half"):
        Narrator().check("the moon is full", holds=False, seen="half")
    assert "moon" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "paper", [papers.orders(4711, NOW), papers.order_response(4711, NOW)], ids=["orders", "ordrsp"]
)
def test_the_edifact_papers_count_themselves_right(paper: papers.Paper) -> None:
    segments = [s.strip() for s in paper.content.decode("latin-1").split("'\r\n") if s]
    names = [s.split("+")[0] for s in segments[1:]]
    assert (names[0], names[1], names[-2], names[-1]) == ("UNB", "UNH", "UNT", "UNZ")
    assert segments[0] == "UNA:+.?"
    assert segments[-2] == f"UNT+{len(names) - 2}+1"
    assert segments[-1].split("+")[2] == segments[1].split("+")[-1]


@pytest.mark.parametrize(
    "paper", [papers.purchase_order(4712, NOW), papers.acknowledgement(4712, NOW)], ids=["850", "855"]
)
def test_the_x12_papers_count_themselves_right(paper: papers.Paper) -> None:
    text = paper.content.decode("ascii")
    assert (text[103], text[104], text[105]) == ("*", ">", "~")
    segments = [s.split("*") for s in text.replace("\r\n", "").split("~") if s]
    assert [s[0] for s in segments[:3]] == ["ISA", "GS", "ST"]
    assert segments[-3] == ["SE", str(len(segments) - 4), "0001"]
    assert segments[-2][2] == segments[1][6]
    assert segments[-1][2] == segments[0][13]


def test_the_line_of_the_demo_breaks_once_after_exactly_so_many_octets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(int(listener.getsockname()[1]))
        line.break_once_after(10)
        try:
            heard = [_says(line.port, listener, b"ABCDEFGHIJKLMNOP") for _ in range(2)]
        finally:
            line.close()
    assert heard == [b"ABCDEFGHIJ", b"ABCDEFGHIJKLMNOP"]
    assert [(bytes(c.there), c.cut, c.tls) for c in line.calls] == [
        (b"ABCDEFGHIJ", True, False),
        (b"ABCDEFGHIJKLMNOP", False, False),
    ]
    assert line.calls[0].shows(b"EFG")
    assert not line.calls[0].shows(b"JK")


def _says(port: int, listener: socket.socket, octets: bytes) -> bytes:
    """What a listener behind the line hears of ``octets`` before it ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        heard, (taken, _) = b"", listener.accept()
        with taken:
            caller.sendall(octets)
            caller.shutdown(socket.SHUT_WR)
            while more := taken.recv(64):
                heard += more
    return heard
