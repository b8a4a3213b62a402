"""Times, sizes and identifiers as a reader meets them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from counterseal.domain.usage import Usage
from counterseal.surfaces.web.words import (
    Times,
    fingerprint_groups,
    plural,
    sentence,
    short_fingerprint,
    size_text,
    span,
    usage_words,
    who,
)
from tests.builders import NOW

TIMES = Times(now=NOW, zone=ZoneInfo("Europe/Berlin"), zone_name="Europe/Berlin")


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(seconds=10), "now"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=39), "39 hours"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=90), "90 days"),
        (timedelta(days=92), "3 months"),
        (timedelta(days=731), "24 months"),
    ],
)
def test_a_span_takes_the_unit_that_fits(distance: timedelta, text: str) -> None:
    assert span(distance) == text


def test_relative_times_say_their_direction() -> None:
    assert TIMES.relative(NOW + timedelta(days=3)) == "in 3 days"
    assert TIMES.relative(NOW - timedelta(hours=39)) == "39 hours ago"


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (NOW, "today, 13:00"),
        (NOW - timedelta(hours=14), "yesterday, 23:00"),
        (NOW + timedelta(days=10), "5 Dec, 13:00"),
        (NOW - timedelta(days=700), "25 Dec 2024, 13:00"),
    ],
)
def test_rows_leave_out_what_is_plain(instant: datetime, text: str) -> None:
    assert TIMES.short(instant) == text


def test_where_a_person_decides_the_zone_stands() -> None:
    assert TIMES.long(NOW) == "Wed 25 Nov 2026, 13:00 CET"
    assert TIMES.long(datetime(2026, 7, 1, 10, tzinfo=UTC)) == "Wed 1 Jul 2026, 12:00 CEST"
    assert TIMES.zone_text == "Europe/Berlin (CET, UTC+1)"
    assert Times(now=NOW, zone=UTC, zone_name="UTC").zone_text == "UTC"


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0 bytes"), (999, "999 bytes"), (44_100, "44.1 kB"), (4_200_000_000, "4.2 GB")]
)
def test_sizes_are_decimal(octets: int, text: str) -> None:
    assert size_text(octets) == text


def test_fingerprints_in_rows_show_both_ends_and_whole_ones_break_in_groups() -> None:
    fingerprint = "0123456789abcdef" * 4
    assert short_fingerprint(fingerprint) == "01:23:45:67…89:AB:CD:EF"
    assert "".join(fingerprint_groups(fingerprint)).replace(":", "").lower() == fingerprint
    assert len(fingerprint_groups(fingerprint)) == 8


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        ("user:mara", "Mara Muster"),
        ("user:gone", "gone"),
        ("token:ci", "token ci"),
        ("local:edi", "edi on this machine"),
        ("system", "the gateway"),
        ("policy", "the rules"),
        ("odd", "odd"),
    ],
)
def test_actors_have_names(actor: str, text: str) -> None:
    assert who(actor, {"mara": "Mara Muster"}) == text


def test_small_words() -> None:
    assert plural(1, "partner") == "1 partner"
    assert plural(1200, "partner") == "1,200 partners"
    assert sentence("the file is empty") == "The file is empty."
    assert sentence("") == ""
    assert usage_words(frozenset({Usage.SIGN, Usage.ENCRYPT})) == "signing and encryption"
    assert usage_words(frozenset({Usage.TLS_CLIENT})) == "SSL"
