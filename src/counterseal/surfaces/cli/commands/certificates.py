"""``counterseal certificate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from counterseal.domain.usage import Side, Usage
from counterseal.kernel.keys import KeyKind
from counterseal.surfaces.cli.commands.arguments import CommunityOption, group, opened
from counterseal.surfaces.cli.faults import WrongUsage
from counterseal.surfaces.cli.output import Column, print_line, print_list, print_record
from counterseal.surfaces.cli.session import MAXIMUM_FILE_BYTES, Session, local_actor, read_file

if TYPE_CHECKING:
    from counterseal.domain.certificate import HeldCertificate
    from counterseal.engine.ports import Ports

certificate: Final = group("What a community holds of certificates.")

COLUMNS: Final[list[Column]] = [
    ("fingerprint", "fingerprint"),
    ("label", "label"),
    ("side", "side"),
    ("partner", "partner"),
    ("subject", "subject"),
    ("not_after", "ends"),
]
CertificateArgument = Annotated[str, typer.Argument(help="Fingerprint, its first 8 digits or more, or label.")]


@certificate.command("list")
def list_certificates(
    context: typer.Context,
    community: CommunityOption = "",
    side: Annotated[Side | None, typer.Option(help="Only ours, or only theirs.")] = None,
) -> None:
    """List certificates, those that end first on top."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        found = records.certificates(reader, records.community_named(reader, community), side=side)
    print_list(found, COLUMNS, as_json=session.as_json, nothing="no certificate yet")


@certificate.command("show")
def show_certificate(
    context: typer.Context,
    name: CertificateArgument,
    community: CommunityOption = "",
    pem: Annotated[bool, typer.Option("--pem", help="Print the certificate and its issuers in PEM.")] = False,
) -> None:
    """Show a certificate and where it is used."""
    from counterseal.engine.views import records

    with opened(context) as (session, ports), ports.store.read() as reader:
        of = records.community_named(reader, community)
        held = records.certificate_named(reader, of, name)
        found = records.certificate_shown(reader, of, held)
    if pem:
        print_line((held.certificate.pem + "".join(c.pem for c in held.chain)).rstrip("\n"))
        return
    print_record(found, as_json=session.as_json)


@certificate.command("generate")
def generate(
    context: typer.Context,
    common_name: Annotated[str, typer.Option(help="CN of subject and issuer.")],
    label: Annotated[str, typer.Option(help="What it is called here.")] = "",
    organisation: Annotated[str, typer.Option(help="O.")] = "",
    unit: Annotated[str, typer.Option(help="OU.")] = "",
    city: Annotated[str, typer.Option(help="L.")] = "",
    state: Annotated[str, typer.Option(help="ST.")] = "",
    country: Annotated[str, typer.Option(help="C, two letters.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address in the subject.")] = "",
    dns_name: Annotated[list[str] | None, typer.Option(help="Subject alternative name; repeat for several.")] = None,
    key: Annotated[KeyKind, typer.Option(help="Kind of key.")] = KeyKind.RSA,
    bits: Annotated[int, typer.Option(help="2048, 3072 or 4096, for RSA.")] = 3072,
    curve: Annotated[str, typer.Option(help="secp256r1 or secp384r1, for EC.")] = "secp256r1",
    digest: Annotated[str, typer.Option(help="sha256, sha384 or sha512.")] = "sha256",
    valid_days: Annotated[int, typer.Option(min=1, max=3660, help="From now on.")] = 730,
    community: CommunityOption = "",
) -> None:
    """Make a self-signed certificate; its private key stays in the vault."""
    from datetime import timedelta

    from counterseal.engine import certificates
    from counterseal.engine.ports import CertificateForm
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        now = ports.clock.now()
        with ports.store.read() as reader:
            community_id = records.community_named(reader, community).id
        form = CertificateForm(
            common_name=common_name,
            organisation=organisation,
            unit=unit,
            city=city,
            state=state,
            country=country,
            email=email,
            dns_names=tuple(dns_name or ()),
            digest=digest,
            not_before=now,
            not_after=now + timedelta(days=valid_days),
            serial=int.from_bytes(ports.entropy.octets(16), "big") >> 1,
        )
        rsa = key is KeyKind.RSA
        spec = certificates.KeySpec(kind=key.value, bits=bits if rsa else 0, curve="" if rsa else curve)
        held = certificates.generate(ports, local_actor(), community_id, form=form, key=spec, label=label)
        _print(session, ports, held)


@certificate.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="PKCS#12 or PEM with a key; with --partner: PEM, DER, P7B.")
    ],
    label: Annotated[str, typer.Option(help="What it is called here.")] = "",
    partner: Annotated[str, typer.Option(metavar="SLUG", help="It is this partner's certificate.")] = "",
    password_env: Annotated[str, typer.Option(help="Environment variable that holds the file's password.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="File whose first line is the password.")] = None,
    community: CommunityOption = "",
) -> None:
    """Bring in one of our certificates with its key, or a partner's certificate. A password that is not given is asked for
    at the terminal."""
    from counterseal.engine import certificates
    from counterseal.engine.views import records

    content = read_file(file, most=MAXIMUM_FILE_BYTES)
    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            partner_id = records.partner_named(reader, of, partner).id if partner else None
        if partner_id is not None:
            held = certificates.add_partner_certificate(ports, local_actor(), partner_id, content=content)
        else:
            password = _password(content, password_env, password_file)
            held = certificates.import_key_file(
                ports, local_actor(), of.id, content=content, password=password, label=label
            )
        _print(session, ports, held)


@certificate.command("assign")
def assign(
    context: typer.Context,
    name: CertificateArgument,
    agreement: Annotated[str, typer.Option(help="Id, their identity, or the slug of a partner with one agreement.")],
    usage: Annotated[list[Usage], typer.Option(help="What it is for; repeat for several.")],
    community: CommunityOption = "",
) -> None:
    """Put a certificate to use in an agreement at once; the former one retires."""
    from counterseal.engine import certificates
    from counterseal.engine.views import records

    with opened(context) as (session, ports):
        with ports.store.read() as reader:
            of = records.community_named(reader, community)
            agreement_id = records.agreement_named(reader, of, agreement).id
            held = records.certificate_named(reader, of, name)
        certificates.assign(
            ports,
            local_actor(),
            agreement_id,
            side=held.side,
            usages=frozenset(usage),
            fingerprint=held.fingerprint,
        )
        _print(session, ports, held)


def _password(content: bytes, variable: str, file: Path | None) -> str | None:
    """From the variable, the file or the terminal; ``None`` for a PEM file that is not encrypted."""
    import getpass
    import os
    import sys

    if variable:
        if variable not in os.environ:
            raise WrongUsage(f"the environment variable {variable} is not set")
        return os.environ[variable]
    if file is not None:
        return read_file(file, most=4096).decode("utf-8", "replace").split("\n", 1)[0].rstrip("\r")
    if b"-----BEGIN" in content and b"ENCRYPTED" not in content:
        return None
    return getpass.getpass("Password of the key file: ") if sys.stdin.isatty() else None


def _print(session: Session, ports: "Ports", held: "HeldCertificate") -> None:
    from counterseal.engine.views import records

    with ports.store.read() as reader:
        found = records.certificate_shown(reader, reader.community(held.community_id), held)
    print_record(found, as_json=session.as_json)
