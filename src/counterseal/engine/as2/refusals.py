"""A receipt that says that our signature or our encryption could not be used, in the words of ``healing``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from counterseal.domain.document import Document, DocumentState, Message
from counterseal.domain.usage import Usage
from counterseal.engine import healing
from counterseal.engine.ports import Ports, Writer
from counterseal.engine.relationship import Relationship
from counterseal.protocols.as2.disposition import parse_disposition

USAGES: Final[Mapping[str, Usage]] = {
    # RFC 4130 7.5.4: extension     what of ours could not be used
    "authentication-failed": Usage.SIGN,
    "integrity-check-failed": Usage.SIGN,  # what some products say of a signature that their certificate does not verify
    "decryption-failed": Usage.ENCRYPT,
}


def usage_of(receipt: Message) -> Usage | None:
    """What a stored receipt says could not be verified or decrypted; ``None`` for every other receipt."""
    said = parse_disposition(receipt.disposition, fields={}, leniencies=set())
    return None if said is None or said.positive else USAGES.get(said.extension.lower())


def hear(
    ports: Ports,
    writer: Writer,
    around: Relationship,
    document: Document,
    sent: Message,
    receipt: Message,
    *,
    answered_on: str,
    now: datetime,
) -> None:
    """Tells ``healing`` of a receipt that made ``document`` rejected. ``answered_on`` is the URL to which we had posted when the
    receipt came as its answer, empty for one that was posted to us.

    Authentic is what a certificate of theirs signed. Where no signed receipts are agreed, an answer on a TLS connection that we
    opened is as much as the agreement allows; a receipt that anybody can post, or change on the way, never counts.
    """
    usage = usage_of(receipt)
    if usage is None or document.state is not DocumentState.REJECTED:
        return
    on_tls = answered_on.startswith("https://") and not around.agreement.as2.receipt_signed
    refusal = healing.Refusal(
        document_id=document.id, sent=sent, usage=usage, authenticated=receipt.signer is not None or on_tls
    )
    healing.hear(ports, writer, refusal, usage_of, now)
