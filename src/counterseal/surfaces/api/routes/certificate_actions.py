"""Certificates made, brought in and put to use."""

import base64
import binascii
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from counterseal.domain.certificate import HeldCertificate
from counterseal.domain.people import Permission
from counterseal.domain.usage import Side, Usage
from counterseal.engine import certificates
from counterseal.engine.ports import CertificateForm
from counterseal.engine.views import records
from counterseal.engine.views.records import AssignmentRecord, CertificateRecord
from counterseal.surfaces.api.problems import Error, InvalidRequest
from counterseal.surfaces.api.routes.communities import AgreementName, CommunityName, PartnerName
from counterseal.surfaces.api.routing import ScopedRoute, actor_of, needs, ports_of

router: Final = APIRouter(route_class=ScopedRoute, tags=["certificates"])

Short = Annotated[str, Field(max_length=200)]
MAXIMUM_KEY_FILE: Final = 2_000_000


class NewCertificate(BaseModel):
    """A self-signed certificate to make."""

    model_config = ConfigDict(extra="forbid")

    common_name: Annotated[str, Field(min_length=1, max_length=64, examples=["Alpha Arrows"])]
    organisation: Short = ""
    unit: Short = ""
    city: Short = ""
    state: Short = ""
    country: Annotated[str, Field(pattern="^([A-Z]{2})?$", examples=["DE"])] = ""
    email: Short = ""
    dns_names: Annotated[list[Short], Field(max_length=64)] = []
    ip_addresses: Annotated[list[Short], Field(max_length=64)] = []
    key: Literal["rsa", "ec"] = "rsa"
    bits: Literal[2048, 3072, 4096] = 3072
    curve: Literal["secp256r1", "secp384r1"] = "secp256r1"
    digest: Literal["sha256", "sha384", "sha512"] = "sha256"
    valid_days: Annotated[int, Field(ge=1, le=3660)] = 730
    label: Annotated[str, Field(max_length=80, examples=["alpha-2026"])] = ""


class KeyFile(BaseModel):
    """A certificate with its private key."""

    model_config = ConfigDict(extra="forbid")

    content: Annotated[str, Field(max_length=MAXIMUM_KEY_FILE, description="PKCS#12 or PEM, in Base64.")]
    password: Annotated[SecretStr | None, Field(description="Opens it; null: it has none.")] = None
    label: Annotated[str, Field(max_length=80)] = ""


class PartnerCertificate(BaseModel):
    """A certificate that a partner gave us."""

    model_config = ConfigDict(extra="forbid")

    content: Annotated[
        str, Field(max_length=MAXIMUM_KEY_FILE, description="PEM as text, or PEM, DER or P7B in Base64.")
    ]


class NewAssignment(BaseModel):
    """Which certificate is active for which usages from now on."""

    model_config = ConfigDict(extra="forbid")

    side: Side
    usages: Annotated[frozenset[Usage], Field(min_length=1, examples=[["sign", "encrypt"]])]
    certificate: Annotated[str, Field(max_length=100, description="Fingerprint or label.", examples=["alpha-2026"])]


@router.post(
    "/communities/{community}/certificates/generate", summary="Make a self-signed certificate", status_code=201
)
@needs(Permission.CERTIFICATES)
def generate(request: Request, community: CommunityName, body: NewCertificate) -> CertificateRecord:
    """The private key stays in the vault."""
    ports = ports_of(request)
    now = ports.clock.now()
    with ports.store.read() as reader:
        community_id = records.community_named(reader, community).id
    form = CertificateForm(
        common_name=body.common_name,
        organisation=body.organisation,
        unit=body.unit,
        city=body.city,
        state=body.state,
        country=body.country,
        email=body.email,
        dns_names=tuple(body.dns_names),
        ip_addresses=tuple(body.ip_addresses),
        digest=body.digest,
        not_before=now,
        not_after=now + timedelta(days=body.valid_days),
        serial=int.from_bytes(ports.entropy.octets(16), "big") >> 1,
    )
    key = certificates.KeySpec(
        kind=body.key, bits=body.bits if body.key == "rsa" else 0, curve=body.curve if body.key == "ec" else ""
    )
    held = certificates.generate(ports, actor_of(request), community_id, form=form, key=key, label=body.label)
    return _shown(request, held)


@router.post("/communities/{community}/certificates/import", summary="Bring in a key file", status_code=201)
@needs(Permission.CERTIFICATES)
def import_key_file(request: Request, community: CommunityName, body: KeyFile) -> CertificateRecord:
    """PKCS#12, or PEM with certificate and private key."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        community_id = records.community_named(reader, community).id
    password = body.password.get_secret_value() if body.password is not None else None
    held = certificates.import_key_file(
        ports, actor_of(request), community_id, content=_decoded(body.content), password=password, label=body.label
    )
    return _shown(request, held)


@router.post(
    "/communities/{community}/partners/{partner}/certificates", summary="Add a partner's certificate", status_code=201
)
@needs(Permission.CERTIFICATES)
def add_partner_certificate(
    request: Request, community: CommunityName, partner: PartnerName, body: PartnerCertificate
) -> CertificateRecord:
    """Held, not yet trusted: only an assignment gives it a use."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        partner_id = records.partner_named(reader, records.community_named(reader, community), partner).id
    content = body.content.encode() if "-----BEGIN" in body.content else _decoded(body.content)
    held = certificates.add_partner_certificate(ports, actor_of(request), partner_id, content=content)
    return _shown(request, held)


@router.post(
    "/communities/{community}/agreements/{agreement}/assignments", summary="Put a certificate to use", status_code=201
)
@needs(Permission.CERTIFICATES)
def assign(
    request: Request, community: CommunityName, agreement: AgreementName, body: NewAssignment
) -> list[AssignmentRecord]:
    """Active at once; the former one retires."""
    ports = ports_of(request)
    with ports.store.read() as reader:
        of = records.community_named(reader, community)
        agreement_id = records.agreement_named(reader, of, agreement).id
        fingerprint = records.certificate_named(reader, of, body.certificate).fingerprint
    made = certificates.assign(
        ports, actor_of(request), agreement_id, side=body.side, usages=body.usages, fingerprint=fingerprint
    )
    return [records.assignment(a) for a in made]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        detail = "expected a file in Base64"
        raise InvalidRequest(f"content: {detail}", (Error(field="body.content", detail=detail),)) from error


def _shown(request: Request, held: HeldCertificate) -> CertificateRecord:
    with ports_of(request).store.read() as reader:
        return records.certificate_shown(reader, reader.community(held.community_id), held)
