"""MIME entities written by hand, octet by octet, in the shapes that peers send; nothing of ours builds them."""

import base64
from collections.abc import Sequence

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509

from counterseal.kernel.mime import Headers
from counterseal.kernel.x509 import Certificate

XML = "application/ediint-cert-exchange+xml"
P7C = "application/pkcs7-mime; smime-type=certs-only"
BOUNDARY = "----=_Part_7_42.1775984400000"

Header = tuple[str, str]


def p7c(*certificates: Certificate) -> bytes:
    """A degenerate SignedData, DER, by an independent library, in the given order."""
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


def pem(label: str, der: bytes) -> bytes:
    return b"".join(
        (f"-----BEGIN {label}-----\r\n".encode(), base64.encodebytes(der), f"-----END {label}-----\r\n".encode())
    )


def part(content: bytes, *headers: Header) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + b"\r\n" + content


def xml_part(xml: bytes, content_id: str | None = "<root@alpha.example>", *more: Header, kind: str = XML) -> bytes:
    return part(xml, ("Content-Type", kind), *([("Content-ID", content_id)] if content_id is not None else []), *more)


def p7c_part(content: bytes, content_id: str | None, *more: Header, kind: str = P7C) -> bytes:
    return part(
        content, ("Content-Type", kind), *([("Content-ID", content_id)] if content_id is not None else []), *more
    )


def multipart(
    *parts: bytes, kind: str = f'multipart/related; type="{XML}"', boundary: str = BOUNDARY
) -> tuple[Headers, bytes]:
    mark = boundary.encode()
    body = b"".join(b"--" + mark + b"\r\n" + one + b"\r\n" for one in parts) + b"--" + mark + b"--\r\n"
    return Headers((("Content-Type", f'{kind}; boundary="{boundary}"'),)), body


def nested(inner: tuple[Headers, bytes], *siblings: bytes, kind: str = "multipart/mixed") -> tuple[Headers, bytes]:
    headers, body = inner
    return multipart(headers.encode() + body, *siblings, kind=kind, boundary=f"outer-{len(body)}")


def whole(entity: tuple[Headers, bytes]) -> bytes:
    headers, body = entity
    return headers.encode() + body


def certificates_of(chain: Sequence[Certificate]) -> set[str]:
    return {one.subject for one in chain}
