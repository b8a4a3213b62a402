"""Inbound documents on their way to the backend: at least once, always the same id and bytes."""

from counterseal.domain.document import DocumentState, HandedOver
from counterseal.domain.work import Work
from counterseal.engine.outcome import settle
from counterseal.engine.ports import Delivery, Ports
from counterseal.engine.relationship import gather
from counterseal.kernel.ids import AgreementId, DocumentId


def hand_over(ports: Ports, row: Work) -> None:
    """Performs a ``hand-over`` row. Raises ``BackendUnavailable``, after which the row is tried again."""
    with ports.store.read() as reader:
        document = reader.document(DocumentId(row.subject))
        around = gather(reader, AgreementId(document.agreement_id or ""))
        message_id = next((m.wire_id for m in reader.messages(document.id)), "")
    if document.state is DocumentState.RECEIVED:
        ports.backend.deliver(
            Delivery(
                document=document,
                community=around.community,
                partner=around.partner,
                agreement=around.agreement,
                message_id=message_id,
                content=ports.blobs.read,
            )
        )
    with ports.store.write() as writer:
        settle(writer, writer.document(document.id), HandedOver(), ports.clock.now())
        writer.complete(row)
