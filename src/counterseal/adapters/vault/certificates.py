"""Self-signed certificates and PKCS#10 requests from what a person has filled in."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterseal.adapters.vault.keys import PrivateKey
from counterseal.engine.ports import CertificateForm
from counterseal.kernel.errors import CallerFault
from counterseal.kernel.x509 import KeyUsageBit


class InvalidForm(CallerFault):
    """A field of the certificate form that X.509 does not allow; the sentence names it."""

    code = "vault.invalid-form"


_LABEL: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
"""The preferred name syntax of RFC 1034 3.5, as RFC 5280 4.2.1.6 demands it, a wildcard in front (RFC 6125 6.4.3), and the
underscores that some hosts have."""

_DIGESTS: Final[dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
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


def self_signed(key: PrivateKey, form: CertificateForm) -> bytes:
    """The certificate, DER: RFC 5280 version 3 with key identifiers. Raises ``InvalidForm``."""
    if form.not_after <= form.not_before:
        raise InvalidForm("the certificate would end before it begins")
    if not 0 < form.serial < 1 << 159:
        raise InvalidForm("the serial number must be positive and at most 20 octets long (RFC 5280 4.1.2.2)")
    subject = _subject(form)
    public = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(form.serial)
        .not_valid_before(form.not_before.replace(microsecond=0))
        .not_valid_after(form.not_after.replace(microsecond=0))
    )
    for extension, critical in _extensions(form):
        builder = builder.add_extension(extension, critical=critical)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    return builder.sign(key, _digest(form)).public_bytes(Encoding.DER)


def signing_request(key: PrivateKey, form: CertificateForm) -> bytes:
    """The PKCS#10 request, DER, asking for the same extensions. Raises ``InvalidForm``."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(form))
    for extension, critical in _extensions(form):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, _digest(form)).public_bytes(Encoding.DER)


def _digest(form: CertificateForm) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    try:
        return _DIGESTS[form.digest]
    except KeyError:
        raise InvalidForm(f"the digest {form.digest!r} is not one of {', '.join(_DIGESTS)}") from None


def _subject(form: CertificateForm) -> x509.Name:
    """From the general to the particular, as most certificates have it; the e-mail address stands in the alternative names
    only (RFC 5280 4.1.2.6)."""
    if not form.common_name.strip():
        raise InvalidForm("the common name is empty")
    fields = (
        ("country", NameOID.COUNTRY_NAME, form.country.upper()),
        ("state", NameOID.STATE_OR_PROVINCE_NAME, form.state),
        ("city", NameOID.LOCALITY_NAME, form.city),
        ("organisation", NameOID.ORGANIZATION_NAME, form.organisation),
        ("unit", NameOID.ORGANIZATIONAL_UNIT_NAME, form.unit),
        ("common name", NameOID.COMMON_NAME, form.common_name),
    )
    attributes = []
    for name, oid, text in fields:
        if text.strip():
            try:
                attributes.append(x509.NameAttribute(oid, text.strip()))
            except ValueError as error:
                raise InvalidForm(f"the {name} {text!r} does not fit into a certificate: {error}") from error
    return x509.Name(attributes)


def _extensions(form: CertificateForm) -> list[tuple[x509.ExtensionType, bool]]:
    basic = x509.BasicConstraints(ca=form.is_ca, path_length=None)
    found: list[tuple[x509.ExtensionType, bool]] = [(basic, True)]
    if form.key_usage:
        found.append((_key_usage(form.key_usage), True))
    if form.extended_key_usage:
        found.append((_purposes(form.extended_key_usage), False))
    names = _alternative_names(form)
    if names:
        found.append((x509.SubjectAlternativeName(names), False))
    return found


def _key_usage(wanted: Iterable[str]) -> x509.KeyUsage:
    try:
        flags = {_BITS[KeyUsageBit(name)] for name in wanted}
    except ValueError as error:
        raise InvalidForm(f"unknown key usage; expected some of {', '.join(_BITS)}") from error
    return x509.KeyUsage(**{name: name in flags for name in _BITS.values()}, encipher_only=False, decipher_only=False)


def _purposes(oids: Iterable[str]) -> x509.ExtendedKeyUsage:
    try:
        return x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids])
    except ValueError as error:
        raise InvalidForm("an extended key usage is no dotted object identifier") from error


def _alternative_names(form: CertificateForm) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for name in form.dns_names:
        if not name.isascii():
            raise InvalidForm(f"the DNS name {name!r} is not in ASCII; write it in its xn-- form")
        if len(name) > 253 or not _DNS_NAME.fullmatch(name):
            raise InvalidForm(f"{name[:253]!r} is no DNS name; expected one such as as2.alpha.example")
        names.append(x509.DNSName(name))
    for address in form.ip_addresses:
        try:
            names.append(x509.IPAddress(ip_address(address)))
        except ValueError as error:
            raise InvalidForm(f"{address!r} is no IP address") from error
    if form.email:
        try:
            names.append(x509.RFC822Name(form.email))
        except ValueError as error:
            raise InvalidForm(f"the e-mail address {form.email!r} is not in ASCII") from error
    return names
