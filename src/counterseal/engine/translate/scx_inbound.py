"""Between the SCX files that partners send and our words: which type, which certificate, what SFIDDESC names as replaced."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from counterseal.domain.channel import SCXType
from counterseal.kernel.finding import Finding, Severity
from counterseal.kernel.ids import Fingerprint
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.scx import files
from counterseal.protocols.scx.errors import SCXFault
from counterseal.protocols.scx.limits import USUAL_LIMITS
from counterseal.protocols.scx.logical_id import names_logically, names_physically, read_clid
from counterseal.protocols.scx.offer import Form, read_payload

READ_AT_MOST: Final = USUAL_LIMITS.max_payload_bytes + 1
"""Octets of a file that are worth reading: one more than it may have shows that it is too large."""
CONTENT_TYPE: Final = "application/pkix-cert"
_TYPES: Final = {
    files.SCXType.REQUEST: SCXType.REQUEST,
    files.SCXType.DELIVER: SCXType.DELIVER,
    files.SCXType.REPLACE: SCXType.REPLACE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a certificate file holds."""

    leaf: Certificate | None
    """``None``: no certificate could be taken out of it."""
    chain: tuple[Certificate, ...]
    problem: str
    """What is wrong with the file, as the partner may read it; empty: nothing."""
    findings: tuple[Finding, ...]


def type_of(dataset_name: str) -> SCXType | None:
    """What a certificate file of this name says; ``None``: it is a business file (SCX-1)."""
    found = files.scx_type(dataset_name)
    return _TYPES[found] if found is not None else None


def read(octets: bytes, subject: str, *, size: int) -> Content:
    """The one certificate of a file (SCX-4, SCX-5). ``size`` is the file's, ``octets`` as much of it as is worth reading;
    ``subject`` names the file in findings."""
    if size > USUAL_LIMITS.max_payload_bytes:
        problem = f"The file has {size} octets. Send one certificate in DER: {USUAL_LIMITS.max_payload_bytes} are read."
        return _unreadable("scx.too-large", problem, subject)
    if not octets:
        return _unreadable("scx.not-a-certificate", "The file is empty. Send one certificate in DER.", subject)
    try:
        payload = read_payload(octets, USUAL_LIMITS, zip_allowed=False)
    except SCXFault as fault:
        return _unreadable(fault.code, f"{fault.detail[:1].upper()}{fault.detail[1:]}.", subject)
    return Content(
        leaf=payload.leaf, chain=payload.chain, problem="", findings=_lenient(payload.forms - {Form.SURPLUS}, subject)
    )


def _unreadable(code: str, problem: str, subject: str) -> Content:
    finding = Finding(code=code, severity=Severity.REFUSAL, subject=subject, text=problem)
    return Content(leaf=None, chain=(), problem=problem, findings=(finding,))


def _lenient(forms: Iterable[Form], subject: str) -> tuple[Finding, ...]:
    named = ", ".join(sorted(forms))
    if not named:
        return ()
    text = f"The certificate came as {named}; the standard asks for plain DER. It was read all the same."
    return (Finding(code="scx.unusual-form", severity=Severity.NOTE, subject=subject, text=text),)


def named_by(description: str, certificates: Iterable[Certificate]) -> frozenset[Fingerprint]:
    """Those of ``certificates`` that the CLID in SFIDDESC names: by issuer and serial, else by owner and purpose (SCX-18).
    Empty where SFIDDESC is no CLID."""
    clid = read_clid(description)
    if clid is None:
        return frozenset()
    known = tuple(certificates)
    physically = frozenset(c.fingerprint for c in known if names_physically(clid, c))
    return physically or frozenset(c.fingerprint for c in known if names_logically(clid, c))


def has_clid(description: str) -> bool:
    return read_clid(description) is not None


def reason_text(text: str) -> str:
    """As much of a reason as NERPREAST takes (SCX-8)."""
    return files.reason_text(text)
