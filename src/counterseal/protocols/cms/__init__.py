"""Streaming CMS (RFC 5652, 5083, 3274): writes DER or BER, reads both, never holds the content.

Content goes in and comes out as chunks; a yielded chunk is valid only until the next one is asked for. Everything that
reads takes ``Limits`` and raises the faults of ``errors``; nothing read is to be trusted before the iterator ended by itself
and, for signed content, before ``verify`` returned.
"""

from counterseal.protocols.cms.certs import certs_only, read_certs_only
from counterseal.protocols.cms.compress import compress, decompress
from counterseal.protocols.cms.decrypt import DecryptedStream, decrypt
from counterseal.protocols.cms.encrypt import encrypt, encrypted_size
from counterseal.protocols.cms.errors import (
    CMSFault,
    DecompressionFailed,
    DecryptionFailed,
    LimitExceeded,
    Malformed,
    NoSigner,
    SignatureInvalid,
    SignerUnknown,
    UnsupportedAlgorithm,
)
from counterseal.protocols.cms.kind import ContentKind, content_kind
from counterseal.protocols.cms.limits import DEFAULT_LIMITS, Chunk, Chunks, Limits
from counterseal.protocols.cms.plans import ContentCipher, EncryptionPlan, SigningPlan, UnfitPlan
from counterseal.protocols.cms.sign import ContentSizeDiffers, sign_attached, sign_detached, signed_size
from counterseal.protocols.cms.signatures import Signed, VerifiedSigner
from counterseal.protocols.cms.signer_info import SignerId
from counterseal.protocols.cms.verify import SignedStream, open_signed, signature_digests, verify_detached

__all__ = [
    "DEFAULT_LIMITS",
    "CMSFault",
    "Chunk",
    "Chunks",
    "ContentCipher",
    "ContentKind",
    "ContentSizeDiffers",
    "DecompressionFailed",
    "DecryptedStream",
    "DecryptionFailed",
    "EncryptionPlan",
    "LimitExceeded",
    "Limits",
    "Malformed",
    "NoSigner",
    "SignatureInvalid",
    "Signed",
    "SignedStream",
    "SignerId",
    "SignerUnknown",
    "SigningPlan",
    "UnfitPlan",
    "UnsupportedAlgorithm",
    "VerifiedSigner",
    "certs_only",
    "compress",
    "content_kind",
    "decompress",
    "decrypt",
    "encrypt",
    "encrypted_size",
    "open_signed",
    "read_certs_only",
    "sign_attached",
    "sign_detached",
    "signature_digests",
    "signed_size",
    "verify_detached",
]
