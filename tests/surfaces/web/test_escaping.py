"""What partners and people choose is text on every page, never markup."""

import re
from dataclasses import replace

from counterseal.domain.document import DocumentState
from counterseal.engine.ports import Ports
from counterseal.kernel.finding import Finding, Severity
from tests import builders
from tests.builders import NOW
from tests.surfaces.web.gateway import HOSTILE, Browser, put
from tests.surfaces.web.scene import fill
from tests.surfaces.web.test_pages import crawl


def test_hostile_names_reasons_and_ids_stay_text_everywhere(ports: Ports, admin: Browser) -> None:
    scene = fill(ports, partner_names=(HOSTILE, "B" + HOSTILE, "C"), reason=HOSTILE)
    finding = Finding(code="x.y", severity=Severity.WARNING, subject=HOSTILE, text=HOSTILE)
    document = replace(
        scene.documents[4],
        file_name=HOSTILE,
        subject=HOSTILE,
        content_type=HOSTILE,
        reason=HOSTILE,
        findings=(finding,),
        state=DocumentState.REJECTED,
    )
    message = builders.a_message(
        community_id=scene.community.id,
        document_id=document.id,
        agreement_id=document.agreement_id,
        wire_id=HOSTILE,
        disposition=HOSTILE,
        mic=HOSTILE,
        layers=(HOSTILE,),
        findings=(finding,),
    )
    transfer = builders.a_transfer(
        message_id=message.id, document_id=document.id, status=HOSTILE, detail=HOSTILE, remote=HOSTILE
    )
    offered = [replace(o, findings=(finding,), issuer_name=HOSTILE, serial_text=HOSTILE) for o in scene.offered]
    partners = [replace(p, note=HOSTILE, contact_name=HOSTILE) for p in scene.partners]
    put(ports, document, message, transfer, *offered, *partners)
    event = builders.an_audit_event(at=NOW, subject=HOSTILE, facts={HOSTILE: HOSTILE})
    with ports.store.write() as writer:
        writer.record(event)
    ports.store.seal()
    pages = 0
    for path in sorted(crawl(admin, "/")):
        answer = admin.client.get(path, follow_redirects=True)
        if answer.headers["content-type"].startswith("text/html"):
            pages += 1
            assert "<img src=x" not in answer.text, path
            assert "<script>alert" not in answer.text, path
            assert not re.search(r'="[^"<>]*<script', answer.text), path
    assert pages > 40


def test_a_spreadsheet_gets_no_formula_from_a_partner(ports: Ports, admin: Browser) -> None:
    scene = fill(ports, partner_names=("=HYPERLINK(1)", "+1", "@x"), reason="-2+3")
    text = admin.get(f"{scene.base}/sent/{scene.request.number}/lines.csv")
    assert "'=HYPERLINK(1)" in text
    assert "'+1" in text
    assert "\n=" not in text


def test_a_hostile_search_is_shown_as_it_was_typed(ports: Ports, admin: Browser) -> None:
    scene = fill(ports)
    for place in ("sent", "received", "documents", "certificates"):
        page = admin.get(f"{scene.base}/{place}", q=HOSTILE)
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
