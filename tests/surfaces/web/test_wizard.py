"""The certificate wizard: page by page, with nothing stored before Finish."""

import re
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from counterseal.domain.people import Actor, Permission, Role
from counterseal.domain.usage import Side
from counterseal.engine import drafts
from counterseal.engine.draft_record import Choices, Content, Source, from_record, to_record
from counterseal.engine.ports import NotFound, Ports
from counterseal.kernel.ids import AgreementId, DraftId
from tests.builders import NOW, Minted, mint, mint_ca, rsa_key
from tests.surfaces.web.gateway import Browser, add_user, browser
from tests.surfaces.web.scene import Scene, fill
from tests.surfaces.web.test_guard import contents

FIELDS = {
    "common_name": "ALPHA-ARROWS",
    "organisation": "Alpha Arrows GmbH",
    "country": "DE",
    "key": "ec-p256",
    "digest": "sha256",
    "key_usage": ("digitalSignature", "keyEncipherment"),
}


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


def begin(admin: Browser, scene: Scene, *, source: str = "generate", renews: str = "") -> str:
    """The path of a run just begun, without its step."""
    answer = admin.post(f"{scene.base}/wizard", {"source": source, "renews": renews})
    assert answer.status_code == 303
    return str(answer.headers["location"]).rpartition("/")[0]


def draft_id(path: str) -> DraftId:
    return DraftId(path.rpartition("/")[2])


def key_file(minted: Minted, password: bytes, *others: Minted) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"alpha",
        minted.key,
        minted.certificate.load(),
        [o.certificate.load() for o in others],
        BestAvailableEncryption(password),
    )


def test_a_renewal_starts_with_what_the_old_one_says(admin: Browser, scene: Scene) -> None:
    assert "ALPHA-ARROWS 2024" in admin.get(f"{scene.base}/wizard", renews=scene.old.certificate.fingerprint)
    path = begin(admin, scene, renews=scene.old.certificate.fingerprint)
    page = admin.get(f"{path}/fill")
    assert re.search(r'id="common_name"[^>]*value="ALPHA-ARROWS"', page)
    assert re.search(r'id="organisation"[^>]*value="Test"', page)
    assert "Renews ALPHA-ARROWS 2024" in page
    assert "must stay the same" in page


def test_the_details_page_shows_the_certificate_its_findings_and_the_partners(admin: Browser, scene: Scene) -> None:
    path = begin(admin, scene, renews=scene.old.certificate.fingerprint)
    assert admin.post(f"{path}/fill", FIELDS).headers["location"] == f"{path}/details"
    page = admin.get(f"{path}/details")
    for text in (
        "SHA-256 fingerprint",
        "Key and digest meet your policy",
        "CEM, over AS2",
        "Announced but silent",
        "Finish will",
        "CEM is switched off for this partner",
    ):
        assert text in page


def test_nothing_is_stored_before_finish(ports: Ports, admin: Browser, scene: Scene) -> None:
    before = contents(ports)
    path = begin(admin, scene)
    admin.post(f"{path}/fill", FIELDS)
    admin.get(f"{path}/details")
    assert contents(ports) == before


def test_going_back_and_forth_keeps_the_key(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = begin(admin, scene)
    admin.post(f"{path}/fill", FIELDS)
    first = re.search(r'class="fp--full">(.*?)</code>', admin.get(f"{path}/details"))
    admin.get(f"{path}/fill")
    admin.post(f"{path}/fill", FIELDS)
    again = re.search(r'class="fp--full">(.*?)</code>', admin.get(f"{path}/details"))
    assert first
    assert again
    assert first.group(1) == again.group(1)
    admin.post(f"{path}/fill", FIELDS | {"common_name": "OTHER"})
    other = re.search(r'class="fp--full">(.*?)</code>', admin.get(f"{path}/details"))
    assert other
    assert other.group(1) != first.group(1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"common_name": ""}, "common_name"),
        ({"country": "Germany"}, "country"),
        ({"email": "nobody"}, "email"),
        ({"dns_names": "not a name!"}, "dns_names"),
        ({"key": "rsa-512"}, "key"),
        ({"digest": "md5"}, "digest"),
        ({"valid_until": "2020-01-01"}, "valid_until"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"key_usage": ()}, "key_usage"),
        ({"extended_key_usage": "magic"}, "extended_key_usage"),
    ],
)
def test_wrong_fields_are_marked_and_no_certificate_is_made(
    ports: Ports, admin: Browser, scene: Scene, changes: dict[str, object], field: str
) -> None:
    path = begin(admin, scene)
    answer = admin.post(f"{path}/fill", FIELDS | changes)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert "Nothing was stored." in answer.text
    assert admin.client.get(f"{path}/details").headers["location"] == f"{path}/fill"


