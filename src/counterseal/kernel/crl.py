"""A certificate revocation list as a value: whose it is, how old, and whether it names a certificate (RFC 5280 section 5)."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.x509 import Certificate

MAX_OCTETS: Final = 5 * 1024 * 1024
_DAMAGED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for lists that it cannot read."""


class UnreadableList(CallerFault):
    """No revocation list that can be used; the sentence says why."""

    code = "x509.unreadable-revocation-list"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    der: bytes = field(repr=False)
    issued_at: datetime
    """thisUpdate: how old its facts are counts from here."""
    serials: frozenset[int] = field(repr=False)
    _issuer: x509.Name = field(repr=False, compare=False)
    _parsed: x509.CertificateRevocationList = field(repr=False, compare=False)

    @classmethod
    def parse(cls, octets: bytes) -> "RevocationList":
        """Out of DER or PEM. Raises ``UnreadableList``, also for lists that tell only a part: delta and indirect ones."""
        if len(octets) > MAX_OCTETS:
            raise UnreadableList(f"the list has {len(octets)} octets; at most {MAX_OCTETS} are read")
        return _parse(octets)

    def issued_by(self, issuer: Certificate) -> bool:
        """Whether this CA made it: name and signature."""
        loaded = issuer.load()
        try:
            key = loaded.public_key()
            if loaded.subject != self._issuer or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                return False
            return self._parsed.is_signature_valid(key)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            return False


@lru_cache(maxsize=64)
def _parse(octets: bytes) -> RevocationList:
    try:
        pem = octets.lstrip().startswith(b"-----BEGIN X509 CRL")
        parsed = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
        _refuse_parts(parsed)
        return RevocationList(
            der=parsed.public_bytes(Encoding.DER),
            issued_at=parsed.last_update_utc,
            serials=frozenset(entry.serial_number for entry in parsed),
            _issuer=parsed.issuer,
            _parsed=parsed,
        )
    except _DAMAGED as error:
        raise UnreadableList("the file is no certificate revocation list in DER or PEM") from error


def _refuse_parts(parsed: x509.CertificateRevocationList) -> None:
    for extension in parsed.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            raise UnreadableList("the list is a delta: it tells changes only. Take the complete one")
        if isinstance(value, x509.IssuingDistributionPoint) and (value.indirect_crl or value.only_some_reasons):
            raise UnreadableList("the list tells only a part of its issuer's revocations. Take the complete one")
