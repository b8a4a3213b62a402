"""Small builders of domain values for tests: sensible by default, changed by keyword, certificates minted when asked for.

``a_community(name="Bravo Bows")`` and its siblings give one value each; every keyword is a field of that value. Ids count up, so
values made later sort later. ``mint(...)`` gives a certificate with its private key, ``a_certificate(...)`` the certificate alone;
RSA keys are drawn from a small pool (``key=`` chooses one), because making one costs a tenth of a second. ``a_relationship()``
gives community, station, partner and agreement that belong together, with a certificate of each side.
"""

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from counterseal.domain.agreement import Agreement, AS2Terms, OFTP2Terms
from counterseal.domain.assignment import Assignment
from counterseal.domain.audit import AuditEvent
from counterseal.domain.certificate import HeldCertificate, Origin, SealedKey
from counterseal.domain.channel import Channel
from counterseal.domain.community import Community, Partner, Station
from counterseal.domain.document import (
    Direction,
    Document,
    DocumentKind,
    DocumentState,
    Message,
    MessageKind,
    Transfer,
    TransferOutcome,
)
from counterseal.domain.draft import LIFETIME, Draft
from counterseal.domain.exchange import Exchange, ExchangeState
from counterseal.domain.offer import Offer, OfferedCertificate, OfferedState
from counterseal.domain.people import ApiToken, BrowserSession, OneTimeLink, Permission, Role, User
from counterseal.domain.root_role import RootRole
from counterseal.domain.trust_request import TrustRequest
from counterseal.domain.trusted_root import TrustedRoot
from counterseal.domain.usage import AssignmentState, Protocol, Side, Usage
from counterseal.domain.work import Work, WorkKind
from counterseal.kernel.crl import RevocationList
from counterseal.kernel.ids import (
    AgreementId,
    AssignmentId,
    BlobId,
    CommunityId,
    DocumentId,
    DraftId,
    ExchangeId,
    KeyId,
    MessageRowId,
    OfferedCertificateId,
    OfferId,
    OutboxId,
    PartnerId,
    StationId,
    TokenId,
    TrustedRootId,
    TrustRequestId,
    UserId,
)
from counterseal.kernel.x509 import Certificate, KeyUsageBit

NOW: Final = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
"""The instant at which tests live unless they say otherwise."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_counter = itertools.count(1)


def an_id() -> str:
    """32 hexadecimal digits that sort by the time of their making, as ``Entropy.new_id`` gives them."""
    return f"{next(_counter):012x}70008000000000000000"


# certificates and keys


@functools.cache
def rsa_key(number: int = 0, *, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The pool's key of this number, the same each time within one run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ec_key(number: int = 0, *, curve: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    """As ``rsa_key``."""
    curves: dict[str, ec.EllipticCurve] = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1()}
    return ec.generate_private_key(curves[curve])


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A certificate with the private key of its subject."""

    certificate: Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.der

    @property
    def pem(self) -> bytes:
        return self.certificate.pem.encode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_DIGESTS: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_BITS: Final = {
    KeyUsageBit.DIGITAL_SIGNATURE: "digital_signature",
    KeyUsageBit.NON_REPUDIATION: "content_commitment",
    KeyUsageBit.KEY_ENCIPHERMENT: "key_encipherment",
    KeyUsageBit.DATA_ENCIPHERMENT: "data_encipherment",
    KeyUsageBit.KEY_AGREEMENT: "key_agreement",
    KeyUsageBit.KEY_CERT_SIGN: "key_cert_sign",
    KeyUsageBit.CRL_SIGN: "crl_sign",
}


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _key_usage(bits: Iterable[KeyUsageBit]) -> x509.KeyUsage:
    wanted = {_BITS[bit] for bit in bits}
    flags = {name: name in wanted for name in _BITS.values()}
    return x509.KeyUsage(**flags, encipher_only=False, decipher_only=False)


def mint(
    common_name: str = "Alpha Arrows",
    *,
    now: datetime = NOW,
    starts_in: timedelta = timedelta(days=-1),
    expires_in: timedelta = timedelta(days=365),
    key: PrivateKey | None = None,
    issuer: Minted | None = None,
    serial: int | None = None,
    ca: bool | None = None,
    key_usage: Iterable[KeyUsageBit] | None = (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT),
    extended_key_usage: Iterable[str] = (),
    dns_names: Iterable[str] = (),
    ip_addresses: Iterable[str] = (),
    digest: str = "sha256",
) -> Minted:
    """A certificate with its key; self-signed unless ``issuer`` is given. ``ca=None`` leaves basicConstraints out."""
    subject_key = key or rsa_key()
    signing_key = issuer.key if issuer else subject_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(issuer.certificate.load().subject if issuer else _name(common_name))
        .public_key(subject_key.public_key())
        .serial_number(serial if serial is not None else x509.random_serial_number())
        .not_valid_before(now + starts_in)
        .not_valid_after(now + expires_in)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(_key_usage(key_usage), critical=True)
    purposes = [x509.ObjectIdentifier(oid) for oid in extended_key_usage]
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    names += [x509.IPAddress(ip_address(address)) for address in ip_addresses]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = builder.sign(signing_key, _DIGESTS[digest])
    return Minted(certificate=Certificate.parse(signed.public_bytes(Encoding.DER)), key=subject_key)


