"""Checked fields into the typed values of a configuration; files and secrets are read through ``Sources``."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol as Port
from typing import TypeVar

from counterseal.domain.agreement import AS2Terms, ExchangeTerms, InvalidAgreement, OFTP2Terms
from counterseal.domain.community import CommunityRules
from counterseal.domain.root_role import RootRole
from counterseal.domain.usage import BY_PROTOCOL, Protocol, Side, Usage
from counterseal.engine.configuration.kinds import Block, expectation
from counterseal.engine.configuration.model import (
    AgreementEntry,
    AssignmentEntry,
    Brought,
    CertificateEntry,
    CommunityEntry,
    Configuration,
    Generate,
    PartnerEntry,
    Place,
    RootEntry,
    Shown,
    StationEntry,
)
from counterseal.engine.configuration.schema import FILE
from counterseal.engine.configuration.text import Errors, Fields, read_fields, read_scalar
from counterseal.engine.configuration.texts import ODETTE_CODE
from counterseal.engine.ports import CertificateForm, UnreadableKeyFile, Vault, WrongPassword
from counterseal.engine.translate.certificates import UnreadableCertificate, read_certificates
from counterseal.kernel.clock import InvalidInstant, zone
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import KeyKind
from counterseal.kernel.x509 import Certificate, MalformedCertificate

T = TypeVar("T")


class SourceRefused(CallerFault):
    """A file or environment variable that a configuration names and that cannot be had."""

    code = "configuration.source-refused"


class Sources(Port):
    """Where a configuration's paths and secrets come from. Both raise ``SourceRefused``."""

    def file(self, path: str) -> bytes: ...
    def environment(self, name: str) -> str: ...


class NoSources:
    """For texts that come over a network: they bring everything themselves."""

    def file(self, path: str) -> bytes:
        raise SourceRefused(f"the path {path[:80]!r} in a text that came over the network: write the content itself")

    def environment(self, name: str) -> str:
        raise SourceRefused(f"the variable {name[:80]!r} in a text that came over the network: write the value itself")


def parse(content: bytes, *, sources: Sources, vault: Vault, now: datetime, serial: Callable[[], int]) -> Configuration:
    """The configuration that a YAML text says. Raises ``ConfigurationRefused`` with every error found.

    ``vault`` opens key files; ``now`` and ``serial`` go into certificates that are still to be made.
    """
    errors = Errors()
    fields = read_fields(content, FILE, errors)
    reading = _Reading(errors, sources, vault, now, serial)
    communities = (
        tuple(reading.community(c) for c in fields.blocks("communities")) if fields and not errors.found else ()
    )
    errors.raise_any()
    return Configuration(communities=communities)


def _built(make: Callable[..., T], values: Mapping[str, object]) -> T:
    return make(**values)


def _terms_of(block: Block, fields: Fields) -> dict[str, object]:
    return {f.name: fields.values[f.name] for f in block.fields if f.terms and f.name in fields.values}


