"""Page 2 of the wizard: what a person filled in becomes clean values, or an error beside the field.

An error is a value: the field's name and a sentence with cause, then what to do (design/README.md section 6). Every field is
checked, so that one look shows them all. Lengths are the upper bounds of RFC 5280 Appendix A.1.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from counterseal.domain.policies.certificate import needed_bits_of
from counterseal.domain.policies.model import day
from counterseal.domain.usage import Usage
from counterseal.kernel.clock import InvalidInstant, zone
from counterseal.kernel.x509 import CLIENT_AUTH, SERVER_AUTH, KeyUsageBit


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    """The form's name of the field."""
    text: str
    """Cause, then what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChoice:
    kind: str
    """``rsa`` or ``ec``."""
    bits: int
    curve: str


KEY_CHOICES: Final[Mapping[str, KeyChoice]] = {
    "rsa-2048": KeyChoice(kind="rsa", bits=2048, curve=""),
    "rsa-3072": KeyChoice(kind="rsa", bits=3072, curve=""),
    "rsa-4096": KeyChoice(kind="rsa", bits=4096, curve=""),
    "ec-p256": KeyChoice(kind="ec", bits=256, curve="secp256r1"),
    "ec-p384": KeyChoice(kind="ec", bits=384, curve="secp384r1"),
}
DIGESTS: Final = ("sha256", "sha384", "sha512")
DEFAULT_MONTHS: Final = 24
MAX_MONTHS: Final = 120
PURPOSE_CHOICES: Final[Mapping[str, str]] = {
    "serverAuth": SERVER_AUTH,
    "clientAuth": CLIENT_AUTH,
    "emailProtection": "1.3.6.1.5.5.7.3.4",
}

_LENGTHS: Final = {
    "common_name": (64, "The common name"),
    "organisation": (64, "The organisation"),
    "unit": (64, "The unit"),
    "city": (128, "The city"),
    "state": (128, "The state"),
}
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS: Final = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFields:
    """As they came from the form; text untrimmed."""

    common_name: str
    organisation: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    email: str = ""
    dns_names: str = ""
    """One per line or separated by commas; ``dns:`` in front is allowed."""
    key: str = "rsa-3072"
    """One of ``KEY_CHOICES``."""
    digest: str = "sha256"
    valid_months: str = ""
    """Empty with an empty ``valid_until``: 24."""
    valid_until: str = ""
    """``2028-11-24``, the last day in the community's time zone; wins over the months."""
    key_usage: tuple[str, ...] = (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT)
    extended_key_usage: tuple[str, ...] = ()
    """Of ``PURPOSE_CHOICES``."""
    usages: frozenset[Usage] = frozenset()
    """What it is meant for, where that is known already; its key usage is checked against it."""
    respond_by: datetime | None = None
    """Where that is known already: the certificate must outlast it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateWish:
    """Clean: what the vault makes a certificate or a CSR of."""

    common_name: str
    organisation: str
    unit: str
    city: str
    state: str
    country: str
    email: str
    dns_names: tuple[str, ...]
    key: KeyChoice
    digest: str
    not_before: datetime
    not_after: datetime
    key_usage: tuple[KeyUsageBit, ...]
    extended_key_usage: tuple[str, ...]
    """Dotted OIDs."""


def check_fields(
    fields: CertificateFields, *, now: datetime, time_zone: str
) -> CertificateWish | tuple[FieldError, ...]:
    """The clean wish, or every field error in the order of the form. Raises ``InvalidInstant`` for an unknown zone."""
    local = zone(time_zone)
    names = _dns_names(fields.dns_names)
    errors = [*_subject_errors(fields), *_dns_errors(names), *_choice_errors(fields)]
    ends = _end(fields, now, local)
    if isinstance(ends, FieldError):
        errors.append(ends)
        ends = now
    elif fields.respond_by is not None and ends <= fields.respond_by:
        text = (
            f"The certificate would end on {day(ends)}, before partners have to answer ({day(fields.respond_by)}). "
            "Take a later end or an earlier respond-by date."
        )
        errors.append(FieldError("valid_until", text))
    if errors:
        return tuple(errors)
    return CertificateWish(
        common_name=fields.common_name.strip(),
        organisation=fields.organisation.strip(),
        unit=fields.unit.strip(),
        city=fields.city.strip(),
        state=fields.state.strip(),
        country=fields.country.strip().upper(),
        email=fields.email.strip(),
        dns_names=names,
        key=KEY_CHOICES[fields.key],
        digest=fields.digest,
        not_before=now.replace(microsecond=0),
        not_after=ends,
        key_usage=tuple(bit for bit in KeyUsageBit if bit in fields.key_usage),
        extended_key_usage=tuple(oid for name, oid in PURPOSE_CHOICES.items() if name in fields.extended_key_usage),
    )


def _subject_errors(fields: CertificateFields) -> Iterator[FieldError]:
    for name, (length, words) in _LENGTHS.items():
        text: str = getattr(fields, name).strip()
        if name == "common_name" and not text:
            yield FieldError(name, "The common name is empty. Give the name that partners know this certificate by.")
        elif len(text) > length:
            yield FieldError(name, f"{words} has {len(text)} characters. Shorten it to {length}.")
        elif not text.isprintable():
            yield FieldError(name, f"{words} holds a character that cannot be printed. Type it again.")
    country = fields.country.strip()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        yield FieldError("country", f"{country!r} is no country code. Give two letters, for example DE.")
    email = fields.email.strip()
    if email and (len(email) > 255 or not _EMAIL.fullmatch(email)):
        yield FieldError("email", f"{email!r} is no e-mail address. Give one such as edi@alpha-arrows.example.")


def _dns_names(text: str) -> tuple[str, ...]:
    parts = (part.strip() for part in re.split(r"[\n,]", text))
    return tuple(dict.fromkeys(part.removeprefix("dns:").strip().lower() for part in parts if part))


def _dns_errors(names: tuple[str, ...]) -> Iterator[FieldError]:
    for name in names:
        if len(name) > 253 or not _DNS.fullmatch(name):
            yield FieldError(
                "dns_names", f"{name!r} is no DNS name. Give one per line, for example as2.alpha-arrows.example."
            )


def _choice_errors(fields: CertificateFields) -> Iterator[FieldError]:
    if fields.key not in KEY_CHOICES:
        yield FieldError("key", f"{fields.key!r} is not offered. Choose one of {', '.join(KEY_CHOICES)}.")
    if fields.digest not in DIGESTS:
        yield FieldError("digest", f"{fields.digest!r} is not offered. Choose one of {', '.join(DIGESTS)}.")
    unknown = sorted(set(fields.key_usage) - set(KeyUsageBit))
    if unknown:
        yield FieldError("key_usage", f"{unknown[0]!r} is no key usage. Choose from the list.")
    elif not fields.key_usage:
        yield FieldError("key_usage", "No key usage is chosen, so nothing would be allowed. Choose at least one.")
    elif KeyUsageBit.KEY_CERT_SIGN in fields.key_usage:
        yield FieldError(
            "key_usage",
            "A certificate that signs certificates is a CA certificate; partners refuse it. Leave keyCertSign out.",
        )
    else:
        yield from _usage_errors(fields)
    strange = sorted(set(fields.extended_key_usage) - set(PURPOSE_CHOICES))
    if strange:
        text = f"{strange[0]!r} is not offered. Choose one of {', '.join(PURPOSE_CHOICES)}."
        yield FieldError("extended_key_usage", text)


def _usage_errors(fields: CertificateFields) -> Iterator[FieldError]:
    kind = KEY_CHOICES[fields.key].kind if fields.key in KEY_CHOICES else "rsa"
    for usage in (u for u in Usage if u in fields.usages):
        needs = needed_bits_of(kind, usage)
        if not set(needs) & set(fields.key_usage):
            names = " or ".join(needs)
            yield FieldError(
                "key_usage", f"It is meant for {usage.value}, which needs {names}. Tick it, or leave that use out."
            )


def _end(fields: CertificateFields, now: datetime, local: tzinfo) -> datetime | FieldError:
    if fields.valid_until.strip():
        return _end_on(fields.valid_until.strip(), now, local)
    text = fields.valid_months.strip() or str(DEFAULT_MONTHS)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_MONTHS):
        return FieldError(
            "valid_months", f"{text!r} is no number of months. Give 1 to {MAX_MONTHS}; usual are {DEFAULT_MONTHS}."
        )
    return months_later(now, int(text)).replace(microsecond=0)


def _end_on(text: str, now: datetime, local: tzinfo) -> datetime | FieldError:
    usual = day(months_later(now, DEFAULT_MONTHS))
    try:
        last = date.fromisoformat(text)
    except ValueError:
        last = date.min
    if not _near(last, now):
        return FieldError(
            "valid_until", f"{text!r} is no date. Give one such as {months_later(now, DEFAULT_MONTHS):%Y-%m-%d}."
        )
    ends = datetime.combine(last, time(23, 59, 59), local).astimezone(now.tzinfo)
    if ends <= now:
        return FieldError(
            "valid_until", f"{day(ends.astimezone(local))} is in the past. Take a day after today, for example {usual}."
        )
    if ends > months_later(now, MAX_MONTHS) + timedelta(days=1):
        return FieldError(
            "valid_until",
            f"{day(ends)} is more than {MAX_MONTHS // 12} years away. Take an earlier day, for example {usual}.",
        )
    return ends


def months_later(instant: datetime, months: int) -> datetime:
    """The same day and time that many months later; the last day of a shorter month."""
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    return instant.replace(year=year, month=month + 1, day=min(instant.day, monthrange(year, month + 1)[1]))


def _near(chosen: date, now: datetime) -> bool:
    """Within a century of now: what lies outside is a slip of the finger, and cannot always be counted with."""
    return abs(chosen.year - now.year) <= 100


def check_respond_by(day_text: str, time_text: str, zone_name: str, *, now: datetime) -> datetime | FieldError:
    """The respond-by instant in UTC from what a person chose, with its zone; past dates are refused (product.md section 2)."""
    try:
        local = zone(zone_name)
    except InvalidInstant:
        return FieldError(
            "time_zone", f"{zone_name!r} is no time zone. Choose one from the list, for example Europe/Berlin."
        )
    try:
        chosen_day = date.fromisoformat(day_text.strip())
    except ValueError:
        chosen_day = date.min
    if not _near(chosen_day, now):
        return FieldError(
            "respond_by_date", f"{day_text!r} is no date. Give one such as {now + timedelta(days=14):%Y-%m-%d}."
        )
    try:
        chosen_time = time.fromisoformat(time_text.strip())
    except ValueError:
        return FieldError("respond_by_time", f"{time_text!r} is no time of day. Give one such as 18:00.")
    if chosen_time.tzinfo is not None:
        return FieldError(
            "respond_by_time", "The time carries a zone of its own. Give only the time of day, such as 18:00."
        )
    instant = datetime.combine(chosen_day, chosen_time, local)
    there = instant.astimezone(now.tzinfo)
    if there.astimezone(local).replace(tzinfo=None) != instant.replace(tzinfo=None):
        text = f"{time_text.strip()} does not exist on {day(instant)} in {zone_name}: the clocks go forward. Take another time."
        return FieldError("respond_by_time", text)
    if there <= now:
        example = day((now + timedelta(days=14)).astimezone(local))
        return FieldError(
            "respond_by_date",
            f"{day(instant)}, {instant:%H:%M} is in the past. Take a later day, for example {example}.",
        )
    return there
