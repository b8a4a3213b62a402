"""Views: few queries whatever the size, derived states, actions that the engine has."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterseal.domain.channel import Channel
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.trust_request import TrustRequestState
from counterseal.domain.usage import AssignmentState, Side
from counterseal.engine.ports import NotFound, Ports
from counterseal.engine.views import certificates, community, documents, home, received, sent
from counterseal.engine.views.certificates import Shelf
from counterseal.engine.views.comparison import compare, split_name
from counterseal.engine.views.home import NeedKind
from counterseal.engine.views.names import gather, matches
from counterseal.engine.views.paging import page_of
from counterseal.engine.views.received import ReceivedState
from counterseal.engine.views.sent import LineAction, LineState
from counterseal.kernel.clock import zone
from counterseal.kernel.x509 import pretty_fingerprint
from tests import builders
from tests.builders import NOW, a_certificate, an_exchange, mint, rsa_key
from tests.surfaces.web.gateway import put
from tests.surfaces.web.scene import NAMES, STATES, Scene, fill


class Counting:
    """A reader that counts what is asked of it."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._reader, name)

        def counted(*args: Any, **options: Any) -> Any:
            self.asked[name] += 1
            return found(*args, **options)

        return counted


def asked(ports: Ports, scene: Scene) -> dict[str, int]:
    """How many reads each view costs."""
    views: dict[str, Callable[[Any], object]] = {
        "home": lambda r: home.home(r, scene.community, now=NOW),
        "attention": lambda r: home.attention(r, scene.community, now=NOW),
        "sent": lambda r: sent.sent_list(r, scene.community, now=NOW),
        "request": lambda r: sent.trust_request(r, scene.community, 138, now=NOW),
        "received": lambda r: received.received_list(r, scene.community),
        "offer": lambda r: received.offer(r, scene.offers[0].id),
        "documents": lambda r: documents.documents(r, scene.community),
        "certificates": lambda r: certificates.certificates(r, scene.community, now=NOW),
        "community": lambda r: community.community(r, scene.community),
        "agreement": lambda r: community.agreement(r, scene.community, scene.agreements[0].id),
    }
    counted = {}
    for name, view in views.items():
        with ports.store.read() as reader:
            counting = Counting(reader)
            view(counting)
        counted[name] = counting.asked.total()
    return counted


def test_no_view_asks_once_per_row(ports: Ports, tmp_path: Any) -> None:
    from tests.surfaces.web.gateway import make_ports

    few = asked(ports, fill(ports, partner_names=NAMES[:2]))
    other = make_ports(tmp_path / "many")
    many = asked(other, fill(other, partner_names=tuple(f"Partner {n}" for n in range(40))))
    assert many == few
    assert max(few.values()) <= 16


@pytest.fixture
def scene(ports: Ports) -> Scene:
    return fill(ports)


def test_a_request_has_a_line_per_partner_those_who_need_a_person_first(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        view = sent.trust_request(reader, scene.community, 138, now=NOW)
    assert [line.state for line in view.lines[:2]] == [LineState.REJECTED, LineState.FAILED]
    assert view.counts == {
        LineState.REJECTED: 1,
        LineState.FAILED: 1,
        LineState.QUEUED: 1,
        LineState.WAITING: 2,
        LineState.ACCEPTED: 1,
        LineState.IN_USE: 2,
    }
    assert view.old is not None
    assert view.old.certificate.fingerprint == scene.old.certificate.fingerprint
    assert view.old.agreements == {AssignmentState.ACTIVE: 5, AssignmentState.RETIRING: 3}


def test_the_date_turns_waiting_lines_into_overdue_ones(ports: Ports, scene: Scene) -> None:
    late = scene.request.respond_by + timedelta(seconds=1)
    with ports.store.read() as reader:
        view = sent.trust_request(reader, scene.community, 138, now=late)
    assert view.state is TrustRequestState.OVERDUE
    assert view.counts[LineState.OVERDUE] == 3
    assert view.counts[LineState.FAILED] == 1


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (ExchangeState.QUEUED, {LineAction.RECORD, LineAction.WITHDRAW, LineAction.SWITCH_NOW}),
        (
            ExchangeState.RECEIVED,
            {LineAction.REMIND, LineAction.RESEND, LineAction.RECORD, LineAction.WITHDRAW, LineAction.SWITCH_NOW},
        ),
        (ExchangeState.FAILED, {LineAction.RESEND, LineAction.RECORD, LineAction.WITHDRAW, LineAction.SWITCH_NOW}),
        (ExchangeState.REJECTED, {LineAction.RESEND, LineAction.RECORD}),
        (ExchangeState.ACCEPTED, {LineAction.SWITCH_BACK}),
    ],
)
def test_a_line_offers_what_its_state_allows(
    ports: Ports, scene: Scene, state: ExchangeState, actions: set[LineAction]
) -> None:
    with ports.store.read() as reader:
        view = sent.trust_request(reader, scene.community, 138, now=NOW)
    line = next(line for line in view.lines if line.exchange.state is state)
    assert line.actions == actions


