"""Two gateways as two processes on loopback, set up by the command line like a reader of the README would."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

START_SECONDS: Final = 60
STOP_SECONDS: Final = 30

CONFIGURATION: Final = """\
version: 1
communities:
  - slug: {slug}
    name: {name}
    time_zone: Europe/Berlin
    contact_email: edi@{slug}.example
    certificates:
      - label: {slug}-old
        generate: {{common_name: {name}, organisation: {name}, country: NO, valid_for: 40d}}
    stations:
      - {{protocol: as2, identity: {identity}, name: main plant, url: "{url}/as2", email: edi@{slug}.example}}
"""
PARTNER: Final = """\
    partners:
      - slug: {their_slug}
        name: {their_name}
        certificates:
          - {{label: {their_slug}-old, file: {their_slug}.pem}}
        agreements:
          - station: {identity}
            partner_identity: {their_identity}
            as2: {{url: "{their_url}/as2"}}
            assignments:
              ours: {{sign: {slug}-old, encrypt: {slug}-old}}
              theirs: {{sign: {their_slug}-old, encrypt: {their_slug}-old}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One running gateway and what it printed about itself."""

    slug: str
    name: str
    identity: str
    data_dir: Path
    public: str
    console: str
    link: str
    """Where the first administrator is made."""

    @property
    def base(self) -> str:
        return f"{self.console}/c/{self.slug}"

    def command(self, *words: str) -> str:
        """What ``counterseal`` prints for this gateway's data directory."""
        return command(self.data_dir, *words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    alpha: Gateway
    bravo: Gateway


def command(data_dir: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "counterseal", "--data-dir", str(data_dir), *words],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(folder: Path, *, slug: str, name: str, identity: str) -> Iterator[Gateway]:
    """A gateway on two free ports, ended with SIGTERM; its log is beside its data."""
    folder.mkdir(parents=True, exist_ok=True)
    data_dir = folder / slug
    with (folder / f"{slug}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "counterseal", "serve", "--data-dir", str(data_dir)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ
            | dict.fromkeys(("COUNTERSEAL_PUBLIC_PORT", "COUNTERSEAL_PRIVATE_PORT"), "0")
            | {"COUNTERSEAL_PUBLIC_HOST": "127.0.0.1"},
        )
        giving_up = threading.Timer(START_SECONDS, process.kill)
        giving_up.start()
        try:
            assert process.stdout is not None
            public, console, link = (process.stdout.readline().strip() for _ in range(3))
            giving_up.cancel()
            assert link, (folder / f"{slug}.log").read_text(encoding="utf-8")
            yield Gateway(
                slug=slug,
                name=name,
                identity=identity,
                data_dir=data_dir,
                public=public.rpartition(" ")[2],
                console=console.rpartition(" ")[2],
                link=link.rpartition(" ")[2],
            )
        finally:
            giving_up.cancel()
            process.terminate()
            process.wait(STOP_SECONDS)
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def two_gateways(folder: Path) -> Iterator[Pair]:
    """Alpha Arrows and Bravo Bows trade over AS2: both agreements stand, each side's certificate is known to the other."""
    with ExitStack() as stack, ThreadPoolExecutor(max_workers=2) as both:

        def begin(words: tuple[str, str, str]) -> Gateway:
            slug, name, identity = words
            gateway = stack.enter_context(serving(folder, slug=slug, name=name, identity=identity))
            introduce_itself(folder, gateway)
            return gateway

        names = (("alpha", "Alpha Arrows", "ALPHA-ARROWS"), ("bravo", "Bravo Bows", "BRAVO-BOWS"))
        alpha, bravo = both.map(begin, names)
        list(both.map(meet, (folder, folder), (alpha, bravo), (bravo, alpha)))
        yield Pair(alpha=alpha, bravo=bravo)


def introduce_itself(folder: Path, gateway: Gateway) -> None:
    """Its community, station and first certificate, which goes to ``<slug>.pem`` for the other."""
    path = folder / f"{gateway.slug}.yaml"
    text = CONFIGURATION.format(slug=gateway.slug, name=gateway.name, identity=gateway.identity, url=gateway.public)
    path.write_text(text, encoding="utf-8")
    gateway.command("apply", str(path))
    pem = gateway.command("certificate", "show", f"{gateway.slug}-old", "--pem")
    (folder / f"{gateway.slug}.pem").write_text(pem, encoding="ascii")


def meet(folder: Path, ours: Gateway, theirs: Gateway) -> None:
    """Partner and agreement, with the certificates of both."""
    path = folder / f"{ours.slug}.yaml"
    partner = PARTNER.format(
        slug=ours.slug,
        identity=ours.identity,
        their_slug=theirs.slug,
        their_name=theirs.name,
        their_identity=theirs.identity,
        their_url=theirs.public,
    )
    path.write_text(path.read_text(encoding="utf-8") + partner, encoding="utf-8")
    ours.command("apply", str(path))
