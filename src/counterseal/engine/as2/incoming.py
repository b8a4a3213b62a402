"""A message on its way in, as values: the head that may come in with the keys for it, then the whole message."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.assignment import Assignment
from counterseal.engine.relationship import Relationship
from counterseal.kernel.ids import BlobId
from counterseal.kernel.keys import Decrypter, Signer
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.as2 import MessageHead


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The relationship that a message belongs to, with what opens and answers it."""

    around: Relationship
    keys: tuple[Decrypter, ...]
    signers: tuple[Certificate, ...]
    signer: Signer | None
    """Of ours, for the receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The head of a message that may come in, with the keys that may open it."""

    head: MessageHead
    party: Party
    tls_client: Assignment | None
    """Of theirs: the client certificate that the connection showed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message whose body has arrived whole."""

    known: Known
    body: Callable[[], Iterable[bytes]]
    """Can be called again: a signature may need a second pass."""
    wire: BlobId | None
    """Where the body lies already; ``None``: it is small, and is stored together with its record."""
    size: int
    remote: str
    started_at: datetime