class _Reading:
    """One text being read. What cannot be built adds an error and gives a stand-in, so that all errors come at once."""

    def __init__(
        self, errors: Errors, sources: Sources, vault: Vault, now: datetime, serial: Callable[[], int]
    ) -> None:
        self._errors = errors
        self._sources = sources
        self._vault = vault
        self._now = now
        self._serial = serial

    def community(self, fields: Fields) -> CommunityEntry:
        time_zone = fields.text("time_zone", "UTC")
        try:
            zone(time_zone)
        except InvalidInstant:
            expected = "an IANA time zone such as Europe/Berlin"
            self._errors.add(fields.place_of("time_zone"), expected, repr(time_zone))
        rules = fields.fields("rules")
        defaults = fields.fields("default_certificates")
        return CommunityEntry(
            place=fields.place,
            slug=fields.text("slug"),
            name=fields.text("name"),
            time_zone=time_zone,
            contact_email=fields.text("contact_email"),
            rules=_built(CommunityRules, _terms_of(rules.block, rules)) if rules else CommunityRules(),
            certificates=self._certificates(fields),
            default_certificates=_by_usage(defaults, Side.OURS) if defaults else (),
            trusted_roots=self._roots(fields),
            stations=tuple(self._station(s) for s in fields.blocks("stations")),
            partners=tuple(self._partner(p) for p in fields.blocks("partners")),
        )

    def _partner(self, fields: Fields) -> PartnerEntry:
        return PartnerEntry(
            place=fields.place,
            slug=fields.text("slug"),
            name=fields.text("name"),
            owner=fields.text("owner"),
            contact_name=fields.text("contact_name"),
            contact_email=fields.text("contact_email"),
            note=fields.text("note"),
            certificates=self._certificates(fields),
            trusted_roots=self._roots(fields),
            agreements=tuple(a for a in map(self._agreement, fields.blocks("agreements")) if a is not None),
        )

    def _agreement(self, fields: Fields) -> AgreementEntry | None:
        terms: AS2Terms | OFTP2Terms
        protocol = Protocol.AS2 if "as2" in fields else Protocol.OFTP2
        written = fields.fields(protocol.value)
        assert written is not None
        try:
            values = _terms_of(written.block, written)
            terms = _built(AS2Terms, values) if protocol is Protocol.AS2 else _built(OFTP2Terms, values)
        except InvalidAgreement as fault:
            self._errors.add(written.place, "terms that fit together", fault.detail)
            return None
        secrets = {
            f"{name}_sealed": self._secret(secret, name)
            for name in ("basic_password", "our_password", "their_password")
            if (secret := written.fields(name)) is not None
        }
        exchange = fields.fields("exchange")
        return AgreementEntry(
            place=fields.place,
            protocol=protocol,
            station=fields.text("station"),
            partner_identity=self._identity(fields, "partner_identity", protocol),
            active=fields.get("active", bool, default=True),
            terms=terms,
            secrets=secrets,
            exchange=_built(ExchangeTerms, _terms_of(exchange.block, exchange)) if exchange else ExchangeTerms(),
            assignments=self._assignments(fields, protocol),
        )

    def _station(self, fields: Fields) -> StationEntry:
        protocol = fields.need("protocol", Protocol)
        return StationEntry(
            place=fields.place,
            protocol=protocol,
            identity=self._identity(fields, "identity", protocol),
            name=fields.text("name"),
            url=fields.text("url"),
            email=fields.text("email"),
            enabled=fields.get("enabled", bool, default=True),
        )

    def _identity(self, fields: Fields, name: str, protocol: Protocol) -> str:
        """That of OFTP2 is an Odette code; AS2 names may be nearly anything."""
        text = fields.text(name)
        if protocol is Protocol.OFTP2 and text and read_scalar(ODETTE_CODE, text) is None:
            self._errors.add(_at(fields, name), expectation(ODETTE_CODE), repr(text))
        return text

    def _assignments(self, fields: Fields, protocol: Protocol) -> tuple[AssignmentEntry, ...]:
        written = fields.fields("assignments")
        if written is None:
            return ()
        both = ((Side.OURS, written.fields("ours")), (Side.THEIRS, written.fields("theirs")))
        entries = tuple(e for side, sides in both if sides is not None for e in _by_usage(sides, side))
        for entry in entries:
            if entry.usage not in BY_PROTOCOL[protocol]:
                fit = ", ".join(sorted(BY_PROTOCOL[protocol]))
                self._errors.add(entry.place, f"a usage of {protocol.value}: {fit}", repr(entry.usage.value))
            if entry.usage is Usage.TLS_SERVER and entry.side is Side.OURS:
                self._errors.add(entry.place, "a usage of an agreement", "tls-server, which belongs to a listener")
        return entries

    def _roots(self, fields: Fields) -> tuple[RootEntry, ...]:
        shown = [(block, self._shown(block)) for block in fields.blocks("trusted_roots")]
        return tuple(
            RootEntry(place=block.place, certificate=found.certificate, role=block.get("role", RootRole, RootRole.ROOT))
            for block, found in shown
            if found is not None
        )

    def _certificates(self, fields: Fields) -> tuple[CertificateEntry, ...]:
        entries = [self._certificate(c) for c in fields.blocks("certificates")]
        return tuple(e for e in entries if e is not None)

    def _certificate(self, fields: Fields) -> CertificateEntry | None:
        source: Shown | Brought | Generate | None
        if (generate := fields.fields("generate")) is not None:
            if "label" not in fields:
                self._errors.add(fields.place, "a label, by which it is found again", "a generate block without one")
            source = self._generate(generate)
        elif "key_file" in fields or "key_content" in fields:
            source = self._brought(fields)
        else:
            source = self._shown(fields)
        return (
            None if source is None else CertificateEntry(place=fields.place, label=fields.text("label"), source=source)
        )

    def _generate(self, fields: Fields) -> Generate | None:
        kind = fields.get("key", KeyKind, KeyKind.RSA)
        bits = fields.get("bits", int, 3072)
        if bits not in {2048, 3072, 4096}:
            self._errors.add(fields.place_of("bits"), "2048, 3072 or 4096", repr(str(bits)))
            return None
        form = _built(
            CertificateForm,
            _terms_of(fields.block, fields)
            | {
                "not_before": self._now,
                "not_after": self._now + fields.get("valid_for", timedelta, timedelta(days=730)),
                "serial": self._serial(),
            },
        )
        curve = fields.text("curve", "secp256r1") if kind is KeyKind.EC else ""
        return Generate(form=form, kind=kind.value, bits=bits if kind is KeyKind.RSA else 0, curve=curve)

    def _brought(self, fields: Fields) -> Brought | None:
        content = self._content(fields)
        secret = fields.fields("password")
        password = self._secret(secret, "password") if secret is not None else None
        if content is None:
            return None
        try:
            opened = self._vault.read_key_file(content, password=password)
            leaf = Certificate.parse(opened.certificate_der)
            return Brought(file=opened, certificate=leaf, chain=tuple(map(Certificate.parse, opened.chain_der)))
        except WrongPassword as fault:
            self._errors.add(fields.place_of("password"), "the password of the key file", fault.detail)
        except (UnreadableKeyFile, MalformedCertificate) as fault:
            self._errors.add(fields.place, "a PKCS#12 or PEM file with a private key and its certificate", fault.detail)
        return None

    def _shown(self, fields: Fields) -> Shown | None:
        content = fields.text("pem").encode() if "pem" in fields else self._file(fields, "file")
        if content is None:
            return None
        try:
            leaf, chain = read_certificates(content)
        except UnreadableCertificate as fault:
            place = fields.place_of("pem" if "pem" in fields else "file")
            self._errors.add(place, "a certificate (PEM, DER or P7B)", fault.detail)
            return None
        return Shown(certificate=leaf, chain=chain)

    def _content(self, fields: Fields) -> bytes | None:
        if "key_file" in fields:
            return self._file(fields, "key_file")
        try:
            return base64.b64decode("".join(fields.text("key_content").split()), validate=True)
        except (binascii.Error, ValueError):
            self._errors.add(fields.place_of("key_content"), "a file in Base64", "something else")
            return None

    def _file(self, fields: Fields, name: str) -> bytes | None:
        try:
            return self._sources.file(fields.text(name))
        except SourceRefused as fault:
            self._errors.add(fields.place_of(name), "a file that can be read", fault.detail)
            return None

    def _secret(self, fields: Fields, name: str) -> str:
        try:
            if "env" in fields:
                return self._sources.environment(fields.text("env"))
            if "file" in fields:
                return self._sources.file(fields.text("file")).decode().splitlines()[0]
        except (SourceRefused, UnicodeDecodeError, IndexError) as fault:
            came = fault.detail if isinstance(fault, SourceRefused) else "a file without a line of text"
            self._errors.add(fields.place, f"a secret for {name}", came)
            return ""
        return fields.text("value")


def _by_usage(fields: Fields, side: Side) -> tuple[AssignmentEntry, ...]:
    return tuple(
        AssignmentEntry(place=_at(fields, name), side=side, usage=Usage(name), certificate=str(value))
        for name, value in fields.values.items()
    )


def _at(fields: Fields, name: str) -> Place:
    return fields.place_of(name)
