"""Instants: aware UTC inside, explicit offsets on the wire. ``now`` is an argument everywhere below the edge."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from counterseal.kernel.errors import CallerFault


class InvalidInstant(CallerFault):
    """A naive instant, an unknown zone or an unreadable date."""

    code = "kernel.invalid-instant"


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises ``InvalidInstant`` for a naive one."""
    if instant.tzinfo is None:
        raise InvalidInstant(f"expected an instant with a time zone, got the naive {instant.isoformat()}")
    return instant.astimezone(UTC)


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name (``Europe/Berlin``). Raises ``InvalidInstant`` when it is unknown."""
    try:
        return ZoneInfo(name)
    except (
        ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ) as error:  # OSError: a folder of zones (``Europe``), a name too long
        raise InvalidInstant(f"unknown time zone {name[:60]!r}; expected an IANA name such as Europe/Berlin") from error


def parse_instant(text: str, *, default_zone: tzinfo = UTC) -> datetime:
    """An aware UTC instant from ISO 8601; without an offset the text is read in ``default_zone``."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInstant(
            f"{text!r} is not a date and time; expected for example 2026-11-27T18:00:00+01:00"
        ) from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=default_zone)
    return parsed.astimezone(UTC)
