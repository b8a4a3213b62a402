"""The Received page of SCX: what a decision sends, and the Replace that a person takes back."""

import pytest

from counterseal.domain.channel import SCXType
from counterseal.domain.document import Direction, DocumentKind, DocumentState
from counterseal.domain.offer import Offer
from counterseal.domain.unfinished import OwedReceipt
from counterseal.domain.usage import AssignmentState, Side, Usage
from counterseal.domain.virtual_file import VirtualFile
from counterseal.engine import certificates, scx_inbound
from counterseal.engine.ports import Ports
from counterseal.engine.relationship import gather
from counterseal.engine.translate import scx_inbound as translate
from counterseal.kernel.ids import Fingerprint
from tests import builders as b
from tests.gateway import ADMINISTRATOR
from tests.surfaces.web.gateway import Browser
from tests.surfaces.web.oftp2_scene import Added, fill_oftp2
from tests.surfaces.web.scene import Scene, fill

OLD = b.mint("Delphin", key=b.rsa_key(11), serial=1)
NEW = b.mint("Delphin", key=b.rsa_key(12), serial=2)


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


@pytest.fixture
def added(ports: Ports, scene: Scene) -> Added:
    return fill_oftp2(ports, scene)


def came(ports: Ports, added: Added, kind: SCXType) -> Offer:
    """A file with the successor of the certificate in use."""
    agreement, now = added.agreement, ports.clock.now()
    held = certificates.add_partner_certificate(ports, ADMINISTRATOR, agreement.partner_id, content=OLD.der)
    uses = frozenset({Usage.FILE_SIGN, Usage.FILE_ENCRYPT})
    certificates.assign(ports, ADMINISTRATOR, agreement.id, side=Side.THEIRS, usages=uses, fingerprint=held.fingerprint)
    document = b.a_document(
        community_id=agreement.community_id,
        agreement_id=agreement.id,
        direction=Direction.IN,
        kind=DocumentKind.SCX,
        state=DocumentState.RECEIVED,
        file_name=f"ODETTE_CERTIFICATE_{kind.value.upper()}",
        virtual_file=VirtualFile(dataset_name=f"ODETTE_CERTIFICATE_{kind.value.upper()}"),
    )
    owed = OwedReceipt(document_id=document.id, agreement_id=agreement.id, message_id=None, held=True, created_at=now)
    content = translate.read(NEW.der, document.id, size=len(NEW.der))
    with ports.store.write() as writer:
        writer.put(document, owed)
        around = gather(writer, agreement.id)
        outcome = scx_inbound.receive(ports, writer, around, document, content, kind=kind, authenticated=True, now=now)
    assert outcome.pending
    return outcome.offer


def state(ports: Ports, added: Added, fingerprint: Fingerprint) -> AssignmentState:
    with ports.store.read() as reader:
        rows = reader.assignments(agreement_id=added.agreement.id, side=Side.THEIRS, usage=Usage.FILE_SIGN)
    return max((a for a in rows if a.fingerprint == fingerprint), key=lambda a: a.created_at).state


def test_a_replace_says_what_it_ends_and_can_be_taken_back(
    ports: Ports, admin: Browser, scene: Scene, added: Added
) -> None:
    offer = came(ports, added, SCXType.REPLACE)
    path = f"{scene.base}/received/{offer.id}"
    before = admin.get(path)
    for words in (
        "SCX Replace",
        "The session proved its sender.",
        "EERP, accepted",
        "out of service with this partner",
    ):
        assert words in before
    assert "CEM response" not in before
    assert "Put the old one back" not in before
    assert "1 receipt waits" in admin.get(f"{scene.base}/sessions"), "the certificate file is not among them"

    admin.post(path, {"decision": "accept"})
    old, new = OLD.certificate.fingerprint, NEW.certificate.fingerprint
    assert (state(ports, added, old), state(ports, added, new)) == (AssignmentState.RETIRED, AssignmentState.ACTIVE)
    assert "Put the old one back" in admin.get(path)

    admin.post(f"{path}/undo", {})
    assert (state(ports, added, old), state(ports, added, new)) == (AssignmentState.ACTIVE, AssignmentState.RETIRING)
    after = admin.get(path)
    assert "The old certificate is back" in after
    assert "Put the old one back" not in after
    admin.post(f"{path}/undo", {})
    assert "Nothing was taken back" in admin.get(path)


def test_a_request_says_that_our_certificates_follow(ports: Ports, admin: Browser, scene: Scene, added: Added) -> None:
    offer = came(ports, added, SCXType.REQUEST)
    text = admin.get(f"{scene.base}/received/{offer.id}")
    assert "SCX Request" in text
    assert "Our own current certificates follow." in text
    assert "Our own current certificates follow all the same." in text