def test_every_state_of_an_exchange_has_a_line_state(ports: Ports, scene: Scene) -> None:
    assert set(STATES) | {ExchangeState.WITHDRAWN} == set(ExchangeState)
    for state in ExchangeState:
        exchange = an_exchange(state=state)
        assert sent.line_state(exchange, NOW + timedelta(days=1), in_use=False, now=NOW) in LineState


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"state": TrustRequestState.OVERDUE}, [135]),
        ({"state": TrustRequestState.COMPLETE}, [131]),
        ({"search": "cobalt"}, [138]),
        ({"search": "nothing such"}, []),
        ({"channel": Channel.SCX}, []),
        ({"search": "131"}, [131]),
    ],
)
def test_sent_requests_are_filtered(ports: Ports, scene: Scene, filters: Any, numbers: list[int]) -> None:
    with ports.store.read() as reader:
        found = sent.sent_list(reader, scene.community, now=NOW, **filters)
    assert [row.request.number for row in found.page.rows] == numbers
    assert found.total == 7
    assert set(found.counts) == set(TrustRequestState)


def test_received_requests_that_wait_stand_first(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        found = received.received_list(reader, scene.community)
    states = [row.state for row in found.page.rows]
    assert set(states[:3]) == {ReceivedState.NEEDS_DECISION, ReceivedState.NEEDS_SECOND}
    assert set(states) == set(ReceivedState)


def test_an_offered_certificate_stands_beside_the_one_in_use(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        view = received.offer(reader, scene.offers[0].id)
    only = view.certificates[0]
    assert only.current is not None
    assert only.can_be_accepted
    assert {f.name for f in only.comparison if f.differs} == {
        "Subject",
        "Issuer",
        "Serial number",
        "Valid until",
        "Key",
        "SHA-256 fingerprint",
    } - ({"Key"} if only.comparison[5].old == only.comparison[5].new else set())


def test_only_the_differing_part_of_a_name_is_marked() -> None:
    old = a_certificate("One", key=rsa_key(0))
    new = a_certificate("Two", key=rsa_key(1))
    subject = compare(old, new, zone=zone("Europe/Berlin"))[0]
    assert [(p.text, p.differs) for p in subject.new] == [("CN=Two", True), ("O=Test", False)]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("CN=a,O=b", ("CN=a", "O=b")),
        (r"CN=a\,b,O=c", (r"CN=a\,b", "O=c")),
        (r"CN=a\\,O=b", (r"CN=a\\", "O=b")),
        ("", ()),
    ],
)
def test_names_are_split_at_unescaped_commas(name: str, parts: tuple[str, ...]) -> None:
    assert split_name(name) == parts