def mint_ca(common_name: str = "Test Root", **changes: Any) -> Minted:
    """A certification authority to pass as ``issuer``."""
    bits = (KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN)
    made: dict[str, Any] = {"ca": True, "key_usage": bits, "key": rsa_key(90)}
    return mint(common_name, **(made | changes))


def a_certificate(common_name: str = "Alpha Arrows", **changes: Any) -> Certificate:
    """``mint`` without the key."""
    return mint(common_name, **changes).certificate


# community, station, partner, agreement


def a_community(**changes: Any) -> Community:
    number = an_id()
    made = Community(
        id=CommunityId(number),
        slug=f"alpha-{number[8:12]}",
        name="Alpha Arrows",
        time_zone="Europe/Berlin",
        contact_email="edi@alpha.example",
        created_at=NOW,
    )
    return replace(made, **changes)


def a_station(**changes: Any) -> Station:
    number = an_id()
    made = Station(
        id=StationId(number),
        community_id=CommunityId("c"),
        protocol=Protocol.AS2,
        identity=f"ALPHA-{number[8:12]}",
        name="Alpha AS2",
        url="http://127.0.0.1:4080/as2",
    )
    return replace(made, **changes)


def a_partner(**changes: Any) -> Partner:
    number = an_id()
    made = Partner(
        id=PartnerId(number),
        community_id=CommunityId("c"),
        slug=f"bravo-{number[8:12]}",
        name="Bravo Bows",
        created_at=NOW,
    )
    return replace(made, **changes)


def as2_terms(**changes: Any) -> AS2Terms:
    return replace(AS2Terms(url="http://127.0.0.1:4081/as2"), **changes)


def oftp2_terms(**changes: Any) -> OFTP2Terms:
    return replace(OFTP2Terms(host="127.0.0.1", ssid_code="O0013000001BRAVO"), **changes)


def an_agreement(**changes: Any) -> Agreement:
    """An AS2 agreement; ``protocol=Protocol.OFTP2`` brings OFTP2 terms unless ``terms`` are given."""
    number = an_id()
    if changes.get("protocol") is Protocol.OFTP2:
        changes.setdefault("terms", oftp2_terms())
    made: dict[str, Any] = {
        "id": AgreementId(number),
        "community_id": CommunityId("c"),
        "station_id": StationId("s"),
        "partner_id": PartnerId("p"),
        "protocol": Protocol.AS2,
        "partner_identity": f"BRAVO-{number[8:12]}",
        "terms": as2_terms() if changes.get("protocol") is not Protocol.OFTP2 else None,
        "created_at": NOW,
    }
    return Agreement(**(made | changes))


# what a community holds


def a_sealed_key(**changes: Any) -> SealedKey:
    made = SealedKey(
        id=KeyId(an_id()),
        community_id=CommunityId("c"),
        sealed=b"\x01sealed",
        kind="rsa",
        spki=b"spki",
        created_at=NOW,
    )
    return replace(made, **changes)


def a_held_certificate(**changes: Any) -> HeldCertificate:
    """Theirs by default; ``certificate=`` brings your own."""
    made: dict[str, Any] = {
        "community_id": CommunityId("c"),
        "side": Side.THEIRS,
        "origin": Origin.IMPORTED,
        "added_by": "user:mara",
        "added_at": NOW,
    }
    if "certificate" not in changes:
        changes["certificate"] = a_certificate()
    return HeldCertificate(**(made | changes))


