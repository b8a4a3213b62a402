"""What the chapters share: two firms, the wire between them, two people at two consoles, and the certificates in play."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from counterseal_sim.demo.console import Console
from counterseal_sim.demo.evidence import Trip, follow
from counterseal_sim.demo.gateway import Gateway, free_ports
from counterseal_sim.demo.line import Line
from counterseal_sim.demo.narration import Narrator
from counterseal_sim.demo.papers import Paper
from counterseal_sim.demo.setting_up import Firm
from counterseal_sim.demo.wire import Wire

ADMINISTRATOR: Final = "demo"


@dataclass(slots=True, kw_only=True)
class Scene:
    narrator: Narrator
    alpha: Gateway
    bravo: Gateway
    to_alpha: Wire
    to_bravo: Wire
    line: Line
    """Towards Bravo's OFTP2 listener."""
    folder: Path
    """Where configuration files and mailed certificates lie."""
    alpha_console: Console
    bravo_console: Console
    alpha_old: str = ""
    """Fingerprints, once they are known."""
    alpha_new: str = ""
    bravo_first: str = ""

    @property
    def alpha_firm(self) -> Firm:
        return Firm(gateway=self.alpha, url=self.to_alpha.url, folder=self.folder)

    @property
    def bravo_firm(self) -> Firm:
        return Firm(gateway=self.bravo, url=self.to_bravo.url, folder=self.folder)

    def partner_of(self, firm: Firm) -> Firm:
        return self.bravo_firm if firm.gateway is self.alpha else self.alpha_firm

    def now(self) -> datetime:
        return datetime.now(UTC)

    def both(self, act: Callable[[Firm], object]) -> None:
        """Does the same at both firms at once; commands take a second each to start."""
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(act, firm) for firm in (self.alpha_firm, self.bravo_firm)]:
                done.result()

    def queue(self, paper: Paper, *, by: Gateway, to: Gateway, agreement: str = "") -> str:
        """Sends the document through the API, and gives its id; ``agreement`` where they have more than one."""
        query = {"agreement": agreement or to.slug, "file_name": paper.file_name, "content_type": paper.content_type}
        return str(by.post("/documents", paper.content, subject=paper.subject, **query)["id"])

    def follow(self, document_id: str, *, by: Gateway) -> Trip:
        """The document's whole way."""
        if by is self.alpha:
            return follow(self.alpha, self.bravo, self.to_bravo, document_id)
        return follow(self.bravo, self.alpha, self.to_alpha, document_id)


@contextmanager
def open_scene(folder: Path, narrator: Narrator) -> Iterator[Scene]:
    """Nothing runs yet but the wires; at the end everything that was started is ended, whatever happened."""
    ports = free_ports(6)
    alpha, bravo = (
        Gateway(
            name=name,
            slug=slug,
            identity=slug.upper(),
            data_dir=folder / slug,
            public_port=public,
            private_port=private,
            oftp2_port=oftp2,
        )
        for name, slug, public, private, oftp2 in (
            ("Alpha Arrows", "alpha", ports[0], ports[1], ports[4]),
            ("Bravo Bows", "bravo", ports[2], ports[3], ports[5]),
        )
    )
    scene = Scene(
        narrator=narrator,
        alpha=alpha,
        bravo=bravo,
        to_alpha=Wire(alpha.public_port),
        to_bravo=Wire(bravo.public_port),
        line=Line(bravo.oftp2_port),
        folder=folder,
        alpha_console=Console(alpha.private_port),
        bravo_console=Console(bravo.private_port),
    )
    try:
        yield scene
    finally:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C must not leave a gateway behind
        scene.to_alpha.let_go()
        scene.to_bravo.let_go()
        alpha.stop()
        bravo.stop()
        scene.to_alpha.close()
        scene.to_bravo.close()
        scene.line.close()
