"""A TLS server certificate told over SCX: one listener for all partners, so it changes when all have accepted, or at the date."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.agreement import Agreement
from counterseal.domain.channel import SCXType
from counterseal.domain.usage import AssignmentState, Usage
from counterseal.engine import listeners, trust_requests
from counterseal.engine.listeners import AS2_LISTENER, OFTP2_LISTENER
from counterseal.kernel.ids import ListenerId, TrustRequestId
from tests import builders as b
from tests.engine.oftp2.certificate_partner import Answer, CertificatePartner, accepts, rejects, waits, work
from tests.engine.oftp2.certificate_story import NEW, assignments, event_names, hold
from tests.engine.oftp2.pair import Gateway, two_gateways
from tests.gateway import ADMINISTRATOR, clock_of

SILENT = "O0013000003SILENT"
NEW_PRINT = NEW.certificate.fingerprint


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    """Both listeners present the certificate of before."""
    with two_gateways(tmp_path) as (gateway, _):
        (old,) = {a.fingerprint for a in assignments(gateway)}
        for listener_id in (OFTP2_LISTENER, AS2_LISTENER):
            listeners.assign(gateway.ports, ADMINISTRATOR, gateway.agreement.community_id, old, listener_id)
        yield gateway


@pytest.fixture
def silent(alpha: Gateway) -> Agreement:
    """A second partner over OFTP2, which nobody calls."""
    partner = b.a_partner(community_id=alpha.agreement.community_id, slug="silent", name="Silent Screws")
    agreement = b.an_agreement(
        community_id=partner.community_id,
        station_id=alpha.agreement.station_id,
        partner_id=partner.id,
        protocol=alpha.agreement.protocol,
        partner_identity=SILENT,
        terms=b.oftp2_terms(ssid_code=SILENT, may_call=False),
    )
    with alpha.ports.store.write() as writer:
        writer.put(partner, agreement)
    return agreement


def tell(alpha: Gateway, *others: Agreement, answer: Answer = accepts) -> TrustRequestId:
    """SSL for two days, to Bravo and to others; Bravo answers."""
    clock_of(alpha.ports).pass_time(timedelta(hours=1))
    order = trust_requests.Start(
        community_id=alpha.agreement.community_id,
        source=trust_requests.StoredCertificate(fingerprint=hold(alpha)),
        usages=frozenset({Usage.TLS_SERVER, Usage.TLS_CLIENT}),
        cem=(),
        scx=(alpha.agreement.id, *(o.id for o in others)),
        scx_type=SCXType.DELIVER,
        respond_by=alpha.ports.clock.now() + timedelta(days=2),
        time_zone="UTC",
        draft_id=None,
    )
    made = trust_requests.start(alpha.ports, ADMINISTRATOR, order)
    work(alpha)
    CertificatePartner(answer=answer).call(alpha)
    return made.id


def shows(alpha: Gateway, listener_id: ListenerId = OFTP2_LISTENER) -> str:
    with alpha.ports.store.read() as reader:
        held = listeners.presented(reader, listener_id)
    return "new" if held is not None and held.fingerprint == NEW_PRINT else "old"


def after_the_date(alpha: Gateway) -> None:
    clock_of(alpha.ports).pass_time(timedelta(days=2))
    work(alpha)
    clock_of(alpha.ports).pass_time(timedelta(minutes=1))
    work(alpha)


def test_finish_stages_it_at_the_listener_of_the_told_protocol_alone(alpha: Gateway) -> None:
    tell(alpha, answer=waits)
    with alpha.ports.store.read() as reader:
        staged = {a.state for a in reader.assignments(listener_id=OFTP2_LISTENER) if a.fingerprint == NEW_PRINT}
        assert staged == {AssignmentState.STAGED}
        assert NEW_PRINT not in {a.fingerprint for a in reader.assignments(listener_id=AS2_LISTENER)}
    assert shows(alpha) == "old"


def test_it_changes_with_the_last_acceptance(alpha: Gateway) -> None:
    tell(alpha)
    assert (shows(alpha), shows(alpha, AS2_LISTENER)) == ("new", "old")
    assert "listener.changed-over" in event_names(alpha)


def test_one_partner_that_is_open_holds_it_until_the_date(alpha: Gateway, silent: Agreement) -> None:
    tell(alpha, silent)
    assert shows(alpha) == "old"
    after_the_date(alpha)
    assert shows(alpha) == "new"


def test_a_rejection_holds_it_also_after_the_date(alpha: Gateway, silent: Agreement) -> None:
    tell(alpha, silent, answer=rejects("no"))
    after_the_date(alpha)
    assert shows(alpha) == "old"


def test_a_withdrawn_partner_is_not_waited_for(alpha: Gateway, silent: Agreement) -> None:
    request_id = tell(alpha, silent)
    with alpha.ports.store.read() as reader:
        (waiting,) = [e for e in reader.exchanges(trust_request_ids=[request_id]) if e.agreement_id == silent.id]
    trust_requests.withdraw_exchange(alpha.ports, ADMINISTRATOR, waiting.id)
    assert shows(alpha) == "new"


def test_a_withdrawn_request_changes_nothing_at_the_date(alpha: Gateway, silent: Agreement) -> None:
    request_id = tell(alpha, silent)
    trust_requests.withdraw(alpha.ports, ADMINISTRATOR, request_id)
    after_the_date(alpha)
    assert shows(alpha) == "old"


def test_a_listener_of_another_community_is_left_alone(alpha: Gateway) -> None:
    with alpha.ports.store.write() as writer:
        for one in writer.assignments(listener_id=OFTP2_LISTENER):
            writer.put(replace(one, community_id=b.a_community().id))
    tell(alpha)
    with alpha.ports.store.read() as reader:
        assert NEW_PRINT not in {a.fingerprint for a in reader.assignments(listener_id=OFTP2_LISTENER)}
