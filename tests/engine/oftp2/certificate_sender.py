"""What the tests of received certificate files share: Bravo sends them to Alpha in real sessions, a person of Alpha decides."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from counterseal.domain.channel import SCXType
from counterseal.domain.document import Direction, Document, DocumentKind, DocumentState, Message, MessageKind
from counterseal.domain.offer import Offer, OfferedCertificate
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.virtual_file import RecordFormat, VirtualFile
from counterseal.domain.work import WorkKind
from counterseal.engine import certificates, documents, offers
from counterseal.engine.ports import Window
from counterseal.engine.worker import PERFORMERS
from counterseal.kernel.ids import DocumentId
from tests import builders as b
from tests.configurations import key_file
from tests.engine.oftp2.pair import USAGES, Gateway, Session, two_gateways
from tests.gateway import ADMINISTRATOR

NEXT = b.mint("Bravo", key=b.rsa_key(3), serial=77)
NAMES = {
    SCXType.REQUEST: "ODETTE_CERTIFICATE_REQUEST",
    SCXType.DELIVER: "ODETTE_CERTIFICATE_DELIVER",
    SCXType.REPLACE: "ODETTE_CERTIFICATE_REPLACE",
}


@contextmanager
def alpha_and_bravo(folder: Path, **terms: Any) -> Iterator[tuple[Gateway, Gateway]]:
    """Both prove their keys in every session unless told otherwise."""
    with two_gateways(folder, **({"secure_authentication": True} | terms)) as (alpha, bravo):
        prepare(bravo, NEXT)
        yield alpha, bravo


def prepare(bravo: Gateway, minted: b.Minted) -> None:
    """Bravo can decrypt with a certificate before it tells anybody of it."""
    held = certificates.import_key_file(
        bravo.ports, ADMINISTRATOR, bravo.agreement.community_id, content=key_file(minted, ""), password=None
    )
    rows = [
        b.an_assignment(
            community_id=bravo.agreement.community_id,
            agreement_id=bravo.agreement.id,
            side=Side.OURS,
            usage=usage,
            fingerprint=held.fingerprint,
            state=AssignmentState.STAGED,
        )
        for usage in USAGES
    ]
    with bravo.ports.store.write() as writer:
        writer.put(*rows)


def queue(
    bravo: Gateway,
    content: bytes,
    kind: SCXType = SCXType.DELIVER,
    *,
    name: str = "",
    description: str = "",
    **wishes: Any,
) -> Document:
    """Bravo's next file, whatever is in it."""
    file = VirtualFile(
        dataset_name=name or NAMES[kind],
        format=RecordFormat.UNSTRUCTURED,
        description=description,
        **({"sign": False, "compress": False, "encrypt": False, "receipt_signed": False} | wishes),
    )
    payload, size, digest = documents.store_payload(bravo.ports, (content,) if content else ())
    document = Document(
        id=DocumentId(bravo.ports.entropy.new_id()),
        community_id=bravo.agreement.community_id,
        agreement_id=bravo.agreement.id,
        direction=Direction.OUT,
        kind=DocumentKind.SCX,
        state=DocumentState.QUEUED,
        file_name="",
        content_type="application/pkix-cert",
        size=size,
        digest=digest,
        payload=payload,
        virtual_file=file,
        created_by="tester",
        created_at=bravo.ports.clock.now(),
    )
    with bravo.ports.store.write() as writer:
        documents.queue(bravo.ports, writer, document, bravo.agreement)
    bravo.work()
    return document


def bring(alpha: Gateway, bravo: Gateway, content: bytes, kind: SCXType = SCXType.DELIVER, **more: Any) -> Document:
    """The file in a session that Bravo opens; Bravo's document."""
    sent = queue(bravo, content, kind, **more)
    Session(bravo, alpha).run()
    return bravo.document(sent)


def offer_of(alpha: Gateway) -> tuple[Offer, OfferedCertificate]:
    """The latest."""
    with alpha.ports.store.read() as reader:
        offer = reader.offers(alpha.agreement.community_id, window=Window(limit=1))[0]
        (offered,) = reader.offered((offer.id,))
        return offer, offered


def accept(alpha: Gateway) -> None:
    offers.accept(alpha.ports, ADMINISTRATOR, offer_of(alpha)[0].id, offered_ids=None)
    answer(alpha)


def reject(alpha: Gateway, reason: str) -> None:
    offers.reject(alpha.ports, ADMINISTRATOR, offer_of(alpha)[0].id, offered_ids=None, reason=reason)
    answer(alpha)


def answer(alpha: Gateway) -> None:
    """Performs the answers that are due."""
    rows = alpha.ports.store.claim(
        now=alpha.ports.clock.now(), owner="test", lease=timedelta(minutes=1), limit=50, kinds={WorkKind.ANSWER_OFFER}
    )
    for row in rows:
        asyncio.run(PERFORMERS[row.kind](alpha.ports, row))  # type: ignore[arg-type]  # a coroutine function


def receipts(bravo: Gateway, document: Document) -> list[str]:
    """What Bravo heard about its file."""
    with bravo.ports.store.read() as reader:
        found = reader.messages(document.id)
    return [m.disposition for m in found if m.kind in {MessageKind.EERP, MessageKind.NERP}]


def file_message(gateway: Gateway, document: Document) -> Message:
    with gateway.ports.store.read() as reader:
        return next(m for m in reader.messages(document.id) if m.kind is MessageKind.OFTP2_FILE)


def theirs(alpha: Gateway, usage: Usage = Usage.FILE_SIGN) -> dict[str, AssignmentState]:
    """States of Bravo's certificates at Alpha."""
    with alpha.ports.store.read() as reader:
        found = reader.assignments(agreement_id=alpha.agreement.id, side=Side.THEIRS)
    new = NEXT.certificate.fingerprint
    return {"next" if a.fingerprint == new else "old": a.state for a in found if a.usage is usage}


def change_agreement(gateway: Gateway, **exchange: Any) -> None:
    with gateway.ports.store.write() as writer:
        agreement = writer.agreement(gateway.agreement.id)
        gateway.agreement = replace(agreement, exchange=replace(agreement.exchange, **exchange))
        writer.put(gateway.agreement)
