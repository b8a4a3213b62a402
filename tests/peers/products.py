"""The products, and what each cannot do or does in its own way."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from counterseal.domain.document import DocumentState
from tests.peers import openas2
from tests.peers.forms import FORMS, Form
from tests.peers.peer import SOFTWARE, Peer, is_installed
from tests.peers.served import Gateway, where_peers_are


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    name: str
    command: Callable[[Path], tuple[str, ...]]
    """By the folder that the peer has for its files."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """By form, or form and direction (``gcm in``): why not."""
    special: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Terms of our agreements with it, by form; ``*``: all."""
    states: Mapping[str, DocumentState] = field(default_factory=dict)
    """Where our document does not end as delivered."""
    mics: Mapping[str, str] = field(default_factory=dict)
    """Where it sees our MIC as another than its own."""
    nameless: frozenset[str] = frozenset()
    """Form and direction in which the document has no file name: it writes or reads none in the HTTP head."""
    writes_keys_by: str = ""
    """Key transport of what it encrypts, where it does not follow the agreement."""
    always_signed: bool = False
    """It never asks for an unsigned receipt."""
    peer: type[Peer] = Peer

    @property
    def forms(self) -> tuple[Form, ...]:
        return tuple(f for f in FORMS if f.name not in self.cannot)

    def why_not(self, form: Form, direction: str) -> str | None:
        return self.cannot.get(form.name) or self.cannot.get(f"{form.name} {direction}") or _only(form, direction)

    def state_out(self, form: Form) -> DocumentState:
        return self.states.get(form.name, DocumentState.DELIVERED)

    def mic_in(self, form: Form) -> str:
        return self.mics.get(form.name, "equal")

    def terms(self, form: Form) -> dict[str, Any]:
        return {**form.terms(), **self.special.get("*", {}), **self.special.get(form.name, {})}

    def layers_in(self, form: Form) -> tuple[str, ...]:
        terms = self.terms(form)
        return form.layers({**terms, "key_transport": self.writes_keys_by or terms["key_transport"]})

    def knows_name(self, form: Form, direction: str) -> bool:
        return f"{form.name} {direction}" not in self.nameless


def _only(form: Form, direction: str) -> str | None:
    """What happens on the way happens to one direction."""
    if (form.between, direction) in {("twice", "out"), ("lost", "in")}:
        return "the other direction is the one that is meant"
    return None


def _python(_: Path) -> tuple[str, ...]:
    return (str(where_peers_are() / "pyas2lib" / "bin" / "python"), str(SOFTWARE / "pyas2lib" / "driver.py"))


def _node(_: Path) -> tuple[str, ...]:
    return ("node", str(SOFTWARE / "libas2" / "driver.js"), str(where_peers_are() / "libas2"))


PRODUCTS: Final = (
    Product(
        name="pyas2lib",
        command=_python,
        cannot={
            "gcm": "it has no AES-GCM",
            "oaep in": "it writes RSA v1.5 also where it is told rsaes_oaep",
            "compressed-after in": "it compresses before it signs only",
        },
        # Its OAEP is that of SHA-1 only.
        special={"oaep": {"key_transport": "rsa-oaep-sha-1"}},
    ),
    Product(
        name="openas2",
        command=openas2.command,
        peer=openas2.OpenAS2,
        cannot={
            "gcm": "it has no AES-GCM: in EnvelopedData it cannot read it, AuthEnvelopedData it takes for the document",
            "pss in": "it signs with RSA v1.5 only",
            "oaep": "it reads and writes keys by RSA v1.5 only",
            "base64 out": "it decodes no base64 around what is encrypted",
        },
        mics=dict.fromkeys(
            ("plain", "encrypted", "compressed", "compressed-encrypted", "unsigned-receipt", "async-unsigned"), "absent"
        ),
        nameless=frozenset({"plain out", "plain in"}),
    ),
    Product(
        name="phase2",
        command=lambda _: openas2.java("phase2", "Phase2"),
        cannot={
            "oaep in": "it writes keys by RSA v1.5 only",
            "chunked in": "it sends with Content-Length only",
        },
        special={"gcm": {"gcm_in_enveloped_data": True}},
        nameless=frozenset({"plain out"}),
        states={
            # With partnerships made on the fly it takes the headers into the MIC of a plain document, too.
            "plain": DocumentState.DELIVERED_DIFFERENT,
        },
        # Where nothing is signed, its sender takes the MIC of what it compressed.
        mics={"compressed": "different", "compressed-encrypted": "different"},
    ),
    Product(
        name="libas2",
        command=_node,
        cannot={
            **dict.fromkeys((form.name for form in FORMS if form.compress != "none"), "it has no compression"),
            "pss": "it signs and verifies RSA v1.5 only",
            "gcm out": "it knows no AuthEnvelopedData, and takes the parameters of GCM for a bare nonce",
            "large": "20 MB take it longer than 40 seconds",
            "unsigned-receipt in": "it always asks for a signed receipt",
            "async-unsigned in": "it always asks for a signed receipt",
        },
        # It takes every body for UTF-8, also that of CMS. It reads keys by RSA v1.5, too, but node.js forbids it.
        special={"*": {"transfer_encoding": "base64", "key_transport": "rsa-oaep-sha-256"}},
        writes_keys_by="rsa-oaep-sha-512",
        always_signed=True,
        mics={"plain": "absent", "encrypted": "absent"},
    ),
)


@contextmanager
def start_peer(product: Product, folder: Path) -> Iterator[tuple[Gateway, Peer]]:
    """Our gateway and the peer, each knowing the other; skips by the product's name where it is not installed."""
    command = product.command(folder / "peer")
    if not is_installed(product.name) or shutil.which(command[0]) is None:
        pytest.skip(f"{product.name} is not installed here; scripts/peers installs it")
    peer = product.peer(name=product.name, folder=folder / "peer", command=command, forms=product.forms)
    gateway = Gateway(
        folder=folder,
        peer=product.name,
        peer_url=peer.url,
        forms=product.forms,
        theirs=peer.minted,
        terms={form.name: product.terms(form) for form in product.forms},
    )
    with ExitStack() as ending:
        ending.callback(gateway.stop)
        gateway.start()
        ending.callback(peer.stop)
        peer.start(gateway)
        yield gateway, peer
