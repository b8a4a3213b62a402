"""SCX in the console: the pre-flight on the wizard's third page, and certificate files on the Sent page."""

from dataclasses import replace

import pytest

from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.usage import Side, Usage
from counterseal.engine.ports import Ports
from counterseal.kernel.ids import Fingerprint
from tests import builders
from tests.builders import NOW
from tests.surfaces.web.gateway import Browser, put
from tests.surfaces.web.oftp2_scene import Added, fill_oftp2
from tests.surfaces.web.scene import Scene, fill

CHOICES = {
    "use": ("signing", "encryption"),
    "send": "1",
    "respond_by_date": "2026-12-24",
    "respond_by_time": "18:00",
    "time_zone": "Europe/Berlin",
}
RSA = {
    "common_name": "ALPHA-ARROWS",
    "organisation": "Test",
    "key": "rsa-2048",
    "digest": "sha256",
    "key_usage": ("digitalSignature", "keyEncipherment"),
}


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


@pytest.fixture
def added(ports: Ports, scene: Scene) -> Added:
    """Delphin over OFTP2, with the certificate of ours that ends soon, and a rule that is set."""
    made = fill_oftp2(ports, scene)
    agreement = replace(made.agreement, terms=replace(made.agreement.oftp2, scx_rule="exact"))
    put(
        ports,
        agreement,
        *(
            builders.an_assignment(
                community_id=scene.community.id,
                agreement_id=agreement.id,
                side=Side.OURS,
                usage=usage,
                fingerprint=scene.old.certificate.fingerprint,
            )
            for usage in (Usage.FILE_SIGN, Usage.FILE_ENCRYPT)
        ),
    )
    return replace(made, agreement=agreement)


def begin(admin: Browser, scene: Scene, **fields: object) -> str:
    """A renewal of the old certificate, at its third page."""
    answer = admin.post(f"{scene.base}/wizard", {"source": "generate", "renews": scene.old.certificate.fingerprint})
    path = str(answer.headers["location"]).rpartition("/")[0]
    assert admin.post(f"{path}/fill", RSA | fields).headers["location"] == f"{path}/details"
    return f"{path}/details"


def test_an_equal_renewal_will_match_and_a_renamed_one_says_what_to_change(
    admin: Browser, scene: Scene, added: Added
) -> None:
    page = admin.get(begin(admin, scene))
    assert "Everything that it compares is equal. Expect an EERP." in page
    assert "Its rule is set in the agreement: subject, issuer and both key usages" in page
    page = admin.get(begin(admin, scene, common_name="ALPHA-BOWS"))
    for text in ("Expect a NERP.", "Different: subject", "→", "Make it with subject", "Equal: key usage"):
        assert text in page, text


def test_finish_tells_by_cem_and_scx_and_the_sent_page_shows_both(
    ports: Ports, admin: Browser, scene: Scene, added: Added
) -> None:
    path = begin(admin, scene)
    picked = {"cem": scene.agreements[0].id, "scx": added.agreement.id, "scx_type": "request"}
    answer = admin.post(path, CHOICES | picked | {"do": "finish"})
    assert answer.status_code == 303, answer.text
    place = str(answer.headers["location"])
    with ports.store.write() as writer:
        (mine,) = [e for e in writer.exchanges(agreement_id=added.agreement.id) if e.channel is Channel.SCX]
        assert mine.scx_type is SCXType.REQUEST
        writer.put(
            replace(
                mine,
                state=ExchangeState.REJECTED,
                sent_at=NOW,
                received_at=NOW,
                answered_at=NOW,
                answered_by="wire",
                reason="Issuer are not equal with own",
                answer_message_id="ODETTE_CERTIFICATE_REQUEST 20261125 1200000001 O0013000001ALPHA",
                delivered=(Fingerprint("ab" * 32),),
            )
        )
    page = admin.get(place, line=mine.id)
    for text in ("SCX Request", "file taken", "Issuer are not equal with own", "1 Deliver came", "Delivers that came"):
        assert text in page, text
    assert "Answer to file" in page
    assert "SCX Request" in admin.get(f"{scene.base}/sent")


def test_the_agreement_says_by_which_rule_its_partner_matches(
    ports: Ports, admin: Browser, scene: Scene, added: Added
) -> None:
    path = f"{scene.base}/agreements/{added.agreement.id}"
    assert "as Axway Activator" in admin.get(path)
    unknown = replace(added.agreement, terms=replace(added.agreement.oftp2, scx_rule="unknown"))
    put(ports, unknown)
    assert "not known" in admin.get(path)
    put(ports, replace(unknown, scx_learned="no-eku lenient"))
    assert "learned from its answers: the same without extended key usage" in admin.get(path)
