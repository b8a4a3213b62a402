"""Values that the draft forbids cannot be built."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from counterseal.protocols.cem.errors import IllegalValue
from counterseal.protocols.cem.model import (
    CertificateIdentifier,
    CertStatus,
    CertUsage,
    TradingPartner,
    WireTime,
)
from tests.protocols.cem.minting import a_request, a_response, a_trust_request, an_answer, certificate

ILLEGAL: dict[str, Callable[[], object]] = {
    "requestId empty": lambda: a_request(request_id=""),
    "requestId of 256 characters": lambda: a_request(request_id="x" * 256),
    "requestId with NUL": lambda: a_request(request_id="a\x00b"),
    "response requestId empty": lambda: a_response(request_id=""),
    "request without trust request": lambda: a_request(trust_requests=()),
    "response without answer": lambda: a_response(trust_responses=()),
    "no usage": lambda: a_trust_request(usages=frozenset()),
    "acceptance with a reason": lambda: an_answer(CertStatus.ACCEPTED, reason="why not"),
    "reason with a control character": lambda: an_answer(CertStatus.REJECTED, reason="\x1b[2J"),
    "name with a lone surrogate": lambda: TradingPartner(name="\ud800", qualifier=None),
    "qualifier with NUL": lambda: TradingPartner(name="A", qualifier="\x00"),
    "name beyond any length": lambda: TradingPartner(name="A" * 20_000, qualifier=None),
    "serial in hex": lambda: CertificateIdentifier.of_text("CN=a", "0x5"),
    "serial with an underscore": lambda: CertificateIdentifier.of_text("CN=a", "1_0"),
    "serial in Arabic-Indic digits": lambda: CertificateIdentifier.of_text("CN=a", "٣"),
    "serial too long": lambda: CertificateIdentifier.of_text("CN=a", "9" * 5000),
    "serial and its text differ": lambda: CertificateIdentifier(issuer_name="CN=a", serial=5, serial_text="6"),
    "naive instant": lambda: WireTime(datetime(2026, 3, 1), None),  # noqa: DTZ001 - the naive one is the point
    "instant in another zone": lambda: WireTime(datetime.fromisoformat("2026-03-01T00:00:00+01:00"), None),
    "offset of seconds": lambda: WireTime(datetime(2026, 3, 1, tzinfo=UTC), timedelta(seconds=30)),
    "offset beyond 14 hours": lambda: WireTime(datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=15)),
    "local time before the year 1": lambda: WireTime(datetime(1, 1, 1, tzinfo=UTC), timedelta(hours=-1)),
    "WireTime.of a naive instant": lambda: WireTime.of(datetime(2026, 3, 1)),  # noqa: DTZ001 - the naive one is the point
}


@pytest.mark.parametrize("build", ILLEGAL.values(), ids=ILLEGAL.keys())
def test_illegal_value_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(IllegalValue):
        build()


def test_request_id_of_255_characters_stands() -> None:
    """CEM-18."""
    assert a_request(request_id="x" * 255).request_id == "x" * 255


def test_identifier_of_a_certificate_is_rfc_4514_and_decimal() -> None:
    """CEM-17: a serial of more than 64 bits."""
    leaf = certificate("Alpha, Ltd.", serial=1208925819614629174706177)
    identifier = CertificateIdentifier.of(leaf)
    assert identifier.issuer_name == r"CN=Alpha\, Ltd."
    assert identifier.serial_text == "1208925819614629174706177"


def test_wire_time_keeps_whole_seconds_and_the_zone_of_the_instant() -> None:
    made = WireTime.of(datetime.fromisoformat("2026-03-01T09:15:00.75+05:30"))
    assert made.local.isoformat() == "2026-03-01T09:15:00+05:30"
    assert made.instant == datetime(2026, 3, 1, 3, 45, tzinfo=UTC)


def test_historic_offset_of_seconds_is_cut_to_minutes() -> None:
    """Zones before 1900 have such offsets (Amsterdam +00:19:32); xs:dateTime has none."""
    made = WireTime.of(datetime.fromisoformat("1890-01-01T00:00:00+00:19:32"))
    assert made.offset == timedelta(minutes=19)


@pytest.mark.parametrize(("name", "identity"), [("ALPHA", "ALPHA"), (" ALPHA\n", "ALPHA"), ("A B", "A B")])
def test_sender_is_named(name: str, identity: str) -> None:
    """CEM-19."""
    assert TradingPartner(name=name, qualifier="AS2").is_named(identity)


@pytest.mark.parametrize(("name", "identity"), [("ALPHA", "alpha"), ("ALPHA", "BRAVO"), ("A B", "AB")])
def test_another_sender_is_not_named(name: str, identity: str) -> None:
    """CEM-19: AS2 names are case-sensitive (RFC 4130 6.2)."""
    assert not TradingPartner(name=name, qualifier="AS2").is_named(identity)


def test_answers_to_two_certificates_are_no_double_answer() -> None:
    other = CertificateIdentifier.of_text("CN=a", "5")
    assert not a_response(an_answer(), an_answer(reference=other)).answers_twice


def test_certificate_answered_twice_is_seen_even_in_another_spelling() -> None:
    """CEM-34, row 27: read as a value, so that the MDN stays positive and the Response is discarded."""
    one = an_answer(reference=CertificateIdentifier.of_text("CN=a,O=b", "5"))
    two = an_answer(reference=CertificateIdentifier.of_text("O=B, CN=a", "05"))
    assert a_response(one, two).answers_twice
    assert a_response(one, replace(one, status=CertStatus.REJECTED)).answers_twice


def test_there_are_four_usages() -> None:
    """CEM-23."""
    assert {str(usage) for usage in CertUsage} == {"tlsClient", "tlsServer", "keyEncipherment", "digitalSignature"}
