"""The signature part of a multipart/signed: read within limits, checked against digests already taken."""

from collections.abc import Mapping, Sequence
from typing import Final

from counterseal.kernel.errors import PeerFault
from counterseal.kernel.keys import Digest
from counterseal.kernel.mime import Chunks, open_entity
from counterseal.kernel.x509 import Certificate
from counterseal.protocols import cms
from counterseal.protocols.as2.errors import NeedsDigest
from counterseal.protocols.as2.headers import content_type_of
from counterseal.protocols.as2.leniency import Leniency
from counterseal.protocols.as2.limits import Limits
from counterseal.protocols.as2.streams import gather
from counterseal.protocols.as2.transfer import decoded_cms

SIGNATURE_TYPES: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})


def read_signature(part: Chunks, *, limits: Limits, leniencies: set[Leniency]) -> bytes:
    """The CMS octets of a signature part, out of whatever transfer encoding."""
    entity = open_entity(part, limits=limits.mime)
    if content_type_of(entity.headers, leniencies).media_type not in SIGNATURE_TYPES:
        leniencies.add(Leniency.SIGNATURE_TYPE_UNUSUAL)
    octets = decoded_cms(entity.headers, entity.body, leniencies)
    return gather(octets, limits.max_signature_bytes, "a signature")


def embedded_certificates(signature: bytes, *, limits: Limits) -> tuple[bytes, ...]:
    """The certificates in ``signature``, for showing; none where they cannot be read."""
    try:
        return cms.read_certs_only(signature, limits=limits.cms)
    except PeerFault:
        return ()


def verify(
    signature: bytes, digests: Mapping[Digest, bytes], *, candidates: Sequence[Certificate], limits: Limits
) -> cms.Signed:
    """As ``cms.verify_detached``. Raises ``NeedsDigest`` too, where ``digests`` lacks one that the signature uses."""
    missing = cms.signature_digests(signature, limits=limits.cms) - digests.keys()
    if missing:
        raise NeedsDigest(missing)
    return cms.verify_detached(signature, digests, candidates=candidates, limits=limits.cms)
