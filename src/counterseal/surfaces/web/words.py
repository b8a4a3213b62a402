"""Times, sizes, identifiers and protocol words as a reader meets them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from counterseal.domain.agreement import (
    Agreement,
    Cipher,
    Compression,
    Profile,
    ReceiptMode,
    SignaturePadding,
)
from counterseal.domain.certificate import Origin
from counterseal.domain.channel import Channel, SCXRule, SCXType
from counterseal.domain.community import CutoverRule, HandlingMode
from counterseal.domain.document import DocumentKind, MessageKind
from counterseal.domain.people import Permission, Role
from counterseal.domain.usage import GROUPS, Protocol, Usage, UsageGroup
from counterseal.domain.wizard import RuleSource, rules_of
from counterseal.kernel.keys import KeyTransport
from counterseal.kernel.x509 import pretty_fingerprint

Words = Mapping[StrEnum, str]

PROTOCOLS: Final[Words] = {Protocol.AS2: "AS2", Protocol.OFTP2: "OFTP2"}
CHANNELS: Final[Words] = {Channel.CEM: "CEM", Channel.SCX: "SCX", Channel.MAIL: "mail", Channel.PORTAL: "portal"}
SCX_TYPES: Final[Words] = {SCXType.REQUEST: "Request", SCXType.DELIVER: "Deliver", SCXType.REPLACE: "Replace"}
SCX_RULES: Final[Words] = {
    SCXRule.EXACT: "subject, issuer and both key usages (as Axway Activator)",
    SCXRule.NO_EKU: "the same without extended key usage (as TSIM)",
    SCXRule.CLID: "the logical id entered at theirs (as Cleo, !MC5)",
    SCXRule.LENIENT: "the one that the message names, else leniently (as Oftp4Net)",
}
ROLES: Final[Words] = {
    Role.VIEWER: "viewer",
    Role.OPERATOR: "operator",
    Role.CERTIFICATE_MANAGER: "certificate manager",
    Role.ADMINISTRATOR: "administrator",
}
MODES: Final[Words] = {
    HandlingMode.OFF: "off",
    HandlingMode.MANUAL: "manual",
    HandlingMode.RENEWALS: "automatic for renewals only",
    HandlingMode.AUTOMATIC: "automatic",
}
CUTOVERS: Final[Words] = {
    CutoverRule.ON_ACCEPTANCE: "when they accept",
    CutoverRule.ON_ACCEPTANCE_OR_DATE: "when they accept, or at the date",
    CutoverRule.MANUAL: "by hand",
}
KINDS: Final[Words] = {
    DocumentKind.BUSINESS: "business document",
    DocumentKind.CEM_REQUEST: "CEM request",
    DocumentKind.CEM_RESPONSE: "CEM response",
    DocumentKind.SCX: "SCX message",
}
MESSAGES: Final[Words] = {
    MessageKind.AS2: "AS2 message",
    MessageKind.MDN: "MDN",
    MessageKind.OFTP2_FILE: "OFTP2 file",
    MessageKind.EERP: "EERP",
    MessageKind.NERP: "NERP",
}
ORIGINS: Final[Words] = {
    Origin.GENERATED: "made here, self-signed",
    Origin.IMPORTED: "imported",
    Origin.CSR: "issued on our request",
    Origin.CEM: "offered by CEM",
    Origin.SCX: "offered by SCX",
    Origin.PORTAL: "brought through the portal",
    Origin.APPLIED: "from a configuration file",
}
PERMISSIONS: Final[Words] = {
    Permission.VIEW: "see everything",
    Permission.DOCUMENTS: "send, resend and cancel documents",
    Permission.CERTIFICATES: "make certificates, send and answer requests",
    Permission.CONFIGURE: "change communities, stations, partners and agreements",
    Permission.PEOPLE: "invite people and make tokens",
}
PROFILES: Final[Words] = {Profile.RFC4130: "rfc4130", Profile.MODERN: "modern"}
COMPRESSIONS: Final[Words] = {
    Compression.NONE: "none",
    Compression.BEFORE_SIGNING: "before signing",
    Compression.AFTER_SIGNING: "after signing",
}
CIPHERS: Final[Words] = {
    Cipher.AES128_CBC: "AES-128-CBC",
    Cipher.AES192_CBC: "AES-192-CBC",
    Cipher.AES256_CBC: "AES-256-CBC",
    Cipher.AES128_GCM: "AES-128-GCM",
    Cipher.AES256_GCM: "AES-256-GCM",
    Cipher.TRIPLE_DES_CBC: "3DES-CBC (old, weak)",
}
PADDINGS: Final[Words] = {SignaturePadding.PKCS1: "PKCS#1 v1.5", SignaturePadding.PSS: "PSS"}
TRANSPORTS: Final[Words] = {
    KeyTransport.RSA_PKCS1: "RSA, PKCS#1 v1.5",
    KeyTransport.RSA_OAEP_SHA1: "RSA-OAEP, SHA-1",
    KeyTransport.RSA_OAEP_SHA256: "RSA-OAEP, SHA-256",
    KeyTransport.RSA_OAEP_SHA384: "RSA-OAEP, SHA-384",
    KeyTransport.RSA_OAEP_SHA512: "RSA-OAEP, SHA-512",
    KeyTransport.ECDH: "ECDH",
}
RECEIPTS: Final[Words] = {
    ReceiptMode.NONE: "none",
    ReceiptMode.SYNC: "MDN, synchronous",
    ReceiptMode.ASYNC: "MDN, asynchronous",
}

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Instants in words, for one reader at one moment."""

    now: datetime
    zone: tzinfo
    zone_name: str

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone)

    def long(self, instant: datetime) -> str:
        """``Fri 27 Nov 2026, 18:00 CET``: where a person decides."""
        local = self.local(instant)
        return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {self.abbreviation(instant)}"

    def day(self, instant: datetime) -> str:
        local = self.local(instant)
        return f"{local.day} {local:%b %Y}"

    def week_day(self, instant: datetime) -> str:
        local = self.local(instant)
        return f"{local.day} {local:%b}"

    def short(self, instant: datetime) -> str:
        """In rows: the zone is left out, and the year where it is this one or the nearest months make it plain."""
        local, today = self.local(instant), self.local(self.now)
        days = (local.date() - today.date()).days
        if days == 0:
            return f"today, {local:%H:%M}"
        if days == -1:
            return f"yesterday, {local:%H:%M}"
        year = "" if abs(days) < 300 else f" {local.year}"
        return f"{local.day} {local:%b}{year}, {local:%H:%M}"

    def clock(self, instant: datetime) -> str:
        local = self.local(instant)
        return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"

    def relative(self, instant: datetime) -> str:
        """``in 3 days``, ``39 hours ago``."""
        distance = instant - self.now
        text = span(abs(distance))
        if text == "now":
            return "now"
        return f"in {text}" if distance > timedelta(0) else f"{text} ago"

    def abbreviation(self, instant: datetime) -> str:
        return self.local(instant).strftime("%Z") or "UTC"

    @property
    def zone_text(self) -> str:
        """``Europe/Berlin (CET, UTC+1)``."""
        offset = self.local(self.now).utcoffset() or timedelta(0)
        minutes = round(offset.total_seconds() / 60)
        sign = "-" if minutes < 0 else "+"
        hours, rest = divmod(abs(minutes), 60)
        written = f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")
        name = self.abbreviation(self.now)
        return f"{self.zone_name} ({name}, {written})" if name not in {"UTC", self.zone_name} else self.zone_name

    def date_field(self, instant: datetime) -> str:
        return self.local(instant).strftime("%Y-%m-%d")

    def time_field(self, instant: datetime) -> str:
        return self.local(instant).strftime("%H:%M")

    def due(self, instant: datetime) -> bool:
        """Near enough, or past, to be marked."""
        return instant - self.now < timedelta(days=7)


