"""Documents in the console: list, story, sending, again, cancelled, payload."""

import pytest

from counterseal.domain.document import Direction, Document, DocumentState
from counterseal.domain.people import Role
from counterseal.engine.ports import Ports, Window
from tests.surfaces.web.gateway import Browser, add_user, browser
from tests.surfaces.web.scene import PAYLOAD, Scene, fill


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


def by_state(scene: Scene, state: DocumentState) -> Document:
    return next(d for d in scene.documents if d.state is state)


def test_the_list_has_a_tab_per_state_with_its_count(admin: Browser, scene: Scene) -> None:
    page = admin.get(f"{scene.base}/documents")
    assert "Delivered with a difference" in page
    failed = admin.get(f"{scene.base}/documents", state="failed")
    assert "ORDERS_4500098107.edi" in failed
    assert "ORDERS_4500098103.edi" not in failed


def test_the_list_is_searched_by_direction_and_text(admin: Browser, scene: Scene) -> None:
    assert "ORDERS_4500098103.edi" not in admin.get(f"{scene.base}/documents", direction="in")
    assert "No document fits" in admin.get(f"{scene.base}/documents", q="nothing of this name")


def test_a_nonsense_filter_filters_nothing(admin: Browser, scene: Scene) -> None:
    page = admin.get(f"{scene.base}/documents", state="purple", page="-3", kind="x")
    assert "ORDERS_4500098103.edi" in page


def test_the_story_shows_attempts_receipt_and_equal_digests(admin: Browser, scene: Scene) -> None:
    page = admin.get(f"{scene.base}/documents/{by_state(scene, DocumentState.DELIVERED).id}")
    for text in (
        "Attempt 1: did not get through",
        "Attempt 2: sent",
        "Returned MIC",
        "equal",
        "ours, signed with".capitalize(),
    ):
        assert text in page


def test_a_differing_digest_is_said(admin: Browser, scene: Scene) -> None:
    page = admin.get(f"{scene.base}/documents/{by_state(scene, DocumentState.DELIVERED_DIFFERENT).id}")
    assert "differs from ours" in page


def test_a_document_is_sent_from_the_form(ports: Ports, admin: Browser, scene: Scene) -> None:
    agreement = scene.agreements[0]
    answer = admin.post(
        f"{scene.base}/documents/new",
        {"agreement": agreement.id, "subject": "an order"},
        files={"file": ("orders.edi", PAYLOAD, "application/octet-stream")},
    )
    assert answer.status_code == 303
    assert "orders.edi" in admin.get(answer.headers["location"])
    with ports.store.read() as reader:
        made = reader.documents(community_id=scene.community.id, window=Window(), search="an order")[0]
    assert made.direction is Direction.OUT
    assert made.size == len(PAYLOAD)


@pytest.mark.parametrize(
    ("agreement", "files", "field"),
    [
        ("", {"file": ("x.edi", b"x")}, "agreement"),
        ("none", {"file": ("x.edi", b"x")}, "agreement"),
        (0, None, "file"),
        (0, {"file": ("x.edi", b"")}, "agreement"),
    ],
)
def test_what_cannot_be_sent_marks_its_field(
    ports: Ports, admin: Browser, scene: Scene, agreement: object, files: object, field: str
) -> None:
    wanted = scene.agreements[agreement].id if isinstance(agreement, int) else agreement
    with ports.store.read() as reader:
        before = reader.count_documents(community_id=scene.community.id)
    answer = admin.post(f"{scene.base}/documents/new", {"agreement": wanted}, files=files)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    with ports.store.read() as reader:
        assert reader.count_documents(community_id=scene.community.id) == before


def test_sending_again_and_cancelling_ask_first(ports: Ports, admin: Browser, scene: Scene) -> None:
    failed = by_state(scene, DocumentState.FAILED)
    path = f"{scene.base}/documents/{failed.id}"
    assert "the same message id and bytes" in admin.get(f"{path}/resend")
    with ports.store.read() as reader:
        assert reader.document(failed.id).state is DocumentState.FAILED
    assert admin.post(f"{path}/resend").status_code == 303
    with ports.store.read() as reader:
        assert reader.document(failed.id).state is DocumentState.QUEUED
    assert "What has left already" in admin.get(f"{path}/cancel")
    assert admin.post(f"{path}/cancel").status_code == 303
    with ports.store.read() as reader:
        assert reader.document(failed.id).state is DocumentState.CANCELLED


def test_a_payload_is_a_download_that_no_browser_renders(admin: Browser, scene: Scene) -> None:
    document = by_state(scene, DocumentState.DELIVERED)
    answer = admin.client.get(f"{scene.base}/documents/{document.id}/payload")
    assert answer.content == PAYLOAD
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="ORDERS_')


def test_a_viewer_gets_no_payload(ports: Ports, scene: Scene) -> None:
    viewer = browser(ports, add_user(ports, Role.VIEWER))
    viewer.get(f"{scene.base}/documents/{scene.documents[0].id}/payload", status=403)
    viewer.client.close()
