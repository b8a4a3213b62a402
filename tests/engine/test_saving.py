"""Forms: one thing saved at a time, each wrong field named, nothing stored when one is wrong."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.domain.agreement import Agreement, Cipher
from counterseal.domain.community import Community, HandlingMode, Partner, Station
from counterseal.domain.people import Actor, NotAllowed, Permission
from counterseal.domain.usage import Protocol
from counterseal.engine import configuration as conf
from counterseal.engine.configuration.secrets import opened
from counterseal.engine.field_errors import FieldErrors
from counterseal.engine.ports import NotFound, Ports, Window
from counterseal.kernel.ids import CommunityId, PartnerId, StationId
from tests.gateway import ADMINISTRATOR, open_gateway


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    with open_gateway(tmp_path) as gateway:
        yield gateway


def a_community(ports: Ports, **written: str) -> Community:
    return conf.save_community(ports, ADMINISTRATOR, None, {"slug": "alpha", "name": "Alpha Arrows"} | written)


def a_station(ports: Ports, community: Community, **written: str) -> Station:
    form = {"protocol": "as2", "identity": "ALPHA", "name": "Alpha AS2"} | written
    return conf.save_station(ports, ADMINISTRATOR, community.id, None, form)


def a_partner(ports: Ports, community: Community, **written: str) -> Partner:
    return conf.save_partner(ports, ADMINISTRATOR, community.id, None, {"slug": "bravo", "name": "Bravo"} | written)


def an_agreement(ports: Ports, station: Station, partner: Partner, **written: str | tuple[str, ...]) -> Agreement:
    form: dict[str, str | tuple[str, ...]] = {"partner_identity": "BRAVO", "url": "http://b.example/as2"}
    return conf.save_agreement(
        ports, ADMINISTRATOR, None, station_id=station.id, partner_id=partner.id, written=form | written
    )


def wrong_fields(attempt: Callable[[], object]) -> list[str]:
    with pytest.raises(FieldErrors) as refused:
        attempt()
    return [e.field for e in refused.value.errors]


def test_a_community_is_created_and_changed_field_by_field(ports: Ports) -> None:
    made = a_community(ports, time_zone="Europe/Berlin", **{"rules.cem_mode": "renewals", "rules.two_people": "true"})
    assert (made.rules.cem_mode, made.rules.two_people) == (HandlingMode.RENEWALS, True)
    changed = conf.save_community(ports, ADMINISTRATOR, made.id, {"name": "Alpha Ltd", "rules.two_people": "false"})
    assert (changed.name, changed.slug, changed.time_zone) == ("Alpha Ltd", "alpha", "Europe/Berlin")
    assert (changed.rules.cem_mode, changed.rules.two_people) == (HandlingMode.RENEWALS, False)
    with ports.store.read() as reader:
        assert reader.community(made.id) == changed
        told = [e.event.facts for e in reader.audit(window=Window(limit=1))]
    assert told == [{"name": "Alpha Arrows -> Alpha Ltd", "rules.two_people": "true -> false"}]


def test_saving_what_is_there_changes_and_records_nothing(ports: Ports) -> None:
    made = a_community(ports)
    conf.save_community(ports, ADMINISTRATOR, made.id, {"slug": "alpha", "name": "Alpha Arrows"})
    with ports.store.read() as reader:
        assert len(reader.audit(window=Window(limit=10))) == 1


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        ({"slug": "", "name": ""}, ["slug", "name"]),
        ({"slug": "A B"}, ["slug"]),
        ({"contact_email": "nobody"}, ["contact_email"]),
        ({"time_zone": "Europe/Atlantis"}, ["time_zone"]),
        ({"rules.minimum_rsa_bits": "12"}, ["rules.minimum_rsa_bits"]),
        ({"rules.cem_mode": "always"}, ["rules.cem_mode"]),
    ],
)
def test_a_wrong_community_names_its_fields_and_is_not_stored(
    ports: Ports, written: dict[str, str], fields: list[str]
) -> None:
    assert wrong_fields(lambda: a_community(ports, **written)) == fields
    with ports.store.read() as reader:
        assert reader.communities() == []


def test_missing_fields_are_named(ports: Ports) -> None:
    assert wrong_fields(lambda: conf.save_community(ports, ADMINISTRATOR, None, {})) == ["slug", "name"]
    community = a_community(ports)
    assert wrong_fields(lambda: conf.save_station(ports, ADMINISTRATOR, community.id, None, {})) == [
        "protocol",
        "identity",
        "name",
    ]
    assert wrong_fields(lambda: conf.save_partner(ports, ADMINISTRATOR, community.id, None, {})) == ["slug", "name"]


def test_what_is_unique_is_taken_once(ports: Ports) -> None:
    community = a_community(ports)
    station, partner = a_station(ports, community), a_partner(ports, community)
    an_agreement(ports, station, partner)
    attempts: list[tuple[Callable[[], object], str]] = [
        (lambda: a_community(ports), "slug"),
        (lambda: a_station(ports, community), "identity"),
        (lambda: a_partner(ports, community), "slug"),
        (lambda: an_agreement(ports, station, partner), "partner_identity"),
    ]
    for attempt, field in attempts:
        assert wrong_fields(attempt) == [field]


def test_a_stations_identity_stays(ports: Ports) -> None:
    community = a_community(ports)
    station = a_station(ports, community)
    changed = conf.save_station(ports, ADMINISTRATOR, community.id, station.id, {"name": "New", "enabled": "false"})
    assert (changed.identity, changed.name, changed.enabled) == ("ALPHA", "New", False)
    assert wrong_fields(
        lambda: conf.save_station(ports, ADMINISTRATOR, community.id, station.id, {"identity": "OMEGA"})
    ) == ["identity"]


def test_an_agreement_is_made_from_texts(ports: Ports) -> None:
    community = a_community(ports)
    made = an_agreement(
        ports,
        a_station(ports, community),
        a_partner(ports, community),
        cipher="aes-128-gcm",
        receipt_timeout="2h",
        retries="1m, 10m\n1h",
        async_receipt_hosts=("a.example", "b.example"),
        basic_user="alpha",
        basic_password="secret",
        active="false",
        **{"exchange.mode": "", "exchange.self_healing": "false"},
    )
    assert made.protocol is Protocol.AS2
    assert made.as2.cipher is Cipher.AES128_GCM
    assert made.as2.receipt_timeout == timedelta(hours=2)
    assert made.as2.retries == (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
    assert made.as2.async_receipt_hosts == ("a.example", "b.example")
    assert (made.active, made.exchange.mode, made.exchange.self_healing) == (False, None, False)
    assert opened(ports.vault, made.as2.basic_password_sealed, made.id, "basic_password_sealed") == "secret"


def test_an_empty_password_keeps_the_stored_one(ports: Ports) -> None:
    community = a_community(ports)
    station, partner = a_station(ports, community), a_partner(ports, community)
    made = an_agreement(ports, station, partner, basic_password="secret")
    changed = conf.save_agreement(
        ports,
        ADMINISTRATOR,
        made.id,
        station_id=station.id,
        partner_id=partner.id,
        written={"basic_password": "", "sign": "false"},
    )
    assert changed.as2.basic_password_sealed == made.as2.basic_password_sealed
    assert not changed.as2.sign


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        ({"url": "ftp://b"}, ["url"]),
        ({"url": "", "cipher": "rot13"}, ["url", "cipher"]),
        ({"partner_identity": 'B"'}, ["partner_identity"]),
        ({"retries": "soon"}, ["retries"]),
        ({"answer_204": "true"}, ["terms"]),
        ({"basic_password": "x" * 1001}, ["basic_password"]),
        ({"max_parallel": "0"}, ["max_parallel"]),
    ],
)
def test_a_wrong_agreement_names_its_fields_and_is_not_stored(
    ports: Ports, written: dict[str, str], fields: list[str]
) -> None:
    community = a_community(ports)
    station, partner = a_station(ports, community), a_partner(ports, community)
    assert wrong_fields(lambda: an_agreement(ports, station, partner, **written)) == fields
    with ports.store.read() as reader:
        assert reader.agreements(community.id) == []


def test_an_oftp2_agreement_takes_the_terms_of_its_station(ports: Ports) -> None:
    community = a_community(ports)
    station = a_station(ports, community, protocol="oftp2", identity="O0013000001ALPHA")
    made = an_agreement(ports, station, a_partner(ports, community), host="oftp.b.example", ssid_code="O0013BRAVO")
    assert (made.protocol, made.oftp2.host) == (Protocol.OFTP2, "oftp.b.example")


def test_an_unknown_id_is_not_found(ports: Ports) -> None:
    community = a_community(ports)
    attempts: list[Callable[[], object]] = [
        lambda: conf.save_community(ports, ADMINISTRATOR, CommunityId("x"), {}),
        lambda: conf.save_station(ports, ADMINISTRATOR, community.id, StationId("x"), {}),
        lambda: conf.save_partner(ports, ADMINISTRATOR, CommunityId("x"), None, {}),
        lambda: conf.save_agreement(
            ports, ADMINISTRATOR, None, station_id=StationId("x"), partner_id=PartnerId("x"), written={}
        ),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()


def test_only_who_may_configure_saves(ports: Ports) -> None:
    viewer = Actor(name="user:vera", permissions=frozenset({Permission.VIEW}))
    with pytest.raises(NotAllowed):
        conf.save_community(ports, viewer, None, {"slug": "alpha", "name": "Alpha"})


def test_what_was_saved_by_form_is_exported_and_applies_to_no_change(ports: Ports) -> None:
    community = a_community(ports)
    an_agreement(ports, a_station(ports, community), a_partner(ports, community), basic_password="secret")
    exported = conf.export(ports, ADMINISTRATOR, community="")
    read = conf.read(ports, exported.encode(), sources=conf.NoSources())
    assert conf.apply(ports, ADMINISTRATOR, read).changes == ()
