"""Time zones that a person may choose from, and dates typed in them."""

from datetime import UTC, datetime
from typing import Final

from counterseal.kernel.clock import parse_instant, zone
from counterseal.surfaces.web.visit import Visit
from counterseal.surfaces.web.words import Times

_COMMON: Final = (
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Helsinki",
    "Europe/Istanbul",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/Sao_Paulo",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


def zone_choices(*first: str) -> list[str]:
    """The given ones in front, then the common ones."""
    return list(dict.fromkeys([*(z for z in first if z), *_COMMON]))


def zoned(visit: Visit, name: str) -> Times:
    """Times in the zone in which somebody decided."""
    return Times(now=visit.now, zone=zone(name), zone_name=name)


def typed_instant(date: str, time: str, zone_name: str) -> datetime:
    """What the three fields of a form mean, in UTC. Raises ``InvalidInstant``."""
    return parse_instant(f"{date.strip()}T{time.strip() or '00:00'}", default_zone=zone(zone_name)).astimezone(UTC)
