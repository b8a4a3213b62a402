"""What the tests of our certificate files share: Finish for Alpha's agreement, and what became of it."""

from dataclasses import replace
from datetime import timedelta

from counterseal.domain.assignment import Assignment
from counterseal.domain.channel import SCXType
from counterseal.domain.community import CutoverRule
from counterseal.domain.document import Direction, Document, DocumentKind, MessageKind
from counterseal.domain.exchange import Exchange
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.engine import certificates, scx_outbound, trust_requests
from counterseal.engine.ports import Window
from counterseal.engine.views.sent import TrustRequestView, trust_request
from counterseal.kernel.ids import Fingerprint
from tests import builders as b
from tests.configurations import key_file
from tests.engine.oftp2.certificate_partner import (
    work,
)
from tests.engine.oftp2.pair import USAGES, Gateway
from tests.gateway import ADMINISTRATOR, clock_of

NEW = b.mint("Alpha", key=b.rsa_key(2), serial=4711)
USED = frozenset(USAGES)
MANY_DAYS = timedelta(days=9)


def hold(gateway: Gateway, minted: b.Minted = NEW) -> Fingerprint:
    community = gateway.agreement.community_id
    held = certificates.import_key_file(
        gateway.ports, ADMINISTRATOR, community, content=key_file(minted, ""), password=None
    )
    return held.fingerprint


def start(
    gateway: Gateway,
    kind: SCXType = SCXType.DELIVER,
    *,
    usages: frozenset[Usage] = USED,
    minted: b.Minted = NEW,
    days: float = 14,
    worked: bool = True,
) -> TrustRequest:
    """Finish, an hour after the agreement was made, for a certificate that is held; the worker then makes the file."""
    clock_of(gateway.ports).pass_time(timedelta(hours=1))
    order = trust_requests.Start(
        community_id=gateway.agreement.community_id,
        source=trust_requests.StoredCertificate(fingerprint=hold(gateway, minted)),
        usages=usages,
        cem=(),
        scx=(gateway.agreement.id,),
        scx_type=kind,
        respond_by=gateway.ports.clock.now() + timedelta(days=days),
        time_zone="UTC",
        draft_id=None,
    )
    made = trust_requests.start(gateway.ports, ADMINISTRATOR, order)
    if worked:
        work(gateway)
    return made


def assignments(gateway: Gateway) -> list[Assignment]:
    with gateway.ports.store.read() as reader:
        return reader.assignments(agreement_id=gateway.agreement.id, side=Side.OURS)


def ours(gateway: Gateway, usage: Usage = Usage.FILE_SIGN) -> dict[str, AssignmentState]:
    """States of our certificates in this usage."""
    new = NEW.certificate.fingerprint
    return {"new" if a.fingerprint == new else "old": a.state for a in assignments(gateway) if a.usage is usage}


def files(gateway: Gateway) -> list[Document]:
    return [d for d in gateway.documents(Direction.OUT) if d.kind is DocumentKind.SCX][::-1]


def event_names(gateway: Gateway) -> list[str]:
    gateway.ports.store.seal()
    with gateway.ports.store.read() as reader:
        return [entry.event.event for entry in reader.audit(window=Window(limit=500))][::-1]


def finding_codes(gateway: Gateway) -> set[str]:
    """Of all receipts for our files."""
    sent = files(gateway)
    with gateway.ports.store.read() as reader:
        return {f.code for d in sent for m in reader.messages(d.id) for f in m.findings}


def signer_of(gateway: Gateway, document: Document) -> Fingerprint | None:
    """Of the file that was made of it last."""
    with gateway.ports.store.read() as reader:
        made = [m for m in reader.messages(document.id) if m.kind is MessageKind.OFTP2_FILE]
    return made[-1].signer


def change_rule(gateway: Gateway, rule: CutoverRule | None) -> None:
    agreement = gateway.agreement
    with gateway.ports.store.write() as writer:
        writer.put(replace(agreement, exchange=replace(agreement.exchange, cutover=rule)))


def shown(gateway: Gateway, request: TrustRequest) -> TrustRequestView:
    """As the Sent page shows it."""
    with gateway.ports.store.read() as reader:
        community = reader.community(gateway.agreement.community_id)
        return trust_request(reader, community, request.number, now=gateway.ports.clock.now())


def asked(gateway: Gateway) -> list[Exchange]:
    with gateway.ports.store.read() as reader:
        return scx_outbound.open_requests(reader, gateway.agreement.id)


def bring(gateway: Gateway, fingerprint: str) -> None:
    """A Deliver came in, as the receiving half tells it."""
    with gateway.ports.store.write() as writer:
        newest = scx_outbound.open_requests(writer, gateway.agreement.id)[0]
        scx_outbound.deliver_came(writer, newest, Fingerprint(fingerprint), gateway.ports.clock.now())


STAGED = {"old": AssignmentState.ACTIVE, "new": AssignmentState.STAGED}
CHANGED = {"old": AssignmentState.RETIRING, "new": AssignmentState.ACTIVE}
