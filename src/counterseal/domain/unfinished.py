"""What a broken OFTP2 session leaves behind: how far a file came, and which receipt is still owed."""

from dataclasses import dataclass
from datetime import datetime

from counterseal.domain.document import Direction
from counterseal.kernel.ids import AgreementId, BlobId, DocumentId, MessageRowId


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPosition:
    """How far one file came in sessions that broke off. Ours to send: what left us. Theirs: what is durable here."""

    direction: Direction
    agreement_id: AgreementId
    wire_id: str
    blob: BlobId | None
    """Inbound: the unfinished payload that is continued."""
    octets: int
    """Of the file as transmitted, before buffer compression."""
    records: int
    """F and V files without security, else 0."""
    shape: str
    """Security and format as the SFID said: a file that comes back in another shape starts again."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedReceipt:
    """An EERP or NERP that the partner does not have yet. Held: a person decides which of the two it will be."""

    document_id: DocumentId
    agreement_id: AgreementId
    message_id: MessageRowId | None
    """The stored receipt; ``None`` while it is held."""
    held: bool
    created_at: datetime
