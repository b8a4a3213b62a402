"""Instants are aware, and time zones come from a list that we do not write."""

import pytest

from counterseal.kernel.clock import InvalidInstant, parse_instant, zone


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "Europe", "../zone", "/etc/localtime", "x" * 300, "a\0b", "Ü"])
def test_a_time_zone_that_is_not_in_the_list_is_refused(name: str) -> None:
    with pytest.raises(InvalidInstant) as caught:
        zone(name)
    assert len(caught.value.detail) < 200


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-27T18:00:00+01:00", "2026-11-27T17:00:00+00:00"),
        (" 2026-11-27 18:00 ", "2026-11-27T17:00:00+00:00"),
        ("2026-11-27", "2026-11-26T23:00:00+00:00"),
        ("2026-07-01T12:00", "2026-07-01T10:00:00+00:00"),
        ("2026-11-27T18:00:00Z", "2026-11-27T18:00:00+00:00"),
    ],
)
def test_an_instant_without_an_offset_is_read_in_the_given_zone(text: str, instant: str) -> None:
    assert parse_instant(text, default_zone=zone("Europe/Berlin")).isoformat() == instant


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "27.11.2026", "2026-11-27T25:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInstant):
        parse_instant(text)