def span(distance: timedelta) -> str:
    """A length of time in the unit that fits it."""
    for limit, unit, name in (
        (_MINUTE, None, "now"),
        (2 * _HOUR, _MINUTE, "minute"),
        (2 * _DAY, _HOUR, "hour"),
        (91 * _DAY, _DAY, "day"),
        (timedelta.max, 30.44 * _DAY, "month"),
    ):
        if distance < limit:
            if unit is None:
                return name
            count = max(1, int(distance / unit))
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return "very long"


def size_text(octets: int) -> str:
    """``44.1 kB``; decimal units, as carriers and disks count."""
    size = float(octets)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{octets} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{octets} bytes"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 partner``, ``12 partners``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def short_fingerprint(fingerprint: str) -> str:
    """First and last four bytes."""
    full = pretty_fingerprint(fingerprint)
    return f"{full[:11]}…{full[-11:]}"


def fingerprint_groups(fingerprint: str) -> list[str]:
    """Groups of four bytes, between which a line may break."""
    full = pretty_fingerprint(fingerprint) + ":"
    groups = [full[i : i + 12] for i in range(0, len(full), 12)]
    return [*groups[:-1], groups[-1].rstrip(":")]


def who(actor: str, people: Mapping[str, str]) -> str:
    """An actor's name for a reader: the person's full name where it is known."""
    kind, _, name = actor.partition(":")
    match kind:
        case "user":
            return people.get(name) or name
        case "token":
            return f"token {name}"
        case "local":
            return f"{name} on this machine"
        case "partner":
            return f"partner {name}"
        case "wire":
            return "their answer"
        case "policy":
            return "the rules"
        case "system":
            return "the gateway"
        case _:
            return actor


def usage_words(usages: frozenset[Usage]) -> str:
    """``signing and encryption`` where whole groups are meant for at least one protocol, single usages else."""
    words = [group.value if group is not UsageGroup.SSL else "SSL" for group in UsageGroup if usages & GROUPS[group]]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def sentence(text: str) -> str:
    """With a capital letter and a full stop: details of faults and findings come as parts of sentences."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?", "”")) else ".")


def matching_rule(agreement: Agreement) -> str:
    """By what an OFTP2 partner recognises the successor of a certificate of ours, and how we know."""
    rules, source = rules_of(agreement)
    if source is RuleSource.UNKNOWN:
        return "not known"
    named = " or ".join(SCX_RULES[rule] for rule in rules)
    return named if source is RuleSource.SET else f"learned from its answers: {named}"
