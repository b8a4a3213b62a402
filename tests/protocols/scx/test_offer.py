"""What a certificate file may hold: one certificate, in whatever wrapping products use."""

import base64
import io
import zipfile
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from fuzz import scx as target
from hypothesis import given
from hypothesis import strategies as st

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx import errors
from counterseal.protocols.scx.limits import USUAL_LIMITS
from counterseal.protocols.scx.offer import Form, Payload, build_payload, read_payload
from tests.protocols.scx.minting import certificate, key

ROOT = certificate("CA", issuer=None, number=90, usage="CS", purposes=None, ca=True)
LEAF = certificate()
OTHER = certificate("A3", number=1)
SELF = certificate("A1", issuer=None, ca=True)


def read(octets: bytes, *, zip_allowed: bool = False) -> Payload:
    return read_payload(octets, USUAL_LIMITS, zip_allowed=zip_allowed)


def pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


def p7c(*certificates: Certificate) -> bytes:
    signed = asn1_cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data"},
            "certificates": [
                asn1_cms.CertificateChoices("certificate", asn1_x509.Certificate.load(one.der)) for one in certificates
            ],
            "signer_infos": [],
        }
    )
    der: bytes = asn1_cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return der


def signed(content: bytes, *, number: int = 0) -> bytes:
    """As a product that signs its certificate files although it should not, here with the very new key."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(LEAF.load(), key(number), hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def zipped(*files: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", method) as archive:
        for number, content in enumerate(files):
            archive.writestr(f"../../{number}.der", content)
    return octets.getvalue()


def test_we_send_der_and_nothing_else() -> None:
    """SCX-4."""
    assert build_payload(LEAF) == LEAF.der
    assert read(build_payload(LEAF)) == Payload(leaf=LEAF, chain=(), forms=frozenset())


READ: dict[str, tuple[bytes, set[Form], tuple[Certificate, ...]]] = {
    "DER": (LEAF.der, set(), ()),
    "DER with a line end": (LEAF.der + b"\r\n", set(), ()),
    "DER with octets behind": (LEAF.der + b"padding", {Form.SURPLUS}, ()),
    "PEM": (pem("CERTIFICATE", LEAF.der), {Form.PEM}, ()),
    "PEM with CRLF and text in front": (
        b"subject=A0\r\n" + pem("CERTIFICATE", LEAF.der).replace(b"\n", b"\r\n"),
        {Form.PEM},
        (),
    ),
    "PEM with its issuer": (pem("CERTIFICATE", ROOT.der) + pem("CERTIFICATE", LEAF.der), {Form.PEM}, (ROOT,)),
    "PEM of a CMS message": (pem("PKCS7", p7c(LEAF)), {Form.PEM, Form.CERTS_ONLY}, ()),
    "base64": (base64.encodebytes(LEAF.der), {Form.BASE64}, ()),
    "base64 of a CMS message": (base64.b64encode(p7c(LEAF)), {Form.BASE64, Form.CERTS_ONLY}, ()),
    "certs-only": (p7c(LEAF), {Form.CERTS_ONLY}, ()),
    "certs-only with chain": (p7c(ROOT, LEAF), {Form.CERTS_ONLY}, (ROOT,)),
    "the same certificate twice": (p7c(LEAF, LEAF), {Form.CERTS_ONLY}, ()),
    "signed with the new key": (signed(LEAF.der), {Form.SIGNED}, ()),
    "signed, and the signature does not hold": (signed(LEAF.der, number=7), {Form.SIGNED}, ()),
    "signed PEM": (signed(pem("CERTIFICATE", LEAF.der)), {Form.SIGNED, Form.PEM}, ()),
    "signed twice": (signed(signed(LEAF.der)), {Form.SIGNED}, ()),
}


@pytest.mark.parametrize(("octets", "forms", "chain"), READ.values(), ids=READ.keys())
def test_certificate_is_read(octets: bytes, forms: set[Form], chain: tuple[Certificate, ...]) -> None:
    """SCX-5, C.14."""
    assert read(octets) == Payload(leaf=LEAF, chain=chain, forms=frozenset(forms))


def test_signer_of_a_signed_file_is_not_what_it_offers() -> None:
    """C.14: unwrap, ignore the signature, judge the certificate on its own."""
    assert read(signed(OTHER.der)).leaf == OTHER


def test_self_signed_ca_certificate_alone_is_read() -> None:
    """Whether a CA certificate is taken is the policy's decision (6.8)."""
    assert read(SELF.der).leaf == SELF


ZIPS = {
    "DER": (zipped(LEAF.der), set[Form]()),
    "DER and PEM of one certificate": (zipped(LEAF.der, pem("CERTIFICATE", LEAF.der)), {Form.PEM}),
    "stored": (zipped(LEAF.der, method=zipfile.ZIP_STORED), set[Form]()),
    "with its issuer": (zipped(LEAF.der, ROOT.der), set[Form]()),
}


@pytest.mark.parametrize(("octets", "forms"), ZIPS.values(), ids=ZIPS.keys())
def test_zip_is_read_where_it_is_allowed(octets: bytes, forms: set[Form]) -> None:
    """SCX-5: opt-in."""
    found = read(octets, zip_allowed=True)
    assert (found.leaf, set(found.forms)) == (LEAF, forms | {Form.ZIP})


@pytest.mark.parametrize("octets", [octets for octets, _ in ZIPS.values()], ids=ZIPS.keys())
def test_zip_is_refused_where_it_is_not_allowed(octets: bytes) -> None:
    with pytest.raises(errors.ZipNotAllowed):
        read(octets)


