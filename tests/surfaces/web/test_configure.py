"""Forms for what is set up once: right input is stored, wrong input marks its field and stores nothing."""

from dataclasses import replace

import pytest

from counterseal.domain.agreement import Cipher, ReceiptMode
from counterseal.domain.community import HandlingMode
from counterseal.engine.ports import Ports
from tests.surfaces.web.gateway import Browser
from tests.surfaces.web.scene import Scene, fill
from tests.surfaces.web.test_guard import contents


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


def test_the_first_community_station_and_partner_are_made_from_empty(ports: Ports, admin: Browser) -> None:
    assert "Name your community" in admin.client.get("/", follow_redirects=True).text
    made = admin.post("/communities/new", {"name": "Alpha Arrows", "slug": "", "time_zone": "Europe/Berlin"})
    assert made.status_code == 303
    assert made.headers["location"] == "/c/alpha-arrows"
    assert "Give it a station" in admin.get("/c/alpha-arrows")
    station = {
        "protocol": "as2",
        "identity": "ALPHA",
        "name": "",
        "url": "https://as2.alpha.example/as2",
        "enabled": "true",
    }
    assert admin.post("/c/alpha-arrows/stations/new", station).status_code == 303
    assert (
        admin.post("/c/alpha-arrows/partners/new", {"name": "Quarz & Söhne"})
        .headers["location"]
        .endswith("/partners/quarz-sohne")
    )
    with ports.store.read() as reader:
        community = reader.find_community("alpha-arrows")
        assert community is not None
        assert community.time_zone == "Europe/Berlin"
        assert [s.identity for s in reader.stations(community.id)] == ["ALPHA"]
        assert reader.stations(community.id)[0].name == "ALPHA"


def test_an_agreement_is_made_and_changed(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = f"{scene.base}/partners/{scene.partners[0].slug}/agreements/new"
    data = {
        "station": scene.station.id,
        "partner_identity": "BRAVO NEW",
        "url": "https://bravo.example/as2",
        "cipher": "aes-256-gcm",
        "receipt": "async",
        "receipt_timeout": "2h",
        "sign": "true",
        "encrypt": "true",
        "require_signed": "true",
        "active": "true",
        "exchange.mode": "renewals",
        "exchange.enabled": "true",
    }
    made = admin.post(path, data)
    assert made.status_code == 303
    page = admin.get(made.headers["location"])
    assert "Documents cannot flow yet" in page
    with ports.store.read() as reader:
        agreement = reader.find_agreement(scene.station.id, "BRAVO NEW")
        assert agreement is not None
    assert agreement.as2.cipher is Cipher.AES256_GCM
    assert agreement.as2.receipt is ReceiptMode.ASYNC
    assert agreement.as2.require_encrypted is False
    assert agreement.exchange.mode is HandlingMode.RENEWALS
    changed = admin.post(
        f"{scene.base}/agreements/{agreement.id}/edit", data | {"receipt": "sync", "exchange.mode": ""}
    )
    assert changed.status_code == 303
    with ports.store.read() as reader:
        again = reader.agreement(agreement.id)
    assert again.as2.receipt is ReceiptMode.SYNC
    assert again.exchange.mode is None


WRONG = [
    ("/communities/new", {"name": ""}, "name"),
    ("/communities/new", {"name": "X", "slug": "Not A Slug"}, "slug"),
    ("/communities/new", {"name": "X", "time_zone": "Mars/Base"}, "time_zone"),
    ("/communities/new", {"name": "Alpha", "slug": "alpha"}, "slug"),
    ("/c/alpha/edit", {"name": "Alpha", "slug": "alpha", "contact_email": "nobody"}, "contact_email"),
    ("/c/alpha/edit", {"name": "Alpha", "slug": "alpha", "rules.minimum_rsa_bits": "many"}, "rules.minimum_rsa_bits"),
    ("/c/alpha/stations/new", {"protocol": "as2", "identity": ""}, "identity"),
    ("/c/alpha/stations/new", {"protocol": "as2", "identity": "ALPHA-ARROWS"}, "identity"),
    ("/c/alpha/stations/new", {"protocol": "as2", "identity": "NEW", "url": "gopher://x"}, "url"),
    ("/c/alpha/partners/new", {"name": ""}, "name"),
    ("/c/alpha/partners/new", {"name": "X", "slug": "partner-0"}, "slug"),
    ("/c/alpha/partners/partner-0/edit", {"name": "X", "slug": "partner-0", "contact_email": "@"}, "contact_email"),
    ("/c/alpha/partners/partner-0/agreements/new", {"station": "none", "partner_identity": "X"}, "station"),
    ("/people/new", {"name": "Not A Name", "role": "viewer"}, "name"),
    ("/people/new", {"name": "fine", "role": "emperor"}, "role"),
    ("/people/tokens/new", {"name": "", "scope": "view"}, "name"),
    ("/people/tokens/new", {"name": "erp"}, "scope"),
]


@pytest.mark.parametrize(("path", "data", "field"), WRONG)
def test_wrong_input_marks_its_field_and_stores_nothing(
    ports: Ports, admin: Browser, scene: Scene, path: str, data: dict[str, str], field: str
) -> None:
    before = contents(ports)
    answer = admin.post(path, data)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert "Nothing was stored." in answer.text
    assert "<title>Error: " in answer.text
    assert contents(ports) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"partner_identity": ""}, "partner_identity"),
        ({"partner_identity": "PARTNER-1"}, "partner_identity"),
        ({"url": "ftp://x"}, "url"),
        ({"receipt_timeout": "soon"}, "receipt_timeout"),
        ({"cipher": "rot13"}, "cipher"),
        ({"profile": "modern", "cipher": "3des-cbc"}, "terms"),
    ],
)
def test_a_wrong_agreement_marks_its_field(
    ports: Ports, admin: Browser, scene: Scene, changes: dict[str, str], field: str
) -> None:
    before = contents(ports)
    data = {"station": scene.station.id, "partner_identity": "FINE", "url": "https://x.example/as2"}
    answer = admin.post(f"{scene.base}/partners/partner-0/agreements/new", data | changes)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert contents(ports) == before


