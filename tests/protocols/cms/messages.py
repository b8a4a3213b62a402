"""Content, plans and complete messages for the CMS tests."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator

from counterseal.kernel.keys import Digest, KeyKind, KeyTransport, SignatureScheme
from counterseal.protocols.cms import (
    DEFAULT_LIMITS,
    Chunks,
    ContentCipher,
    EncryptionPlan,
    Limits,
    Signed,
    SigningPlan,
    compress,
    decompress,
    decrypt,
    encrypt,
    open_signed,
    sign_attached,
    sign_detached,
)
from tests.protocols.cms.keys import NOW, HeldKey, rsa_holder

TEXT = b"UNA:+.? 'UNB+UNOC:3+ALPHA+BRAVO+261125:1200+1'" * 40
LARGE = bytes(range(256)) * 700  # 179,200 octets: several segments and several cipher steps

CBC = [cipher for cipher in ContentCipher if cipher.mode == "cbc"]
GCM = [cipher for cipher in ContentCipher if cipher.mode == "gcm"]
CCM = [cipher for cipher in ContentCipher if cipher.mode == "ccm"]
DIGESTS = [Digest.SHA1, Digest.SHA256, Digest.SHA384, Digest.SHA512]
RSA_TRANSPORTS = [transport for transport in KeyTransport if transport is not KeyTransport.ECDH]


def hash_name(digest: Digest) -> str:
    return digest.value.replace("-", "")


def digest_of(content: bytes, digest: Digest = Digest.SHA256) -> bytes:
    return hashlib.new(hash_name(digest), content).digest()


def pieces(content: bytes, size: int = 10_000) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def whole(chunks: Chunks) -> bytes:
    return b"".join(bytes(chunk) for chunk in chunks)


def signing(
    holder: HeldKey | None = None,
    *,
    digest: Digest = Digest.SHA256,
    scheme: SignatureScheme | None = None,
    certificates: tuple[bytes, ...] = (),
    capabilities: tuple[ContentCipher, ...] = (),
) -> SigningPlan:
    holder = holder or rsa_holder()
    usual = SignatureScheme.RSA_PKCS1 if holder.kind is KeyKind.RSA else SignatureScheme.ECDSA
    return SigningPlan(
        signer=holder,
        digest=digest,
        scheme=scheme or usual,
        certificates=certificates,
        signing_time=NOW,
        allow_sha1=True,
        capabilities=capabilities,
    )


def encrypting(
    *holders: HeldKey,
    cipher: ContentCipher = ContentCipher.AES_256_CBC,
    transport: KeyTransport = KeyTransport.RSA_PKCS1,
    authenticated: bool = False,
) -> EncryptionPlan:
    return EncryptionPlan(
        recipients=tuple(holder.certificate for holder in holders or (rsa_holder(),)),
        transport=transport,
        cipher=cipher,
        authenticated=authenticated,
        allow_legacy=True,
    )


def detached(content: bytes = TEXT, plan: SigningPlan | None = None) -> bytes:
    plan = plan or signing()
    return sign_detached(digest_of(content, plan.digest), plan)


def attached(content: bytes = TEXT, plan: SigningPlan | None = None, *, definite: bool = True) -> bytes:
    return whole(sign_attached(pieces(content), plan or signing(), size=len(content) if definite else None))


def encrypted(content: bytes = TEXT, plan: EncryptionPlan | None = None, *, definite: bool = True) -> bytes:
    size = len(content) if definite else None
    return whole(encrypt(pieces(content), plan or encrypting(), entropy=secrets.token_bytes, size=size))


def compressed(content: bytes = TEXT) -> bytes:
    return whole(compress(pieces(content), level=1))


def read_signed(message: Chunks, *holders: HeldKey, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, Signed]:
    stream = open_signed(message, limits=limits)
    content = whole(stream.chunks())
    return content, stream.verify([holder.certificate for holder in holders or (rsa_holder(),)])


def read_encrypted(message: Chunks, *holders: HeldKey, limits: Limits = DEFAULT_LIMITS) -> bytes:
    return whole(decrypt(message, holders or (rsa_holder(),), limits=limits).chunks())


def read_compressed(message: Iterable[bytes], *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    return whole(decompress(message, limits=limits))
