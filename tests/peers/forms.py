"""The forms that a document takes on the wire between a peer and us; each is an agreement of its own, by the peer's AS2 name."""

from dataclasses import dataclass
from typing import Any, Final

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What both sides do; the peer's AS2 name for it is ``<peer>_<name>``."""

    name: str
    sign: str = "sha-256"
    """Empty: not signed."""
    encrypt: str = "aes-256-cbc"
    """Empty: not encrypted."""
    compress: str = "none"
    receipt: str = "sync"
    receipt_signed: bool = True
    pss: bool = False
    oaep: bool = False
    encoding: str = "binary"
    size: int = 5000
    chunked: bool = False
    between: str = ""
    """What happens on the way: ``twice``: what the peer sends arrives twice; ``lost``: the first answer to us is lost."""

    def identity(self, peer: str) -> str:
        return f"{peer}_{self.name}"

    def terms(self) -> dict[str, Any]:
        """The ``as2`` block of our agreement, without addresses."""
        return {
            "sign": bool(self.sign),
            "encrypt": bool(self.encrypt),
            "compress": self.compress,
            "digest": self.sign or "sha-256",
            "padding": "pss" if self.pss else "pkcs1",
            "cipher": self.encrypt or "aes-256-cbc",
            "key_transport": "rsa-oaep-sha-256" if self.oaep else "rsa-pkcs1",
            "transfer_encoding": self.encoding,
            "receipt": self.receipt,
            "receipt_signed": self.receipt_signed,
            "receipt_timeout": "30s",
            "require_signed": bool(self.sign),
            "require_encrypted": bool(self.encrypt),
            "chunked": self.chunked,
            "retries": ["1s", "2s"],
        }

    def layers(self, terms: dict[str, Any]) -> tuple[str, ...]:
        """What our record says of a message in this form, outermost first."""
        layers = []
        if self.encrypt:
            layers.append(f"encrypted {self.encrypt}, key by {terms['key_transport']}")
        if self.compress == "after-signing":
            layers.append("compressed zlib")
        if self.sign:
            layers.append(f"signed {self.sign}, rsa-{terms['padding']}")
        if self.compress == "before-signing":
            layers.append("compressed zlib")
        return tuple(layers)

    def properties(self) -> dict[str, str]:
        """The same in the words of the peers' drivers."""
        return {
            "sign": self.sign,
            "encrypt": self.encrypt,
            "compress": self.compress,
            "receipt": self.receipt,
            "receipt_signed": str(self.receipt_signed).lower(),
            "pss": str(self.pss).lower(),
            "oaep": str(self.oaep).lower(),
            "encoding": self.encoding,
            "chunked": str(self.chunked).lower(),
        }

    def content(self) -> bytes:
        """Line ends of every kind and all octets: nothing may be changed on the way."""
        head = f"UNA:+.? 'UNB+UNOC:3+{self.name}+1'\r\nUNH+1+ORDERS:D:96A:UN'\nBGM+220'\r".encode()
        body = bytes(range(256)) + b"the end of a line \n and a blank at one \r\n"
        return (head + body * (self.size // len(body) + 1))[: self.size]


FORMS: Final = (
    Form(name="plain", sign="", encrypt="", receipt_signed=False),
    Form(name="signed", encrypt=""),
    Form(name="encrypted", sign="", receipt_signed=False),
    Form(name="both"),
    Form(name="unsigned-receipt", receipt_signed=False),
    Form(name="no-receipt", receipt="none", receipt_signed=False),
    Form(name="async", receipt="async"),
    Form(name="async-unsigned", receipt="async", receipt_signed=False),
    Form(name="compressed", sign="", encrypt="", compress="before-signing", receipt_signed=False),
    Form(name="compressed-signed", encrypt="", compress="before-signing"),
    Form(name="compressed-encrypted", sign="", compress="before-signing", receipt_signed=False),
    Form(name="compressed-before", compress="before-signing"),
    Form(name="compressed-after", compress="after-signing"),
    Form(name="sha-384", sign="sha-384", encrypt="aes-192-cbc"),
    Form(name="sha-512", sign="sha-512", encrypt="aes-128-cbc"),
    Form(name="3des", encrypt="3des-cbc"),
    Form(name="gcm", encrypt="aes-256-gcm"),
    Form(name="pss", pss=True),
    Form(name="oaep", oaep=True),
    Form(name="base64", encoding="base64"),
    Form(name="chunked", chunked=True),
    Form(name="twice", between="twice"),
    Form(name="lost", between="lost"),
    Form(name="large", size=20 * MEGABYTE),
)