def a_revocation_list(issuer: Minted, *serials: int, age: timedelta = timedelta(hours=1)) -> RevocationList:
    """As this CA would issue it, naming these serial numbers."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.load().subject)
        .last_update(NOW - age)
        .next_update(NOW + timedelta(days=30))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - age).build()
        builder = builder.add_revoked_certificate(entry)
    return RevocationList.parse(builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER))


def a_trusted_root(**changes: Any) -> TrustedRoot:
    made: dict[str, Any] = {
        "id": TrustedRootId(an_id()),
        "community_id": CommunityId("c"),
        "role": RootRole.ROOT,
        "partner_id": None,
        "added_by": "user:mara",
        "added_at": NOW,
    }
    if "certificate" not in changes:
        made["certificate"] = mint_ca().certificate
    return TrustedRoot(**(made | changes))


def an_assignment(**changes: Any) -> Assignment:
    made: dict[str, Any] = {
        "id": AssignmentId(an_id()),
        "community_id": CommunityId("c"),
        "agreement_id": AgreementId("a"),
        "fingerprint": "ab" * 32,
        "side": Side.OURS,
        "usage": Usage.SIGN,
        "state": AssignmentState.ACTIVE,
        "since": NOW,
        "created_at": NOW,
    }
    return Assignment(**(made | changes))


# trust requests and offers


def a_trust_request(**changes: Any) -> TrustRequest:
    made: dict[str, Any] = {
        "id": TrustRequestId(an_id()),
        "community_id": CommunityId("c"),
        "number": 1,
        "fingerprint": "ab" * 32,
        "usages": frozenset({Usage.SIGN, Usage.ENCRYPT}),
        "respond_by": NOW + timedelta(days=14),
        "time_zone": "Europe/Berlin",
        "created_by": "user:mara",
        "created_at": NOW,
    }
    return TrustRequest(**(made | changes))


def an_exchange(**changes: Any) -> Exchange:
    number = an_id()
    made: dict[str, Any] = {
        "id": ExchangeId(number),
        "community_id": CommunityId("c"),
        "trust_request_id": TrustRequestId("t"),
        "agreement_id": AgreementId("a"),
        "partner_id": PartnerId("p"),
        "channel": Channel.CEM,
        "fingerprint": "ab" * 32,
        "state": ExchangeState.QUEUED,
        "request_reference": f"{number}@alpha.example",
        "queued_at": NOW,
    }
    return Exchange(**(made | changes))


def an_offer(**changes: Any) -> Offer:
    number = an_id()
    made: dict[str, Any] = {
        "id": OfferId(number),
        "community_id": CommunityId("c"),
        "agreement_id": AgreementId("a"),
        "partner_id": PartnerId("p"),
        "channel": Channel.CEM,
        "document_id": DocumentId(an_id()),
        "request_reference": f"{number}@bravo.example",
        "respond_by": NOW + timedelta(days=14),
        "response_url": "http://127.0.0.1:4081/as2",
        "originated_at": NOW,
        "signed": True,
        "received_at": NOW,
    }
    return Offer(**(made | changes))


def an_offered_certificate(**changes: Any) -> OfferedCertificate:
    """Pending; with a minted certificate unless one, or ``None``, is given."""
    made: dict[str, Any] = {
        "id": OfferedCertificateId(an_id()),
        "offer_id": OfferId("o"),
        "usages": frozenset({Usage.SIGN, Usage.ENCRYPT}),
        "issuer_name": "CN=Bravo Bows,O=Test",
        "serial_text": "4711",
        "state": OfferedState.PENDING,
        "findings": (),
    }
    if "certificate" not in changes:
        changes["certificate"] = a_certificate("Bravo Bows")
    return OfferedCertificate(**(made | changes))


# documents


def a_document(**changes: Any) -> Document:
    made: dict[str, Any] = {
        "id": DocumentId(an_id()),
        "community_id": CommunityId("c"),
        "agreement_id": AgreementId("a"),
        "direction": Direction.OUT,
        "kind": DocumentKind.BUSINESS,
        "state": DocumentState.QUEUED,
        "file_name": "orders.edi",
        "content_type": "application/edifact",
        "size": 1024,
        "digest": "cd" * 32,
        "payload": BlobId("b"),
        "created_by": "user:mara",
        "created_at": NOW,
    }
    return Document(**(made | changes))


def a_message(**changes: Any) -> Message:
    number = an_id()
    made: dict[str, Any] = {
        "id": MessageRowId(number),
        "community_id": CommunityId("c"),
        "document_id": DocumentId("d"),
        "agreement_id": AgreementId("a"),
        "direction": Direction.OUT,
        "kind": MessageKind.AS2,
        "wire_id": f"{number}@alpha.example",
        "at": NOW,
    }
    return Message(**(made | changes))


def a_transfer(**changes: Any) -> Transfer:
    made: dict[str, Any] = {
        "message_id": MessageRowId("m"),
        "document_id": DocumentId("d"),
        "started_at": NOW,
        "ended_at": NOW + timedelta(seconds=1),
        "outcome": TransferOutcome.OK,
        "status": "200",
        "detail": "answered 200 OK",
        "remote": "127.0.0.1:4081",
    }
    return Transfer(**(made | changes))


# people, drafts, work, audit


def a_draft(**changes: Any) -> Draft:
    made: dict[str, Any] = {
        "id": DraftId(an_id()),
        "community_id": CommunityId("c"),
        "owner": "user:mara",
        "sealed": b"\x01draft",
        "created_at": NOW,
        "expires_at": NOW + LIFETIME,
    }
    return Draft(**(made | changes))


def a_user(**changes: Any) -> User:
    number = an_id()
    made: dict[str, Any] = {
        "id": UserId(number),
        "name": f"mara-{number[8:12]}",
        "full_name": "Mara Muster",
        "email": "mara@alpha.example",
        "role": Role.ADMINISTRATOR,
        "created_at": NOW,
    }
    return User(**(made | changes))


def a_one_time_link(**changes: Any) -> OneTimeLink:
    made: dict[str, Any] = {
        "digest": an_id() * 2,
        "user_id": None,
        "purpose": "first-administrator",
        "expires_at": NOW + timedelta(hours=1),
    }
    return OneTimeLink(**(made | changes))


def a_browser_session(**changes: Any) -> BrowserSession:
    made: dict[str, Any] = {
        "digest": an_id() * 2,
        "user_id": UserId("u"),
        "csrf": an_id(),
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=8),
    }
    return BrowserSession(**(made | changes))


def an_api_token(**changes: Any) -> ApiToken:
    number = an_id()
    made: dict[str, Any] = {
        "id": TokenId(number),
        "name": f"ci-{number[8:12]}",
        "digest": number * 2,
        "scopes": frozenset({Permission.VIEW}),
        "created_by": "user:mara",
        "created_at": NOW,
    }
    return ApiToken(**(made | changes))


def a_work_row(**changes: Any) -> Work:
    number = an_id()
    made: dict[str, Any] = {
        "id": OutboxId(number),
        "kind": WorkKind.SEND_DOCUMENT,
        "key": f"send-document:{number}",
        "lane": "",
        "subject": number,
        "facts": {},
        "due": NOW,
        "created_at": NOW,
    }
    return Work(**(made | changes))


def an_audit_event(**changes: Any) -> AuditEvent:
    made: dict[str, Any] = {
        "at": NOW,
        "actor": "user:mara",
        "event": "document.queued",
        "subject": "document:1",
        "facts": {"state": "queued"},
    }
    return AuditEvent(**(made | changes))


# what belongs together


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """Community, station, partner and agreement that fit, with one minted certificate of each side."""

    community: Community
    station: Station
    partner: Partner
    agreement: Agreement
    ours: Minted
    theirs: Minted

    def held(self) -> tuple[HeldCertificate, HeldCertificate]:
        """Ours (without a key record: add ``key_id`` yourself) and theirs, as the community holds them."""
        return (
            a_held_certificate(
                community_id=self.community.id,
                certificate=self.ours.certificate,
                side=Side.OURS,
                origin=Origin.GENERATED,
            ),
            a_held_certificate(
                community_id=self.community.id, certificate=self.theirs.certificate, partner_id=self.partner.id
            ),
        )

    def assignments(self, state: AssignmentState = AssignmentState.ACTIVE) -> tuple[Assignment, ...]:
        """Both sides, for signing and for encryption."""
        usages = (
            (Usage.SIGN, Usage.ENCRYPT)
            if self.agreement.protocol is Protocol.AS2
            else (Usage.FILE_SIGN, Usage.FILE_ENCRYPT)
        )
        return tuple(
            an_assignment(
                community_id=self.community.id,
                agreement_id=self.agreement.id,
                fingerprint=minted.certificate.fingerprint,
                side=side,
                usage=usage,
                state=state,
            )
            for side, minted in ((Side.OURS, self.ours), (Side.THEIRS, self.theirs))
            for usage in usages
        )


def a_relationship(protocol: Protocol = Protocol.AS2, **terms: Any) -> Relationship:
    """One relationship on one protocol; ``terms`` change the agreement's terms (``sign=False``)."""
    community = a_community()
    odette = protocol is Protocol.OFTP2
    station = a_station(
        community_id=community.id,
        protocol=protocol,
        **({"identity": f"O0013{an_id()[:12]}ALPHA", "url": "oftps://127.0.0.1:6619"} if odette else {}),
    )
    partner = a_partner(community_id=community.id)
    agreement = an_agreement(
        community_id=community.id,
        station_id=station.id,
        partner_id=partner.id,
        protocol=protocol,
        terms=oftp2_terms(**terms) if odette else as2_terms(**terms),
        **({"partner_identity": f"O0013{an_id()[:12]}BRAVO"} if odette else {}),
    )
    return Relationship(
        community=community,
        station=station,
        partner=partner,
        agreement=agreement,
        ours=mint("Alpha Arrows", key=rsa_key(0)),
        theirs=mint("Bravo Bows", key=rsa_key(1)),
    )
