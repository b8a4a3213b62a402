"""Writing EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083)."""

from collections.abc import Callable, Iterator
from typing import Final

from counterseal.protocols.cms import algorithms, envelope, tlv
from counterseal.protocols.cms.content_ciphers import STEP_BYTES, Encryptor, encryptor
from counterseal.protocols.cms.limits import Chunk, Chunks
from counterseal.protocols.cms.plans import ContentCipher, EncryptionPlan
from counterseal.protocols.cms.recipients import build_recipient
from counterseal.protocols.cms.segments import segmented
from counterseal.protocols.cms.sign import ContentSizeDiffers

TAG_BYTES: Final = algorithms.WRITTEN_TAG_BYTES


def encrypt(
    content: Chunks, plan: EncryptionPlan, *, entropy: Callable[[int], bytes], size: int | None
) -> Iterator[Chunk]:
    """A ContentInfo with the encrypted content, in chunks. ``entropy(n)`` gives n random octets (content key, IV, ephemeral
    keys; the padding of an RSA-encrypted key comes from OpenSSL itself). ``size`` is the exact length of the content:
    definite lengths (DER); ``None``: BER indefinite. Raises ``CallerFault`` where the content has another length."""
    key = entropy(plan.cipher.key_bytes)
    nonce = entropy(_nonce_bytes(plan.cipher))
    recipients = [build_recipient(recipient, key, plan.transport, entropy) for recipient in plan.recipients]
    front = _version(plan, recipients) + tlv.set_of(*recipients)
    cipher = encryptor(plan.cipher, key, nonce)
    ciphertext = _ciphertext(content, plan, cipher, size)
    kind = _kind(plan)
    inner = tlv.oid(envelope.DATA) + algorithms.cipher_algorithm(plan.cipher, nonce)
    if size is not None:
        yield _definite_head(plan, front, inner, size)
        yield from ciphertext
        if plan.authenticated:
            yield tlv.octet_string(cipher.tag)
        return
    yield envelope.indefinite_head(kind) + front + b"\x30\x80" + inner + b"\xa0\x80"
    yield from segmented(ciphertext)
    mac = tlv.octet_string(cipher.tag) if plan.authenticated else b""
    yield tlv.END_OF_CONTENTS * 2 + mac + tlv.END_OF_CONTENTS * 3


def encrypted_size(size: int, plan: EncryptionPlan) -> int:
    """How many octets ``encrypt`` gives for content of ``size``. It costs as much as encrypting to the recipients: their
    part is made once for its length."""
    key = bytes(plan.cipher.key_bytes)
    recipients = [build_recipient(r, key, plan.transport, lambda count: b"\x01" * count) for r in plan.recipients]
    front = _version(plan, recipients) + tlv.set_of(*recipients)
    inner = tlv.oid(envelope.DATA) + algorithms.cipher_algorithm(plan.cipher, bytes(_nonce_bytes(plan.cipher)))
    tail = 2 + TAG_BYTES if plan.authenticated else 0
    return len(_definite_head(plan, front, inner, size)) + _ciphertext_size(plan, size) + tail


def _kind(plan: EncryptionPlan) -> str:
    return envelope.AUTH_ENVELOPED_DATA if plan.authenticated else envelope.ENVELOPED_DATA


def _version(plan: EncryptionPlan, recipients: list[bytes]) -> bytes:
    """RFC 5652 6.1: 2 where a recipient is not version 0 (key agreement is 3); RFC 5083 2.1: always 0."""
    agreed = any(recipient[0] != tlv.SEQUENCE for recipient in recipients)
    return tlv.integer(2 if agreed and not plan.authenticated else 0)


def _nonce_bytes(cipher: ContentCipher) -> int:
    return 12 if cipher.mode == "gcm" else 8 if cipher is ContentCipher.TRIPLE_DES_CBC else 16


def _ciphertext_size(plan: EncryptionPlan, size: int) -> int:
    if plan.cipher.mode == "gcm":
        return size if plan.authenticated else size + TAG_BYTES
    block = _nonce_bytes(plan.cipher)
    return (size // block + 1) * block


def _definite_head(plan: EncryptionPlan, front: bytes, inner: bytes, size: int) -> bytes:
    encrypted = _ciphertext_size(plan, size)
    octets = tlv.header(0x80, encrypted)
    start = front + tlv.header(tlv.SEQUENCE, len(inner) + len(octets) + encrypted) + inner + octets
    tail = 2 + TAG_BYTES if plan.authenticated else 0
    return envelope.definite_head(_kind(plan), len(start) + encrypted + tail) + start


def _ciphertext(content: Chunks, plan: EncryptionPlan, cipher: Encryptor, size: int | None) -> Iterator[Chunk]:
    buffer = memoryview(bytearray(STEP_BYTES + 32))
    count = 0
    for chunk in content:
        count += len(chunk)
        if size is not None and count > size:
            break
        view = memoryview(chunk)
        for start in range(0, len(view), STEP_BYTES):
            if produced := cipher.update_into(view[start : start + STEP_BYTES], buffer):
                yield buffer[:produced]
    if size is not None and count != size:
        raise ContentSizeDiffers(f"the content was announced with {size} bytes and has another length")
    last = cipher.finish(count)
    if plan.cipher.mode == "gcm" and not plan.authenticated:
        last += cipher.tag
    if last:
        yield last