def test_what_was_typed_is_still_there_after_a_refusal(admin: Browser, scene: Scene) -> None:
    answer = admin.post(f"{scene.base}/partners/new", {"name": "", "contact_name": "Ms <Smith>", "note": "one\ntwo"})
    assert 'value="Ms &lt;Smith&gt;"' in answer.text
    assert "one\ntwo" in answer.text


def test_a_station_keeps_the_name_that_partners_rely_on(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = f"{scene.base}/stations/{scene.station.id}"
    assert admin.post(path, {"name": "moved", "url": "", "enabled": "true"}).status_code == 303
    assert admin.post(path, {"name": "moved", "identity": "OTHER"}).status_code == 422
    with ports.store.read() as reader:
        assert reader.station(scene.station.id) == replace(scene.station, name="moved", url="", email="")


def test_people_are_invited_switched_off_and_on(ports: Ports, admin: Browser) -> None:
    page = admin.post("/people/new", {"name": "jonas", "full_name": "Jonas Weber", "role": "operator"})
    assert page.status_code == 200
    assert "http://127.0.0.1:8080/once/" in page.text
    assert "shown once" in page.text
    assert "Switch Jonas Weber off?" in admin.get("/people/jonas/off")
    assert admin.post("/people/jonas/off").status_code == 303
    assert "is switched off" in admin.get("/people")
    assert admin.post("/people/jonas/on").status_code == 303
    with ports.store.read() as reader:
        jonas = reader.find_user("jonas")
        assert jonas is not None
        assert jonas.enabled


def test_the_last_administrator_cannot_be_switched_off(admin: Browser) -> None:
    answer = admin.post("/people/administrator/off")
    assert answer.status_code == 409
    assert "last administrator" in answer.text


def test_a_token_is_shown_once_and_revoked(ports: Ports, admin: Browser) -> None:
    page = admin.post("/people/tokens/new", {"name": "erp", "scope": "documents", "days": "90"})
    assert "cst_" in page.text
    assert "cst_" not in admin.get("/people")
    with ports.store.read() as reader:
        token = reader.tokens()[0]
    assert "Revoke the token erp?" in admin.get(f"/people/tokens/{token.id}/revoke")
    assert admin.post(f"/people/tokens/{token.id}/revoke").status_code == 303
    assert "Revoked" in admin.get("/people")


def test_the_audit_record_tells_filters_and_proves(ports: Ports, admin: Browser) -> None:
    admin.post("/communities/new", {"name": "Alpha", "time_zone": "UTC"})
    assert "community.created" in admin.get("/audit", event="community.created")
    assert "No entry fits" in admin.get("/audit", event="nothing.such")
    assert "The chain holds" in admin.get("/audit/verify")
    assert '"event":"community.created"' in admin.get("/audit.jsonl")


def test_a_notice_is_shown_once_and_cannot_be_forged(admin: Browser, scene: Scene) -> None:
    admin.post(f"{scene.base}/partners/new", {"name": "Nova"})
    assert "Nova is stored" in admin.get(f"{scene.base}/partners/nova")
    assert "Nova is stored" not in admin.get(f"{scene.base}/partners/nova")
    admin.client.cookies.set("counterseal_notice_8080", "WyJ5b3Ugd29uIiwiIiwib2siXQ==.0000", domain="127.0.0.1")
    assert "you won" not in admin.get(scene.base)
