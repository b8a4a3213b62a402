"""CEM and SCX in one Finish: one certificate, one respond-by date, an exchange per partner; all of it or nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.agreement import Agreement
from counterseal.domain.channel import Channel, SCXType
from counterseal.domain.document import Direction, DocumentKind
from counterseal.domain.exchange import ExchangeState
from counterseal.domain.trust_request import TrustRequestState
from counterseal.domain.usage import Side, Usage
from counterseal.engine import trust_requests
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.views.sent import sent_list, trust_request
from tests import builders as b
from tests.engine.oftp2.certificate_partner import CertificatePartner, work
from tests.engine.oftp2.certificate_story import NEW, hold
from tests.engine.oftp2.pair import Gateway, two_gateways
from tests.gateway import ADMINISTRATOR, clock_of

USES = frozenset({Usage.SIGN, Usage.ENCRYPT, Usage.FILE_SIGN, Usage.FILE_ENCRYPT, Usage.RECEIPT_SIGN})


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Gateway]:
    with two_gateways(tmp_path) as (gateway, _):
        yield gateway


@pytest.fixture
def charlie(alpha: Gateway) -> Agreement:
    """A partner of the same community over AS2."""
    community_id = alpha.agreement.community_id
    station = b.a_station(community_id=community_id, identity="ALPHA", url="http://alpha.example/as2")
    partner = b.a_partner(community_id=community_id, slug="charlie", name="Charlie Chains")
    agreement = b.an_agreement(
        community_id=community_id, station_id=station.id, partner_id=partner.id, partner_identity="CHARLIE"
    )
    with alpha.ports.store.write() as writer:
        writer.put(station, partner, agreement)
    return agreement


def order(alpha: Gateway, charlie: Agreement, *, kind: SCXType | None = SCXType.DELIVER) -> trust_requests.Start:
    return trust_requests.Start(
        community_id=alpha.agreement.community_id,
        source=trust_requests.StoredCertificate(fingerprint=hold(alpha)),
        usages=USES,
        cem=(charlie.id,),
        scx=(alpha.agreement.id,),
        scx_type=kind,
        respond_by=alpha.ports.clock.now() + timedelta(days=14),
        time_zone="Europe/Berlin",
        draft_id=None,
    )


def test_each_partner_has_its_exchange_and_its_message(alpha: Gateway, charlie: Agreement) -> None:
    clock_of(alpha.ports).pass_time(timedelta(hours=1))
    bravo = CertificatePartner()
    request = trust_requests.start(alpha.ports, ADMINISTRATOR, order(alpha, charlie))
    work(alpha)
    bravo.call(alpha)
    with alpha.ports.store.read() as reader:
        found = {e.channel: e for e in reader.exchanges(trust_request_ids=[request.id])}
        community = reader.community(alpha.agreement.community_id)
        (row,) = sent_list(reader, community, now=alpha.ports.clock.now()).page.rows
        view = trust_request(reader, community, request.number, now=alpha.ports.clock.now())
    assert (found[Channel.CEM].scx_type, found[Channel.SCX].scx_type) == (None, SCXType.DELIVER)
    assert (found[Channel.CEM].state, found[Channel.SCX].state) == (ExchangeState.QUEUED, ExchangeState.ACCEPTED)
    kinds = {d.kind: d.agreement_id for d in alpha.documents(Direction.OUT)}
    assert kinds == {DocumentKind.CEM_REQUEST: charlie.id, DocumentKind.SCX: alpha.agreement.id}
    assert row.channels == ("CEM", "SCX Deliver")
    assert (row.state, row.progress.answered, row.progress.total) == (TrustRequestState.PARTLY_ANSWERED, 1, 2)
    assert {line.partner_name: line.channel for line in view.lines} == {
        "Charlie Chains": "CEM",
        next(line.partner_name for line in view.lines if line.channel != "CEM"): "SCX Deliver",
    }
    assert request.respond_by == alpha.ports.clock.now() + timedelta(days=14)


@pytest.mark.parametrize("broken", ["no type", "exchange switched off", "agreement switched off", "past date"])
def test_where_one_part_is_refused_nobody_is_told(alpha: Gateway, charlie: Agreement, broken: str) -> None:
    wished = order(alpha, charlie, kind=None if broken == "no type" else SCXType.DELIVER)
    agreement = alpha.agreement
    match broken:
        case "exchange switched off":
            agreement = replace(agreement, exchange=replace(agreement.exchange, enabled=False))
        case "agreement switched off":
            agreement = replace(agreement, active=False)
        case "past date":
            wished = replace(wished, respond_by=alpha.ports.clock.now() - timedelta(hours=1))
    with alpha.ports.store.write() as writer:
        writer.put(agreement)
    with pytest.raises(FieldErrors):
        trust_requests.start(alpha.ports, ADMINISTRATOR, wished)
    work(alpha)
    with alpha.ports.store.read() as reader:
        assert reader.exchanges(agreement_id=charlie.id) + reader.exchanges(agreement_id=agreement.id) == []
        staged = reader.assignments(community_id=agreement.community_id, side=Side.OURS)
    assert NEW.certificate.fingerprint not in {a.fingerprint for a in staged}
    assert alpha.documents(Direction.OUT) == []