KEY = key(0)
REFUSED: dict[str, tuple[bytes, type[errors.SCXFault]]] = {
    "empty": (b"", errors.NotACertificate),
    "EDIFACT": (b"UNA:+.? 'UNB+UNOA:1", errors.NotACertificate),
    "cut off": (LEAF.der[:-10], errors.NotACertificate),
    "CMS cut off": (p7c(LEAF)[:-10], errors.NotACertificate),
    "PEM that is damaged": (pem("CERTIFICATE", LEAF.der[:-10]), errors.NotACertificate),
    "PEM whose base64 is damaged": (
        b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----",
        errors.NotACertificate,
    ),
    "base64 that is damaged": (b"MIIB=AAA", errors.NotACertificate),
    "PEM of something else": (pem("X509 CRL", LEAF.der), errors.NoLeaf),
    "CMS without certificate": (p7c(), errors.NoLeaf),
    "two certificates": (p7c(LEAF, OTHER), errors.SeveralLeaves),
    "two certificates as PEM": (pem("CERTIFICATE", LEAF.der) + pem("CERTIFICATE", OTHER.der), errors.SeveralLeaves),
    "two self-signed certificates": (
        p7c(SELF, certificate("A2", issuer=None, number=2, ca=True)),
        errors.SeveralLeaves,
    ),
    "private key": (
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        errors.PrivateKeyReceived,
    ),
    "private key, SEC 1": (
        KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        errors.PrivateKeyReceived,
    ),
    "private key as PEM beside the certificate": (
        pem("CERTIFICATE", LEAF.der) + KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        errors.PrivateKeyReceived,
    ),
    "PKCS#12": (
        pkcs12.serialize_key_and_certificates(b"a", KEY, LEAF.load(), None, BestAvailableEncryption(b"pw")),
        errors.PrivateKeyReceived,
    ),
    "PKCS#12 as base64": (
        base64.b64encode(
            pkcs12.serialize_key_and_certificates(b"a", KEY, LEAF.load(), None, BestAvailableEncryption(b"pw"))
        ),
        errors.PrivateKeyReceived,
    ),
    "signed four times": (signed(signed(signed(signed(LEAF.der)))), errors.NotACertificate),
    "1 MB": (LEAF.der + b"\0" * 1_000_000, errors.TooLarge),
    "17 certificates as PEM": (
        b"".join(pem("CERTIFICATE", certificate(f"A{n}").der) for n in range(17)),
        errors.TooLarge,
    ),
    "17 certificates as CMS": (p7c(*(certificate(f"A{n}") for n in range(17))), errors.NotACertificate),
}


@pytest.mark.parametrize(("octets", "fault"), REFUSED.values(), ids=REFUSED.keys())
def test_other_content_is_refused(octets: bytes, fault: type[errors.SCXFault]) -> None:
    """SCX-4, SCX-5: taken with EFPA, then NERP with this detail (SCX-6, SCX-8)."""
    with pytest.raises(fault) as caught:
        read(octets)
    assert 0 < len(caught.value.detail.encode()) <= 999


BAD_ZIPS: dict[str, tuple[bytes, type[errors.SCXFault]]] = {
    "bomb": (zipped(b"\0" * 50_000_000), errors.TooLarge),
    "many files": (zipped(*[b"x"] * 17), errors.TooLarge),
    "damaged": (zipped(LEAF.der)[:200] + b"\0" * 20 + zipped(LEAF.der)[220:], errors.NotACertificate),
    "cut off": (zipped(LEAF.der)[:-30], errors.NotACertificate),
    "header alone": (b"PK\x03\x04", errors.NotACertificate),
    "empty": (zipped()[:0] + b"PK\x03\x04" + zipped(), errors.NoLeaf),
    "two certificates": (zipped(LEAF.der, OTHER.der), errors.SeveralLeaves),
    "a key inside": (
        zipped(LEAF.der, KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())),
        errors.PrivateKeyReceived,
    ),
    "another compression": (zipped(LEAF.der, method=zipfile.ZIP_LZMA), errors.NotACertificate),
    "a zip in a zip": (zipped(zipped(LEAF.der)), errors.NotACertificate),
    "encrypted": (
        zipped(LEAF.der).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
        errors.NotACertificate,
    ),
}


@pytest.mark.parametrize(("octets", "fault"), BAD_ZIPS.values(), ids=BAD_ZIPS.keys())
def test_hostile_zip_is_refused(octets: bytes, fault: type[errors.SCXFault]) -> None:
    with pytest.raises(fault):
        read(octets, zip_allowed=True)


def test_every_fault_has_its_own_code() -> None:
    faults = errors.SCXFault.__subclasses__()
    codes = {fault.code for fault in faults}
    assert len(codes) == len(faults)
    assert all(code.startswith("scx.") for code in codes)


SEEDS = [octets for octets, *_ in READ.values()] + [octets for octets, _ in ZIPS.values()]


@given(st.binary(max_size=200), st.booleans())
def test_garbage_raises_peer_faults_only(noise: bytes, zip_allowed: bool) -> None:
    with pytest.raises(PeerFault):
        read(noise, zip_allowed=zip_allowed)


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3), st.binary(max_size=4)), max_size=4),
)
def test_the_fuzz_target_holds_for_damaged_files(seed: bytes, hits: list[tuple[int, int, bytes]]) -> None:
    octets = bytearray(seed)
    for at, length, piece in hits:
        octets[at : at + length] = piece
    target.fuzz(b"f" + octets)


def test_the_fuzz_target_has_seeds_of_its_own() -> None:
    for number, seed in enumerate(target.seeds()):
        target.fuzz(seed)
        target.fuzz(seed[:1] + target.damage(seed[1:], number))
    assert Path(target.__file__).name == "scx.py"
