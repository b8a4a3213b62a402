"""OFTP2 in the console: sessions, held receipts, calls, the story of a file that was cut, and the agreement's form."""

import pytest

from counterseal.domain.oftp_session import SessionOutcome
from counterseal.domain.people import Role
from counterseal.domain.usage import Protocol, Side
from counterseal.domain.work import WorkKind
from counterseal.engine.ports import Ports
from counterseal.kernel.ids import ListenerId
from tests.builders import a_held_certificate, a_sealed_key, mint, rsa_key
from tests.surfaces.web.gateway import Browser, add_user, browser, put
from tests.surfaces.web.oftp2_scene import Added, fill_oftp2
from tests.surfaces.web.scene import Scene, fill
from tests.surfaces.web.test_guard import contents


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


@pytest.fixture
def added(ports: Ports, scene: Scene) -> Added:
    return fill_oftp2(ports, scene)


def test_the_list_tells_outcome_reason_and_who_called(admin: Browser, scene: Scene, added: Added) -> None:
    text = admin.get(f"{scene.base}/sessions")
    for words in (
        "Running",
        "Ended",
        "Broken off",
        "No answer",
        "Refused",
        "The partner closed the connection.",
        "They pad SSID with NUL.",
        "a stranger",
        "1 receipt waits for a person",
        "ORDERS.4711",
    ):
        assert words in text
    only = admin.get(f"{scene.base}/sessions", agreement=added.agreement.id)
    assert "OFTP2 sessions with Delphin Coatings SA" in only
    assert "a stranger" not in only
    admin.get(f"{scene.base}/sessions", status=404, agreement="nothing")


def test_a_session_tells_what_it_moved(admin: Browser, scene: Scene, added: Added) -> None:
    clean = admin.get(f"{scene.base}/sessions/{added.sessions[SessionOutcome.CLEAN].id}")
    assert f"{scene.base}/documents/{added.resumed.id}" in clean
    assert "from octet 1,159,168" in clean
    broken = admin.get(f"{scene.base}/sessions/{added.sessions[SessionOutcome.BROKEN].id}")
    assert "what was under way goes on in a later session" in broken
    assert "They pad SSID with NUL." in broken


def test_a_session_of_another_community_is_not_shown(ports: Ports, admin: Browser, scene: Scene, added: Added) -> None:
    admin.post("/communities/new", {"name": "Other", "slug": "other", "time_zone": "Europe/Berlin"})
    admin.get(f"/c/other/sessions/{added.sessions[SessionOutcome.CLEAN].id}", status=404)
    assert "CAD.77210A" not in admin.get("/c/other/sessions")


def test_a_document_tells_session_file_restart_and_receipt(admin: Browser, scene: Scene, added: Added) -> None:
    text = admin.get(f"{scene.base}/documents/{added.resumed.id}")
    for words in ("Virtual file", "CAD.77210A", "U, unstructured", "bow limb, left", "EERP", "Receipt carried"):
        assert words in text
    assert "This session sent it from octet 1,159,168 on." in text
    assert f"{scene.base}/sessions/{added.sessions[SessionOutcome.BROKEN].id}" in text
    assert "Hash that we computed" in text
    assert "CAD.77210A 20260302 1200000001 O0013000001ALPHA" in text
    assert "Message id" not in text


def test_a_file_that_was_cut_shows_how_far_it_is(admin: Browser, scene: Scene, added: Added) -> None:
    text = admin.get(f"{scene.base}/documents/{added.cut.id}")
    assert "1.3 MB of 3.0 MB on the wire" in text
    assert "near octet 1,300,000" in text
    assert "How much" not in admin.get(f"{scene.base}/documents/{added.resumed.id}")


def test_a_held_receipt_is_asked_about_and_needs_a_reason_to_be_rejected(
    ports: Ports, admin: Browser, scene: Scene, added: Added
) -> None:
    path = f"{scene.base}/documents/{added.held.id}"
    assert "The receipt waits for a person" in admin.get(path)
    assert "cannot be called back" in admin.get(f"{path}/release-receipt")
    before = contents(ports)
    refused = admin.post(f"{path}/reject-receipt", {"reason": " "}, form=f"{path}/reject-receipt")
    assert (refused.status_code, "Say why: the partner reads it." in refused.text) == (422, True)
    long = admin.post(f"{path}/reject-receipt", {"reason": "x" * 901}, form=f"{path}/reject-receipt")
    assert (long.status_code, "Use at most 900 characters" in long.text) == (422, True)
    assert contents(ports) == before