def test_a_key_file_is_read_with_its_chain(admin: Browser, scene: Scene) -> None:
    authority = mint_ca("Halden Root")
    minted = mint("imported.example", key=rsa_key(7), issuer=authority)
    path = begin(admin, scene, source="import")
    assert "What happens with the file" in admin.get(f"{path}/import")
    answer = admin.post(
        f"{path}/import", {"password": "right"}, files={"file": ("a.p12", key_file(minted, b"right", authority))}
    )
    assert answer.headers["location"] == f"{path}/details"
    page = admin.get(f"{path}/details")
    assert "imported.example" in page
    assert "Chain: 2 certificates" in page
    assert "Read from a.p12" in page


def test_a_pem_file_is_read_too(admin: Browser, scene: Scene) -> None:
    minted = mint("pem.example", key=rsa_key(8))
    path = begin(admin, scene, source="import")
    answer = admin.post(f"{path}/import", {"password": ""}, files={"file": ("a.pem", minted.key_pem + minted.pem)})
    assert answer.headers["location"] == f"{path}/details"


@pytest.mark.parametrize(
    ("content", "password", "field", "says"),
    [
        ("key-file", "wrong", "password", "does not open a.p12"),
        (b"not a key file at all", "", "file", "Choose a .p12, .pfx or PEM file"),
        (b"x" * (1024 * 1024 + 1), "", "file", "larger than 1 MB"),
        (None, "", "file", "No file is chosen"),
        ("foreign-key", "", "file", "Choose a .p12, .pfx or PEM file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_stores_nothing(
    ports: Ports, admin: Browser, scene: Scene, content: object, password: str, field: str, says: str
) -> None:
    if content == "key-file":
        content = key_file(mint("x", key=rsa_key(7)), b"right")
    if content == "foreign-key":
        content = mint("x", key=rsa_key(7)).key_pem + mint("y", key=rsa_key(8)).pem
    before = contents(ports)
    path = begin(admin, scene, source="import")
    files = {"file": ("a.p12", content)} if content is not None else None
    answer = admin.post(f"{path}/import", {"password": password}, files=files)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert says in answer.text
    assert contents(ports) == before
    assert admin.client.get(f"{path}/details").headers["location"] == f"{path}/import"


def test_cancel_wipes_the_draft(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = begin(admin, scene)
    admin.post(f"{path}/fill", FIELDS)
    assert admin.post(f"{path}/cancel").status_code == 303
    admin.get(f"{path}/details", status=404)
    with ports.store.read() as reader, pytest.raises(NotFound):
        reader.draft(draft_id(path))


def test_a_draft_is_its_owners_alone(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = begin(admin, scene)
    other = browser(ports, add_user(ports, Role.CERTIFICATE_MANAGER))
    other.get(f"{path}/fill", status=404)
    other.post(f"{path}/cancel")
    other.client.close()
    assert admin.get(f"{path}/fill")


def test_a_draft_ends_after_a_day(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = begin(admin, scene)
    mara = Actor(name="user:administrator", permissions=frozenset(Permission))
    ports.clock.instant = NOW + timedelta(hours=23, minutes=59)  # type: ignore[attr-defined]
    assert drafts.read(ports, mara, draft_id(path))
    ports.clock.instant = NOW + timedelta(hours=24)  # type: ignore[attr-defined]
    with pytest.raises(NotFound):
        drafts.read(ports, mara, draft_id(path))


def test_the_draft_is_sealed_where_it_lies(ports: Ports, admin: Browser, scene: Scene) -> None:
    path = begin(admin, scene, renews=scene.old.certificate.fingerprint)
    admin.post(f"{path}/fill", FIELDS)
    with ports.store.read() as reader:
        draft = reader.draft(draft_id(path))
    assert b"ALPHA" not in draft.sealed
    assert b"certificate" not in draft.sealed


def test_somebody_elses_certificate_cannot_be_renewed(ports: Ports, admin: Browser, scene: Scene) -> None:
    with ports.store.read() as reader:
        theirs = reader.certificates(scene.community.id, side=Side.THEIRS)[0].fingerprint
    assert admin.post(f"{scene.base}/wizard", {"source": "generate", "renews": theirs}).status_code == 404


def test_a_record_gives_back_what_went_in() -> None:
    content = Content(
        source=Source.IMPORT,
        fields=drafts.prefilled(None),
        certificate_der=b"\x30\x00",
        chain_der=(b"\x01", b"\x02"),
        file_name="ä.p12",
        choices=Choices(send=True, cem=frozenset({AgreementId("a")}), date="2026-12-07", time_zone="Europe/Berlin"),
    )
    assert from_record(to_record(content)) == content
