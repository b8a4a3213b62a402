"""Deciding which signers of a SignedData hold, from its SignerInfos and the digests of its content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from counterseal.kernel.errors import CallerFault
from counterseal.kernel.keys import Digest, SignatureScheme
from counterseal.kernel.x509 import Certificate
from counterseal.protocols.cms import algorithms, envelope
from counterseal.protocols.cms.errors import NoSigner, SignatureInvalid, SignerUnknown, UnsupportedAlgorithm
from counterseal.protocols.cms.identity import Identity, PublicKey, identity_of, public_key
from counterseal.protocols.cms.signer_info import SignerId, SignerInfo, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSigner:
    """A candidate whose signature over the content holds."""

    certificate: Certificate
    digest: Digest
    """``SHA1`` is verified; whether it is good enough is the caller's policy."""
    scheme: SignatureScheme
    signing_time: datetime | None
    """What the signer claims; aware UTC."""
    with_attributes: bool
    """Whether signed attributes were present (they bind the content type)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A verified SignedData."""

    signers: tuple[VerifiedSigner, ...]
    """At least one."""
    unknown: tuple[SignerId, ...]
    """Signers that no candidate fits, or whose algorithms are not read here: they prove nothing."""
    certificates: tuple[bytes, ...]
    """Embedded, DER as sent, in their order: offered, never trusted by themselves."""


def judge(
    infos: Sequence[SignerInfo],
    digests: Mapping[Digest, bytes],
    *,
    content_type: str,
    candidates: Sequence[Certificate],
    certificates: tuple[bytes, ...],
) -> Signed:
    """The verified signers. A signature of a known signer that does not hold condemns the message, even beside one that
    does: somebody's content was changed. Several signers ease a changeover, so unknown ones are only listed."""
    if not infos:
        raise NoSigner("the message has no signer")
    verified: list[VerifiedSigner] = []
    unknown: list[SignerId] = []
    unsupported: UnsupportedAlgorithm | None = None
    for info in infos:
        fitting = [c for c in candidates if info.signer.names(c.der)]
        if not fitting:
            unknown.append(info.signer)
            continue
        try:
            verified.append(_verify(info, digests, content_type, fitting))
        except UnsupportedAlgorithm as fault:
            unsupported = fault
            unknown.append(info.signer)
    if verified:
        return Signed(signers=tuple(verified), unknown=tuple(unknown), certificates=certificates)
    raise unsupported or SignerUnknown("no certificate that may sign here fits the message's signer")


def _verify(
    info: SignerInfo, digests: Mapping[Digest, bytes], content_type: str, fitting: Sequence[Certificate]
) -> VerifiedSigner:
    if info.digest is None:
        raise UnsupportedAlgorithm("the signer's digest algorithm is not read")
    if info.digest not in digests:
        raise CallerFault(f"the signature needs a {info.digest} digest of the content")
    parameters = algorithms.read_signature_algorithm(info.algorithm, info.digest)
    covered = _covered(info, info.digest, digests[info.digest], content_type)
    for certificate in fitting:
        identity = identity_of(certificate.der)
        key = _fitting_key(identity, parameters.scheme)
        if key is not None and any(_holds(key, info.signature, digest, parameters) for digest in covered):
            return VerifiedSigner(
                certificate=certificate,
                digest=info.digest,
                scheme=parameters.scheme,
                signing_time=info.attributes.signing_time if info.attributes else None,
                with_attributes=info.attributes is not None,
            )
    raise SignatureInvalid("the signature does not hold for the signer's certificate")


def _covered(info: SignerInfo, digest: Digest, content_digest: bytes, content_type: str) -> tuple[bytes, ...]:
    """The digests that the signature may be over (RFC 5652 5.4)."""
    attributes = info.attributes
    if attributes is None:
        if content_type != envelope.DATA:
            raise SignatureInvalid("signed attributes are required where the content is not id-data (RFC 5652 5.3)")
        return (content_digest,)
    if attributes.content_type != content_type:
        raise SignatureInvalid("the signed content type is absent or not that of the content")
    if attributes.message_digest != content_digest:
        raise SignatureInvalid("the content is not the one that was signed")
    return tuple(digest_of(encoding, digest) for encoding in attributes.encodings)


def _fitting_key(identity: Identity, scheme: SignatureScheme) -> PublicKey | None:
    """The key, where its kind is the scheme's; a key marked RSASSA-PSS signs nothing else (RFC 4055 1.2)."""
    allowed = {
        algorithms.RSA_ENCRYPTION: (SignatureScheme.RSA_PKCS1, SignatureScheme.RSA_PSS),
        algorithms.RSASSA_PSS: (SignatureScheme.RSA_PSS,),
        algorithms.EC_PUBLIC_KEY: (SignatureScheme.ECDSA,),
    }.get(identity.key_oid, ())
    return public_key(identity.spki) if scheme in allowed else None


def _holds(key: PublicKey, signature: bytes, digest: bytes, parameters: algorithms.SignatureParameters) -> bool:
    prehashed = Prehashed(algorithms.HASHES[parameters.digest])
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, digest, _rsa_padding(parameters), prehashed)
        else:
            key.verify(signature, digest, ec.ECDSA(prehashed))
    except (InvalidSignature, ValueError):
        # ValueError: a PSS salt that is too long for the key.
        return False
    return True


def _rsa_padding(parameters: algorithms.SignatureParameters) -> padding.AsymmetricPadding:
    if parameters.scheme is SignatureScheme.RSA_PKCS1:
        return padding.PKCS1v15()
    salt = padding.PSS.AUTO if parameters.salt_bytes is None else parameters.salt_bytes
    return padding.PSS(mgf=padding.MGF1(algorithms.HASHES[parameters.mask_digest]), salt_length=salt)
