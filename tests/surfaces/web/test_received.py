"""Received requests: compared, decided once, answered; by one or by two people."""

from dataclasses import replace

import pytest

from counterseal.domain.offer import OfferedCertificate, OfferedState
from counterseal.domain.people import Role
from counterseal.domain.usage import AssignmentState, Side
from counterseal.domain.work import WorkKind
from counterseal.engine.ports import Ports
from tests.surfaces.web.gateway import Browser, add_user, browser, put
from tests.surfaces.web.scene import Scene, fill


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


def offered(ports: Ports, scene: Scene, number: int) -> list[OfferedCertificate]:
    with ports.store.read() as reader:
        return reader.offered([scene.offers[number].id])


def path(scene: Scene, number: int) -> str:
    return f"{scene.base}/received/{scene.offers[number].id}"


def test_the_list_shows_who_waits_and_why(admin: Browser, scene: Scene) -> None:
    page = admin.get(f"{scene.base}/received")
    for text in ("Needs a decision", "Needs a second person", "Refused, not valid", "Key used before"):
        assert text in page
    assert "No request fits" in admin.get(f"{scene.base}/received", q="nobody")


def test_old_and_new_stand_side_by_side_with_findings(admin: Browser, scene: Scene) -> None:
    page = admin.get(path(scene, 0))
    for text in (
        "In use today",
        "Offered",
        "differs",
        "the issuer changed",
        "2 checks passed",
        "Accept and tell Bravo Fasteners",
    ):
        assert text in page


def test_accepting_takes_the_certificate_into_use_and_queues_the_answer(
    ports: Ports, admin: Browser, scene: Scene
) -> None:
    answer = admin.post(path(scene, 0), {"decision": "accept"})
    assert answer.status_code == 303
    assert "1 certificate accepted" in admin.get(answer.headers["location"])
    only = offered(ports, scene, 0)[0]
    assert only.state is OfferedState.ACCEPTED
    assert only.decided_by == "user:administrator"
    assert only.certificate is not None
    with ports.store.read() as reader:
        theirs = reader.assignments(agreement_id=scene.offers[0].agreement_id, side=Side.THEIRS)
        answers = reader.work(kinds=(WorkKind.ANSWER_OFFER,), subject=scene.offers[0].id)
    assert (only.certificate.fingerprint, AssignmentState.ACTIVE) in {(a.fingerprint, a.state) for a in theirs}
    assert len(answers) == 1


def test_rejecting_needs_a_reason_and_changes_nothing(ports: Ports, admin: Browser, scene: Scene) -> None:
    refused = admin.post(path(scene, 0), {"decision": "reject", "reason": "  "})
    assert refused.status_code == 422
    assert 'href="#reason"' in refused.text
    assert offered(ports, scene, 0)[0].state is OfferedState.PENDING
    with ports.store.read() as reader:
        before = reader.assignments(agreement_id=scene.offers[0].agreement_id)
    assert admin.post(path(scene, 0), {"decision": "reject", "reason": "RSA 3072, please"}).status_code == 303
    only = offered(ports, scene, 0)[0]
    assert (only.state, only.reason) == (OfferedState.REJECTED, "RSA 3072, please")
    with ports.store.read() as reader:
        assert reader.assignments(agreement_id=scene.offers[0].agreement_id) == before


def test_two_certificates_are_decided_one_by_one(ports: Ports, admin: Browser, scene: Scene) -> None:
    first, second = offered(ports, scene, 1)
    page = admin.get(path(scene, 1))
    assert "Send these 2 answers" in page
    data = {
        "decision": "each",
        f"d-{first.id}": "accept",
        f"d-{second.id}": "reject",
        f"why-{second.id}": "its key usage forbids encryption",
    }
    answer = admin.post(path(scene, 1), data)
    assert answer.status_code == 303
    states = [c.state for c in offered(ports, scene, 1)]
    assert states == [OfferedState.ACCEPTED, OfferedState.REJECTED]
    assert "1 certificate accepted, 1 certificate rejected" in admin.get(path(scene, 1))


def test_what_the_checks_refuse_cannot_be_accepted_by_a_bent_form(ports: Ports, admin: Browser, scene: Scene) -> None:
    first, second = offered(ports, scene, 1)
    data = {f"d-{first.id}": "reject", f"why-{first.id}": "no", f"d-{second.id}": "accept", f"why-{second.id}": "no"}
    admin.post(path(scene, 1), data)
    assert offered(ports, scene, 1)[1].state is not OfferedState.ACCEPTED


def test_two_people_must_agree_where_the_community_says_so(ports: Ports, admin: Browser, scene: Scene) -> None:
    community = scene.community
    put(ports, replace(community, rules=replace(community.rules, two_people=True)))
    assert "Accept as first person" in admin.get(path(scene, 0))
    admin.post(path(scene, 0), {"decision": "accept"})
    assert "first of two" in admin.get(path(scene, 0))
    assert offered(ports, scene, 0)[0].state is OfferedState.PENDING
    second = browser(ports, add_user(ports, Role.CERTIFICATE_MANAGER))
    assert "Accept as second person" in second.get(path(scene, 0))
    second.post(path(scene, 0), {"decision": "accept"})
    second.client.close()
    assert offered(ports, scene, 0)[0].state is OfferedState.ACCEPTED


def test_one_person_does_not_count_as_two(ports: Ports, admin: Browser, scene: Scene) -> None:
    community = scene.community
    put(ports, replace(community, rules=replace(community.rules, two_people=True)))
    admin.post(path(scene, 0), {"decision": "accept"})
    again = admin.post(path(scene, 0), {"decision": "accept"})
    assert again.status_code == 422
    assert offered(ports, scene, 0)[0].state is OfferedState.PENDING


def test_a_decision_is_taken_once(ports: Ports, admin: Browser, scene: Scene) -> None:
    admin.post(path(scene, 0), {"decision": "accept"})
    again = admin.post(path(scene, 0), {"decision": "reject", "reason": "changed my mind"})
    assert again.status_code == 303
    assert "It was decided already" in admin.get(path(scene, 0))
    assert offered(ports, scene, 0)[0].state is OfferedState.ACCEPTED


def test_an_operator_sees_it_and_cannot_decide(ports: Ports, scene: Scene) -> None:
    operator = browser(ports, add_user(ports, Role.OPERATOR))
    assert "needs the role certificate manager" in operator.get(path(scene, 0))
    assert operator.post(path(scene, 0), {"decision": "accept"}).status_code == 403
    operator.client.close()
    assert offered(ports, scene, 0)[0].state is OfferedState.PENDING
