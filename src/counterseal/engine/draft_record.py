"""What a draft of the certificate wizard holds, and its record: JSON that only ever leaves this process sealed."""

import base64
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypedDict, cast

from counterseal.domain.certificate import Origin
from counterseal.domain.channel import SCXType
from counterseal.domain.usage import Usage, UsageGroup
from counterseal.domain.wizard import CertificateFields
from counterseal.engine.ports import NewKey
from counterseal.kernel.ids import AgreementId, Fingerprint
from counterseal.kernel.x509 import Certificate

RESPOND_AT: Final = "18:00"


class Source(StrEnum):
    """Where the certificate comes from. A CSR comes with a later version."""

    GENERATE = "generate"
    IMPORT = "import"
    STORED = "stored"
    """One that is held already, to be told to (further) partners."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Page 3 as it was left: nothing of it is checked before Finish."""

    groups: frozenset[UsageGroup] = frozenset()
    advanced: bool = False
    usages: frozenset[Usage] = frozenset()
    """Counts only with ``advanced``."""
    send: bool = False
    cem: frozenset[AgreementId] = frozenset()
    scx: frozenset[AgreementId] = frozenset()
    scx_type: SCXType | None = None
    date: str = ""
    time: str = RESPOND_AT
    time_zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the record holds."""

    source: Source
    renews: Fingerprint | None = None
    fields: CertificateFields
    key: NewKey | None = None
    certificate_der: bytes = b""
    chain_der: tuple[bytes, ...] = ()
    file_name: str = ""
    choices: Choices = field(default_factory=Choices)

    @property
    def certificate(self) -> Certificate | None:
        """The certificate to be finished, once page 2 is done."""
        return Certificate.parse(self.certificate_der) if self.certificate_der else None

    @property
    def chain(self) -> tuple[Certificate, ...]:
        return tuple(Certificate.parse(der) for der in self.chain_der)

    @property
    def origin(self) -> Origin:
        return Origin.GENERATED if self.source is Source.GENERATE else Origin.IMPORTED


class _Fields(TypedDict):
    common_name: str
    organisation: str
    unit: str
    city: str
    state: str
    country: str
    email: str
    dns_names: str
    key: str
    digest: str
    valid_months: str
    valid_until: str
    key_usage: list[str]
    extended_key_usage: list[str]


class _Key(TypedDict):
    sealed: str
    kind: str
    spki: str


class _Choices(TypedDict):
    groups: list[str]
    advanced: bool
    usages: list[str]
    send: bool
    cem: list[str]
    scx: list[str]
    scx_type: str
    date: str
    time: str
    time_zone: str


class _Record(TypedDict):
    source: str
    renews: str
    fields: _Fields
    key: _Key | None
    certificate: str
    chain: list[str]
    file_name: str
    choices: _Choices


def to_record(content: Content) -> bytes:
    """The inverse of ``from_record``."""
    choices, fields, key = content.choices, content.fields, content.key
    record = _Record(
        source=content.source.value,
        renews=content.renews or "",
        fields=_Fields(
            common_name=fields.common_name,
            organisation=fields.organisation,
            unit=fields.unit,
            city=fields.city,
            state=fields.state,
            country=fields.country,
            email=fields.email,
            dns_names=fields.dns_names,
            key=fields.key,
            digest=fields.digest,
            valid_months=fields.valid_months,
            valid_until=fields.valid_until,
            key_usage=list(fields.key_usage),
            extended_key_usage=list(fields.extended_key_usage),
        ),
        key=_Key(sealed=_text(key.sealed), kind=key.kind, spki=_text(key.spki)) if key else None,
        certificate=_text(content.certificate_der),
        chain=[_text(der) for der in content.chain_der],
        file_name=content.file_name,
        choices=_Choices(
            groups=sorted(choices.groups),
            advanced=choices.advanced,
            usages=sorted(choices.usages),
            send=choices.send,
            cem=sorted(choices.cem),
            scx=sorted(choices.scx),
            scx_type=choices.scx_type.value if choices.scx_type else "",
            date=choices.date,
            time=choices.time,
            time_zone=choices.time_zone,
        ),
    )
    return json.dumps(record).encode()


def from_record(octets: bytes) -> Content:
    """Only given what ``to_record`` made: the seal around it is authenticated."""
    record = cast("_Record", json.loads(octets))
    choices, fields, key = record["choices"], record["fields"], record["key"]
    return Content(
        source=Source(record["source"]),
        renews=Fingerprint(record["renews"]) if record["renews"] else None,
        fields=CertificateFields(
            common_name=fields["common_name"],
            organisation=fields["organisation"],
            unit=fields["unit"],
            city=fields["city"],
            state=fields["state"],
            country=fields["country"],
            email=fields["email"],
            dns_names=fields["dns_names"],
            key=fields["key"],
            digest=fields["digest"],
            valid_months=fields["valid_months"],
            valid_until=fields["valid_until"],
            key_usage=tuple(fields["key_usage"]),
            extended_key_usage=tuple(fields["extended_key_usage"]),
        ),
        key=NewKey(sealed=_octets(key["sealed"]), kind=key["kind"], spki=_octets(key["spki"])) if key else None,
        certificate_der=_octets(record["certificate"]),
        chain_der=tuple(_octets(der) for der in record["chain"]),
        file_name=record["file_name"],
        choices=Choices(
            groups=frozenset(UsageGroup(g) for g in choices["groups"]),
            advanced=choices["advanced"],
            usages=frozenset(Usage(u) for u in choices["usages"]),
            send=choices["send"],
            cem=frozenset(AgreementId(a) for a in choices["cem"]),
            scx=frozenset(AgreementId(a) for a in choices["scx"]),
            scx_type=SCXType(choices["scx_type"]) if choices["scx_type"] else None,
            date=choices["date"],
            time=choices["time"],
            time_zone=choices["time_zone"],
        ),
    )


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _octets(text: str) -> bytes:
    return base64.b64decode(text)
