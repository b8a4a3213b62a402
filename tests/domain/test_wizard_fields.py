"""Page 2: each field, its error and its boundary; the respond-by date (product.md section 2, design/README.md section 6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.domain.usage import Usage
from counterseal.domain.wizard import (
    KEY_CHOICES,
    CertificateFields,
    CertificateWish,
    FieldError,
    check_fields,
    check_respond_by,
)
from counterseal.domain.wizard.fields import months_later
from counterseal.kernel.clock import InvalidInstant
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, KeyUsageBit
from tests.builders import NOW

BERLIN = "Europe/Berlin"
FIELDS = CertificateFields(common_name="Alpha Arrows")


def check(**changes: Any) -> CertificateWish | tuple[FieldError, ...]:
    return check_fields(replace(FIELDS, **changes), now=NOW, time_zone=BERLIN)


def wish(**changes: Any) -> CertificateWish:
    checked = check(**changes)
    assert isinstance(checked, CertificateWish), checked
    return checked


def errors(**changes: Any) -> tuple[FieldError, ...]:
    checked = check(**changes)
    assert isinstance(checked, tuple), checked
    return checked


def test_a_common_name_is_enough() -> None:
    made = wish()
    assert (made.common_name, made.key, made.digest) == ("Alpha Arrows", KEY_CHOICES["rsa-3072"], "sha256")
    assert (made.not_before, made.not_after) == (NOW, datetime(2028, 11, 25, 12, 0, tzinfo=UTC))
    assert made.key_usage == (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT)


def test_values_come_back_trimmed_and_in_order() -> None:
    made = wish(
        common_name=" Alpha ",
        country=" de ",
        dns_names="dns:AS2.alpha.example\n *.alpha.example, as2.alpha.example",
        key_usage=("keyEncipherment", "digitalSignature"),
        extended_key_usage=("clientAuth", "serverAuth"),
    )
    assert (made.common_name, made.country) == ("Alpha", "DE")
    assert made.dns_names == ("as2.alpha.example", "*.alpha.example")
    assert made.key_usage == (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT)
    assert made.extended_key_usage == (SERVER_AUTH, CLIENT_AUTH)


GOOD: list[dict[str, Any]] = [
    {"common_name": "x" * 64},
    {"organisation": "x" * 64, "unit": "x" * 64, "city": "x" * 128, "state": "x" * 128},
    {"common_name": "Müller & Söhne, GmbH"},
    {"country": "DE"},
    {"email": "edi+as2@sub.alpha.example"},
    {"dns_names": "localhost"},
    {"dns_names": "_acme.alpha.example"},
    {"dns_names": f"{'a' * 63}.example"},
    {"valid_months": "1"},
    {"valid_months": "120"},
    {"valid_until": "2026-11-26"},
    {"valid_until": "2026-11-25"},
    {"usages": frozenset({Usage.SIGN, Usage.ENCRYPT})},
    {"usages": frozenset({Usage.ENCRYPT}), "key": "ec-p256", "key_usage": ("keyAgreement",)},
    {"respond_by": NOW + timedelta(days=14)},
    *({"key": key} for key in KEY_CHOICES),
    *({"digest": name} for name in ("sha256", "sha384", "sha512")),
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"common_name": "  "}, "common_name"),
    ({"common_name": "x" * 65}, "common_name"),
    ({"common_name": "a\x00b"}, "common_name"),
    ({"organisation": "x" * 65}, "organisation"),
    ({"unit": "x" * 65}, "unit"),
    ({"city": "x" * 129}, "city"),
    ({"state": "x" * 129}, "state"),
    ({"country": "D"}, "country"),
    ({"country": "DEU"}, "country"),
    ({"country": "D1"}, "country"),
    ({"country": "ÄÖ"}, "country"),
    ({"email": "edi"}, "email"),
    ({"email": "edi@alpha"}, "email"),
    ({"email": "edi@alpha.example\nBcc: x@y.example"}, "email"),
    ({"email": "x" * 250 + "@a.example"}, "email"),
    ({"dns_names": "https://alpha.example"}, "dns_names"),
    ({"dns_names": "as2 .alpha.example"}, "dns_names"),
    ({"dns_names": "-as2.alpha.example"}, "dns_names"),
    ({"dns_names": "as2.*.example"}, "dns_names"),
    ({"dns_names": f"{'a' * 64}.example"}, "dns_names"),
    ({"dns_names": ".".join(["a" * 50] * 6)}, "dns_names"),
    ({"key": "rsa-1024"}, "key"),
    ({"key": "dsa"}, "key"),
    ({"digest": "sha1"}, "digest"),
    ({"digest": "md5"}, "digest"),
    ({"valid_months": "0"}, "valid_months"),
    ({"valid_months": "121"}, "valid_months"),
    ({"valid_months": "two"}, "valid_months"),
    ({"valid_months": "²"}, "valid_months"),
    ({"valid_months": "9" * 5000}, "valid_months"),
    ({"valid_until": "2026-11-24"}, "valid_until"),
    ({"valid_until": "24.11.2028"}, "valid_until"),
    ({"valid_until": "2036-12-31"}, "valid_until"),
    ({"valid_until": "9999-12-31"}, "valid_until"),
    ({"valid_until": "0001-01-01"}, "valid_until"),
    ({"key_usage": ()}, "key_usage"),
    ({"key_usage": ("everything",)}, "key_usage"),
    ({"key_usage": ("digitalSignature", "keyCertSign")}, "key_usage"),
    ({"key_usage": ("digitalSignature",), "usages": frozenset({Usage.ENCRYPT})}, "key_usage"),
    ({"key_usage": ("keyEncipherment",), "usages": frozenset({Usage.SIGN})}, "key_usage"),
    ({"key": "ec-p256", "usages": frozenset({Usage.ENCRYPT})}, "key_usage"),
    ({"extended_key_usage": ("codeSigning",)}, "extended_key_usage"),
    ({"valid_months": "1", "respond_by": NOW + timedelta(days=30)}, "valid_until"),
]


@pytest.mark.parametrize("changes", GOOD, ids=repr)
def test_it_is_taken(changes: dict[str, Any]) -> None:
    wish(**changes)


@pytest.mark.parametrize(("changes", "field"), BAD, ids=[repr(c)[:60] for c, _ in BAD])
def test_it_is_refused_beside_its_field(changes: dict[str, Any], field: str) -> None:
    found = errors(**changes)
    assert {e.field for e in found} == {field}
    for error in found:
        cause, _, remedy = error.text.partition(". ")
        assert cause
        assert remedy.endswith("."), "cause, then what to do"
        assert not {"please", "successfully", "simply"} & set(error.text.lower().split())
        assert "!" not in error.text


def test_all_errors_come_at_once_in_the_order_of_the_form() -> None:
    found = errors(common_name="", country="Germany", email="x", digest="md5", valid_months="0")
    assert [e.field for e in found] == ["common_name", "country", "email", "digest", "valid_months"]


def test_the_last_day_is_whole_in_the_communitys_zone() -> None:
    assert wish(valid_until="2028-07-01").not_after == datetime(2028, 7, 1, 21, 59, 59, tzinfo=UTC)


def test_the_end_in_the_past_is_named_with_an_example() -> None:
    text = errors(valid_until="2026-11-14")[0].text
    assert text == "14 November 2026 is in the past. Take a day after today, for example 25 November 2028."


def test_a_certificate_must_outlast_the_respond_by_date() -> None:
    ends = wish(valid_months="1").not_after
    assert isinstance(check(valid_months="1", respond_by=ends), tuple)
    assert isinstance(check(valid_months="1", respond_by=ends - timedelta(seconds=1)), CertificateWish)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-11-30", 24, "2028-11-30"),
    ],
)
def test_months_end_on_the_same_day_or_the_last_one(start: str, months: int, end: str) -> None:
    instant = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert months_later(instant, months) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@given(text=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_in_any_field_gives_a_wish_or_errors(text: str) -> None:
    fields = CertificateFields(
        common_name=text,
        organisation=text,
        country=text,
        email=text,
        dns_names=text,
        key=text,
        digest=text,
        valid_until=text,
        valid_months=text,
    )
    checked = check_fields(fields, now=NOW, time_zone=BERLIN)
    assert isinstance(checked, tuple), "no text is a key type"


# respond by


def respond(day: str = "2026-12-09", time: str = "18:00", zone: str = BERLIN) -> datetime | FieldError:
    return check_respond_by(day, time, zone, now=NOW)


@pytest.mark.parametrize(
    ("day", "time", "zone", "expected"),
    [
        ("2026-12-09", "18:00", BERLIN, "2026-12-09T17:00:00"),
        ("2027-07-09", "18:00", BERLIN, "2027-07-09T16:00:00"),
        ("2026-12-09", "18:00", "UTC", "2026-12-09T18:00:00"),
        ("2026-12-09", "18:00", "Asia/Kolkata", "2026-12-09T12:30:00"),
        (" 2026-12-09 ", " 18:00:30 ", BERLIN, "2026-12-09T17:00:30"),
        ("2026-11-25", "13:01", BERLIN, "2026-11-25T12:01:00"),
        ("2027-10-31", "02:30", BERLIN, "2027-10-31T00:30:00"),
    ],
)
def test_the_date_is_read_in_its_zone(day: str, time: str, zone: str, expected: str) -> None:
    assert respond(day, time, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "time", "zone", "field"),
    [
        ("2026-11-24", "18:00", BERLIN, "respond_by_date"),
        ("2026-11-25", "13:00", BERLIN, "respond_by_date"),
        ("soon", "18:00", BERLIN, "respond_by_date"),
        ("", "18:00", BERLIN, "respond_by_date"),
        ("9999-12-31", "23:59", "America/New_York", "respond_by_date"),
        ("0001-01-01", "00:00", BERLIN, "respond_by_date"),
        ("2026-12-09", "6 pm", BERLIN, "respond_by_time"),
        ("2026-12-09", "", BERLIN, "respond_by_time"),
        ("2026-12-09", "18:00+01:00", BERLIN, "respond_by_time"),
        ("2027-03-28", "02:30", BERLIN, "respond_by_time"),
        ("2026-12-09", "18:00", "Middle/Earth", "time_zone"),
        ("2026-12-09", "18:00", "../etc/passwd", "time_zone"),
    ],
)
def test_a_date_that_is_past_unreadable_or_does_not_exist_is_refused(
    day: str, time: str, zone: str, field: str
) -> None:
    error = respond(day, time, zone)
    assert isinstance(error, FieldError)
    assert error.field == field
    assert ". " in error.text


def test_the_past_is_named_in_the_persons_zone() -> None:
    error = respond("2026-11-14", "18:00")
    assert isinstance(error, FieldError)
    assert error.text == "14 November 2026, 18:00 is in the past. Take a later day, for example 9 December 2026."


def test_an_unknown_zone_of_the_community_is_a_fault_of_the_caller() -> None:
    with pytest.raises(InvalidInstant):
        check_fields(FIELDS, now=NOW, time_zone="Middle/Earth")