def test_home_names_each_thing_that_waits_once(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        view = home.home(reader, scene.community, now=NOW)
    kinds = Counter(need.kind for need in view.needs)
    assert kinds[NeedKind.DECISION] == 3
    assert kinds[NeedKind.REJECTED] == 1
    assert kinds[NeedKind.NOT_TOLD] == 1
    assert kinds[NeedKind.OVERDUE] == 0
    assert view.begun


def test_a_certificate_with_a_staged_successor_is_no_need(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        view = home.home(reader, scene.community, now=NOW)
    assert NeedKind.EXPIRY not in {need.kind for need in view.needs}
    assert view.ours[0].successor == "ALPHA-ARROWS 2026"


def test_a_retiring_certificate_is_followed_by_the_active_one(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        ours = reader.assignments(community_id=scene.community.id, side=Side.OURS)
    agreement = scene.agreements[0].id
    states = {
        scene.old.certificate.fingerprint: AssignmentState.RETIRING,
        scene.new.certificate.fingerprint: AssignmentState.ACTIVE,
    }
    with ports.store.write() as writer:
        for found in ours:
            here = found.agreement_id == agreement
            state = states[found.fingerprint] if here else AssignmentState.RETIRED
            writer.put(replace(found, state=state))
    with ports.store.read() as reader:
        view = home.home(reader, scene.community, now=NOW)
    old = next(r for r in view.ending if r.held.fingerprint == scene.old.certificate.fingerprint)
    assert (old.successor, old.followed) == ("ALPHA-ARROWS 2026", True)
    assert not [need for need in view.needs if need.kind is NeedKind.EXPIRY]


def test_home_lists_only_what_ends_within_thirteen_weeks(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        view = home.home(reader, scene.community, now=NOW)
    assert view.ending
    assert all(r.held.certificate.not_after <= NOW + timedelta(weeks=13) for r in view.ending)


def test_certificates_of_one_name_and_year_are_told_apart(ports: Ports, scene: Scene) -> None:
    twin = mint("ALPHA-ARROWS", key=rsa_key(3), expires_in=timedelta(days=700))
    put(ports, builders.a_held_certificate(community_id=scene.community.id, certificate=twin.certificate))
    with ports.store.read() as reader:
        names = gather(reader, scene.community)
    titles = [names.title(m.certificate.fingerprint) for m in (scene.old, scene.new, twin)]
    first_bytes = pretty_fingerprint(twin.certificate.fingerprint)[:5]
    assert titles[0] == "ALPHA-ARROWS 2024"
    assert titles[1].startswith("ALPHA-ARROWS 2026 (")
    assert titles[2] == f"ALPHA-ARROWS 2026 ({first_bytes})"


def test_shelves_count_and_show_the_same(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        for shelf in Shelf:
            found = certificates.certificates(reader, scene.community, now=NOW, shelf=shelf)
            assert found.page.total == found.counts.get(shelf, 0)


def test_a_pasted_fingerprint_is_found_with_its_colons(ports: Ports, scene: Scene) -> None:
    fingerprint = scene.old.certificate.fingerprint
    pasted = ":".join(fingerprint[i : i + 2] for i in range(0, 16, 2)).upper()
    with ports.store.read() as reader:
        found = certificates.certificates(reader, scene.community, now=NOW, search=pasted)
    assert [row.held.fingerprint for row in found.page.rows] == [fingerprint]
    assert matches("ALPHA arrows", "alpha-arrows 2024")


def test_two_of_one_name_are_told_apart_by_their_year(ports: Ports, scene: Scene) -> None:
    with ports.store.read() as reader:
        found = certificates.certificates(reader, scene.community, now=NOW, shelf=Shelf.OURS)
    assert {row.title for row in found.page.rows} == {"ALPHA-ARROWS 2024", "ALPHA-ARROWS 2026"}


def test_a_document_of_another_community_is_not_found(ports: Ports, scene: Scene) -> None:
    from tests import builders

    other = builders.a_community(slug="other")
    put(ports, other)
    with ports.store.read() as reader, pytest.raises(NotFound):
        documents.document(reader, other, scene.documents[0].id)


@pytest.mark.parametrize(("number", "first", "last"), [(1, 1, 50), (3, 101, 120), (9, 101, 120), (-4, 1, 50)])
def test_pages_hold_fifty_and_stay_within_the_list(number: int, first: int, last: int) -> None:
    page = page_of(list(range(120)), number)
    assert (page.first, page.last, page.pages) == (first, last, 3)


def test_an_empty_list_has_one_empty_page() -> None:
    nothing: list[int] = []
    page = page_of(nothing, 1)
    assert (page.first, page.last, page.pages, page.total) == (0, 0, 1, 0)
