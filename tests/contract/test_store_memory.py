"""What a process remembers of the configuration never outlives a change, its own, another's or one that was rolled back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from counterseal.adapters.storage import SQLStore
from counterseal.domain.rollover import mark_seen
from tests import builders as b


class UndoneError(Exception):
    pass


def a_store(tmp_path: Path) -> SQLStore:
    return SQLStore(f"sqlite:///{tmp_path / 'counterseal.sqlite'}")


def test_a_change_is_seen_by_the_next_transaction_of_this_and_of_another_process(tmp_path: Path) -> None:
    ours, theirs = a_store(tmp_path), a_store(tmp_path)
    partner = b.a_partner()
    with ours.write() as writer:
        writer.put(partner)
    for store in (ours, theirs):
        with store.read() as reader:
            assert reader.partner(partner.id) == partner
    with theirs.write() as writer:
        writer.put(replace(partner, name="Another name"))
    for store in (ours, theirs):
        with store.read() as reader:
            assert reader.partner(partner.id).name == "Another name"
        store.close()


def test_a_change_that_was_rolled_back_is_not_remembered(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    partner = b.a_partner()
    with store.write() as writer:
        writer.put(partner)
    with store.read() as reader:
        reader.partner(partner.id)

    def change_and_fail() -> None:
        with store.write() as writer:
            writer.put(replace(partner, name="Never"))
            assert writer.partner(partner.id).name == "Never"
            raise UndoneError

    with pytest.raises(UndoneError):
        change_and_fail()
    with store.read() as reader:
        assert reader.partner(partner.id) == partner
    store.close()


def test_absence_is_forgotten_when_the_thing_appears(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    station = b.a_station()
    with store.write() as writer:
        writer.put(b.a_partner())
    with store.read() as reader:
        assert reader.find_station(station.protocol, station.identity) is None
    with store.write() as writer:
        writer.put(station)
    with store.read() as reader:
        assert reader.find_station(station.protocol, station.identity) == station
    store.close()


def test_being_seen_changes_what_is_remembered_and_not_the_generation(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    assignment = b.an_assignment()
    with store.write() as writer:
        writer.put(assignment)
    with store.read() as reader:
        assert reader.assignments(agreement_id=assignment.agreement_id) == [assignment]
        before = reader._read_token()
    seen = mark_seen(assignment, b.NOW + timedelta(minutes=5))
    with store.write() as writer:
        writer.put(seen)
    with store.read() as reader:
        assert reader.assignments(agreement_id=assignment.agreement_id) == [seen]
        assert reader._read_token() == before
    fresh = a_store(tmp_path)
    with fresh.read() as reader:
        assert reader.assignments(agreement_id=assignment.agreement_id) == [seen]
    fresh.close()
    store.close()
