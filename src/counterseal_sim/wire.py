"""What goes over the wire between a simulated partner and the gateway, as values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import as2, cem

HOST: Final = "sim.example"
Header = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One message as it goes over HTTP."""

    message_id: str
    headers: tuple[Header, ...]
    body: bytes
    mics: dict[Digest, bytes] = field(default_factory=dict)

    def with_header(self, name: str, value: str | None) -> "Wire":
        """Replaced, added, or dropped (``None``)."""
        kept = tuple(h for h in self.headers if h[0].lower() != name.lower())
        headers = kept if value is None else (*kept, (name, value))
        return Wire(message_id=self.message_id, headers=headers, body=self.body, mics=self.mics)

    def with_body(self, body: bytes) -> "Wire":
        return Wire(message_id=self.message_id, headers=self.headers, body=body, mics=self.mics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What the partner posts by itself after an answer."""

    url: str
    wire: Wire
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The HTTP answer, and what follows it."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
    before: tuple[Outgoing, ...] = ()
    """Posted before the answer leaves."""
    then: tuple[Outgoing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message that came."""

    head: as2.MessageHead
    opened: as2.OpenedMessage | None
    fault: PeerFault | None
    content: bytes
    package: cem.Package | None
    body: bytes

    @property
    def message_id(self) -> str:
        return self.head.message_id or ""

    @property
    def signer(self) -> Certificate | None:
        return self.opened.signers[0].certificate if self.opened and self.opened.signers else None

    @property
    def recipient(self) -> bytes | None:
        """The certificate of ours that it was encrypted to, DER."""
        keys = self.opened.progress.keys if self.opened else ()
        return keys[0].certificate_der if keys else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One certificate of a CEM request that the partner sends."""

    certificate: Certificate
    usages: frozenset[cem.CertUsage] = frozenset({cem.CertUsage.DIGITAL_SIGNATURE, cem.CertUsage.KEY_ENCIPHERMENT})
    chain: tuple[Certificate, ...] = ()
    respond_by: datetime | None = None
    response_url: str | None = None
    """``None``: the partner's own URL."""