def test_home_names_a_held_receipt(admin: Browser, scene: Scene, added: Added) -> None:
    text = admin.get(scene.base)
    assert "ORDERS.4711 from Delphin Coatings SA waits for its receipt" in text
    assert f"{scene.base}/documents/{added.held.id}" in text


def test_an_agreement_without_certificates_says_what_is_missing(admin: Browser, scene: Scene, added: Added) -> None:
    text = admin.get(f"{scene.base}/agreements/{added.agreement.id}")
    assert "There is no certificate of ours to sign files with." in text
    assert "There is no certificate of theirs to verify receipts with." in text
    assert "secure authentication." not in text
    assert "Send a document" not in text


def test_a_document_without_a_held_receipt_is_not_decided_on(admin: Browser, scene: Scene, added: Added) -> None:
    path = f"{scene.base}/documents/{added.resumed.id}"
    assert "does not wait for a decision" in admin.get(f"{path}/release-receipt", status=409)
    assert admin.post(f"{path}/release-receipt").status_code == 409


def test_call_now_queues_one_call(ports: Ports, admin: Browser, scene: Scene, added: Added) -> None:
    path = f"{scene.base}/agreements/{added.agreement.id}"
    assert "Call them now" in admin.get(path)
    assert admin.post(f"{path}/call").headers["location"].endswith(f"/sessions?agreement={added.agreement.id}")
    with ports.store.read() as reader:
        rows = reader.work(kinds={WorkKind.CALL_PARTNER})
    assert [row.facts["why"] for row in rows] == ["person"]
    assert admin.post(f"{scene.base}/agreements/{scene.agreements[0].id}/call").status_code == 409


def test_who_may_not_send_documents_sees_no_button_for_it(ports: Ports, scene: Scene, added: Added) -> None:
    viewer = browser(ports, add_user(ports, Role.VIEWER))
    text = viewer.get(f"{scene.base}/sessions")
    assert "ORDERS.4711" in text
    assert "Release" not in text
    assert "Call" not in text.replace("Called by", "")
    viewer.client.close()


FORM = {
    "partner_identity": "O0013000003FOXGLOVE",
    "host": "oftp.foxglove.example",
    "port": "6619",
    "our_password": "ALPHAPW",
    "their_password": "FOXPW",
    "cipher_suite": "4",
    "poll_every": "2h",
    "dataset_names": "ORDERS*, INVOIC*",
    "retries": "30s, 2m",
    "active": "true",
    "tls": "true",
    "sign": "true",
    "encrypt": "true",
    "may_call": "true",
    "require_signed": "true",
    "exchange.mode": "renewals",
}


def test_an_agreement_is_made_shown_and_changed(ports: Ports, admin: Browser, scene: Scene, added: Added) -> None:
    form = f"{scene.base}/partners/{scene.partners[3].slug}/agreements/new-oftp2"
    made = admin.post(form, FORM | {"station": added.station.id})
    assert made.status_code == 303, made.text
    shown = admin.get(made.headers["location"])
    for words in ("oftp.foxglove.example:6619", "suite 04", "ORDERS*", "ours is stored, theirs is stored", "every 120"):
        assert words in shown
    assert "ALPHAPW" not in shown
    agreement_id = made.headers["location"].rpartition("/")[2]
    with ports.store.read() as reader:
        stored = next(a for a in reader.agreements(scene.community.id) if a.id == agreement_id)
    assert (stored.protocol, stored.oftp2.ssid_code) == (Protocol.OFTP2, "O0013000003FOXGLOVE")
    assert not stored.oftp2.compress
    edit = f"{scene.base}/agreements/{agreement_id}/edit-oftp2"
    page = admin.get(edit)
    assert "One is stored; left empty it stays." in page
    assert "PW" not in page.replace("SSIDPSWD", "")
    changed = admin.post(edit, FORM | {"our_password": "", "their_password": "", "cipher_suite": "6"}, form=edit)
    assert changed.status_code == 303
    with ports.store.read() as reader:
        after = next(a for a in reader.agreements(scene.community.id) if a.id == agreement_id)
    assert after.oftp2.cipher_suite == 6
    assert after.oftp2.our_password_sealed == stored.oftp2.our_password_sealed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("host", ""),
        ("host", "two words"),
        ("port", "0"),
        ("partner_identity", "o-lower-case"),
        ("partner_identity", "O" * 26),
        ("cipher_suite", "7"),
        ("credit", "1"),
        ("buffer_bytes", "127"),
        ("poll_every", "soon"),
        ("scx_rule", "guess"),
        ("station", "nothing"),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_is_stored(
    ports: Ports, admin: Browser, scene: Scene, added: Added, name: str, text: str
) -> None:
    before = contents(ports)
    form = f"{scene.base}/partners/{scene.partners[3].slug}/agreements/new-oftp2"
    answer = admin.post(form, FORM | {"station": added.station.id, "ssid_code": "O0013000003FOXGLOVE", name: text})
    assert answer.status_code == 422
    assert f'id="{name}-e"' in answer.text
    assert "ALPHAPW" not in answer.text
    assert contents(ports) == before


def test_the_as2_form_of_an_oftp2_agreement_leads_to_its_own(admin: Browser, scene: Scene, added: Added) -> None:
    path = f"{scene.base}/agreements/{added.agreement.id}/edit"
    assert admin.client.get(path).headers["location"] == f"{path}-oftp2"
    admin.get(f"{scene.base}/agreements/{scene.agreements[0].id}/edit-oftp2", status=404)


def test_a_file_is_sent_with_its_dataset_name(ports: Ports, admin: Browser, scene: Scene, added: Added) -> None:
    data = {"agreement": added.agreement.id, "dataset_name": "ORDERS.4712", "description": "two items"}
    sent = admin.post(f"{scene.base}/documents/new", data, files={"file": ("o.edi", b"UNB+UNOC:3'")})
    assert sent.status_code == 303, sent.text
    with ports.store.read() as reader:
        document = reader.document(sent.headers["location"].rpartition("/")[2])
    assert document.virtual_file is not None
    assert (document.virtual_file.dataset_name, document.virtual_file.description) == ("ORDERS.4712", "two items")
    wrong = admin.post(
        f"{scene.base}/documents/new", data | {"dataset_name": "lower case"}, files={"file": ("o.edi", b"UNB'")}
    )
    assert wrong.status_code == 422


def test_a_listener_is_given_a_certificate_with_its_key(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = f"{scene.base}/listeners"
    assert "takes no call" in admin.get(path)
    assert "Present this one" not in admin.get(path)  # no certificate of the scene has its key here
    key = a_sealed_key(community_id=scene.community.id)
    server = mint("oftp.alpha.example", key=rsa_key(2))
    own = a_held_certificate(
        community_id=scene.community.id, certificate=server.certificate, side=Side.OURS, key_id=key.id
    )
    put(ports, key, own)
    fingerprint = server.certificate.fingerprint
    none = admin.post(path, {"listener": "oftp2-tls", "certificate": ""}, form=path)
    assert (none.status_code, 'id="certificate-oftp2-tls-e"' in none.text) == (422, True)
    old = admin.post(path, {"listener": "oftp2-tls", "certificate": scene.old.certificate.fingerprint}, form=path)
    assert (old.status_code, "private key is here" in old.text) == (422, True)
    assert admin.post(path, {"listener": "oftp2-tls", "certificate": fingerprint}, form=path).status_code == 303
    with ports.store.read() as reader:
        (assignment,) = reader.assignments(listener_id=ListenerId("oftp2-tls"))
    assert assignment.fingerprint == fingerprint
    assert "oftp.alpha.example" in admin.get(path)
    viewer = browser(ports, add_user(ports, Role.VIEWER))
    assert "Present this one" not in viewer.get(path)
    viewer.client.close()
